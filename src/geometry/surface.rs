//! A cloud made ready to measure on: flying pixels removed, noise averaged along the viewing rays, silhouettes moved to where
//! the surface most probably ends.
//!
//! A cloud seen from one viewpoint is an image: points with neighbouring ray directions are neighbours. Four steps use this:
//!
//! 1. *Outliers.* A point with fewer than two neighbours of like range, or with hardly any beside a jump in range, is a mix of two
//!    surfaces at a depth edge and is dropped, unless that would drop more than 30 % of all points.
//! 2. *Averaging.* Inverse range is a linear function of the ray's tangent coordinates on any plane. It is fitted to the neighbours of
//!    like range (3×3 to 7×7 pixels, more where noise outweighs the spacing), and the point moves along its ray to the fit. Folds are
//!    rounded by about a quarter of that window. Rim points do not enter the fits of others, and one that is off the fit of its inner
//!    neighbours by more than three standard deviations takes their range.
//! 3. *Error.* Depth noise is partly common to neighbours, so averaging is credited with at most [`MAX_AVERAGED`] points. A rim that
//!    turns away from the viewer is uncertain along the ray by its slope times the rest of step 4, and by its bend away from its inner
//!    neighbours' plane, by which it also moves on.
//! 4. *Silhouettes.* A surface ends up to one pixel beyond its last measured ray, half a pixel on average: points on the rim move half a
//!    pixel outward on their own fitted plane. What remains is uniform over one pixel.

use nalgebra::{Matrix3, Point3, Vector3};

use super::{
    GeometryError, PointCloud, PoseSigma,
    ray_grid::{Ray, RayGrid, STEEPEST, tangent_axes},
};
use crate::memory::parallel::{NEVER, parallel_chunks};

/// Averaging is never credited with more independent depth readings than this.
pub(crate) const MAX_AVERAGED: f64 = 25.0;
/// Fewest points that anything is measured on.
pub(crate) const MIN_POINTS: usize = 20;
/// Standard deviation of a uniform distribution over one unit: 1/√12.
pub(crate) const UNIFORM_SIGMA: f64 = 0.288_675_134_594_812_9;

/// Of larger clouds every second, third ... point inside is kept, and the whole rim; all points still enter the averages.
const MAX_INNER_POINTS: usize = 40_000;
const MAX_DROPPED_SHARE: f64 = 0.3;
/// A measured point after preparation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SurfacePoint {
    pub(crate) p: Point3<f64>,
    /// Unit vector from the viewpoint to the point.
    pub(crate) ray: Vector3<f64>,
    pub(crate) range_m: f64,
    /// One standard deviation along the ray after averaging.
    pub(crate) sigma_m: f64,
    /// Distance to the neighbouring ray at this range.
    pub(crate) spacing_m: f64,
}

impl SurfacePoint {
    /// Variance along a unit direction from depth noise and sampling.
    pub(crate) fn variance_along(&self, direction: &Vector3<f64>) -> f64 {
        let along_ray = direction.dot(&self.ray);
        let across = (1.0 - along_ray * along_ray).max(0.0);
        (self.sigma_m * along_ray).powi(2) + (self.spacing_m * UNIFORM_SIGMA).powi(2) * across
    }
}

/// The variance along a unit direction that a view's placement adds to a point at `range_m` in direction `ray`.
pub(crate) fn pose_variance(pose: &PoseSigma, ray: &Vector3<f64>, range_m: f64, direction: &Vector3<f64>) -> f64 {
    let along_ray = direction.dot(ray);
    let across = (1.0 - along_ray * along_ray).max(0.0);
    pose.position_m.powi(2) + (pose.rotation_rad * range_m).powi(2) * across
}

/// A prepared cloud.
#[derive(Clone, Debug)]
pub(crate) struct Surface {
    pub(crate) points: Vec<SurfacePoint>,
    pub(crate) viewpoint_m: Point3<f64>,
    pub(crate) pose_sigma: PoseSigma,
    pub(crate) view_id: u64,
}

