//! What one image measured where a thing is not: whether a place was hidden from it, or seen through.
//!
//! A place that lies behind what the image measured on its ray was hidden: the image knows nothing of it. A place in front of what was
//! measured was seen through: nothing was there.

use std::sync::Arc;

use nalgebra::{Isometry3, Point3};

use super::{
    DepthMap, DepthNoise, Intrinsics, Mask, PixelBox, cloud::CameraPlacement, occlusion::MAX_SHADOW_PX,
    ray_grid::STEEPEST,
};

/// Neighbouring pixels are looked at up to this far, however badly the camera is placed.
const MAX_REACH_PX: i64 = 8;

/// What an image says about a place outside of a thing's silhouette.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glimpse {
    /// A nearer surface covers it, it lies outside of the image, or the thing has no depth there.
    Unknown,
    /// The image sees what lies behind it.
    SeenThrough,
}

/// The depth image in which a thing was seen.
#[derive(Clone, Debug)]
pub struct Surroundings {
    pub(super) depth: DepthMap,
    pub(super) intrinsics: Intrinsics,
    pub(super) noise: DepthNoise,
    pub(super) camera_from_target: Isometry3<f64>,
    /// Where the thing's pixels are; `None` when it has none.
    pub(super) within: Option<PixelBox>,
    /// Whose they are in there, row-major.
    own: Arc<[bool]>,
}

/// A place and how surely it is known.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// In the frame of the surroundings.
    pub p: Point3<f64>,
    /// One standard deviation along the ray, metres.
    pub sigma_m: f64,
    /// To the neighbouring measured point, metres.
    pub spacing_m: f64,
    /// By how much the ray may be off, radians.
    pub reach_rad: f64,
}

impl Surroundings {
    /// Of the thing under `mask`.
    pub fn new(
        depth: &DepthMap,
        mask: &Mask,
        intrinsics: &Intrinsics,
        noise: &DepthNoise,
        placement: &CameraPlacement,
    ) -> Surroundings {
        let within = mask.bounding_box();
        let own = within.map(|at| {
            let rows = (at.v_min_px..=at.v_max_px).map(|v| (at.u_min_px..=at.u_max_px).map(move |u| (u, v)));
            rows.flatten().map(|(u, v)| mask.contains(u, v)).collect()
        });
        Surroundings {
            depth: depth.clone(),
            intrinsics: *intrinsics,
            noise: *noise,
            camera_from_target: placement.target_from_camera.inverse(),
            within,
            own: own.unwrap_or_default(),
        }
    }

    /// The same in another frame.
    pub fn transformed(&self, target_from_source: &Isometry3<f64>) -> Surroundings {
        Surroundings { camera_from_target: self.camera_from_target * target_from_source.inverse(), ..self.clone() }
    }

    /// What the image says about a place at which it does not show the thing.
    pub fn glimpse(&self, place: &Place) -> Glimpse {
        let in_camera = self.camera_from_target * place.p;
        let z_m = in_camera.z;
        let Some((u, v)) = self.intrinsics.project([in_camera.x, in_camera.y, z_m]) else { return Glimpse::Unknown };
        let (u, v) = (u.round() as i64, v.round() as i64);
        let Some(at) = self.position(u, v) else { return Glimpse::Unknown };
        let has_depth = self.depth.depth_m().get(at).is_some_and(|depth_m| depth_m.is_finite());
        if !has_depth && self.is_own(u, v) {
            return Glimpse::Unknown;
        }
        let reach_px = ((place.reach_rad / self.intrinsics.pixel_pitch_rad()).ceil() as i64).clamp(1, MAX_REACH_PX);
        let noise_m = 4.0 * self.noise.sigma_m(z_m).hypot(place.sigma_m);
        let here_m = noise_m + 3.0 * place.spacing_m;
        // Beside the ray a steep surface that does not cover it may be nearer.
        let beside_m = here_m + STEEPEST * place.spacing_m * reach_px as f64;
        let is_nearer = |u: i64, v: i64, tolerance_m: f64| {
            self.value(u, v).is_some_and(|depth_m| f64::from(depth_m) < z_m - tolerance_m)
        };
        let is_covered = is_nearer(u, v, here_m)
            || (-reach_px..=reach_px)
                .any(|down| (-reach_px..=reach_px).any(|across| is_nearer(u + across, v + down, beside_m)));
        // Depth cameras see nothing in the shadow beside a nearer surface.
        let is_blind = self.value(u, v).is_none_or(f32::is_nan);
        let shadow_px = i64::from(MAX_SHADOW_PX);
        let in_shadow = || {
            (1..=shadow_px).any(|n| {
                [(n, 0), (-n, 0), (0, n), (0, -n)].into_iter().any(|(du, dv)| is_nearer(u + du, v + dv, beside_m))
            })
        };
        if is_covered || (is_blind && in_shadow()) { Glimpse::Unknown } else { Glimpse::SeenThrough }
    }

