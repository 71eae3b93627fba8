//! Instance-label images: one id per pixel, 0 is background.

use image::{DynamicImage, ImageFormat};

use super::{
    ImageError, ImageSize,
    layout::{check_layout, read_u16, read_u32, rows},
    packed::PackedFile,
};
use crate::scene::raw_message::{ImageMessage, RawImage};

const SUPPORTED: &[&str] = &["8UC1", "mono8", "16UC1", "mono16", "16SC1", "32SC1", "png"];
/// Lossy files would invent ids.
const FILES: &[ImageFormat] = &[ImageFormat::Png];

#[derive(Clone, Copy)]
enum Packing {
    Unsigned8,
    Unsigned16,
    Signed16,
    Signed32,
}

impl Packing {
    fn from_encoding(encoding: &str) -> Result<Packing, ImageError> {
        match encoding {
            "8UC1" | "mono8" => Ok(Packing::Unsigned8),
            "16UC1" | "mono16" => Ok(Packing::Unsigned16),
            "16SC1" => Ok(Packing::Signed16),
            "32SC1" => Ok(Packing::Signed32),
            _ => Err(ImageError::Encoding { purpose: "label", found: encoding.to_owned(), supported: SUPPORTED }),
        }
    }

    fn bytes_per_pixel(self) -> u32 {
        match self {
            Packing::Unsigned8 => 1,
            Packing::Unsigned16 | Packing::Signed16 => 2,
            Packing::Signed32 => 4,
        }
    }

    /// Negative values mean *nothing here* wherever they are used.
    fn id(self, value: &[u8], is_bigendian: bool) -> u32 {
        match self {
            Packing::Unsigned8 => value.first().copied().unwrap_or(0).into(),
            Packing::Unsigned16 => read_u16(value, is_bigendian).into(),
            Packing::Signed16 => read_u16(value, is_bigendian).cast_signed().max(0).cast_unsigned().into(),
            Packing::Signed32 => read_u32(value, is_bigendian).cast_signed().max(0).cast_unsigned(),
        }
    }
}

/// Ids of each pixel.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelIds {
    /// Columns and rows.
    pub size: ImageSize,
    /// Row-major H×W.
    pub ids: Vec<u32>,
}

/// Size by the headers, without decoding.
///
/// # Errors
/// [`ImageError`].
pub fn check_label_ids(message: &ImageMessage, max_pixels: u64) -> Result<ImageSize, ImageError> {
    match message {
        ImageMessage::Raw(image) => {
            check_layout(image, Packing::from_encoding(&image.encoding)?.bytes_per_pixel(), max_pixels)
        }
        ImageMessage::Compressed(image) => PackedFile::new(image, FILES).size(max_pixels),
    }
}

/// The ids, H×W. Negative values become background.
///
/// # Errors
/// [`ImageError`].
pub fn decode_label_ids(message: &ImageMessage, max_pixels: u64) -> Result<LabelIds, ImageError> {
    let file = match message {
        ImageMessage::Raw(image) => return decode_raw(image, max_pixels),
        ImageMessage::Compressed(image) => PackedFile::new(image, FILES),
    };
    let decoded = file.decoded(max_pixels)?;
    let size = ImageSize { width_px: decoded.width(), height_px: decoded.height() };
    let ids = match decoded {
        DynamicImage::ImageLuma8(values) => values.into_raw().into_iter().map(u32::from).collect(),
        DynamicImage::ImageLuma16(values) => values.into_raw().into_iter().map(u32::from).collect(),
        other => return Err(file.error(format!("its pixels are {:?}, labels need L8 or L16", other.color()))),
    };
    Ok(LabelIds { size, ids })
}

fn decode_raw(image: &RawImage, max_pixels: u64) -> Result<LabelIds, ImageError> {
    let packing = Packing::from_encoding(&image.encoding)?;
    let size = check_layout(image, packing.bytes_per_pixel(), max_pixels)?;
    let mut ids = Vec::with_capacity(size.n_pixels() as usize);
    for row in rows(image, packing.bytes_per_pixel()) {
        let values = row.chunks_exact(packing.bytes_per_pixel() as usize);
        ids.extend(values.map(|value| packing.id(value, image.is_bigendian)));
    }
    Ok(LabelIds { size, ids })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::raw_message::CompressedImage;

    fn raw(encoding: &str, is_bigendian: bool, bytes: &[u8]) -> ImageMessage {
        let step = bytes.len() as u32 / 2;
        let (encoding, bytes) = (encoding.to_owned(), bytes.to_vec());
        RawImage { width_px: 1, height_px: 2, encoding, is_bigendian, step, bytes }.into()
    }

    #[test]
    fn each_encoding_gives_its_ids() {
        let check = |encoding, is_bigendian, bytes: &[u8], expected: [u32; 2]| {
            let message = raw(encoding, is_bigendian, bytes);
            let found = decode_label_ids(&message, 100).unwrap();
            assert_eq!(found.ids, expected, "{encoding}");
            assert_eq!(check_label_ids(&message, 100), Ok(found.size));
        };
        check("8UC1", false, &[5, 255], [5, 255]);
        check("mono8", false, &[5, 99, 255, 99], [5, 255]);
        check("16UC1", false, &[1, 2, 0xff, 0xff], [513, 65535]);
        check("mono16", true, &[1, 2, 0xff, 0xff], [258, 65535]);
        check("16SC1", false, &[1, 2, 0xff, 0xff], [513, 0]);
        check("32SC1", false, &[1, 2, 0, 0, 0xff, 0xff, 0xff, 0xff], [513, 0]);
        check("32SC1", true, &[0, 1, 0, 0, 0, 0, 0, 7], [65536, 7]);
    }

    #[test]
    fn only_lossless_gray_files_are_labels() {
        let file = |image: DynamicImage, format| {
            let mut bytes = std::io::Cursor::new(Vec::new());
            image.write_to(&mut bytes, format).unwrap();
            ImageMessage::from(CompressedImage { format: "png".to_owned(), bytes: bytes.into_inner() })
        };
        let ids = image::ImageBuffer::<image::Luma<u16>, _>::from_raw(2, 1, vec![3, 700]).unwrap();
        let found = decode_label_ids(&file(DynamicImage::ImageLuma16(ids), ImageFormat::Png), 100).unwrap();
        assert_eq!(found, LabelIds { size: ImageSize { width_px: 2, height_px: 1 }, ids: vec![3, 700] });
        let check = |message: ImageMessage, expected: &str| {
            let error = decode_label_ids(&message, 100).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(file(DynamicImage::new_luma8(2, 2), ImageFormat::Jpeg), "it is a jpg file, supported are png");
        check(file(DynamicImage::new_rgb8(2, 2), ImageFormat::Png), "its pixels are Rgb8, labels need L8 or L16");
        check(
            raw("rgb8", false, &[0; 6]),
            "encoding of the label image is \"rgb8\", supported are 8UC1, mono8, 16UC1, mono16, 16SC1, 32SC1, png",
        );
    }
}