impl Surface {
    /// Prepares a cloud; `what` names it in the error.
    pub(crate) fn of(cloud: &PointCloud, what: &str) -> Result<Surface, GeometryError> {
        let too_few = |found| GeometryError::TooFewPoints { what: what.to_owned(), found, expected: MIN_POINTS };
        if cloud.len() < MIN_POINTS {
            return Err(too_few(cloud.len()));
        }
        let grid = RayGrid::new(cloud).ok_or_else(|| too_few(0))?;
        let preparation = Preparation::new(&grid);
        let n_outliers = preparation.rings.iter().filter(|ring| ring.is_outlier).count();
        let keep_outliers = n_outliers as f64 > MAX_DROPPED_SHARE * preparation.rings.len() as f64;
        let stride = cloud.len().div_ceil(MAX_INNER_POINTS);
        let is_kept = |index: &usize| {
            let ring = preparation.rings.get(*index).copied().unwrap_or_default();
            (keep_outliers || !ring.is_outlier) && (ring.is_rim || index.is_multiple_of(stride))
        };
        let kept: Vec<usize> = (0..preparation.rings.len()).filter(is_kept).collect();
        let points = on_all_cores(kept.len(), |at| kept.get(at).and_then(|index| preparation.point(*index)));
        let points: Vec<SurfacePoint> = points.into_iter().flatten().collect();
        if points.len() < MIN_POINTS {
            return Err(too_few(points.len()));
        }
        Ok(Surface { points, viewpoint_m: cloud.viewpoint_m, pose_sigma: cloud.pose_sigma, view_id: cloud.view_id })
    }

    /// At most about `n` points, evenly strided.
    pub(crate) fn sample(&self, n: usize) -> impl Iterator<Item = &SurfacePoint> {
        self.points.iter().step_by((self.points.len() / n.max(1)).max(1))
    }
}

/// What the eight pixels around a ray say about it.
#[derive(Clone, Copy, Default)]
struct Ring {
    /// Towards where the surface ends, unit length in pixels; zero inside.
    outward: [f64; 2],
    is_rim: bool,
    is_outlier: bool,
}

struct Preparation<'a> {
    grid: &'a RayGrid,
    rings: Vec<Ring>,
}

