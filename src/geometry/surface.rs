//! A cloud made ready to measure on: flying pixels removed, noise averaged along the viewing rays, silhouettes moved to where
//! the surface most probably ends.
//!
//! A cloud seen from one viewpoint is an image: points with neighbouring ray directions are neighbours. Four steps use this:
//!
//! 1. *Outliers.* A point with fewer than two neighbours of like range, or with hardly any beside a jump in range, is a mix of two
//!    surfaces at a depth edge and is dropped, unless that would drop more than 30 % of all points.
//! 2. *Averaging.* Inverse range is a linear function of the ray's tangent coordinates on any plane. It is fitted to the neighbours of
//!    like range (3×3 to 7×7 pixels, more where noise outweighs the spacing), and the point moves along its ray to the fit. Folds are
//!    rounded by about a quarter of that window.
//! 3. *Error.* Depth noise is partly common to neighbours, so averaging is credited with at most [`MAX_AVERAGED`] points.
//! 4. *Silhouettes.* A surface ends up to one pixel beyond its last measured ray, half a pixel on average: points on the rim move half a
//!    pixel outward on their own fitted plane. What remains is uniform over one pixel.

use nalgebra::{Matrix3, Point3, Vector3};

use super::{GeometryError, PointCloud, PoseSigma};

/// Averaging is never credited with more independent depth readings than this.
pub(crate) const MAX_AVERAGED: f64 = 25.0;
/// Fewest points that anything is measured on.
pub(crate) const MIN_POINTS: usize = 20;
/// Standard deviation of a uniform distribution over one unit: 1/√12.
pub(crate) const UNIFORM_SIGMA: f64 = 0.288_675_134_594_812_9;

const MAX_DROPPED_SHARE: f64 = 0.3;
const MIN_NEIGHBOURS: usize = 2;
const RING_RADIUS_PX: f64 = 1.6;
/// Steepest surface (tangent of the angle between normal and ray) whose neighbouring pixels still count as one surface.
const STEEPEST: f64 = 6.0;

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
        let prepared: Vec<(SurfacePoint, bool)> =
            (0..grid.rays.len()).filter_map(|index| grid.prepare(index)).collect();
        let n_kept = prepared.iter().filter(|(_, is_outlier)| !is_outlier).count();
        let drop_outliers = n_kept as f64 >= (1.0 - MAX_DROPPED_SHARE) * prepared.len() as f64;
        let points: Vec<SurfacePoint> = prepared
            .into_iter()
            .filter(|(_, is_outlier)| !(drop_outliers && *is_outlier))
            .map(|(point, _)| point)
            .collect();
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

/// A measured ray: where it points in the grid's tangent plane, and how far.
#[derive(Clone, Copy)]
struct Ray {
    direction: Vector3<f64>,
    range_m: f64,
    sigma_m: f64,
    /// Angles from the grid's corner, in pixels.
    place_px: [f64; 2],
    column: i32,
    row: i32,
}

/// Rays sorted into square cells one pixel wide, so that neighbours are found by cell.
struct RayGrid {
    viewpoint_m: Point3<f64>,
    pitch_rad: f64,
    rays: Vec<Ray>,
    n_columns: i32,
    n_rows: i32,
    /// First ray of each cell, row-major, with one more at the end: rays are sorted by cell.
    cell_starts: Vec<u32>,
}

impl RayGrid {
    /// More cells than this per point cannot come from one camera; cells are widened instead.
    const MAX_CELLS_PER_POINT: f64 = 64.0;

