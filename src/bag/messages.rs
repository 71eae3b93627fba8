//! The ROS messages that carry what a robot sees, from CDR into the types of [`crate::scene`].

use crate::scene::{
    FrameId, ImuSample, InputProblem, LabelNames, Stamp, StampedTransform,
    raw_message::{CompressedImage, ImageMessage, MessageHeader, RawCameraInfo, RawImage, RegionOfInterest},
};

use super::cdr::{CdrError, CdrReader};

/// A type of message that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageType {
    /// `sensor_msgs/msg/Image`.
    Image,
    /// `sensor_msgs/msg/CompressedImage`.
    CompressedImage,
    /// `sensor_msgs/msg/CameraInfo`.
    CameraInfo,
    /// `spatialclaw/msg/LabelNames`.
    LabelNames,
    /// `tf2_msgs/msg/TFMessage`.
    Transforms,
    /// `sensor_msgs/msg/Imu`.
    Imu,
}

impl MessageType {
    /// By its name in ROS 2.
    pub fn from_name(name: &str) -> Option<MessageType> {
        Some(match name {
            "sensor_msgs/msg/Image" => MessageType::Image,
            "sensor_msgs/msg/CompressedImage" => MessageType::CompressedImage,
            "sensor_msgs/msg/CameraInfo" => MessageType::CameraInfo,
            "spatialclaw/msg/LabelNames" => MessageType::LabelNames,
            "tf2_msgs/msg/TFMessage" => MessageType::Transforms,
            "sensor_msgs/msg/Imu" => MessageType::Imu,
            _ => return None,
        })
    }

    /// Whether it carries pixels.
    pub fn is_image(self) -> bool {
        matches!(self, MessageType::Image | MessageType::CompressedImage)
    }
}

/// Stamp and frame alone, of a message that begins with a header.
///
/// # Errors
/// [`CdrError`].
pub fn header_of(message: &[u8]) -> Result<MessageHeader, CdrError> {
    header(&mut CdrReader::new(message)?)
}

/// An image.
///
/// # Errors
/// [`CdrError`].
pub fn image(kind: MessageType, message: &[u8]) -> Result<(MessageHeader, ImageMessage), CdrError> {
    let mut cdr = CdrReader::new(message)?;
    let header = header(&mut cdr)?;
    if kind == MessageType::CompressedImage {
        let format = cdr.text()?;
        return Ok((header, CompressedImage { format, bytes: cdr.blob()?.to_vec() }.into()));
    }
    let (height_px, width_px, encoding) = (cdr.u32()?, cdr.u32()?, cdr.text()?);
    let (is_bigendian, step) = (cdr.u8()? != 0, cdr.u32()?);
    Ok((header, RawImage { width_px, height_px, encoding, is_bigendian, step, bytes: cdr.blob()?.to_vec() }.into()))
}

/// A calibration.
///
/// # Errors
/// [`CdrError`].
pub fn camera_info(message: &[u8]) -> Result<(MessageHeader, RawCameraInfo), CdrError> {
    let mut cdr = CdrReader::new(message)?;
    let header = header(&mut cdr)?;
    let (height_px, width_px) = (cdr.u32()?, cdr.u32()?);
    let info = RawCameraInfo {
        width_px,
        height_px,
        distortion_model: cdr.text()?,
        d: cdr.sequence(8, CdrReader::f64)?,
        k: cdr.values(CdrReader::f64)?,
        r: cdr.values(CdrReader::f64)?,
        p: cdr.values(CdrReader::f64)?,
        binning: [cdr.u32()?, cdr.u32()?],
        roi: region(&mut cdr)?,
    };
    Ok((header, info))
}

fn region(cdr: &mut CdrReader<'_>) -> Result<RegionOfInterest, CdrError> {
    let (u_px, v_px) = (cdr.u32()?, cdr.u32()?);
    let (height_px, width_px) = (cdr.u32()?, cdr.u32()?);
    Ok(RegionOfInterest { u_px, v_px, width_px, height_px })
}

/// Transforms.
///
/// # Errors
/// [`CdrError`].
pub fn transforms(message: &[u8]) -> Result<Vec<StampedTransform>, CdrError> {
    // Stamp, two texts that may be empty, and seven numbers.
    const MIN_BYTES: usize = 8 + 8 + 56;
    CdrReader::new(message)?.sequence(MIN_BYTES, |cdr| {
        let MessageHeader { stamp, frame: parent } = header(cdr)?;
        let child = FrameId::new(&cdr.text()?);
        let translation_m = cdr.values(CdrReader::f64)?;
        let rotation_xyzw = cdr.values(CdrReader::f64)?;
        Ok(StampedTransform { parent, child, stamp, translation_m, rotation_xyzw })
    })
}

/// Names of label values.
///
/// # Errors
/// [`CdrError`]; inside, what [`LabelNames::from_lists`] refuses.
pub fn label_names(message: &[u8]) -> Result<Result<LabelNames, InputProblem>, CdrError> {
    let mut cdr = CdrReader::new(message)?;
    header(&mut cdr)?;
    let ids = cdr.sequence(4, CdrReader::u32)?;
    let names = cdr.sequence(4, CdrReader::text)?;
    let scores = cdr.sequence(4, CdrReader::f32)?;
    Ok(LabelNames::from_lists(ids, names, scores))
}

/// What an IMU felt.
///
/// # Errors
/// [`CdrError`]; inside, what [`ImuSample::from_message`] refuses.
pub fn imu(message: &[u8]) -> Result<Result<ImuSample, InputProblem>, CdrError> {
    let mut cdr = CdrReader::new(message)?;
    let header = header(&mut cdr)?;
    let _orientation: ([f64; 4], [f64; 9]) = (cdr.values(CdrReader::f64)?, cdr.values(CdrReader::f64)?);
    let (rate, rate_covariance): ([f64; 3], [f64; 9]) = (cdr.values(CdrReader::f64)?, cdr.values(CdrReader::f64)?);
    let (force, force_covariance): ([f64; 3], [f64; 9]) = (cdr.values(CdrReader::f64)?, cdr.values(CdrReader::f64)?);
    Ok(ImuSample::from_message(header, (force, &force_covariance), (rate, &rate_covariance)))
}

fn header(cdr: &mut CdrReader<'_>) -> Result<MessageHeader, CdrError> {
    let stamp = Stamp::from_parts(cdr.i32()?, cdr.u32()?);
    Ok(MessageHeader { stamp, frame: FrameId::new(&cdr.text()?) })
}
