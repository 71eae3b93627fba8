//! Binary masks over an image.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A rectangle of pixels, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PixelBox {
    /// Leftmost column.
    pub u_min_px: u32,
    /// Topmost row.
    pub v_min_px: u32,
    /// Rightmost column.
    pub u_max_px: u32,
    /// Lowest row.
    pub v_max_px: u32,
}

/// Which pixels of an H×W image belong to something; row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Mask {
    width_px: u32,
    height_px: u32,
    set: Arc<[bool]>,
}

impl Mask {
    /// `None` unless `set` has `width_px * height_px` entries.
    pub fn new(width_px: u32, height_px: u32, set: Vec<bool>) -> Option<Mask> {
        (set.len() as u64 == u64::from(width_px) * u64::from(height_px)).then(|| Mask {
            width_px,
            height_px,
            set: set.into(),
        })
    }

    /// Width in pixels.
    pub fn width_px(&self) -> u32 {
        self.width_px
    }

    /// Height in pixels.
    pub fn height_px(&self) -> u32 {
        self.height_px
    }

    /// All pixels, row-major.
    pub fn as_slice(&self) -> &[bool] {
        &self.set
    }

    /// Whether the pixel is set; false outside.
    pub fn contains(&self, u_px: u32, v_px: u32) -> bool {
        u_px < self.width_px
            && v_px < self.height_px
            && self.set.get(v_px as usize * self.width_px as usize + u_px as usize) == Some(&true)
    }

    /// Number of set pixels.
    pub fn n_pixels(&self) -> usize {
        self.set.iter().filter(|set| **set).count()
    }

    /// Smallest rectangle around all set pixels; `None` when empty.
    pub fn bounding_box(&self) -> Option<PixelBox> {
        let width = self.width_px as usize;
        let mut found: Option<PixelBox> = None;
        for index in self.set.iter().enumerate().filter_map(|(index, set)| set.then_some(index)) {
            let (u, v) = ((index % width) as u32, (index / width) as u32);
            let b = found.get_or_insert(PixelBox { u_min_px: u, v_min_px: v, u_max_px: u, v_max_px: v });
            b.u_min_px = b.u_min_px.min(u);
            b.u_max_px = b.u_max_px.max(u);
            b.v_min_px = b.v_min_px.min(v);
            b.v_max_px = b.v_max_px.max(v);
        }
        found
    }

    /// The mask without pixels that have an unset 4-neighbour, `n_px` times. Pixels at the image border keep their outer side.
    pub fn eroded(&self, n_px: u32) -> Mask {
        let (width, height) = (self.width_px as usize, self.height_px as usize);
        let mut set = self.set.to_vec();
        for _ in 0..n_px {
            let before = set.clone();
            let at = |u: usize, v: usize| before[v * width + u];
            for v in 0..height {
                for u in 0..width {
                    set[v * width + u] = at(u, v)
                        && (u == 0 || at(u - 1, v))
                        && (u + 1 == width || at(u + 1, v))
                        && (v == 0 || at(u, v - 1))
                        && (v + 1 == height || at(u, v + 1));
                }
            }
        }
        Mask { width_px: self.width_px, height_px: self.height_px, set: set.into() }
    }

    /// The mask with all 4-neighbours of its pixels, `n_px` times.
    pub fn dilated(&self, n_px: u32) -> Mask {
        self.inverted().eroded(n_px).inverted()
    }

    /// Every pixel the other way round.
    pub fn inverted(&self) -> Mask {
        Mask { set: self.set.iter().map(|set| !set).collect(), ..*self }
    }

    /// Pixel by pixel; `None` when the sizes differ.
    pub fn combined(&self, other: &Mask, of: impl Fn(bool, bool) -> bool) -> Option<Mask> {
        let is_same_size = (self.width_px, self.height_px) == (other.width_px, other.height_px);
        is_same_size
            .then(|| Mask { set: self.set.iter().zip(other.set.iter()).map(|(a, b)| of(*a, *b)).collect(), ..*self })
    }

    /// Intersection over union, 0 when both are empty; `None` when the sizes differ.
    pub fn iou(&self, other: &Mask) -> Option<f64> {
        let common = self.combined(other, |a, b| a && b)?.n_pixels();
        let all = self.n_pixels() + other.n_pixels() - common;
        Some(if all == 0 { 0.0 } else { common as f64 / all as f64 })
    }

    /// Column and row of every set pixel, row by row.
    pub fn pixels(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let width = (self.width_px as usize).max(1);
        let set = self.set.iter().enumerate().filter(|(_, set)| **set);
        set.map(move |(index, _)| ((index % width) as u32, (index / width) as u32))
    }