    /// `None` when no point lies away from the viewpoint.
    fn new(cloud: &PointCloud) -> Option<RayGrid> {
        let mut rays = Vec::with_capacity(cloud.len());
        let mut axis = Vector3::zeros();
        for (p, sigma_m) in cloud.points_m.iter().zip(cloud.sigma_m.iter()) {
            let offset = Point3::new(f64::from(p[0]), f64::from(p[1]), f64::from(p[2])) - cloud.viewpoint_m;
            let range_m = offset.norm();
            if !(range_m.is_finite() && range_m > 1e-6) {
                continue;
            }
            let direction = offset / range_m;
            axis += direction;
            rays.push(Ray {
                direction,
                range_m,
                sigma_m: f64::from(*sigma_m).max(0.0),
                place_px: [0.0; 2],
                column: 0,
                row: 0,
            });
        }
        if rays.is_empty() {
            return None;
        }
        let axis = axis.try_normalize(1e-9).unwrap_or(rays.first()?.direction);
        let (right, down) = tangent_axes(&axis);
        // Azimuthal equidistant coordinates: a cell spans the same angle everywhere, up to half a sphere from the axis.
        let place = |ray: &Ray| {
            let (x, y, z) = (ray.direction.dot(&right), ray.direction.dot(&down), ray.direction.dot(&axis));
            let across = x.hypot(y);
            let scale = if across > 1e-12 { across.atan2(z) / across } else { 1.0 };
            (x * scale, y * scale)
        };
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for (x, y) in rays.iter().map(place) {
            low = [low[0].min(x), low[1].min(y)];
            high = [high[0].max(x), high[1].max(y)];
        }
        let extent = [high[0] - low[0], high[1] - low[1]];
        let pitch_rad = cloud.pixel_pitch_rad.max(1e-6);
        let mut cell_rad = pitch_rad;
        let n_cells = (extent[0] / cell_rad + 1.0) * (extent[1] / cell_rad + 1.0);
        let allowed = Self::MAX_CELLS_PER_POINT * rays.len() as f64 + 10_000.0;
        if n_cells > allowed {
            cell_rad *= (n_cells / allowed).sqrt();
        }
        let n_columns = (extent[0] / cell_rad) as i32 + 1;
        let n_rows = (extent[1] / cell_rad) as i32 + 1;
        for ray in &mut rays {
            let (x, y) = place(ray);
            ray.place_px = [(x - low[0]) / pitch_rad, (y - low[1]) / pitch_rad];
            ray.column = (((x - low[0]) / cell_rad) as i32).clamp(0, n_columns - 1);
            ray.row = (((y - low[1]) / cell_rad) as i32).clamp(0, n_rows - 1);
        }
        rays.sort_by_key(|ray| (ray.row, ray.column));
        let mut cell_starts = Vec::with_capacity(n_columns as usize * n_rows as usize + 1);
        let mut next = 0usize;
        for row in 0..n_rows {
            for column in 0..n_columns {
                cell_starts.push(next as u32);
                while rays.get(next).is_some_and(|ray| (ray.row, ray.column) == (row, column)) {
                    next += 1;
                }
            }
        }
        cell_starts.push(next as u32);
        Some(RayGrid { viewpoint_m: cloud.viewpoint_m, pitch_rad, rays, n_columns, n_rows, cell_starts })
    }

    /// Rays in the cells up to `reach` columns and rows away, the ray itself included.
    fn around(&self, ray: &Ray, reach: i32) -> impl Iterator<Item = &Ray> {
        let first_column = (ray.column - reach).max(0);
        let last_column = (ray.column + reach).min(self.n_columns - 1);
        let rows = (ray.row - reach).max(0)..=(ray.row + reach).min(self.n_rows - 1);
        rows.flat_map(move |row| {
            let start = |column: i32| {
                let cell = row as usize * self.n_columns as usize + column as usize;
                self.cell_starts.get(cell).map_or(0, |start| *start as usize)
            };
            self.rays.get(start(first_column)..start(last_column + 1)).unwrap_or_default()
        })
    }

