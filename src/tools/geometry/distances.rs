//! Distances and bearings.

use std::sync::Arc;

use nalgebra::Point3;
use rhai::Dynamic;

use crate::{
    geometry::{PoseSigma, Quantity, distance, edge},
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

/// What may be hidden of the surface adds at most this share of the distance to its sigma, or [`MAX_HIDDEN_M`].
const MAX_HIDDEN_SHARE: f64 = 0.05;
const MAX_HIDDEN_M: f64 = 0.015;

/// Horizontal distance to the nearest edge of the surface beneath. Sigma is widened where things may hide a little more of the surface.
///
/// # Errors
/// `NOT_MEASURABLE` when `a` is not above the surface, that edge lies at the border of the image, or more of the surface may be hidden.
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
    let at_least_m = found.distance.value();
    let at_most_m = edge::most_distant_edge_m(a.upright_box()?, surface.prepared()?).unwrap_or(at_least_m);
    // Anything up to the upper bound is as likely.
    let added_m = (at_most_m - at_least_m).max(0.0) / 3.0f64.sqrt();
    if added_m > (MAX_HIDDEN_SHARE * at_least_m).max(MAX_HIDDEN_M) {
        let (a, surface) = (a.name(), surface.name());
        let at_most =
            if at_most_m.is_finite() { format!("at most {at_most_m:.3} m") } else { "with no upper bound".to_owned() };
        return Err(ToolError::not_measurable(format!(
            "things cover the part of {surface} where its nearest edge may be: {a} is at least {at_least_m:.3} m from the edge, \
             {at_most}; move the camera or what covers it"
        )));
    }
    let sigma_m = found.distance.sigma().hypot(added_m);
    let distance = Quantity::new(at_least_m, sigma_m, found.distance.unit()).unwrap_or(found.distance);
    let objects = [(a, "from"), (surface, "surface")];
    let points = vec![found.from_m, found.to_m];
    MeasurementValue::of_objects(distance, "distance", "horizontal, to the nearest visible edge", &objects, points)
}

/// Angle of the thing's centre in `frame`.
///
/// # Errors
/// `TF_*`; `NOT_MEASURABLE` straight above or below.
pub fn bearing(session: &Arc<Session>, a: &ObjectValue, frame: &str) -> Result<MeasurementValue, ToolError> {
    let seen = in_frame(session, a, frame)?;
    let found = distance::bearing(&seen.points.cloud).map_err(|error| named(error, &a.name()))?;
    let center = seen.upright_box()?.median_m;
    let points = vec![Point3::origin(), center];
    let method = format!("bearing in {}, positive to the left", seen.points.frame);
    MeasurementValue::of_objects(found, "bearing", &method, &[(&seen, "target")], points)
}
