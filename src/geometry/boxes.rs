//! Boxes around measured points, upright along the frame's +z.

use nalgebra::{Matrix3, Point3, Vector3};

use super::{
    GeometryError, PointCloud, Quantity, Unit,
    footprint::{Rectangle, Rectangles, convex_hull, nearest_in, rectangles},
    surface::{MIN_POINTS, Surface, SurfacePoint, pose_variance},
};

/// The smallest upright box around the visible points: a rectangle in the horizontal plane times the vertical extent, after trimming
/// outliers. Of rectangles of like area it is the one along whose sides the points lie that are neither on the top nor on the bottom.
#[derive(Clone, Debug, PartialEq)]
pub struct UprightBox {
    /// Centre of the box.
    pub center_m: Point3<f64>,
    /// Rotation of the box's x axis (the longer horizontal side) about +z, radians in (-π/2, π/2].
    pub yaw_rad: f64,
    /// Longer horizontal side.
    pub length: Quantity,
    /// Shorter horizontal side.
    pub width: Quantity,
    /// Vertical side.
    pub height: Quantity,
    /// z of the lowest part.
    pub bottom_m: Quantity,
    /// z of the highest part.
    pub top_m: Quantity,
    /// Robust (median) centre of the visible points.
    pub median_m: Point3<f64>,
    /// Covariance of `median_m` in the frame, m².
    pub covariance_m2: Matrix3<f64>,
    /// Corners of the convex footprint in the xy plane, counter-clockwise, metres.
    pub footprint_m: Vec<[f64; 2]>,
}

impl UprightBox {
    /// The place over the footprint nearest to `p`, at the height of `p`.
    pub fn nearest_over(&self, p: &Point3<f64>) -> Point3<f64> {
        let [x, y] = nearest_in(&self.footprint_m, [p.x, p.y]);
        Point3::new(x, y, p.z)
    }
}

/// Share of the strays' overhang that counts as one standard deviation; held by the coverage tests.
pub(crate) const STRAYS_TRUSTED: f64 = 0.12;

/// Fits [`UprightBox`]. The cloud's frame must have +z up.
///
/// Flying pixels are removed, depth is averaged along the rays and silhouettes move out by half a pixel first (the `surface` module).
/// Each side then lies where the outermost points are, without a tenth of a pixel row of strays, and averaged over those that the
/// noise ties with the outermost. Sigma of a side holds the depth noise and sampling of both ends, a share of what the strays overhang,
/// the tilt of the view's placement over the other extents, and for the horizontal sides what other rectangles give that are about as
/// good; `top_m`, `bottom_m` and the covariance hold the whole placement error.
///
/// # Errors
/// [`GeometryError::TooFewPoints`] below 20 points.
pub fn upright_box(cloud: &PointCloud) -> Result<UprightBox, GeometryError> {
    box_of(&Surface::of(cloud, "the object")?)
}