impl<'a> Preparation<'a> {
    fn new(grid: &'a RayGrid) -> Preparation<'a> {
        let rays = grid.rays();
        let rings = on_all_cores(rays.len(), |index| rays.get(index).map(|ray| ring(grid, ray)).unwrap_or_default());
        Preparation { grid, rings }
    }

    /// The prepared point of a ray.
    fn point(&self, index: usize) -> Option<SurfacePoint> {
        let (ray, ring) = (self.grid.rays().get(index)?, self.rings.get(index)?);
        let spacing_m = ray.range_m * self.grid.pitch_rad();
        let half_window = (ray.sigma_m / spacing_m).ceil().clamp(1.0, 3.0);
        // A rim needs two rows of neighbours to have a slope. Radii end between pixels.
        let radius_px = if ring.is_rim { half_window.max(2.0) } else { half_window } + 0.6;
        let (right, down) = tangent_axes(&ray.direction);
        let (mut inner, mut all) = (PlaneFit::default(), PlaneFit::default());
        self.grid.around(ray, radius_px).for_each(|(other_index, other)| {
            if ray.jumps_to(other, self.grid.pitch_rad()) {
                return;
            }
            // Inverse range is linear in the ray's direction on a plane; over a few pixels its component along `ray` is 1.
            let x = other.direction.dot(&right) / self.grid.pitch_rad();
            let y = other.direction.dot(&down) / self.grid.pitch_rad();
            let inverse = ray.range_m / other.range_m;
            all.add(x, y, inverse);
            if self.rings.get(other_index).is_some_and(|ring| !ring.is_rim) {
                inner.add(x, y, inverse);
            }
        });
        let mut bend_m = 0.0;
        let chosen = match inner.solve() {
            Some(solved) if ring.is_rim && inner.n >= 4.0 => {
                let slope_m = ray.range_m * solved.gradient[0].hypot(solved.gradient[1]);
                let off_m = ray.range_m - ray.range_m / solved.level;
                let noise_m = 3.0 * ray.sigma_m * (1.0 + 1.0 / solved.n_effective).sqrt();
                if off_m.abs() <= noise_m + 0.5 * spacing_m + slope_m {
                    bend_m = (off_m - noise_m / 3.0).clamp(0.0, slope_m);
                    inner.add(0.0, 0.0, 1.0);
                    inner.solve()
                } else {
                    Some(solved)
                }
            }
            Some(solved) if !ring.is_rim && inner.n >= 5.0 => Some(solved),
            _ => all.solve(),
        };
        let limit_m = 2.0 * (4.0 * ray.sigma_m + STEEPEST * spacing_m);
        let unchanged = Solved { gradient: [0.0; 2], level: 1.0, n_effective: 1.0 };
        let mut solved = chosen.unwrap_or(unchanged);
        if !(solved.level > 0.0 && (ray.range_m / solved.level - ray.range_m).abs() <= limit_m) {
            solved = unchanged;
        }
        let mut direction = ray.direction;
        let mut variance = ray.sigma_m.powi(2) / solved.n_effective.clamp(0.25, MAX_AVERAGED);
        if ring.is_rim {
            let slope_m = ray.range_m * solved.gradient[0].hypot(solved.gradient[1]) / solved.level.powi(2);
            variance += (UNIFORM_SIGMA * slope_m.min(2.0 * STEEPEST * spacing_m)).powi(2) + bend_m.powi(2);
            // Directions of the ring are in the grid's axes, those of the fit in the ray's own.
            let outward = self.grid.direction_of(ring.outward);
            let (x, y) = (0.5 * outward.dot(&right), 0.5 * outward.dot(&down));
            let moved = solved.level + solved.gradient[0] * x + solved.gradient[1] * y;
            if moved > 0.0 && (ray.range_m / moved - ray.range_m / solved.level).abs() <= 2.0 * STEEPEST * spacing_m {
                direction += (right * x + down * y) * self.grid.pitch_rad();
                solved.level = ray.range_m / (ray.range_m / moved + bend_m);
            }
        }
        // The level is per unit along the ray's own direction, which `direction` exceeds only across it.
        let offset = direction * (ray.range_m / solved.level);
        let range_m = offset.norm();
        Some(SurfacePoint {
            p: self.grid.viewpoint_m() + offset,
            ray: offset / range_m,
            range_m,
            sigma_m: variance.sqrt(),
            spacing_m,
        })
    }
}

/// `of` each of `0..n`, in order.
fn on_all_cores<T: Send>(n: usize, of: impl Fn(usize) -> T + Sync) -> Vec<T> {
    const MIN_CHUNK: usize = 2048;
    let parts = parallel_chunks(n, MIN_CHUNK, NEVER, |chunk| chunk.map(&of).collect::<Vec<T>>());
    parts.unwrap_or_default().into_iter().flatten().collect()
}

fn ring(grid: &RayGrid, ray: &Ray) -> Ring {
    const RADIUS_PX: f64 = 1.6;
    let (mut n_near, mut n_jumps) = (0usize, 0usize);
    let mut sum = [0.0f64; 2];
    grid.around(ray, RADIUS_PX).for_each(|(_, other)| {
        if ray.jumps_to(other, grid.pitch_rad()) {
            n_jumps += 1;
            return;
        }
        n_near += 1;
        sum = [sum[0] + other.place_px[0] - ray.place_px[0], sum[1] + other.place_px[1] - ray.place_px[1]];
    });
    // The ray itself is among its neighbours.
    let is_outlier = n_near < 3 || (n_near < 4 && n_jumps >= 2);
    let center = [sum[0] / n_near.max(1) as f64, sum[1] / n_near.max(1) as f64];
    let off_center = center[0].hypot(center[1]);
    if off_center <= 0.3 || n_near < 3 {
        return Ring { outward: [0.0; 2], is_rim: n_jumps > 0 || n_near < 3, is_outlier };
    }
    Ring { outward: [-center[0] / off_center, -center[1] / off_center], is_rim: true, is_outlier }
}

/// Least squares of `w = a x + b y + c`, with x and y in pixels.
#[derive(Default)]
struct PlaneFit {
    n: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
    w: f64,
    xw: f64,
    yw: f64,
}

impl PlaneFit {
    fn add(&mut self, x: f64, y: f64, w: f64) {
        self.n += 1.0;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.xy += x * y;
        self.yy += y * y;
        self.w += w;
        self.xw += x * w;
        self.yw += y * w;
    }

