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
}