pub(crate) fn box_of(surface: &Surface) -> Result<UprightBox, GeometryError> {
    let not_finite = || GeometryError::NotMeasurable("the points have no finite extent".to_owned());
    let vertical = extent_along(surface, &Vector3::z()).ok_or_else(not_finite)?;
    let (footprint_m, found) = outline_across(surface, &vertical, &Vector3::z(), [Vector3::x(), Vector3::y()]);
    let Rectangles { best, rivals } = found.ok_or_else(not_finite)?;
    let yaw_rad = best.direction_rad;
    let (forward, left) =
        (Vector3::new(yaw_rad.cos(), yaw_rad.sin(), 0.0), Vector3::new(-yaw_rad.sin(), yaw_rad.cos(), 0.0));
    let along = extent_along(surface, &forward).ok_or_else(not_finite)?;
    let across = extent_along(surface, &left).ok_or_else(not_finite)?;
    let center = forward * along.middle_m() + left * across.middle_m() + Vector3::z() * vertical.middle_m();
    let (yaw_rad, long, short) = if along.length_m() >= across.length_m() {
        (yaw_rad, &along, &across)
    } else {
        (yaw_rad + std::f64::consts::FRAC_PI_2, &across, &along)
    };
    let tilt_rad = surface.pose_sigma.rotation_rad;
    let horizontal_m = long.length_m();
    let side = |extent: &Extent, lever_m: f64, unsure_m: f64| {
        let overhang = (extent.low.overhang_m.powi(2) + extent.high.overhang_m.powi(2)) * STRAYS_TRUSTED.powi(2);
        let variance =
            extent.low.variance + extent.high.variance + overhang + (tilt_rad * lever_m).powi(2) + unsure_m.powi(2);
        Quantity::new(extent.length_m(), variance.sqrt(), Unit::Metre).ok_or_else(not_finite)
    };
    let level = |end: &End| {
        let placed = pose_variance(&surface.pose_sigma, &end.point.ray, end.point.range_m, &Vector3::z());
        Quantity::new(end.value_m, (end.variance + placed).sqrt(), Unit::Metre).ok_or_else(not_finite)
    };
    let median_m = median(surface);
    Ok(UprightBox {
        center_m: Point3::from(center),
        yaw_rad: folded(yaw_rad),
        length: side(long, vertical.length_m(), unsure_m(&best, &rivals, 0))?,
        width: side(short, vertical.length_m(), unsure_m(&best, &rivals, 1))?,
        height: side(&vertical, horizontal_m, 0.0)?,
        bottom_m: level(&vertical.low)?,
        top_m: level(&vertical.high)?,
        median_m,
        covariance_m2: median_covariance(surface, &median_m),
        footprint_m,
    })
}

/// One standard deviation of a side (0 the longer, 1 the shorter) from not knowing which of several rectangles is the true one: two cover
/// the other's side, and half of one the other's centre by two.
fn unsure_m(best: &Rectangle, rivals: &[Rectangle], side: usize) -> f64 {
    let [x, y] = best.center_m();
    let off = |rival: &Rectangle| {
        let ([rival_x, rival_y], [sides_m, rival_sides_m]) = (rival.center_m(), [best.sides_m(), rival.sides_m()]);
        let longer_m = if side == 0 { rival_sides_m[0] - sides_m[0] } else { rival_sides_m[1] - sides_m[1] };
        (0.5 * longer_m.abs()).max((rival_x - x).hypot(rival_y - y))
    };
    rivals.iter().map(off).fold(0.0, f64::max)
}

/// The hull of the points in the plane of `across`, and the rectangles around it. Points clear of both ends along `axis` lie on its sides.
pub(crate) fn outline_across(
    surface: &Surface,
    along_axis: &Extent,
    axis: &Vector3<f64>,
    across: [Vector3<f64>; 2],
) -> (Vec<[f64; 2]>, Option<Rectangles>) {
    /// Fewer than one in so many points are what an uneven top leaves.
    const LEAST_WALL_SHARE: usize = 20;
    const MAX_WALL_POINTS: usize = 1000;
    let flat = |point: &SurfacePoint| across.map(|direction| direction.dot(&point.p.coords));
    let hull = convex_hull(&trimmed(surface.points.iter().map(flat).collect()));
    let inner = [&along_axis.low, &along_axis.high].map(|end| 3.0 * end.variance.sqrt());
    let (low_m, high_m) = (along_axis.low.value_m + inner[0], along_axis.high.value_m - inner[1]);
    let is_wall = |point: &&SurfacePoint| (low_m..=high_m).contains(&axis.dot(&point.p.coords));
    let mut walls: Vec<[f64; 2]> = surface.points.iter().filter(is_wall).map(flat).collect();
    if walls.len() < MIN_POINTS.max(surface.points.len() / LEAST_WALL_SHARE) {
        walls.clear();
    }
    let stride = walls.len().div_ceil(MAX_WALL_POINTS).max(1);
    let walls: Vec<[f64; 2]> = walls.into_iter().step_by(stride).collect();
    let found = rectangles(&hull, &walls);
    (hull, found)
}

/// One end of the points along a direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) value_m: f64,
    /// Depth noise, sampling and spread; without placement.
    pub(crate) variance: f64,
    pub(crate) point: SurfacePoint,
    /// How far the strays that were left out reach beyond the end. Few points may also be a sliver of a side seen at a grazing angle.
    pub(crate) overhang_m: f64,
}

