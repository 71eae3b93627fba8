//! What the robot saw, as ROS messages, so that viewers show it: colour (JPEG), depth (millimetres), calibration and transforms.
//! They are for people; the lossless truth is the snapshot itself.

use super::cdr::CdrWriter;
use crate::{
    geometry::DepthMap,
    scene::{FrameId, Stamp, StampedTransform, View, image_encode},
};

const JPEG_QUALITY: u8 = 90;

macro_rules! rule {
    () => {
        "================================================================================\n"
    };
}
macro_rules! header {
    () => {
        concat!(
            rule!(),
            "MSG: std_msgs/Header\nbuiltin_interfaces/Time stamp\nstring frame_id\n",
            rule!(),
            "MSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n"
        )
    };
}
/// Name and definition of a ROS message.
pub(super) struct RosType {
    pub name: &'static str,
    pub definition: &'static str,
}

pub(super) const COMPRESSED_IMAGE: RosType = RosType {
    name: "sensor_msgs/msg/CompressedImage",
    definition: concat!("std_msgs/Header header\nstring format\nuint8[] data\n", header!()),
};

pub(super) const IMAGE: RosType = RosType {
    name: "sensor_msgs/msg/Image",
    definition: concat!(
        "std_msgs/Header header\nuint32 height\nuint32 width\nstring encoding\nuint8 is_bigendian\nuint32 step\nuint8[] data\n",
        header!()
    ),
};

pub(super) const CAMERA_INFO: RosType = RosType {
    name: "sensor_msgs/msg/CameraInfo",
    definition: concat!(
        "std_msgs/Header header\nuint32 height\nuint32 width\nstring distortion_model\nfloat64[] d\nfloat64[9] k\nfloat64[9] r\n\
         float64[12] p\nuint32 binning_x\nuint32 binning_y\nsensor_msgs/RegionOfInterest roi\n",
        header!(),
        rule!(),
        "MSG: sensor_msgs/RegionOfInterest\nuint32 x_offset\nuint32 y_offset\nuint32 height\nuint32 width\nbool do_rectify\n"
    ),
};

pub(super) const TF_MESSAGE: RosType = RosType {
    name: "tf2_msgs/msg/TFMessage",
    definition: concat!(
        "geometry_msgs/TransformStamped[] transforms\n",
        rule!(),
        "MSG: geometry_msgs/TransformStamped\nstd_msgs/Header header\nstring child_frame_id\ngeometry_msgs/Transform transform\n",
        rule!(),
        "MSG: geometry_msgs/Transform\ngeometry_msgs/Vector3 translation\ngeometry_msgs/Quaternion rotation\n",
        rule!(),
        "MSG: geometry_msgs/Vector3\nfloat64 x\nfloat64 y\nfloat64 z\n",
        rule!(),
        "MSG: geometry_msgs/Quaternion\nfloat64 x\nfloat64 y\nfloat64 z\nfloat64 w\n",
        header!()
    ),
};

fn header(cdr: &mut CdrWriter, stamp: Stamp, frame: &FrameId) {
    let (sec, nanosec) = stamp.to_parts();
    cdr.i32(sec);
    cdr.u32(nanosec);
    cdr.text(frame.as_str());
}

/// Colour as JPEG.
pub(super) fn color(view: &View) -> Option<Vec<u8>> {
    let mut cdr = CdrWriter::new();
    header(&mut cdr, view.stamp, &view.optical_frame);
    cdr.text("jpeg");
    cdr.blob(&jpeg(&view.image)?);
    Some(cdr.finish())
}

/// A picture as JPEG; none when it is too large for that format.
pub(super) fn jpeg(image: &image::RgbImage) -> Option<Vec<u8>> {
    image_encode::jpeg(image, JPEG_QUALITY).ok()
}

/// Depth in whole millimetres, 0 where it is not known or cannot be told.
pub(super) fn depth(view: &View, depth: &DepthMap) -> Vec<u8> {
    let millimetres = |depth_m: &f32| {
        let millimetres = depth_m * 1000.0;
        if millimetres.is_finite() && millimetres <= f32::from(u16::MAX) { millimetres.round() as u16 } else { 0 }
    };
    let bytes: Vec<u8> = depth.depth_m().iter().flat_map(|depth_m| millimetres(depth_m).to_le_bytes()).collect();
    let mut cdr = CdrWriter::new();
    header(&mut cdr, view.stamp, &view.optical_frame);
    cdr.u32(depth.height_px());
    cdr.u32(depth.width_px());
    cdr.text("16UC1");
    cdr.u8(0);
    cdr.u32(depth.width_px() * 2);
    cdr.blob(&bytes);
    cdr.finish()
}

/// Calibration of the rectified image.
pub(super) fn camera_info(view: &View) -> Vec<u8> {
    let lens = &view.intrinsics;
    let (fx, fy, cx, cy) = (lens.fx_px, lens.fy_px, lens.cx_px, lens.cy_px);
    let mut cdr = CdrWriter::new();
    header(&mut cdr, view.stamp, &view.optical_frame);
    cdr.u32(lens.height_px);
    cdr.u32(lens.width_px);
    cdr.text("plumb_bob");
    cdr.u32(5);
    [0.0; 5].into_iter().for_each(|number| cdr.f64(number));
    [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0].into_iter().for_each(|number| cdr.f64(number));
    [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0].into_iter().for_each(|number| cdr.f64(number));
    [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0].into_iter().for_each(|number| cdr.f64(number));
    // Binning in both directions, then the region of interest: none.
    [0; 6].into_iter().for_each(|number| cdr.u32(number));
    cdr.u8(0);
    cdr.finish()
}

/// Transforms.
pub(super) fn transforms(transforms: &[StampedTransform]) -> Vec<u8> {
    let mut cdr = CdrWriter::new();
    cdr.u32(transforms.len() as u32);
    for transform in transforms {
        header(&mut cdr, transform.stamp, &transform.parent);
        cdr.text(transform.child.as_str());
        transform.translation_m.into_iter().for_each(|number| cdr.f64(number));
        transform.rotation_xyzw.into_iter().for_each(|number| cdr.f64(number));
    }
    cdr.finish()
}
