//! Distances between measured surfaces, points and origins.
//!
//! A plain minimum over thousands of noisy pairs is biased low by several standard deviations. Here both clouds are first averaged along
//! their rays and their silhouettes moved out by half a pixel (see the `surface` module). Then the distances to the nearest neighbour that
//! lie within two standard deviations of the third smallest are taken as ties for the minimum, and the tie with the median distance is
//! reported. What bias remains is about ±1 averaged standard deviation: low where large faces are parallel, high where only
//! a corner is near. It is part of sigma.

use std::num::NonZero;

use kiddo::{ImmutableKdTree, SquaredEuclidean};
use nalgebra::{Point3, Vector3};

use super::{
    GeometryError, PointCloud, Quantity, Unit,
    boxes::upright_box,
    nearest::{BoxTree, Nearest},
    surface::{Surface, SurfacePoint, UNIFORM_SIGMA, pose_variance},
};
use crate::memory::parallel::NEVER;

/// A distance and the two points it was measured between.
#[derive(Clone, Debug, PartialEq)]
pub struct DistanceMeasurement {
    /// Metres.
    pub distance: Quantity,
    /// End on the first argument.
    pub from_m: Point3<f64>,
    /// End on the second argument.
    pub to_m: Point3<f64>,
}

/// Smallest distance between the visible surfaces of `a` and `b`, both in one frame.
///
/// Sigma holds, of both ends: depth noise after averaging along the connecting direction, sampling (uniform over one pixel), the spread of
/// the tied pairs, and the views' placement unless both were seen in one view, where it cancels.
///
/// # Errors
/// [`GeometryError::TooFewPoints`].
pub fn surface_distance(a: &PointCloud, b: &PointCloud) -> Result<DistanceMeasurement, GeometryError> {
    let a = Surface::of(a, "the first object")?;
    let b = Surface::of(b, "the second object")?;
    between_surfaces(&a, &b)
}

pub(crate) fn between_surfaces(a: &Surface, b: &Surface) -> Result<DistanceMeasurement, GeometryError> {
    // The larger surface is searched, by the points of the smaller one.
    let swapped = a.points.len() > b.points.len();
    let (asking, searched) = if swapped { (b, a) } else { (a, b) };
    let (closest, pairs) = closest_pairs(asking, searched).ok_or_else(no_distance)?;
    let variance_of = |pair: &Pair| {
        let direction = unit(pair.from.p, pair.to.p, &pair.from.ray);
        let apart_m = pair.distance_m;
        pair_variance(&pair.from, &direction, apart_m) + pair_variance(&pair.to, &direction, apart_m)
    };
    let tied = ties(pairs, closest.distance_m, |pair| pair.distance_m, variance_of(&closest).sqrt());
    let Some((pair, spread_m)) = tied else { return Err(no_distance()) };
    let direction = unit(pair.from.p, pair.to.p, &pair.from.ray);
    let mut variance = variance_of(&pair) + spread_m * spread_m;
    if a.view_id != b.view_id {
        variance += pose_variance(&asking.pose_sigma, &pair.from.ray, pair.from.range_m, &direction)
            + pose_variance(&searched.pose_sigma, &pair.to.ray, pair.to.range_m, &direction);
    }
    let distance = Quantity::new(pair.distance_m, variance.sqrt(), Unit::Metre).ok_or_else(no_distance)?;
    let (from_m, to_m) = if swapped { (pair.to.p, pair.from.p) } else { (pair.from.p, pair.to.p) };
    Ok(DistanceMeasurement { distance, from_m, to_m })
}

