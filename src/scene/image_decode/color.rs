//! Colour images.

use image::{DynamicImage, ImageFormat, RgbImage};

use super::{
    ImageError, ImageSize,
    bayer::{Mosaic, demosaiced},
    layout::{check_layout, read_u16, rows},
    packed::PackedFile,
};
use crate::scene::raw_message::{CompressedImage, ImageMessage, RawImage};

const SUPPORTED: &[&str] = &[
    "rgb8",
    "bgr8",
    "rgba8",
    "bgra8",
    "mono8",
    "mono16",
    "8UC1",
    "8UC3",
    "8UC4",
    "yuv422",
    "yuv422_yuy2",
    "bayer_rggb8",
    "bayer_bggr8",
    "bayer_gbrg8",
    "bayer_grbg8",
    "jpeg",
    "png",
];
const FILES: &[ImageFormat] = &[ImageFormat::Jpeg, ImageFormat::Png];

#[derive(Clone, Copy)]
enum Packing {
    /// Positions of red, green and blue among so many bytes.
    Channels {
        bytes: u32,
        rgb: [usize; 3],
    },
    Gray16,
    /// Positions of the first luma, second luma, U and V among four bytes.
    Yuv422([usize; 4]),
    Bayer(Mosaic),
}

impl Packing {
    /// The order of channels in the `8UC` encodings is OpenCV's, as rviz takes it.
    fn from_encoding(encoding: &str) -> Result<Packing, ImageError> {
        let channels = |bytes, rgb| Ok(Packing::Channels { bytes, rgb });
        match encoding {
            "rgb8" => channels(3, [0, 1, 2]),
            "bgr8" | "8UC3" => channels(3, [2, 1, 0]),
            "rgba8" => channels(4, [0, 1, 2]),
            "bgra8" | "8UC4" => channels(4, [2, 1, 0]),
            "mono8" | "8UC1" => channels(1, [0, 0, 0]),
            "mono16" => Ok(Packing::Gray16),
            "yuv422" | "uyvy" => Ok(Packing::Yuv422([1, 3, 0, 2])),
            "yuv422_yuy2" | "yuyv" => Ok(Packing::Yuv422([0, 2, 1, 3])),
            _ => Mosaic::from_encoding(encoding).map(Packing::Bayer).ok_or_else(|| ImageError::Encoding {
                purpose: "colour",
                found: encoding.to_owned(),
                supported: SUPPORTED,
            }),
        }
    }

    fn bytes_per_pixel(self) -> u32 {
        match self {
            Packing::Channels { bytes, .. } => bytes,
            Packing::Gray16 | Packing::Yuv422(_) => 2,
            Packing::Bayer(_) => 1,
        }
    }
}

/// Size by the headers, without decoding.
///
/// # Errors
/// [`ImageError`].
pub fn check_color(message: &ImageMessage, max_pixels: u64) -> Result<ImageSize, ImageError> {
    match message {
        ImageMessage::Raw(image) => checked(image, max_pixels).map(|(size, _)| size),
        ImageMessage::Compressed(image) => PackedFile::new(image, FILES).size(max_pixels),
    }
}

/// The picture, H×W.
///
/// # Errors
/// [`ImageError`].
pub fn decode_color(message: &ImageMessage, max_pixels: u64) -> Result<RgbImage, ImageError> {
    match message {
        ImageMessage::Raw(image) => decode_raw(image, max_pixels),
        ImageMessage::Compressed(image) => decode_file(image, max_pixels),
    }
}

fn checked(image: &RawImage, max_pixels: u64) -> Result<(ImageSize, Packing), ImageError> {
    let packing = Packing::from_encoding(&image.encoding)?;
    let size = check_layout(image, packing.bytes_per_pixel(), max_pixels)?;
    let shape = |needs| ImageError::Shape { size, encoding: image.encoding.clone(), needs };
    match packing {
        Packing::Yuv422(_) if size.width_px % 2 != 0 => Err(shape("an even width")),
        Packing::Bayer(_) if size.width_px < 2 || size.height_px < 2 => Err(shape("at least 2x2 px")),
        _ => Ok((size, packing)),
    }
}

