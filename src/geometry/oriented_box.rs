//! Boxes of any orientation around measured points.

use nalgebra::{Matrix3, Point3, SymmetricEigen, UnitVector3, Vector3};

use super::{
    GeometryError, Prepared, Quantity, Unit,
    boxes::{Extent, STRAYS_TRUSTED, extent_along, outline_across},
    footprint::{AS_GOOD, LARGER_BY_SIDE, SAME_WITHIN_RAD, judged_size},
    plane::normals_of,
    ray_grid::tangent_axes,
    surface::{Surface, UNIFORM_SIGMA, pose_variance},
};

/// Faces looked for: three of a box are visible at most.
const MAX_FACES: usize = 3;
/// Two faces are square to each other when their normals are within this of a right angle.
const SQUARE_COSINE: f64 = 0.17;

/// The smallest box around the visible points, in whatever direction it lies.
#[derive(Clone, Debug, PartialEq)]
pub struct OrientedBox {
    /// Centre.
    pub center_m: Point3<f64>,
    /// Unit vectors along the sides, right-handed, longest side first.
    pub axes: [Vector3<f64>; 3],
    /// Lengths along the axes, longest first.
    pub sides: [Quantity; 3],
    /// One standard deviation of the axes' directions, radians.
    pub axes_sigma_rad: f64,
    /// One standard deviation of the centre from the placement of its view, metres.
    pub placed_sigma_m: f64,
}

impl OrientedBox {
    /// The eight corners.
    pub fn corners_m(&self) -> [Point3<f64>; 8] {
        std::array::from_fn(|corner| {
            let half = |axis: usize| {
                let sign = if corner >> axis & 1 == 1 { 0.5 } else { -0.5 };
                self.axes[axis] * (sign * self.sides[axis].value())
            };
            self.center_m + half(0) + half(1) + half(2)
        })
    }

    /// Whether a point lies within, each side widened by `by_m`.
    pub fn contains(&self, p: &Point3<f64>, by_m: f64) -> bool {
        let offset = p - self.center_m;
        self.axes.iter().zip(&self.sides).all(|(axis, side)| axis.dot(&offset).abs() <= side.value() / 2.0 + by_m)
    }
}

/// Fits [`OrientedBox`].
///
/// Axes are taken from the visible faces (planes by RANSAC), from the principal axes and from the vertical, each completed by the
/// best rectangle across it or by a second face. Of boxes of like volume the one along whose sides the points lie holds. Sides and their
/// sigma follow the rules of [`super::boxes::upright_box`].
///
/// # Errors
/// [`GeometryError::NotMeasurable`] when the points have no finite extent.
pub fn oriented_box(prepared: &Prepared) -> Result<OrientedBox, GeometryError> {
    let surface = &prepared.surface;
    let not_finite = || GeometryError::NotMeasurable("the points have no finite extent".to_owned());
    let mut found: Vec<Fitted> =
        candidates(surface).into_iter().filter_map(|candidate| Fitted::of(surface, candidate)).collect();
    let least_m3 = found.iter().map(|fitted| fitted.volume_m3).fold(f64::INFINITY, f64::min);
    found.retain(|fitted| fitted.volume_m3 <= LARGER_BY_SIDE.powi(3) * least_m3);
    found.sort_by(|a, b| a.size.total_cmp(&b.size));
    let mut found = found.into_iter();
    let best = found.next().ok_or_else(not_finite)?;
    let rivals: Vec<Fitted> = found
        .take_while(|other| other.size <= AS_GOOD * best.size)
        .filter(|other| other.is_turned_from(&best))
        .collect();
    let unsure_m = [0, 1, 2].map(|rank| rivals.iter().map(|rival| rival.off_m(&best, rank)).fold(0.0, f64::max));
    let Fitted { axes, sigma_rad, extents, .. } = best;
    let center_m = axes.iter().zip(&extents).map(|(axis, extent)| axis * extent.middle_m()).sum::<Vector3<f64>>();
    let mut order = [0usize, 1, 2];
    order.sort_by(|i, j| extents[*j].length_m().total_cmp(&extents[*i].length_m()));
    let side = |i: usize, unsure_m: f64| {
        let (extent, others) = (&extents[i], [(i + 1) % 3, (i + 2) % 3].map(|j| extents[j].length_m()));
        let overhang = (extent.low.overhang_m.powi(2) + extent.high.overhang_m.powi(2)) * STRAYS_TRUSTED.powi(2);
        // A box turned by a small angle is longer by that times its other sides.
        let turned_m = sigma_rad * others[0].hypot(others[1]);
        let variance = extent.low.variance + extent.high.variance + overhang + turned_m.powi(2) + unsure_m.powi(2);
        Quantity::new(extent.length_m(), variance.sqrt(), Unit::Metre).ok_or_else(not_finite)
    };
    let [first, second, _] = order;
    let (long, middle) = (axes[first], axes[second]);
    let (ray, range_m) = {
        let offset = Point3::from(center_m) - surface.viewpoint_m;
        (offset.try_normalize(1e-9).unwrap_or_default(), offset.norm())
    };
    Ok(OrientedBox {
        center_m: Point3::from(center_m),
        axes: [long, middle, long.cross(&middle)],
        sides: [side(order[0], unsure_m[0])?, side(order[1], unsure_m[1])?, side(order[2], unsure_m[2])?],
        axes_sigma_rad: sigma_rad.hypot(surface.pose_sigma.rotation_rad),
        placed_sigma_m: pose_variance(&surface.pose_sigma, &ray, range_m, &tangent_axes(&ray_or_up(&ray)).0).sqrt(),
    })
}

