//! Where the outline of a thing is not its own end: something nearer covers it there, or the image ends.
//!
//! Beside a pixel of the outline lies either what is behind the thing or beside it, and then the thing ends there; or a surface that is
//! nearer by a jump, and then the thing goes on behind it, at most as far as that surface does in the image.

use nalgebra::{Point3, Vector3};

use super::{
    DepthMap, DepthNoise, Intrinsics, Mask, Quantity, cloud::CameraPlacement, prepared::Span, ray_grid::STEEPEST,
};

/// Depth cameras see nothing in a shadow of up to so many pixels beside a nearer surface.
pub(crate) const MAX_SHADOW_PX: u32 = 12;
/// Outlines have this many points at most; longer ones are strided.
const MAX_POINTS: usize = 4000;
/// Share of the outline at one end that may be covered: what is left shows where the thing ends.
const MAX_COVERED_SHARE: f64 = 0.5;
/// Fewest covered points that tell.
const MIN_COVERED: usize = 3;

/// A point of the outline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutlinePoint {
    /// Where, in the cloud's frame.
    pub p: Point3<f64>,
    /// Distance to the neighbouring pixel's ray.
    pub spacing_m: f64,
    /// What covers the thing beyond; `None` where it ends.
    pub cover: Option<Cover>,
}

/// What hides the rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cover {
    /// Pixel of the covering surface; `None` at the border of the image.
    pub pixel: Option<(u32, u32)>,
    /// The thing goes on by this at most, metres; infinite at the border of the image.
    pub reach_m: f64,
}

/// How one end of a thing is hidden.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HiddenEnd {
    /// By what, see [`Cover::pixel`].
    pub pixel: Option<(u32, u32)>,
    /// The thing goes on by this at most, metres.
    pub reach_m: f64,
}

/// The outline of a mask in its depth image, placed like the cloud of the same mask.
pub fn outline(
    depth: &DepthMap,
    mask: &Mask,
    intrinsics: &Intrinsics,
    noise: &DepthNoise,
    placement: &CameraPlacement,
) -> Vec<OutlinePoint> {
    let Some(around) = mask.bounding_box() else { return Vec::new() };
    let (width, height) = (depth.width_px(), depth.height_px());
    let is_in = |u: u32, v: u32| mask.as_slice().get(v as usize * width as usize + u as usize) == Some(&true);
    let mut points = Vec::new();
    for v in around.v_min_px..=around.v_max_px.min(height.saturating_sub(1)) {
        for u in around.u_min_px..=around.u_max_px.min(width.saturating_sub(1)) {
            let Some(own_m) = depth.at(u, v).filter(|_| is_in(u, v)).map(f64::from) else { continue };
            let walker = Walker { depth, is_in: &is_in, own_m, noise, step_m: own_m * intrinsics.pixel_pitch_rad() };
            let sides = [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]].map(|step| walker.side(u, v, step));
            let is_outline = sides.iter().any(|side| *side != Side::Inside);
            if !is_outline {
                continue;
            }
            // The widest cover counts: the thing may go on that way.
            let cover = sides.into_iter().filter_map(|side| match side {
                Side::Covered(cover) => Some(cover),
                Side::Inside | Side::Ends => None,
            });
            let cover = cover.max_by(|a, b| a.reach_m.total_cmp(&b.reach_m));
            let in_camera = intrinsics.unproject(f64::from(u), f64::from(v), own_m);
            let p = placement.target_from_camera * Point3::from(in_camera);
            points.push(OutlinePoint { p, spacing_m: walker.step_m, cover });
        }
    }
    let stride = points.len().div_ceil(MAX_POINTS).max(1);
    points.into_iter().step_by(stride).collect()
}

/// What lies beside a pixel of a thing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Side {
    /// The thing itself.
    Inside,
    /// What is behind or beside the thing.
    Ends,
    /// A nearer surface, or the border of the image.
    Covered(Cover),
}

pub(super) struct Walker<'a> {
    pub(super) depth: &'a DepthMap,
    pub(super) is_in: &'a dyn Fn(u32, u32) -> bool,
    /// Depth of the thing at the pixel.
    pub(super) own_m: f64,
    pub(super) noise: &'a DepthNoise,
    /// A pixel's width at that depth.
    pub(super) step_m: f64,
}