fn decode_raw(image: &RawImage, max_pixels: u64) -> Result<RgbImage, ImageError> {
    let (size, packing) = checked(image, max_pixels)?;
    let mut rgb = Vec::with_capacity(size.n_pixels() as usize * 3);
    let rows = rows(image, packing.bytes_per_pixel());
    match packing {
        Packing::Channels { bytes: 3, rgb: [0, 1, 2] } => rows.for_each(|row| rgb.extend_from_slice(row)),
        Packing::Channels { bytes, rgb: places } => {
            for pixel in rows.flat_map(|row| row.chunks_exact(bytes as usize)) {
                rgb.extend(places.map(|place| pixel.get(place).copied().unwrap_or(0)));
            }
        }
        Packing::Gray16 => {
            for pixel in rows.flat_map(|row| row.chunks_exact(2)) {
                rgb.extend([(read_u16(pixel, image.is_bigendian) >> 8) as u8; 3]);
            }
        }
        Packing::Yuv422(places) => {
            for pair in rows.flat_map(|row| row.chunks_exact(4)) {
                let [first, second, u, v] = places.map(|place| pair.get(place).copied().unwrap_or(0));
                rgb.extend(yuv_to_rgb(first, u, v));
                rgb.extend(yuv_to_rgb(second, u, v));
            }
        }
        Packing::Bayer(mosaic) => {
            let gray: Vec<u8> = rows.flatten().copied().collect();
            let found = gray.len();
            return demosaiced(&gray, size.width_px, size.height_px, mosaic)
                .ok_or_else(|| truncated(image, size, found));
        }
    }
    let found = rgb.len() / 3;
    RgbImage::from_raw(size.width_px, size.height_px, rgb).ok_or_else(|| truncated(image, size, found))
}

fn truncated(image: &RawImage, size: ImageSize, found: usize) -> ImageError {
    ImageError::Truncated { found, expected: size.n_pixels(), size, encoding: image.encoding.clone() }
}

/// ITU-R BT.601 with luma in 16..=235, as OpenCV and cv_bridge convert.
fn yuv_to_rgb(y: u8, u: u8, v: u8) -> [u8; 3] {
    let (y, u, v) = ((f32::from(y) - 16.0) * 1.164, f32::from(u) - 128.0, f32::from(v) - 128.0);
    [y + 1.596 * v, y - 0.813 * v - 0.391 * u, y + 2.018 * u].map(|channel| channel.round().clamp(0.0, 255.0) as u8)
}