pub(crate) struct Extent {
    pub(crate) low: End,
    pub(crate) high: End,
}

impl Extent {
    pub(crate) fn length_m(&self) -> f64 {
        (self.high.value_m - self.low.value_m).max(0.0)
    }

    pub(crate) fn middle_m(&self) -> f64 {
        0.5 * (self.high.value_m + self.low.value_m)
    }
}

pub(crate) fn extent_along(surface: &Surface, direction: &Vector3<f64>) -> Option<Extent> {
    let low = farthest_along(&surface.points, &-direction)?;
    Some(Extent { low: End { value_m: -low.value_m, ..low }, high: farthest_along(&surface.points, direction)? })
}

/// Strays that may lie beyond a side of `n` points: a tenth of the root of their number, so about a tenth of a pixel row.
fn n_strays(n: usize) -> usize {
    (0.1 * (n as f64).sqrt()) as usize
}

/// Where the points end along a unit direction.
///
/// Beyond the strays, the outermost values within two averaged standard deviations of each other cannot be told apart; the end is their
/// median. `None` without points.
pub(crate) fn farthest_along(points: &[SurfacePoint], direction: &Vector3<f64>) -> Option<End> {
    let mut values: Vec<(f64, &SurfacePoint)> =
        points.iter().map(|point| (direction.dot(&point.p.coords), point)).collect();
    let n_strays = n_strays(values.len());
    let n_strays = n_strays.min(values.len().checked_sub(1)?);
    values.select_nth_unstable_by(n_strays, |x, y| y.0.total_cmp(&x.0));
    let (base_m, base) = *values.get(n_strays)?;
    let outermost_m = values.iter().take(n_strays + 1).map(|(value_m, _)| *value_m).fold(base_m, f64::max);
    let sigma_m = base.variance_along(direction).sqrt();
    let mut tied: Vec<(f64, &SurfacePoint)> =
        values.into_iter().filter(|(value_m, _)| (value_m - base_m).abs() <= 2.0 * sigma_m).collect();
    tied.sort_by(|x, y| x.0.total_cmp(&y.0));
    let (value_m, point) = *tied.get(tied.len() / 2)?;
    let spread = tied.iter().map(|(other_m, _)| (other_m - value_m).powi(2)).sum::<f64>() / tied.len() as f64;
    let overhang_m = outermost_m - value_m;
    Some(End { value_m, variance: point.variance_along(direction) + spread, point: *point, overhang_m })
}

/// Plane coordinates without the strays beyond any of 16 directions.
pub(crate) fn trimmed(xy: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    const N_DIRECTIONS: usize = 16;
    let n_strays = n_strays(xy.len());
    let limits: Vec<(f64, f64, f64)> = (0..N_DIRECTIONS)
        .filter_map(|step| {
            let (sin, cos) = (std::f64::consts::TAU * step as f64 / N_DIRECTIONS as f64).sin_cos();
            let mut values: Vec<f64> = xy.iter().map(|[x, y]| x * cos + y * sin).collect();
            let n_strays = n_strays.min(values.len().checked_sub(1)?);
            values.select_nth_unstable_by(n_strays, |a, b| b.total_cmp(a));
            Some((cos, sin, *values.get(n_strays)?))
        })
        .collect();
    xy.into_iter().filter(|[x, y]| limits.iter().all(|(cos, sin, limit)| x * cos + y * sin <= *limit)).collect()
}

pub(crate) fn median(surface: &Surface) -> Point3<f64> {
    let coordinate = |axis: usize| {
        let mut values: Vec<f64> = surface.points.iter().map(|point| point.p[axis]).collect();
        let middle = values.len() / 2;
        if values.is_empty() {
            return 0.0;
        }
        *values.select_nth_unstable_by(middle, f64::total_cmp).1
    };
    Point3::new(coordinate(0), coordinate(1), coordinate(2))
}

