//! Planes fitted to measured points.

use nalgebra::{Matrix3, Point3, SymmetricEigen, UnitVector3, Vector3};

use super::{
    GeometryError, PointCloud, Quantity, Unit,
    surface::{MAX_AVERAGED, MIN_POINTS, Surface, SurfacePoint},
};

/// Points scored per hypothesis; larger clouds are strided.
const MAX_SCORED: usize = 4000;
const MAX_HYPOTHESES: usize = 1000;
/// Points drawn by chance all lie on the dominant plane at least once with this probability.
const CONFIDENCE: f64 = 0.999;
const MIN_INLIER_SHARE: f64 = 0.1;
const REFITS: usize = 5;
const BAND_SIGMAS: f64 = 3.0;
const LEAST_BAND_M: f64 = 0.004;

/// The plane of all `p` with `normal · p = offset_m`.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    /// Unit normal; upward for a supporting surface.
    pub normal: UnitVector3<f64>,
    /// Metres from the frame's origin along the normal.
    pub offset_m: f64,
    /// Root mean square distance of the inliers, metres.
    pub residual_m: f64,
    /// Points within the inlier band.
    pub n_inliers: usize,
    /// Their share of all points.
    pub inlier_share: f64,
    /// Mean of the inliers: where the plane is known best.
    pub centroid_m: Point3<f64>,
    /// Root mean square distance of the inliers from `centroid_m`, across the plane's weaker direction, metres.
    pub radius_m: f64,
}

impl Plane {
    /// Signed distance of a point, positive on the side of the normal, metres.
    pub fn signed_distance_m(&self, p: &Point3<f64>) -> f64 {
        self.normal.dot(&p.coords) - self.offset_m
    }

    /// One standard deviation of the plane's own height at `p`, metres: the residual over an effective 25 readings (depth noise is
    /// partly common to all points), growing with the distance from the inliers' centre as a fitted plane tilts.
    pub fn sigma_at_m(&self, p: &Point3<f64>) -> f64 {
        let n_effective = (self.n_inliers as f64).clamp(1.0, MAX_AVERAGED);
        let away = p - self.centroid_m;
        let across_m = (away - self.normal.into_inner() * self.normal.dot(&away)).norm();
        let lever = across_m / self.radius_m.max(1e-6);
        self.residual_m / n_effective.sqrt() * lever.hypot(1.0)
    }

    /// One standard deviation of the normal's direction about its weaker axis, radians.
    pub fn tilt_sigma_rad(&self) -> f64 {
        let n_effective = (self.n_inliers as f64).clamp(1.0, MAX_AVERAGED);
        (self.residual_m / n_effective.sqrt() / self.radius_m.max(1e-6)).atan()
    }

    /// The nearest point on the plane.
    pub fn projected(&self, p: &Point3<f64>) -> Point3<f64> {
        p - self.normal.into_inner() * self.signed_distance_m(p)
    }
}

/// The dominant plane whose normal lies within `max_tilt_rad` of `up`, by RANSAC with a fixed seed and a least-squares refit
/// (Fischler and Bolles 1981). The normal points along `up`. Inliers lie within three of their own standard deviations (at least 4 mm).
///
/// # Errors
/// [`GeometryError::TooFewPoints`]; [`GeometryError::NotMeasurable`] when no plane holds a tenth of the points.
pub fn fit_plane(cloud: &PointCloud, up: &UnitVector3<f64>, max_tilt_rad: f64) -> Result<Plane, GeometryError> {
    if cloud.len() < MIN_POINTS {
        let what = "the surface".to_owned();
        return Err(GeometryError::TooFewPoints { what, found: cloud.len(), expected: MIN_POINTS });
    }
    let points: Vec<Reading> = readings(cloud).collect();
    fit_readings(&points, up, max_tilt_rad)
}

/// Normals of up to `n_most` planes of a surface, the largest first, with one standard deviation of each in radians.
pub(crate) fn normals_of(surface: &Surface, n_most: usize) -> Vec<(UnitVector3<f64>, f64)> {
    let reading = |point: &SurfacePoint| Reading { p: point.p.coords, ray: point.ray, sigma_m: point.sigma_m };
    let mut rest: Vec<Reading> = surface.points.iter().map(reading).collect();
    let n_all = rest.len();
    let mut normals: Vec<(UnitVector3<f64>, f64)> = Vec::new();
    while normals.len() < n_most && rest.len() >= MIN_POINTS.max(n_all / 20) {
        let Ok(plane) = fit_readings(&rest, &Vector3::z_axis(), std::f64::consts::FRAC_PI_2) else { break };
        rest.retain(|reading| !reading.is_on(&plane.normal, plane.offset_m, BAND_SIGMAS));
        normals.push((plane.normal, plane.tilt_sigma_rad()));
    }
    normals
}

