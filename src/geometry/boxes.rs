//! Boxes around measured points, upright along the frame's +z.

use nalgebra::{Matrix3, Point3, Vector3};

use super::{
    GeometryError, PointCloud, Quantity, Unit,
    footprint::{convex_hull, smallest_rectangle},
    surface::{Surface, SurfacePoint, pose_variance},
};

/// The smallest upright box around the visible points: a minimum-area rectangle in the horizontal plane
/// (rotating calipers over the convex hull) times the vertical extent, after trimming outliers.
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

/// Share of the strays' overhang that counts as one standard deviation; held by the coverage tests.
pub(crate) const STRAYS_TRUSTED: f64 = 0.12;

/// Fits [`UprightBox`]. The cloud's frame must have +z up.
///
/// Flying pixels are removed, depth is averaged along the rays and silhouettes move out by half a pixel first (the `surface` module).
/// Each side then lies where the outermost points are, without a tenth of a pixel row of strays, and averaged over those that the
/// noise ties with the outermost. Sigma of a side holds both ends' depth noise and sampling, a share of what the strays overhang, and the tilt of the view's placement over the
/// other extents; `top_m`, `bottom_m` and the covariance hold the whole placement error.
///
/// # Errors
/// [`GeometryError::TooFewPoints`] below 20 points.
pub fn upright_box(cloud: &PointCloud) -> Result<UprightBox, GeometryError> {
    box_of(&Surface::of(cloud, "the object")?)
}

pub(crate) fn box_of(surface: &Surface) -> Result<UprightBox, GeometryError> {
    let not_finite = || GeometryError::NotMeasurable("the points have no finite extent".to_owned());
    let vertical = extent_along(surface, &Vector3::z()).ok_or_else(not_finite)?;
    let footprint_m = convex_hull(&trimmed(surface.points.iter().map(|point| [point.p.x, point.p.y]).collect()));
    let yaw_rad = smallest_rectangle(&footprint_m).ok_or_else(not_finite)?;
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
    let side = |extent: &Extent, lever_m: f64| {
        let overhang = (extent.low.overhang_m.powi(2) + extent.high.overhang_m.powi(2)) * STRAYS_TRUSTED.powi(2);
        let variance = extent.low.variance + extent.high.variance + overhang + (tilt_rad * lever_m).powi(2);
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
        length: side(long, vertical.length_m())?,
        width: side(short, vertical.length_m())?,
        height: side(&vertical, horizontal_m)?,
        bottom_m: level(&vertical.low)?,
        top_m: level(&vertical.high)?,
        median_m,
        covariance_m2: median_covariance(surface, &median_m),
        footprint_m,
    })
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
