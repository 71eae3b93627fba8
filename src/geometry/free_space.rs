//! The free passage between two things: what is seen through, what is occupied, and what no camera saw.
//!
//! Two things stand on one surface. The passage runs between their facing sides, square to the line that joins them at their nearest, as
//! far as both sides face each other. It is cut into columns of one cell. A column is *occupied* when measured points of anything lie in
//! it between the surface and the height asked for, *free* when every sample of it was seen through by some camera, and *unknown*
//! otherwise: what is hidden or out of view is never taken for free. A straight passage needs a lane that is free along its whole
//! length.

use nalgebra::{Isometry3, Point3, Vector2};

use super::{
    DepthMap, DepthNoise, GeometryError, Intrinsics, Prepared, Quantity, Unit,
    footprint::{contains, edges, intersection, nearest_on_segment},
};

/// Cells are no smaller.
const LEAST_CELL_M: f64 = 0.005;
/// Cells along the passage's width at most.
const MAX_CELLS: usize = 240;
/// Samples of one column at most.
const MAX_LEVELS: usize = 12;
/// Points in a cell and its neighbours that make it occupied.
const MIN_POINTS: usize = 3;
/// A passage is looked at over at least this length.
const LEAST_LENGTH_M: f64 = 0.02;

/// One camera's depth and where it stood.
#[derive(Clone, Debug)]
pub struct SeenDepth<'a> {
    /// Depth.
    pub depth: &'a DepthMap,
    /// Of the same image.
    pub intrinsics: Intrinsics,
    /// Of the same camera.
    pub noise: DepthNoise,
    /// Maps optical coordinates into the frame of everything else here.
    pub fixed_from_camera: Isometry3<f64>,
}

/// The height range that counts, metres in a frame with +z up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    /// The supporting surface; what lies within `above_m` of it is the surface itself.
    pub surface_m: f64,
    /// Thickness of what counts as the surface.
    pub above_m: f64,
    /// Up to here.
    pub top_m: f64,
}

/// A passage between two things.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage {
    /// Horizontal gap between the two visible footprints.
    pub gap: Quantity,
    /// Widest lane known to be free.
    pub free: Quantity,
    /// Widest lane not known to be occupied.
    pub possible: Quantity,
    /// Share of the passage's columns that no camera saw.
    pub unknown_share: f64,
    /// Nearest points of the footprints, at the height of the surface.
    pub ends_m: [Point3<f64>; 2],
    /// Where the first thing in the way is; `None` when nothing is.
    pub obstacle_m: Option<Point3<f64>>,
    /// Length over which the two face each other, metres.
    pub length_m: f64,
}

