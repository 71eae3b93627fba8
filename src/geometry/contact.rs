//! Contact and containment between two things seen in part: resting on, inside, under.
//!
//! One view shows neither the hidden sides of a thing nor what it covers. So *where* two things meet is judged by points: the share of
//! one thing's points that lie over the other's visible footprint, whichever share is larger. *At what height* they meet is judged by
//! the other's surface over or close around the footprint, because the spot beneath is hidden. What stands within walls is *inside*,
//! not on top, although it touches the bottom: walls are what rises beside a thing all around its middle. The placement of a view is common to all
//! it shows, so it counts only between things of different views. A foot that something nearer covers is not seen, nor is what lies beneath it:
//! then "not on" is clear only when the thing cannot reach the other, which is seen to end before it.

use nalgebra::{Point3, Vector3};

use super::{
    GeometryError, Quantity, Unit,
    boxes::{End, farthest_along},
    footprint::{contains, convex_hull, distance_to, gap_between, widened},
    prepared::Prepared,
    relations::Relation,
    surface::{SurfacePoint, UNIFORM_SIGMA, pose_variance},
};

/// Around a footprint, points still tell the height of the surface beside it; the narrowest ring with enough points counts.
const BESIDE_M: [f64; 3] = [0.01, 0.03, 0.06];
/// What counts as over a footprint.
const OVER_M: f64 = 0.015;
/// A contact is at most this open or deep, or three standard deviations.
const LEAST_TOLERANCE_M: f64 = 0.02;
/// A rim reaches at least this far above the bottom of what it holds, or [`ENCLOSED_SIGMAS`].
const LEAST_ENCLOSED_M: f64 = 0.01;
/// Midway between level with the rim and clearly below it: both are told apart at two standard deviations from here.
const ENCLOSED_SIGMAS: f64 = 2.2;
/// Lower rims than this share of a thing's height carry it (a tray); higher ones hold it (a bowl).
const ENCLOSED_SHARE: f64 = 0.35;
/// Walls with a wider opening than this, seen from the middle, are a shelf or a chair's back, not a container: 110°.
const WIDEST_OPENING_RAD: f64 = 1.92;
/// Share of points over the other's footprint that makes an overlap.
const OVERLAP_SHARE: f64 = 0.3;
/// Share of the content that must lie over the container.
const INSIDE_SHARE: f64 = 0.7;
/// Fewest points that tell a height.
const MIN_BESIDE: usize = 12;

/// Whether `a` rests on `b`: its bottom touches `b`'s visible surface beneath or beside `a`'s footprint. The margin is what is left of the
/// tolerance, `max(3 sigma, 2 cm)`; where the footprints are apart, the distance between them, negative. Where `a`'s foot is covered by
/// something else and may reach `b`, or what of `b` is hidden, "not on" is not clear.
///
/// # Errors
/// [`GeometryError::NotMeasurable`] when the margin is not finite.
pub fn on_top_of(a: &Prepared, b: &Prepared) -> Result<Relation, GeometryError> {
    if let Some(apart) = apart(a, b)? {
        return a.unless_hidden(b, a.bottom_m() - b.top.value_m, apart);
    }
    let contact = match Contact::of(a, b) {
        Ok(contact) => contact,
        Err(unseen) => return a.unless_hidden(b, a.bottom_m() - b.top.value_m, unseen.relation()?),
    };
    let rise_m = (ENCLOSED_SHARE * a.upright.height.value()).max(3.0 * contact.sigma_m).max(LEAST_ENCLOSED_M);
    let touches = contact.gap_m.abs() < contact.tolerance_m;
    if touches && a.walls_around_m(b, rise_m) > 0.0 && !a.is_roofed_by(b, contact.sigma_m) {
        let basis = format!("the lower object rises more than {rise_m:.3} m around it, so it is inside");
        return relation(-rise_m, contact.sigma_m, basis);
    }
    let basis =
        format!("bottom is {:+.3} m from the surface beneath, tolerance {:.3} m", contact.gap_m, contact.tolerance_m);
    let found = relation(contact.tolerance_m - contact.gap_m.abs(), contact.sigma_m, basis)?;
    if found.holds { Ok(found) } else { a.unless_hidden(b, contact.gap_m, found) }
}