impl Walker<'_> {
    /// What lies beside a pixel of the thing; the larger part of a step is one pixel.
    pub(super) fn side(&self, u: u32, v: u32, step_px: [f64; 2]) -> Side {
        let beside = |n: i32| {
            let [du, dv] = step_px.map(|part| (part * f64::from(n)).round() as i32);
            let (u, v) = (u.checked_add_signed(du)?, v.checked_add_signed(dv)?);
            (u < self.depth.width_px() && v < self.depth.height_px()).then_some((u, v))
        };
        let Some((u1, v1)) = beside(1) else {
            return Side::Covered(Cover { pixel: None, reach_m: f64::INFINITY });
        };
        if (self.is_in)(u1, v1) {
            return Side::Inside;
        }
        let mut n = 1;
        let mut cover = None;
        loop {
            let Some((u, v)) = beside(n) else {
                return match cover {
                    Some(pixel) => Side::Covered(Cover { pixel: Some(pixel), reach_m: f64::INFINITY }),
                    None => Side::Ends,
                };
            };
            if (self.is_in)(u, v) {
                // A thing that goes on beyond is covered in its middle, which hides no end.
                return Side::Ends;
            }
            match self.depth.at(u, v).map(f64::from) {
                Some(other_m) if self.is_nearer(other_m, n) => cover = cover.or(Some((u, v))),
                Some(_) => break,
                None if cover.is_none() && n as u32 > MAX_SHADOW_PX => break,
                None => {}
            }
            n += 1;
        }
        match cover {
            Some(pixel) => Side::Covered(Cover { pixel: Some(pixel), reach_m: f64::from(n) * self.step_m }),
            None => Side::Ends,
        }
    }

    /// Nearer by more than noise and a steep surface explain.
    fn is_nearer(&self, other_m: f64, n_px: i32) -> bool {
        let sigma_m = self.noise.sigma_m(self.own_m).hypot(self.noise.sigma_m(other_m));
        self.own_m - other_m > 4.0 * sigma_m + STEEPEST * self.step_m * f64::from(n_px.min(2))
    }
}

/// Which ends along a unit direction are hidden: where the outline near the end is covered for the most part.
pub fn hidden_ends(outline: &[OutlinePoint], direction: &Vector3<f64>, span: &Span) -> [Option<HiddenEnd>; 2] {
    let end = |sign: f64, level: &Quantity| {
        let near = |point: &&OutlinePoint| {
            let slack_m = 2.0 * point.spacing_m + 3.0 * level.sigma();
            sign * (level.value() - direction.dot(&point.p.coords)) <= slack_m
        };
        let here: Vec<&OutlinePoint> = outline.iter().filter(near).collect();
        let mut covers: Vec<Cover> = here.iter().filter_map(|point| point.cover).collect();
        if covers.len() < MIN_COVERED || (covers.len() as f64) < MAX_COVERED_SHARE * here.len() as f64 {
            return None;
        }
        covers.sort_by(|a, b| a.reach_m.total_cmp(&b.reach_m));
        covers.get(covers.len() / 2).map(|cover| HiddenEnd { pixel: cover.pixel, reach_m: cover.reach_m })
    };
    [end(-1.0, &span.low), end(1.0, &span.high)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{
        Prepared,
        analytic_scene::{AnalyticScene, RenderedView, Shape, look_at, vga_camera},
    };

    const NOISE: DepthNoise = DepthNoise { constant_m: 0.001, quadratic_per_m: 0.0, offset_m: 0.4 };

    /// A board 0.4 m wide and 0.3 m high at x = 1.2, with a block in front of it at `y`.
    fn ends(block: Option<(f64, [f64; 3])>, direction: Vector3<f64>) -> [Option<HiddenEnd>; 2] {
        let board = Shape::standing_block(Point3::new(1.2, 0.0, 0.0), Vector3::new(0.02, 0.4, 0.3), 0.0);
        let mut scene = AnalyticScene::new().with(1, Shape::floor(0.0)).with(2, board);
        if let Some((y, size)) = block {
            scene = scene.with(3, Shape::standing_block(Point3::new(0.9, y, 0.0), Vector3::from(size), 0.0));
        }
        let camera = look_at(Point3::new(0.0, 0.0, 0.3), Point3::new(1.2, 0.0, 0.12));
        let view: RenderedView = scene.render(&vga_camera(), &camera);
        let placement = CameraPlacement { target_from_camera: camera, pose_sigma: Default::default(), view_id: 1 };
        let points = outline(&view.depth_map(), &view.mask(2), &vga_camera(), &NOISE, &placement);
        let cloud = view.cloud(Some(2), &NOISE, Default::default(), 1);
        let span = Prepared::of(&cloud, "board").unwrap().span_along(&direction, false).unwrap();
        hidden_ends(&points, &direction, &span)
    }

    #[test]
    fn a_free_board_has_no_hidden_end() {
        assert_eq!(ends(None, Vector3::y()), [None, None]);
        assert_eq!(ends(None, Vector3::z()), [None, None]);
    }

    #[test]
    fn a_block_before_one_end_hides_it_as_far_as_the_block_reaches() {
        // Seen from 0, the block's sides at y = 0.1 and 0.2 (x from 0.85) cover the board from y = 0.14 to 0.28; it ends at 0.2.
        let [low, high] = ends(Some((0.15, [0.1, 0.1, 0.4])), Vector3::y());
        assert_eq!(low, None);
        let high = high.unwrap();
        assert!(high.pixel.is_some());
        assert!((0.12..0.18).contains(&high.reach_m), "{high:?}");
    }

    #[test]
    fn a_block_before_the_middle_hides_no_end() {
        assert_eq!(ends(Some((0.0, [0.1, 0.1, 0.4])), Vector3::y()), [None, None]);
    }

    #[test]
    fn a_low_wall_hides_the_foot() {
        let [low, high] = ends(Some((0.0, [0.05, 1.0, 0.1])), Vector3::z());
        assert!(low.is_some() && high.is_none(), "{low:?} {high:?}");
        let [left, right] = ends(Some((0.0, [0.05, 1.0, 0.1])), Vector3::y());
        assert_eq!((left, right), (None, None));
    }
}
