//! Points measured on one surface from one viewpoint, with what is known about their error.

use std::{ops::Range, sync::Arc};

use nalgebra::{Isometry3, Point3, Vector3};
use serde::{Deserialize, Serialize};

use super::{DepthMap, DepthNoise, Intrinsics, Mask};
use crate::memory::parallel::{NEVER, parallel_chunks_mut};

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

/// Rows of an image that one thread takes at once.
const ROWS_AT_ONCE: usize = 64;

/// The viewing rays of an image in the target frame, one part per column and one per row: their sum times the depth is the way from
/// the camera to the point.
struct Rays {
    columns: Vec<Ray>,
    across: [f32; 3],
    cy_px: f64,
    fy_px: f64,
    origin_m: [f32; 3],
}

struct Ray {
    direction: [f32; 3],
    /// Squared slope against the optical axis.
    slope2: f32,
}

impl Rays {
    fn new(intrinsics: &Intrinsics, width_px: u32, placement: &CameraPlacement) -> Rays {
        let turn = placement.target_from_camera.rotation.to_rotation_matrix();
        let turn = turn.matrix();
        let columns = (0..width_px)
            .map(|u| {
                let slope = (f64::from(u) - intrinsics.cx_px) / intrinsics.fx_px;
                let direction = turn.column(0) * slope + turn.column(2);
                Ray { direction: single(&direction), slope2: (slope * slope) as f32 }
            })
            .collect();
        Rays {
            columns,
            across: single(&turn.column(1).into_owned()),
            cy_px: intrinsics.cy_px,
            fy_px: intrinsics.fy_px,
            origin_m: single(&placement.target_from_camera.translation.vector),
        }
    }

    fn row(&self, v: usize) -> Ray {
        let slope = (v as f64 - self.cy_px) / self.fy_px;
        Ray { direction: self.across.map(|part| (f64::from(part) * slope) as f32), slope2: (slope * slope) as f32 }
    }
}

/// Where each pixel is in the target frame: H×W rows of x, y, z in metres, NaN where depth is unknown.
pub fn position_map(depth: &DepthMap, intrinsics: &Intrinsics, target_from_camera: &Isometry3<f64>) -> Vec<f64> {
    const MIN_CHUNK: usize = 1 << 15;
    let width = (depth.width_px() as usize).max(1);
    let turn = target_from_camera.rotation.to_rotation_matrix();
    let turn = turn.matrix();
    let origin_m: [f64; 3] = target_from_camera.translation.vector.into();
    let across: [f64; 3] = turn.column(1).into_owned().into();
    let columns: Vec<[f64; 3]> = (0..width)
        .map(|u| (turn.column(0) * ((u as f64 - intrinsics.cx_px) / intrinsics.fx_px) + turn.column(2)).into())
        .collect();
    let mut map = vec![0.0; depth.depth_m().len() * 3];
    let mut rows: Vec<&mut [f64]> = map.chunks_mut(3 * width).collect();
    let filled = parallel_chunks_mut(&mut rows, MIN_CHUNK.div_ceil(width), NEVER, |first, rows| {
        for (v, (row, row_m)) in rows.iter_mut().zip(depth.depth_m().chunks(width).skip(first)).enumerate() {
            let slope = ((first + v) as f64 - intrinsics.cy_px) / intrinsics.fy_px;
            let down = across.map(|part| part * slope);
            for ((point, depth_m), column) in row.as_chunks_mut::<3>().0.iter_mut().zip(row_m).zip(&columns) {
                let depth_m = if depth_m.is_finite() { f64::from(*depth_m) } else { f64::NAN };
                *point = std::array::from_fn(|i| (column[i] + down[i]) * depth_m + origin_m[i]);
            }
        }
    });
    debug_assert!(filled.is_ok(), "nothing interrupts it");
    map
}

/// Stretches of `0..n` in which `holds` everywhere, as long as they are: what is done within one needs no branch for each pixel.
fn runs(n: usize, holds: impl Fn(usize) -> bool) -> impl Iterator<Item = Range<usize>> {
    let mut next = 0;
    std::iter::from_fn(move || {
        let start = (next..n).find(|u| holds(*u))?;
        let end = (start..n).find(|u| !holds(*u)).unwrap_or(n);
        next = end;
        Some(start..end)
    })
}

