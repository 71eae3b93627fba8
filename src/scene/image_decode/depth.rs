//! Depth images (REP-118): metres along z, NaN where unknown.

use image::{DynamicImage, ImageFormat};

use super::{
    ImageError, ImageSize,
    layout::{check_layout, read_u16, read_u32, rows},
    packed::PackedFile,
};
use crate::{
    geometry::DepthMap,
    scene::raw_message::{CompressedImage, ImageMessage, RawImage},
};

const SUPPORTED: &[&str] = &["16UC1", "mono16", "32FC1", "png", "compressedDepth png"];
const FILES: &[ImageFormat] = &[ImageFormat::Png];
/// compressed_depth_image_transport's header: a 32-bit format number and two 32-bit floats.
const QUANTIZATION_HEADER_BYTES: usize = 12;

#[derive(Clone, Copy)]
enum Packing {
    Millimetres16,
    Metres32,
}

impl Packing {
    fn from_encoding(encoding: &str) -> Result<Packing, ImageError> {
        match encoding {
            "16UC1" | "mono16" => Ok(Packing::Millimetres16),
            "32FC1" => Ok(Packing::Metres32),
            _ => Err(unsupported(encoding)),
        }
    }

    fn bytes_per_pixel(self) -> u32 {
        match self {
            Packing::Millimetres16 => 2,
            Packing::Metres32 => 4,
        }
    }
}

/// Size by the headers, without decoding.
///
/// # Errors
/// [`ImageError`].
pub fn check_depth(message: &ImageMessage, max_pixels: u64) -> Result<ImageSize, ImageError> {
    match message {
        ImageMessage::Raw(image) => {
            check_layout(image, Packing::from_encoding(&image.encoding)?.bytes_per_pixel(), max_pixels)
        }
        ImageMessage::Compressed(image) => DepthFile::new(image)?.file.size(max_pixels),
    }
}

/// The depth, H×W. Zero, negative, infinite and NaN values are unknown (REP-117, REP-118).
///
/// # Errors
/// [`ImageError`].
pub fn decode_depth(message: &ImageMessage, max_pixels: u64) -> Result<DepthMap, ImageError> {
    match message {
        ImageMessage::Raw(image) => decode_raw(image, max_pixels),
        ImageMessage::Compressed(image) => DepthFile::new(image)?.decoded(max_pixels),
    }
}

fn unsupported(found: &str) -> ImageError {
    ImageError::Encoding { purpose: "depth", found: found.to_owned(), supported: SUPPORTED }
}

fn decode_raw(image: &RawImage, max_pixels: u64) -> Result<DepthMap, ImageError> {
    let packing = Packing::from_encoding(&image.encoding)?;
    let size = check_layout(image, packing.bytes_per_pixel(), max_pixels)?;
    let mut depth_m = Vec::with_capacity(size.n_pixels() as usize);
    for row in rows(image, packing.bytes_per_pixel()) {
        match packing {
            Packing::Millimetres16 => {
                depth_m
                    .extend(row.chunks_exact(2).map(|value| f32::from(read_u16(value, image.is_bigendian)) / 1000.0));
            }
            Packing::Metres32 => {
                depth_m.extend(row.chunks_exact(4).map(|value| f32::from_bits(read_u32(value, image.is_bigendian))));
            }
        }
    }
    let found = depth_m.len();
    DepthMap::new(size.width_px, size.height_px, depth_m).ok_or_else(|| ImageError::Truncated {
        found,
        expected: size.n_pixels(),
        size,
        encoding: image.encoding.clone(),
    })
}

/// A PNG of 16-bit values and what they mean.
struct DepthFile<'a> {
    file: PackedFile<'a>,
    values: Values,
}

enum Values {
    Millimetres,
    /// `depth = a / (value - b)`.
    InverseDepth {
        a: f32,
        b: f32,
    },
}

