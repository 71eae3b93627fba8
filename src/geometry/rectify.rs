//! Resampling of raw images to the rectified pinhole camera: colour bilinear, depth and labels nearest.

use nalgebra::Vector3;

use super::calibration::Calibration;

/// For every rectified pixel the place in the raw image that sees the same ray. Built once per calibration.
#[derive(Clone, Debug)]
pub struct RectifyMap {
    raw_width_px: u32,
    raw_height_px: u32,
    width_px: u32,
    height_px: u32,
    /// Raw (u, v) per rectified pixel, row-major; NaN where no raw pixel sees the ray.
    raw_px: Vec<[f32; 2]>,
    /// Rectified depth per raw depth; empty when R is the identity, where it is 1 everywhere.
    depth_scale: Vec<f32>,
}

impl RectifyMap {
    /// `None` when the raw image already is the rectified one.
    pub fn new(calibration: &Calibration) -> Option<RectifyMap> {
        if calibration.is_identity() {
            return None;
        }
        let Calibration { raw, distortion, rectified_from_raw, rectified } = calibration;
        let max_radius = distortion.max_radius();
        let turned = rectified_from_raw.angle() > 1e-9;
        let n_pixels = rectified.width_px as usize * rectified.height_px as usize;
        let mut raw_px = Vec::with_capacity(n_pixels);
        let mut depth_scale = Vec::new();
        for v in 0..rectified.height_px {
            for u in 0..rectified.width_px {
                let ray = Vector3::from(rectified.unproject(f64::from(u), f64::from(v), 1.0));
                let ray = rectified_from_raw.inverse() * ray;
                let (x, y) = (ray.x / ray.z, ray.y / ray.z);
                let seen = ray.z > 1e-6 && x.hypot(y) <= max_radius;
                raw_px.push(if seen {
                    let [x, y] = distortion.distort([x, y]);
                    [(x * raw.fx_px + raw.cx_px) as f32, (y * raw.fy_px + raw.cy_px) as f32]
                } else {
                    [f32::NAN; 2]
                });
                if turned {
                    // The ray has depth 1 in the rectified frame and `ray.z` in the raw one.
                    depth_scale.push(if seen { (1.0 / ray.z) as f32 } else { f32::NAN });
                }
            }
        }
        Some(RectifyMap {
            raw_width_px: raw.width_px,
            raw_height_px: raw.height_px,
            width_px: rectified.width_px,
            height_px: rectified.height_px,
            raw_px,
            depth_scale,
        })
    }

    /// Width and height of the rectified image.
    pub fn size_px(&self) -> (u32, u32) {
        (self.width_px, self.height_px)
    }

    /// Bilinear resampling of interleaved 8-bit colour (H×W×3 raw to H×W×3 rectified); black where nothing was seen.
    /// `None` when `raw` has another size.
    pub fn rectify_rgb(&self, raw: &[u8]) -> Option<Vec<u8>> {
        let (width, height) = (self.raw_width_px as usize, self.raw_height_px as usize);
        if raw.len() != width * height * 3 {
            return None;
        }
        let mut rectified = Vec::with_capacity(self.raw_px.len() * 3);
        for [u, v] in &self.raw_px {
            // Half a pixel beyond the outermost centres still belongs to the image.
            let inside = *u >= -0.5 && *v >= -0.5 && *u <= width as f32 - 0.5 && *v <= height as f32 - 0.5;
            if !inside {
                rectified.extend([0, 0, 0]);
                continue;
            }
            let (u, v) = (u.clamp(0.0, width as f32 - 1.0), v.clamp(0.0, height as f32 - 1.0));
            let (left, top) = (u as usize, v as usize);
            let (right, bottom) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
            let (along, down) = (u - left as f32, v - top as f32);
            for channel in 0..3 {
                let at = |u: usize, v: usize| f32::from(raw.get((v * width + u) * 3 + channel).copied().unwrap_or(0));
                let upper = at(left, top) * (1.0 - along) + at(right, top) * along;
                let lower = at(left, bottom) * (1.0 - along) + at(right, bottom) * along;
                rectified.push((upper * (1.0 - down) + lower * down).round() as u8);
            }
        }
        Some(rectified)
    }

    /// Nearest depth along z, H×W in metres; NaN where nothing was seen. `None` when `raw` has another size.
    pub fn rectify_depth(&self, raw: &[f32]) -> Option<Vec<f32>> {
        let mut rectified = self.rectify_nearest(raw, f32::NAN)?;
        for (depth, scale) in rectified.iter_mut().zip(&self.depth_scale) {
            *depth *= scale;
        }
        Some(rectified)
    }