    /// `None` without readings. A ridge of a thousandth of the spread lets a line of points fit as a line and not as any plane
    /// through it.
    fn solve(&self) -> Option<Solved> {
        let ridge = 1e-3 * (self.xx + self.yy) + 1e-9;
        let normal =
            Matrix3::new(self.xx + ridge, self.xy, self.x, self.xy, self.yy + ridge, self.y, self.x, self.y, self.n);
        let inverse = normal.try_inverse()?;
        let [a, b, level]: [f64; 3] = (inverse * Vector3::new(self.xw, self.yw, self.w)).into();
        Some(Solved { gradient: [a, b], level, n_effective: 1.0 / inverse.m33.max(1e-9) })
    }
}

#[derive(Clone, Copy)]
struct Solved {
    /// a and b: relative change of inverse range per pixel.
    gradient: [f64; 2],
    /// c: range before over range after.
    level: f64,
    /// Variance of one reading over that of the level.
    n_effective: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{
        DepthNoise,
        analytic_scene::{AnalyticScene, Random, Shape, look_at, small_camera, vga_camera},
    };

    fn rms(values: impl Iterator<Item = f64>) -> f64 {
        let (sum, n) = values.fold((0.0, 0usize), |(sum, n), value| (sum + value * value, n + 1));
        (sum / n as f64).sqrt()
    }

    #[test]
    fn averaging_leaves_planes_plane_and_reduces_their_noise_as_stated() {
        let mut random = Random(3);
        let wall = Shape::standing_block(Point3::new(2.1, 0.0, 0.0), Vector3::new(0.2, 1.0, 1.0), 0.0);
        let camera = look_at(Point3::new(0.0, 0.6, 0.9), Point3::new(2.0, 0.0, 0.5));
        let view = AnalyticScene::new().with(1, wall).render(&small_camera(), &camera);
        let noise = DepthNoise::default();
        let exact = Surface::of(&view.cloud(Some(1), &noise, PoseSigma::default(), 0), "wall").unwrap();
        let front = |surface: &Surface| -> Vec<SurfacePoint> {
            surface.points.iter().filter(|s| s.p.y < 0.4 && s.p.z < 0.9).copied().collect()
        };
        assert!(front(&exact).iter().all(|s| (s.p.x - 2.0).abs() < 2e-4));
        let noisy = view.with_noise(&noise, &mut random).cloud(Some(1), &noise, PoseSigma::default(), 0);
        let raw_rms = rms(noisy.points_m.iter().filter(|p| p[1] < 0.4 && p[2] < 0.9).map(|p| f64::from(p[0]) - 2.0));
        let surface = Surface::of(&noisy, "wall").unwrap();
        let points = front(&surface);
        let prepared_rms = rms(points.iter().map(|s| s.p.x - 2.0));
        let stated = rms(points.iter().map(|s| s.sigma_m * s.ray.x));
        assert!(prepared_rms < 0.45 * raw_rms, "{prepared_rms} of {raw_rms}");
        assert!((0.6..1.6).contains(&(stated / prepared_rms)), "stated {stated}, found {prepared_rms}");
    }

