//! Whether images fit on top of each other.

use super::{CameraConfig, InputProblem, camera_model::CameraModel, frame_buffer::BufferedImage};
use crate::error_code::ErrorCode;

/// Depth must have the size and optical frame of colour.
///
/// # Errors
/// `DEPTH_NOT_REGISTERED` with both sizes or frames.
pub(super) fn check_depth_registered(
    color: &BufferedImage,
    depth: &BufferedImage,
    camera: &CameraConfig,
) -> Result<(), InputProblem> {
    let (image_topic, topic) = (&camera.image_topic, &camera.depth_topic);
    same_pixels(color, depth, ErrorCode::DepthNotRegistered, format!("depth on \"{topic}\""), image_topic)
}

/// Labels must have the size and optical frame of colour.
///
/// # Errors
/// `BAD_INPUT` with both sizes or frames.
pub(super) fn check_labels_registered(
    color: &BufferedImage,
    labels: &BufferedImage,
    camera: &CameraConfig,
) -> Result<(), InputProblem> {
    let (image_topic, topic) = (&camera.image_topic, &camera.labels_topic);
    same_pixels(color, labels, ErrorCode::BadInput, format!("label image on \"{topic}\""), image_topic)
}

/// Colour must have the size and optical frame that the calibration speaks of.
///
/// # Errors
/// `UNSUPPORTED_CALIBRATION` with both sizes or frames.
pub(super) fn check_calibrated(
    color: &BufferedImage,
    model: &CameraModel,
    camera: &CameraConfig,
) -> Result<(), InputProblem> {
    let problem = |message| Err(InputProblem { code: ErrorCode::UnsupportedCalibration, message });
    let (image_topic, topic) = (&camera.image_topic, &camera.camera_info_topic);
    if model.image_size != color.size {
        let (found, expected) = (model.image_size, color.size);
        return problem(format!(
            "calibration on \"{topic}\" is for {found}, the image on \"{image_topic}\" is {expected}"
        ));
    }
    if model.frame != color.frame {
        let (found, expected) = (&model.frame, &color.frame);
        return problem(format!(
            "calibration on \"{topic}\" is of frame \"{found}\", the image on \"{image_topic}\" is in \"{expected}\""
        ));
    }
    Ok(())
}

fn same_pixels(
    color: &BufferedImage,
    other: &BufferedImage,
    code: ErrorCode,
    subject: String,
    image_topic: &str,
) -> Result<(), InputProblem> {
    let problem = |message| Err(InputProblem { code, message });
    if other.size != color.size {
        return problem(format!("{subject} is {}, colour on \"{image_topic}\" is {}", other.size, color.size));
    }
    if other.frame != color.frame {
        let (found, expected) = (&other.frame, &color.frame);
        return problem(format!("{subject} is in frame \"{found}\", colour on \"{image_topic}\" is in \"{expected}\""));
    }
    Ok(())
}
