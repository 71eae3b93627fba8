//! Exact depth and label images of spheres, boxes, cylinders and planes: the truth that measurements are tested against.
//!
//! Integration tests use `crate::support::analytic_scene`; unit tests inside the library
//! use `crate::geometry::analytic_scene`.

#![allow(dead_code, missing_docs, reason = "each including test uses a part")]

use nalgebra::{Isometry3, Matrix3, Point3, Rotation3, Translation3, UnitQuaternion, UnitVector3, Vector3};
use spatialclaw::geometry::{DepthMap, DepthNoise, Intrinsics, Mask, PointCloud, PoseSigma, cloud::CameraPlacement};

/// Placed in the fixed frame, +z up.
#[derive(Clone, Debug)]
pub enum Shape {
    Sphere {
        center_m: Point3<f64>,
        radius_m: f64,
    },
    Block {
        fixed_from_block: Isometry3<f64>,
        half_size_m: Vector3<f64>,
    },
    /// Upright; solid.
    Cylinder {
        base_center_m: Point3<f64>,
        radius_m: f64,
        height_m: f64,
    },
    /// All points with `normal · p = offset_m`.
    Plane {
        normal: UnitVector3<f64>,
        offset_m: f64,
    },
}

impl Shape {
    /// A block standing on `base_center_m`, turned about +z.
    pub fn standing_block(base_center_m: Point3<f64>, size_m: Vector3<f64>, yaw_rad: f64) -> Shape {
        let center = base_center_m.coords + Vector3::z() * (size_m.z / 2.0);
        let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), yaw_rad);
        Shape::Block {
            fixed_from_block: Isometry3::from_parts(Translation3::from(center), turn),
            half_size_m: size_m / 2.0,
        }
    }

    pub fn sphere(center_m: Point3<f64>, radius_m: f64) -> Shape {
        Shape::Sphere { center_m, radius_m }
    }

    /// The horizontal plane at height `z_m`.
    pub fn floor(z_m: f64) -> Shape {
        Shape::Plane { normal: Vector3::z_axis(), offset_m: z_m }
    }

    pub fn moved(&self, by_m: Vector3<f64>) -> Shape {
        let mut moved = self.clone();
        match &mut moved {
            Shape::Sphere { center_m, .. } => *center_m += by_m,
            Shape::Block { fixed_from_block, .. } => fixed_from_block.translation.vector += by_m,
            Shape::Cylinder { base_center_m, .. } => *base_center_m += by_m,
            Shape::Plane { normal, offset_m } => *offset_m += normal.dot(&by_m),
        }
        moved
    }

    /// Smallest t > 0 at which `origin + t * direction` meets the surface from outside.
    pub fn hit(&self, origin_m: &Point3<f64>, direction: &Vector3<f64>) -> Option<f64> {
        match self {
            Shape::Sphere { center_m, radius_m } => {
                let from_center = origin_m - center_m;
                let (a, b) = (direction.norm_squared(), from_center.dot(direction));
                let discriminant = b * b - a * (from_center.norm_squared() - radius_m * radius_m);
                (discriminant >= 0.0).then(|| (-b - discriminant.sqrt()) / a).filter(|t| *t > 1e-9)
            }
            Shape::Plane { normal, offset_m } => {
                let rate = normal.dot(direction);
                (rate.abs() > 1e-12).then(|| (offset_m - normal.dot(&origin_m.coords)) / rate).filter(|t| *t > 1e-9)
            }
            Shape::Block { fixed_from_block, half_size_m } => {
                let origin = fixed_from_block.inverse_transform_point(origin_m).coords;
                let along = fixed_from_block.inverse_transform_vector(direction);
                let (enter, leave) = slabs(&origin, &along, &-half_size_m, half_size_m, 3);
                (enter <= leave && enter > 1e-9).then_some(enter)
            }
            Shape::Cylinder { base_center_m, radius_m, height_m } => {
                let origin = origin_m - base_center_m;
                let a = direction.xy().norm_squared();
                let b = origin.xy().dot(&direction.xy());
                let c = origin.xy().norm_squared() - radius_m * radius_m;
                let (mut enter, mut leave) = (f64::NEG_INFINITY, f64::INFINITY);
                if a < 1e-18 {
                    if c > 0.0 {
                        return None;
                    }
                } else {
                    let discriminant = b * b - a * c;
                    if discriminant < 0.0 {
                        return None;
                    }
                    enter = (-b - discriminant.sqrt()) / a;
                    leave = (-b + discriminant.sqrt()) / a;
                }
                let up = Vector3::new(origin.z, 0.0, 0.0);
                let rise = Vector3::new(direction.z, 0.0, 0.0);
                let (cap_enter, cap_leave) =
                    slabs(&up, &rise, &Vector3::zeros(), &Vector3::new(*height_m, 0.0, 0.0), 1);
                enter = enter.max(cap_enter);
                leave = leave.min(cap_leave);
                (enter <= leave && enter > 1e-9).then_some(enter)
            }
        }
    }
}

