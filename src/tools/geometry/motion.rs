//! Whether a thing moved.

use nalgebra::Point3;

use crate::{
    geometry::motion,
    tools::{
        ToolError,
        values::{DisplacementValue, MeasurementValue, ObjectValue, RelationValue, object::named},
        viewpoint::same_frame,
    },
};

/// What counts as a move when the cell does not say.
pub const MIN_MOVE_M: f64 = 0.02;

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
    let found = motion::displacement(&earlier.points.cloud, &later.points.cloud, min_move_m)
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