/// The candidate whose surface `a` touches from above, be it as [`on_top_of`] or as the bottom of a container: the one with the smallest
/// gap. `None` when there is none.
///
/// # Errors
/// [`GeometryError::NotMeasurable`] when a margin is not finite.
pub fn support_of(a: &Prepared, candidates: &[&Prepared]) -> Result<Option<usize>, GeometryError> {
    let mut best: Option<(f64, usize)> = None;
    for (index, candidate) in candidates.iter().enumerate() {
        if apart(a, candidate)?.is_some() {
            continue;
        }
        let Ok(contact) = Contact::of(a, candidate) else { continue };
        let gap_m = contact.gap_m.abs();
        if gap_m < contact.tolerance_m && best.is_none_or(|(least_m, _)| gap_m < least_m) {
            best = Some((gap_m, index));
        }
    }
    Ok(best.map(|(_, index)| index))
}

/// Whether `a` lies inside the container `b`: over its footprint, with its bottom below the rim, above the container's bottom, and
/// nothing of the container above it. It may lean out of the top. The margin is the smallest of these heights; where the footprints are
/// apart, the distance between them, negative.
///
/// # Errors
/// [`GeometryError::NotMeasurable`] when the margin is not finite.
pub fn inside(a: &Prepared, b: &Prepared) -> Result<Relation, GeometryError> {
    if let Some(apart) = apart(a, b)? {
        return Ok(apart);
    }
    let share = a.share_over(&b.upright.footprint_m, OVER_M);
    if share < INSIDE_SHARE {
        let size_m = a.upright.length.value().max(a.upright.width.value());
        let basis =
            format!("{:.0} % of it lies over the container, {:.0} % are needed", 100.0 * share, 100.0 * INSIDE_SHARE);
        let short_m = (INSIDE_SHARE - share) * size_m;
        return relation(-short_m, a.sampling_m().min(0.4 * short_m), basis);
    }
    let sigma_m = sigma_between(a, &a.bottom, b, &b.top);
    if let Some(cover_m) = a.cover_m(b, sigma_m) {
        return relation(-cover_m, sigma_m, format!("it lies {cover_m:.3} m under the container's surface"));
    }
    let below_rim_m = b.top.value_m - a.bottom_m();
    let above_floor_m = a.bottom_m() - b.bottom_m();
    // What stands on a flat thing is level with its top, not inside it.
    let enclosed_m = below_rim_m - (ENCLOSED_SIGMAS * sigma_m).max(LEAST_ENCLOSED_M);
    let depth_m = a.walls_around_m(b, below_rim_m - enclosed_m);
    if enclosed_m > 0.0 && depth_m <= 0.0 {
        let basis = "what rises beside it does not stand around its middle".to_owned();
        let out_m = (-depth_m).max(a.sampling_m());
        return relation(-out_m, a.sampling_m().min(0.4 * out_m), basis);
    }
    let tolerance_m = (3.0 * sigma_m).max(LEAST_TOLERANCE_M);
    let basis =
        format!("bottom is {below_rim_m:+.3} m below the rim and {above_floor_m:+.3} m above the container's bottom");
    relation(enclosed_m.min(above_floor_m + tolerance_m), sigma_m, basis)
}