    /// The prepared point of a ray, and whether it is an outlier.
    fn prepare(&self, index: usize) -> Option<(SurfacePoint, bool)> {
        let ray = self.rays.get(index)?;
        let spacing_m = ray.range_m * self.pitch_rad;
        let half_window = (ray.sigma_m / spacing_m).ceil().clamp(1.0, 3.0);
        // Radii end between pixels; 3×3 pixels have their corners at 1.41.
        let fit_radius = half_window + 0.6;
        let reach = fit_radius.ceil() as i32;
        let (right, down) = tangent_axes(&ray.direction);
        let (mut n_near, mut n_ring, mut n_ring_jumps) = (0usize, 0usize, 0usize);
        let mut ring_sum = [0.0f64; 2];
        let mut fit = PlaneFit::default();
        for other in self.around(ray, reach) {
            let apart2_px =
                (other.place_px[0] - ray.place_px[0]).powi(2) + (other.place_px[1] - ray.place_px[1]).powi(2);
            if apart2_px > fit_radius * fit_radius {
                continue;
            }
            let in_ring = apart2_px <= RING_RADIUS_PX * RING_RADIUS_PX;
            let jump_m = (other.range_m - ray.range_m).abs();
            if jump_m > 4.0 * (ray.sigma_m + other.sigma_m) * std::f64::consts::FRAC_1_SQRT_2 {
                let allowed_m = 4.0 * ray.sigma_m.hypot(other.sigma_m) + STEEPEST * spacing_m * apart2_px.sqrt();
                if jump_m > allowed_m {
                    n_ring_jumps += usize::from(in_ring);
                    continue;
                }
            }
            // Inverse range is linear in the ray's direction on a plane; over a few pixels its component along `ray` is 1.
            let (x, y) = (other.direction.dot(&right) / self.pitch_rad, other.direction.dot(&down) / self.pitch_rad);
            n_near += 1;
            if in_ring {
                n_ring += 1;
                ring_sum = [ring_sum[0] + x, ring_sum[1] + y];
            }
            fit.add(x, y, ray.range_m / other.range_m);
        }
        // The ray itself is among its neighbours.
        let is_outlier = n_near < MIN_NEIGHBOURS + 1 || (n_ring < 4 && n_ring_jumps >= 2);
        let ([along_x, along_y, level], n_effective) = fit.solve();
        let noise_m = 4.0 * ray.sigma_m + spacing_m;
        let mut inverse = level;
        if !(inverse > 0.0 && (ray.range_m / inverse - ray.range_m).abs() <= noise_m) {
            inverse = 1.0;
        }
        let mut direction = ray.direction;
        let center = [ring_sum[0] / n_ring.max(1) as f64, ring_sum[1] / n_ring.max(1) as f64];
        let off_center = center[0].hypot(center[1]);
        if off_center > 0.3 && n_ring >= 3 {
            let outward = [-0.5 * center[0] / off_center, -0.5 * center[1] / off_center];
            let moved = inverse + along_x * outward[0] + along_y * outward[1];
            if moved > 0.0 && (ray.range_m / moved - ray.range_m / inverse).abs() <= 2.0 * STEEPEST * spacing_m {
                direction += (right * outward[0] + down * outward[1]) * self.pitch_rad;
                inverse = moved;
            }
        }
        // `inverse` is per unit along the ray's own direction, which `direction` exceeds only across it.
        let p = self.viewpoint_m + direction * (ray.range_m / inverse);
        let offset = p - self.viewpoint_m;
        let range_m = offset.norm();
        let n_averaged = n_effective.clamp(1.0, MAX_AVERAGED);
        let sigma_m = ray.sigma_m / n_averaged.sqrt();
        Some((SurfacePoint { p, ray: offset / range_m, range_m, sigma_m, spacing_m }, is_outlier))
    }
}

/// Two unit vectors that make a right-handed base with `axis`.
fn tangent_axes(axis: &Vector3<f64>) -> (Vector3<f64>, Vector3<f64>) {
    let helper = if axis.z.abs() < 0.9 { Vector3::z() } else { Vector3::x() };
    let right = axis.cross(&helper).normalize();
    (right, axis.cross(&right))
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

    /// a, b, c, and the variance of one reading over that of c. A ridge of a thousandth of the spread lets a line of points fit as
    /// a line and not as any plane through it.
    fn solve(&self) -> ([f64; 3], f64) {
        let ridge = 1e-3 * (self.xx + self.yy) + 1e-9;
        let normal =
            Matrix3::new(self.xx + ridge, self.xy, self.x, self.xy, self.yy + ridge, self.y, self.x, self.y, self.n);
        match normal.try_inverse() {
            Some(inverse) => {
                let [a, b, c]: [f64; 3] = (inverse * Vector3::new(self.xw, self.yw, self.w)).into();
                ([a, b, c], 1.0 / inverse.m33.max(1e-9))
            }
            None => ([0.0, 0.0, self.w / self.n.max(1.0)], 1.0),
        }
    }
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
        assert!(surface.points.len() * 10 > cloud.len() * 9);
    }
}
