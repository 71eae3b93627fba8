//! Depth images and their noise.

use std::{ops::RangeInclusive, sync::Arc};

use serde::{Deserialize, Serialize};

/// Depth along the optical z axis in metres, row-major H×W. NaN where unknown (REP-118), infinite where it was measured but is
/// not trusted: -∞ nearer, +∞ farther (as REP-117 has it).
#[derive(Clone, Debug)]
pub struct DepthMap {
    width_px: u32,
    height_px: u32,
    depth_m: Arc<[f32]>,
}

impl DepthMap {
    /// `None` unless `depth_m` has `width_px * height_px` entries. Values that are not positive and finite become NaN.
    pub fn new(width_px: u32, height_px: u32, mut depth_m: Vec<f32>) -> Option<DepthMap> {
        if depth_m.len() as u64 != u64::from(width_px) * u64::from(height_px) {
            return None;
        }
        for depth in &mut depth_m {
            if !(depth.is_finite() && *depth > 0.0) {
                *depth = f32::NAN;
            }
        }
        Some(DepthMap { width_px, height_px, depth_m: depth_m.into() })
    }

    /// The map that [`DepthMap::depth_m`] came from, to the bit. `None` unless there are `width_px * height_px` entries, each positive,
    /// NaN or -∞.
    pub fn from_marked(width_px: u32, height_px: u32, depth_m: Arc<[f32]>) -> Option<DepthMap> {
        let is_whole = depth_m.len() as u64 == u64::from(width_px) * u64::from(height_px);
        let is_depth = |depth: &f32| *depth > 0.0 || depth.is_nan() || *depth == f32::NEG_INFINITY;
        (is_whole && depth_m.iter().all(is_depth)).then_some(DepthMap { width_px, height_px, depth_m })
    }

    /// The map with what is nearer or farther than `range_m` marked as such.
    #[must_use]
    pub fn trusted_within(&self, range_m: RangeInclusive<f32>) -> DepthMap {
        let mark = |depth: &f32| match depth {
            nearer if nearer < range_m.start() => f32::NEG_INFINITY,
            farther if farther > range_m.end() => f32::INFINITY,
            other => *other,
        };
        DepthMap { depth_m: self.depth_m.iter().map(mark).collect(), ..*self }
    }

    /// Width in pixels.
    pub fn width_px(&self) -> u32 {
        self.width_px
    }

    /// Height in pixels.
    pub fn height_px(&self) -> u32 {
        self.height_px
    }

    /// All values, row-major H×W, NaN where unknown, infinite where not trusted.
    pub fn depth_m(&self) -> &[f32] {
        &self.depth_m
    }

    /// Depth at a pixel; `None` outside the image and where unknown or not trusted.
    pub fn at(&self, u_px: u32, v_px: u32) -> Option<f32> {
        if u_px >= self.width_px || v_px >= self.height_px {
            return None;
        }
        let depth = *self.depth_m.get(v_px as usize * self.width_px as usize + u_px as usize)?;
        depth.is_finite().then_some(depth)
    }
}

/// One standard deviation of depth along z: `constant_m + quadratic_per_m * (z - offset_m)^2`, metres.
///
/// The default is the axial noise of a structured-light camera in Nguyen, Izadi and Lovell, "Modeling Kinect Sensor
/// Noise for Improved 3D Reconstruction and Tracking", 3DIMPVT 2012, equation 2.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DepthNoise {
    /// Sigma at `offset_m`.
    pub constant_m: f64,
    /// Growth with the square of the distance beyond `offset_m`.
    pub quadratic_per_m: f64,
    /// Distance of least noise.
    pub offset_m: f64,
}

impl Default for DepthNoise {
    fn default() -> Self {
        DepthNoise { constant_m: 0.0012, quadratic_per_m: 0.0019, offset_m: 0.4 }
    }
}

impl DepthNoise {
    /// One standard deviation at depth `depth_m`.
    pub fn sigma_m(&self, depth_m: f64) -> f64 {
        let beyond_m = (depth_m - self.offset_m).max(0.0);
        self.constant_m + self.quadratic_per_m * beyond_m * beyond_m
    }

    /// The same in single precision, for whole images.
    pub fn sigma_single(&self, depth_m: f32) -> f32 {
        let beyond_m = (depth_m - self.offset_m as f32).max(0.0);
        self.constant_m as f32 + self.quadratic_per_m as f32 * beyond_m * beyond_m
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_trusted_is_marked_by_side_and_has_no_depth() {
        let map = DepthMap::new(5, 1, vec![0.1, 0.2, 8.0, 8.1, f32::INFINITY]).unwrap().trusted_within(0.2..=8.0);
        let (trusted, unknown) = map.depth_m().split_at(4);
        assert_eq!(trusted, [f32::NEG_INFINITY, 0.2, 8.0, f32::INFINITY]);
        assert!(unknown[0].is_nan());
        assert_eq!((0..5).map(|u| map.at(u, 0)).collect::<Vec<_>>(), [None, Some(0.2), Some(8.0), None, None]);
    }
}