fn ray_or_up(ray: &Vector3<f64>) -> Vector3<f64> {
    if ray.norm_squared() > 0.5 { *ray } else { Vector3::z() }
}

struct Candidate {
    axes: [Vector3<f64>; 3],
    sigma_rad: f64,
}

struct Fitted {
    axes: [Vector3<f64>; 3],
    sigma_rad: f64,
    extents: [Extent; 3],
    volume_m3: f64,
    /// By [`judged_size`].
    size: f64,
}

impl Fitted {
    fn of(surface: &Surface, Candidate { axes, sigma_rad }: Candidate) -> Option<Fitted> {
        const N_JUDGED: usize = 2000;
        let [x, y, z] = &axes;
        let extents = [extent_along(surface, x)?, extent_along(surface, y)?, extent_along(surface, z)?];
        // The thickness of a board is mostly noise, which must not decide on its own.
        let sides_m = extents.each_ref().map(|extent| extent.length_m() + noise_m(extent));
        let off_m = |p: &Point3<f64>| {
            let nearest = axes.iter().zip(&extents).map(|(axis, extent)| {
                let at_m = axis.dot(&p.coords);
                (at_m - extent.low.value_m).abs().min((extent.high.value_m - at_m).abs())
            });
            nearest.fold(f64::INFINITY, f64::min)
        };
        let (sum_m, n) = surface.sample(N_JUDGED).fold((0.0, 0.0), |(sum, n), point| (sum + off_m(&point.p), n + 1.0));
        let size = judged_size(sides_m, sum_m / f64::max(n, 1.0));
        Some(Fitted { axes, sigma_rad, extents, volume_m3: sides_m.into_iter().product(), size })
    }

    fn is_turned_from(&self, other: &Fitted) -> bool {
        let nearest = |axis: &Vector3<f64>| other.axes.iter().map(|own| own.dot(axis).abs()).fold(0.0, f64::max);
        self.axes.iter().any(|axis| nearest(axis) < SAME_WITHIN_RAD.cos())
    }

    fn center_m(&self) -> Vector3<f64> {
        self.axes.iter().zip(&self.extents).map(|(axis, extent)| axis * extent.middle_m()).sum()
    }

    /// One standard deviation of the side of that rank from not knowing which of the two boxes is the true one; see the upright box.
    fn off_m(&self, best: &Fitted, rank: usize) -> f64 {
        let side_m = |of: &Fitted| {
            let mut sides_m = of.extents.each_ref().map(Extent::length_m);
            sides_m.sort_by(|a, b| b.total_cmp(a));
            sides_m.into_iter().nth(rank).unwrap_or_default()
        };
        (0.5 * (side_m(self) - side_m(best)).abs()).max((self.center_m() - best.center_m()).norm())
    }
}

fn noise_m(extent: &Extent) -> f64 {
    2.0 * (extent.low.variance + extent.high.variance).sqrt()
}

