//! Samples of the IMU, and what earlier questions measured. What a question notes itself is not part of its snapshot.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{CodecError, Kind, block};
use crate::scene::{ImuSample, MemoryView, memory::Remembered};

#[derive(Serialize, Deserialize)]
struct WireMemory {
    objects: Arc<[Remembered]>,
    drift_m_per_sqrt_s: f64,
    cleared: Option<Arc<str>>,
}

/// The block of an IMU's samples.
pub fn encode_imu(samples: &[ImuSample]) -> Vec<u8> {
    block::encode(Kind::Imu, &samples)
}

/// The samples of a block.
///
/// # Errors
/// [`CodecError`].
pub fn decode_imu(bytes: &[u8]) -> Result<Arc<[ImuSample]>, CodecError> {
    block::decode(Kind::Imu, bytes)
}

/// The block of remembered objects.
pub fn encode_memory(memory: &MemoryView) -> Vec<u8> {
    let MemoryView { objects, drift_m_per_sqrt_s, cleared, .. } = memory.clone();
    block::encode(Kind::Memory, &WireMemory { objects, drift_m_per_sqrt_s, cleared })
}

/// The remembered objects of a block.
///
/// # Errors
/// [`CodecError`].
pub fn decode_memory(bytes: &[u8]) -> Result<MemoryView, CodecError> {
    let WireMemory { objects, drift_m_per_sqrt_s, cleared } = block::decode(Kind::Memory, bytes)?;
    Ok(MemoryView::new(objects, drift_m_per_sqrt_s, cleared))
}
