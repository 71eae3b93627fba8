//! `sensor_msgs/CameraInfo`.

use r2r::sensor_msgs::msg::CameraInfo;

use super::image::header;
use crate::{
    error_code::ErrorCode,
    scene::{
        InputProblem,
        raw_message::{MessageHeader, RawCameraInfo, RegionOfInterest},
    },
};

/// A calibration.
///
/// # Errors
/// [`ErrorCode::BadInput`] when K, R or P has a wrong number of entries.
pub fn camera_info(message: CameraInfo) -> Result<(MessageHeader, RawCameraInfo), InputProblem> {
    let calibration = RawCameraInfo {
        width_px: message.width,
        height_px: message.height,
        distortion_model: message.distortion_model,
        d: message.d,
        k: matrix("K", message.k)?,
        r: matrix("R", message.r)?,
        p: matrix("P", message.p)?,
        binning: [message.binning_x, message.binning_y],
        roi: RegionOfInterest {
            u_px: message.roi.x_offset,
            v_px: message.roi.y_offset,
            width_px: message.roi.width,
            height_px: message.roi.height,
        },
    };
    Ok((header(&message.header), calibration))
}

fn matrix<const N: usize>(name: &str, entries: Vec<f64>) -> Result<[f64; N], InputProblem> {
    entries.try_into().map_err(|entries: Vec<f64>| InputProblem {
        code: ErrorCode::BadInput,
        message: format!("camera_info has {} entries in {name}, expected {N}", entries.len()),
    })
}

#[cfg(test)]
mod tests {
    use r2r::sensor_msgs::msg::RegionOfInterest as RoiMsg;

    use super::*;
    use crate::scene::FrameId;

    fn message() -> CameraInfo {
        let mut message = CameraInfo::default();
        message.header.frame_id = "front_optical_frame".to_owned();
        CameraInfo {
            height: 480,
            width: 640,
            distortion_model: "plumb_bob".to_owned(),
            d: vec![0.1, 0.0, 0.0, 0.0, 0.0],
            k: (0..9).map(f64::from).collect(),
            r: (10..19).map(f64::from).collect(),
            p: (20..32).map(f64::from).collect(),
            binning_x: 2,
            binning_y: 1,
            roi: RoiMsg { x_offset: 4, y_offset: 8, height: 200, width: 300, do_rectify: true },
            ..message
        }
    }

    #[test]
    fn every_field_arrives() {
        let (header, info) = camera_info(message()).unwrap();
        assert_eq!(header.frame, FrameId::new("front_optical_frame"));
        let expected = RawCameraInfo {
            width_px: 640,
            height_px: 480,
            distortion_model: "plumb_bob".to_owned(),
            d: vec![0.1, 0.0, 0.0, 0.0, 0.0],
            k: std::array::from_fn(|i| i as f64),
            r: std::array::from_fn(|i| i as f64 + 10.0),
            p: std::array::from_fn(|i| i as f64 + 20.0),
            binning: [2, 1],
            roi: RegionOfInterest { u_px: 4, v_px: 8, width_px: 300, height_px: 200 },
        };
        assert_eq!(info, expected);
    }

    #[test]
    fn a_matrix_of_wrong_length_is_bad_input() {
        let problem = camera_info(CameraInfo { p: vec![0.0; 9], ..message() }).unwrap_err();
        assert_eq!(problem.code, ErrorCode::BadInput);
        assert_eq!(problem.message, "camera_info has 9 entries in P, expected 12");
    }
}
