//! From pixels to placed points: where masks meet depth and transforms.
//!
//! Masks are taken whole: the geometry removes pixels that mix two depths by their depth and moves silhouettes to where surfaces end, so
//! that cutting a rim off here would make everything two pixels too small.

use std::sync::Arc;

use super::{
    Session, ToolError,
    values::{ObjectValue, PointsValue},
};
use crate::{
    error_code::ErrorCode,
    geometry::{Mask, PointCloud, cloud::CameraPlacement},
    perception::{PerceptionError, Prompt, Segment},
    scene::{FrameId, View},
};

/// The points of `view` under `mask`, in the fixed frame.
///
/// # Errors
/// The view's own problem; `OUT_OF_RANGE` when fewer than `min_pixels` have depth that is trusted, though enough have depth;
/// `TOO_FEW_PIXELS` when fewer have any.
pub fn points_under(
    view: &View,
    fixed_frame: &FrameId,
    mask: &Mask,
    name: &str,
    min_pixels: usize,
) -> Result<PointsValue, ToolError> {
    let points = placed(view, fixed_frame, Some(mask))?;
    let found = points.cloud.len();
    if found < min_pixels {
        let (min_m, max_m) = view.depth_range_m;
        let (n_nearer, n_farther) = untrusted(view, mask);
        if found + n_nearer + n_farther >= min_pixels {
            return Err(ToolError::new(
                ErrorCode::OutOfRange,
                format!(
                    "{name} has {n_nearer} pixels nearer than {min_m:.2} m and {n_farther} farther than {max_m:.2} m, \
                     outside the depth range that is trusted, and {found} within it; at least {min_pixels} are needed in \
                     camera {} at {}",
                    view.camera, view.stamp
                ),
            ));
        }
        return Err(ToolError::new(
            ErrorCode::TooFewPixels,
            format!(
                "{name} has {found} pixels with depth between {min_m:.2} and {max_m:.2} m, at least {min_pixels} \
                 are needed; its mask has {} pixels in camera {} at {}",
                mask.n_pixels(),
                view.camera,
                view.stamp
            ),
        ));
    }
    Ok(points)
}

/// All points of `view` with depth, in the fixed frame.
///
/// # Errors
/// The view's own problem.
pub fn all_points(view: &View, fixed_frame: &FrameId) -> Result<PointsValue, ToolError> {
    placed(view, fixed_frame, None)
}

/// How many pixels under `mask` are nearer, and how many farther, than the depth range that is trusted.
fn untrusted(view: &View, mask: &Mask) -> (usize, usize) {
    let Ok(depth) = &view.depth else { return (0, 0) };
    let under = || depth.depth_m().iter().zip(mask.as_slice()).filter(|(_, set)| **set).map(|(depth_m, _)| *depth_m);
    let count = |wanted: f32| under().filter(|depth_m| *depth_m == wanted).count();
    (count(f32::NEG_INFINITY), count(f32::INFINITY))
}

fn placed(view: &View, fixed_frame: &FrameId, mask: Option<&Mask>) -> Result<PointsValue, ToolError> {
    let depth = view.depth.as_ref().map_err(|problem| ToolError::from(problem.clone()))?;
    let posed = view.posed.as_ref().map_err(|problem| ToolError::from(problem.clone()))?;
    let placement = CameraPlacement {
        target_from_camera: posed.fixed_from_camera,
        pose_sigma: posed.sigma,
        view_id: view.view_idx as u64,
    };
    Ok(PointsValue {
        cloud: PointCloud::from_depth(depth, mask, &view.intrinsics, &view.depth_noise, &placement),
        frame: fixed_frame.clone(),
        stamp: view.stamp,
        camera: view.camera.clone(),
        view_idx: view.view_idx,
    })
}

/// Segments of one view.
///
/// # Errors
/// When the segmenter could not look, or does not take this kind of prompt.
pub fn segments(session: &Session, view: &View, prompt: &Prompt) -> Result<Vec<Segment>, ToolError> {
    let segmenter = &session.context.perception.segmenter;
    if !segmenter.takes().contains(&prompt.kind()) {
        return Err(PerceptionError::unsupported(segmenter.as_ref(), prompt.kind()).into());
    }
    Ok(segmenter.segment(view, prompt)?)
}

/// The object that a segment shows.
///
/// # Errors
/// See [`points_under`].
pub fn object_of(session: &Arc<Session>, view: &View, segment: &Segment) -> Result<ObjectValue, ToolError> {
    let context = &session.context;
    let name = segment_name(segment);
    let fixed_frame = &context.snapshot.fixed_frame;
    let points = points_under(view, fixed_frame, &segment.mask, &name, context.min_object_pixels)?;
    let roi = segment.mask.bounding_box();
    Ok(ObjectValue::new(&segment.label, segment.instance, points, segment.score, roi))
}

/// `mug#5`.
pub fn segment_name(segment: &Segment) -> String {
    match segment.instance {
        Some(instance) => format!("{}#{instance}", segment.label),
        None => segment.label.clone(),
    }
}
