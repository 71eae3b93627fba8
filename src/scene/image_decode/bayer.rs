//! Bilinear demosaicing.

use image::RgbImage;

/// Which colour a sensor pixel sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    Red,
    Green,
    Blue,
}

/// Colours of the top-left 2×2 pixels, row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mosaic([Filter; 4]);

impl Mosaic {
    /// By the name that ROS gives the encoding, which says the top-left 2×2 pixels row by row.
    pub fn from_encoding(encoding: &str) -> Option<Mosaic> {
        use Filter::{Blue, Green, Red};
        Some(Mosaic(match encoding {
            "bayer_rggb8" => [Red, Green, Green, Blue],
            "bayer_bggr8" => [Blue, Green, Green, Red],
            "bayer_gbrg8" => [Green, Blue, Red, Green],
            "bayer_grbg8" => [Green, Red, Blue, Green],
            _ => return None,
        }))
    }

    fn at(self, u: usize, v: usize) -> Filter {
        let [a, b, c, d] = self.0;
        match (v % 2, u % 2) {
            (0, 0) => a,
            (0, _) => b,
            (_, 0) => c,
            _ => d,
        }
    }

    /// Neighbours (and the pixel itself) that see `filter`, for a pixel at (u, v).
    fn sources(self, u: usize, v: usize, filter: Filter) -> Vec<(isize, isize)> {
        if self.at(u, v) == filter {
            return vec![(0, 0)];
        }
        let neighbours = (-1..=1).flat_map(|dv| (-1..=1).map(move |du| (du, dv)));
        // Two more in each direction is the same place in the mosaic and cannot underflow.
        neighbours
            .filter(|(du, dv)| self.at((u + 2).wrapping_add_signed(*du), (v + 2).wrapping_add_signed(*dv)) == filter)
            .collect()
    }
}

/// Each colour that a pixel does not see is the mean of those of its eight neighbours that see it. `None` unless `gray` has
/// `width_px * height_px` entries and both are at least 2.
pub fn demosaiced(gray: &[u8], width_px: u32, height_px: u32, mosaic: Mosaic) -> Option<RgbImage> {
    let (width, height) = (width_px as usize, height_px as usize);
    if width < 2 || height < 2 || gray.len() != width * height {
        return None;
    }
    let filters = [Filter::Red, Filter::Green, Filter::Blue];
    let sources = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(u, v)| filters.map(|filter| mosaic.sources(u, v, filter)));
    let mut rgb = Vec::with_capacity(gray.len() * 3);
    for v in 0..height {
        for u in 0..width {
            for offsets in sources.get(v % 2 * 2 + u % 2)? {
                let (mut sum, mut n) = (0u32, 0u32);
                for (du, dv) in offsets {
                    let (at_u, at_v) = (u.wrapping_add_signed(*du), v.wrapping_add_signed(*dv));
                    if at_u < width && at_v < height {
                        sum += u32::from(*gray.get(at_v * width + at_u)?);
                        n += 1;
                    }
                }
                rgb.push(((sum + n / 2) / n.max(1)) as u8);
            }
        }
    }
    RgbImage::from_raw(width_px, height_px, rgb)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATTERNS: [(&str, &str); 4] =
        [("bayer_rggb8", "RGGB"), ("bayer_bggr8", "BGGR"), ("bayer_gbrg8", "GBRG"), ("bayer_grbg8", "GRBG")];

    /// What a sensor behind the named filters sees of `color`.
    fn mosaicked(letters: &str, width: u32, height: u32, color: impl Fn(u32, u32) -> [u8; 3]) -> Vec<u8> {
        let at = |u: u32, v: u32| {
            let letter = letters.as_bytes()[(v % 2 * 2 + u % 2) as usize];
            color(u, v)["RGB".bytes().position(|l| l == letter).unwrap()]
        };
        (0..height).flat_map(|v| (0..width).map(move |u| (u, v))).map(|(u, v)| at(u, v)).collect()
    }

    #[test]
    fn an_even_colour_comes_back_everywhere() {
        for (encoding, letters) in PATTERNS {
            let gray = mosaicked(letters, 7, 5, |_, _| [200, 90, 10]);
            let image = demosaiced(&gray, 7, 5, Mosaic::from_encoding(encoding).unwrap()).unwrap();
            assert!(image.pixels().all(|pixel| pixel.0 == [200, 90, 10]), "{encoding}");
        }
    }

    #[test]
    fn a_slope_is_interpolated_exactly_inside() {
        let color = |u: u32, v: u32| [(4 * u + 2 * v) as u8, (100 + 2 * u) as u8, (200 - 4 * v) as u8];
        for (encoding, letters) in PATTERNS {
            let gray = mosaicked(letters, 8, 6, color);
            let image = demosaiced(&gray, 8, 6, Mosaic::from_encoding(encoding).unwrap()).unwrap();
            for v in 1..5 {
                for u in 1..7 {
                    assert_eq!(image.get_pixel(u, v).0, color(u, v), "{encoding} at {u}, {v}");
                }
            }
        }
    }
}