/// Entry and exit of a line through the box of the first `n_axes` axes.
fn slabs(
    origin: &Vector3<f64>,
    along: &Vector3<f64>,
    low: &Vector3<f64>,
    high: &Vector3<f64>,
    n_axes: usize,
) -> (f64, f64) {
    let (mut enter, mut leave) = (f64::NEG_INFINITY, f64::INFINITY);
    for axis in 0..n_axes {
        if along[axis].abs() < 1e-15 {
            if origin[axis] < low[axis] || origin[axis] > high[axis] {
                return (f64::INFINITY, f64::NEG_INFINITY);
            }
            continue;
        }
        let (t0, t1) = ((low[axis] - origin[axis]) / along[axis], (high[axis] - origin[axis]) / along[axis]);
        enter = enter.max(t0.min(t1));
        leave = leave.min(t0.max(t1));
    }
    (enter, leave)
}

/// Shapes with their label ids (0 is background and never a body's id).
#[derive(Clone, Debug, Default)]
pub struct AnalyticScene {
    pub bodies: Vec<(u32, Shape)>,
}

impl AnalyticScene {
    pub fn new() -> AnalyticScene {
        AnalyticScene::default()
    }

    pub fn with(mut self, label: u32, shape: Shape) -> AnalyticScene {
        self.bodies.push((label, shape));
        self
    }

    /// What a perfect pinhole depth camera sees.
    pub fn render(&self, intrinsics: &Intrinsics, fixed_from_camera: &Isometry3<f64>) -> RenderedView {
        let n_pixels = intrinsics.width_px as usize * intrinsics.height_px as usize;
        let (mut depth_m, mut label_ids) = (Vec::with_capacity(n_pixels), Vec::with_capacity(n_pixels));
        let origin = Point3::from(fixed_from_camera.translation.vector);
        for v in 0..intrinsics.height_px {
            for u in 0..intrinsics.width_px {
                let ray = Vector3::from(intrinsics.unproject(f64::from(u), f64::from(v), 1.0));
                let direction = fixed_from_camera.rotation * ray;
                let nearest = self.nearest_hit(&origin, &direction);
                depth_m.push(nearest.map_or(f32::NAN, |(t, _)| t as f32));
                label_ids.push(nearest.map_or(0, |(_, label)| label));
            }
        }
        RenderedView { intrinsics: *intrinsics, fixed_from_camera: *fixed_from_camera, depth_m, label_ids }
    }

    /// The visible surface of one body at `times` the resolution, without noise.
    pub fn dense_points(
        &self,
        intrinsics: &Intrinsics,
        fixed_from_camera: &Isometry3<f64>,
        label: u32,
        times: u32,
    ) -> Vec<Point3<f64>> {
        let coarse = self.render(intrinsics, fixed_from_camera);
        let Some(around) = coarse.mask(label).bounding_box() else { return Vec::new() };
        let origin = Point3::from(fixed_from_camera.translation.vector);
        // Fine rays fill each pixel evenly; what shows lies at most a pixel beyond the coarse outline.
        let fine = |low: u32, high: u32, size: u32| {
            let first = low.saturating_sub(1) * times;
            let end = (high + 2).min(size) * times;
            (first..end).map(move |step| (f64::from(step) + 0.5) / f64::from(times) - 0.5)
        };
        let mut points = Vec::new();
        for v in fine(around.v_min_px, around.v_max_px, intrinsics.height_px) {
            for u in fine(around.u_min_px, around.u_max_px, intrinsics.width_px) {
                let direction = fixed_from_camera.rotation * Vector3::from(intrinsics.unproject(u, v, 1.0));
                if let Some((t, _)) = self.nearest_hit(&origin, &direction).filter(|(_, found)| *found == label) {
                    points.push(origin + direction * t);
                }
            }
        }
        points
    }

    fn nearest_hit(&self, origin_m: &Point3<f64>, direction: &Vector3<f64>) -> Option<(f64, u32)> {
        self.bodies
            .iter()
            .filter_map(|(label, shape)| Some((shape.hit(origin_m, direction)?, *label)))
            .min_by(|a, b| a.0.total_cmp(&b.0))
    }
}

/// One view: depth along z in metres (NaN: nothing there) and label ids, both row-major H×W.
#[derive(Clone, Debug)]
pub struct RenderedView {
    pub intrinsics: Intrinsics,
    pub fixed_from_camera: Isometry3<f64>,
    pub depth_m: Vec<f32>,
    pub label_ids: Vec<u32>,
}

