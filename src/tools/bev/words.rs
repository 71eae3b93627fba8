//! Saying what is drawn.

use std::fmt::Write;

use rhai::{Array, Dynamic, Map};

use super::{
    layout::{Cameras, Layout, Station, path_length_m},
    thing::{Place, Shape, Thing, Unseen},
};
use crate::tools::{
    arguments::list_of_point,
    values::{ReconstructionValue, per_frame::join},
};

/// `1.20 m forward, 0.30 m left` of the reference camera.
fn place(layout: &Layout, x_m: f64, y_m: f64) -> String {
    let (right, forward) = layout.relative(x_m, y_m);
    let along = if forward < 0.0 { "backward" } else { "forward" };
    let across = if right < 0.0 { "left" } else { "right" };
    format!("{:.2} m {along}, {:.2} m {across}", forward.abs(), right.abs())
}

/// In which direction a path leads, in words, and how far.
pub fn direction(layout: &Layout, path: &[Place]) -> (String, f64) {
    /// A component counts when it is more than this share of the other.
    const COUNTS: f64 = 0.3;
    let mut trusted = path.iter().filter(|place| place.is_trusted);
    let (Some(first), Some(last)) = (trusted.next(), trusted.next_back()) else {
        return ("on the spot".to_owned(), 0.0);
    };
    let (from, to) = (layout.relative(first.at_m.x, first.at_m.y), layout.relative(last.at_m.x, last.at_m.y));
    let (right, forward) = (to.0 - from.0, to.1 - from.1);
    let mut words = Vec::new();
    if forward.abs() > COUNTS * right.abs() {
        words.push(if forward > 0.0 { "forward" } else { "backward" });
    }
    if right.abs() > COUNTS * forward.abs() {
        words.push(if right > 0.0 { "right" } else { "left" });
    }
    let distance_m = (last.at_m - first.at_m).norm();
    (if words.is_empty() { "on the spot".to_owned() } else { words.join(" and ") }, distance_m)
}

/// The picture in words.
pub fn description(
    reconstruction: &ReconstructionValue,
    cameras: &Cameras,
    layout: &Layout,
    things: &[Thing],
    unseen: &[Unseen],
) -> String {
    let reference = &cameras.reference;
    let view = reference.frame.view();
    let at = reference.at_m;
    let mut text = format!(
        "Bird's-eye view of frame {}, {:.2} m across. Up on the picture is forward of camera {} in frame {}, which stands at \
         [{:.2}, {:.2}, {:.2}]; forward, left and right are its own.",
        reconstruction.fixed_frame, layout.span_m, view.camera, view.view_idx, at.x, at.y, at.z
    );
    for thing in things {
        let _ = write!(text, "\n- {}: {}", thing.label, thing_words(layout, thing));
    }
    if things.is_empty() {
        text.push_str("\nNo objects were asked for or visible.");
    }
    for Unseen { label, why } in unseen {
        let _ = write!(text, "\n- {label}: not drawn, {why}");
    }
    for path in &cameras.paths {
        if let (Some(first), Some(last)) = (path.first(), path.last()) {
            let _ =
                write!(text, "\nCamera {} went {}", first.frame.view().camera, way_words(layout, path, first, last));
        }
    }
    for station in &cameras.others {
        let _ = write!(
            text,
            "\nCamera {} in frame {} stands {}.",
            station.frame.view().camera,
            station.frame.index(),
            place(layout, station.at_m.x, station.at_m.y)
        );
    }
    text
}

fn way_words(layout: &Layout, path: &[Station], first: &Station, last: &Station) -> String {
    format!(
        "{:.2} m from {} (frame {}) to {} (frame {}).",
        path_length_m(path),
        place(layout, first.at_m.x, first.at_m.y),
        first.frame.index(),
        place(layout, last.at_m.x, last.at_m.y),
        last.frame.index()
    )
}