impl<'a> DepthFile<'a> {
    /// The format is `<encoding>; compressedDepth <codec>` (codec missing in old versions: png), or any text for a plain PNG.
    fn new(message: &'a CompressedImage) -> Result<Self, ImageError> {
        let format = message.format.as_str();
        let Some((encoding, codec)) = format.split_once("compressedDepth") else {
            return Ok(DepthFile { file: PackedFile::new(message, FILES), values: Values::Millimetres });
        };
        let encoding = encoding.trim().trim_end_matches(';').trim();
        if !matches!(codec.trim(), "" | "png") {
            return Err(unsupported(format));
        }
        let error = |reason| ImageError::Compressed { format: format.to_owned(), reason };
        let Some((header, bytes)) = message.bytes.split_at_checked(QUANTIZATION_HEADER_BYTES) else {
            let found = message.bytes.len();
            return Err(error(format!("it has {found} bytes, its header alone has {QUANTIZATION_HEADER_BYTES}")));
        };
        let float_at = |start: usize| {
            let bytes = header.get(start..start + 4).unwrap_or_default();
            f32::from_bits(read_u32(bytes, false))
        };
        let values = match encoding {
            "16UC1" | "mono16" => Values::Millimetres,
            "32FC1" => {
                let (a, b) = (float_at(4), float_at(8));
                if !(a.is_finite() && b.is_finite() && a > 0.0) {
                    return Err(error(format!(
                        "its quantization is ({a}, {b}), both must be finite and the first positive"
                    )));
                }
                Values::InverseDepth { a, b }
            }
            _ => return Err(unsupported(format)),
        };
        Ok(DepthFile { file: PackedFile { format, bytes, allowed: FILES }, values })
    }

