//! Several things at once: all of a name, everything, names, counts.

use std::{collections::BTreeSet, sync::Arc};

use nalgebra::{Isometry3, Matrix6, Vector3};
use rhai::{Array, Dynamic};

use super::look::{Sighting, is_one_thing, sightings};
use crate::{
    answer::Evidence,
    error_code::ErrorCode,
    geometry::Quantity,
    perception::{Prompt, name_match::folded_name},
    scene::View,
    tools::{
        Session, ToolError,
        measure::{object_of, segment_name, segments},
        values::{MeasurementValue, ObjectValue, measurement},
    },
};

/// What a room is made of; no thing stands for it.
const ROOM_SURFACES: [&str; 4] = ["floor", "wall", "ceiling", "ground"];

/// Variance of a place that is not known, m² and rad².
const UNKNOWN_VARIANCE: f64 = 1e6;

/// For a cell.
pub fn list(objects: Vec<ObjectValue>) -> Array {
    objects.into_iter().map(Dynamic::from).collect()
}

/// Every visible thing of this name, each once.
///
/// # Errors
/// When no camera could look, or one of the things cannot be measured.
pub fn find_all(session: &Arc<Session>, name: &str) -> Result<Vec<ObjectValue>, ToolError> {
    let seen = seen_by_each(session, name)?;
    let n_most = seen.views.iter().map(Vec::len).max().unwrap_or(0);
    if n_most == 0 {
        return seen.blind.map_or(Ok(Vec::new()), Err);
    }
    let mut objects: Vec<ObjectValue> = Vec::new();
    let mut problem = None;
    for sightings in seen.views {
        for sighting in sightings {
            match sighting.object {
                Ok(object) => add_once(&mut objects, object),
                Err(error) => problem = problem.or(Some(error)),
            }
        }
    }
    match problem {
        // Another camera has measured at least as many, so what this one could not measure is among them.
        Some(error) if objects.len() < n_most => Err(error),
        _ => Ok(objects),
    }
}

/// Every visible named thing that can be measured, except the room itself.
///
/// # Errors
/// When no camera could look, or what the views show cannot be measured at all.
pub fn objects(session: &Arc<Session>) -> Result<Vec<ObjectValue>, ToolError> {
    let mut objects = Vec::new();
    let (mut problem, mut has_looked) = (None, false);
    for view in session.context.snapshot.newest_views() {
        let found = match segments(session, view, &Prompt::Everything) {
            Ok(found) => found,
            Err(error) => {
                problem = problem.or(Some(error));
                continue;
            }
        };
        has_looked = true;
        for segment in found.iter().filter(|segment| !is_room_surface(&segment.label)) {
            match object_of(session, view, segment) {
                Ok(object) => add_once(&mut objects, object),
                Err(error) if matches!(error.code, Some(ErrorCode::TooFewPixels | ErrorCode::OutOfRange)) => {
                    session.print(&format!("left out {}: {}", segment_name(segment), error.message));
                }
                Err(error) => problem = problem.or(Some(error)),
            }
        }
    }
    match problem {
        Some(error) if objects.is_empty() || !has_looked => Err(error),
        _ => Ok(objects),
    }
}

/// Whether the name is the room's own: floor, wall, ceiling or ground.
pub fn is_room_surface(label: &str) -> bool {
    let folded = folded_name(label);
    let last = folded.split(' ').rfind(|word| !word.bytes().all(|byte| byte.is_ascii_digit()));
    last.is_some_and(|word| ROOM_SURFACES.contains(&word))
}

/// Sorted names of everything visible.
///
/// # Errors
/// When no camera could look.
pub fn labels(session: &Arc<Session>) -> Result<Array, ToolError> {
    let mut labels = BTreeSet::new();
    let (mut problem, mut has_looked) = (None, false);
    for view in session.context.snapshot.newest_views() {
        match segments(session, view, &Prompt::Everything) {
            Ok(found) => {
                has_looked = true;
                labels.extend(found.into_iter().map(|segment| segment.label));
            }
            Err(error) => problem = problem.or(Some(error)),
        }
    }
    match problem {
        Some(error) if !has_looked => Err(error),
        _ => Ok(labels.into_iter().map(Dynamic::from).collect()),
    }
}

