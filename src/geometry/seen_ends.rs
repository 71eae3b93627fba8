//! Where a level surface is seen to end: what bounds it although things before it hide parts of its outline.
//!
//! The hull of what is visible of a surface lies within the surface, so an edge of the hull is a lower bound of where the surface ends.
//! Where the hull's edge borders on the surface's own pixels and the image sees through the place beyond, the surface ends. If it is
//! convex, no point lies farther inside than some line allows that passes such an end and has the whole hull on one side.

use std::f64::consts::{FRAC_PI_2, PI};

use nalgebra::{Point3, Vector3};

use super::{
    UprightBox,
    surroundings::{Glimpse, Place, Surroundings},
};

/// Distance between places looked at along the outline.
const STEP_M: f64 = 0.01;
/// Places are looked at up to so many pixels beyond the outline: at a jump, a depth camera sees nothing for a few.
const MAX_BEYOND_PX: i32 = 6;
/// But not farther than this.
const MAX_BEYOND_M: f64 = 0.06;
const LEAST_BEYOND_M: f64 = 0.005;
/// The surface's own pixels are at most so far inside the hull, which ends half a pixel beyond measured points.
const MAX_INSIDE_PX: i32 = 3;

/// The ends of a surface that its image shows.
#[derive(Clone, Debug)]
pub(crate) struct SeenEnds(Vec<SeenEnd>);

/// A place at which the surface ends.
#[derive(Clone, Copy, Debug)]
struct SeenEnd {
    p: [f64; 2],
    outward: [f64; 2],
    /// Turns of `outward` that leave the whole hull on one side of a line through `p`.
    turns_rad: [f64; 2],
    /// How far `p` may lie beyond the end.
    slack_m: f64,
}

impl SeenEnds {
    /// Of a surface in the frame of its surroundings, which has +z up.
    pub(crate) fn of(surface: &UprightBox, around: &Surroundings) -> SeenEnds {
        let corners = &surface.footprint_m;
        let mut ends = Vec::new();
        for (from, to) in corners.iter().zip(corners.iter().cycle().skip(1)) {
            let along = [to[0] - from[0], to[1] - from[1]];
            let length_m = along[0].hypot(along[1]);
            if length_m < 1e-9 {
                continue;
            }
            let outward = [along[1] / length_m, -along[0] / length_m];
            let n = (length_m / STEP_M).ceil();
            ends.extend((0..n as usize).filter_map(|k| {
                let share = (k as f64 + 0.5) / n;
                let at = [from[0] + along[0] * share, from[1] + along[1] * share];
                let beyond = |by_m: f64| [at[0] + outward[0] * by_m, at[1] + outward[1] * by_m];
                let (free_m, pixel_m) = HullEdge { surface, around, outward }.free_beyond(at)?;
                let (p, slack_m) = (beyond(free_m), pixel_m.min(free_m));
                Some(SeenEnd { p, outward, turns_rad: turns_rad(corners, p, outward), slack_m })
            }));
        }
        SeenEnds(ends)
    }

    /// How far inside of the surface's edge a place is at most; negative outside, infinite where no end is seen.
    pub(crate) fn most_inside_m(&self, place: [f64; 2]) -> f64 {
        self.0.iter().map(|end| end.most_inside_m(place)).fold(f64::INFINITY, f64::min)
    }
}

impl SeenEnd {
    fn most_inside_m(&self, place: [f64; 2]) -> f64 {
        let away = [self.p[0] - place[0], self.p[1] - place[1]];
        let away_rad = turn_rad(self.outward, away);
        let [low_rad, high_rad] = self.turns_rad;
        let best = if (low_rad..=high_rad).contains(&away_rad) {
            1.0
        } else {
            (away_rad - low_rad).cos().max((away_rad - high_rad).cos())
        };
        away[0].hypot(away[1]) * best - self.slack_m
    }
}