/// The plane that holds most of plain points, each within `band_m`, by RANSAC with a fixed seed and a refit by total least squares.
/// `None` without a plane. The normal points upward.
pub fn fit_points(points: &[Point3<f64>], band_m: f64, n_iterations: usize) -> Option<(UnitVector3<f64>, f64)> {
    let is_on =
        |p: &Point3<f64>, normal: &Vector3<f64>, offset_m: f64| (normal.dot(&p.coords) - offset_m).abs() <= band_m;
    let up = Vector3::z_axis();
    let (mut normal, mut offset_m) = dominant(points, |p| p.coords, is_on, n_iterations, (&up, 0.0))?;
    let origin = points.iter().find(|p| is_on(p, &normal, offset_m))?.coords;
    for _ in 0..REFITS {
        let mut sums = Sums::about(origin);
        points.iter().filter(|p| is_on(p, &normal, offset_m)).for_each(|p| sums.add(&p.coords));
        let fitted = sums.plane(points.len(), &up)?;
        if (fitted.normal, fitted.offset_m) == (normal, offset_m) {
            break;
        }
        (normal, offset_m) = (fitted.normal, fitted.offset_m);
    }
    Some((normal, offset_m))
}

/// The plane through three points that holds most of all: normal and offset. Its normal has at least `least_cosine` with `up`.
fn dominant<T: Copy>(
    points: &[T],
    position: impl Fn(&T) -> Vector3<f64>,
    is_on: impl Fn(&T, &Vector3<f64>, f64) -> bool,
    n_iterations: usize,
    (up, least_cosine): (&UnitVector3<f64>, f64),
) -> Option<(UnitVector3<f64>, f64)> {
    let scored: Vec<T> = points.iter().step_by(points.len().div_ceil(MAX_SCORED).max(1)).copied().collect();
    let mut random = SplitMix64(0x5EED);
    let mut best: Option<(UnitVector3<f64>, f64, usize)> = None;
    let (mut n_needed, mut n_tried) = (n_iterations.max(1), 0);
    while n_tried < n_needed {
        n_tried += 1;
        let Some((normal, offset_m)) = hypothesis(&scored, &position, &mut random, up, least_cosine) else { continue };
        let n_inliers = scored.iter().filter(|point| is_on(point, &normal, offset_m)).count();
        if best.as_ref().is_none_or(|(_, _, n_best)| n_inliers > *n_best) {
            n_needed = n_needed.min(enough_hypotheses(n_inliers, scored.len()).max(20));
            best = Some((normal, offset_m, n_inliers));
        }
    }
    best.map(|(normal, offset_m, _)| (normal, offset_m))
}

/// Hypotheses after which three points that all lie on the plane were drawn at least once.
fn enough_hypotheses(n_inliers: usize, n_all: usize) -> usize {
    let all_inliers = (n_inliers as f64 / n_all.max(1) as f64).powi(3);
    let enough = (1.0 - CONFIDENCE).ln() / (1.0 - all_inliers).max(1e-12).ln();
    enough.ceil().max(1.0) as usize
}