    /// Whether a pixel is the thing's own.
    pub(super) fn is_own(&self, u: i64, v: i64) -> bool {
        let Some(at) = self.within else { return false };
        let (u_min, u_max) = (i64::from(at.u_min_px), i64::from(at.u_max_px));
        let (v_min, v_max) = (i64::from(at.v_min_px), i64::from(at.v_max_px));
        let is_within = (u_min..=u_max).contains(&u) && (v_min..=v_max).contains(&v);
        is_within && self.own.get(((v - v_min) * (u_max - u_min + 1) + u - u_min) as usize) == Some(&true)
    }

    pub(super) fn position(&self, u: i64, v: i64) -> Option<usize> {
        let (width, height) = (i64::from(self.depth.width_px()), i64::from(self.depth.height_px()));
        ((0..width).contains(&u) && (0..height).contains(&v)).then(|| (v * width + u) as usize)
    }

    /// NaN where unknown, infinite where not trusted; `None` outside of the image.
    fn value(&self, u: i64, v: i64) -> Option<f32> {
        self.depth.depth_m().get(self.position(u, v)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTRINSICS: Intrinsics =
        Intrinsics { width_px: 40, height_px: 30, fx_px: 50.0, fy_px: 50.0, cx_px: 20.0, cy_px: 15.0 };

    /// A wall at 2 m, to the left of pixel 10 a cabinet at 1 m, beside it a shadow of 3 pixels, above row 5 nothing with depth; the thing
    /// has a hole at (30, 20).
    fn glimpse(u: f64, v: f64, z_m: f64) -> Glimpse {
        let mut depth_m = vec![2.0; 40 * 30];
        for (i, depth) in depth_m.iter_mut().enumerate() {
            *depth = match (i % 40, i / 40) {
                (0..10, _) => 1.0,
                (10..13, _) | (_, 0..5) | (30, 20) => f32::NAN,
                _ => *depth,
            };
        }
        let depth = DepthMap::new(40, 30, depth_m).unwrap();
        let mask = Mask::new(40, 30, (0..40 * 30).map(|i| i == 20 * 40 + 30).collect()).unwrap();
        let placement =
            CameraPlacement { target_from_camera: Isometry3::identity(), pose_sigma: Default::default(), view_id: 0 };
        let around = Surroundings::new(&depth, &mask, &INTRINSICS, &DepthNoise::default(), &placement);
        let p = Point3::from(INTRINSICS.unproject(u, v, z_m));
        around.glimpse(&Place { p, sigma_m: 0.002, spacing_m: 0.001, reach_rad: 0.01 })
    }

    #[test]
    fn behind_a_surface_is_unknown_and_before_it_seen_through() {
        for (u, v, z_m, expected, what) in [
            (5.0, 15.0, 1.5, Glimpse::Unknown, "behind the cabinet"),
            (5.0, 15.0, 0.8, Glimpse::SeenThrough, "before the cabinet"),
            (25.0, 15.0, 1.5, Glimpse::SeenThrough, "before the wall"),
            (25.0, 15.0, 2.5, Glimpse::Unknown, "behind the wall"),
            (12.0, 15.0, 1.5, Glimpse::Unknown, "in the cabinet's shadow"),
            (12.0, 15.0, 0.8, Glimpse::SeenThrough, "before the cabinet, where depth is unknown"),
            (35.0, 2.0, 1.5, Glimpse::SeenThrough, "where depth is unknown and nothing nearer is around"),
            (30.0, 20.0, 1.5, Glimpse::Unknown, "where the thing itself has no depth"),
            (45.0, 15.0, 1.5, Glimpse::Unknown, "outside of the image"),
            (25.0, 15.0, -1.0, Glimpse::Unknown, "behind the camera"),
        ] {
            assert_eq!(glimpse(u, v, z_m), expected, "{what}");
        }
    }

    #[test]
    fn in_another_frame_it_is_the_same() {
        let moved = Isometry3::translation(1.0, 2.0, 3.0);
        let depth = DepthMap::new(40, 30, vec![2.0; 1200]).unwrap();
        let mask = Mask::new(40, 30, vec![false; 1200]).unwrap();
        let placement =
            CameraPlacement { target_from_camera: Isometry3::identity(), pose_sigma: Default::default(), view_id: 0 };
        let around = Surroundings::new(&depth, &mask, &INTRINSICS, &DepthNoise::default(), &placement);
        let place =
            |z_m| Place { p: moved * Point3::new(0.1, 0.0, z_m), sigma_m: 0.002, spacing_m: 0.001, reach_rad: 0.01 };
        let around = around.transformed(&moved);
        assert_eq!(
            (around.glimpse(&place(1.5)), around.glimpse(&place(2.5))),
            (Glimpse::SeenThrough, Glimpse::Unknown)
        );
    }
}
