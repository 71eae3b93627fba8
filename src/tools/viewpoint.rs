//! Who looks: `"robot"`, `"camera"`, a frame, a camera's name, an Object or `[x, y, z]`.

use std::sync::Arc;

use nalgebra::{Isometry3, Point3};
use rhai::{Dynamic, ImmutableString};

use super::{
    Session, ToolError,
    arguments::{describe, optional_point},
    values::ObjectValue,
};
use crate::{
    geometry::PoseSigma,
    scene::{FrameId, Stamp, tf_sigma::pose_sigma},
};

/// A place to look from, in the frame of what is looked at.
#[derive(Clone, Debug)]
pub struct Viewpoint {
    /// Where.
    pub position_m: Point3<f64>,
    /// In words.
    pub name: String,
    /// The camera that saw the object: its own placement error does not matter then.
    pub is_own_camera: bool,
    /// An object, when one was given.
    pub object: Option<ObjectValue>,
}

/// Where `viewer` stood when `seen` was seen.
///
/// # Errors
/// `TF_*` when the frame's place is not known; a mistake in the cell when it is none of the above.
pub fn viewpoint(session: &Arc<Session>, viewer: &Dynamic, seen: &ObjectValue) -> Result<Viewpoint, ToolError> {
    let plain = |position_m, name: String| Viewpoint { position_m, name, is_own_camera: false, object: None };
    if let Some(object) = viewer.read_lock::<ObjectValue>() {
        same_frame(&object, seen)?;
        let position_m = object.upright_box()?.center_m;
        return Ok(Viewpoint { object: Some(object.clone()), ..plain(position_m, object.name()) });
    }
    if let Some(position_m) = optional_point(viewer)? {
        let p = position_m;
        return Ok(plain(position_m, format!("[{:.3}, {:.3}, {:.3}]", p.x, p.y, p.z)));
    }
    let Some(name) = viewer.read_lock::<ImmutableString>().map(|name| name.to_string()) else {
        let found = describe(viewer);
        return Err(ToolError::argument(format!(
            "the viewer is {found}, wanted \"robot\", \"camera\", a frame name, an Object or [x, y, z]"
        )));
    };
    let snapshot = &session.context.snapshot;
    if name == "camera" || *name == *seen.points.camera {
        let name = format!("camera {}", seen.points.camera);
        return Ok(Viewpoint { is_own_camera: true, ..plain(seen.points.cloud.viewpoint_m, name) });
    }
    let frame = match name.as_str() {
        "robot" => snapshot.robot_frame.clone(),
        name => match snapshot.views.iter().rev().find(|view| *view.camera == *name) {
            Some(view) => view.optical_frame.clone(),
            None => FrameId::new(name),
        },
    };
    let seen_from_viewer = transform(session, &seen.points.frame, &frame, seen.points.stamp)?;
    Ok(plain(Point3::from(seen_from_viewer.translation.vector), frame.to_string()))
}

/// `target_from_source` at `at`.
///
/// # Errors
/// `TF_*`.
pub fn transform(
    session: &Session,
    target: &FrameId,
    source: &FrameId,
    at: Stamp,
) -> Result<Isometry3<f64>, ToolError> {
    Ok(transform_with_sigma(session, target, source, at)?.0)
}

/// `target_from_source` at `at` and the error it adds. It adds none between the fixed frame and the robot or its cameras: the place
/// of an image in the fixed frame already counts the whole chain, of which those are a part.
///
/// # Errors
/// `TF_*`.
pub fn transform_with_sigma(
    session: &Session,
    target: &FrameId,
    source: &FrameId,
    at: Stamp,
) -> Result<(Isometry3<f64>, PoseSigma), ToolError> {
    if target == source {
        return Ok((Isometry3::identity(), PoseSigma::default()));
    }
    let snapshot = &session.context.snapshot;
    let found = snapshot.transforms.lookup(target, source, at)?;
    let is_on_robot =
        *target == snapshot.robot_frame || snapshot.views.iter().any(|view| view.optical_frame == *target);
    let sigma = match is_on_robot && *source == snapshot.fixed_frame {
        true => PoseSigma::default(),
        false => pose_sigma(&snapshot.tf_sigma, &found, 0.0),
    };
    Ok((found.target_from_source, sigma))
}

/// Checks that two places can be compared.
///
/// # Errors
/// When they are in different frames.
pub fn same_place(a: &FrameId, b: &FrameId) -> Result<(), ToolError> {
    if a == b {
        return Ok(());
    }
    Err(ToolError::argument(format!(
        "one is in frame {a} and the other in {b}; bring both into one with tools.TF.transform"
    )))
}

/// Checks that two objects can be compared.
///
/// # Errors
/// When their coordinates are in different frames.
pub fn same_frame(a: &ObjectValue, b: &ObjectValue) -> Result<(), ToolError> {
    if a.points.frame == b.points.frame {
        return Ok(());
    }
    Err(ToolError::argument(format!(
        "{} is in frame {} and {} in frame {}; bring both into one with tools.TF.transform",
        a.name(),
        a.points.frame,
        b.name(),
        b.points.frame
    )))
}

/// The object in another frame at its own stamp, with the transform's own error added. `"robot"` means the robot's frame.
///
/// # Errors
/// `TF_*`.
pub fn in_frame(session: &Session, object: &ObjectValue, frame: &str) -> Result<ObjectValue, ToolError> {
    let snapshot = &session.context.snapshot;
    let target = if frame == "robot" { snapshot.robot_frame.clone() } else { FrameId::new(frame) };
    if target == object.points.frame {
        return Ok(object.clone());
    }
    let source = &object.points.frame;
    let (target_from_source, tf) = transform_with_sigma(session, &target, source, object.points.stamp)?;
    Ok(object.transformed(&target_from_source, &target, &tf))
}
