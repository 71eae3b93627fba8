//! Contact and containment between two things seen in part: resting on, inside, under.
//!
//! One view shows neither the hidden sides of a thing nor what it covers. So *where* two things meet is judged by points: the share of
//! one thing's points that lie over the other's visible footprint, whichever share is larger. *At what height* they meet is judged by
//! the other's surface close to the footprint, because the spot beneath is hidden.

use super::{
    GeometryError, PointCloud, Quantity, Unit, UprightBox,
    boxes::box_of,
    footprint::{contains, gap_between, widened},
    relations::Relation,
    surface::{Surface, SurfacePoint},
};

/// Around a footprint, points still tell the height of the surface beside it.
const BESIDE_M: f64 = 0.03;
/// A contact is at most this open or deep, or three standard deviations.
const LEAST_TOLERANCE_M: f64 = 0.02;
/// A rim reaches at least this far above the bottom of what it holds, or three standard deviations.
const LEAST_ENCLOSED_M: f64 = 0.01;
/// Share of points over the other's footprint that makes an overlap.
const OVERLAP_SHARE: f64 = 0.3;
/// Share of the content that must lie over the container.
const INSIDE_SHARE: f64 = 0.7;
/// Fewest points that tell a height.
const MIN_BESIDE: usize = 10;

struct Thing {
    surface: Surface,
    upright: UprightBox,
}

impl Thing {
    fn of(cloud: &PointCloud, what: &str) -> Result<Thing, GeometryError> {
        let surface = Surface::of(cloud, what)?;
        let upright = box_of(&surface)?;
        Ok(Thing { surface, upright })
    }

    /// Points over a footprint widened by `by_m`.
    fn points_over(&self, footprint_m: &[[f64; 2]], by_m: f64) -> Vec<&SurfacePoint> {
        let wide = widened(footprint_m, by_m);
        self.surface.points.iter().filter(|point| contains(&wide, [point.p.x, point.p.y])).collect()
    }

    fn share_over(&self, footprint_m: &[[f64; 2]], by_m: f64) -> f64 {
        self.points_over(footprint_m, by_m).len() as f64 / self.surface.points.len().max(1) as f64
    }
}

/// Whether `a` rests on `b`: its bottom touches `b`'s visible surface beneath or beside `a`'s footprint. The margin is what is left of the
/// tolerance, `max(3 sigma, 2 cm)`; where the footprints are apart, the distance between them, negative.
///
/// # Errors
/// [`GeometryError::TooFewPoints`].
pub fn on_top_of(a: &PointCloud, b: &PointCloud) -> Result<Relation, GeometryError> {
    let (a, b) = (Thing::of(a, "the upper object")?, Thing::of(b, "the lower object")?);
    if let Some(apart) = apart(&a, &b)? {
        return Ok(apart);
    }
    let beside = b.points_over(&a.upright.footprint_m, BESIDE_M);
    let surface_m = if beside.len() >= MIN_BESIDE { height_at_share(&beside, 0.9) } else { b.upright.top_m.value() };
    let sigma_m = a.upright.bottom_m.sigma().hypot(b.upright.top_m.sigma());
    let tolerance_m = (3.0 * sigma_m).max(LEAST_TOLERANCE_M);
    let gap_m = a.upright.bottom_m.value() - surface_m;
    relation(
        tolerance_m - gap_m.abs(),
        sigma_m,
        format!("bottom is {gap_m:+.3} m from the surface beneath, tolerance {tolerance_m:.3} m"),
    )
}

/// Whether `a` lies inside the container `b`: over its footprint, with its bottom below the rim, above the container's bottom, and
/// nothing of the container above it. The margin is the smallest of these heights; where the footprints are apart, the distance
/// between them, negative.
///
/// # Errors
/// [`GeometryError::TooFewPoints`].
pub fn inside(a: &PointCloud, b: &PointCloud) -> Result<Relation, GeometryError> {
    let (a, b) = (Thing::of(a, "the content")?, Thing::of(b, "the container")?);
    if let Some(apart) = apart(&a, &b)? {
        return Ok(apart);
    }
    let share = a.share_over(&b.upright.footprint_m, 0.5 * BESIDE_M);
    let (bottom_m, rim_m) = (a.upright.bottom_m, b.upright.top_m);
    let sigma_m = bottom_m.sigma().hypot(rim_m.sigma());
    if share < INSIDE_SHARE {
        let size_m = a.upright.length.value().max(a.upright.width.value());
        let basis =
            format!("{:.0} % of it lies over the container, {:.0} % are needed", 100.0 * share, 100.0 * INSIDE_SHARE);
        return relation(-(INSIDE_SHARE - share) * size_m, 0.0, basis);
    }
    let over = b.points_over(&a.upright.footprint_m, 0.0);
    let above = over.iter().filter(|point| point.p.z > a.upright.top_m.value() + sigma_m).count();
    if over.len() >= MIN_BESIDE && above * 2 > over.len() {
        let cover_m = height_at_share(&over, 0.5) - a.upright.top_m.value();
        return relation(-cover_m, sigma_m, format!("it lies {cover_m:.3} m under the container's surface"));
    }
    let below_rim_m = rim_m.value() - bottom_m.value();
    let tolerance_m = (3.0 * sigma_m).max(LEAST_TOLERANCE_M);
    // What stands on a flat thing is level with its top, not inside it.
    let enclosed_m = below_rim_m - (3.0 * sigma_m).max(LEAST_ENCLOSED_M);
    let above_floor_m = bottom_m.value() - b.upright.bottom_m.value() + tolerance_m;
    let basis = format!(
        "bottom is {below_rim_m:+.3} m below the rim and {:+.3} m above the container's bottom",
        bottom_m.value() - b.upright.bottom_m.value()
    );
    relation(enclosed_m.min(above_floor_m), sigma_m, basis)
}