fn decode_file(message: &CompressedImage, max_pixels: u64) -> Result<RgbImage, ImageError> {
    let decoded = PackedFile::new(message, FILES).decoded(max_pixels)?;
    // image_transport compresses a mosaic as it stands and says so in the format's first word.
    let source = message.format.split(';').next().unwrap_or_default().trim();
    if let (DynamicImage::ImageLuma8(gray), Some(mosaic)) = (&decoded, Mosaic::from_encoding(source)) {
        let size = ImageSize { width_px: gray.width(), height_px: gray.height() };
        let error = || ImageError::Shape { size, encoding: source.to_owned(), needs: "at least 2x2 px" };
        return demosaiced(gray.as_raw(), size.width_px, size.height_px, mosaic).ok_or_else(error);
    }
    Ok(decoded.into_rgb8())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::image_decode::DEFAULT_MAX_PIXELS;

    fn raw(encoding: &str, width_px: u32, height_px: u32, step: u32, bytes: &[u8]) -> RawImage {
        RawImage {
            width_px,
            height_px,
            encoding: encoding.to_owned(),
            is_bigendian: false,
            step,
            bytes: bytes.to_vec(),
        }
    }

    fn pixels(image: RawImage) -> Vec<[u8; 3]> {
        decode_color(&image.into(), DEFAULT_MAX_PIXELS).unwrap().pixels().map(|pixel| pixel.0).collect()
    }

    #[test]
    fn each_encoding_gives_its_colours() {
        let check = |encoding, bytes: &[u8], expected: &[[u8; 3]]| {
            let step = bytes.len() as u32;
            assert_eq!(pixels(raw(encoding, 2, 1, step, bytes)), expected, "{encoding}");
        };
        let (a, b) = ([1, 2, 3], [4, 5, 6]);
        check("rgb8", &[1, 2, 3, 4, 5, 6], &[a, b]);
        check("bgr8", &[3, 2, 1, 6, 5, 4], &[a, b]);
        check("8UC3", &[3, 2, 1, 6, 5, 4], &[a, b]);
        check("rgba8", &[1, 2, 3, 99, 4, 5, 6, 99], &[a, b]);
        check("bgra8", &[3, 2, 1, 99, 6, 5, 4, 99], &[a, b]);
        check("8UC4", &[3, 2, 1, 99, 6, 5, 4, 99], &[a, b]);
        check("mono8", &[7, 8], &[[7; 3], [8; 3]]);
        check("8UC1", &[7, 8], &[[7; 3], [8; 3]]);
        check("mono16", &[0xff, 7, 0, 8], &[[7; 3], [8; 3]]);
        // Black, white and the primaries of BT.601 with luma 16..=235.
        check("yuv422", &[128, 16, 128, 235], &[[0; 3], [255; 3]]);
        check("yuv422_yuy2", &[16, 128, 235, 128], &[[0; 3], [255; 3]]);
        check("yuv422", &[90, 82, 240, 82], &[[255, 1, 0], [255, 1, 0]]);
        check("yuv422_yuy2", &[41, 240, 41, 110], &[[0, 0, 255], [0, 0, 255]]);
    }

    #[test]
    fn byte_order_and_row_padding_are_respected() {
        let mut image = raw("mono16", 1, 2, 4, &[7, 0xff, 9, 9, 8, 0]);
        image.is_bigendian = true;
        assert_eq!(pixels(image), [[7; 3], [8; 3]]);
        assert_eq!(pixels(raw("rgb8", 1, 2, 5, &[1, 2, 3, 9, 9, 4, 5, 6, 9, 9])), [[1, 2, 3], [4, 5, 6]]);
        assert_eq!(
            pixels(raw("bayer_rggb8", 2, 2, 3, &[10, 20, 9, 40, 30, 9])),
            [[10, 30, 30], [10, 20, 30], [10, 40, 30], [10, 30, 30]]
        );
    }

    #[test]
    fn what_cannot_be_read_is_said_with_found_and_expected() {
        let check = |image: RawImage, expected: &str| {
            let message = image.into();
            let error = decode_color(&message, 100).unwrap_err();
            assert_eq!(check_color(&message, 100), Err(error.clone()));
            assert_eq!(error.to_string(), expected);
        };
        check(
            raw("32FC3", 1, 1, 12, &[0; 12]),
            "encoding of the colour image is \"32FC3\", supported are rgb8, bgr8, rgba8, bgra8, mono8, mono16, 8UC1, 8UC3, \
             8UC4, yuv422, yuv422_yuy2, bayer_rggb8, bayer_bggr8, bayer_gbrg8, bayer_grbg8, jpeg, png",
        );
        check(raw("rgb8", 0, 4, 12, &[]), "image size is 0x4 px, both must be positive");
        check(raw("rgb8", 11, 10, 33, &[]), "image size is 11x10 px, at most 100 pixels are allowed");
        check(raw("rgb8", 4, 2, 8, &[0; 24]), "row step is 8 bytes, a row of 4x2 px in \"rgb8\" has 12");
        check(raw("rgb8", 4, 2, 12, &[0; 23]), "image has 23 bytes of data, 4x2 px in \"rgb8\" needs 24");
        check(raw("yuv422", 3, 1, 6, &[0; 6]), "image size is 3x1 px, encoding \"yuv422\" needs an even width");
        check(
            raw("bayer_rggb8", 4, 1, 4, &[0; 4]),
            "image size is 4x1 px, encoding \"bayer_rggb8\" needs at least 2x2 px",
        );
    }

    fn file(image: &DynamicImage, format: ImageFormat, text: &str) -> ImageMessage {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        CompressedImage { format: text.to_owned(), bytes: bytes.into_inner() }.into()
    }

    #[test]
    fn files_are_read_by_their_content() {
        let picture = RgbImage::from_fn(16, 8, |_, v| image::Rgb(if v < 4 { [250, 10, 10] } else { [10, 10, 250] }));
        let png = file(&DynamicImage::ImageRgb8(picture.clone()), ImageFormat::Png, "rgb8; png compressed bgr8");
        assert_eq!(decode_color(&png, 128).unwrap(), picture);
        let jpeg = file(&DynamicImage::ImageRgb8(picture.clone()), ImageFormat::Jpeg, "jpeg");
        let decoded = decode_color(&jpeg, 128).unwrap();
        let worst = decoded.as_raw().iter().zip(picture.as_raw()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(worst < 16, "{worst}");
        assert_eq!(check_color(&jpeg, 128).unwrap(), ImageSize { width_px: 16, height_px: 8 });
        assert_eq!(
            decode_color(&jpeg, 127).unwrap_err().to_string(),
            "image size is 16x8 px, at most 127 pixels are allowed"
        );

        let gray = image::GrayImage::from_raw(2, 2, vec![10, 20, 40, 30]).unwrap();
        let mosaic = file(&DynamicImage::ImageLuma8(gray), ImageFormat::Png, "bayer_rggb8; png compressed ");
        assert_eq!(decode_color(&mosaic, 128).unwrap().get_pixel(1, 1).0, [10, 30, 30]);

        let text = ImageMessage::from(CompressedImage { format: "jpeg".to_owned(), bytes: b"hello".to_vec() });
        assert_eq!(
            decode_color(&text, 128).unwrap_err().to_string(),
            "compressed image of format \"jpeg\" cannot be read: its 5 bytes are no jpg, png"
        );
    }
}
