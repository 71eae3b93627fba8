//! Distances between measured surfaces, points and origins.

use nalgebra::Point3;

use super::{GeometryError, PointCloud, Quantity};

/// A distance and the two points it was measured between.
#[derive(Clone, Debug, PartialEq)]
pub struct DistanceMeasurement {
    /// Metres.
    pub distance: Quantity,
    /// End on the first argument.
    pub from_m: Point3<f64>,
    /// End on the second argument.
    pub to_m: Point3<f64>,
}

/// Smallest distance between the visible surfaces of `a` and `b`, both in one frame.
///
/// # Errors
/// [`GeometryError::TooFewPoints`].
pub fn surface_distance(a: &PointCloud, b: &PointCloud) -> Result<DistanceMeasurement, GeometryError> {
    let _ = (a, b);
    todo!()
}

/// Smallest distance from `origin_m` (exact, but the cloud's placement is not) to the visible surface of `a`.
///
/// # Errors
/// [`GeometryError::TooFewPoints`].
pub fn distance_from_origin(origin_m: Point3<f64>, a: &PointCloud) -> Result<DistanceMeasurement, GeometryError> {
    let _ = (origin_m, a);
    todo!()
}

/// Angle of the centre of `a` about +z from +x (REP-103: positive is left), seen from the frame's origin. Radians in (-π, π].
///
/// # Errors
/// [`GeometryError::TooFewPoints`]; [`GeometryError::NotMeasurable`] when `a` is straight above or below the origin.
pub fn bearing(a: &PointCloud) -> Result<Quantity, GeometryError> {
    let _ = a;
    todo!()
}
