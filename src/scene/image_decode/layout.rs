//! Rows of an uncompressed image.

use super::{ImageError, ImageSize};
use crate::scene::raw_message::RawImage;

/// Checks that the data holds every row; `bytes_per_pixel` is that of the encoding.
pub fn check_layout(image: &RawImage, bytes_per_pixel: u32, max_pixels: u64) -> Result<ImageSize, ImageError> {
    let size = ImageSize { width_px: image.width_px, height_px: image.height_px }.checked(max_pixels)?;
    let row_bytes = u64::from(size.width_px) * u64::from(bytes_per_pixel);
    if u64::from(image.step) < row_bytes {
        let encoding = image.encoding.clone();
        return Err(ImageError::Step { found: image.step, expected: row_bytes, size, encoding });
    }
    // Some drivers leave out the padding of the last row.
    let expected = u64::from(image.step) * u64::from(size.height_px - 1) + row_bytes;
    if (image.bytes.len() as u64) < expected {
        let (found, encoding) = (image.bytes.len(), image.encoding.clone());
        return Err(ImageError::Truncated { found, expected, size, encoding });
    }
    Ok(size)
}

/// The rows of a checked image, without padding.
pub fn rows(image: &RawImage, bytes_per_pixel: u32) -> impl Iterator<Item = &[u8]> {
    let row_bytes = image.width_px as usize * bytes_per_pixel as usize;
    let step = (image.step as usize).max(1);
    image.bytes.chunks(step).take(image.height_px as usize).filter_map(move |row| row.get(..row_bytes))
}

/// Two bytes of an image as a number.
pub fn read_u16(bytes: &[u8], is_bigendian: bool) -> u16 {
    let bytes = <[u8; 2]>::try_from(bytes).unwrap_or_default();
    if is_bigendian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
}

/// Four bytes of an image as a number.
pub fn read_u32(bytes: &[u8], is_bigendian: bool) -> u32 {
    let bytes = <[u8; 4]>::try_from(bytes).unwrap_or_default();
    if is_bigendian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}
