//! Whether and how a thing moved.
//!
//! A thing is followed by where its visible surface was, image by image, in the fixed frame. The displacement between two images is
//! judged by what a view can know (see [`crate::geometry::motion`]), with the placement error of both, so that a camera that moves does
//! not look like a thing that does.

use std::sync::Arc;

use nalgebra::{Point3, Vector3};
use rhai::{Array, Dynamic};

use super::path::{Leg, Path};
use crate::{
    error_code::ErrorCode,
    geometry::{Unit, motion, relations::Relation},
    perception::Prompt,
    scene::View,
    tools::{
        Session, ToolError,
        arguments::{describe, number, object},
        measure::{object_of, outline_of, points_under, segments},
        values::{
            DisplacementValue, MeasurementValue, MotionValue, ObjectValue, PerFrameMaskValue, RelationValue,
            motion::State, object::named, propagation::finite,
        },
        viewpoint::same_frame,
    },
};

/// What counts as a move when the cell does not say.
pub const MIN_MOVE_M: f64 = 0.02;
/// Images that are compared at most: all pairs of neighbours, and each with the newest.
const MAX_FOLLOWED: usize = 9;

/// Displacement between two sightings of one thing.
///
/// # Errors
/// `NOT_MEASURABLE` when the two share too little surface or are in the wrong order.
pub fn displacement(
    earlier: &ObjectValue,
    later: &ObjectValue,
    min_move_m: f64,
) -> Result<DisplacementValue, ToolError> {
    same_frame(earlier, later)?;
    let (from, to) = (earlier.points.stamp, later.points.stamp);
    if from > to {
        return Err(ToolError::argument(format!("`earlier` is of {from} and `later` of {to}; swap them")));
    }
    let found = motion::displacement(earlier.sight(), later.sight(), min_move_m)
        .map_err(|error| named(error, &later.name()))?;
    let start = earlier.upright_box()?.median_m;
    let objects = [(earlier, "from"), (later, "to")];
    let distance = MeasurementValue::of_objects(
        found.distance,
        "displacement",
        "alignment of the visible surfaces",
        &objects,
        vec![start, start + found.translation_m],
    )?;
    let moved = RelationValue {
        relation: found.moved,
        subject: format!("{} moved from {from} to {to}", later.name()),
        frame: distance.frame.clone(),
        stamp: distance.stamp,
        evidence: distance.evidence.clone().into(),
    };
    Ok(DisplacementValue { moved, distance, translation_m: Point3::from(found.translation_m) })
}

/// One step between two images.
#[derive(Clone)]
struct Step {
    secs: f64,
    translation_m: Vector3<f64>,
    sigma_m: f64,
    relation: Relation,
}

fn step(earlier: &ObjectValue, later: &ObjectValue, min_move_m: f64) -> Result<Step, ToolError> {
    let found = displacement(earlier, later, min_move_m)?;
    Ok(Step {
        secs: later.points.stamp.secs_since(earlier.points.stamp),
        translation_m: found.translation_m.coords,
        sigma_m: found.distance.quantity.sigma(),
        relation: found.moved.relation,
    })
}

