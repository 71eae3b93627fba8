//! Whether a thing's foot is seen: what follows its lowest pixels, downwards in the picture.
//!
//! The lowest visible point of a thing is its bottom only where what it stands on, or what lies behind it, follows in the picture. Where
//! something nearer follows, the thing goes on behind that.

use nalgebra::{Point3, Vector3};

use super::{
    occlusion::{Cover, HiddenEnd, MAX_SHADOW_PX, Side, Walker},
    surroundings::Surroundings,
};

/// Share of the lowest pixels that must be covered before the foot counts as hidden: what is left shows where the thing ends.
const MAX_COVERED_SHARE: f64 = 0.5;
/// Fewest covered pixels that tell.
const MIN_COVERED: usize = 3;
/// Strays below the lowest pixels of a thing.
const MAX_STRAYS: usize = 2;
/// Shorter than this in the picture (tangent of the angle to the nadir), "down" has no direction.
const LEAST_DOWN: f64 = 0.05;

/// Bearings around a thing in which walls are looked for, each with so many points at least; so many in a row may be open: 105°.
const N_BEARINGS: usize = 24;
const MIN_TOWARDS: usize = 3;
const MAX_OPEN: usize = 7;

/// A pixel of the thing below which, in the picture, it does not go on.
struct FootPoint {
    z_m: f64,
    spacing_m: f64,
    cover: Option<Cover>,
}

impl Surroundings {
    /// What covers the thing's foot, when most of its lowest pixels are followed by something nearer, downwards in the picture. The thing
    /// reaches lower by as much as [`HiddenEnd::reach_m`] at most. `sigma_m` is that of its lowest height.
    pub fn hidden_foot(&self, sigma_m: f64) -> Option<HiddenEnd> {
        let mut foot = self.foot();
        foot.sort_by(|a, b| a.z_m.total_cmp(&b.z_m));
        let lowest = foot.get(MAX_STRAYS)?;
        let limit_m = lowest.z_m + 2.0 * lowest.spacing_m + 3.0 * sigma_m;
        let near = foot.iter().filter(|point| point.z_m <= limit_m);
        let n_near = near.clone().count();
        let mut covers: Vec<Cover> = near.filter_map(|point| point.cover).collect();
        if covers.len() < MIN_COVERED || (covers.len() as f64) < MAX_COVERED_SHARE * n_near as f64 {
            return None;
        }
        covers.sort_by(|a, b| a.reach_m.total_cmp(&b.reach_m));
        let middle = covers.get(covers.len() / 2)?;
        let reach_m = covers.last()?.reach_m;
        Some(HiddenEnd { pixel: middle.pixel, reach_m })
    }

    /// Whether something other than the thing rises above a level all around a place, within a horizontal distance: the walls of what
    /// holds the thing.
    pub fn is_enclosed(&self, place: [f64; 2], within_m: f64, level_m: f64) -> bool {
        let (width, height) = (self.depth.width_px() as usize, self.depth.height_px() as usize);
        let target_from_camera = self.camera_from_target.inverse();
        let mut n_towards = [0usize; N_BEARINGS];
        for (at, depth_m) in self.depth.depth_m().iter().enumerate().filter(|(_, depth_m)| depth_m.is_finite()) {
            let (u, v) = (at % width.max(1), at / width.max(1));
            let in_camera = self.intrinsics.unproject(u as f64, v as f64, f64::from(*depth_m));
            let p = target_from_camera * Point3::from(in_camera);
            let (x, y) = (p.x - place[0], p.y - place[1]);
            if v < height && p.z > level_m && x.hypot(y) < within_m && !self.is_own(u as i64, v as i64) {
                let turn = y.atan2(x) / std::f64::consts::TAU + 0.5;
                if let Some(n) = n_towards.get_mut((turn * N_BEARINGS as f64) as usize % N_BEARINGS) {
                    *n += 1;
                }
            }
        }
        let twice = n_towards.iter().chain(&n_towards).map(|n| *n < MIN_TOWARDS);
        let widest = twice.fold((0usize, 0usize), |(run, widest), is_open| {
            let run = if is_open { run + 1 } else { 0 };
            (run, widest.max(run))
        });
        widest.1 <= MAX_OPEN
    }