/// Measures the passage between two things.
///
/// # Errors
/// [`GeometryError::NotMeasurable`] when their footprints overlap.
pub fn passage(a: &Prepared, b: &Prepared, seen: &[SeenDepth<'_>], levels: &Levels) -> Result<Passage, GeometryError> {
    let (from, to) = (&a.upright.footprint_m, &b.upright.footprint_m);
    let touching = || {
        GeometryError::NotMeasurable("the two things overlap seen from above, so nothing lies between them".to_owned())
    };
    if intersection(from, to).len() >= 3 {
        return Err(touching());
    }
    let (p, q) = nearest_pair(from, to).ok_or_else(touching)?;
    let gap_m = (q - p).norm();
    let across = (q - p).try_normalize(1e-9).ok_or_else(touching)?;
    let along = Vector2::new(-across.y, across.x);
    let reach = |footprint: &[[f64; 2]]| {
        footprint.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), [x, y]| {
            let t = along.dot(&(Vector2::new(*x, *y) - p));
            (low.min(t), high.max(t))
        })
    };
    let ((low_a, high_a), (low_b, high_b)) = (reach(from), reach(to));
    let (mut low_m, mut high_m) = (low_a.max(low_b), high_a.min(high_b));
    if high_m - low_m < LEAST_LENGTH_M {
        let middle = 0.5 * (low_m + high_m);
        (low_m, high_m) = (middle - LEAST_LENGTH_M / 2.0, middle + LEAST_LENGTH_M / 2.0);
    }
    let n_across = ((gap_m / LEAST_CELL_M).ceil() as usize).clamp(1, MAX_CELLS);
    let cell_m = gap_m / n_across as f64;
    let n_along = (((high_m - low_m) / cell_m).ceil() as usize).clamp(1, MAX_CELLS);
    let step_m = (high_m - low_m) / n_along as f64;
    let ends_sigma_m = a.upright.width.sigma().hypot(b.upright.width.sigma()) * std::f64::consts::FRAC_1_SQRT_2;
    // What lies so near to either side is the side itself.
    let rim_m = 2.0 * ends_sigma_m + a.bottom.point.spacing_m.max(b.bottom.point.spacing_m);
    let mut grid =
        Grid { n_across, n_along, n_points: vec![0; n_across * n_along], first: vec![None; n_across * n_along] };
    for one in seen {
        grid.add_points(one, levels, |xy| {
            let offset = xy - p;
            let s_m = across.dot(&offset);
            let is_between = s_m > rim_m && s_m < gap_m - rim_m;
            is_between.then(|| (s_m / cell_m, (along.dot(&offset) - low_m) / step_m))
        });
    }
    let (mut is_occupied, mut is_unknown) = (vec![false; n_across], vec![false; n_across]);
    let (mut n_unknown, mut obstacle_m) = (0usize, None);
    for i in 0..n_across {
        for j in 0..n_along {
            if grid.count_around(i, j) >= MIN_POINTS && grid.count(i, j) > 0 {
                if let Some(slot) = is_occupied.get_mut(i) {
                    *slot = true;
                }
                obstacle_m = obstacle_m.or(grid.first.get(i * n_along + j).copied().flatten());
                continue;
            }
            let at = p + across * ((i as f64 + 0.5) * cell_m) + along * (low_m + (j as f64 + 0.5) * step_m);
            if !is_seen_through(at, seen, levels) {
                n_unknown += 1;
                if let Some(slot) = is_unknown.get_mut(i) {
                    *slot = true;
                }
            }
        }
    }
    let widest = |is_blocked: &dyn Fn(usize) -> bool| {
        let (mut best, mut run) = (0usize, 0usize);
        for i in 0..n_across {
            run = if is_blocked(i) { 0 } else { run + 1 };
            best = best.max(run);
        }
        best as f64 * cell_m
    };
    let at = |flags: &[bool], i: usize| flags.get(i).copied().unwrap_or(true);
    let free_m = widest(&|i| at(&is_occupied, i) || at(&is_unknown, i));
    let possible_m = widest(&|i| at(&is_occupied, i));
    // Each end of a lane is known to one cell, where an obstacle bounds it, and to the footprint's error where a side does.
    let sigma_m = ends_sigma_m.hypot(cell_m * (1.0f64 / 6.0).sqrt());
    let quantity = |value_m: f64, sigma_m: f64| {
        Quantity::new(value_m, sigma_m, Unit::Metre)
            .ok_or_else(|| GeometryError::NotMeasurable("the gap is not finite".to_owned()))
    };
    let end = |xy: Vector2<f64>| Point3::new(xy.x, xy.y, levels.surface_m);
    Ok(Passage {
        gap: quantity(gap_m, ends_sigma_m)?,
        free: quantity(free_m, sigma_m)?,
        possible: quantity(possible_m, sigma_m)?,
        unknown_share: n_unknown as f64 / (n_across * n_along) as f64,
        ends_m: [end(p), end(q)],
        obstacle_m,
        length_m: high_m - low_m,
    })
}

struct Grid {
    n_across: usize,
    n_along: usize,
    n_points: Vec<u32>,
    first: Vec<Option<Point3<f64>>>,
}

