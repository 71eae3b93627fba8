//! Boxes around measured points, upright along the frame's +z.

use nalgebra::{Matrix3, Point3};

use super::{GeometryError, PointCloud, Quantity};

/// The smallest upright box around the visible points: a minimum-area rectangle in the horizontal plane
/// (rotating calipers over the convex hull) times the vertical extent, after trimming outliers.
#[derive(Clone, Debug, PartialEq)]
pub struct UprightBox {
    /// Centre of the box.
    pub center_m: Point3<f64>,
    /// Rotation of the box's x axis (the longer horizontal side) about +z, radians in (-π/2, π/2].
    pub yaw_rad: f64,
    /// Longer horizontal side.
    pub length: Quantity,
    /// Shorter horizontal side.
    pub width: Quantity,
    /// Vertical side.
    pub height: Quantity,
    /// z of the lowest part.
    pub bottom_m: Quantity,
    /// z of the highest part.
    pub top_m: Quantity,
    /// Robust (median) centre of the visible points.
    pub median_m: Point3<f64>,
    /// Covariance of `median_m` in the frame, m².
    pub covariance_m2: Matrix3<f64>,
    /// Corners of the convex footprint in the xy plane, counter-clockwise, metres.
    pub footprint_m: Vec<[f64; 2]>,
}

/// Fits [`UprightBox`]. The cloud's frame must have +z up.
///
/// # Errors
/// [`GeometryError::TooFewPoints`] below 20 points.
pub fn upright_box(cloud: &PointCloud) -> Result<UprightBox, GeometryError> {
    let _ = cloud;
    todo!()
}
