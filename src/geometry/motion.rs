//! Whether something moved between two views.
//!
//! A changed viewpoint shows other parts of a thing, so comparing centres would see motion where there is none. Instead a translation is
//! judged by *consistency*: moved by it, every point seen in one view must lie, in the other view, within the thing's silhouette and not
//! in front of its surface. A thing that stood still is consistent with no translation at all, from any two viewpoints.

use nalgebra::{Point3, Vector3};

use super::{
    GeometryError, PointCloud, PoseSigma, Quantity, Unit,
    distance::SurfaceTree,
    relations::Relation,
    surface::{Surface, SurfacePoint, UNIFORM_SIGMA},
};

/// Points of each view that are compared.
const N_COMPARED: usize = 600;
/// A motion must explain this much more of the points than standing still does.
const CLEAR_SHARE: f64 = 0.05;
/// Above this, no translation brings the two views together.
const MAX_INCONSISTENT_SHARE: f64 = 0.5;
/// Pairs that the alignment keeps, best first: the rest belongs to parts that one view does not show.
const KEPT_SHARE: f64 = 0.7;
const MAX_ITERATIONS: usize = 40;

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

/// Compares the visible surface of one object in two views, both in the fixed frame. Candidate translations come from trimmed ICP
/// (Chetverikov et al. 2002) started at no motion and at the shifts of median and box centre; the most consistent one holds, and no
/// motion where it is as consistent.
///
/// # Errors
/// [`GeometryError::TooFewPoints`]; [`GeometryError::NotMeasurable`] when no translation brings the two views together.
pub fn displacement(earlier: &PointCloud, later: &PointCloud, min_move_m: f64) -> Result<Displacement, GeometryError> {
    let (from, to) = (Seen::of(earlier, "the earlier view")?, Seen::of(later, "the later view")?);
    let (from_images, to_images) = (from.silhouette(), to.silhouette());
    let silhouettes = (SurfaceTree::new(&from_images)?, SurfaceTree::new(&to_images)?);
    let share_of = |translation_m: &Vector3<f64>| {
        let forth = from.inconsistent_share(&silhouettes.0, &to, &-translation_m);
        let back = to.inconsistent_share(&silhouettes.1, &from, translation_m);
        0.5 * (forth + back)
    };
    let tree = SurfaceTree::new(&from.surface)?;
    let shift_m = to.median_m - from.median_m;
    let aligned = [Vector3::zeros(), shift_m].map(|start_m| align(&tree, &to, start_m, shift_m.norm() + min_move_m));
    let mut best = (share_of(&Vector3::zeros()), Vector3::zeros());
    let still_share = best.0;
    for translation_m in aligned.into_iter().chain([shift_m]) {
        let share = share_of(&translation_m);
        if share < best.0 {
            best = (share, translation_m);
        }
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
    let sigma_m = from.sigma_m().hypot(to.sigma_m());
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

/// One view of the thing.
struct Seen {
    surface: Surface,
    pitch_rad: f64,
    median_m: Point3<f64>,
}

impl Seen {
    fn of(cloud: &PointCloud, what: &str) -> Result<Seen, GeometryError> {
        let surface = Surface::of(cloud, what)?;
        let mut axes = [0, 1, 2].map(|axis| surface.points.iter().map(|point| point.p[axis]).collect::<Vec<f64>>());
        let median_m = Point3::from(axes.each_mut().map(|values| {
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
        }));
        Ok(Seen { surface, pitch_rad: cloud.pixel_pitch_rad, median_m })
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

    /// Share of `other`'s points, moved by `translation_m`, that this view contradicts: outside the silhouette, or in front of the surface.
    fn inconsistent_share(&self, silhouette: &SurfaceTree<'_>, other: &Seen, translation_m: &Vector3<f64>) -> f64 {
        let reach_rad = 2.0 * self.pitch_rad
            + 2.0 * self.surface.pose_sigma.rotation_rad.hypot(other.surface.pose_sigma.rotation_rad);
        let (mut n_compared, mut n_contradicted) = (0usize, 0usize);
        for point in other.surface.sample(N_COMPARED) {
            let offset = point.p + translation_m - self.surface.viewpoint_m;
            let range_m = offset.norm();
            n_compared += 1;
            let nearest = silhouette.nearest_within(Point3::from(offset / range_m), reach_rad);
            let is_consistent = nearest.is_some_and(|seen| {
                let tolerance_m = 4.0 * seen.sigma_m.hypot(point.sigma_m) + 3.0 * seen.spacing_m.max(point.spacing_m);
                range_m > seen.range_m - tolerance_m
            });
            n_contradicted += usize::from(!is_consistent);
        }
        n_contradicted as f64 / n_compared.max(1) as f64
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

/// The translation that brings the earlier surface onto the later one, by trimmed ICP from a start.
fn align(earlier: &SurfaceTree<'_>, later: &Seen, start_m: Vector3<f64>, reach_m: f64) -> Vector3<f64> {
    let mut translation_m = start_m;
    for _ in 0..MAX_ITERATIONS {
        let mut residuals: Vec<(f64, Vector3<f64>)> = later
            .surface
            .sample(N_COMPARED)
            .filter_map(|point| {
                let moved_back = point.p - translation_m;
                let residual = moved_back - earlier.nearest_within(moved_back, reach_m.max(0.05))?.p;
                Some((residual.norm(), residual))
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
}
