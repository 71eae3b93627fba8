//! Colour images as JPEG.

use image::RgbImage;
use jpeg_encoder::{ColorType, Encoder};

/// An image that JPEG cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an image of {width_px}x{height_px} px cannot be JPEG, which holds 1x1 to 65535x65535 px: {reason}")]
pub struct EncodeError {
    width_px: u32,
    height_px: u32,
    reason: String,
}

/// The image as a baseline JPEG; `quality` goes from 1 to 100. Below 90 colour has half the resolution, as cameras make it.
///
/// # Errors
/// When a side is 0 or longer than the format can say.
pub fn jpeg(image: &RgbImage, quality: u8) -> Result<Vec<u8>, EncodeError> {
    let (width_px, height_px) = image.dimensions();
    let failed = |reason: String| EncodeError { width_px, height_px, reason };
    let side = |side_px: u32| match u16::try_from(side_px) {
        Ok(side_px) if side_px > 0 => Ok(side_px),
        _ => Err(failed(format!("a side is {side_px} px long"))),
    };
    let (width, height) = (side(width_px)?, side(height_px)?);
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes, quality.clamp(1, 100))
        .encode(image.as_raw(), width, height, ColorType::Rgb)
        .map_err(|error| failed(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Rgb};

    use super::*;

    #[test]
    fn what_another_decoder_reads_is_the_image() {
        for (width_px, height_px) in [(1, 1), (7, 5), (64, 48), (641, 479)] {
            let color = |x: u32, y: u32| Rgb([(40 + x * 150 / width_px) as u8, (60 + y * 150 / height_px) as u8, 128]);
            let made = RgbImage::from_fn(width_px, height_px, color);
            let read = image::load_from_memory_with_format(&jpeg(&made, 85).unwrap(), ImageFormat::Jpeg).unwrap();
            let read = read.to_rgb8();
            assert_eq!(read.dimensions(), made.dimensions());
            let off = made.as_raw().iter().zip(read.as_raw()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
            assert!(off <= 24, "{off} at {width_px}x{height_px}");
        }
    }

    #[test]
    fn sides_that_the_format_cannot_say_are_refused() {
        let check = |width_px, height_px| {
            let error = jpeg(&RgbImage::new(width_px, height_px), 80).unwrap_err();
            assert!(error.to_string().contains("1x1 to 65535x65535"), "{error}");
        };
        check(0, 4);
        check(65_536, 1);
    }
}