/// Whether `a` is under `b`: its top is below `b`'s visible surface over the shared footprint, touching or not. The margin is the
/// clearance plus the tolerance; where the footprints are apart, the distance between them, negative.
///
/// # Errors
/// [`GeometryError::NotMeasurable`] when the margin is not finite.
pub fn under(a: &Prepared, b: &Prepared) -> Result<Relation, GeometryError> {
    if let Some(apart) = apart(a, b)? {
        return Ok(apart);
    }
    // Legs and sides of the upper thing reach below its surface; most of what is over the lower thing does not.
    let over = b.beside(&a.upright.footprint_m);
    let surface_m = over.as_deref().map_or(b.bottom_m(), |points| height_at_share(points, 0.3));
    // A wide lower thing counts where the upper one is, not where it rises elsewhere.
    let beneath = a.beside(&b.upright.footprint_m);
    let top = beneath.and_then(|points| farthest_along(&points, &Vector3::z())).unwrap_or(a.top);
    let sigma_m = sigma_between(a, &top, b, &b.bottom);
    let tolerance_m = (3.0 * sigma_m).max(LEAST_TOLERANCE_M);
    let clear_m = surface_m - top.value_m;
    let basis = format!("top is {clear_m:+.3} m below the surface above, tolerance {tolerance_m:.3} m");
    relation(clear_m + tolerance_m, sigma_m, basis)
}

impl Prepared {
    fn bottom_m(&self) -> f64 {
        -self.bottom.value_m
    }

    /// The verdict that it does not rest on the other, unless what is hidden may do so: the foot is covered, may reach down over `gap_m`,
    /// and the other is not seen to end before it.
    fn unless_hidden(&self, other: &Prepared, gap_m: f64, apart: Relation) -> Result<Relation, GeometryError> {
        let Some(foot) = &self.hidden_foot else { return Ok(apart) };
        let tolerance_m = (3.0 * sigma_between(self, &self.bottom, other, &other.top)).max(LEAST_TOLERANCE_M);
        let may_reach = gap_m > -tolerance_m && gap_m - foot.reach_m < tolerance_m;
        let middle = [self.upright.center_m.x, self.upright.center_m.y];
        let goes_on = other.most_inside_m(middle).is_none_or(|inside_m| inside_m > -LEAST_TOLERANCE_M);
        let level_m = self.bottom_m() - gap_m + tolerance_m;
        if !(may_reach && goes_on) || self.is_enclosed_above(level_m) {
            return Ok(apart);
        }
        let basis = format!(
            "{}, but its foot is covered by {} and may stand on it behind that; move the camera or what covers it",
            apart.basis, foot.by
        );
        let (margin_m, sigma_m) = (apart.margin.value(), apart.margin.sigma());
        relation(margin_m, sigma_m.max(margin_m.abs()), basis)
    }

    /// One standard deviation of where the visible surface ends sideways.
    fn sampling_m(&self) -> f64 {
        self.bottom.point.spacing_m * UNIFORM_SIGMA
    }

    /// Points over a footprint widened by `by_m`.
    fn points_over(&self, footprint_m: &[[f64; 2]], by_m: f64) -> Vec<SurfacePoint> {
        let wide = widened(footprint_m, by_m);
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for [x, y] in &wide {
            low = [low[0].min(*x), low[1].min(*y)];
            high = [high[0].max(*x), high[1].max(*y)];
        }
        // Most points are told by the rectangle around the polygon.
        let is_near = |p: &Point3<f64>| (low[0]..=high[0]).contains(&p.x) && (low[1]..=high[1]).contains(&p.y);
        let is_over = |point: &&SurfacePoint| is_near(&point.p) && contains(&wide, [point.p.x, point.p.y]);
        self.surface.points.iter().filter(is_over).copied().collect()
    }

    /// Points over or around a footprint, of the narrowest ring that tells a height.
    fn beside(&self, footprint_m: &[[f64; 2]]) -> Option<Vec<SurfacePoint>> {
        let slack_m = self.bottom.point.spacing_m;
        let rings = BESIDE_M.iter().map(|by_m| self.points_over(footprint_m, by_m + slack_m));
        rings.into_iter().find(|points| points.len() >= MIN_BESIDE)
    }

