//! From message bytes to colour, depth and label images.
//!
//! Nothing in a message is trusted: sizes are checked before anything is allocated, and any bytes give an image or an
//! [`ImageError`]. `check_*` looks at headers only and is cheap; `decode_*` does the work. A new encoding is a line in the table of
//! [`color`], [`depth`] or [`label_ids`].

mod bayer;
pub mod color;
pub mod depth;
pub mod label_ids;
mod layout;
mod packed;

use thiserror::Error;

pub use color::{check_color, decode_color};
pub use depth::{check_depth, decode_depth};
pub use label_ids::{check_label_ids, decode_label_ids};

use crate::error_code::shortened;

/// Images above this are refused: 8192×8192.
pub const DEFAULT_MAX_PIXELS: u64 = 8192 * 8192;

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageSize {
    /// Columns.
    pub width_px: u32,
    /// Rows.
    pub height_px: u32,
}

impl ImageSize {
    /// Columns times rows.
    pub fn n_pixels(self) -> u64 {
        u64::from(self.width_px) * u64::from(self.height_px)
    }

    fn checked(self, max_pixels: u64) -> Result<ImageSize, ImageError> {
        match self.n_pixels() {
            0 => Err(ImageError::Empty { size: self }),
            n_pixels if n_pixels > max_pixels => Err(ImageError::TooLarge { size: self, max_pixels }),
            _ => Ok(self),
        }
    }
}

impl std::fmt::Display for ImageSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{} px", self.width_px, self.height_px)
    }
}

/// A driver may send any text; what follows it in a message must not be lost.
const MAX_ENCODING_CHARS: usize = 60;

/// Why bytes are not the image they should be.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ImageError {
    /// An encoding that is not known for this purpose.
    #[error("encoding of the {purpose} image is {:?}, supported are {}", shortened(found, MAX_ENCODING_CHARS), supported.join(", "))]
    Encoding {
        /// Colour, depth or label.
        purpose: &'static str,
        /// As found.
        found: String,
        /// What can be read.
        supported: &'static [&'static str],
    },
    /// No pixels.
    #[error("image size is {size}, both must be positive")]
    Empty {
        /// As found.
        size: ImageSize,
    },
    /// More pixels than allowed.
    #[error("image size is {size}, at most {max_pixels} pixels are allowed")]
    TooLarge {
        /// As found.
        size: ImageSize,
        /// As configured.
        max_pixels: u64,
    },
    /// Pixel groups that do not fit the size.
    #[error("image size is {size}, encoding {encoding:?} needs {needs}")]
    Shape {
        /// As found.
        size: ImageSize,
        /// As found.
        encoding: String,
        /// The condition.
        needs: &'static str,
    },
    /// Rows that overlap.
    #[error("row step is {found} bytes, a row of {size} in {encoding:?} has {expected}")]
    Step {
        /// As found.
        found: u32,
        /// Bytes of a row.
        expected: u64,
        /// As found.
        size: ImageSize,
        /// As found.
        encoding: String,
    },
    /// Data that ends early.
    #[error("image has {found} bytes of data, {size} in {encoding:?} needs {expected}")]
    Truncated {
        /// As found.
        found: usize,
        /// Bytes needed.
        expected: u64,
        /// As found.
        size: ImageSize,
        /// As found.
        encoding: String,
    },
    /// A file that cannot be read.
    #[error("compressed image of format {format:?} cannot be read: {reason}")]
    Compressed {
        /// As found.
        format: String,
        /// What the decoder says.
        reason: String,
    },
}

#[cfg(test)]
mod fuzz;
