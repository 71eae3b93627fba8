//! Lens distortion and rectification (REP-104; OpenCV's plumb_bob, rational_polynomial and equidistant models).

use super::{Intrinsics, camera::IntrinsicsError};
use thiserror::Error;

/// A distortion model with its coefficients.
#[derive(Clone, Debug, PartialEq)]
pub enum Distortion {
    /// Already rectified, or a perfect pinhole.
    None,
    /// k1, k2, p1, p2, k3.
    PlumbBob([f64; 5]),
    /// k1, k2, p1, p2, k3, k4, k5, k6.
    RationalPolynomial([f64; 8]),
    /// k1, k2, k3, k4 (Kannala and Brandt 2006).
    Equidistant([f64; 4]),
}

/// What a `sensor_msgs/CameraInfo` says, before it is trusted.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// Of the raw image.
    pub raw: Intrinsics,
    /// Of the raw image.
    pub distortion: Distortion,
    /// Of the rectified image (from P).
    pub rectified: Intrinsics,
}

/// A calibration that cannot be used.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum CalibrationError {
    /// Unusable numbers in K or P.
    #[error(transparent)]
    Intrinsics(#[from] IntrinsicsError),
    /// A distortion model that is not known.
    #[error("distortion model is {found:?}, expected \"plumb_bob\", \"rational_polynomial\", \"equidistant\" or \"\"")]
    UnknownModel {
        /// As found.
        found: String,
    },
    /// Coefficients that are missing or not finite.
    #[error("distortion model {model:?} has {found} finite coefficients, expected {expected}")]
    Coefficients {
        /// The model.
        model: String,
        /// Finite coefficients found.
        found: usize,
        /// Coefficients needed.
        expected: usize,
    },
}