/// How a thing moved over the last seconds.
///
/// # Errors
/// `NOT_VISIBLE` when no image of the window shows it, `AMBIGUOUS_REFERENT`, `NOT_BUFFERED` when only one does.
pub fn motion_of(
    session: &Arc<Session>,
    what: &Dynamic,
    window: &Dynamic,
    min_move_m: f64,
) -> Result<MotionValue, ToolError> {
    let window_secs = if window.is_unit() { f64::INFINITY } else { number(window, "window_secs")? };
    let sightings = follow(session, what, window_secs)?;
    let (Some(first), Some(last)) = (sightings.first(), sightings.last()) else {
        return Err(ToolError::new(ErrorCode::NotVisible, "no image of the window shows it with depth and place"));
    };
    let name = last.name();
    if sightings.len() < 2 {
        return Err(ToolError::new(
            ErrorCode::NotBuffered,
            format!(
                "only one image, at {}, shows {name}; motion needs two or more, ask with a longer window",
                last.points.stamp
            ),
        ));
    }
    let between: Vec<Result<Step, ToolError>> =
        sightings.windows(2).filter_map(|pair| Some(step(pair.first()?, pair.last()?, min_move_m))).collect();
    let lost = between.iter().find_map(|step| step.as_ref().err().cloned());
    let steps: Vec<Step> = between.iter().flatten().cloned().collect();
    let whole = step(first, last, min_move_m);
    let mut far_relations = Vec::new();
    let path = Path::through(sightings.len(), |from, to| {
        let found = match (from + 1 == to, from == 0 && to + 1 == sightings.len()) {
            (true, _) => between.get(from)?.clone(),
            (false, true) => whole.clone(),
            (false, false) => step(sightings.get(from)?, sightings.get(to)?, min_move_m),
        };
        let found = found.ok()?;
        let leg = Leg {
            translation_m: found.translation_m,
            sigma_m: found.sigma_m,
            is_counted: found.relation.holds && found.translation_m.norm() > 0.0,
        };
        far_relations.push(found.relation);
        Some(leg)
    });
    let is_moved = |relation: &Relation| relation.holds && relation.is_clear();
    let is_still = |relation: &Relation| !relation.holds && relation.is_clear();
    let relations: Vec<&Relation> = steps
        .iter()
        .map(|s| &s.relation)
        .chain(whole.as_ref().ok().map(|s| &s.relation))
        .chain(&far_relations)
        .collect();
    let state = if relations.iter().any(|relation| is_moved(relation)) {
        State::Moving
    } else if lost.is_none() && whole.is_ok() && relations.iter().all(|relation| is_still(relation)) {
        State::Static
    } else {
        State::Unknown
    };
    let why = match (&state, lost.or(whole.as_ref().err().cloned())) {
        (State::Unknown, Some(error)) => error.message,
        (State::Unknown, None) => "the moves are too close to what is counted".to_owned(),
        _ => String::new(),
    };
    let track = Track::of(&steps, whole.as_ref().ok(), path, state);
    let objects = [(first, "from"), (last, "to")];
    let start = first.upright_box()?.median_m;
    let ends = vec![start, start + track.translation_m];
    let measured = |value: f64, sigma: f64, unit: Unit, role: &str, method: &str| {
        MeasurementValue::of_objects(finite(value, sigma, unit)?, role, method, &objects, ends.clone())
    };
    let secs = last.points.stamp.secs_since(first.points.stamp);
    let speed = measured(
        track.velocity_m_per_s.norm(),
        track.velocity_sigma_m_per_s,
        Unit::MetrePerSecond,
        "speed",
        &format!("line through {} places over {secs:.2} s", sightings.len()),
    )?;
    let path = measured(track.path_m, track.path_sigma_m, Unit::Metre, "path", "moves between the places that count")?;
    let relation = whole.map_or_else(
        |_| Relation {
            holds: state == State::Moving,
            margin: speed.quantity,
            basis: "moves between neighbouring images".to_owned(),
        },
        |whole| Relation { holds: state == State::Moving, ..whole.relation },
    );
    Ok(MotionValue {
        state,
        why,
        velocity_m_per_s: track.velocity_m_per_s,
        velocity_sigma_m_per_s: track.velocity_sigma_m_per_s,
        is_moving_now: steps.last().is_some_and(|step| is_moved(&step.relation)),
        relation: RelationValue {
            relation,
            subject: format!("{name} moved from {} to {}", first.points.stamp, last.points.stamp),
            frame: speed.frame.clone(),
            stamp: speed.stamp,
            evidence: speed.evidence.clone().into(),
        },
        speed,
        path,
        translation_m: track.translation_m,
        n_images: sightings.len(),
        secs,
        name,
        frame: last.points.frame.clone(),
    })
}

/// Where the thing was, image by image, as one line.
struct Track {
    translation_m: Vector3<f64>,
    velocity_m_per_s: Vector3<f64>,
    velocity_sigma_m_per_s: f64,
    path_m: f64,
    path_sigma_m: f64,
}

impl Track {
    /// Least squares of place over time. A thing that stood still has the velocity 0, as surely as its place is known.
    fn of(steps: &[Step], whole: Option<&Step>, path: Path, state: State) -> Track {
        let mut places = vec![(0.0, Vector3::zeros())];
        let (mut at_secs, mut at_m) = (0.0, Vector3::zeros());
        let mut sigma_m: f64 = 0.0;
        for step in steps {
            at_secs += step.secs;
            at_m += step.translation_m;
            sigma_m = sigma_m.max(step.sigma_m);
            places.push((at_secs, at_m));
        }
        if let Some(whole) = whole {
            sigma_m = sigma_m.max(whole.sigma_m);
            // The direct comparison of first and last holds no sum of errors.
            if let Some(end) = places.last_mut() {
                *end = (whole.secs.max(end.0), whole.translation_m);
            }
        }
        let n = places.len() as f64;
        let mean_secs = places.iter().map(|(secs, _)| secs).sum::<f64>() / n;
        let mean_m = places.iter().map(|(_, place)| place).sum::<Vector3<f64>>() / n;
        let spread = places.iter().map(|(secs, _)| (secs - mean_secs).powi(2)).sum::<f64>().max(1e-12);
        let slope =
            places.iter().map(|(secs, place)| (place - mean_m) * (secs - mean_secs)).sum::<Vector3<f64>>() / spread;
        let off =
            |(secs, place): &(f64, Vector3<f64>)| (place - mean_m - slope * (secs - mean_secs)).norm_squared() / 3.0;
        let residual = if places.len() > 2 { places.iter().map(off).sum::<f64>() / (n - 2.0) } else { 0.0 };
        let velocity_sigma_m_per_s = (sigma_m.powi(2).max(residual) / spread).sqrt();
        let velocity_m_per_s = if state == State::Static { Vector3::zeros() } else { slope };
        let translation_m = places.last().map_or_else(Vector3::zeros, |(_, place)| *place);
        let translation_m = if state == State::Static { Vector3::zeros() } else { translation_m };
        Track {
            translation_m,
            velocity_m_per_s,
            velocity_sigma_m_per_s,
            // No way is shorter than the straight one.
            path_m: if state == State::Static { 0.0 } else { path.length_m.max(translation_m.norm()) },
            path_sigma_m: path.sigma_m.max(sigma_m),
        }
    }
}