    /// Positive when what rises at least `rise_m` above the bottom stands all around the middle; else minus how far the middle is from it.
    fn walls_around_m(&self, walls: &Prepared, rise_m: f64) -> f64 {
        let rising = walls.surface.points.iter().filter(|point| point.p.z > self.bottom_m() + rise_m);
        let rising: Vec<[f64; 2]> = rising.map(|point| [point.p.x, point.p.y]).collect();
        let middle = [self.upright.center_m.x, self.upright.center_m.y];
        let mut bearings: Vec<f64> = rising.iter().map(|[x, y]| (y - middle[1]).atan2(x - middle[0])).collect();
        bearings.sort_by(f64::total_cmp);
        let around = bearings.first().map(|first| first + std::f64::consts::TAU);
        let next = bearings.iter().copied().skip(1).chain(around);
        let widest_rad = bearings.iter().zip(next).map(|(one, next)| next - one).fold(0.0, f64::max);
        let hull = convex_hull(&rising);
        let is_within = contains(&hull, middle);
        if is_within && widest_rad <= WIDEST_OPENING_RAD {
            return f64::MIN_POSITIVE;
        }
        let outside_m = distance_to(&hull, middle);
        if outside_m > 0.0 && outside_m.is_finite() { -outside_m } else { -self.upright.length.value() }
    }

    /// How high the other covers it, when most of the other's points over its footprint are above its top.
    fn cover_m(&self, cover: &Prepared, sigma_m: f64) -> Option<f64> {
        let over = cover.points_over(&self.upright.footprint_m, 0.0);
        let above = over.iter().filter(|point| point.p.z > self.top.value_m + sigma_m).count();
        (over.len() >= MIN_BESIDE && above * 2 > over.len()).then(|| median_height(&over) - self.top.value_m)
    }

    /// Whether part of the other spans over it, as the next board of a shelf does; a container's walls stand beside it.
    fn is_roofed_by(&self, other: &Prepared, sigma_m: f64) -> bool {
        let over = other.points_over(&self.upright.footprint_m, 0.0);
        let n_above = over.iter().filter(|point| point.p.z > self.top.value_m + sigma_m).count();
        n_above >= MIN_BESIDE && n_above * 4 > over.len()
    }

    fn share_over(&self, footprint_m: &[[f64; 2]], by_m: f64) -> f64 {
        self.points_over(footprint_m, by_m).len() as f64 / self.surface.points.len().max(1) as f64
    }
}

/// How the bottom of one thing meets the surface of another whose footprint it overlaps.
struct Contact {
    /// Bottom above the surface.
    gap_m: f64,
    sigma_m: f64,
    tolerance_m: f64,
}

/// Nothing of the lower thing is seen near the footprint.
struct Unseen {
    /// Horizontally, to the nearest point of it.
    nearest_m: f64,
    sigma_m: f64,
}

impl Unseen {
    fn relation(&self) -> Result<Relation, GeometryError> {
        let basis = format!("nothing of the lower object is seen within {:.3} m around the upper one", self.nearest_m);
        relation(-self.nearest_m, self.sigma_m, basis)
    }
}

impl Contact {
    fn of(a: &Prepared, b: &Prepared) -> Result<Contact, Unseen> {
        let at = |end: &End| {
            let sigma_m = sigma_between(a, &a.bottom, b, end);
            let tolerance_m = (3.0 * sigma_m).max(LEAST_TOLERANCE_M);
            Contact { gap_m: a.bottom_m() - end.value_m, sigma_m, tolerance_m }
        };
        let beside = b.beside(&a.upright.footprint_m);
        let Some(near) = beside else {
            let away_m = |point: &SurfacePoint| distance_to(&a.upright.footprint_m, [point.p.x, point.p.y]);
            let nearest_m = b.surface.points.iter().map(away_m).fold(f64::INFINITY, f64::min);
            return Err(Unseen { nearest_m, sigma_m: a.sampling_m().hypot(b.sampling_m()).min(0.4 * nearest_m) });
        };
        let top = farthest_along(&near, &Vector3::z()).unwrap_or(b.top);
        let contact = at(&top);
        if contact.gap_m >= -contact.tolerance_m {
            return Ok(contact);
        }
        // The surface beside rises above the bottom. A shelf or a tray has a level at the bottom all the same; along a wall or the side
        // of a neighbour there are as many points just above it.
        let tolerance_m = contact.tolerance_m;
        let between = |low_m: f64, high_m: f64| -> Vec<SurfacePoint> {
            let in_band = |point: &&SurfacePoint| (low_m..high_m).contains(&(point.p.z - a.bottom_m()));
            near.iter().filter(in_band).copied().collect()
        };
        let level = between(-tolerance_m, tolerance_m);
        let n_above = between(tolerance_m, 3.0 * tolerance_m).len();
        let is_level = level.len() >= MIN_BESIDE && level.len() >= 2 * n_above;
        // The median: a back wall's foot belongs to the band as well.
        let level_m = median_height(&level);
        Ok(if is_level { Contact { gap_m: a.bottom_m() - level_m, ..contact } } else { contact })
    }
}

