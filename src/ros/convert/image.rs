//! `sensor_msgs/Image` and `sensor_msgs/CompressedImage`. Pixels are moved, not copied.

use image::RgbImage;
use r2r::sensor_msgs::msg;

use super::time::{header as header_msg, stamp};
use crate::scene::{
    FrameId, Stamp,
    raw_message::{CompressedImage, ImageMessage, MessageHeader, RawImage},
};

/// When and in which frame a message was taken.
pub fn header(message: &r2r::std_msgs::msg::Header) -> MessageHeader {
    MessageHeader { stamp: stamp(&message.stamp), frame: FrameId::new(&message.frame_id) }
}

/// An uncompressed image.
pub fn raw_image(message: msg::Image) -> (MessageHeader, ImageMessage) {
    let image = RawImage {
        width_px: message.width,
        height_px: message.height,
        encoding: message.encoding,
        is_bigendian: message.is_bigendian != 0,
        step: message.step,
        bytes: message.data,
    };
    (header(&message.header), image.into())
}

/// A compressed image.
pub fn compressed_image(message: msg::CompressedImage) -> (MessageHeader, ImageMessage) {
    let image = CompressedImage { format: message.format, bytes: message.data };
    (header(&message.header), image.into())
}

/// A picture to be sent, 8 bits each of red, green and blue.
pub fn image_msg(picture: RgbImage, stamp: Stamp, frame: &FrameId) -> msg::Image {
    msg::Image {
        header: header_msg(stamp, frame),
        height: picture.height(),
        width: picture.width(),
        encoding: "rgb8".to_owned(),
        is_bigendian: 0,
        step: picture.width().saturating_mul(3),
        data: picture.into_raw(),
    }
}

#[cfg(test)]
mod tests {
    use r2r::{builtin_interfaces::msg::Time, std_msgs::msg::Header};

    use super::*;

    fn a_header() -> Header {
        Header { stamp: Time { sec: 1, nanosec: 2 }, frame_id: "/front_optical_frame".to_owned() }
    }

    fn expected_header() -> MessageHeader {
        MessageHeader { stamp: Stamp { nanos: 1_000_000_002 }, frame: FrameId::new("front_optical_frame") }
    }

    #[test]
    fn an_image_arrives_whole() {
        let message = msg::Image {
            header: a_header(),
            height: 2,
            width: 3,
            encoding: "16UC1".to_owned(),
            is_bigendian: 1,
            step: 8,
            data: (0..16).collect(),
        };
        let image = RawImage {
            width_px: 3,
            height_px: 2,
            encoding: "16UC1".to_owned(),
            is_bigendian: true,
            step: 8,
            bytes: (0..16).collect(),
        };
        assert_eq!(raw_image(message), (expected_header(), ImageMessage::Raw(image)));
    }

    #[test]
    fn a_compressed_image_arrives_whole() {
        let message = msg::CompressedImage {
            header: a_header(),
            format: "rgb8; jpeg compressed bgr8".to_owned(),
            data: vec![1, 2, 3],
        };
        let image = CompressedImage { format: "rgb8; jpeg compressed bgr8".to_owned(), bytes: vec![1, 2, 3] };
        assert_eq!(compressed_image(message), (expected_header(), ImageMessage::Compressed(image)));
    }

    #[test]
    fn a_picture_goes_out_row_by_row() {
        let picture = RgbImage::from_raw(2, 1, vec![1, 2, 3, 4, 5, 6]).unwrap();
        let message = image_msg(picture, Stamp { nanos: 5 }, &FrameId::new("f"));
        assert_eq!((message.width, message.height, message.step), (2, 1, 6));
        assert_eq!((message.encoding.as_str(), message.data.as_slice()), ("rgb8", &[1, 2, 3, 4, 5, 6][..]));
        assert_eq!(message.header.frame_id, "f");
    }
}