fn candidates(surface: &Surface) -> Vec<Candidate> {
    let faces = normals_of(surface, MAX_FACES);
    let mut found = Vec::new();
    for (i, (first, first_sigma)) in faces.iter().enumerate() {
        for (second, second_sigma) in faces.iter().skip(i + 1) {
            if first.dot(second).abs() > SQUARE_COSINE {
                continue;
            }
            let across = second.into_inner() - first.into_inner() * first.dot(second);
            let Some(across) = across.try_normalize(1e-6) else { continue };
            let axes = [first.into_inner(), across, first.cross(&across)];
            let sigma_rad = first_sigma.hypot(*second_sigma);
            found.push(Candidate { axes, sigma_rad });
        }
    }
    let principal = principal_axes(surface);
    let sampling_rad = sampling_rad(surface);
    let faces = faces.into_iter().map(|(normal, sigma)| (normal.into_inner(), sigma));
    let others = principal.map(|axis| (axis, sampling_rad));
    for (axis, sigma_rad) in faces.chain(others).chain([(Vector3::z(), 0.0)]) {
        let (right, down) = tangent_axes(&axis);
        let Some(extent) = extent_along(surface, &axis) else { continue };
        let (_, Some(outline)) = outline_across(surface, &extent, &axis, [right, down]) else { continue };
        let (sin, cos) = outline.best.direction_rad.sin_cos();
        let along = right * cos + down * sin;
        let axes = [axis, along, axis.cross(&along)];
        found.push(Candidate { axes, sigma_rad: sigma_rad.hypot(sampling_rad) });
    }
    found
}

/// How surely an outline's direction is known: one pixel over its length.
fn sampling_rad(surface: &Surface) -> f64 {
    let n = surface.points.len().max(1) as f64;
    let spacing_m = surface.points.iter().map(|point| point.spacing_m).sum::<f64>() / n;
    let mean = surface.points.iter().map(|point| point.p.coords).sum::<Vector3<f64>>() / n;
    let spread_m = (surface.points.iter().map(|point| (point.p.coords - mean).norm_squared()).sum::<f64>() / n).sqrt();
    (spacing_m * UNIFORM_SIGMA / spread_m.max(1e-6)).atan()
}

fn principal_axes(surface: &Surface) -> [Vector3<f64>; 3] {
    let n = surface.points.len().max(1) as f64;
    let mean = surface.points.iter().map(|point| point.p.coords).sum::<Vector3<f64>>() / n;
    let scatter = surface.points.iter().fold(Matrix3::zeros(), |sum, point| {
        let away = point.p.coords - mean;
        sum + away * away.transpose()
    });
    let eigen = SymmetricEigen::new(scatter / n);
    [0, 1, 2].map(|i| {
        UnitVector3::try_new(eigen.eigenvectors.column(i).into_owned(), 1e-9)
            .map_or(Vector3::z(), UnitVector3::into_inner)
    })
}

#[cfg(test)]
mod tests {
    use nalgebra::{Isometry3, Rotation3, Translation3, UnitQuaternion};

    use super::*;
    use crate::geometry::{
        DepthNoise, PoseSigma,
        analytic_scene::{AnalyticScene, Random, Shape, look_at, vga_camera},
    };

    fn boxed(size_m: [f64; 3], rotation: UnitQuaternion<f64>, random: &mut Random) -> OrientedBox {
        let block = Shape::Block {
            fixed_from_block: Isometry3::from_parts(Translation3::new(1.2, 0.0, 0.4), rotation),
            half_size_m: Vector3::from(size_m) / 2.0,
        };
        let scene = AnalyticScene::new().with(1, Shape::floor(-0.5)).with(2, block);
        let noise = DepthNoise::default();
        let camera = look_at(Point3::new(0.0, 0.0, 1.1), Point3::new(1.2, 0.0, 0.4));
        let view = scene.render(&vga_camera(), &camera).with_noise(&noise, random);
        let cloud = view.cloud(Some(2), &noise, PoseSigma::default(), 1);
        oriented_box(&Prepared::of(&cloud, "the block").unwrap()).unwrap()
    }

