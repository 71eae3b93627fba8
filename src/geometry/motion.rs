//! Whether something moved between two views.
//!
//! A changed viewpoint shows other parts of a thing, so comparing centres would see motion where there is none. Instead a translation is
//! judged by *consistency*: moved by it, every point seen in one view must lie, in the other view, within the thing's silhouette and not
//! in front of its surface. A thing that stood still is consistent with no translation at all, from any two viewpoints.
//!
//! Outside of the silhouette it counts what the other view measured there (see [`Surroundings`]): a point that it saw through contradicts,
//! a point that a nearer thing hid from it, or that its image does not reach, is unknown. What an occluder uncovers is therefore no motion.

use nalgebra::{Point3, Vector3};

use super::{
    GeometryError, PointCloud, PoseSigma, Quantity, Unit,
    distance::SurfaceTree,
    relations::Relation,
    surface::{MIN_POINTS, Surface, SurfacePoint, UNIFORM_SIGMA},
    surroundings::{Glimpse, Place, Surroundings},
};

/// Points of each view that are compared.
const N_COMPARED: usize = 600;
/// A motion must explain this much more of the points than standing still does.
const CLEAR_SHARE: f64 = 0.05;
/// Above this, no translation brings the two views together.
const MAX_INCONSISTENT_SHARE: f64 = 0.5;
/// Share of the points that both views could see, below which they do not tell.
const MIN_KNOWN_SHARE: f64 = 0.2;
/// From this share of hidden points on, middles of what is seen are not compared.
const MIN_HIDDEN_SHARE: f64 = 0.02;
/// Pairs that the alignment keeps, best first: the rest belongs to parts that one view does not show.
const KEPT_SHARE: f64 = 0.7;
const MAX_ITERATIONS: usize = 40;
/// The descent starts with steps of this length, metres, and ends below the other.
const FIRST_STEP_M: f64 = 0.04;
const LAST_STEP_M: f64 = 0.002;

/// A displacement between two times.
#[derive(Clone, Debug, PartialEq)]
pub struct Displacement {
    /// Translation from the earlier to the later cloud, metres.
    pub translation_m: Vector3<f64>,
    /// Its length with sigma.
    pub distance: Quantity,
    /// Whether it moved by more than the larger of 3 sigma and `min_move_m`.
    pub moved: Relation,
}

/// One view of a thing, in the fixed frame.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// Its visible surface.
    pub cloud: &'a PointCloud,
    /// What the image measured around it; without, a place where the thing is not shown counts as seen through.
    pub around: Option<&'a Surroundings>,
}

impl<'a> From<&'a PointCloud> for Sight<'a> {
    fn from(cloud: &'a PointCloud) -> Sight<'a> {
        Sight { cloud, around: None }
    }
}