impl Grid {
    fn add_points(
        &mut self,
        seen: &SeenDepth<'_>,
        levels: &Levels,
        place: impl Fn(Vector2<f64>) -> Option<(f64, f64)>,
    ) {
        let (width, height) = (seen.depth.width_px(), seen.depth.height_px());
        for v in 0..height {
            for u in 0..width {
                let Some(z_m) = seen.depth.at(u, v).map(f64::from) else { continue };
                let in_camera = seen.intrinsics.unproject(f64::from(u), f64::from(v), z_m);
                let p = seen.fixed_from_camera * Point3::from(in_camera);
                if !(levels.surface_m + levels.above_m..levels.top_m).contains(&p.z) {
                    continue;
                }
                let Some((s, t)) = place(Vector2::new(p.x, p.y)) else { continue };
                if !(s >= 0.0 && t >= 0.0 && s < self.n_across as f64 && t < self.n_along as f64) {
                    continue;
                }
                if is_flying(seen, u, v, z_m) {
                    continue;
                }
                let index = s as usize * self.n_along + t as usize;
                if let (Some(count), Some(first)) = (self.n_points.get_mut(index), self.first.get_mut(index)) {
                    *count += 1;
                    *first = first.or(Some(p));
                }
            }
        }
    }

    fn count(&self, i: usize, j: usize) -> usize {
        self.n_points.get(i * self.n_along + j).map_or(0, |n| *n as usize)
    }

    fn count_around(&self, i: usize, j: usize) -> usize {
        let near = |middle: usize, end: usize| middle.saturating_sub(1)..(middle + 2).min(end);
        near(i, self.n_across)
            .flat_map(|i| near(j, self.n_along).map(move |j| (i, j)))
            .map(|(i, j)| self.count(i, j))
            .sum()
    }
}

/// A pixel that mixes two depths lies far from both neighbours in a row or a column.
fn is_flying(seen: &SeenDepth<'_>, u: u32, v: u32, z_m: f64) -> bool {
    let jump_m = 6.0 * seen.noise.sigma_m(z_m) + 6.0 * z_m * seen.intrinsics.pixel_pitch_rad();
    let is_apart = |u: Option<u32>, v: Option<u32>| match (u, v) {
        (Some(u), Some(v)) => seen.depth.at(u, v).is_none_or(|other| (f64::from(other) - z_m).abs() > jump_m),
        _ => false,
    };
    (is_apart(u.checked_sub(1), Some(v)) && is_apart(u.checked_add(1), Some(v)))
        || (is_apart(Some(u), v.checked_sub(1)) && is_apart(Some(u), v.checked_add(1)))
}

