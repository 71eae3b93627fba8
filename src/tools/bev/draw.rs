//! Drawing the layout.

use image::{Rgb, RgbImage};
use nalgebra::Rotation2;

use super::{
    layout::{Cameras, Layout, RIM_PX, SIDE_PX, Station},
    thing::{Place, Shape, Thing},
};
use crate::{
    answer::canvas::{Canvas, Lettering},
    tools::overlay::color_of,
};

const WHITE: Rgb<u8> = Rgb([255, 255, 255]);
const BLACK: Rgb<u8> = Rgb([20, 20, 20]);
const GRID: Rgb<u8> = Rgb([228, 228, 228]);
const CAMERA: Rgb<u8> = Rgb([90, 90, 90]);
const REFERENCE: Rgb<u8> = Rgb([220, 30, 30]);

/// The picture.
pub fn draw(cameras: &Cameras, layout: &Layout, things: &[Thing]) -> RgbImage {
    let side = SIDE_PX as u32;
    let mut canvas = Canvas::new(side, side, WHITE);
    grid(&mut canvas, layout);
    for path in &cameras.paths {
        ego_path(&mut canvas, layout, path);
    }
    for station in &cameras.others {
        let name = format!("{} {}", station.frame.index(), station.frame.view().camera);
        wedge(&mut canvas, layout, station, CAMERA, 22.0, &name);
    }
    let reference = &cameras.reference;
    let name = format!("{} {}", reference.frame.index(), reference.frame.view().camera);
    wedge(&mut canvas, layout, reference, REFERENCE, 34.0, &name);
    for (id, thing) in things.iter().enumerate() {
        match &thing.shape {
            Shape::Still { corners_m, .. } => still(&mut canvas, layout, corners_m, Rgb(color_of(id))),
            Shape::Moving { path } => moving(&mut canvas, layout, path),
        }
    }
    for (id, thing) in things.iter().enumerate() {
        label(&mut canvas, layout, thing, Rgb(color_of(id)));
    }
    frame_words(&mut canvas, layout);
    canvas.image
}

fn grid(canvas: &mut Canvas, layout: &Layout) {
    let step_m = layout.scale_bar_m();
    let (low, high) = (RIM_PX, SIDE_PX - RIM_PX);
    let half_m = layout.span_m / 2.0;
    let lines = |middle_m: f64| {
        let first = ((middle_m - half_m) / step_m).ceil() as i64;
        let last = ((middle_m + half_m) / step_m).floor() as i64;
        (first..=last).map(move |n| (n as f64 * step_m - middle_m) * layout.px_per_m)
    };
    for offset in lines(layout.middle_m.0) {
        canvas.line((SIDE_PX / 2.0 + offset, low), (SIDE_PX / 2.0 + offset, high), GRID);
    }
    for offset in lines(layout.middle_m.1) {
        canvas.line((low, SIDE_PX / 2.0 - offset), (high, SIDE_PX / 2.0 - offset), GRID);
    }
    canvas.rectangle((low as i64, low as i64), (high as i64, high as i64), CAMERA, 1);
}

fn frame_words(canvas: &mut Canvas, layout: &Layout) {
    let how = Lettering::plain(BLACK, 2);
    let (middle, near, far) = (SIDE_PX / 2.0, RIM_PX / 2.0, SIDE_PX - RIM_PX / 2.0);
    canvas.centred_text(middle, near, "forward", &how);
    canvas.centred_text(middle, far, "backward", &how);
    vertical_text(canvas, near, middle, "left", &how);
    vertical_text(canvas, far, middle, "right", &how);
    let length_m = layout.scale_bar_m();
    let (left, bottom) = (RIM_PX, SIDE_PX - 8.0);
    let right = left + length_m * layout.px_per_m;
    canvas.thick_line((left, bottom), (right, bottom), BLACK, 3);
    for end in [left, right] {
        canvas.thick_line((end, bottom - 5.0), (end, bottom + 5.0), BLACK, 2);
    }
    canvas.centred_text((left + right) / 2.0, bottom - 16.0, &format!("{length_m} m"), &how);
}

fn vertical_text(canvas: &mut Canvas, u: f64, v: f64, text: &str, how: &Lettering) {
    let line_px = 18.0;
    let top = v - line_px * (text.chars().count() as f64 - 1.0) / 2.0;
    for (n, character) in text.chars().enumerate() {
        canvas.centred_text(u, top + n as f64 * line_px, &character.to_string(), how);
    }
}