/// Smallest distance from `origin_m` (exact, but the cloud's placement is not) to the visible surface of `a`.
///
/// Sigma holds depth noise, sampling and spread as in [`surface_distance`], and the view's placement: position, and rotation times range
/// across the ray. An origin at the camera itself moves with the camera, so there the placement cancels.
///
/// # Errors
/// [`GeometryError::TooFewPoints`].
pub fn distance_from_origin(origin_m: Point3<f64>, a: &PointCloud) -> Result<DistanceMeasurement, GeometryError> {
    let surface = Surface::of(a, "the object")?;
    let apart = |point: &SurfacePoint| (point.p - origin_m).norm();
    let closest = surface.points.iter().map(|point| (apart(point), *point)).min_by(|x, y| x.0.total_cmp(&y.0));
    let Some((least_m, nearest)) = closest else { return Err(no_distance()) };
    let sigma_of =
        |point: &SurfacePoint| pair_variance(point, &unit(origin_m, point.p, &point.ray), apart(point)).sqrt();
    let reach_m = least_m + search_margin(sigma_of(&nearest), nearest.spacing_m);
    let near: Vec<SurfacePoint> = surface.points.iter().filter(|point| apart(point) <= reach_m).copied().collect();
    let Some((point, spread_m)) = ties(near, least_m, apart, sigma_of(&nearest)) else { return Err(no_distance()) };
    let direction = unit(origin_m, point.p, &point.ray);
    let mut variance = pair_variance(&point, &direction, apart(&point)) + spread_m * spread_m;
    if (origin_m - surface.viewpoint_m).norm() > 1e-9 {
        variance += pose_variance(&surface.pose_sigma, &point.ray, point.range_m, &direction);
    }
    let distance = Quantity::new(apart(&point), variance.sqrt(), Unit::Metre).ok_or_else(no_distance)?;
    Ok(DistanceMeasurement { distance, from_m: origin_m, to_m: point.p })
}

/// Angle of the centre of `a` about +z from +x (REP-103: positive is left), seen from the frame's origin. Radians in (-π, π].
///
/// The centre is that of the upright box, which the near side's denser sampling does not pull. Sigma holds depth noise and sampling across
/// the line of sight over the range, and the view's placement: position over range, and rotation times camera range over range.
///
/// # Errors
/// [`GeometryError::TooFewPoints`]; [`GeometryError::NotMeasurable`] when `a` is straight above or below the origin.
pub fn bearing(a: &PointCloud) -> Result<Quantity, GeometryError> {
    let found = upright_box(a)?;
    let ground_m = found.center_m.x.hypot(found.center_m.y);
    let across = Vector3::new(-found.center_m.y, found.center_m.x, 0.0).try_normalize(1e-9);
    let beside_m = found.width.value() / 4.0;
    let Some(across) = across.filter(|_| ground_m > beside_m.max(0.02)) else {
        return Err(GeometryError::NotMeasurable(format!(
            "the object's centre is {ground_m:.3} m from the frame's vertical axis, too near for a bearing; ask from another frame"
        )));
    };
    let variance = center_variance(&found.center_m, a, &across);
    let value = found.center_m.y.atan2(found.center_m.x);
    let value = if value <= -std::f64::consts::PI { std::f64::consts::PI } else { value };
    Quantity::new(value, variance.sqrt() / ground_m, Unit::Radian).ok_or_else(no_distance)
}

/// Variance of a box's centre along `direction`: two opposite sides, each with a depth reading's noise and one pixel of sampling.
fn center_variance(center_m: &Point3<f64>, cloud: &PointCloud, direction: &Vector3<f64>) -> f64 {
    let offset = center_m - cloud.viewpoint_m;
    let range_m = offset.norm();
    let ray = offset.try_normalize(1e-9).unwrap_or_default();
    let along_ray = direction.dot(&ray);
    let across = (1.0 - along_ray * along_ray).max(0.0);
    let n = cloud.sigma_m.len().max(1) as f64;
    let sigma_m = cloud.sigma_m.iter().map(|sigma| f64::from(*sigma)).sum::<f64>() / n;
    let sampling_m = range_m * cloud.pixel_pitch_rad * UNIFORM_SIGMA;
    let measured = 0.5 * ((sigma_m * along_ray).powi(2) + sampling_m.powi(2) * across);
    measured + pose_variance(&cloud.pose_sigma, &ray, range_m, direction)
}

fn no_distance() -> GeometryError {
    GeometryError::NotMeasurable("the points have no finite distance".to_owned())
}

/// Unit vector from `from` to `to`; `otherwise` where they coincide.
fn unit(from: Point3<f64>, to: Point3<f64>, otherwise: &Vector3<f64>) -> Vector3<f64> {
    (to - from).try_normalize(1e-9).unwrap_or(*otherwise)
}

/// An end's variance along the connecting direction. Surfaces closer than their sampling are only known to one pixel in any direction.
fn pair_variance(point: &SurfacePoint, direction: &Vector3<f64>, apart_m: f64) -> f64 {
    let sampling_m = point.spacing_m * UNIFORM_SIGMA * (point.spacing_m / apart_m.max(1e-9)).min(1.0);
    point.variance_along(direction).max(sampling_m * sampling_m)
}

/// How far above the smallest distance ties are looked for.
fn search_margin(sigma_m: f64, spacing_m: f64) -> f64 {
    4.0 * sigma_m + spacing_m
}