    /// Median column and median row; `None` when empty.
    pub fn median_pixel(&self) -> Option<(f64, f64)> {
        let (columns, rows) = self.sorted_axes();
        Some((percentile(&columns, 50.0)?, percentile(&rows, 50.0)?))
    }

    /// Smallest rectangle around the set pixels, above 100 of them around all but the outermost hundredth on each side; `None` when
    /// empty.
    pub fn robust_box(&self) -> Option<PixelBox> {
        const ENOUGH_PIXELS: usize = 100;
        let (columns, rows) = self.sorted_axes();
        if columns.len() <= ENOUGH_PIXELS {
            return self.bounding_box();
        }
        let ends =
            |values: &[u32]| Some((percentile(values, 1.0)?.round() as u32, percentile(values, 99.0)?.round() as u32));
        let ((u_min_px, u_max_px), (v_min_px, v_max_px)) = (ends(&columns)?, ends(&rows)?);
        Some(PixelBox { u_min_px, v_min_px, u_max_px, v_max_px })
    }

    fn sorted_axes(&self) -> (Vec<u32>, Vec<u32>) {
        let (mut columns, rows): (Vec<u32>, Vec<u32>) = self.pixels().unzip();
        columns.sort_unstable();
        (columns, rows)
    }
}

/// Between the two nearest of the sorted values, as numpy's default does.
fn percentile(sorted: &[u32], percent: f64) -> Option<f64> {
    let at = percent / 100.0 * (sorted.len().checked_sub(1)? as f64);
    let (below, above) = (sorted.get(at.floor() as usize)?, sorted.get(at.ceil() as usize)?);
    Some(f64::from(*below) + (f64::from(*above) - f64::from(*below)) * at.fract())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mask(rows: &[&str]) -> Mask {
        let width = rows[0].len() as u32;
        Mask::new(width, rows.len() as u32, rows.iter().flat_map(|row| row.bytes().map(|b| b == b'#')).collect())
            .unwrap()
    }

    #[test]
    fn growing_and_shrinking_go_by_the_four_neighbours() {
        let dot = mask(&[".....", ".....", "..#..", ".....", "....."]);
        let cross = mask(&[".....", "..#..", ".###.", "..#..", "....."]);
        assert_eq!(dot.dilated(1), cross);
        assert_eq!(cross.eroded(1), dot);
        assert_eq!(dot.eroded(1).n_pixels(), 0);
        let full = mask(&["##", "##"]);
        assert_eq!(full.eroded(3), full, "the image's border is no edge");
    }

    #[test]
    fn the_robust_box_leaves_strays_out() {
        let mut set = vec![false; 100 * 100];
        for v in 40..60 {
            for u in 30..50 {
                set[v * 100 + u] = true;
            }
        }
        set[0] = true;
        let found = Mask::new(100, 100, set).unwrap();
        assert_eq!(found.bounding_box().map(|b| (b.u_min_px, b.v_min_px)), Some((0, 0)));
        assert_eq!(found.robust_box(), Some(PixelBox { u_min_px: 30, v_min_px: 40, u_max_px: 49, v_max_px: 59 }));
        assert_eq!(found.median_pixel(), Some((39.0, 49.0)));
        assert_eq!(mask(&["...", "..."]).median_pixel(), None);
        // numpy.median([1, 2]) and numpy.median([0, 0])
        assert_eq!(mask(&[".##"]).median_pixel(), Some((1.5, 0.0)));
    }

    proptest! {
        #[test]
        fn set_algebra_holds(a in proptest::collection::vec(any::<bool>(), 60), b in proptest::collection::vec(any::<bool>(), 60)) {
            let (a, b) = (Mask::new(10, 6, a).unwrap(), Mask::new(10, 6, b).unwrap());
            let and = a.combined(&b, |x, y| x && y).unwrap();
            let or = a.combined(&b, |x, y| x || y).unwrap();
            prop_assert_eq!(and.n_pixels() + or.n_pixels(), a.n_pixels() + b.n_pixels());
            prop_assert_eq!(a.inverted().combined(&b.inverted(), |x, y| x || y).unwrap(), and.inverted());
            prop_assert_eq!(a.iou(&a).unwrap(), f64::from(u8::from(a.n_pixels() > 0)));
            prop_assert_eq!(a.iou(&b), b.iou(&a));
            prop_assert!(a.dilated(1).combined(&a, |x, y| y && !x).unwrap().n_pixels() == 0);
            prop_assert_eq!(a.combined(&Mask::new(6, 10, vec![true; 60]).unwrap(), |x, _| x), None);
        }
    }
}
