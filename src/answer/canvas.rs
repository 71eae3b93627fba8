//! A picture that is drawn on: lines, discs, polygons, arrows and words. Whatever lies outside is left out.

use font8x8::{BASIC_FONTS, LATIN_FONTS, UnicodeFonts};
use image::{Rgb, RgbImage};

/// Side of a character at scale 1.
pub const GLYPH_PX: i64 = 8;

/// A line farther outside than this shows nothing and would take for ever.
const MAX_PIXEL: f64 = 20_000.0;

/// Colours that stay apart for colour-blind readers (Okabe and Ito 2008), without black.
pub const PALETTE: [[u8; 3]; 7] =
    [[230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [213, 94, 0], [204, 121, 167], [0, 114, 178]];

/// A picture that is drawn on.
pub struct Canvas {
    /// The pixels.
    pub image: RgbImage,
}

/// How words are written.
#[derive(Clone, Copy, Debug)]
pub struct Lettering {
    /// Colour of the characters.
    pub color: Rgb<u8>,
    /// Size: 1 is 8 pixels high.
    pub scale: i64,
    /// Colour of the ground and how far it reaches beyond the characters, if there is one.
    pub ground: Option<(Rgb<u8>, i64)>,
}

impl Lettering {
    /// Without ground.
    pub fn plain(color: Rgb<u8>, scale: i64) -> Lettering {
        Lettering { color, scale, ground: None }
    }

    /// Width and height of `text`.
    pub fn size_px(&self, text: &str) -> (i64, i64) {
        (text.chars().count() as i64 * GLYPH_PX * self.scale, GLYPH_PX * self.scale)
    }
}

impl Canvas {
    /// Of one colour.
    pub fn new(width_px: u32, height_px: u32, color: Rgb<u8>) -> Canvas {
        Canvas { image: RgbImage::from_pixel(width_px, height_px, color) }
    }

    /// One pixel.
    pub fn set(&mut self, u: i64, v: i64, color: Rgb<u8>) {
        if let (Ok(u), Ok(v)) = (u32::try_from(u), u32::try_from(v))
            && let Some(pixel) = self.image.get_pixel_mut_checked(u, v)
        {
            *pixel = color;
        }
    }

    /// A line one pixel wide.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), color: Rgb<u8>) {
        self.thick_line(from, to, color, 1);
    }

    /// A line; a dot of `width_px` on each of its pixels.
    pub fn thick_line(&mut self, from: (f64, f64), to: (f64, f64), color: Rgb<u8>, width_px: i64) {
        self.steps(from, to, |canvas, _, u, v| canvas.square(u, v, color, width_px));
    }

    /// A line that is interrupted every `dash_px`.
    pub fn dashed_line(&mut self, from: (f64, f64), to: (f64, f64), color: Rgb<u8>, width_px: i64, dash_px: i64) {
        self.steps(from, to, |canvas, step, u, v| {
            if (step / dash_px.max(1)) % 2 == 0 {
                canvas.square(u, v, color, width_px);
            }
        });
    }

    fn steps(&mut self, from: (f64, f64), to: (f64, f64), mut draw: impl FnMut(&mut Canvas, i64, i64, i64)) {
        let is_near = |c: f64| c.is_finite() && c.abs() < MAX_PIXEL;
        if ![from.0, from.1, to.0, to.1].into_iter().all(is_near) {
            return;
        }
        let n_steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).ceil().max(1.0);
        for step in 0..=n_steps as i64 {
            let t = step as f64 / n_steps;
            let (u, v) = (from.0 + (to.0 - from.0) * t, from.1 + (to.1 - from.1) * t);
            draw(self, step, u.round() as i64, v.round() as i64);
        }
    }

    /// A square of `width_px` around a pixel.
    pub fn square(&mut self, u: i64, v: i64, color: Rgb<u8>, width_px: i64) {
        let low = -(width_px - 1) / 2;
        for dv in low..low + width_px {
            for du in low..low + width_px {
                self.set(u + du, v + dv, color);
            }
        }
    }

    /// A filled disc.
    pub fn disc(&mut self, center: (f64, f64), radius_px: f64, color: Rgb<u8>) {
        let is_near = |c: f64| c.is_finite() && c.abs() < MAX_PIXEL;
        if !(is_near(center.0) && is_near(center.1)) {
            return;
        }
        let reach = radius_px.ceil() as i64 + 1;
        let (u, v) = (center.0.round() as i64, center.1.round() as i64);
        for dv in -reach..=reach {
            for du in -reach..=reach {
                let offset = ((u + du) as f64 - center.0).hypot((v + dv) as f64 - center.1);
                if offset <= radius_px {
                    self.set(u + du, v + dv, color);
                }
            }
        }
    }

    /// The outline through these corners and back.
    pub fn polygon(&mut self, corners: &[(f64, f64)], color: Rgb<u8>, width_px: i64) {
        for (from, to) in corners.iter().zip(corners.iter().cycle().skip(1)) {
            self.thick_line(*from, *to, color, width_px);
        }
    }

    /// A filled convex polygon.
    pub fn filled_polygon(&mut self, corners: &[(f64, f64)], color: Rgb<u8>) {
        let (width, height) = (i64::from(self.image.width()), i64::from(self.image.height()));
        let ends = |values: &mut dyn Iterator<Item = f64>, size: i64| {
            let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
            ((low.floor().max(0.0)) as i64, (high.ceil().min(size as f64)) as i64)
        };
        let (u_low, u_high) = ends(&mut corners.iter().map(|c| c.0), width);
        let (v_low, v_high) = ends(&mut corners.iter().map(|c| c.1), height);
        for v in v_low..=v_high {
            for u in u_low..=u_high {
                let sides = corners.iter().zip(corners.iter().cycle().skip(1));
                let turns = sides.map(|(a, b)| (b.0 - a.0) * (v as f64 - a.1) - (b.1 - a.1) * (u as f64 - a.0));
                let (mut has_left, mut has_right) = (false, false);
                turns.for_each(|turn| {
                    has_left |= turn > 0.0;
                    has_right |= turn < 0.0;
                });
                if !(has_left && has_right) {
                    self.set(u, v, color);
                }
            }
        }
    }

    /// A line that ends in an arrow head.
    pub fn arrow(&mut self, from: (f64, f64), to: (f64, f64), color: Rgb<u8>, width_px: i64) {
        self.thick_line(from, to, color, width_px);
        let (du, dv) = (to.0 - from.0, to.1 - from.1);
        let length = du.hypot(dv);
        if length < 1e-9 {
            return;
        }
        let head_px = 10.0f64.max(4.0 * width_px as f64);
        let (du, dv) = (du / length * head_px, dv / length * head_px);
        let back = (to.0 - du, to.1 - dv);
        let corners = [to, (back.0 - 0.5 * dv, back.1 + 0.5 * du), (back.0 + 0.5 * dv, back.1 - 0.5 * du)];
        self.filled_polygon(&corners, color);
    }

    /// The outline of a rectangle of pixels, growing inwards.
    pub fn rectangle(&mut self, low: (i64, i64), high: (i64, i64), color: Rgb<u8>, width_px: i64) {
        for inset in 0..width_px {
            let ((u0, v0), (u1, v1)) = ((low.0 + inset, low.1 + inset), (high.0 - inset, high.1 - inset));
            if u0 > u1 || v0 > v1 {
                return;
            }
            let (width, height) = (i64::from(self.image.width()), i64::from(self.image.height()));
            for u in u0.max(0)..=u1.min(width) {
                self.set(u, v0, color);
                self.set(u, v1, color);
            }
            for v in v0.max(0)..=v1.min(height) {
                self.set(u0, v, color);
                self.set(u1, v, color);
            }
        }
    }

    /// Mixes `share` of `color` into one pixel.
    pub fn tint(&mut self, u: u32, v: u32, color: [u8; 3], share: f32) {
        if let Some(pixel) = self.image.get_pixel_mut_checked(u, v) {
            for (channel, tint) in pixel.0.iter_mut().zip(color) {
                *channel = (f32::from(*channel) * (1.0 - share) + f32::from(tint) * share).round() as u8;
            }
        }
    }

    /// Writes `text` with its top-left corner at (`u`, `v`), kept inside the picture.
    pub fn text(&mut self, u: i64, v: i64, text: &str, how: &Lettering) {
        let (width, height) = how.size_px(text);
        let margin_px = how.ground.map_or(0, |(_, margin_px)| margin_px);
        let u = u.min(i64::from(self.image.width()) - width - margin_px).max(margin_px);
        let v = v.min(i64::from(self.image.height()) - height - margin_px).max(margin_px);
        if let Some((color, _)) = how.ground {
            for dv in -margin_px..height + margin_px {
                for du in -margin_px..width + margin_px {
                    self.set(u + du, v + dv, color);
                }
            }
        }
        for (index, character) in text.chars().enumerate() {
            let glyph =
                BASIC_FONTS.get(character).or_else(|| LATIN_FONTS.get(character)).or_else(|| BASIC_FONTS.get('?'));
            let left = u + index as i64 * GLYPH_PX * how.scale;
            for (row, bits) in glyph.unwrap_or_default().iter().enumerate() {
                for column in (0..GLYPH_PX).filter(|column| (*bits >> column) & 1 == 1) {
                    for (dv, du) in (0..how.scale).flat_map(|dv| (0..how.scale).map(move |du| (dv, du))) {
                        self.set(left + column * how.scale + du, v + row as i64 * how.scale + dv, how.color);
                    }
                }
            }
        }
    }

    /// The same centred at (`u`, `v`).
    pub fn centred_text(&mut self, u: f64, v: f64, text: &str, how: &Lettering) {
        let (width, height) = how.size_px(text);
        self.text(u.round() as i64 - width / 2, v.round() as i64 - height / 2, text, how);
    }
}

