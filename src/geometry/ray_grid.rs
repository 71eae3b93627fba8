//! The points of a cloud as the image they came from: rays from the viewpoint, sorted so that neighbours are found at once.

use nalgebra::{Point3, Vector3};

use super::PointCloud;

/// Steepest surface (tangent of the angle between normal and ray) whose neighbouring pixels still count as one surface.
pub(crate) const STEEPEST: f64 = 6.0;

/// A measured ray.
#[derive(Clone, Copy)]
pub(crate) struct Ray {
    pub(crate) direction: Vector3<f64>,
    pub(crate) range_m: f64,
    pub(crate) sigma_m: f64,
    /// Angles from the grid's corner, in pixels.
    pub(crate) place_px: [f64; 2],
    column: i32,
    row: i32,
}

impl Ray {
    /// Whether a neighbour lies on another surface: its range differs by more than noise and a steep surface explain.
    pub(crate) fn jumps_to(&self, other: &Ray, pitch_rad: f64) -> bool {
        let jump_m = (other.range_m - self.range_m).abs();
        // Cheaper than the full test and always below its limit.
        if jump_m <= 2.8 * (self.sigma_m + other.sigma_m) {
            return false;
        }
        let (dx, dy) = (other.place_px[0] - self.place_px[0], other.place_px[1] - self.place_px[1]);
        jump_m > 4.0 * self.sigma_m.hypot(other.sigma_m) + STEEPEST * self.range_m * pitch_rad * dx.hypot(dy)
    }
}

/// Rays sorted into square cells one pixel wide, so that neighbours are found by cell.
pub(crate) struct RayGrid {
    viewpoint_m: Point3<f64>,
    pitch_rad: f64,
    cells_per_px: f64,
    /// Axes of `place_px`.
    right: Vector3<f64>,
    down: Vector3<f64>,
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
    pub(crate) fn new(cloud: &PointCloud) -> Option<RayGrid> {
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
        for ray in &mut rays {
            let (x, y) = place(ray);
            ray.place_px = [x, y];
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
            let [x, y] = ray.place_px;
            ray.place_px = [(x - low[0]) / pitch_rad, (y - low[1]) / pitch_rad];
            ray.column = (((x - low[0]) / cell_rad) as i32).clamp(0, n_columns - 1);
            ray.row = (((y - low[1]) / cell_rad) as i32).clamp(0, n_rows - 1);
        }
        // Rays are large: their keys are sorted, with the position last so that equal cells keep their order.
        let cell_of = |ray: &Ray| ray.row as u64 * n_columns as u64 + ray.column as u64;
        let mut order: Vec<(u64, u32)> = rays.iter().zip(0..).map(|(ray, at)| (cell_of(ray), at)).collect();
        order.sort_unstable();
        let rays: Vec<Ray> = order.iter().filter_map(|(_, at)| rays.get(*at as usize).copied()).collect();
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
        Some(RayGrid {
            viewpoint_m: cloud.viewpoint_m,
            pitch_rad,
            cells_per_px: pitch_rad / cell_rad,
            right,
            down,
            rays,
            n_columns,
            n_rows,
            cell_starts,
        })
    }

    pub(crate) fn rays(&self) -> &[Ray] {
        &self.rays
    }

    pub(crate) fn viewpoint_m(&self) -> Point3<f64> {
        self.viewpoint_m
    }

    pub(crate) fn pitch_rad(&self) -> f64 {
        self.pitch_rad
    }

    /// A direction of `place_px` in the frame.
    pub(crate) fn direction_of(&self, [x, y]: [f64; 2]) -> Vector3<f64> {
        self.right * x + self.down * y
    }

    /// Rays (and their positions) up to `radius_px` away, the ray itself included.
    pub(crate) fn around(&self, ray: &Ray, radius_px: f64) -> impl Iterator<Item = (usize, &Ray)> {
        let reach = (radius_px * self.cells_per_px).ceil() as i32;
        let first_column = (ray.column - reach).max(0);
        let last_column = (ray.column + reach).min(self.n_columns - 1);
        let rows = (ray.row - reach).max(0)..=(ray.row + reach).min(self.n_rows - 1);
        let radius2 = radius_px * radius_px;
        let [x, y] = ray.place_px;
        rows.flat_map(move |row| {
            let start = |column: i32| {
                let cell = row as usize * self.n_columns as usize + column as usize;
                self.cell_starts.get(cell).map_or(0, |start| *start as usize)
            };
            let first = start(first_column);
            let cells = self.rays.get(first..start(last_column + 1)).unwrap_or_default();
            cells.iter().enumerate().map(move |(offset, other)| (first + offset, other))
        })
        .filter(move |(_, other)| {
            let (dx, dy) = (other.place_px[0] - x, other.place_px[1] - y);
            dx * dx + dy * dy <= radius2
        })
    }
}

/// Two unit vectors that make a right-handed base with `axis`.
pub(crate) fn tangent_axes(axis: &Vector3<f64>) -> (Vector3<f64>, Vector3<f64>) {
    let helper = if axis.z.abs() < 0.9 { Vector3::z() } else { Vector3::x() };
    let right = axis.cross(&helper).normalize();
    (right, axis.cross(&right))
}
