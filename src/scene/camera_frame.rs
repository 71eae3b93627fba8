//! One synchronised set of images from one camera.

use std::sync::Arc;

use image::RgbImage;

use super::{FrameId, InputProblem, LabelImage, Stamp};
use crate::geometry::{DepthMap, Intrinsics};

/// Colour, depth and labels of one moment, all rectified and registered to the same pixels.
#[derive(Clone, Debug)]
pub struct CameraFrame {
    /// Camera name as configured.
    pub camera: Arc<str>,
    /// Stamp of the colour image.
    pub stamp: Stamp,
    /// Frame of the pixels' rays (z forward, x right, y down).
    pub optical_frame: FrameId,
    /// Of the rectified image.
    pub intrinsics: Intrinsics,
    /// Colour, rectified.
    pub image: Arc<RgbImage>,
    /// Depth, or why there is none.
    pub depth: Result<Arc<DepthMap>, InputProblem>,
    /// Seconds from image to depth stamp.
    pub depth_skew_secs: f64,
    /// Instance labels, or why there are none.
    pub labels: Result<Arc<LabelImage>, InputProblem>,
}