/// Turn from one direction to another, radians in (-π, π].
fn turn_rad(from: [f64; 2], to: [f64; 2]) -> f64 {
    (from[0] * to[1] - from[1] * to[0]).atan2(from[0] * to[0] + from[1] * to[1])
}

/// How far a line across `outward` through `p` may be turned either way before it meets the hull.
fn turns_rad(hull: &[[f64; 2]], p: [f64; 2], outward: [f64; 2]) -> [f64; 2] {
    let inward = outward.map(|part| -part);
    let bearings = hull.iter().map(|corner| turn_rad(inward, [corner[0] - p[0], corner[1] - p[1]]));
    let (low, high) = bearings.fold((PI, -PI), |(low, high), rad| (low.min(rad), high.max(rad)));
    [(high - FRAC_PI_2).min(0.0), (low + FRAC_PI_2).max(0.0)]
}

/// An edge of the hull in the picture.
struct HullEdge<'a> {
    surface: &'a UprightBox,
    around: &'a Surroundings,
    outward: [f64; 2],
}

impl HullEdge<'_> {
    /// How far beyond a place of the edge the surface is seen not to be, and a pixel's width there, across the edge. `None` where the
    /// surface is not seen up to the place.
    fn free_beyond(&self, at: [f64; 2]) -> Option<(f64, f64)> {
        let place = |by_m: f64| {
            let [x, y] = [at[0] + self.outward[0] * by_m, at[1] + self.outward[1] * by_m];
            Point3::new(x, y, self.surface.top_m.value())
        };
        let pixel_m = self.around.pixel_along_m(&place(0.0), &Vector3::new(self.outward[0], self.outward[1], 0.0));
        let is_own = |by_px: i32| self.around.shows_at(&place(-f64::from(by_px) * pixel_m));
        if !(0..=MAX_INSIDE_PX).any(is_own) {
            return None;
        }
        let beyond = (1..=MAX_BEYOND_PX).map(|n| (f64::from(n) * pixel_m).max(LEAST_BEYOND_M));
        let free_m =
            beyond.take_while(|by_m| *by_m < MAX_BEYOND_M).find(|by_m| self.around.is_free_at(&place(*by_m)))?;
        Some((free_m, pixel_m))
    }
}

impl Surroundings {
    /// Whether the image sees something clearly behind a place. What stands at the place itself may stand on the surface.
    fn is_free_at(&self, p: &Point3<f64>) -> bool {
        let in_camera = self.camera_from_target * p;
        let spacing_m = in_camera.z * self.intrinsics.pixel_pitch_rad();
        let place = Place { p: *p, sigma_m: 0.0, spacing_m, reach_rad: 0.0 };
        let seen_m = self.intrinsics.project(in_camera.coords.into()).and_then(|(u, v)| {
            let depth_m = *self.depth.depth_m().get(self.position(u.round() as i64, v.round() as i64)?)?;
            (!depth_m.is_nan()).then_some(f64::from(depth_m))
        });
        let behind_m = in_camera.z + 4.0 * self.noise.sigma_m(in_camera.z) + 3.0 * spacing_m;
        seen_m.is_some_and(|seen_m| seen_m > behind_m) && self.glimpse(&place) == Glimpse::SeenThrough
    }

    /// Whether the pixel of a place is the thing's own.
    fn shows_at(&self, p: &Point3<f64>) -> bool {
        let in_camera = self.camera_from_target * p;
        let pixel = self.intrinsics.project(in_camera.coords.into());
        pixel.is_some_and(|(u, v)| self.is_own(u.round() as i64, v.round() as i64))
    }

    /// How far a place moves along a unit direction when its pixel moves by one; infinite along the ray.
    fn pixel_along_m(&self, p: &Point3<f64>, direction: &Vector3<f64>) -> f64 {
        let in_camera = self.camera_from_target * p;
        let (along, ray) = (self.camera_from_target * direction, in_camera.coords.normalize());
        in_camera.z * self.intrinsics.pixel_pitch_rad() / (along - ray * ray.dot(&along)).norm()
    }
}