fn fit_readings(points: &[Reading], up: &UnitVector3<f64>, max_tilt_rad: f64) -> Result<Plane, GeometryError> {
    let least_cosine = max_tilt_rad.cos();
    let is_on = |reading: &Reading, normal: &Vector3<f64>, offset_m: f64| reading.is_on(normal, offset_m, BAND_SIGMAS);
    let not_found = || {
        GeometryError::NotMeasurable(format!(
            "no plane within {:.0}° of the asked direction holds {:.0} % of the {} points; choose a flatter surface",
            max_tilt_rad.to_degrees(),
            100.0 * MIN_INLIER_SHARE,
            points.len()
        ))
    };
    let (mut normal, mut offset_m) =
        dominant(points, |reading| reading.p, is_on, MAX_HYPOTHESES, (up, least_cosine)).ok_or_else(not_found)?;
    let mut plane = None;
    let mut n_sigmas = BAND_SIGMAS;
    for _ in 0..REFITS {
        let inliers: Vec<&Reading> =
            points.iter().filter(|reading| reading.is_on(&normal, offset_m, n_sigmas)).collect();
        if inliers.len() < MIN_POINTS || (inliers.len() as f64) < MIN_INLIER_SHARE * points.len() as f64 {
            return Err(not_found());
        }
        let mut sums = Sums::about(inliers.first().map_or_else(Vector3::zeros, |reading| reading.p));
        inliers.iter().for_each(|reading| sums.add(&reading.p));
        let fitted = sums.plane(points.len(), up).ok_or_else(not_found)?;
        (normal, offset_m) = (fitted.normal, fitted.offset_m);
        // Where depth is better than stated, a narrower band keeps out what adjoins the plane.
        let in_sigmas = inliers.iter().map(|reading| {
            let sigma_m = reading.sigma_along(&fitted.normal).max(1e-4);
            (fitted.signed_distance_m(&reading.p.into()) / sigma_m).powi(2)
        });
        let rms = (in_sigmas.sum::<f64>() / inliers.len() as f64).sqrt();
        n_sigmas = (3.0 * rms).clamp(0.3, BAND_SIGMAS);
        plane = Some(fitted);
    }
    plane.filter(|plane| plane.normal.dot(up) >= least_cosine).ok_or_else(not_found)
}

/// Height of a point above the plane along its normal (negative below), metres; `sigma_m` is the point's own. `None` when not finite.
pub fn height_above_plane(plane: &Plane, p: &Point3<f64>, sigma_m: f64) -> Option<Quantity> {
    Quantity::new(plane.signed_distance_m(p), sigma_m.hypot(plane.sigma_at_m(p)), Unit::Metre)
}

#[derive(Clone, Copy)]
struct Reading {
    p: Vector3<f64>,
    ray: Vector3<f64>,
    sigma_m: f64,
}

impl Reading {
    fn is_on(&self, normal: &Vector3<f64>, offset_m: f64, n_sigmas: f64) -> bool {
        (normal.dot(&self.p) - offset_m).abs() <= (n_sigmas * self.sigma_along(normal)).max(LEAST_BAND_M)
    }

    fn sigma_along(&self, normal: &Vector3<f64>) -> f64 {
        self.sigma_m * normal.dot(&self.ray).abs()
    }
}

fn readings(cloud: &PointCloud) -> impl Iterator<Item = Reading> {
    cloud.points_m.iter().zip(cloud.sigma_m.iter()).map(|(p, sigma_m)| {
        let p = Vector3::new(f64::from(p[0]), f64::from(p[1]), f64::from(p[2]));
        let ray = (p - cloud.viewpoint_m.coords).try_normalize(1e-9).unwrap_or_default();
        Reading { p, ray, sigma_m: f64::from(*sigma_m) }
    })
}

fn hypothesis<T>(
    points: &[T],
    position: impl Fn(&T) -> Vector3<f64>,
    random: &mut SplitMix64,
    up: &UnitVector3<f64>,
    least_cosine: f64,
) -> Option<(UnitVector3<f64>, f64)> {
    let mut draw = || points.get(random.below(points.len())).map(&position);
    let (a, b, c) = (draw()?, draw()?, draw()?);
    // Divided by what is beyond all numbers a normal would vanish, and every point lie on its plane.
    let across = Some((b - a).cross(&(c - a))).filter(|across| across.norm_squared().is_finite())?;
    let mut normal = UnitVector3::try_new(across, 1e-9)?;
    if normal.dot(up) < 0.0 {
        normal = -normal;
    }
    (normal.dot(up) >= least_cosine).then(|| (normal, normal.dot(&a)))
}

/// Sums over points, which give their plane by total least squares.
struct Sums {
    /// A point of the plane, so that squares of far coordinates lose no digits.
    origin: Vector3<f64>,
    n: usize,
    first: Vector3<f64>,
    /// xx, xy, xz, yy, yz, zz.
    second: [f64; 6],
}

impl Sums {
    fn about(origin: Vector3<f64>) -> Sums {
        Sums { origin, n: 0, first: Vector3::zeros(), second: [0.0; 6] }
    }