/// The thing in the images of the window, oldest first, all of the camera that shows it most often.
fn follow(session: &Arc<Session>, what: &Dynamic, window_secs: f64) -> Result<Vec<ObjectValue>, ToolError> {
    if let Some(masks) = what.read_lock::<PerFrameMaskValue>() {
        return Ok(thinned(of_masks(session, &masks, window_secs)?));
    }
    if let Some(list) = what.read_lock::<Array>() {
        let mut objects = list.iter().map(|item| object(item, "an item")).collect::<Result<Vec<_>, _>>()?;
        objects.sort_by_key(|object| object.points.stamp);
        return Ok(thinned(objects));
    }
    let name = match (what.is_string(), what.read_lock::<ObjectValue>()) {
        (true, _) => what.to_string(),
        (false, Some(object)) => object.label.clone(),
        (false, None) => {
            let found = describe(what);
            return Err(ToolError::argument(format!(
                "what is {found}, wanted a name, an Object, a PerFrameMask or a list of Objects"
            )));
        }
    };
    let instance = what.read_lock::<ObjectValue>().and_then(|object| object.instance);
    let snapshot = &session.context.snapshot;
    let newest = snapshot.views.last().map(|view| view.stamp).unwrap_or_default();
    let mut of_cameras: Vec<(Arc<str>, Vec<ObjectValue>)> = Vec::new();
    let mut problem = None;
    for view in snapshot.views.iter().filter(|view| newest.secs_since(view.stamp) <= window_secs) {
        let object = match one(session, view, &name, instance) {
            Ok(Some(object)) => object,
            Ok(None) => continue,
            Err(error) if error.code == Some(ErrorCode::AmbiguousReferent) => return Err(error),
            Err(error) => {
                problem = problem.or(Some(error));
                continue;
            }
        };
        match of_cameras.iter_mut().find(|(camera, _)| *camera == view.camera) {
            Some((_, objects)) => objects.push(object),
            None => of_cameras.push((view.camera.clone(), vec![object])),
        }
    }
    let best = of_cameras.into_iter().map(|(_, objects)| objects).max_by_key(Vec::len);
    match (best, problem) {
        (Some(objects), _) => Ok(thinned(objects)),
        (None, Some(error)) => Err(error),
        (None, None) => Err(ToolError::new(
            ErrorCode::NotVisible,
            format!("{name:?} is in none of the images of the window; tools.Scene.labels() lists what is visible"),
        )),
    }
}

fn one(
    session: &Arc<Session>,
    view: &View,
    name: &str,
    instance: Option<u32>,
) -> Result<Option<ObjectValue>, ToolError> {
    let mut found = segments(session, view, &Prompt::Text(name.to_owned()))?;
    if instance.is_some() && found.len() > 1 {
        found.retain(|segment| segment.instance == instance);
    }
    if found.len() > 1 {
        return Err(ToolError::new(
            ErrorCode::AmbiguousReferent,
            format!("{name:?} fits {} things at {}; pass the Object that is meant", found.len(), view.stamp),
        ));
    }
    found.first().map(|segment| object_of(session, view, segment)).transpose()
}

fn of_masks(
    session: &Arc<Session>,
    masks: &PerFrameMaskValue,
    window_secs: f64,
) -> Result<Vec<ObjectValue>, ToolError> {
    if masks.labels.len() != 1 {
        return Err(ToolError::argument(format!(
            "the masks are of {} objects ({}), wanted one; segment it alone",
            masks.labels.len(),
            masks.labels.join(", ")
        )));
    }
    let label = masks.labels.first().cloned().unwrap_or_default();
    let instance = masks.instances.first().copied().flatten();
    let context = &session.context;
    let newest = masks.series.frames().iter().map(|frame| frame.view().stamp).max().unwrap_or_default();
    let mut objects = Vec::new();
    for (frame, of_frame) in masks.series.frames().iter().zip(&masks.masks) {
        let (view, Some(mask)) = (frame.view(), of_frame.first()) else { continue };
        if mask.n_pixels() < context.min_object_pixels || newest.secs_since(view.stamp) > window_secs {
            continue;
        }
        let points = points_under(view, &context.snapshot.fixed_frame, mask, &label, context.min_object_pixels)?;
        let object = ObjectValue::new(&label, instance, points, 1.0, mask.bounding_box());
        objects.push(object.outlined(outline_of(view, mask)));
    }
    objects.sort_by_key(|object| object.points.stamp);
    Ok(objects)
}

/// Evenly, both ends kept.
fn thinned(objects: Vec<ObjectValue>) -> Vec<ObjectValue> {
    let n = objects.len();
    if n <= MAX_FOLLOWED {
        return objects;
    }
    (0..MAX_FOLLOWED).filter_map(|i| objects.get(i * (n - 1) / (MAX_FOLLOWED - 1)).cloned()).collect()
}
