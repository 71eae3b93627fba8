//! Images, depth and labels.

use std::{collections::BTreeMap, sync::Arc};

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::{CodecError, Kind, block};
use crate::{
    geometry::DepthMap,
    scene::{LabelImage, LabelNames},
};

/// Row-major H×W pixels, little-endian.
#[derive(Serialize, Deserialize)]
struct WirePixels<'a> {
    width_px: u32,
    height_px: u32,
    #[serde(with = "serde_bytes", borrow)]
    bytes: &'a [u8],
}

#[derive(Serialize, Deserialize)]
struct WireLabels<'a> {
    #[serde(borrow)]
    pixels: WirePixels<'a>,
    bytes_per_id: u8,
    names: BTreeMap<u32, (String, f32)>,
}

impl WirePixels<'_> {
    /// Checks the number of bytes.
    fn require(&self, kind: Kind, bytes_per_pixel: u64) -> Result<(), CodecError> {
        let WirePixels { width_px, height_px, bytes } = self;
        let n_pixels = u64::from(*width_px) * u64::from(*height_px);
        if n_pixels.checked_mul(bytes_per_pixel) == Some(bytes.len() as u64) {
            return Ok(());
        }
        let found = bytes.len();
        let reason = format!("{found} bytes for {width_px}x{height_px} px at {bytes_per_pixel} bytes each");
        Err(CodecError::damaged(kind, reason))
    }
}

/// The block of a colour image: 8-bit R, G, B.
pub fn encode_image(image: &RgbImage) -> Vec<u8> {
    let (width_px, height_px) = image.dimensions();
    block::encode(Kind::Image, &WirePixels { width_px, height_px, bytes: image.as_raw() })
}

/// The colour image of a block.
///
/// # Errors
/// [`CodecError`].
pub fn decode_image(bytes: &[u8]) -> Result<RgbImage, CodecError> {
    let pixels: WirePixels<'_> = block::decode(Kind::Image, bytes)?;
    pixels.require(Kind::Image, 3)?;
    let too_large = || CodecError::damaged(Kind::Image, "the image is too large");
    RgbImage::from_raw(pixels.width_px, pixels.height_px, pixels.bytes.to_vec()).ok_or_else(too_large)
}

/// The block of a depth image: 32-bit floats in metres; NaN and infinities keep their bits.
pub fn encode_depth(depth: &DepthMap) -> Vec<u8> {
    let bytes = little_endian(depth.depth_m(), |depth_m| depth_m.to_le_bytes());
    let (width_px, height_px) = (depth.width_px(), depth.height_px());
    block::encode(Kind::Depth, &WirePixels { width_px, height_px, bytes: &bytes })
}

/// The depth image of a block.
///
/// # Errors
/// [`CodecError`]; a depth that is finite but not positive is damage.
pub fn decode_depth(bytes: &[u8]) -> Result<DepthMap, CodecError> {
    let pixels: WirePixels<'_> = block::decode(Kind::Depth, bytes)?;
    pixels.require(Kind::Depth, 4)?;
    let depth_m: Arc<[f32]> = pixels.bytes.as_chunks().0.iter().map(|depth_m| f32::from_le_bytes(*depth_m)).collect();
    let negative = || CodecError::damaged(Kind::Depth, "a depth is finite but not positive");
    DepthMap::from_marked(pixels.width_px, pixels.height_px, depth_m).ok_or_else(negative)
}

/// The block of a label image, with the names of its ids.
pub fn encode_labels(labels: &LabelImage) -> Vec<u8> {
    let largest = labels.ids.iter().copied().max().unwrap_or(0);
    let (bytes_per_id, bytes) = match largest {
        0..=0xFF => (1, little_endian(&labels.ids, |id| [id.to_le_bytes()[0]])),
        0x100..=0xFFFF => (2, little_endian(&labels.ids, |id| [id.to_le_bytes()[0], id.to_le_bytes()[1]])),
        _ => (4, little_endian(&labels.ids, |id| id.to_le_bytes())),
    };
    let pixels = WirePixels { width_px: labels.width_px, height_px: labels.height_px, bytes: &bytes };
    block::encode(Kind::Labels, &WireLabels { pixels, bytes_per_id, names: labels.names.by_id.clone() })
}

/// The label image of a block.
///
/// # Errors
/// [`CodecError`].
pub fn decode_labels(bytes: &[u8]) -> Result<LabelImage, CodecError> {
    let WireLabels { pixels, bytes_per_id, names } = block::decode(Kind::Labels, bytes)?;
    pixels.require(Kind::Labels, u64::from(bytes_per_id))?;
    let ids: Arc<[u32]> = match bytes_per_id {
        1 => pixels.bytes.iter().map(|id| u32::from(*id)).collect(),
        2 => pixels.bytes.as_chunks().0.iter().map(|id| u32::from(u16::from_le_bytes(*id))).collect(),
        4 => pixels.bytes.as_chunks().0.iter().map(|id| u32::from_le_bytes(*id)).collect(),
        other => return Err(CodecError::damaged(Kind::Labels, format!("{other} bytes an id, expected 1, 2 or 4"))),
    };
    let names = Arc::new(LabelNames { by_id: names });
    Ok(LabelImage { width_px: pixels.width_px, height_px: pixels.height_px, ids, names })
}

fn little_endian<T: Copy, const N: usize>(values: &[T], bytes_of: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    let mut bytes = vec![0; values.len() * N];
    for (place, value) in bytes.as_chunks_mut().0.iter_mut().zip(values) {
        *place = bytes_of(*value);
    }
    bytes
}