    fn add(&mut self, p: &Vector3<f64>) {
        let d = p - self.origin;
        self.n += 1;
        self.first += d;
        let products = [d.x * d.x, d.x * d.y, d.x * d.z, d.y * d.y, d.y * d.z, d.z * d.z];
        self.second.iter_mut().zip(products).for_each(|(sum, product)| *sum += product);
    }

    /// `None` for fewer than three points, or ones too far apart for their squares.
    fn plane(&self, n_all: usize, up: &UnitVector3<f64>) -> Option<Plane> {
        if self.n < 3 {
            return None;
        }
        let n = self.n as f64;
        let away = self.first / n;
        let [xx, xy, xz, yy, yz, zz] = self.second.map(|sum| sum / n);
        let scatter = Matrix3::new(xx, xy, xz, xy, yy, yz, xz, yz, zz) - away * away.transpose();
        // Never ends with what is no number.
        if !scatter.iter().all(|value| value.is_finite()) {
            return None;
        }
        let eigen = SymmetricEigen::new(scatter);
        let mut order = [0usize, 1, 2];
        order.sort_by(|i, j| eigen.eigenvalues[*i].total_cmp(&eigen.eigenvalues[*j]));
        let [least, middle, _] = order;
        let mut normal = UnitVector3::try_new(eigen.eigenvectors.column(least).into_owned(), 1e-9)?;
        if normal.dot(up) < 0.0 {
            normal = -normal;
        }
        let mean = self.origin + away;
        Some(Plane {
            normal,
            offset_m: normal.dot(&mean),
            residual_m: eigen.eigenvalues[least].max(0.0).sqrt(),
            n_inliers: self.n,
            inlier_share: n / n_all.max(1) as f64,
            centroid_m: Point3::from(mean),
            radius_m: eigen.eigenvalues[middle].max(0.0).sqrt(),
        })
    }
}

/// Steele, Lea and Flood 2014: small, seedable and the same everywhere.
struct SplitMix64(u64);