/// The candidate with the median distance among those tied for the smallest, and the ties' spread (one standard deviation).
fn ties<T: Clone>(
    mut candidates: Vec<T>,
    least_m: f64,
    distance_m: impl Fn(&T) -> f64,
    sigma_m: f64,
) -> Option<(T, f64)> {
    /// The smallest two may be strays.
    const N_STRAYS: usize = 2;
    const MIN_FOR_STRAYS: usize = 30;
    candidates.sort_by(|x, y| distance_m(x).total_cmp(&distance_m(y)));
    let first = if candidates.len() >= MIN_FOR_STRAYS { N_STRAYS } else { 0 };
    let base_m = candidates.get(first).map_or(least_m, &distance_m);
    candidates.retain(|candidate| distance_m(candidate) <= base_m + 2.0 * sigma_m);
    let n = candidates.len() as f64;
    let mean_m = candidates.iter().map(&distance_m).sum::<f64>() / n;
    let variance = candidates.iter().map(|candidate| (distance_m(candidate) - mean_m).powi(2)).sum::<f64>() / n;
    let median = candidates.get(candidates.len() / 2)?.clone();
    Some((median, variance.sqrt()))
}

#[derive(Clone, Copy)]
struct Pair {
    from: SurfacePoint,
    to: SurfacePoint,
    distance_m: f64,
}

/// A surface that can be asked for its nearest point.
pub(crate) struct SurfaceTree<'a> {
    surface: &'a Surface,
    tree: ImmutableKdTree<f32, 3>,
    /// Coordinates are stored relative to this, because they are single precision.
    base_m: Point3<f64>,
}

impl<'a> SurfaceTree<'a> {
    pub(crate) fn new(surface: &'a Surface) -> Result<SurfaceTree<'a>, GeometryError> {
        let base_m = surface.points.first().map_or(Point3::origin(), |point| point.p);
        let local: Vec<[f32; 3]> = surface.points.iter().map(|point| single(point.p, base_m)).collect();
        let tree = ImmutableKdTree::new_from_slice(&local)
            .map_err(|error| GeometryError::NotMeasurable(format!("the points cannot be searched: {error:?}")))?;
        Ok(SurfaceTree { surface, tree, base_m })
    }

    /// The nearest point of the surface, if within `reach_m`.
    pub(crate) fn nearest_within(&self, p: Point3<f64>, reach_m: f64) -> Option<&'a SurfacePoint> {
        // Slightly wider than asked, so that rounding to single precision loses nothing.
        let reach = (reach_m * (1.0 + 1e-5) + 1e-6) as f32;
        let found = self
            .tree
            .query(&single(p, self.base_m))
            .nearest_n::<SquaredEuclidean<f32>>(NonZero::<usize>::MIN)
            .within(reach * reach)
            .execute();
        let item = found.into_iter().next()?.item;
        self.surface.points.get(usize::try_from(item).ok()?)
    }
}

/// The closest pair of two surfaces, and every asking point's nearest pair that is nearly as close.
fn closest_pairs(asking: &Surface, searched: &Surface) -> Option<(Pair, Vec<Pair>)> {
    let tree_of = |surface: &Surface| {
        let points: Vec<[f64; 3]> = surface.points.iter().map(|point| point.p.into()).collect();
        BoxTree::new(&points)
    };
    let (asking_tree, tree) = (tree_of(asking), tree_of(searched));
    let pair = |from: usize, found: Nearest| {
        let (from, to) = (*asking.points.get(from)?, *searched.points.get(found.at)?);
        Some(Pair { from, to, distance_m: found.distance2.sqrt() })
    };
    let (from, found) = tree.closest(&asking_tree)?;
    let closest = pair(from, found)?;
    let direction = unit(closest.from.p, closest.to.p, &closest.from.ray);
    let variance = closest.from.variance_along(&direction) + closest.to.variance_along(&direction);
    let margin_m = search_margin(variance.sqrt(), closest.from.spacing_m.max(closest.to.spacing_m));
    let near = tree.nearest(&asking_tree, closest.distance_m + margin_m, NEVER).ok()?;
    let pairs = near.into_iter().enumerate().filter_map(|(from, found)| pair(from, found?)).collect();
    Some((closest, pairs))
}

fn single(p: Point3<f64>, base_m: Point3<f64>) -> [f32; 3] {
    let local = p - base_m;
    [local.x as f32, local.y as f32, local.z as f32]
}
