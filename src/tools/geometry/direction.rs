//! In which direction a thing lies from somewhere, by the axes of a frame that is always named.

use std::sync::Arc;

use nalgebra::{Isometry3, Point3, Vector3};
use rhai::Dynamic;

use crate::{
    geometry::Unit,
    scene::FrameId,
    tools::{
        Session, ToolError,
        arguments::text,
        values::{DirectionValue, MeasurementValue, ObjectValue, propagation::finite},
        viewpoint::{transform_with_sigma, viewpoint},
    },
};

/// Words of the eight sectors of 45°, from the front, counter-clockwise (REP-103: x forward, y left).
const SECTORS: [&str; 8] =
    ["in front", "front left", "left", "behind left", "behind", "behind right", "right", "front right"];
/// Steeper than this is above or below: 60°.
const STEEP_RAD: f64 = 1.047;

/// Direction of `a` as seen from a place, by the axes of a frame.
///
/// # Errors
/// `TF_*`; `NOT_MEASURABLE` when both are at one place.
pub fn direction_of(
    session: &Arc<Session>,
    a: &ObjectValue,
    from: &Dynamic,
    frame: &Dynamic,
) -> Result<DirectionValue, ToolError> {
    let snapshot = &session.context.snapshot;
    let robot = Dynamic::from("robot".to_owned());
    let from = viewpoint(session, if from.is_unit() { &robot } else { from }, a)?;
    let frame = if frame.is_unit() { "robot".to_owned() } else { text(frame, "frame")? };
    let target = if frame == "robot" { snapshot.robot_frame.clone() } else { FrameId::new(&frame) };
    let (target_from_own, tf) = match target == a.points.frame {
        true => (Isometry3::identity(), Default::default()),
        false => transform_with_sigma(session, &target, &a.points.frame, a.points.stamp)?,
    };
    let fitted = a.upright_box()?;
    let offset = target_from_own.rotation * (fitted.center_m - from.position_m);
    let range_m = offset.norm();
    if range_m < 1e-3 {
        return Err(ToolError::not_measurable(format!("{} is where it is looked at from", a.name())));
    }
    let rotation = target_from_own.rotation.to_rotation_matrix();
    let mut covariance =
        rotation.matrix() * (fitted.covariance_m2 + position_covariance(a)?) * rotation.matrix().transpose();
    if let Some(object) = &from.object {
        covariance += rotation.matrix() * object.upright_box()?.covariance_m2 * rotation.matrix().transpose();
    }
    let deviation = |along: &Vector3<f64>| along.dot(&(covariance * along)).max(0.0).sqrt();
    let ground_m = offset.xy().norm();
    let left = Vector3::new(-offset.y, offset.x, 0.0).try_normalize(1e-9).unwrap_or_else(Vector3::y);
    let angle_sigma_rad = (deviation(&left) / ground_m.max(1e-6)).min(std::f64::consts::PI).hypot(tf.rotation_rad);
    let elevation_rad = offset.z.atan2(ground_m);
    let elevation_sigma_rad = (deviation(&Vector3::z()) / range_m).min(std::f64::consts::PI).hypot(tf.rotation_rad);
    let angle_rad = offset.y.atan2(offset.x);
    let (word, margin_rad, sigma_rad) = match elevation_rad.abs() > STEEP_RAD {
        true => {
            let word = if elevation_rad > 0.0 { "above" } else { "below" };
            (word, elevation_rad.abs() - STEEP_RAD, elevation_sigma_rad)
        }
        false => {
            let sector_rad = std::f64::consts::FRAC_PI_4;
            let sector = (angle_rad / sector_rad).round();
            let word = SECTORS.get((sector as i64).rem_euclid(8) as usize).copied().unwrap_or_default();
            let margin_rad = sector_rad / 2.0 - (angle_rad - sector * sector_rad).abs();
            (word, margin_rad.min(STEEP_RAD - elevation_rad.abs()), angle_sigma_rad)
        }
    };
    let method = |what: &str| format!("{what}, seen from {}, axes of {target}", from.name);
    let mut objects = vec![(a, "target")];
    if let Some(object) = &from.object {
        objects.push((object, "viewpoint"));
    }
    let ends = vec![from.position_m, fitted.center_m];
    let measured = |value: f64, sigma: f64, unit: Unit, role: &str, what: &str| {
        MeasurementValue::of_objects(finite(value, sigma, unit)?, role, &method(what), &objects, ends.clone())
    };
    Ok(DirectionValue {
        word,
        is_clear: margin_rad >= 2.0 * sigma_rad,
        angle: measured(
            angle_rad,
            angle_sigma_rad,
            Unit::Radian,
            "bearing",
            "angle about +z from +x, positive to the left",
        )?,
        elevation: measured(elevation_rad, elevation_sigma_rad, Unit::Radian, "elevation", "angle above the xy plane")?,
        vector: Point3::from(offset / range_m),
        from: from.name.clone(),
        frame: target,
        name: a.name(),
    })
}

/// What half the error of a box's sides adds to its centre.
fn position_covariance(a: &ObjectValue) -> Result<nalgebra::Matrix3<f64>, ToolError> {
    let covariance = a.covariance()?;
    Ok(covariance.fixed_view::<3, 3>(0, 0).into_owned() - a.upright_box()?.covariance_m2)
}