impl SplitMix64 {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        ((u128::from(z) * end as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{
        DepthNoise, PoseSigma,
        analytic_scene::{AnalyticScene, Random, Shape, look_at, small_camera},
    };

    const TILT_RAD: f64 = 0.35;

    #[test]
    fn a_noisy_floor_with_clutter_is_found_within_its_sigma() {
        let mut random = Random(21);
        let noise = DepthNoise::default();
        let up = Vector3::z_axis();
        let (mut n_covered, mut worst_tilt_rad) = (0, 0.0f64);
        const N: usize = 60;
        for _ in 0..N {
            let floor_z = random.between(-0.5, 0.5);
            let eye = Point3::new(0.0, 0.0, floor_z + random.between(0.7, 1.4));
            let scene = AnalyticScene::new()
                .with(1, Shape::floor(floor_z))
                .with(1, Shape::standing_block(Point3::new(1.4, 0.2, floor_z), Vector3::new(0.4, 0.5, 0.4), 0.3))
                .with(1, Shape::sphere(Point3::new(1.2, -0.4, floor_z + 0.2), 0.2));
            let camera = look_at(eye, Point3::new(1.4, random.between(-0.2, 0.2), floor_z));
            let cloud = scene.render(&small_camera(), &camera).with_noise(&noise, &mut random).cloud(
                None,
                &noise,
                PoseSigma::default(),
                0,
            );
            let plane = fit_plane(&cloud, &up, TILT_RAD).unwrap();
            worst_tilt_rad = worst_tilt_rad.max(plane.normal.angle(&up));
            let foot = Point3::new(1.3, 0.0, floor_z);
            let height = height_above_plane(&plane, &(foot + Vector3::z() * 0.3), 0.0).unwrap();
            n_covered += usize::from((height.value() - 0.3).abs() <= 2.0 * height.sigma());
            assert!((height.value() - 0.3).abs() < 0.003, "{height}");
        }
        assert!(n_covered * 100 >= 90 * N, "{n_covered} of {N}");
        assert!(worst_tilt_rad < 0.004, "{worst_tilt_rad}");
    }

    #[test]
    fn the_larger_of_two_levels_wins_and_walls_are_not_floors() {
        let scene = AnalyticScene::new()
            .with(1, Shape::floor(0.0))
            .with(1, Shape::standing_block(Point3::new(1.2, 0.5, 0.0), Vector3::new(0.4, 0.4, 0.3), 0.0))
            .with(1, Shape::standing_block(Point3::new(3.1, 0.0, 0.0), Vector3::new(0.2, 8.0, 4.0), 0.0));
        let view = scene.render(&small_camera(), &look_at(Point3::new(0.0, 0.0, 1.2), Point3::new(2.0, 0.0, 0.6)));
        let cloud = view.cloud(None, &DepthNoise::default(), PoseSigma::default(), 0);
        let floor = fit_plane(&cloud, &Vector3::z_axis(), TILT_RAD).unwrap();
        assert!(floor.offset_m.abs() < 1e-3 && floor.normal.z > 0.9999, "{floor:?}");
        let wall = fit_plane(&cloud, &-Vector3::x_axis(), TILT_RAD).unwrap();
        assert!((wall.offset_m + 3.0).abs() < 1e-3 && wall.normal.x < -0.9999, "{wall:?}");
    }

    #[test]
    fn plain_points_far_from_the_origin_keep_their_plane() {
        let mut random = Random(5);
        let truth = UnitVector3::new_normalize(Vector3::new(0.1, -0.2, 1.0));
        let far = Vector3::new(5e5, 4e6, 300.0);
        let points: Vec<Point3<f64>> = (0..5000)
            .map(|i| {
                let (x, y) = (random.between(-2.0, 2.0), random.between(-2.0, 2.0));
                let above = if i % 3 == 0 { random.between(0.1, 1.0) } else { random.between(-0.01, 0.01) };
                Point3::from(
                    far + Vector3::new(x, y, -(truth.x * x + truth.y * y) / truth.z) + truth.into_inner() * above,
                )
            })
            .collect();
        let mut with_outlier = points.clone();
        with_outlier.insert(0, Point3::new(1e200, -1e200, 1e200));
        let mut with_outliers = points.clone();
        with_outliers.iter_mut().step_by(30).for_each(|p| *p = Point3::new(1e200, -1e200, 1e200));
        for points in [&points, &with_outlier, &with_outliers] {
            let (normal, offset_m) = fit_points(points, 0.02, 1000).unwrap();
            assert!(normal.angle(&truth) < 2e-3, "{normal:?}");
            assert!((normal.dot(&far) - offset_m).abs() < 2e-3);
        }
        let beyond = |p: &Point3<f64>| Point3::from(p.coords * 1e150);
        for band_m in [0.02, 1e300] {
            fit_points(&points.iter().map(beyond).collect::<Vec<_>>(), band_m, 50);
        }
        assert!(fit_points(&points[..2], 0.02, 1000).is_none());
    }

    #[test]
    fn a_sphere_has_no_plane_and_a_few_points_are_too_few() {
        let scene = AnalyticScene::new().with(1, Shape::sphere(Point3::new(1.0, 0.0, 0.0), 0.3));
        let view = scene.render(&small_camera(), &look_at(Point3::origin(), Point3::new(1.0, 0.0, 0.0)));
        let cloud = view.cloud(None, &DepthNoise::default(), PoseSigma::default(), 0);
        let found = fit_plane(&cloud, &Vector3::z_axis(), TILT_RAD);
        assert!(matches!(found, Err(GeometryError::NotMeasurable(_))), "{found:?}");
        let few = fit_plane(&cloud.select(&[0, 1, 2]), &Vector3::z_axis(), TILT_RAD);
        assert!(matches!(few, Err(GeometryError::TooFewPoints { found: 3, expected: 20, .. })), "{few:?}");
    }

    #[test]
    fn away_from_the_inliers_a_plane_is_less_certain() {
        let plane = Plane {
            normal: Vector3::z_axis(),
            offset_m: 1.0,
            residual_m: 0.01,
            n_inliers: 1000,
            inlier_share: 1.0,
            centroid_m: Point3::new(1.0, 0.0, 1.0),
            radius_m: 0.5,
        };
        let sigma = |x: f64| height_above_plane(&plane, &Point3::new(x, 0.0, 1.2), 0.003).unwrap().sigma();
        assert!((sigma(1.0) - 0.002f64.hypot(0.003)).abs() < 1e-12);
        assert!((sigma(2.0) - (0.002 * 5f64.sqrt()).hypot(0.003)).abs() < 1e-12);
    }
}