    /// Nearest value of an H×W image, such as labels; `outside` where nothing was seen. `None` when `raw` has another size.
    pub fn rectify_nearest<T: Copy>(&self, raw: &[T], outside: T) -> Option<Vec<T>> {
        let (width, height) = (self.raw_width_px as usize, self.raw_height_px as usize);
        if raw.len() != width * height {
            return None;
        }
        let nearest = |[u, v]: &[f32; 2]| {
            let (u, v) = (u.round(), v.round());
            if !(u >= 0.0 && v >= 0.0 && u < width as f32 && v < height as f32) {
                return outside;
            }
            raw.get(v as usize * width + u as usize).copied().unwrap_or(outside)
        };
        Some(self.raw_px.iter().map(nearest).collect())
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::{Point3, Rotation3};

    use super::*;
    use crate::geometry::{
        Intrinsics,
        analytic_scene::{AnalyticScene, Shape, look_at, small_camera},
        calibration::Distortion,
    };

    fn calibration(distortion: Distortion, rectified_from_raw: Rotation3<f64>) -> Calibration {
        Calibration { raw: small_camera(), distortion, rectified_from_raw, rectified: small_camera() }
    }

    /// What the distorted camera sees of a plane: depth along its own z, by casting each raw pixel's undistorted ray.
    fn raw_depth(
        lens: &Distortion,
        intrinsics: &Intrinsics,
        plane: &Shape,
        camera: &nalgebra::Isometry3<f64>,
    ) -> Vec<f32> {
        let mut depth_m = Vec::new();
        for v in 0..intrinsics.height_px {
            for u in 0..intrinsics.width_px {
                let [x, y, _] = intrinsics.unproject(f64::from(u), f64::from(v), 1.0);
                let ray = lens.undistort([x, y]).map(|[x, y]| camera.rotation * Vector3::new(x, y, 1.0));
                let origin = Point3::from(camera.translation.vector);
                depth_m.push(ray.and_then(|ray| plane.hit(&origin, &ray)).map_or(f32::NAN, |t| t as f32));
            }
        }
        depth_m
    }

    #[test]
    fn rectified_depth_of_a_distorted_and_turned_camera_is_that_of_a_pinhole() {
        let plane = Shape::floor(0.0);
        let camera = look_at(Point3::new(0.0, 0.0, 1.5), Point3::new(1.2, 0.1, 0.0));
        let lenses = [
            Distortion::PlumbBob([-0.2, 0.05, 0.001, -0.002, 0.0]),
            Distortion::RationalPolynomial([0.3, 0.1, 0.0005, 0.001, 0.01, 0.45, 0.15, 0.02]),
            Distortion::Equidistant([0.02, -0.005, 0.001, 0.0]),
        ];
        for (lens, turn) in lenses.into_iter().zip([0.0, 0.03, -0.05]) {
            let rectified_from_raw = Rotation3::from_euler_angles(0.4 * turn, turn, 0.2 * turn);
            let raw = raw_depth(&lens, &small_camera(), &plane, &camera);
            let map = RectifyMap::new(&calibration(lens.clone(), rectified_from_raw)).unwrap();
            let rectified = map.rectify_depth(&raw).unwrap();
            let rectified_camera =
                camera * nalgebra::UnitQuaternion::from_rotation_matrix(&rectified_from_raw.inverse());
            let expected = AnalyticScene::new().with(1, plane.clone()).render(&small_camera(), &rectified_camera);
            let (mut n_compared, mut worst) = (0, 0.0f32);
            for (found, expected) in rectified.iter().zip(&expected.depth_m) {
                if found.is_finite() && expected.is_finite() && *expected < 4.0 {
                    n_compared += 1;
                    // Half a pixel of nearest-neighbour shift at the shallowest incidence seen.
                    worst = worst.max((found - expected).abs() / (expected * expected));
                }
            }
            assert!(n_compared > 30_000, "{lens:?}: {n_compared}");
            assert!(worst < 0.0035, "{lens:?}: {worst}");
        }
    }

    #[test]
    fn colour_is_interpolated_and_labels_are_not() {
        let size = |width_px, cx_px| Intrinsics { width_px, height_px: 1, fx_px: 2.0, fy_px: 2.0, cx_px, cy_px: 0.0 };
        let calibration = Calibration {
            raw: size(3, 1.0),
            distortion: Distortion::None,
            rectified_from_raw: Rotation3::identity(),
            rectified: size(3, 0.75),
        };
        let map = RectifyMap::new(&calibration).unwrap();
        // Rectified pixel u sees the ray of raw pixel u + 0.25.
        let raw = [0, 0, 0, 100, 40, 0, 200, 40, 80];
        assert_eq!(map.rectify_rgb(&raw).unwrap(), vec![25, 10, 0, 125, 40, 20, 200, 40, 80]);
        assert_eq!(map.rectify_nearest(&[7u32, 8, 9], 0).unwrap(), vec![7, 8, 9]);
        assert_eq!(map.rectify_nearest(&[7u32, 8], 0), None);
    }

    #[test]
    fn rays_beyond_the_fold_of_the_lens_stay_empty() {
        let wide = Intrinsics { width_px: 101, height_px: 1, fx_px: 25.0, fy_px: 25.0, cx_px: 50.0, cy_px: 0.0 };
        let calibration = Calibration {
            raw: wide,
            distortion: Distortion::PlumbBob([-1.0 / 3.0, 0.0, 0.0, 0.0, 0.0]),
            rectified_from_raw: Rotation3::identity(),
            rectified: wide,
        };
        let labels = RectifyMap::new(&calibration).unwrap().rectify_nearest(&[1u8; 101], 0).unwrap();
        // x/z = (u - 50) / 25 is seen up to 1.
        assert_eq!(labels[50 + 24], 1);
        assert_eq!(labels[50 + 27], 0);
        assert_eq!(labels[50 - 27], 0);
    }
}