    #[test]
    fn a_tilted_block_is_measured_along_its_own_axes() {
        let mut random = Random(5);
        let (mut n_sides, mut n_covered) = (0, 0);
        for _ in 0..12 {
            let mut angle = |low: f64, high: f64| random.between(low, high);
            // So that three faces show.
            let rotation = Rotation3::from_euler_angles(angle(-0.3, 0.3), angle(-0.35, 0.25), angle(0.4, 1.1));
            let found = boxed([0.30, 0.20, 0.12], rotation.into(), &mut random);
            for (side, truth) in found.sides.iter().zip([0.30, 0.20, 0.12]) {
                n_sides += 1;
                n_covered += usize::from((side.value() - truth).abs() <= 2.0 * side.sigma());
                assert!((side.value() - truth).abs() < 0.012, "{rotation}: {:?}", found.sides);
                assert!(side.sigma() < 0.012, "{:?}", found.sides);
            }
            let off_m = (found.center_m - Point3::new(1.2, 0.0, 0.4)).norm();
            assert!(off_m < 0.01, "{off_m}");
            for (i, axis) in found.axes.iter().enumerate() {
                let truth = rotation.matrix().column(i).into_owned();
                assert!(axis.dot(&truth).abs() > 0.999, "axis {i}: {axis} {truth}");
            }
            assert!((found.axes[0].cross(&found.axes[1]) - found.axes[2]).norm() < 1e-9);
        }
        assert!(n_covered * 100 >= 85 * n_sides, "{n_covered} of {n_sides}");
    }

    /// Top and front of equal breadth: a box across their corner is as small as the right one.
    #[test]
    fn two_visible_faces_are_not_measured_across_their_corner() {
        let mut random = Random(7);
        for yaw_rad in [1.571, 1.6, 1.52] {
            let turned = UnitQuaternion::from_euler_angles(0.0, 0.0, yaw_rad);
            let found = boxed([0.36, 0.20, 0.20], turned, &mut random);
            for (side, truth) in found.sides.iter().zip([0.36, 0.20, 0.20]) {
                assert!((side.value() - truth).abs() <= 0.01 + 2.0 * side.sigma(), "{yaw_rad}: {:?}", found.sides);
            }
        }
    }

    /// Something covers the top, so that only two walls show.
    #[test]
    fn a_carton_under_a_lid_is_not_measured_across_its_corner() {
        let mut random = Random(6);
        for size_m in [[0.19, 0.18, 0.15], [0.30, 0.20, 0.14], [0.40, 0.16, 0.20]] {
            for _ in 0..6 {
                let (size, yaw_rad) = (Vector3::from(size_m), random.between(0.4, 1.1));
                let carton = Shape::standing_block(Point3::new(1.1, 0.0, 0.0), size, yaw_rad);
                let lid_at = Point3::new(1.1, 0.0, size.z + 1e-4);
                let lid = Shape::standing_block(lid_at, Vector3::new(size.x, size.y, 0.03), yaw_rad);
                let constant_m = random.between(0.002, 0.006);
                let noise = DepthNoise { constant_m, quadratic_per_m: 0.0, offset_m: 0.0 };
                let camera = look_at(Point3::new(0.0, 0.0, 0.6), Point3::new(1.1, 0.0, 0.1));
                let scene = AnalyticScene::new().with(1, Shape::floor(0.0)).with(2, carton).with(3, lid);
                let view = scene.render(&vga_camera(), &camera).with_noise(&noise, &mut random);
                let cloud = view.cloud(Some(2), &noise, PoseSigma::default(), 1);
                let found = oriented_box(&Prepared::of(&cloud, "the carton").unwrap()).unwrap();
                let mut truths = size_m;
                truths.sort_by(|a, b| b.total_cmp(a));
                for (side, truth_m) in found.sides.iter().zip(truths) {
                    let about = format!("{size_m:?} at {yaw_rad:.2}, noise {constant_m:.4}: {:?}", found.sides);
                    assert!((side.value() - truth_m).abs() <= 3.0 * side.sigma() + 0.003, "{about}");
                    assert!(side.sigma() <= 0.02, "{about}");
                }
            }
        }
    }

    #[test]
    fn corners_and_containment_follow_the_axes() {
        let found = boxed([0.30, 0.20, 0.12], UnitQuaternion::from_euler_angles(0.0, 0.0, 0.7), &mut Random(1));
        for corner in found.corners_m() {
            assert!(found.contains(&corner, 1e-9) && !found.contains(&corner, -0.005));
        }
        assert!(found.contains(&found.center_m, 0.0));
    }
}