impl RenderedView {
    /// With independent Gaussian noise on each pixel's depth.
    pub fn with_noise(mut self, noise: &DepthNoise, random: &mut Random) -> RenderedView {
        for depth in self.depth_m.iter_mut().filter(|depth| depth.is_finite()) {
            *depth += (random.gaussian() * noise.sigma_m(f64::from(*depth))) as f32;
        }
        self
    }

    /// Depth rounded to whole millimetres, as a 16UC1 image stores it.
    pub fn quantised_to_mm(mut self) -> RenderedView {
        for depth in self.depth_m.iter_mut().filter(|depth| depth.is_finite()) {
            *depth = (*depth * 1000.0).round() / 1000.0;
        }
        self
    }

    /// Replaces this share of the pixels next to another label by depths between the two surfaces ("flying pixels").
    pub fn with_flying_pixels(mut self, share: f64, random: &mut Random) -> RenderedView {
        let (width, height) = (self.intrinsics.width_px as usize, self.intrinsics.height_px as usize);
        let before = self.depth_m.clone();
        for v in 1..height.saturating_sub(1) {
            for u in 1..width.saturating_sub(1) {
                let i = v * width + u;
                let other = [i - 1, i + 1, i - width, i + width]
                    .into_iter()
                    .find(|j| self.label_ids[*j] != self.label_ids[i] && before[*j].is_finite());
                if let Some(other) = other
                    && before[i].is_finite()
                    && random.uniform() < share
                {
                    let mix = random.uniform() as f32;
                    self.depth_m[i] = before[i] * (1.0 - mix) + before[other] * mix;
                }
            }
        }
        self
    }

    pub fn depth_map(&self) -> DepthMap {
        DepthMap::new(self.intrinsics.width_px, self.intrinsics.height_px, self.depth_m.clone()).unwrap()
    }

    pub fn mask(&self, label: u32) -> Mask {
        let set = self.label_ids.iter().map(|id| *id == label).collect();
        Mask::new(self.intrinsics.width_px, self.intrinsics.height_px, set).unwrap()
    }

    /// The cloud of one label, or of all pixels, placed where the view really was.
    pub fn cloud(&self, label: Option<u32>, noise: &DepthNoise, pose_sigma: PoseSigma, view_id: u64) -> PointCloud {
        self.cloud_placed_at(&self.fixed_from_camera, label, noise, pose_sigma, view_id)
    }

    /// The cloud as somebody sees it who believes that the camera stands at `believed`.
    pub fn cloud_placed_at(
        &self,
        believed: &Isometry3<f64>,
        label: Option<u32>,
        noise: &DepthNoise,
        pose_sigma: PoseSigma,
        view_id: u64,
    ) -> PointCloud {
        let mask = label.map(|label| self.mask(label));
        let placement = CameraPlacement { target_from_camera: *believed, pose_sigma, view_id };
        PointCloud::from_depth(&self.depth_map(), mask.as_ref(), &self.intrinsics, noise, &placement)
    }
}

/// 320×240, 60° wide.
pub fn small_camera() -> Intrinsics {
    Intrinsics { width_px: 320, height_px: 240, fx_px: 277.1, fy_px: 277.1, cx_px: 159.5, cy_px: 119.5 }
}

/// 640×480 with the focal length of a structured-light camera.
pub fn vga_camera() -> Intrinsics {
    Intrinsics { width_px: 640, height_px: 480, fx_px: 525.0, fy_px: 525.0, cx_px: 319.5, cy_px: 239.5 }
}

/// `fixed_from_camera` of an optical frame (z forward, x right, y down) at `eye_m` that looks at `target_m`, image upright.
pub fn look_at(eye_m: Point3<f64>, target_m: Point3<f64>) -> Isometry3<f64> {
    let forward = (target_m - eye_m).normalize();
    let right = if forward.xy().norm() < 1e-6 { Vector3::x() } else { forward.cross(&Vector3::z()).normalize() };
    let down = forward.cross(&right);
    let rotation = Rotation3::from_matrix_unchecked(Matrix3::from_columns(&[right, down, forward]));
    Isometry3::from_parts(Translation3::from(eye_m.coords), UnitQuaternion::from_rotation_matrix(&rotation))
}

/// A camera placement that is off by random errors of the given size about and along each axis.
pub fn misplaced(fixed_from_camera: &Isometry3<f64>, sigma: PoseSigma, random: &mut Random) -> Isometry3<f64> {
    let mut gaussian = |scale: f64| Vector3::from_fn(|_, _| random.gaussian() * scale);
    let (shift, turn) = (gaussian(sigma.position_m), gaussian(sigma.rotation_rad));
    Isometry3::from_parts(
        Translation3::from(fixed_from_camera.translation.vector + shift),
        UnitQuaternion::from_scaled_axis(turn) * fixed_from_camera.rotation,
    )
}

/// Splitmix64 (Steele, Lea and Flood 2014).
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// In [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Mean 0, standard deviation 1 (Box and Muller 1958).
    pub fn gaussian(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}
