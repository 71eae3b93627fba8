//! From pixels to placed points: where masks meet depth and transforms.
//!
//! Masks are taken whole: the geometry removes pixels that mix two depths by their depth and moves silhouettes to where surfaces end, so
//! that cutting a rim off here would make everything two pixels too small.

use std::sync::Arc;

use nalgebra::Vector3;

use super::{
    Session, ToolContext, ToolError,
    scene::is_room_surface,
    values::{ObjectValue, PointsValue, object::Outline},
};
use crate::{
    error_code::ErrorCode,
    geometry::{Mask, PointCloud, cloud::CameraPlacement, occlusion::outline, surroundings::Surroundings},
    perception::{PerceptionError, Prompt, Segment},
    scene::{FrameId, Sighting, View},
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

/// The points of `view` outside of what `others` leaves out.
///
/// # Errors
/// The view's own problem.
pub fn points_outside(view: &View, fixed_frame: &FrameId, others: &Option<Mask>) -> Result<PointsValue, ToolError> {
    placed(view, fixed_frame, others.as_ref())
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
    let placement = placement(view)?;
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
    let object = ObjectValue::new(&segment.label, segment.instance, points, segment.score, roi);
    let object = object.outlined(outline_of(view, &segment.mask));
    note(context, view, &object);
    Ok(object)
}

/// For the questions to come: things of the newest images, not the room they are in.
fn note(context: &ToolContext, view: &View, object: &ObjectValue) {
    let is_newest = context.snapshot.newest_views().iter().any(|newest| newest.view_idx == view.view_idx);
    if !is_newest || is_room_surface(&object.label) {
        return;
    }
    let roi = object.roi.map_or((0, 0), |roi| (roi.u_min_px, roi.v_min_px));
    let id = format!("{} {roi:?}", object.id());
    let object = object.clone();
    context.snapshot.memory.note(&id, move || sighting(&object));
}

fn sighting(object: &ObjectValue) -> Option<Sighting> {
    let fitted = object.upright_box().ok()?;
    let covariance_m2 = object.covariance().ok()?.fixed_view::<3, 3>(0, 0).into_owned();
    Some(Sighting {
        label: object.label.clone(),
        instance: object.instance,
        camera: object.points.camera.clone(),
        frame: object.points.frame.clone(),
        stamp: object.points.stamp,
        center_m: fitted.center_m,
        yaw_rad: fitted.yaw_rad,
        size_m: Vector3::new(fitted.length.value(), fitted.width.value(), fitted.height.value()),
        covariance_m2,
        n_pixels: object.points.cloud.len(),
        evidence: object.id(),
    })
}

/// Where the outline of a mask is covered, and what is around it; empty when the view has no depth or no place.
pub fn outline_of(view: &View, mask: &Mask) -> Outline {
    let (Ok(depth), Ok(placement)) = (&view.depth, placement(view)) else { return Outline::default() };
    Outline {
        points: outline(depth, mask, &view.intrinsics, &view.depth_noise, &placement).into(),
        labels: view.labels.as_ref().ok().cloned(),
        around: surroundings_of(view, mask),
    }
}

/// What the image measured around a mask; `None` when the view has no depth or no place.
pub fn surroundings_of(view: &View, mask: &Mask) -> Option<Surroundings> {
    let (depth, placement) = (view.depth.as_ref().ok()?, placement(view).ok()?);
    Some(Surroundings::new(depth, mask, &view.intrinsics, &view.depth_noise, &placement))
}

/// Where a view's camera stood.
///
/// # Errors
/// Why its place is not known.
pub fn placement(view: &View) -> Result<CameraPlacement, ToolError> {
    let posed = view.posed.as_ref().map_err(|problem| ToolError::from(problem.clone()))?;
    Ok(CameraPlacement {
        target_from_camera: posed.fixed_from_camera,
        pose_sigma: posed.sigma,
        view_id: view.view_idx as u64,
    })
}

/// `mug#5`.
pub fn segment_name(segment: &Segment) -> String {
    match segment.instance {
        Some(instance) => format!("{}#{instance}", segment.label),
        None => segment.label.clone(),
    }
}