fn thing_words(layout: &Layout, thing: &Thing) -> String {
    let middle = &thing.middle_m;
    let doubt = thing.doubt.as_ref().map(|doubt| format!("; {doubt}")).unwrap_or_default();
    let seen = format!("seen in frames {}", join(&thing.frames));
    match &thing.shape {
        Shape::Still { size_m, .. } => format!(
            "still, {}, visible part about {:.2} x {:.2} m, z {:.2} to {:.2} m, {seen}{doubt}",
            place(layout, middle.x, middle.y),
            size_m.0,
            size_m.1,
            thing.z_m.0,
            thing.z_m.1
        ),
        Shape::Moving { path } => {
            let (word, distance_m) = direction(layout, path);
            let secs = path.last().map_or(0.0, |last| last.secs);
            let start = path.first().map_or_else(String::new, |first| place(layout, first.at_m.x, first.at_m.y));
            let n_leaps = path.iter().filter(|place| !place.is_trusted).count();
            let leaps = if n_leaps == 0 { String::new() } else { format!(", {n_leaps} leaps left out") };
            format!(
                "moved {distance_m:.2} m {word} in {secs:.1} s, from {start} to {}{leaps}, {seen}{doubt}",
                place(layout, middle.x, middle.y)
            )
        }
    }
}

fn pixel(layout: &Layout, x_m: f64, y_m: f64) -> Dynamic {
    let (u, v) = layout.pixel(x_m, y_m);
    Dynamic::from(vec![Dynamic::from_float(u), Dynamic::from_float(v)])
}

/// The picture as numbers.
pub fn meta(
    reconstruction: &ReconstructionValue,
    cameras: &Cameras,
    layout: &Layout,
    things: &[Thing],
    unseen: &[Unseen],
) -> Map {
    let objects: Array = things.iter().map(|thing| Dynamic::from(thing_meta(layout, thing))).collect();
    let stations = [&cameras.reference].into_iter().chain(&cameras.others);
    let stations: Array = stations
        .map(|station| {
            let map: Map = [
                ("camera".into(), Dynamic::from(station.frame.view().camera.to_string())),
                ("index".into(), Dynamic::from_int(station.frame.index() as i64)),
                ("position".into(), Dynamic::from(list_of_point(&station.at_m))),
                ("pixel".into(), pixel(layout, station.at_m.x, station.at_m.y)),
            ]
            .into();
            Dynamic::from(map)
        })
        .collect();
    let names: Array = unseen.iter().map(|unseen| Dynamic::from(unseen.label.clone())).collect();
    let pair = |v: &nalgebra::Vector2<f64>| Dynamic::from(vec![Dynamic::from_float(v.x), Dynamic::from_float(v.y)]);
    [
        ("px_per_m".into(), Dynamic::from_float(layout.px_per_m)),
        ("span_m".into(), Dynamic::from_float(layout.span_m)),
        ("frame".into(), Dynamic::from(reconstruction.fixed_frame.to_string())),
        ("ref_frame".into(), Dynamic::from_int(cameras.reference.frame.index() as i64)),
        ("forward".into(), pair(&layout.forward)),
        ("right".into(), pair(&layout.right)),
        ("objects".into(), objects.into()),
        ("cameras".into(), stations.into()),
        ("not_drawn".into(), names.into()),
    ]
    .into()
}

fn thing_meta(layout: &Layout, thing: &Thing) -> Map {
    let middle = &thing.middle_m;
    let frames: Array = thing.frames.iter().map(|index| Dynamic::from_int(*index as i64)).collect();
    let mut map: Map = [
        ("label".into(), Dynamic::from(thing.label.clone())),
        ("position".into(), Dynamic::from(list_of_point(middle))),
        ("pixel".into(), pixel(layout, middle.x, middle.y)),
        ("frames".into(), frames.into()),
    ]
    .into();
    match &thing.shape {
        Shape::Still { corners_m, size_m } => {
            map.insert("kind".into(), Dynamic::from("still".to_owned()));
            map.insert("length".into(), Dynamic::from_float(size_m.0));
            map.insert("width".into(), Dynamic::from_float(size_m.1));
            let corners: Array = corners_m.iter().map(|[x, y]| pixel(layout, *x, *y)).collect();
            map.insert("corners".into(), corners.into());
        }
        Shape::Moving { path } => {
            let (word, distance_m) = direction(layout, path);
            map.insert("kind".into(), Dynamic::from("moving".to_owned()));
            map.insert("direction".into(), Dynamic::from(word));
            map.insert("distance".into(), Dynamic::from_float(distance_m));
            let places: Array = path.iter().map(|place| Dynamic::from(list_of_point(&place.at_m))).collect();
            map.insert("path".into(), places.into());
            let pixels: Array = path.iter().map(|place| pixel(layout, place.at_m.x, place.at_m.y)).collect();
            map.insert("pixels".into(), pixels.into());
        }
    }
    map
}