fn single(v: &Vector3<f64>) -> [f32; 3] {
    [v.x as f32, v.y as f32, v.z as f32]
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
        let width = (depth.width_px() as usize).max(1);
        let n_each = ROWS_AT_ONCE * width;
        let everywhere = [true].repeat(if mask.is_none() { depth.depth_m().len() } else { 0 });
        let set = mask.map_or(everywhere.as_slice(), Mask::as_slice);
        let parts = || depth.depth_m().chunks(n_each).zip(set.chunks(n_each));
        let n_of = |(depths, set): (&[f32], &[bool])| -> usize {
            depths.iter().zip(set).map(|(depth_m, set)| usize::from(*set & depth_m.is_finite())).sum()
        };
        let n_known: Vec<usize> = parts().map(n_of).collect();
        let n = n_known.iter().sum();
        // Filled in place: a list of known length would be copied once more into its shared form.
        let mut points_m: Arc<[[f32; 3]]> = std::iter::repeat_n([0.0; 3], n).collect();
        let mut sigma_m: Arc<[f32]> = std::iter::repeat_n(0.0, n).collect();
        if let (Some(mut points), Some(mut sigmas)) = (Arc::get_mut(&mut points_m), Arc::get_mut(&mut sigma_m)) {
            let mut jobs = Vec::with_capacity(n_known.len());
            for (n, (depths, set)) in n_known.into_iter().zip(parts()) {
                let (some_points, more_points) = points.split_at_mut(n);
                let (some_sigmas, more_sigmas) = sigmas.split_at_mut(n);
                (points, sigmas) = (more_points, more_sigmas);
                jobs.push((depths, set, some_points, some_sigmas));
            }
            let rays = Rays::new(intrinsics, depth.width_px(), placement);
            let filled = parallel_chunks_mut(&mut jobs, 2, NEVER, |first, jobs| {
                for (at, (depths, set, points, sigmas)) in jobs.iter_mut().enumerate() {
                    let (mut points, mut sigmas) = (&mut **points, &mut **sigmas);
                    for (v, (depth_row, set_row)) in depths.chunks(width).zip(set.chunks(width)).enumerate() {
                        let row = rays.row((first + at) * ROWS_AT_ONCE + v);
                        let is_known = |u: usize| {
                            set_row.get(u).is_some_and(|set| *set) && depth_row.get(u).is_some_and(|d| d.is_finite())
                        };
                        for run in runs(depth_row.len(), is_known) {
                            let depths = depth_row.get(run.clone()).unwrap_or_default();
                            let columns = rays.columns.get(run).unwrap_or_default();
                            let (some_points, more_points) = points.split_at_mut(depths.len().min(points.len()));
                            let (some_sigmas, more_sigmas) = sigmas.split_at_mut(depths.len().min(sigmas.len()));
                            (points, sigmas) = (more_points, more_sigmas);
                            let places = some_points.iter_mut().zip(some_sigmas);
                            for ((depth_m, column), (point, sigma)) in depths.iter().zip(columns).zip(places) {
                                *point = std::array::from_fn(|i| {
                                    (column.direction[i] + row.direction[i]) * depth_m + rays.origin_m[i]
                                });
                                *sigma = noise.sigma_single(*depth_m) * (1.0 + column.slope2 + row.slope2).sqrt();
                            }
                        }
                    }
                }
            });
            debug_assert!(filled.is_ok(), "nothing interrupts it");
        }
        PointCloud {
            points_m,
            sigma_m,
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
        let n = self.len();
        if keep.iter().any(|i| *i >= n) {
            let known: Vec<usize> = keep.iter().copied().filter(|i| *i < n).collect();
            return self.select(&known);
        }
        PointCloud {
            points_m: keep.iter().map(|i| self.points_m.get(*i).copied().unwrap_or_default()).collect(),
            sigma_m: keep.iter().map(|i| self.sigma_m.get(*i).copied().unwrap_or_default()).collect(),
            ..self.clone()
        }
    }

    /// Only the points for which `keep` holds, in their order; what is beyond its end is left out.
    pub fn select_where(&self, keep: &[bool]) -> PointCloud {
        let n = keep.iter().filter(|keep| **keep).count();
        let mut at = Vec::with_capacity(n);
        at.extend(keep.iter().enumerate().filter_map(|(i, keep)| keep.then_some(i)));
        self.select(&at)
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Vector3;

    use super::*;
    use crate::geometry::analytic_scene::{AnalyticScene, Random, Shape, look_at, small_camera};

    #[test]
    fn unprojected_depth_lies_on_the_shape_it_was_cast_from() {
        let block_base = Point3::new(1.5, 0.3, 0.0);
        let (center, radius) = (Point3::new(1.2, -0.4, 0.5), 0.25);
        let mut random = Random(1);
        for trial in 0..20 {
            let eye = Point3::new(random.between(-1.0, 0.2), random.between(-1.5, 1.5), random.between(0.4, 1.8));
            let scene = AnalyticScene::new()
                .with(1, Shape::floor(0.0))
                .with(2, Shape::standing_block(block_base, Vector3::new(0.4, 0.2, 0.3), 0.0))
                .with(3, Shape::sphere(center, radius));
            let view = scene.render(&small_camera(), &look_at(eye, Point3::new(1.3, 0.0, 0.2)));
            let noise = DepthNoise::default();
            let cloud = |label| view.cloud(Some(label), &noise, PoseSigma::default(), trial);
            assert!(cloud(1).points_m.iter().all(|p| p[2].abs() < 1e-5));
            assert!(cloud(3).len() > 100 && cloud(2).len() > 100);
            for p in cloud(3).points_m.iter() {
                let p = Point3::new(f64::from(p[0]), f64::from(p[1]), f64::from(p[2]));
                assert!(((p - center).norm() - radius).abs() < 1e-5, "{p} is off the sphere");
            }
            for p in cloud(2).points_m.iter() {
                let off: [f64; 3] = [f64::from(p[0]) - 1.5, f64::from(p[1]) - 0.3, f64::from(p[2]) - 0.15];
                let past = (off[0].abs() - 0.2).max(off[1].abs() - 0.1).max(off[2].abs() - 0.15);
                assert!(past.abs() < 1e-5, "{p:?} is off the block");
            }
            assert!((cloud(2).viewpoint_m - eye).norm() < 1e-12);
        }
    }

    #[test]
    fn an_off_centre_pixel_unprojects_by_the_pinhole_equation() {
        let intrinsics = Intrinsics { width_px: 4, height_px: 3, fx_px: 2.0, fy_px: 4.0, cx_px: 1.0, cy_px: 0.5 };
        let mut depth_m = vec![f32::NAN; 12];
        depth_m[2 * 4 + 3] = 2.0;
        let depth = DepthMap::new(4, 3, depth_m).unwrap();
        let target_from_camera = look_at(Point3::new(10.0, 0.0, 1.0), Point3::new(11.0, 0.0, 1.0));
        let placement = CameraPlacement { target_from_camera, pose_sigma: PoseSigma::default(), view_id: 7 };
        let noise = DepthNoise { constant_m: 0.01, quadratic_per_m: 0.0, offset_m: 0.0 };
        let cloud = PointCloud::from_depth(&depth, None, &intrinsics, &noise, &placement);
        // x right = (3-1)/2*2 = 2, y down = (2-0.5)/4*2 = 0.75, z forward = 2; the camera looks along +x.
        assert_eq!(cloud.len(), 1);
        for (found, expected) in cloud.points_m[0].iter().zip([12.0, -2.0, 0.25]) {
            assert!((found - expected).abs() < 1e-6, "{:?}", cloud.points_m[0]);
        }
        let ray_per_depth = (1.0f64 + 1.0 + 0.375 * 0.375).sqrt();
        assert!((f64::from(cloud.sigma_m[0]) - 0.01 * ray_per_depth).abs() < 1e-8);
    }

    #[test]
    fn a_mask_keeps_only_its_pixels() {
        let depth = DepthMap::new(2, 2, vec![1.0, 2.0, 0.0, 4.0]).unwrap();
        let mask = Mask::new(2, 2, vec![false, true, true, true]).unwrap();
        let intrinsics = Intrinsics { width_px: 2, height_px: 2, fx_px: 1.0, fy_px: 1.0, cx_px: 0.0, cy_px: 0.0 };
        let placement =
            CameraPlacement { target_from_camera: Isometry3::identity(), pose_sigma: PoseSigma::default(), view_id: 0 };
        let cloud = PointCloud::from_depth(&depth, Some(&mask), &intrinsics, &DepthNoise::default(), &placement);
        assert_eq!(cloud.points_m.to_vec(), vec![[2.0, 0.0, 2.0], [4.0, 4.0, 4.0]]);
    }
}