/// One standard deviation of the height between ends of two things.
fn sigma_between(a: &Prepared, at_a: &End, b: &Prepared, at_b: &End) -> f64 {
    let mut variance = at_a.variance + at_b.variance;
    if a.surface.view_id != b.surface.view_id {
        let placed = |thing: &Prepared, at: &SurfacePoint| {
            pose_variance(&thing.surface.pose_sigma, &at.ray, at.range_m, &Vector3::z())
        };
        variance += placed(a, &at_a.point) + placed(b, &at_b.point);
    }
    variance.sqrt()
}

/// The relation's answer when the footprints do not overlap.
fn apart(a: &Prepared, b: &Prepared) -> Result<Option<Relation>, GeometryError> {
    let share = a.share_over(&b.upright.footprint_m, OVER_M).max(b.share_over(&a.upright.footprint_m, OVER_M));
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

fn median_height(points: &[SurfacePoint]) -> f64 {
    height_at_share(points, 0.5)
}

/// The height that a share of the points does not exceed.
fn height_at_share(points: &[SurfacePoint], share: f64) -> f64 {
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
    use crate::geometry::PointCloud;

    fn prepared(cloud: &PointCloud) -> Prepared {
        Prepared::of(cloud, "the thing").unwrap()
    }

    fn on_top_of(a: &PointCloud, b: &PointCloud) -> Result<Relation, GeometryError> {
        super::on_top_of(&prepared(a), &prepared(b))
    }

    fn inside(a: &PointCloud, b: &PointCloud) -> Result<Relation, GeometryError> {
        super::inside(&prepared(a), &prepared(b))
    }

    fn under(a: &PointCloud, b: &PointCloud) -> Result<Relation, GeometryError> {
        super::under(&prepared(a), &prepared(b))
    }

    fn support_of(a: &PointCloud, candidates: &[&PointCloud]) -> Result<Option<usize>, GeometryError> {
        let candidates: Vec<Prepared> = candidates.iter().map(|cloud| prepared(cloud)).collect();
        super::support_of(&prepared(a), &candidates.iter().collect::<Vec<_>>())
    }
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

    const FLOOR: u32 = 1;

    /// Clouds by label of a noisy view from about 40° above; label 1 is the floor.
    fn labelled_clouds(bodies: &[(u32, Shape)], seed: u64) -> Vec<(u32, PointCloud)> {
        let noise = DepthNoise::default();
        let mut scene = AnalyticScene::new().with(FLOOR, Shape::floor(0.0));
        scene.bodies.extend_from_slice(bodies);
        let camera = look_at(Point3::new(0.0, 0.1, 0.9), Point3::new(1.0, 0.0, 0.1));
        let view = scene.render(&vga_camera(), &camera).with_noise(&noise, &mut Random(seed)).quantised_to_mm();
        let mut labels: Vec<u32> = vec![FLOOR];
        labels.extend(bodies.iter().map(|(label, _)| *label));
        labels.dedup();
        labels.iter().map(|label| (*label, view.cloud(Some(*label), &noise, PoseSigma::default(), 0))).collect()
    }

    fn of(clouds: &[(u32, PointCloud)], label: u32) -> &PointCloud {
        &clouds.iter().find(|(found, _)| *found == label).unwrap().1
    }

    fn turned_block(x: f64, y: f64, z: f64, size: [f64; 3]) -> Shape {
        Shape::standing_block(Point3::new(x, y, z), Vector3::from(size), 0.3)
    }

    #[test]
    fn a_stack_rests_level_by_level_in_every_noise() {
        for seed in 0..5 {
            let clouds = labelled_clouds(
                &[
                    (2, turned_block(1.0, 0.0, 0.0, [0.3, 0.3, 0.1])),
                    (3, turned_block(1.0, 0.0, 0.1, [0.12, 0.12, 0.12])),
                    (4, turned_block(0.9, 0.35, 0.0, [0.1, 0.1, 0.1])),
                ],
                seed,
            );
            let check = |a: u32, b: u32, expected: bool| {
                let found = on_top_of(of(&clouds, a), of(&clouds, b)).unwrap();
                assert_eq!(found.holds, expected, "{a} on {b}: {found:?}");
                assert!(found.is_clear(), "{a} on {b}: {found:?}");
            };
            check(3, 2, true);
            check(2, FLOOR, true);
            check(4, FLOOR, true);
            check(3, FLOOR, false);
            check(2, 3, false);
            check(4, 2, false);
            check(4, 3, false);
            check(3, 4, false);
        }
    }

    #[test]
    fn touching_neighbours_of_equal_and_other_height_do_not_carry_each_other() {
        let standing =
            |y: f64, size: [f64; 3]| Shape::standing_block(Point3::new(1.0, y, 0.0), Vector3::from(size), 0.0);
        let clouds = labelled_clouds(
            &[
                (2, standing(0.1, [0.2, 0.2, 0.2])),
                (3, standing(-0.1, [0.2, 0.2, 0.2])),
                (4, standing(-0.27, [0.2, 0.14, 0.3])),
            ],
            9,
        );
        for (a, b) in [(2, 3), (3, 2), (3, 4), (4, 3)] {
            let (on, within) = (on_top_of(of(&clouds, a), of(&clouds, b)), inside(of(&clouds, a), of(&clouds, b)));
            assert!(!on.unwrap().holds, "{a} on {b}");
            assert!(!within.unwrap().holds, "{a} in {b}");
        }
        assert!(on_top_of(of(&clouds, 2), of(&clouds, FLOOR)).unwrap().holds);
    }

    #[test]
    fn a_hovering_block_rests_on_nothing_and_is_over_the_floor() {
        let clouds = labelled_clouds(&[(2, turned_block(1.0, 0.0, 0.08, [0.2, 0.2, 0.1]))], 4);
        let found = on_top_of(of(&clouds, 2), of(&clouds, FLOOR)).unwrap();
        assert!(!found.holds && found.is_clear(), "{found:?}");
        let below = under(of(&clouds, FLOOR), of(&clouds, 2)).unwrap();
        assert!(below.holds && below.is_clear(), "{below:?}");
        assert!(!under(of(&clouds, 2), of(&clouds, FLOOR)).unwrap().holds);
    }

    /// An open crate of a bottom and four walls.
    fn open_crate(x: f64, y: f64, side: f64, height: f64, label: u32) -> Vec<(u32, Shape)> {
        let wall = 0.01;
        let half = side / 2.0;
        let part = |dx: f64, dy: f64, size: [f64; 3]| {
            (label, Shape::standing_block(Point3::new(x + dx, y + dy, 0.0), Vector3::from(size), 0.0))
        };
        vec![
            part(0.0, 0.0, [side, side, wall]),
            part(half, 0.0, [wall, side, height]),
            part(-half, 0.0, [wall, side, height]),
            part(0.0, half, [side, wall, height]),
            part(0.0, -half, [side, wall, height]),
        ]
    }

    #[test]
    fn what_leans_out_of_a_crate_is_inside_and_what_stands_beside_or_on_a_box_is_not() {
        for seed in 0..5 {
            let mut bodies = open_crate(1.0, 0.0, 0.3, 0.12, 2);
            let base_center_m = Point3::new(1.04, 0.03, 0.01);
            bodies.push((3, Shape::Cylinder { base_center_m, radius_m: 0.035, height_m: 0.17 }));
            bodies.push((4, turned_block(1.0, 0.3, 0.0, [0.1, 0.1, 0.1])));
            bodies.push((5, turned_block(1.0, -0.35, 0.0, [0.2, 0.2, 0.1])));
            bodies.push((6, turned_block(1.0, -0.35, 0.1, [0.08, 0.08, 0.08])));
            let clouds = labelled_clouds(&bodies, seed);
            let check = |a: u32, b: u32, expected: bool| {
                let found = inside(of(&clouds, a), of(&clouds, b)).unwrap();
                assert_eq!(found.holds, expected, "{a} in {b}: {found:?}");
            };
            check(3, 2, true);
            check(4, 2, false);
            check(6, 5, false);
            check(2, 3, false);
            assert!(on_top_of(of(&clouds, 6), of(&clouds, 5)).unwrap().holds);
        }
    }

    #[test]
    fn a_ball_is_under_a_table_and_not_under_a_table_beside_it() {
        let mut scene = AnalyticScene::new()
            .with(FLOOR, Shape::floor(0.0))
            .with(2, Shape::standing_block(Point3::new(1.1, 0.0, 0.3), Vector3::new(0.4, 0.5, 0.02), 0.0))
            .with(3, Shape::sphere(Point3::new(0.98, 0.05, 0.07), 0.07))
            .with(4, Shape::sphere(Point3::new(0.9, 0.42, 0.07), 0.07));
        for (dx, dy) in [(-0.18, -0.23), (-0.18, 0.23), (0.18, -0.23), (0.18, 0.23)] {
            let leg = Shape::standing_block(Point3::new(1.1 + dx, dy, 0.0), Vector3::new(0.03, 0.03, 0.3), 0.0);
            scene = scene.with(2, leg);
        }
        let noise = DepthNoise::default();
        // The eye is almost level with the table top.
        let camera = look_at(Point3::new(0.0, 0.0, 0.35), Point3::new(1.0, 0.0, 0.1));
        let view = scene.render(&vga_camera(), &camera).with_noise(&noise, &mut Random(8));
        let cloud = |label| view.cloud(Some(label), &noise, PoseSigma::default(), 0);
        let ball = under(&cloud(3), &cloud(2)).unwrap();
        assert!(ball.holds && ball.is_clear(), "{ball:?}");
        let beside = under(&cloud(4), &cloud(2)).unwrap();
        assert!(!beside.holds, "{beside:?}");
        assert!(!under(&cloud(2), &cloud(3)).unwrap().holds);
    }

    #[test]
    fn a_shelf_board_carries_what_stands_between_boards() {
        let board = |z: f64| Shape::standing_block(Point3::new(1.1, 0.0, z), Vector3::new(0.3, 0.7, 0.02), 0.0);
        let back = Shape::standing_block(Point3::new(1.26, 0.0, 0.0), Vector3::new(0.02, 0.7, 0.8), 0.0);
        let scene = AnalyticScene::new()
            .with(2, board(0.0))
            .with(2, board(0.35))
            .with(2, board(0.7))
            .with(2, back)
            .with(3, turned_block(1.02, 0.1, 0.37, [0.08, 0.08, 0.12]))
            .with(4, turned_block(1.02, -0.15, 0.72, [0.08, 0.08, 0.12]));
        let noise = DepthNoise::default();
        let camera = look_at(Point3::new(0.0, 0.0, 0.8), Point3::new(1.0, 0.0, 0.45));
        let view = scene.render(&vga_camera(), &camera).with_noise(&noise, &mut Random(2));
        let cloud = |label| view.cloud(Some(label), &noise, PoseSigma::default(), 0);
        for label in [3, 4] {
            let found = on_top_of(&cloud(label), &cloud(2)).unwrap();
            assert!(found.holds && found.is_clear(), "{label}: {found:?}");
        }
    }

    #[test]
    fn a_seat_carries_and_does_not_contain_for_its_backrest() {
        let block =
            |x: f64, size: [f64; 3], z: f64| Shape::standing_block(Point3::new(x, 0.0, z), Vector3::from(size), 0.0);
        let chair = [(2, block(1.1, [0.4, 0.4, 0.3], 0.0)), (2, block(1.28, [0.04, 0.4, 0.3], 0.3))];
        let mut bodies = chair.to_vec();
        bodies.push((3, turned_block(1.05, 0.0, 0.3, [0.1, 0.1, 0.1])));
        let clouds = labelled_clouds(&bodies, 6);
        let (on, within) = (on_top_of(of(&clouds, 3), of(&clouds, 2)), inside(of(&clouds, 3), of(&clouds, 2)));
        let (on, within) = (on.unwrap(), within.unwrap());
        assert!(on.holds && on.is_clear(), "{on:?}");
        assert!(!within.holds && within.is_clear(), "{within:?}");
    }

    #[test]
    fn a_bowl_holds_and_a_tray_carries() {
        for (height, is_held) in [(0.012, false), (0.07, true)] {
            let mut bodies = open_crate(1.0, 0.0, 0.3, height, 2);
            bodies.push((3, turned_block(1.0, 0.0, 0.01, [0.1, 0.1, 0.1])));
            let clouds = labelled_clouds(&bodies, 1);
            let check = |b: u32, on_expected: bool, inside_expected: bool| {
                let (a, b) = (of(&clouds, 3), of(&clouds, b));
                let (on, within) = (on_top_of(a, b).unwrap(), inside(a, b).unwrap());
                assert_eq!((on.holds, within.holds), (on_expected, inside_expected), "{height} m: {on:?} {within:?}");
            };
            check(2, !is_held, is_held);
            check(FLOOR, false, false);
            let candidates = [FLOOR, 2].map(|label| of(&clouds, label));
            assert_eq!(support_of(of(&clouds, 3), &candidates), Ok(Some(1)));
        }
    }

    #[test]
    fn the_placement_of_a_common_view_does_not_blur_contact() {
        let bodies = [(2, turned_block(1.0, 0.0, 0.06, [0.2, 0.2, 0.1]))];
        let mut clouds = labelled_clouds(&bodies, 4);
        for (_, cloud) in &mut clouds {
            cloud.pose_sigma = PoseSigma { position_m: 0.02, rotation_rad: 0.02 };
        }
        let (block, floor) = (of(&clouds, 2), of(&clouds, FLOOR));
        let one_view = on_top_of(block, floor).unwrap();
        assert!(!one_view.holds && one_view.is_clear(), "{one_view:?}");
        let other_view = PointCloud { view_id: 7, ..floor.clone() };
        let two_views = on_top_of(block, &other_view).unwrap();
        assert!(!two_views.is_clear(), "{two_views:?}");
        assert!(two_views.margin.sigma() > 0.03);
    }

    #[test]
    fn the_support_is_what_touches_not_what_is_near() {
        // A block on a book 2 cm thick: the floor is within reach as well.
        let bodies =
            [(2, turned_block(1.0, 0.0, 0.0, [0.25, 0.2, 0.02])), (3, turned_block(1.0, 0.0, 0.02, [0.1, 0.1, 0.1]))];
        for seed in 0..5 {
            let clouds = labelled_clouds(&bodies, seed);
            let candidates = [FLOOR, 2].map(|label| of(&clouds, label));
            assert_eq!(support_of(of(&clouds, 3), &candidates), Ok(Some(1)));
            assert_eq!(support_of(of(&clouds, 2), &candidates[..1]), Ok(Some(0)));
            let nothing = support_of(of(&clouds, FLOOR), &[of(&clouds, 2)]);
            assert_eq!(nothing, Ok(None));
        }
    }
}
