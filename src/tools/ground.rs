//! Up, and where the floor is.

use std::sync::Arc;

use nalgebra::Vector3;

use super::{
    Session, ToolError,
    measure::{object_of, segments},
    values::{FrameValue, MeasurementValue},
};
use crate::{
    geometry::{Quantity, Unit, plane::fit_plane},
    perception::Prompt,
    scene::FrameId,
};

/// How far a floor may lean in a fixed frame whose +z is up: 10°.
const MAX_TILT_RAD: f64 = 0.175;

/// How the direction of gravity is known.
pub fn gravity_source(fixed_frame: &FrameId) -> String {
    format!("+z of {fixed_frame} is up by convention (REP-105); it was not measured")
}

/// z of the labelled floor in the fixed frame, at the middle of what is seen of it, from the frame that shows most of it.
///
/// # Errors
/// `NOT_MEASURABLE` when no frame shows a floor that can be measured; an outage of the segmenter when it could not look at any.
pub fn ground_height(session: &Arc<Session>, frames: &[FrameValue]) -> Result<MeasurementValue, ToolError> {
    let mut seen = Vec::new();
    let mut outage = None;
    for frame in frames {
        for name in ["floor", "ground"] {
            match segments(session, frame.view(), &Prompt::Text(name.to_owned())) {
                Ok(found) => {
                    seen.extend(found.iter().filter_map(|segment| object_of(session, frame.view(), segment).ok()));
                }
                Err(error) => outage = Some(error),
            }
        }
    }
    seen.sort_by_key(|object| std::cmp::Reverse(object.points.cloud.len()));
    for floor in &seen {
        let Ok(plane) = fit_plane(&floor.points.cloud, &Vector3::z_axis(), MAX_TILT_RAD) else { continue };
        let middle = plane.centroid_m;
        let pose = floor.points.cloud.pose_sigma;
        let range_m = (middle - floor.points.cloud.viewpoint_m).norm();
        let sigma_m = plane.sigma_at_m(&middle).hypot(pose.position_m).hypot(pose.rotation_rad * range_m);
        let Some(height) = Quantity::new(middle.z, sigma_m, Unit::Metre) else { continue };
        return MeasurementValue::of_objects(
            height,
            "height",
            "plane of the labelled floor",
            &[(floor, "surface")],
            vec![middle],
        );
    }
    match outage {
        Some(error) if seen.is_empty() => Err(error),
        _ => Err(ToolError::not_measurable(format!(
            "no floor can be measured in these {} frames: nothing labelled floor or ground has enough depth; use \
             tools.Geometry.height_above(object, \"floor\", \"bottom\")",
            frames.len()
        ))),
    }
}
