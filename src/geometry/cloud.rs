//! Points measured on one surface from one viewpoint, with what is known about their error.

use std::sync::Arc;

use nalgebra::{Isometry3, Point3};
use serde::{Deserialize, Serialize};

use super::{DepthMap, DepthNoise, Intrinsics, Mask};

/// One standard deviation of a camera's placement in the target frame. It is common to all points of one view, so it cancels in
/// distances between points of the same view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PoseSigma {
    /// Each axis, metres.
    pub position_m: f64,
    /// About each axis, radians.
    pub rotation_rad: f64,
}

/// Measured points in one coordinate frame.
#[derive(Clone, Debug)]
pub struct PointCloud {
    /// K×3, metres. Finite.
    pub points_m: Arc<[[f32; 3]]>,
    /// K, one standard deviation along each point's viewing ray, metres.
    pub sigma_m: Arc<[f32]>,
    /// Where the points were seen from, in the same frame.
    pub viewpoint_m: Point3<f64>,
    /// Angle between neighbouring pixels: points lie about `range * pixel_pitch_rad` apart.
    pub pixel_pitch_rad: f64,
    /// Uncertainty of the camera's placement in this frame.
    pub pose_sigma: PoseSigma,
    /// Identifies the view: clouds with equal ids share the placement error.
    pub view_id: u64,
}

/// Where a view's camera stood, and how surely.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CameraPlacement {
    /// Maps optical coordinates into the target frame.
    pub target_from_camera: Isometry3<f64>,
    /// Its uncertainty.
    pub pose_sigma: PoseSigma,
    /// See [`PointCloud::view_id`].
    pub view_id: u64,
}

impl PointCloud {
    /// The points under `mask` with known depth, in the target frame. Empty when nothing is known there.
    /// Mask and depth must have the intrinsics' size; pixels beyond the smaller one are left out.
    pub fn from_depth(
        depth: &DepthMap,
        mask: Option<&Mask>,
        intrinsics: &Intrinsics,
        noise: &DepthNoise,
        placement: &CameraPlacement,
    ) -> PointCloud {
        let width = depth.width_px() as usize;
        let mut points_m = Vec::new();
        let mut sigma_m = Vec::new();
        for (index, depth_m) in depth.depth_m().iter().enumerate() {
            if !depth_m.is_finite() || mask.is_some_and(|mask| mask.as_slice().get(index) != Some(&true)) {
                continue;
            }
            let (u, v, z) = ((index % width) as f64, (index / width) as f64, f64::from(*depth_m));
            let in_camera = intrinsics.unproject(u, v, z);
            let ray_per_depth = (in_camera[0].hypot(in_camera[1]) / z).hypot(1.0);
            let p = placement.target_from_camera * Point3::from(in_camera);
            points_m.push([p.x as f32, p.y as f32, p.z as f32]);
            sigma_m.push((noise.sigma_m(z) * ray_per_depth) as f32);
        }
        PointCloud {
            points_m: points_m.into(),
            sigma_m: sigma_m.into(),
            viewpoint_m: Point3::from(placement.target_from_camera.translation.vector),
            pixel_pitch_rad: intrinsics.pixel_pitch_rad(),
            pose_sigma: placement.pose_sigma,
            view_id: placement.view_id,
        }
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.points_m.len()
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.points_m.is_empty()
    }

    /// The same points in another frame. Sigma, sampling and view stay.
    pub fn transformed(&self, target_from_source: &Isometry3<f64>) -> PointCloud {
        let points_m = self
            .points_m
            .iter()
            .map(|p| {
                let p = target_from_source * Point3::new(f64::from(p[0]), f64::from(p[1]), f64::from(p[2]));
                [p.x as f32, p.y as f32, p.z as f32]
            })
            .collect();
        PointCloud {
            points_m,
            sigma_m: self.sigma_m.clone(),
            viewpoint_m: target_from_source * self.viewpoint_m,
            ..*self
        }
    }

    /// Only the points at `keep`, in that order; indices beyond the end are left out.
    pub fn select(&self, keep: &[usize]) -> PointCloud {
        PointCloud {
            points_m: keep.iter().filter_map(|i| self.points_m.get(*i).copied()).collect(),
            sigma_m: keep.iter().filter_map(|i| self.sigma_m.get(*i).copied()).collect(),
            ..self.clone()
        }
    }
}