/// Compares the visible surface of one object in two views, both in the fixed frame. Candidate translations come from trimmed ICP
/// (Chetverikov et al. 2002) of what both views could see, started at no motion and at the shift of the median; the most consistent one
/// holds, and no motion where it is as consistent. The shift itself is a candidate only where nothing is hidden; where something is,
/// sigma covers all alignments that are as consistent as the best.
///
/// # Errors
/// [`GeometryError::TooFewPoints`]; [`GeometryError::NotMeasurable`] when no translation brings the two views together, or one view could
/// hardly see what the other did.
pub fn displacement<'a>(
    earlier: impl Into<Sight<'a>>,
    later: impl Into<Sight<'a>>,
    min_move_m: f64,
) -> Result<Displacement, GeometryError> {
    let (from, to) = (Seen::of(earlier.into(), "the earlier view")?, Seen::of(later.into(), "the later view")?);
    let (from_images, to_images) = (from.silhouette(), to.silhouette());
    let silhouettes = (SurfaceTree::new(&from_images)?, SurfaceTree::new(&to_images)?);
    let counts_of = |translation_m: &Vector3<f64>| {
        let forth = from.counts(&silhouettes.0, &to, &-translation_m);
        (forth, to.counts(&silhouettes.1, &from, translation_m))
    };
    let share_of = |translation_m: &Vector3<f64>| {
        let (forth, back) = counts_of(translation_m);
        inconsistent_share(&forth, &back)
    };
    let (forth, back) = counts_of(&Vector3::zeros());
    let hidden_share = 1.0 - known_share(&forth, &back);
    let still_share = inconsistent_share(&forth, &back).ok_or_else(|| {
        GeometryError::NotMeasurable(format!(
            "the two views show different parts: {:.0} % of the points of each were hidden from the other or outside of its image, at \
             most {:.0} % may; compare images that show more of it",
            100.0 * hidden_share,
            100.0 * (1.0 - MIN_KNOWN_SHARE)
        ))
    })?;
    let trees = (SurfaceTree::new(&from.surface)?, SurfaceTree::new(&to.surface)?);
    let shift_m = to.median_m - from.median_m;
    let reach_m = shift_m.norm() + min_move_m;
    let starts = [Vector3::zeros(), shift_m];
    let aligned = starts.map(|start_m| align(&trees.0, &from, &to, start_m, reach_m));
    // Either the place where it was or the one where it is may be covered in the other view.
    let is_hidden = hidden_share >= MIN_HIDDEN_SHARE
        || aligned.iter().any(|translation_m| {
            let (forth, back) = counts_of(translation_m);
            1.0 - known_share(&forth, &back) >= MIN_HIDDEN_SHARE
        });
    let others = if is_hidden {
        starts.map(|start_m| -align(&trees.1, &to, &from, -start_m, reach_m)).to_vec()
    } else {
        vec![shift_m]
    };
    let mut judged: Vec<(f64, Vector3<f64>)> = aligned
        .into_iter()
        .chain(others)
        .filter_map(|translation_m| Some((share_of(&translation_m)?, translation_m)))
        .collect();
    let least = |judged: &[(f64, Vector3<f64>)]| {
        let still = (still_share, Vector3::zeros());
        judged.iter().fold(still, |best, candidate| if candidate.0 < best.0 { *candidate } else { best })
    };
    let mut best = least(&judged);
    if is_hidden && still_share - best.0 >= CLEAR_SHARE {
        // A round surface slides along itself towards its partner, and slowly where half of it is missing.
        let start_m = descend(best, share_of).1;
        let ways =
            [start_m, align(&trees.0, &from, &to, start_m, reach_m), -align(&trees.1, &to, &from, -start_m, reach_m)];
        judged.extend(ways.into_iter().filter_map(|way_m| Some((share_of(&way_m)?, way_m))));
        best = least(&judged);
    }
    if best.0 > MAX_INCONSISTENT_SHARE {
        return Err(GeometryError::NotMeasurable(format!(
            "no translation brings the two views together: {:.0} % of the points contradict the best one, at most {:.0} % may; \
             the object may have turned, or is hidden in part",
            100.0 * best.0,
            100.0 * MAX_INCONSISTENT_SHARE
        )));
    }
    let explains_more = still_share - best.0 >= CLEAR_SHARE;
    // What stood still shows only the residual that its own alignment leaves.
    let translation_m = if explains_more { best.1 } else { aligned[0] };
    let spread_m = if is_hidden && explains_more {
        let as_good = judged.iter().filter(|(share, _)| share - best.0 < 0.5 * CLEAR_SHARE);
        let apart_m = as_good.map(|(_, other_m)| (other_m - best.1).norm()).fold(0.0, f64::max);
        // Two equal outlines that are off by some share of their width contradict each other in about that share of the points.
        apart_m.hypot(best.0 * from.width_m.max(to.width_m))
    } else {
        0.0
    };
    let sigma_m = from.sigma_m().hypot(to.sigma_m()).hypot(spread_m);
    let distance_m = translation_m.norm();
    let threshold_m = (3.0 * sigma_m).max(min_move_m);
    let (distance_m, translation_m) =
        if explains_more || distance_m < threshold_m { (distance_m, translation_m) } else { (0.0, Vector3::zeros()) };
    let not_finite = || GeometryError::NotMeasurable("the displacement is not finite".to_owned());
    let distance = Quantity::new(distance_m, sigma_m, Unit::Metre).ok_or_else(not_finite)?;
    let margin_m = if explains_more { distance_m - threshold_m } else { distance_m.min(0.0) - threshold_m };
    let margin = Quantity::new(margin_m, sigma_m, Unit::Metre).ok_or_else(not_finite)?;
    let basis = format!(
        "standing still contradicts {:.0} % of the points, a move by {:.3} m {:.0} %; counted from {threshold_m:.3} m on",
        100.0 * still_share,
        best.1.norm(),
        100.0 * best.0
    );
    Ok(Displacement { translation_m, distance, moved: Relation { holds: margin_m > 0.0, margin, basis } })
}