/// How many things of this name are visible.
///
/// # Errors
/// When no camera could look; `NOT_MEASURABLE` when several cameras see some and depth cannot tell whether they are the same.
pub fn count(session: &Arc<Session>, name: &str) -> Result<MeasurementValue, ToolError> {
    let seen = seen_by_each(session, name)?;
    let seeing: Vec<&Vec<Sighting<'_>>> = seen.views.iter().filter(|sightings| !sightings.is_empty()).collect();
    if let (true, Some(error)) = (seeing.is_empty(), seen.blind) {
        return Err(error);
    }
    let evidence: Vec<Evidence> = match seeing.as_slice() {
        [] => Vec::new(),
        [sightings] => sightings.iter().map(item_evidence).collect(),
        several => {
            let mut objects = Vec::new();
            for sighting in several.iter().copied().flatten() {
                let object = sighting.object.clone().map_err(|error| {
                    let message = format!(
                        "{} cameras see {name:?} and without the place of each they cannot be told apart: {}",
                        several.len(),
                        error.message
                    );
                    ToolError::not_measurable(message)
                })?;
                add_once(&mut objects, object);
            }
            objects.iter().map(|object| object.evidence("item")).collect::<Result<_, _>>()?
        }
    };
    let snapshot = &session.context.snapshot;
    let stamp = seeing.iter().flat_map(|sightings| sightings.iter()).map(|sighting| sighting.view.stamp).max();
    let newest = snapshot.views.last().map(|view| view.stamp);
    let method = match seen.cameras.as_slice() {
        [] => "counted".to_owned(),
        cameras => format!("counted in the newest image of {}", cameras.join(", ")),
    };
    Ok(MeasurementValue::new(measurement::Inner {
        quantity: Quantity::count(evidence.len()),
        frame: snapshot.fixed_frame.clone(),
        stamp: stamp.or(newest).unwrap_or_default(),
        method,
        subject: name.to_owned(),
        evidence,
    }))
}

/// A counted thing; without depth its place is unknown.
fn item_evidence(sighting: &Sighting<'_>) -> Evidence {
    if let Ok(evidence) = sighting.object.as_ref().map_err(Clone::clone).and_then(|object| object.evidence("item")) {
        return evidence;
    }
    let (view, segment) = (sighting.view, &sighting.segment);
    Evidence {
        id: format!("{}@{}", segment_name(segment), view.camera),
        label: segment.label.clone(),
        role: "item".to_owned(),
        camera: view.camera.to_string(),
        view_idx: view.view_idx,
        instance: segment.instance,
        method: "mask without depth; its place is unknown".to_owned(),
        frame: view.optical_frame.clone(),
        stamp: view.stamp,
        frame_from_object: Isometry3::identity(),
        covariance: Matrix6::identity() * UNKNOWN_VARIANCE,
        size_m: Vector3::zeros(),
        points_m: Vec::new(),
        quantity: None,
        n_pixels: 0,
        score: segment.score,
        roi: segment.mask.bounding_box(),
    }
}

struct Seen<'a> {
    /// Per camera that could look.
    views: Vec<Vec<Sighting<'a>>>,
    /// Those cameras' names.
    cameras: Vec<&'a str>,
    /// Why another could not look.
    blind: Option<ToolError>,
}

fn seen_by_each<'a>(session: &'a Arc<Session>, name: &str) -> Result<Seen<'a>, ToolError> {
    let mut seen = Seen { views: Vec::new(), cameras: Vec::new(), blind: None };
    for view in session.context.snapshot.newest_views() {
        match look_for(session, view, name) {
            Ok(found) => {
                seen.views.push(found);
                seen.cameras.push(&view.camera);
            }
            Err(error) => seen.blind = seen.blind.or(Some(error)),
        }
    }
    match seen.blind {
        Some(error) if seen.views.is_empty() => Err(error),
        blind => Ok(Seen { blind, ..seen }),
    }
}

fn look_for<'a>(session: &Arc<Session>, view: &'a View, name: &str) -> Result<Vec<Sighting<'a>>, ToolError> {
    sightings(session, view, name)
}

/// Adds the object, or replaces the poorer sighting of the same thing by another camera.
fn add_once(objects: &mut Vec<ObjectValue>, object: ObjectValue) {
    let twin = objects.iter_mut().find(|other| {
        other.points.view_idx != object.points.view_idx && other.label == object.label && is_one_thing(other, &object)
    });
    match twin {
        Some(twin) if twin.points.cloud.len() < object.points.cloud.len() => *twin = object,
        Some(_) => {}
        None => objects.push(object),
    }
}
