//! What stood still and what moved.

use nalgebra::Point3;

use super::robust::{median_of, without_leaps, without_strays};
use crate::{
    geometry::{
        PointCloud,
        boxes::upright_box,
        footprint::{convex_hull, smallest_rectangle},
        motion::{self, Sight},
        surroundings::Surroundings,
    },
    tools::values::FrameValue,
};

/// Points of one frame that are looked at.
const MAX_POINTS: usize = 4000;
/// Points that a thing needs in all.
const MIN_POINTS: usize = 4;
/// Points that a frame needs to say where the thing was.
const MIN_POINTS_OF_PLACE: usize = 10;
/// Path over the thing's own size from which on it may have moved.
const MOVING_SHARE: f64 = 0.15;
/// Path from which on it may have moved.
const MIN_MOVE_M: f64 = 0.02;

/// One object in one frame.
pub struct Sighting {
    /// The frame.
    pub frame: FrameValue,
    /// Its points without the mask's rim.
    pub core: PointCloud,
    /// All its points.
    pub whole: PointCloud,
    /// What the image measured beside it.
    pub around: Option<Surroundings>,
}

/// Where a moving thing was.
#[derive(Clone, Debug)]
pub struct Place {
    /// The frame's position in `InputImages`.
    pub index: usize,
    /// Seconds after the first place.
    pub secs: f64,
    /// Median of the visible points, fixed frame.
    pub at_m: Point3<f64>,
    /// Whether the way here is no leap.
    pub is_trusted: bool,
}

/// What an object did.
#[derive(Clone, Debug)]
pub enum Shape {
    /// It stood still: the smallest rectangle around it.
    Still {
        /// Corners in order, fixed frame.
        corners_m: [[f64; 2]; 4],
        /// Longer and shorter side.
        size_m: (f64, f64),
    },
    /// It moved.
    Moving {
        /// In order of time.
        path: Vec<Place>,
    },
}

/// One object on the picture.
#[derive(Clone, Debug)]
pub struct Thing {
    /// Name.
    pub label: String,
    /// Still or moving.
    pub shape: Shape,
    /// Middle of the rectangle, or the last place.
    pub middle_m: Point3<f64>,
    /// Lowest and highest point.
    pub z_m: (f64, f64),
    /// Frames that show it.
    pub frames: Vec<usize>,
    /// What could not be made sure of, in words.
    pub doubt: Option<String>,
}

struct Outline {
    corners: Vec<[f64; 3]>,
    z_m: (f64, f64),
}

/// An object that is not on the picture.
pub struct Unseen {
    /// Name.
    pub label: String,
    /// Why.
    pub why: String,
}

impl Thing {
    /// From all sightings, oldest first.
    ///
    /// # Errors
    /// When there are too few points.
    pub fn of(label: String, sightings: &[Sighting]) -> Result<Thing, Unseen> {
        let each: Vec<Vec<[f64; 3]>> = sightings.iter().map(|sighting| points_of(&sighting.core)).collect();
        let pooled = without_strays(&each.concat());
        if pooled.len() < MIN_POINTS {
            let why = match sightings.len() {
                0 => "not visible in these frames".to_owned(),
                _ => format!("{} points with confident depth, {MIN_POINTS} are needed", pooled.len()),
            };
            return Err(Unseen { label, why });
        }
        let frames = sightings.iter().map(|sighting| sighting.frame.index()).collect();
        let z_m = ends(pooled.iter().map(|p| p[2]));
        let places = places_of_one_camera(sightings, &each);
        let (is_moving, doubt) = has_moved(sightings, &places, &pooled);
        if is_moving && let Some(last) = places.last() {
            let middle_m = last.at_m;
            return Ok(Thing { label, shape: Shape::Moving { path: places }, middle_m, z_m, frames, doubt });
        }
        let Outline { corners, z_m } = outline(sightings).unwrap_or(Outline { corners: pooled, z_m });
        let (corners_m, size_m) = rectangle(&corners);
        let middle = |axis: usize| corners_m.iter().map(|corner| corner[axis]).sum::<f64>() / 4.0;
        let middle_m = Point3::new(middle(0), middle(1), (z_m.0 + z_m.1) / 2.0);
        Ok(Thing { label, shape: Shape::Still { corners_m, size_m }, middle_m, z_m, frames, doubt })
    }
}

fn points_of(cloud: &PointCloud) -> Vec<[f64; 3]> {
    let stride = cloud.len().div_ceil(MAX_POINTS).max(1);
    cloud.points_m.iter().step_by(stride).map(|p| p.map(f64::from)).collect()
}

fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
}