/// Whether `a` is under `b`: its top is below `b`'s visible surface over the shared footprint, touching or not. The margin is the
/// clearance plus the tolerance; where the footprints are apart, the distance between them, negative.
///
/// # Errors
/// [`GeometryError::TooFewPoints`].
pub fn under(a: &PointCloud, b: &PointCloud) -> Result<Relation, GeometryError> {
    let (a, b) = (Thing::of(a, "the lower object")?, Thing::of(b, "the upper object")?);
    if let Some(apart) = apart(&a, &b)? {
        return Ok(apart);
    }
    let over = b.points_over(&a.upright.footprint_m, 0.0);
    let over = if over.len() >= MIN_BESIDE { over } else { b.points_over(&a.upright.footprint_m, BESIDE_M) };
    // Legs and sides of the upper thing reach below its surface; most of what is over the lower thing does not.
    let surface_m = if over.len() >= MIN_BESIDE { height_at_share(&over, 0.3) } else { b.upright.bottom_m.value() };
    let sigma_m = a.upright.top_m.sigma().hypot(b.upright.bottom_m.sigma());
    let tolerance_m = (3.0 * sigma_m).max(LEAST_TOLERANCE_M);
    let clear_m = surface_m - a.upright.top_m.value();
    relation(
        clear_m + tolerance_m,
        sigma_m,
        format!("top is {clear_m:+.3} m below the surface above, tolerance {tolerance_m:.3} m"),
    )
}

/// The relation's answer when the footprints do not overlap.
fn apart(a: &Thing, b: &Thing) -> Result<Option<Relation>, GeometryError> {
    let by_m = 0.5 * BESIDE_M;
    let share = a.share_over(&b.upright.footprint_m, by_m).max(b.share_over(&a.upright.footprint_m, by_m));
    if share >= OVERLAP_SHARE {
        return Ok(None);
    }
    let gap_m = gap_between(&a.upright.footprint_m, &b.upright.footprint_m);
    let sigma_m = a.upright.width.sigma().hypot(b.upright.width.sigma());
    let basis = format!("footprints are {gap_m:.3} m apart and share {:.0} % of their points", 100.0 * share);
    // Footprints that touch without overlap differ by at least the share that is missing of the smaller side.
    let least_m = (OVERLAP_SHARE - share) * a.upright.width.value().min(b.upright.width.value());
    relation(-(gap_m.max(least_m)), sigma_m.min(0.4 * gap_m.max(least_m)), basis).map(Some)
}

/// The height that a share of the points does not exceed.
fn height_at_share(points: &[&SurfacePoint], share: f64) -> f64 {
    let mut heights_m: Vec<f64> = points.iter().map(|point| point.p.z).collect();
    heights_m.sort_by(f64::total_cmp);
    let index = (share * heights_m.len().saturating_sub(1) as f64).round() as usize;
    heights_m.get(index).copied().unwrap_or(f64::NAN)
}

fn relation(margin_m: f64, sigma_m: f64, basis: String) -> Result<Relation, GeometryError> {
    let margin = Quantity::new(margin_m, sigma_m, Unit::Metre)
        .ok_or_else(|| GeometryError::NotMeasurable(format!("the margin is not finite: {basis}")))?;
    Ok(Relation { holds: margin_m > 0.0, margin, basis })
}

#[cfg(test)]
mod tests {
    use nalgebra::{Point3, Vector3};

    use super::*;
    use crate::geometry::{
        DepthNoise, PoseSigma,
        analytic_scene::{AnalyticScene, Random, Shape, look_at, vga_camera},
    };