    fn foot(&self) -> Vec<FootPoint> {
        let Some(within) = self.within else { return Vec::new() };
        let down = self.camera_from_target * -Vector3::z();
        let target_from_camera = self.camera_from_target.inverse();
        let is_in = |u: u32, v: u32| self.is_own(i64::from(u), i64::from(v));
        let lens = &self.intrinsics;
        let mut foot = Vec::new();
        for v in within.v_min_px..=within.v_max_px {
            for u in (within.u_min_px..=within.u_max_px).filter(|u| is_in(*u, v)) {
                // The image of a step down from here; its length does not matter.
                let ray = lens.unproject(f64::from(u), f64::from(v), 1.0);
                let step = [lens.fx_px * (down.x - down.z * ray[0]), lens.fy_px * (down.y - down.z * ray[1])];
                let length = step[0].abs().max(step[1].abs());
                if length < LEAST_DOWN * lens.fx_px {
                    continue;
                }
                let step_px = step.map(|part| part / length);
                let at = |n: f64| {
                    let [du, dv] = step_px.map(|part| (part * n).round() as i64);
                    (i64::from(u) + du, i64::from(v) + dv)
                };
                let (u_next, v_next) = at(1.0);
                if self.is_own(u_next, v_next) {
                    continue;
                }
                // A depth camera sees nothing at a jump, so that the depth is that of the nearest pixel above.
                let own_m = (0..=MAX_SHADOW_PX).find_map(|n| {
                    let (u, v) = at(-f64::from(n));
                    let depth_m = self.depth.at(u32::try_from(u).ok()?, u32::try_from(v).ok()?)?;
                    self.is_own(u, v).then_some(f64::from(depth_m))
                });
                let Some(own_m) = own_m else { continue };
                let spacing_m = own_m * lens.pixel_pitch_rad();
                let walker = Walker { depth: &self.depth, is_in: &is_in, own_m, noise: &self.noise, step_m: spacing_m };
                let cover = match walker.side(u, v, step_px) {
                    Side::Covered(cover) => Some(cover),
                    Side::Inside | Side::Ends => None,
                };
                let p = target_from_camera * Point3::from(lens.unproject(f64::from(u), f64::from(v), own_m));
                foot.push(FootPoint { z_m: p.z, spacing_m, cover });
            }
        }
        foot
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::geometry::{
        DepthMap, DepthNoise, PointCloud, PoseSigma, Prepared,
        analytic_scene::{AnalyticScene, Random, Shape, look_at, vga_camera},
        cloud::CameraPlacement,
        contact::on_top_of,
    };

    pub const TABLE: u32 = 2;
    pub const THING: u32 = 3;
    pub const COVER: u32 = 4;
    const LEVEL_M: f64 = 0.4;

    /// A block whose underside is at `z`.
    pub fn block(at: [f64; 3], size: [f64; 3]) -> Shape {
        Shape::standing_block(Point3::from(at), Vector3::from(size), 0.0)
    }

    /// Table top 0.6 m deep and 1 m wide at 0.4 m, and bodies, seen from the side of x = 0 by a depth camera that measures nothing
    /// beside jumps.
    pub fn seen(bodies: &[(u32, Shape)], label: u32, seed: u64) -> Prepared {
        let table = block([1.3, 0.0, LEVEL_M - 0.03], [0.6, 1.0, 0.03]);
        let mut scene = AnalyticScene::new().with(1, Shape::floor(0.0)).with(TABLE, table);
        for (label, shape) in bodies {
            scene = scene.with(*label, shape.clone());
        }
        let (noise, lens) = (DepthNoise::default(), vga_camera());
        let camera = look_at(Point3::new(0.0, 0.0, 0.9), Point3::new(1.3, 0.0, 0.4));
        let exact = scene.render(&lens, &camera);
        let (width, height) = (lens.width_px as usize, lens.height_px as usize);
        let at = |u: usize, v: usize| exact.depth_m[v * width + u];
        let is_jump = |u: usize, v: usize| {
            let (right, below) = ((u + 1).min(width - 1), (v + 1).min(height - 1));
            let beside = [(u.saturating_sub(1), v), (right, v), (u, v.saturating_sub(1)), (u, below)];
            beside.iter().any(|(u2, v2)| (at(*u2, *v2) - at(u, v)).abs() > 0.03)
        };
        let holes: Vec<bool> = (0..width * height).map(|i| is_jump(i % width, i / width)).collect();
        let view = exact.clone().with_noise(&noise, &mut Random(seed));
        let depth_m =
            view.depth_m.iter().zip(&holes).map(|(d, is_hole)| if *is_hole { f32::NAN } else { *d }).collect();
        let depth = DepthMap::new(lens.width_px, lens.height_px, depth_m).unwrap();
        let placement = CameraPlacement { target_from_camera: camera, pose_sigma: PoseSigma::default(), view_id: 1 };
        let mask = view.mask(label);
        let cloud = PointCloud::from_depth(&depth, Some(&mask), &lens, &noise, &placement);
        let around = Surroundings::new(&depth, &mask, &lens, &noise, &placement);
        Prepared::of(&cloud, "the thing").unwrap().seen_in(&around, |pixel| format!("{}", pixel.is_some()))
    }

    /// (whether the thing rests on the table, whether that is clear, whether its foot is hidden)
    fn check(bodies: &[(u32, Shape)], expected: (bool, bool, bool), what: &str) {
        for seed in 0..4 {
            let (thing, table) = (seen(bodies, THING, seed), seen(bodies, TABLE, seed));
            let found = on_top_of(&thing, &table).unwrap();
            let told = (found.holds, found.is_clear(), thing.hidden_foot.is_some());
            assert_eq!(told, expected, "{what}, {seed}: {found:?}");
        }
    }

    fn thing(z: f64) -> (u32, Shape) {
        (THING, block([1.35, 0.0, z], [0.1, 0.1, 0.12]))
    }

    fn wall_before() -> (u32, Shape) {
        // The ray above it meets the thing's front 0.075 m above the table.
        (COVER, block([1.2, 0.0, LEVEL_M], [0.05, 0.3, 0.1]))
    }

    #[test]
    fn a_foot_that_is_seen_is_judged() {
        check(&[thing(LEVEL_M)], (true, true, false), "on the table");
        check(&[thing(LEVEL_M + 0.1)], (false, true, false), "held above the table");
        check(&[thing(LEVEL_M + 0.22), wall_before()], (false, true, false), "held above what stands before it");
    }

    #[test]
    fn a_covered_foot_may_stand_on_what_is_hidden() {
        check(&[thing(LEVEL_M), wall_before()], (false, false, true), "on the table");
        check(&[thing(LEVEL_M + 0.05), wall_before()], (false, false, true), "held above the table, which nobody sees");
        let bodies = [thing(LEVEL_M), wall_before()];
        let found = on_top_of(&seen(&bodies, THING, 0), &seen(&bodies, TABLE, 0)).unwrap();
        assert!(found.basis.contains("its foot is covered by true"), "{}", found.basis);
    }

    #[test]
    fn behind_an_edge_that_is_seen_nothing_stands_on_the_table() {
        let cabinet = (THING, block([2.0, 0.0, 0.0], [0.1, 0.1, 0.7]));
        let cover = (COVER, block([1.55, 0.0, LEVEL_M], [0.05, 0.3, 0.1]));
        check(&[cabinet, cover], (false, true, true), "on the floor");
    }

    #[test]
    fn what_lies_in_a_tray_does_not_lie_on_the_table() {
        let wall = |x: f64, y: f64, size: [f64; 2]| (COVER, block([1.3 + x, y, LEVEL_M], [size[0], size[1], 0.06]));
        let bodies = [
            (THING, Shape::sphere(Point3::new(1.3, 0.0, LEVEL_M + 0.055), 0.045)),
            (COVER, block([1.3, 0.0, LEVEL_M], [0.24, 0.24, 0.01])),
            wall(0.12, 0.0, [0.01, 0.25]),
            wall(-0.12, 0.0, [0.01, 0.25]),
            wall(0.0, 0.12, [0.25, 0.01]),
            wall(0.0, -0.12, [0.25, 0.01]),
        ];
        for seed in 0..4 {
            let found = on_top_of(&seen(&bodies, THING, seed), &seen(&bodies, TABLE, seed)).unwrap();
            assert!(!found.holds && found.is_clear(), "{found:?}");
        }
    }
}