    #[test]
    fn silhouettes_end_where_the_surface_ends_on_average() {
        // A 0.3 m wide board seen frontally: measured extents lose half a pixel at either side.
        let mut random = Random(5);
        let (mut raw_error, mut prepared_error) = (0.0, 0.0);
        const N: usize = 40;
        for _ in 0..N {
            let y = random.between(-0.2, 0.2);
            let board = Shape::standing_block(Point3::new(1.5, y, 0.0), Vector3::new(0.02, 0.3, 0.3), 0.0);
            let camera = look_at(Point3::new(0.0, y, 0.15), Point3::new(1.5, y + random.between(-0.2, 0.2), 0.15));
            let view = AnalyticScene::new().with(1, board).render(&small_camera(), &camera);
            let cloud = view.cloud(Some(1), &DepthNoise::default(), PoseSigma::default(), 0);
            let extent = |values: Vec<f64>| {
                values.iter().fold(f64::MIN, |a, b| a.max(*b)) - values.iter().fold(f64::MAX, |a, b| a.min(*b))
            };
            raw_error += extent(cloud.points_m.iter().map(|p| f64::from(p[1])).collect()) - 0.3;
            let surface = Surface::of(&cloud, "board").unwrap();
            prepared_error += extent(surface.points.iter().map(|s| s.p.y).collect()) - 0.3;
        }
        let pixel_m = 1.5 * small_camera().pixel_pitch_rad();
        let (raw_px, prepared_px) = (raw_error / N as f64 / pixel_m, prepared_error / N as f64 / pixel_m);
        assert!((-1.3..-0.7).contains(&raw_px), "{raw_px}");
        assert!(prepared_px.abs() < 0.35, "{prepared_px}");
    }

    #[test]
    fn flying_pixels_go_and_thin_poles_stay() {
        let mut random = Random(11);
        let scene = AnalyticScene::new()
            .with(1, Shape::floor(0.0))
            .with(2, Shape::sphere(Point3::new(1.0, 0.0, 0.3), 0.12))
            .with(3, Shape::Cylinder { base_center_m: Point3::new(1.1, 0.4, 0.0), radius_m: 0.006, height_m: 0.5 });
        let camera = look_at(Point3::new(0.0, 0.0, 0.8), Point3::new(1.0, 0.1, 0.2));
        let noise = DepthNoise::default();
        let view = scene.render(&vga_camera(), &camera).with_noise(&noise, &mut random);
        let view = view.with_flying_pixels(0.7, &mut random);
        let ball = view.cloud(Some(2), &noise, PoseSigma::default(), 0);
        let off_ball = |p: Point3<f64>| ((p - Point3::new(1.0, 0.0, 0.3)).norm() - 0.12).abs() > 0.03;
        let n_before = ball.points_m.iter().filter(|p| off_ball(Point3::from(p.map(f64::from)))).count();
        let surface = Surface::of(&ball, "ball").unwrap();
        let n_after = surface.points.iter().filter(|s| off_ball(s.p)).count();
        assert!(n_before > 60, "{n_before}");
        assert!(n_after * 10 < n_before, "{n_after} of {n_before} stayed");
        let pole = scene.render(&vga_camera(), &camera).cloud(Some(3), &noise, PoseSigma::default(), 0);
        let kept = Surface::of(&pole, "pole").unwrap().points.len();
        assert!(kept * 10 > pole.len() * 9, "{kept} of {}", pole.len());
    }

    #[test]
    fn hundred_thousand_points_are_prepared_quickly() {
        let view = AnalyticScene::new()
            .with(1, Shape::floor(0.0))
            .render(&vga_camera(), &look_at(Point3::new(0.0, 0.0, 1.0), Point3::new(1.0, 0.0, 0.3)));
        let cloud = view.cloud(Some(1), &DepthNoise::default(), PoseSigma::default(), 0);
        let some: Vec<usize> = (0..cloud.len()).filter(|index| index % 640 < 220).take(100_000).collect();
        let cloud = cloud.select(&some);
        let started = std::time::Instant::now();
        let surface = Surface::of(&cloud, "floor").unwrap();
        println!("{} of {} points prepared in {:?}", surface.points.len(), cloud.len(), started.elapsed());
        assert!(surface.points.len() > 30_000);
    }
}
