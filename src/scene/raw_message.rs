//! Messages as received, before anything in them is trusted. They mirror `std_msgs/Header`, `sensor_msgs/Image`,
//! `sensor_msgs/CompressedImage` and `sensor_msgs/CameraInfo` field by field.

use super::{FrameId, Stamp};

/// When and where a message was taken.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageHeader {
    /// Zero when the publisher left it out.
    pub stamp: Stamp,
    /// Empty when the publisher left it out.
    pub frame: FrameId,
}

/// An uncompressed image.
#[derive(Clone, Debug, PartialEq)]
pub struct RawImage {
    /// Columns.
    pub width_px: u32,
    /// Rows.
    pub height_px: u32,
    /// Such as `rgb8` or `16UC1`.
    pub encoding: String,
    /// Byte order of values wider than a byte.
    pub is_bigendian: bool,
    /// Bytes from one row to the next.
    pub step: u32,
    /// Rows, top to bottom.
    pub bytes: Vec<u8>,
}

/// A compressed image.
#[derive(Clone, Debug, PartialEq)]
pub struct CompressedImage {
    /// Such as `jpeg`, `rgb8; png compressed bgr8` or `16UC1; compressedDepth png`.
    pub format: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// An image in either packing.
#[derive(Clone, Debug, PartialEq)]
pub enum ImageMessage {
    /// `sensor_msgs/Image`.
    Raw(RawImage),
    /// `sensor_msgs/CompressedImage`.
    Compressed(CompressedImage),
}

impl ImageMessage {
    /// Bytes of image data.
    pub fn n_bytes(&self) -> usize {
        match self {
            ImageMessage::Raw(image) => image.bytes.len(),
            ImageMessage::Compressed(image) => image.bytes.len(),
        }
    }
}

impl From<RawImage> for ImageMessage {
    fn from(image: RawImage) -> Self {
        ImageMessage::Raw(image)
    }
}

impl From<CompressedImage> for ImageMessage {
    fn from(image: CompressedImage) -> Self {
        ImageMessage::Compressed(image)
    }
}

/// A camera's calibration.
#[derive(Clone, Debug, PartialEq)]
pub struct RawCameraInfo {
    /// Columns of the full sensor image.
    pub width_px: u32,
    /// Rows of the full sensor image.
    pub height_px: u32,
    /// Such as `plumb_bob`.
    pub distortion_model: String,
    /// Distortion coefficients.
    pub d: Vec<f64>,
    /// Intrinsics of the raw image, 3×3 row-major.
    pub k: [f64; 9],
    /// Rectification, 3×3 row-major.
    pub r: [f64; 9],
    /// Projection of the rectified image, 3×4 row-major.
    pub p: [f64; 12],
    /// Sensor pixels that make one image pixel, along u and v; 0 means 1.
    pub binning: [u32; 2],
    /// Part of the sensor that was read; all zero means all of it.
    pub roi: RegionOfInterest,
}

/// `sensor_msgs/RegionOfInterest`, in full-resolution pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegionOfInterest {
    /// Leftmost column.
    pub u_px: u32,
    /// Topmost row.
    pub v_px: u32,
    /// Columns; 0 means all.
    pub width_px: u32,
    /// Rows; 0 means all.
    pub height_px: u32,
}
