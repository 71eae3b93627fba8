//! Distances and bearings.

use std::sync::Arc;

use rhai::Dynamic;

use crate::{
    geometry::{PoseSigma, distance, edge},
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
    let found = a.prepared()?.distance_to(b.prepared()?).map_err(|error| named(error, &names))?;
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

/// An edge this close to the image's border may be the end of the view.
const BORDER_PX: f64 = 6.0;

/// Horizontal distance to the nearest edge of the surface beneath.
///
/// # Errors
/// `NOT_MEASURABLE` when `a` is not above the surface, or that edge lies at the border of the image.
pub fn distance_to_edge(
    session: &Arc<Session>,
    a: &ObjectValue,
    surface: &ObjectValue,
) -> Result<MeasurementValue, ToolError> {
    same_frame(a, surface)?;
    let names = format!("{} on {}", a.name(), surface.name());
    let found =
        edge::distance_to_edge(a.upright_box()?, surface.upright_box()?).map_err(|error| named(error, &names))?;
    let view = session.context.snapshot.views.get(surface.points.view_idx);
    let at_px = view.and_then(|view| {
        let in_camera = view.posed.as_ref().ok()?.fixed_from_camera.inverse_transform_point(&found.to_m);
        let (u_px, v_px) = view.intrinsics.project(in_camera.into())?;
        let (width_px, height_px) = (f64::from(view.intrinsics.width_px), f64::from(view.intrinsics.height_px));
        let inside = |x_px: f64, end_px: f64| x_px > BORDER_PX && x_px < end_px - 1.0 - BORDER_PX;
        (inside(u_px, width_px) && inside(v_px, height_px)).then_some((u_px, v_px))
    });
    if at_px.is_none() {
        return Err(ToolError::not_measurable(format!(
            "the nearest visible edge of {} lies at the border of the image, so {} may go on beyond it; turn the camera",
            surface.name(),
            surface.name()
        )));
    }
    let objects = [(a, "from"), (surface, "surface")];
    let points = vec![found.from_m, found.to_m];
    MeasurementValue::of_objects(
        found.distance,
        "distance",
        "horizontal, to the nearest visible edge",
        &objects,
        points,
    )
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