/// Corners of the measured footprints of a small thing, and its height, from the frames that show most of it: without its rim a small thing would be
/// too small. `None` for a large thing, whose rim does not matter, and where the measurement finds too little.
fn outline(sightings: &[Sighting]) -> Option<Outline> {
    const MAX_POINTS: usize = 20_000;
    const MAX_SIGHTINGS: usize = 3;
    let mut best: Vec<&Sighting> = sightings.iter().collect();
    best.sort_by_key(|sighting| std::cmp::Reverse(sighting.whole.len()));
    if best.first().is_none_or(|sighting| sighting.whole.len() > MAX_POINTS) {
        return None;
    }
    let boxes: Vec<_> =
        best.iter().take(MAX_SIGHTINGS).filter_map(|sighting| upright_box(&sighting.whole).ok()).collect();
    let corners: Vec<[f64; 3]> =
        boxes.iter().flat_map(|fitted| fitted.footprint_m.iter().map(|[x, y]| [*x, *y, fitted.center_m.z])).collect();
    let bottom_m = boxes.iter().map(|fitted| fitted.bottom_m.value()).fold(f64::INFINITY, f64::min);
    let top_m = boxes.iter().map(|fitted| fitted.top_m.value()).fold(f64::NEG_INFINITY, f64::max);
    (!corners.is_empty()).then_some(Outline { corners, z_m: (bottom_m, top_m) })
}

/// Median place in each frame of the camera that saw it most often: another camera sees another side.
fn places_of_one_camera(sightings: &[Sighting], each: &[Vec<[f64; 3]>]) -> Vec<Place> {
    let camera_of = |sighting: &Sighting| sighting.frame.view().camera.clone();
    let n_of = |camera: &str| sightings.iter().filter(|other| *camera_of(other) == *camera).count();
    let Some(camera) = sightings.iter().map(camera_of).max_by_key(|camera| n_of(camera)) else { return Vec::new() };
    let mut places: Vec<Place> = Vec::new();
    for (sighting, points) in sightings.iter().zip(each).filter(|(sighting, _)| camera_of(sighting) == camera) {
        if points.len() < MIN_POINTS_OF_PLACE {
            continue;
        }
        let kept = without_strays(points);
        if kept.len() < MIN_POINTS {
            continue;
        }
        let at_m = Point3::from([0, 1, 2].map(|axis| median_of(kept.iter().map(|p| p[axis]))));
        let stamp = sighting.frame.view().stamp;
        let first = places.first().and_then(|first| sightings.iter().find(|s| s.frame.index() == first.index));
        let secs = first.map_or(0.0, |first| stamp.secs_since(first.frame.view().stamp));
        places.push(Place { index: sighting.frame.index(), secs, at_m, is_trusted: true });
    }
    let lengths: Vec<f64> = places.windows(2).map(|pair| (pair[1].at_m - pair[0].at_m).norm()).collect();
    for (place, is_trusted) in places.iter_mut().skip(1).zip(without_leaps(&lengths)) {
        place.is_trusted = is_trusted;
    }
    places
}

/// Whether the places are far apart for the thing's size and its silhouettes confirm it: a thing that is seen from another side has another
/// middle although it stood still.
fn has_moved(sightings: &[Sighting], places: &[Place], pooled: &[[f64; 3]]) -> (bool, Option<String>) {
    let mut farthest: Option<(f64, &Place, &Place)> = None;
    for (i, a) in places.iter().enumerate() {
        for b in places.iter().skip(i + 1) {
            let distance_m = (b.at_m - a.at_m).norm();
            if farthest.is_none_or(|(most_m, ..)| distance_m > most_m) {
                farthest = Some((distance_m, a, b));
            }
        }
    }
    let Some((distance_m, from, to)) = farthest else { return (false, None) };
    let sides = [0, 1, 2].map(|axis| {
        let (low, high) = ends(pooled.iter().map(|p| p[axis]));
        high - low
    });
    let diagonal_m = sides.iter().map(|side| side * side).sum::<f64>().sqrt();
    if distance_m < MIN_MOVE_M || distance_m <= MOVING_SHARE * diagonal_m {
        return (false, None);
    }
    let sight_of = |index: usize| {
        let sighting = sightings.iter().find(|sighting| sighting.frame.index() == index)?;
        Some(Sight { cloud: &sighting.whole, around: sighting.around.as_ref() })
    };
    let (Some(earlier), Some(later)) = (sight_of(from.index), sight_of(to.index)) else { return (true, None) };
    match motion::displacement(earlier, later, MIN_MOVE_M) {
        Ok(found) => (found.moved.holds, None),
        Err(error) => (true, Some(format!("the move could not be confirmed: {error}"))),
    }
}

/// The smallest rectangle around the points, its corners in order, and its sides.
fn rectangle(points: &[[f64; 3]]) -> ([[f64; 2]; 4], (f64, f64)) {
    let flat: Vec<[f64; 2]> = points.iter().map(|p| [p[0], p[1]]).collect();
    let hull = convex_hull(&flat);
    let (sin, cos) = smallest_rectangle(&hull).unwrap_or(0.0).sin_cos();
    let along = ends(hull.iter().map(|[x, y]| x * cos + y * sin));
    let across = ends(hull.iter().map(|[x, y]| y * cos - x * sin));
    let corner = |a: f64, b: f64| [a * cos - b * sin, a * sin + b * cos];
    let corners =
        [corner(along.0, across.0), corner(along.1, across.0), corner(along.1, across.1), corner(along.0, across.1)];
    let (a, b) = (along.1 - along.0, across.1 - across.0);
    (corners, (a.max(b), a.min(b)))
}
