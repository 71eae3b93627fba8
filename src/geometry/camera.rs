//! The pinhole camera of a rectified image (Hartley and Zisserman 2004, section 6.1).

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Intrinsics of the rectified image. The centre of the top-left pixel is at (0, 0).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intrinsics {
    /// Image width in pixels.
    pub width_px: u32,
    /// Image height in pixels.
    pub height_px: u32,
    /// Focal length along u.
    pub fx_px: f64,
    /// Focal length along v.
    pub fy_px: f64,
    /// Principal point, u.
    pub cx_px: f64,
    /// Principal point, v.
    pub cy_px: f64,
}

/// Intrinsics that cannot be used.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum IntrinsicsError {
    /// A focal length that is not positive and finite.
    #[error("focal length is ({fx_px}, {fy_px}) px, both must be positive and finite")]
    FocalLength {
        /// As found.
        fx_px: f64,
        /// As found.
        fy_px: f64,
    },
    /// A principal point that is not finite.
    #[error("principal point is ({cx_px}, {cy_px}) px, both must be finite")]
    PrincipalPoint {
        /// As found.
        cx_px: f64,
        /// As found.
        cy_px: f64,
    },
    /// An image without pixels.
    #[error("image size is {width_px}x{height_px} px, both must be positive")]
    Size {
        /// As found.
        width_px: u32,
        /// As found.
        height_px: u32,
    },
}

impl Intrinsics {
    /// Checks that every number is usable.
    ///
    /// # Errors
    /// The first field that is not.
    pub fn checked(self) -> Result<Intrinsics, IntrinsicsError> {
        let Intrinsics { width_px, height_px, fx_px, fy_px, cx_px, cy_px } = self;
        if width_px == 0 || height_px == 0 {
            return Err(IntrinsicsError::Size { width_px, height_px });
        }
        if !(fx_px.is_finite() && fy_px.is_finite() && fx_px > 0.0 && fy_px > 0.0) {
            return Err(IntrinsicsError::FocalLength { fx_px, fy_px });
        }
        if !(cx_px.is_finite() && cy_px.is_finite()) {
            return Err(IntrinsicsError::PrincipalPoint { cx_px, cy_px });
        }
        Ok(self)
    }

    /// The point at `depth_m` along z seen by pixel (`u_px`, `v_px`), in the optical frame (x right, y down, z forward).
    pub fn unproject(&self, u_px: f64, v_px: f64, depth_m: f64) -> [f64; 3] {
        [(u_px - self.cx_px) / self.fx_px * depth_m, (v_px - self.cy_px) / self.fy_px * depth_m, depth_m]
    }

    /// The pixel (u, v) of a point in the optical frame; `None` behind the camera.
    pub fn project(&self, point_m: [f64; 3]) -> Option<(f64, f64)> {
        let [x, y, z] = point_m;
        (z > 0.0).then(|| (x / z * self.fx_px + self.cx_px, y / z * self.fy_px + self.cy_px))
    }

    /// Angle that one pixel spans at the image centre, in radians.
    pub fn pixel_pitch_rad(&self) -> f64 {
        (0.5 / self.fx_px + 0.5 / self.fy_px).atan()
    }
}