/// Words over lines of at most `columns` characters.
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Which side of a picture a strip of words is put on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strip {
    /// Above it; the picture's pixels move down.
    Above,
    /// Below it; the picture's pixels stay where they are.
    Below,
}

/// `image` with `title` on a strip of as many lines as it needs.
pub fn with_strip(image: &RgbImage, title: &str, side: Strip) -> RgbImage {
    let scale = if image.width() >= 480 && side == Strip::Below { 2 } else { 1 };
    let glyph_px = GLYPH_PX * scale;
    let columns = (i64::from(image.width()) / glyph_px - 1).max(1) as usize;
    let lines = wrapped(title, columns);
    if lines.is_empty() {
        return image.clone();
    }
    let line_px = glyph_px + 4;
    let strip_px = lines.len() as i64 * line_px + 6;
    let mut canvas = Canvas::new(image.width(), image.height() + strip_px as u32, Rgb([24, 24, 24]));
    let (picture_at, strip_at) = match side {
        Strip::Above => (strip_px, 0),
        Strip::Below => (0, i64::from(image.height())),
    };
    image::imageops::replace(&mut canvas.image, image, 0, picture_at);
    let white = Lettering::plain(Rgb([255, 255, 255]), scale);
    for (index, line) in lines.iter().enumerate() {
        canvas.text(4, strip_at + 4 + index as i64 * line_px, line, &white);
    }
    canvas.image
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: Rgb<u8> = Rgb([255, 0, 0]);
    const BLACK: Rgb<u8> = Rgb([0, 0, 0]);

    fn n_red(canvas: &Canvas) -> usize {
        canvas.image.pixels().filter(|pixel| **pixel == RED).count()
    }

    #[test]
    fn shapes_cover_the_pixels_they_should() {
        let mut canvas = Canvas::new(50, 40, BLACK);
        canvas.line((5.0, 5.0), (14.0, 5.0), RED);
        assert_eq!(n_red(&canvas), 10);
        let mut canvas = Canvas::new(50, 40, BLACK);
        canvas.filled_polygon(&[(10.0, 10.0), (20.0, 10.0), (20.0, 15.0), (10.0, 15.0)], RED);
        assert_eq!(n_red(&canvas), 11 * 6);
        let mut canvas = Canvas::new(50, 40, BLACK);
        canvas.rectangle((10, 10), (19, 19), RED, 2);
        assert_eq!(n_red(&canvas), 10 * 10 - 6 * 6);
        let mut canvas = Canvas::new(50, 40, BLACK);
        canvas.disc((20.0, 20.0), 10.0, RED);
        // Pixels whose centre lies in a circle of radius 10 (Gauss's circle problem).
        assert_eq!(n_red(&canvas), 317);
    }

    #[test]
    fn what_lies_outside_is_left_out() {
        let mut canvas = Canvas::new(10, 10, BLACK);
        canvas.thick_line((-50.0, 5.0), (50.0, 5.0), RED, 1);
        assert_eq!(n_red(&canvas), 10);
        canvas.line((f64::NAN, 0.0), (1e300, 4.0), RED);
        canvas.disc((f64::INFINITY, 0.0), 4.0, RED);
        canvas.rectangle((-9, -9), (100, 100), RED, 3);
        canvas.arrow((0.0, 0.0), (-1000.0, -1000.0), BLACK, 2);
        assert_eq!(n_red(&canvas), 10);
    }

    #[test]
    fn a_strip_below_moves_no_pixel() {
        let mut canvas = Canvas::new(500, 20, BLACK);
        canvas.set(7, 3, RED);
        let below = with_strip(&canvas.image, "a title", Strip::Below);
        assert_eq!((below.width(), below.get_pixel(7, 3)), (500, &RED));
        assert!(below.height() > 36 && below.rows().skip(20).flatten().any(|pixel| *pixel == Rgb([255, 255, 255])));
        assert_eq!(with_strip(&canvas.image, " ", Strip::Below), canvas.image);
    }
}
