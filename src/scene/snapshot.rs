//! The immutable world of one question.

use std::sync::Arc;

use image::RgbImage;
use nalgebra::Isometry3;
use serde::{Deserialize, Serialize};

use super::{FrameId, ImuSample, LabelImage, MemoryView, Stamp, TransformSet};
use crate::{
    error_code::ErrorCode,
    geometry::{DepthMap, DepthNoise, Intrinsics, PoseSigma},
};

/// Something about the input that keeps a question from being answered: names the topic or frame and the values found.
#[derive(Clone, Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct InputProblem {
    /// The refusal it leads to.
    pub code: ErrorCode,
    /// Found and expected values, then topic or frame.
    pub message: String,
}

/// Where a camera stood at an image's stamp.
#[derive(Clone, Debug, PartialEq)]
pub struct PosedCamera {
    /// Maps optical coordinates into the fixed frame at the image's stamp.
    pub fixed_from_camera: Isometry3<f64>,
    /// From calibration, interpolation and motion during the stamp's uncertainty.
    pub sigma: PoseSigma,
}

/// A [`super::CameraFrame`] with its place in the fixed frame.
#[derive(Clone, Debug)]
pub struct View {
    /// Camera name as configured.
    pub camera: Arc<str>,
    /// Position in [`Snapshot::views`].
    pub view_idx: usize,
    /// Stamp of the colour image.
    pub stamp: Stamp,
    /// Frame of the pixels' rays.
    pub optical_frame: FrameId,
    /// Of the rectified image.
    pub intrinsics: Intrinsics,
    /// Noise of this camera's depth.
    pub depth_noise: DepthNoise,
    /// Depth range that is trusted, metres; values outside are infinite in `depth`.
    pub depth_range_m: (f64, f64),
    /// Colour, rectified.
    pub image: Arc<RgbImage>,
    /// Depth, or why there is none.
    pub depth: Result<Arc<DepthMap>, InputProblem>,
    /// Labels, or why there are none.
    pub labels: Result<Arc<LabelImage>, InputProblem>,
    /// Placement, or why it is not known.
    pub posed: Result<PosedCamera, InputProblem>,
}

/// What one question can see. Views are in order of stamp, oldest first.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// ROS time at which it was taken.
    pub taken_at: Stamp,
    /// Frame in which measurements are made; +z is up.
    pub fixed_frame: FrameId,
    /// The robot's body frame (REP-105 `base_link`).
    pub robot_frame: FrameId,
    /// At least one.
    pub views: Vec<View>,
    /// Every buffered transform at that moment.
    pub transforms: TransformSet,
    /// One standard deviation of a transform lookup, as configured.
    pub tf_sigma: PoseSigma,
    /// What earlier questions measured.
    pub memory: MemoryView,
    /// Buffered samples of the IMU, oldest first; empty without one.
    pub imu: Arc<[ImuSample]>,
}

impl Snapshot {
    /// The newest view of each camera, newest first.
    pub fn newest_views(&self) -> Vec<&View> {
        let mut newest: Vec<&View> = Vec::new();
        for view in self.views.iter().rev() {
            if !newest.iter().any(|seen| seen.camera == view.camera) {
                newest.push(view);
            }
        }
        newest
    }
}
