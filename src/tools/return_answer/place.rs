//! Positions and poses in the goal's target frame.

use std::sync::Arc;

use nalgebra::{Isometry3, Matrix3, Matrix6, Point3, UnitQuaternion, Vector3};

use crate::{
    answer::{AnswerKind, AnswerValue, Placement},
    scene::{FrameId, Stamp},
    tools::{Session, ToolError, values::ObjectValue, viewpoint::transform_with_sigma},
};

/// A placement before it is brought into the target frame.
pub struct Measured {
    /// Frame it was measured in.
    pub frame: FrameId,
    /// Stamp of the image.
    pub stamp: Stamp,
    /// Position and orientation.
    pub frame_from_object: Isometry3<f64>,
    /// In the order of REP-103.
    pub covariance: Matrix6<f64>,
}

/// The object's place.
///
/// # Errors
/// `TF_*` when the target frame's place is not known at the image's stamp.
pub fn of_object(session: &Arc<Session>, object: &ObjectValue) -> Result<AnswerValue, ToolError> {
    let measured = Measured {
        frame: object.points.frame.clone(),
        stamp: object.points.stamp,
        frame_from_object: object.frame_from_object()?,
        covariance: object.covariance()?,
    };
    in_target_frame(session, measured, session.context.answer_kind == AnswerKind::Pose)
}

/// A position in `frame` with one sigma for all axes, or with an object's covariance.
///
/// # Errors
/// As [`of_object`].
pub fn of_position(
    session: &Arc<Session>,
    position_m: Point3<f64>,
    frame: FrameId,
    stamp: Stamp,
    covariance_m2: Matrix3<f64>,
) -> Result<AnswerValue, ToolError> {
    let mut covariance = Matrix6::zeros();
    covariance.fixed_view_mut::<3, 3>(0, 0).copy_from(&covariance_m2);
    let frame_from_object = Isometry3::translation(position_m.x, position_m.y, position_m.z);
    in_target_frame(session, Measured { frame, stamp, frame_from_object, covariance }, false)
}

fn in_target_frame(session: &Arc<Session>, measured: Measured, is_pose: bool) -> Result<AnswerValue, ToolError> {
    let target = &session.context.target_frame;
    let (target_from_source, sigma) = transform_with_sigma(session, target, &measured.frame, measured.stamp)?;
    let placed = target_from_source * measured.frame_from_object;
    let turn = target_from_source.rotation.to_rotation_matrix().into_inner();
    let mut covariance = Matrix6::zeros();
    for (row, column) in [(0, 0), (0, 3), (3, 0), (3, 3)] {
        let block = turn * measured.covariance.fixed_view::<3, 3>(row, column) * turn.transpose();
        covariance.fixed_view_mut::<3, 3>(row, column).copy_from(&block);
    }
    // The transform's turning moves a point by its distance from the source frame's origin.
    let lever_m = measured.frame_from_object.translation.vector.norm();
    let position_m2 = sigma.position_m.powi(2) + (sigma.rotation_rad * lever_m).powi(2);
    let rotation_rad2 = sigma.rotation_rad.powi(2);
    let added = [position_m2, position_m2, position_m2, rotation_rad2, rotation_rad2, rotation_rad2];
    covariance += Matrix6::from_diagonal(&added.into());
    let mut placement =
        Placement { frame: target.clone(), stamp: measured.stamp, frame_from_object: placed, covariance };
    if is_pose {
        return Ok(AnswerValue::Pose(placement));
    }
    placement.frame_from_object.rotation = UnitQuaternion::identity();
    let position_only = placement.covariance.fixed_view::<3, 3>(0, 0).into_owned();
    placement.covariance = Matrix6::zeros();
    placement.covariance.fixed_view_mut::<3, 3>(0, 0).copy_from(&position_only);
    Ok(AnswerValue::Point(placement))
}

/// `[1.200, 0.300, 0.750] ± [0.004, 0.004, 0.003] m`.
pub fn text(placement: &Placement) -> String {
    let p = placement.frame_from_object.translation.vector;
    let sigma = Vector3::from_fn(|axis, _| placement.covariance[(axis, axis)].max(0.0).sqrt());
    format!(
        "[{:.3}, {:.3}, {:.3}] ± [{:.3}, {:.3}, {:.3}] m (frame {}, stamp {})",
        p.x, p.y, p.z, sigma.x, sigma.y, sigma.z, placement.frame, placement.stamp
    )
}