fn still(canvas: &mut Canvas, layout: &Layout, corners_m: &[[f64; 2]; 4], color: Rgb<u8>) {
    let corners = corners_m.map(|[x, y]| layout.pixel(x, y));
    let pale = Rgb(color.0.map(|channel| (u16::from(channel) / 3 + 170) as u8));
    canvas.filled_polygon(&corners, pale);
    canvas.polygon(&corners, color, 2);
}

/// Red at first, blue at last.
fn color_of_time(share: f64) -> Rgb<u8> {
    let share = share.clamp(0.0, 1.0);
    Rgb([(230.0 * (1.0 - share)) as u8, 30, (230.0 * share) as u8])
}

fn moving(canvas: &mut Canvas, layout: &Layout, path: &[Place]) {
    let pixel = |place: &Place| layout.pixel(place.at_m.x, place.at_m.y);
    let n = path.len().saturating_sub(1).max(1) as f64;
    let last_trusted = path.iter().rposition(|place| place.is_trusted).unwrap_or(0);
    for (at, pair) in path.windows(2).enumerate() {
        let [from, to] = pair else { continue };
        if !to.is_trusted {
            continue;
        }
        let color = color_of_time((at + 1) as f64 / n);
        match at + 1 == last_trusted {
            true => canvas.arrow(pixel(from), pixel(to), color, 3),
            false => canvas.thick_line(pixel(from), pixel(to), color, 3),
        }
    }
    if let Some(first) = path.first() {
        canvas.disc(pixel(first), 5.0, color_of_time(0.0));
    }
}

/// Green at first, yellow at last.
fn ego_path(canvas: &mut Canvas, layout: &Layout, path: &[Station]) {
    let n = path.len().saturating_sub(1).max(1) as f64;
    for (at, pair) in path.windows(2).enumerate() {
        let [from, to] = pair else { continue };
        let color = Rgb([(220.0 * at as f64 / n) as u8, 170, 0]);
        let pixel = |station: &Station| layout.pixel(station.at_m.x, station.at_m.y);
        canvas.dashed_line(pixel(from), pixel(to), color, 3, 8);
    }
}

fn wedge(canvas: &mut Canvas, layout: &Layout, station: &Station, color: Rgb<u8>, reach_px: f64, name: &str) {
    let apex = layout.pixel(station.at_m.x, station.at_m.y);
    let reach_m = reach_px / layout.px_per_m;
    let corner = |turn_rad: f64| {
        let direction = Rotation2::new(turn_rad) * station.forward * reach_m;
        layout.pixel(station.at_m.x + direction.x, station.at_m.y + direction.y)
    };
    let (left, right) = (corner(station.half_view_rad), corner(-station.half_view_rad));
    canvas.filled_polygon(&[apex, left, right], color);
    canvas.disc(apex, 4.0, color);
    let how = Lettering { color, scale: 1, ground: Some((WHITE, 1)) };
    canvas.centred_text(apex.0, apex.1 + 14.0, name, &how);
}

/// Above the shape, so that it hides nothing of it.
fn label(canvas: &mut Canvas, layout: &Layout, thing: &Thing, color: Rgb<u8>) {
    let dark = Rgb(color.0.map(|channel| (u16::from(channel) * 3 / 5) as u8));
    let how = Lettering { color: dark, scale: 1, ground: Some((WHITE, 1)) };
    match &thing.shape {
        Shape::Still { corners_m, .. } => {
            let corners = corners_m.map(|[x, y]| layout.pixel(x, y));
            let top = corners.iter().map(|c| c.1).fold(f64::INFINITY, f64::min);
            let middle = corners.iter().map(|c| c.0).sum::<f64>() / 4.0;
            canvas.centred_text(middle, top - 9.0, &thing.label, &how);
        }
        Shape::Moving { path } => {
            let Some(place) = path.get(path.len() / 2) else { return };
            let (u, v) = layout.pixel(place.at_m.x, place.at_m.y);
            let word = super::words::direction(layout, path).0;
            canvas.centred_text(u, v - 14.0, &format!("{} ({word})", thing.label), &how);
        }
    }
}