/// Depth noise along the ray (already credited with no more than 25 readings), one pixel of sampling across it, and the placement.
fn median_covariance(surface: &Surface, median_m: &Point3<f64>) -> Matrix3<f64> {
    let offset = median_m - surface.viewpoint_m;
    let range_m = offset.norm();
    let ray = offset.try_normalize(1e-9).unwrap_or_default();
    let n = surface.points.len().max(1) as f64;
    let noise = surface.points.iter().map(|point| point.sigma_m.powi(2)).sum::<f64>() / n;
    let spacing_m = surface.points.iter().map(|point| point.spacing_m).sum::<f64>() / n;
    let along = ray * ray.transpose();
    let across = Matrix3::identity() - along;
    let pose = &surface.pose_sigma;
    along * noise
        + across * (spacing_m.powi(2) / 12.0 + (pose.rotation_rad * range_m).powi(2))
        + Matrix3::identity() * pose.position_m.powi(2)
}

/// Into (-π/2, π/2]: a box turned by half a turn is the same box.
fn folded(yaw_rad: f64) -> f64 {
    let turned = yaw_rad.rem_euclid(std::f64::consts::PI);
    if turned > std::f64::consts::FRAC_PI_2 { turned - std::f64::consts::PI } else { turned }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{
        DepthNoise, PoseSigma,
        analytic_scene::{AnalyticScene, Random, Shape, look_at, vga_camera},
    };

    const CARTON: u32 = 2;

    fn noisy(random: &mut Random) -> DepthNoise {
        DepthNoise { constant_m: random.between(0.002, 0.006), quadratic_per_m: 0.0, offset_m: 0.0 }
    }

    /// What a camera 1.1 m away at this bearing and height sees of a thing at the origin; `lid` is what covers it.
    fn seen(
        thing: Shape,
        lid: Option<Shape>,
        bearing_rad: f64,
        eye_height_m: f64,
        noise: &DepthNoise,
        random: &mut Random,
    ) -> UprightBox {
        let mut scene = AnalyticScene::new().with(1, Shape::floor(0.0)).with(CARTON, thing);
        scene.bodies.extend(lid.map(|lid| (3, lid)));
        let eye = Point3::new(1.1 * bearing_rad.cos(), 1.1 * bearing_rad.sin(), eye_height_m);
        let view = scene.render(&vga_camera(), &look_at(eye, Point3::new(0.0, 0.0, 0.1))).with_noise(noise, random);
        upright_box(&view.cloud(Some(CARTON), noise, PoseSigma::default(), 1)).unwrap()
    }

    /// A carton of which two walls show, one more than the other: length and width, and the turn modulo a quarter.
    fn check_carton(size_m: [f64; 3], is_covered: bool, random: &mut Random) {
        let size = Vector3::from(size_m);
        let yaw_rad = random.between(-1.5, 1.5);
        let noise = noisy(random);
        // Each wall is met at 15° at least.
        let bearing_rad = yaw_rad
            + std::f64::consts::FRAC_PI_2 * (random.uniform() * 4.0).floor()
            + random.between(0.26, std::f64::consts::FRAC_PI_2 - 0.26);
        let carton = Shape::standing_block(Point3::origin(), size, yaw_rad);
        let book = is_covered.then(|| {
            let book_m = Vector3::new(size.x, size.y, 0.03);
            Shape::standing_block(Point3::new(0.0, 0.0, size.z + 1e-4), book_m, yaw_rad)
        });
        let found = seen(carton, book, bearing_rad, random.between(0.35, 0.8), &noise, random);
        let about = format!(
            "{size_m:?} covered {is_covered}, yaw {yaw_rad:.2}, seen at {:.2}, noise {:.4}: {} x {} at {:.2}",
            bearing_rad - yaw_rad,
            noise.constant_m,
            found.length,
            found.width,
            found.yaw_rad
        );
        for (side, truth_m) in [(found.length, size.x.max(size.y)), (found.width, size.x.min(size.y))] {
            assert!((side.value() - truth_m).abs() <= 3.0 * side.sigma() + 0.002, "{about}");
            assert!(side.sigma() <= 0.015, "{about}");
        }
        let turned = (found.yaw_rad - yaw_rad).rem_euclid(std::f64::consts::FRAC_PI_2);
        assert!(turned.min(std::f64::consts::FRAC_PI_2 - turned) < 0.07, "{about}");
        assert!(found.center_m.xy().coords.norm() < 0.02, "{about}, centre {}", found.center_m);
    }

    #[test]
    fn a_carton_is_measured_along_its_walls_whether_its_top_shows_or_not() {
        let mut random = Random(20);
        for size_m in [[0.19, 0.18, 0.15], [0.30, 0.20, 0.15], [0.16, 0.40, 0.20], [0.25, 0.25, 0.08]] {
            for _ in 0..8 {
                check_carton(size_m, true, &mut random);
                check_carton(size_m, false, &mut random);
            }
        }
    }

    #[test]
    fn a_round_thing_is_as_wide_as_it_is_and_no_larger() {
        let mut random = Random(8);
        for radius_m in [0.05, 0.09, 0.14] {
            for _ in 0..6 {
                let (noise, bearing_rad) = (noisy(&mut random), random.between(-3.1, 3.1));
                let tin = Shape::Cylinder { base_center_m: Point3::origin(), radius_m, height_m: 0.15 };
                let found = seen(tin, None, bearing_rad, random.between(0.5, 0.9), &noise, &mut random);
                for side in [found.length, found.width] {
                    let text = format!("{radius_m} ± {}: {} x {}", noise.constant_m, found.length, found.width);
                    assert!((side.value() - 2.0 * radius_m).abs() <= 3.0 * side.sigma() + 0.003, "{text}");
                    assert!(side.sigma() <= 0.02, "{text}");
                }
            }
        }
    }

    /// So small and noisy that the walls hardly tell the rectangles apart: where the wrong one is taken, sigma says so.
    #[test]
    fn where_two_rectangles_fit_sigma_covers_both() {
        const N: usize = 60;
        let mut random = Random(77);
        let (mut n_covered, mut n_unsure) = (0, 0);
        for _ in 0..N {
            let yaw_rad = random.between(-1.5, 1.5);
            let carton = Shape::standing_block(Point3::origin(), Vector3::new(0.07, 0.06, 0.06), yaw_rad);
            let lid = Shape::standing_block(Point3::new(0.0, 0.0, 0.0601), Vector3::new(0.07, 0.06, 0.03), yaw_rad);
            let noise = DepthNoise { constant_m: random.between(0.006, 0.018), quadratic_per_m: 0.0, offset_m: 0.0 };
            let found = seen(carton, Some(lid), yaw_rad + random.between(0.4, 1.1), 0.5, &noise, &mut random);
            let off = |side: Quantity, truth_m: f64| (side.value() - truth_m).abs() / side.sigma();
            n_covered += usize::from(off(found.length, 0.07).max(off(found.width, 0.06)) <= 3.0);
            n_unsure += usize::from(found.length.sigma() > 0.01);
        }
        println!("{n_covered} of {N} within 3 sigma, {n_unsure} with a large sigma");
        assert!(n_unsure > 0 && n_covered * 100 >= 90 * N, "{n_covered} of {N} covered, {n_unsure} unsure");
    }

    #[test]
    fn without_walls_the_smallest_rectangle_holds() {
        let mut random = Random(2);
        for yaw_rad in [-1.2, -0.4, 0.1, 0.7] {
            let board = Shape::standing_block(Point3::origin(), Vector3::new(0.4, 0.25, 0.004), yaw_rad);
            let found = seen(board, None, random.between(-3.1, 3.1), 0.9, &DepthNoise::default(), &mut random);
            let sides = [(found.length, 0.4), (found.width, 0.25)];
            assert!(sides.iter().all(|(side, truth)| (side.value() - truth).abs() <= 3.0 * side.sigma()), "{sides:?}");
            let turned = (found.yaw_rad - yaw_rad).rem_euclid(std::f64::consts::PI);
            assert!(turned.min(std::f64::consts::PI - turned) < 0.03, "{} for {yaw_rad}", found.yaw_rad);
        }
    }
}