    fn clouds(shapes: &[Shape]) -> Vec<PointCloud> {
        let scene = shapes
            .iter()
            .enumerate()
            .fold(AnalyticScene::new(), |scene, (index, shape)| scene.with(index as u32 + 1, shape.clone()));
        let camera = look_at(Point3::new(-1.4, 0.1, 1.3), Point3::new(0.0, 0.0, 0.3));
        let noise = DepthNoise::default();
        let pose_sigma = PoseSigma { position_m: 0.002, rotation_rad: 0.002 };
        let view = scene.with(99, Shape::floor(0.0)).render(&vga_camera(), &camera).with_noise(&noise, &mut Random(3));
        (0..shapes.len()).map(|index| view.cloud(Some(index as u32 + 1), &noise, pose_sigma, 1)).collect()
    }

    fn block(x: f64, y: f64, z: f64, size: [f64; 3]) -> Shape {
        Shape::standing_block(Point3::new(x, y, z), Vector3::from(size), 0.2)
    }

    #[test]
    fn a_stack_rests_from_below_and_neighbours_do_not() {
        let clouds = clouds(&[
            block(0.0, 0.0, 0.0, [0.6, 0.8, 0.4]),
            block(0.0, -0.1, 0.4, [0.2, 0.2, 0.1]),
            block(0.0, -0.1, 0.5, [0.1, 0.1, 0.1]),
            block(0.0, 0.2, 0.4, [0.1, 0.1, 0.25]),
        ]);
        let [table, carton, book, bottle] = &clouds[..] else { panic!() };
        let check = |a, b, expected: bool, what: &str| {
            let found = on_top_of(a, b).unwrap();
            assert_eq!((found.holds, found.is_clear()), (expected, true), "{what}: {found:?}");
        };
        check(carton, table, true, "carton on table");
        check(bottle, table, true, "bottle on table");
        check(book, carton, true, "book on carton");
        check(book, table, false, "book on table");
        check(table, carton, false, "table on carton");
        check(carton, bottle, false, "carton on bottle");
        check(bottle, carton, false, "bottle on carton");
    }

    #[test]
    fn what_stands_below_is_under_and_not_inside() {
        let table_top = Shape::Block {
            fixed_from_block: nalgebra::Isometry3::translation(0.2, 0.0, 0.5),
            half_size_m: Vector3::new(0.25, 0.5, 0.02),
        };
        let clouds =
            clouds(&[table_top, block(0.05, 0.0, 0.0, [0.2, 0.3, 0.2]), block(0.2, 0.1, 0.52, [0.1, 0.1, 0.1])]);
        let [table, toolbox, mug] = &clouds[..] else { panic!() };
        let holds = |relation: Result<Relation, GeometryError>| relation.unwrap().holds;
        assert!(holds(under(toolbox, table)));
        assert!(!holds(inside(toolbox, table)));
        assert!(!holds(on_top_of(toolbox, table)));
        assert!(!holds(under(mug, table)));
        assert!(holds(on_top_of(mug, table)));
        assert!(!holds(inside(mug, table)));
    }

    #[test]
    fn a_ball_in_a_tray_is_inside() {
        let wall =
            |x: f64, y: f64, size: [f64; 3]| Shape::standing_block(Point3::new(x, y, 0.0), Vector3::from(size), 0.0);
        let scene = AnalyticScene::new()
            .with(1, wall(0.0, 0.0, [0.3, 0.3, 0.01]))
            .with(1, wall(0.15, 0.0, [0.01, 0.3, 0.08]))
            .with(1, wall(-0.15, 0.0, [0.01, 0.3, 0.08]))
            .with(1, wall(0.0, 0.15, [0.3, 0.01, 0.08]))
            .with(1, wall(0.0, -0.15, [0.3, 0.01, 0.08]))
            .with(2, Shape::sphere(Point3::new(0.0, 0.02, 0.05), 0.04))
            .with(3, Shape::sphere(Point3::new(0.0, 0.3, 0.04), 0.04))
            .with(9, Shape::floor(0.0));
        let noise = DepthNoise::default();
        let camera = look_at(Point3::new(-0.9, 0.0, 0.7), Point3::new(0.0, 0.05, 0.05));
        let view = scene.render(&vga_camera(), &camera).with_noise(&noise, &mut Random(5));
        let cloud = |label| view.cloud(Some(label), &noise, PoseSigma { position_m: 0.002, rotation_rad: 0.002 }, 1);
        let (within, beside) = (inside(&cloud(2), &cloud(1)).unwrap(), inside(&cloud(3), &cloud(1)).unwrap());
        assert!(within.holds && within.is_clear(), "{within:?}");
        assert!(!beside.holds && beside.is_clear(), "{beside:?}");
    }
}