    fn decoded(&self, max_pixels: u64) -> Result<DepthMap, ImageError> {
        let values = match self.file.decoded(max_pixels)? {
            DynamicImage::ImageLuma16(values) => values,
            other => return Err(self.file.error(format!("its pixels are {:?}, depth needs L16", other.color()))),
        };
        let (width_px, height_px) = values.dimensions();
        let depth_m = values
            .into_raw()
            .into_iter()
            .map(|value| match self.values {
                Values::Millimetres => f32::from(value) / 1000.0,
                Values::InverseDepth { .. } if value == 0 => f32::NAN,
                Values::InverseDepth { a, b } => a / (f32::from(value) - b),
            })
            .collect();
        let size = ImageSize { width_px, height_px };
        DepthMap::new(width_px, height_px, depth_m).ok_or_else(|| self.file.error(format!("its size is not {size}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(encoding: &str, is_bigendian: bool, step: u32, bytes: Vec<u8>) -> ImageMessage {
        RawImage { width_px: 2, height_px: 2, encoding: encoding.to_owned(), is_bigendian, step, bytes }.into()
    }

    fn depths(message: &ImageMessage) -> Vec<Option<f32>> {
        let depth = decode_depth(message, 100).unwrap();
        let size = ImageSize { width_px: depth.width_px(), height_px: depth.height_px() };
        assert_eq!(check_depth(message, 100), Ok(size));
        (0..size.height_px).flat_map(|v| (0..size.width_px).map(move |u| (u, v))).map(|(u, v)| depth.at(u, v)).collect()
    }

    #[test]
    fn millimetres_and_metres_are_told_apart_by_the_encoding() {
        let millimetres = [1500u16, 0, 1, 65535];
        let expected = [Some(1.5), None, Some(0.001), Some(65.535)];
        for encoding in ["16UC1", "mono16"] {
            let little: Vec<u8> = millimetres.iter().flat_map(|value| value.to_le_bytes()).collect();
            assert_eq!(depths(&raw(encoding, false, 4, little)), expected);
            let mut big: Vec<u8> = millimetres.iter().flat_map(|value| value.to_be_bytes()).collect();
            big.splice(4..4, [9, 9]);
            assert_eq!(depths(&raw(encoding, true, 6, big)), expected, "{encoding}, padded");
        }
        let metres = [1.5f32, 0.25, 20.0, 0.001];
        let bytes = |order: fn(f32) -> [u8; 4]| metres.iter().flat_map(|value| order(*value)).collect();
        assert_eq!(depths(&raw("32FC1", false, 8, bytes(f32::to_le_bytes))), metres.map(Some));
        assert_eq!(depths(&raw("32FC1", true, 8, bytes(f32::to_be_bytes))), metres.map(Some));
    }

    #[test]
    fn what_rep_117_calls_invalid_is_unknown() {
        let check = |values: [f32; 4]| {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            assert_eq!(depths(&raw("32FC1", false, 8, bytes)), [None, None, None, Some(1.0)]);
        };
        check([f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.0]);
        check([0.0, -0.0, -1.0, 1.0]);
    }

    fn png(values: &[u16]) -> Vec<u8> {
        let image = image::ImageBuffer::<image::Luma<u16>, _>::from_raw(2, 2, values.to_vec()).unwrap();
        let mut bytes = std::io::Cursor::new(Vec::new());
        DynamicImage::ImageLuma16(image).write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    fn compressed(format: &str, header: &[u8], file: &[u8]) -> ImageMessage {
        CompressedImage { format: format.to_owned(), bytes: [header, file].concat() }.into()
    }

    #[test]
    fn png_depth_is_in_millimetres() {
        let expected = [Some(1.5), None, Some(0.001), Some(65.535)];
        let file = png(&[1500, 0, 1, 65535]);
        assert_eq!(depths(&compressed("16UC1; png compressed", &[], &file)), expected);
        assert_eq!(depths(&compressed("16UC1; compressedDepth png", &[0; 12], &file)), expected);
        assert_eq!(depths(&compressed("16UC1; compressedDepth", &[0; 12], &file)), expected);
    }

    /// Quantised as compressed_depth_image_transport does: `a = q (q + 1)`, `b = 1 - a / max_depth`, `value = a / depth + b`.
    #[test]
    fn quantised_inverse_depth_comes_back_within_its_step() {
        let (q, max_depth_m) = (100.0f64, 10.0);
        let a = q * (q + 1.0);
        let b = 1.0 - a / max_depth_m;
        let truth_m = [0.8, 2.5, 6.0];
        let mut values: Vec<u16> = truth_m.iter().map(|depth| (a / depth + b) as u16).collect();
        values.push(0);
        let header = [&[0; 4][..], &(a as f32).to_le_bytes(), &(b as f32).to_le_bytes()].concat();
        let found = depths(&compressed("32FC1; compressedDepth png", &header, &png(&values)));
        for (found, truth_m) in found.iter().zip(truth_m) {
            let step_m = truth_m * truth_m / a;
            assert!((f64::from(found.unwrap()) - truth_m).abs() < 1.1 * step_m, "{found:?} {truth_m}");
        }
        assert_eq!(found[3], None);
    }

    #[test]
    fn what_cannot_be_read_is_said_with_found_and_expected() {
        let check = |message: &ImageMessage, expected: &str| {
            assert_eq!(decode_depth(message, 100).unwrap_err().to_string(), expected);
        };
        let supported = "supported are 16UC1, mono16, 32FC1, png, compressedDepth png";
        let long = format!("encoding of the depth image is \"{}...\", {supported}", "x".repeat(60));
        check(&raw(&"x".repeat(10_000), false, 6, vec![0; 12]), &long);
        check(&raw("rgb8", false, 6, vec![0; 12]), &format!("encoding of the depth image is \"rgb8\", {supported}"));
        check(
            &compressed("16UC1; compressedDepth rvl", &[0; 12], &[]),
            &format!("encoding of the depth image is \"16UC1; compressedDepth rvl\", {supported}"),
        );
        check(&raw("16UC1", false, 4, vec![0; 7]), "image has 7 bytes of data, 2x2 px in \"16UC1\" needs 8");
        check(
            &compressed("16UC1; compressedDepth png", &[0; 3], &[]),
            "compressed image of format \"16UC1; compressedDepth png\" cannot be read: it has 3 bytes, its header alone has 12",
        );
        let header = [&[0; 4][..], &f32::NAN.to_le_bytes(), &0f32.to_le_bytes()].concat();
        check(
            &compressed("32FC1; compressedDepth png", &header, &png(&[1; 4])),
            "compressed image of format \"32FC1; compressedDepth png\" cannot be read: its quantization is (NaN, 0), both \
             must be finite and the first positive",
        );
        let mut gray = std::io::Cursor::new(Vec::new());
        image::GrayImage::new(2, 2).write_to(&mut gray, ImageFormat::Png).unwrap();
        check(
            &compressed("png", &[], gray.get_ref()),
            "compressed image of format \"png\" cannot be read: its pixels are L8, depth needs L16",
        );
        let mut jpeg = std::io::Cursor::new(Vec::new());
        image::GrayImage::new(2, 2).write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
        check(
            &compressed("jpeg", &[], jpeg.get_ref()),
            "compressed image of format \"jpeg\" cannot be read: it is a jpg file, supported are png",
        );
    }
}
