//! Distances and bearings.

use std::sync::Arc;

use rhai::Dynamic;

use crate::{
    geometry::{PoseSigma, distance},
    tools::{
        Session, ToolError,
        values::{MeasurementValue, ObjectValue, object::named},
        viewpoint::{in_frame, same_frame, viewpoint},
    },
};

/// Smallest distance between two visible surfaces.
///
/// # Errors
/// `TOO_FEW_PIXELS`.
pub fn surface_distance(a: &ObjectValue, b: &ObjectValue) -> Result<MeasurementValue, ToolError> {
    same_frame(a, b)?;
    let names = format!("{} or {}", a.name(), b.name());
    let found = distance::surface_distance(&a.points.cloud, &b.points.cloud).map_err(|error| named(error, &names))?;
    let objects = [(a, "from"), (b, "to")];
    MeasurementValue::of_objects(
        found.distance,
        "distance",
        "surface to surface",
        &objects,
        vec![found.from_m, found.to_m],
    )
}

/// Distance from an origin to the nearest visible point.
///
/// # Errors
/// `TF_*` when the origin's place is not known.
pub fn distance_from(session: &Arc<Session>, origin: &Dynamic, a: &ObjectValue) -> Result<MeasurementValue, ToolError> {
    let from = viewpoint(session, origin, a)?;
    if let Some(object) = &from.object {
        return surface_distance(object, a);
    }
    let mut cloud = a.points.cloud.clone();
    if from.is_own_camera {
        cloud.pose_sigma = PoseSigma::default();
    }
    let found = distance::distance_from_origin(from.position_m, &cloud).map_err(|error| named(error, &a.name()))?;
    let method = format!("from {} to the surface", from.name);
    let points = vec![found.from_m, found.to_m];
    MeasurementValue::of_objects(found.distance, "distance", &method, &[(a, "to")], points)
}

/// Angle of the thing's centre in `frame`.
///
/// # Errors
/// `TF_*`; `NOT_MEASURABLE` straight above or below.
pub fn bearing(session: &Arc<Session>, a: &ObjectValue, frame: &str) -> Result<MeasurementValue, ToolError> {
    let seen = in_frame(session, a, frame)?;
    let found = distance::bearing(&seen.points.cloud).map_err(|error| named(error, &a.name()))?;
    let center = seen.upright_box()?.median_m;
    let points = vec![nalgebra::Point3::origin(), center];
    let method = format!("bearing in {}, positive to the left", seen.points.frame);
    MeasurementValue::of_objects(found, "bearing", &method, &[(&seen, "target")], points)
}