/// How many points of one view the other could have seen, and how many of those it contradicts.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    n_points: usize,
    n_known: usize,
    n_contradicted: usize,
}

impl Counts {
    fn share(&self) -> Option<f64> {
        (self.n_known >= MIN_POINTS.min(self.n_points).max(1)).then(|| self.n_contradicted as f64 / self.n_known as f64)
    }
}

fn known_share(forth: &Counts, back: &Counts) -> f64 {
    (forth.n_known + back.n_known) as f64 / (forth.n_points + back.n_points).max(1) as f64
}

/// `None` where too little is known.
fn inconsistent_share(forth: &Counts, back: &Counts) -> Option<f64> {
    if known_share(forth, back) < MIN_KNOWN_SHARE {
        return None;
    }
    match (forth.share(), back.share()) {
        (Some(forth), Some(back)) => Some(0.5 * (forth + back)),
        (one, other) => one.or(other),
    }
}

/// One view of the thing.
struct Seen<'a> {
    around: Option<&'a Surroundings>,
    surface: Surface,
    pitch_rad: f64,
    median_m: Point3<f64>,
    /// Along its longest axis of the fixed frame.
    width_m: f64,
}

impl<'a> Seen<'a> {
    fn of(sight: Sight<'a>, what: &str) -> Result<Seen<'a>, GeometryError> {
        let Sight { cloud, around } = sight;
        let surface = Surface::of(cloud, what)?;
        let mut axes = [0, 1, 2].map(|axis| surface.points.iter().map(|point| point.p[axis]).collect::<Vec<f64>>());
        let median_m = Point3::from(axes.each_mut().map(|values| {
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
        }));
        let span_m = |values: &Vec<f64>| values.last().zip(values.first()).map_or(0.0, |(high, low)| high - low);
        let width_m = axes.iter().map(span_m).fold(0.0, f64::max);
        Ok(Seen { around, surface, width_m, pitch_rad: cloud.pixel_pitch_rad, median_m })
    }

    /// The viewing rays as points on the unit sphere; ranges stay.
    fn silhouette(&self) -> Surface {
        let on_sphere = |point: &SurfacePoint| SurfacePoint { p: Point3::from(point.ray), ..*point };
        Surface {
            points: self.surface.points.iter().map(on_sphere).collect(),
            viewpoint_m: Point3::origin(),
            pose_sigma: PoseSigma::default(),
            view_id: self.surface.view_id,
        }
    }

    /// Of `other`'s points, moved by `translation_m`: this view contradicts those in front of the surface, and those outside the
    /// silhouette that it saw through.
    fn counts(&self, silhouette: &SurfaceTree<'_>, other: &Seen<'_>, translation_m: &Vector3<f64>) -> Counts {
        let reach_rad = self.reach_rad(other);
        let mut counts = Counts::default();
        for point in other.surface.sample(N_COMPARED) {
            let moved = point.p + translation_m;
            let offset = moved - self.surface.viewpoint_m;
            let range_m = offset.norm();
            counts.n_points += 1;
            let is_consistent = match silhouette.nearest_within(Point3::from(offset / range_m), reach_rad) {
                Some(seen) => {
                    let tolerance_m =
                        4.0 * seen.sigma_m.hypot(point.sigma_m) + 3.0 * seen.spacing_m.max(point.spacing_m);
                    range_m > seen.range_m - tolerance_m
                }
                None if self.is_unknown(moved, point, reach_rad) => continue,
                None => false,
            };
            counts.n_known += 1;
            counts.n_contradicted += usize::from(!is_consistent);
        }
        counts
    }

    /// How far apart two rays may be and still be one, from sampling and placement.
    fn reach_rad(&self, other: &Seen<'_>) -> f64 {
        2.0 * self.pitch_rad + 2.0 * self.surface.pose_sigma.rotation_rad.hypot(other.surface.pose_sigma.rotation_rad)
    }

    /// Whether this view could not have seen `point` of another view at `p`, where it does not show the thing.
    fn is_unknown(&self, p: Point3<f64>, point: &SurfacePoint, reach_rad: f64) -> bool {
        let place = Place { p, sigma_m: point.sigma_m, spacing_m: point.spacing_m, reach_rad };
        self.around.is_some_and(|around| around.glimpse(&place) == Glimpse::Unknown)
    }

    /// One standard deviation of where the whole surface is placed.
    fn sigma_m(&self) -> f64 {
        let n = self.surface.points.len().max(1) as f64;
        let mean = |value: fn(&SurfacePoint) -> f64| self.surface.points.iter().map(value).sum::<f64>() / n;
        let (range_m, sigma_m, spacing_m) =
            (mean(|point| point.range_m), mean(|point| point.sigma_m), mean(|point| point.spacing_m));
        let pose = self.surface.pose_sigma;
        let placed_m = pose.position_m.hypot(pose.rotation_rad * range_m);
        placed_m.hypot(sigma_m).hypot(spacing_m * UNIFORM_SIGMA)
    }
}

/// The translation that brings `seen`, whose points the tree holds, onto `other`, by trimmed ICP from a start. Points of `other` that
/// `seen` could not see have no partner and are left out.
fn align(
    tree: &SurfaceTree<'_>,
    seen: &Seen<'_>,
    other: &Seen<'_>,
    start_m: Vector3<f64>,
    reach_m: f64,
) -> Vector3<f64> {
    let mut translation_m = start_m;
    let reach_rad = seen.reach_rad(other);
    for _ in 0..MAX_ITERATIONS {
        let mut residuals: Vec<(f64, Vector3<f64>)> = other
            .surface
            .sample(N_COMPARED)
            .filter_map(|point| {
                let moved_back = point.p - translation_m;
                let residual = moved_back - tree.nearest_within(moved_back, reach_m.max(0.05))?.p;
                let is_apart = residual.norm() > 2.0 * point.spacing_m;
                (!(is_apart && seen.is_unknown(moved_back, point, reach_rad))).then(|| (residual.norm(), residual))
            })
            .collect();
        residuals.sort_by(|x, y| x.0.total_cmp(&y.0));
        residuals.truncate(((KEPT_SHARE * residuals.len() as f64) as usize).max(1));
        let Some(step) = mean(&residuals) else { break };
        translation_m += step;
        if step.norm() < 1e-5 {
            break;
        }
    }
    translation_m
}

/// Steps along the axes, halved where none helps, to where the fewest points are contradicted.
fn descend(start: (f64, Vector3<f64>), share_of: impl Fn(&Vector3<f64>) -> Option<f64>) -> (f64, Vector3<f64>) {
    let mut best = start;
    let mut step_m = FIRST_STEP_M;
    while step_m > LAST_STEP_M {
        let around = (0..6).map(|way| {
            let mut step = Vector3::zeros();
            if let Some(part) = step.get_mut(way / 2) {
                *part = if way % 2 == 0 { step_m } else { -step_m };
            }
            best.1 + step
        });
        let next = around.filter_map(|place_m| Some((share_of(&place_m)?, place_m))).min_by(|a, b| a.0.total_cmp(&b.0));
        match next {
            Some(next) if next.0 < best.0 => best = next,
            _ => step_m *= 0.5,
        }
    }
    best
}

fn mean(residuals: &[(f64, Vector3<f64>)]) -> Option<Vector3<f64>> {
    let sum: Vector3<f64> = residuals.iter().map(|(_, residual)| residual).sum();
    (!residuals.is_empty()).then(|| sum / residuals.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{
        DepthNoise, PoseSigma,
        analytic_scene::{AnalyticScene, Random, Shape, look_at, vga_camera},
        cloud::CameraPlacement,
    };

    const POSE_SIGMA: PoseSigma = PoseSigma { position_m: 0.002, rotation_rad: 0.002 };

    fn seen(shape: &Shape, from_deg: f64, random: &mut Random) -> PointCloud {
        let angle = from_deg.to_radians();
        let eye_m = Point3::new(1.6 * angle.cos(), 1.6 * angle.sin(), 1.0);
        let scene = AnalyticScene::new().with(1, shape.clone()).with(2, Shape::floor(0.0));
        let camera = look_at(eye_m, Point3::new(0.0, 0.0, 0.1));
        let noise = DepthNoise::default();
        let view = scene.render(&vga_camera(), &camera).with_noise(&noise, random);
        view.cloud(Some(1), &noise, POSE_SIGMA, from_deg.to_bits())
    }

    fn shapes() -> Vec<(&'static str, Shape)> {
        vec![
            ("box", Shape::standing_block(Point3::origin(), Vector3::new(0.3, 0.2, 0.25), 0.4)),
            ("ball", Shape::sphere(Point3::new(0.0, 0.0, 0.12), 0.12)),
            ("can", Shape::Cylinder { base_center_m: Point3::origin(), radius_m: 0.08, height_m: 0.3 }),
        ]
    }

    #[test]
    fn another_viewpoint_is_no_motion() {
        for (name, shape) in shapes() {
            for turn_deg in [0.0, 10.0, 25.0] {
                let mut random = Random(7);
                let (earlier, later) = (seen(&shape, 0.0, &mut random), seen(&shape, turn_deg, &mut random));
                let found = displacement(&earlier, &later, 0.02).unwrap();
                assert!(!found.moved.holds && found.moved.is_clear(), "{name} seen {turn_deg}° apart: {found:?}");
                assert!(found.distance.value() < 0.02, "{name} seen {turn_deg}° apart: {found:?}");
            }
        }
    }

    #[test]
    fn a_move_is_measured_whatever_the_viewpoint() {
        for (name, shape) in shapes() {
            for (turn_deg, by_m) in [
                (0.0, Vector3::new(0.05, 0.0, 0.0)),
                (0.0, Vector3::new(0.0, -0.2, 0.0)),
                (15.0, Vector3::new(0.06, 0.08, 0.0)),
                (15.0, Vector3::new(-0.15, 0.15, 0.1)),
            ] {
                let mut random = Random(11);
                let (earlier, later) =
                    (seen(&shape, 0.0, &mut random), seen(&shape.moved(by_m), turn_deg, &mut random));
                let found = displacement(&earlier, &later, 0.02).unwrap();
                assert!(found.moved.holds, "{name} moved by {by_m:?}, seen {turn_deg}° apart: {found:?}");
                let error_m = (found.translation_m - by_m).norm();
                assert!(error_m < 0.015 + 0.1 * by_m.norm(), "{name} moved by {by_m:?}, {turn_deg}°: {found:?}");
            }
        }
    }

    /// A view of a ball behind a cabinet whose edge is at `edge_m`: it covers the ball from there to +y.
    struct Half {
        cloud: PointCloud,
        around: Surroundings,
    }

    impl Half {
        fn seen(ball: &Shape, edge_m: f64, from_deg: f64, random: &mut Random) -> Half {
            let angle = from_deg.to_radians();
            let eye_m = Point3::new(1.6 * angle.cos(), 1.6 * angle.sin(), 1.0);
            let cabinet = Shape::standing_block(Point3::new(0.7, edge_m + 0.2, 0.0), Vector3::new(0.1, 0.4, 0.8), 0.0);
            let scene = AnalyticScene::new().with(1, ball.clone()).with(2, Shape::floor(0.0)).with(3, cabinet);
            let camera = look_at(eye_m, Point3::new(0.0, 0.0, 0.1));
            let noise = DepthNoise::default();
            let view = scene.render(&vga_camera(), &camera).with_noise(&noise, random);
            let view_id = random.next_u64();
            let placement = CameraPlacement { target_from_camera: camera, pose_sigma: POSE_SIGMA, view_id };
            Half {
                cloud: view.cloud(Some(1), &noise, POSE_SIGMA, view_id),
                around: Surroundings::new(&view.depth_map(), &view.mask(1), &vga_camera(), &noise, &placement),
            }
        }

        fn sight(&self) -> Sight<'_> {
            Sight { cloud: &self.cloud, around: Some(&self.around) }
        }
    }

    fn ball() -> Shape {
        Shape::sphere(Point3::new(0.0, 0.0, 0.12), 0.12)
    }

    /// From three quarters of the ball hidden to none.
    const EDGES_M: [f64; 7] = [-0.03, -0.015, 0.0, 0.015, 0.03, 0.05, 0.1];

    #[test]
    fn what_an_occluder_uncovers_is_no_motion() {
        for (seed, turn_deg) in [(1, 0.0), (2, 0.0), (3, -1.5)] {
            let mut random = Random(seed);
            let halves: Vec<Half> = EDGES_M
                .iter()
                .zip(0..)
                .map(|(edge_m, i)| Half::seen(&ball(), *edge_m, turn_deg * f64::from(i), &mut random))
                .collect();
            for (i, one) in halves.iter().enumerate() {
                for (j, other) in halves.iter().enumerate().filter(|(j, _)| *j != i) {
                    let found = displacement(one.sight(), other.sight(), 0.02).unwrap();
                    let what = format!("edge at {} and {} m, {turn_deg}° a view: {found:?}", EDGES_M[i], EDGES_M[j]);
                    assert!(!found.moved.holds && found.moved.is_clear(), "{what}");
                    assert!(found.distance.value() <= 2.0 * found.distance.sigma(), "{what}");
                }
            }
        }
    }

    #[test]
    fn a_move_out_of_cover_is_found_and_right() {
        for by_m in [
            Vector3::new(0.0, -0.05, 0.0),
            Vector3::new(0.0, -0.1, 0.0),
            Vector3::new(0.0, -0.2, 0.0),
            Vector3::new(0.06, -0.08, 0.0),
            Vector3::new(0.15, 0.0, 0.0),
        ] {
            for (edge_m, later_edge_m) in [(0.0, 0.0), (0.0, 0.1), (0.03, 0.0), (0.1, 0.0), (0.1, 0.1)] {
                for back in [false, true] {
                    let mut random = Random(4);
                    let still = Half::seen(&ball(), edge_m, 0.0, &mut random);
                    let moved = Half::seen(&ball().moved(by_m), later_edge_m, 0.0, &mut random);
                    let (earlier, later, by_m) = if back { (&moved, &still, -by_m) } else { (&still, &moved, by_m) };
                    let found = displacement(earlier.sight(), later.sight(), 0.02).unwrap();
                    let what = format!("by {by_m:?}, edges at {edge_m} and {later_edge_m} m: {found:?}");
                    assert!(found.moved.holds, "{what}");
                    let error_m = (found.translation_m - by_m).norm();
                    assert!(error_m <= 3.0 * found.distance.sigma(), "off by {error_m:.4} m, {what}");
                    assert!(found.distance.sigma() < 0.04, "{what}");
                }
            }
        }
    }

    #[test]
    fn views_of_different_parts_do_not_tell() {
        let board = Shape::standing_block(Point3::new(0.0, 0.0, 0.0), Vector3::new(0.05, 0.5, 0.3), 0.0);
        let mut random = Random(6);
        // The cabinet is 0.4 m wide: first it covers all but the board's end at -y, then all but the other.
        let one = Half::seen(&board, -0.1, 0.0, &mut random);
        let other = Half::seen(&board, -0.3, 0.0, &mut random);
        let error = displacement(one.sight(), other.sight(), 0.02).unwrap_err().to_string();
        assert!(error.contains("the two views show different parts"), "{error}");
    }
}
