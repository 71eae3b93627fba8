//! Which is leftmost, which is nearest.

use std::sync::Arc;

use rhai::{Array, Dynamic};

use super::{distances::distance_from, relations::side_of};
use crate::tools::{
    Session, ToolError,
    values::{MeasurementValue, ObjectValue},
    viewpoint::{same_frame, viewpoint},
};

/// For a cell.
pub fn list(objects: Vec<ObjectValue>) -> Array {
    objects.into_iter().map(Dynamic::from).collect()
}

/// The objects from the viewer's left to right.
///
/// # Errors
/// `NOT_MEASURABLE` when two neighbours are too close to call.
pub fn left_to_right(
    session: &Arc<Session>,
    objects: &[ObjectValue],
    viewer: &Dynamic,
) -> Result<Vec<ObjectValue>, ToolError> {
    let Some(first) = objects.first() else { return Ok(Vec::new()) };
    let from = viewpoint(session, viewer, first)?;
    let mut sum = nalgebra::Vector2::zeros();
    for object in objects {
        same_frame(first, object)?;
        let towards = (object.upright_box()?.center_m - from.position_m).xy();
        sum += towards.try_normalize(1e-9).unwrap_or_default();
    }
    // Angles are taken from the middle of all objects, so that none of them straddles the half turn.
    let ahead_rad = sum.y.atan2(sum.x);
    let mut ordered = Vec::with_capacity(objects.len());
    for object in objects {
        let towards = (object.upright_box()?.center_m - from.position_m).xy();
        let angle_rad = towards.y.atan2(towards.x) - ahead_rad;
        ordered.push((angle_rad.sin().atan2(angle_rad.cos()), object.clone()));
    }
    ordered.sort_by(|a, b| b.0.total_cmp(&a.0));
    let ordered: Vec<ObjectValue> = ordered.into_iter().map(|(_, object)| object).collect();
    for pair in ordered.windows(2) {
        let [left, right] = pair else { continue };
        let found = side_of(session, left, "left", right, viewer)?;
        if !(found.relation.holds && found.relation.is_clear()) {
            let (left, right, text) = (left.name(), right.name(), found.text());
            let message = format!("whether {left} is left of {right} is too close to call: {text}");
            return Err(ToolError::not_measurable(message));
        }
    }
    Ok(ordered)
}

/// The object with the smallest surface distance.
///
/// # Errors
/// `NOT_MEASURABLE` when the two nearest are too close to call.
pub fn nearest_to(session: &Arc<Session>, objects: &[ObjectValue], to: &Dynamic) -> Result<ObjectValue, ToolError> {
    let own = to.read_lock::<ObjectValue>().map(|own| own.clone());
    let mut measured: Vec<(MeasurementValue, &ObjectValue)> = Vec::new();
    for object in objects.iter().filter(|object| own.as_ref().is_none_or(|own| !own.is_same_as(object))) {
        measured.push((distance_from(session, to, object)?, object));
    }
    measured.sort_by(|a, b| a.0.quantity.value().total_cmp(&b.0.quantity.value()));
    match measured.as_slice() {
        [] => Err(ToolError::argument("objects holds nothing to choose from")),
        [(_, only)] => Ok((*only).clone()),
        [(near, nearest), (far, second), ..] => {
            let gap_m = far.quantity.value() - near.quantity.value();
            let sigma_m = far.quantity.sigma().hypot(near.quantity.sigma());
            if gap_m < 2.0 * sigma_m {
                return Err(ToolError::not_measurable(format!(
                    "which is nearest is too close to call: {} at {}, {} at {}",
                    nearest.name(),
                    near.quantity,
                    second.name(),
                    far.quantity
                )));
            }
            Ok((*nearest).clone())
        }
    }
}
