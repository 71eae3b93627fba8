//! The head that every block begins with, and what can be wrong with a block.

use serde::{Deserialize, Serialize};
use thiserror::Error;

const MAGIC: [u8; 4] = *b"sclw";

/// Version of the format that is written and the only one that is read.
pub const VERSION: u16 = 1;

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// All parts of a snapshot.
    Snapshot = 1,
    /// Views without their pixels, frames and sigma.
    Header = 2,
    /// Transforms.
    Transforms = 3,
    /// Colour.
    Image = 4,
    /// Depth.
    Depth = 5,
    /// Labels.
    Labels = 6,
    /// Samples of the IMU.
    Imu = 7,
    /// Remembered objects.
    Memory = 8,
}

/// Bytes that cannot be decoded.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum CodecError {
    /// They do not begin as a block does.
    #[error("{n_bytes} bytes that begin with {found:02x?} are no block of a snapshot")]
    Foreign {
        /// In all.
        n_bytes: usize,
        /// The first ones.
        found: Vec<u8>,
    },
    /// Written in another version of the format.
    #[error("the block has format version {found}, expected {expected}; read it with the release that wrote it")]
    Version {
        /// As found.
        found: u16,
        /// [`VERSION`].
        expected: u16,
    },
    /// A block of another kind.
    #[error("the block is of kind {found}, expected {} ({expected:?})", *.expected as u8)]
    Kind {
        /// As found.
        found: u8,
        /// As asked for.
        expected: Kind,
    },
    /// Begins as it should and does not go on so.
    #[error("the block of kind {kind:?} is damaged: {reason}")]
    Damaged {
        /// As asked for.
        kind: Kind,
        /// What was found.
        reason: String,
    },
}

impl CodecError {
    pub(super) fn damaged(kind: Kind, reason: impl Into<String>) -> CodecError {
        CodecError::Damaged { kind, reason: reason.into() }
    }
}

pub(super) fn encode(kind: Kind, body: &impl Serialize) -> Vec<u8> {
    let [low, high] = VERSION.to_le_bytes();
    let mut bytes = MAGIC.to_vec();
    bytes.extend([low, high, kind as u8, 0]);
    // Only types that say no length before they are written can fail, and there is none here; a cut block does not decode.
    postcard::to_extend(body, bytes).unwrap_or_default()
}

/// The body of a block of this kind. Nothing may follow it.
pub(super) fn decode<'a, T: Deserialize<'a>>(kind: Kind, bytes: &'a [u8]) -> Result<T, CodecError> {
    let foreign = || CodecError::Foreign { n_bytes: bytes.len(), found: bytes.iter().take(8).copied().collect() };
    let Some(([m0, m1, m2, m3, low, high, found, zero], body)) = bytes.split_first_chunk::<8>() else {
        return Err(foreign());
    };
    if [*m0, *m1, *m2, *m3] != MAGIC {
        return Err(foreign());
    }
    let version = u16::from_le_bytes([*low, *high]);
    if version != VERSION {
        return Err(CodecError::Version { found: version, expected: VERSION });
    }
    if *found != kind as u8 {
        return Err(CodecError::Kind { found: *found, expected: kind });
    }
    if *zero != 0 {
        return Err(CodecError::damaged(kind, format!("byte 7 is {zero}, expected 0")));
    }
    match postcard::take_from_bytes(body) {
        Ok((value, [])) => Ok(value),
        Ok((_, left)) => Err(CodecError::damaged(kind, format!("{} bytes follow its end", left.len()))),
        Err(error) => Err(CodecError::damaged(kind, error.to_string())),
    }
}