/// Whether every sample of a column was seen through by some camera.
fn is_seen_through(at: Vector2<f64>, seen: &[SeenDepth<'_>], levels: &Levels) -> bool {
    let (low_m, high_m) = (levels.surface_m + levels.above_m, levels.top_m.max(levels.surface_m + levels.above_m));
    let n_levels = (((high_m - low_m) / 0.03).ceil() as usize + 1).clamp(2, MAX_LEVELS);
    (0..n_levels).all(|level| {
        let z_m = low_m + (high_m - low_m) * level as f64 / (n_levels - 1) as f64;
        seen.iter().any(|one| sees_through(one, &Point3::new(at.x, at.y, z_m)))
    })
}

fn sees_through(seen: &SeenDepth<'_>, p: &Point3<f64>) -> bool {
    let in_camera = seen.fixed_from_camera.inverse_transform_point(p);
    let Some((u, v)) = seen.intrinsics.project(in_camera.into()) else { return false };
    let (width, height) = (f64::from(seen.depth.width_px()), f64::from(seen.depth.height_px()));
    if !(0.0..width - 0.5).contains(&u) || !(0.0..height - 0.5).contains(&v) {
        return false;
    }
    let index = v.round() as usize * seen.depth.width_px() as usize + u.round() as usize;
    // +∞ is a surface beyond the range that is trusted, which is behind all the same.
    let seen_m = seen.depth.depth_m().get(index).copied().map_or(f64::NAN, f64::from);
    seen_m > in_camera.z - 2.0 * seen.noise.sigma_m(in_camera.z)
}

/// The nearest two points of two polygons that do not overlap.
fn nearest_pair(a: &[[f64; 2]], b: &[[f64; 2]]) -> Option<(Vector2<f64>, Vector2<f64>)> {
    let mut best: Option<(f64, Vector2<f64>, Vector2<f64>)> = None;
    let mut look = |from: &[[f64; 2]], to: &[[f64; 2]], is_swapped: bool| {
        for corner in from {
            for (start, end) in edges(to) {
                let (p, q) = (Vector2::from(*corner), Vector2::from(nearest_on_segment(*corner, start, end)));
                let distance_m = (q - p).norm();
                if best.as_ref().is_none_or(|(least, ..)| distance_m < *least) {
                    best = Some(if is_swapped { (distance_m, q, p) } else { (distance_m, p, q) });
                }
            }
        }
    };
    look(a, b, false);
    look(b, a, true);
    best.map(|(_, p, q)| (p, q)).filter(|(p, q)| !contains(a, (*q).into()) && !contains(b, (*p).into()))
}

#[cfg(test)]
mod tests {
    use nalgebra::Vector3;

    use super::*;
    use crate::geometry::{
        PointCloud, PoseSigma,
        analytic_scene::{AnalyticScene, Random, Shape, look_at, vga_camera},
    };

    /// Blocks on the floor (label from 2 on), seen from above and in front.
    fn measured(blocks: &[([f64; 2], [f64; 3])], eye: [f64; 3]) -> Passage {
        let mut scene = AnalyticScene::new().with(1, Shape::floor(0.0));
        for (i, ([x, y], size)) in blocks.iter().enumerate() {
            scene =
                scene.with(i as u32 + 2, Shape::standing_block(Point3::new(*x, *y, 0.0), Vector3::from(*size), 0.0));
        }
        let noise = DepthNoise::default();
        let camera = look_at(Point3::from(eye), Point3::new(1.2, 0.0, 0.0));
        let view = scene.render(&vga_camera(), &camera).with_noise(&noise, &mut Random(4));
        let cloud = |label| -> PointCloud { view.cloud(Some(label), &noise, PoseSigma::default(), 1) };
        let prepared = |label| Prepared::of(&cloud(label), "block").unwrap();
        let depth = view.depth_map();
        let seen = [SeenDepth { depth: &depth, intrinsics: vga_camera(), noise, fixed_from_camera: camera }];
        let levels = Levels { surface_m: 0.0, above_m: 0.015, top_m: 0.15 };
        passage(&prepared(2), &prepared(3), &seen, &levels).unwrap()
    }

    const LEFT: ([f64; 2], [f64; 3]) = ([1.2, 0.3], [0.2, 0.2, 0.2]);
    const RIGHT: ([f64; 2], [f64; 3]) = ([1.2, -0.3], [0.2, 0.2, 0.2]);
    const ABOVE: [f64; 3] = [0.3, 0.0, 1.4];

    fn near(found: Quantity, truth_m: f64) -> bool {
        (found.value() - truth_m).abs() <= 3.0 * found.sigma()
    }

    #[test]
    fn an_empty_gap_is_free_over_its_whole_width() {
        let found = measured(&[LEFT, RIGHT], ABOVE);
        assert!(near(found.gap, 0.4) && near(found.free, 0.4) && near(found.possible, 0.4), "{found:?}");
        assert!(found.unknown_share < 0.02 && found.obstacle_m.is_none(), "{found:?}");
        assert!((found.length_m - 0.2).abs() < 0.01);
        assert!(found.gap.sigma() < 0.01, "{found:?}");
    }

    #[test]
    fn a_thing_in_the_way_leaves_the_wider_lane() {
        // 0.05 m wide at y = 0.1: from -0.2 to 0.075 is free.
        let found = measured(&[LEFT, RIGHT, ([1.2, 0.1], [0.05, 0.05, 0.1])], ABOVE);
        assert!(near(found.gap, 0.4) && near(found.possible, 0.275), "{found:?}");
        let obstacle_m = found.obstacle_m.unwrap();
        assert!((obstacle_m.xy() - Point3::new(1.2, 0.1, 0.0).xy()).norm() < 0.05, "{obstacle_m}");
        assert!(found.free.value() <= found.possible.value() + 1e-9);
    }

    #[test]
    fn what_is_hidden_is_not_free() {
        // A wall in front hides the passage from a low camera.
        let wall = ([0.8, 0.0], [0.05, 1.2, 0.45]);
        let found = measured(&[([1.2, 0.3], [0.2, 0.2, 0.6]), ([1.2, -0.3], [0.2, 0.2, 0.6]), wall], [0.0, 0.0, 0.6]);
        assert!(found.unknown_share > 0.9, "{found:?}");
        assert!(found.free.value() < 0.01 && found.possible.value() > 0.35, "{found:?}");
    }
}
