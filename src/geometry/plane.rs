//! Planes fitted to measured points.

use nalgebra::{Point3, UnitVector3, Vector3};

use super::{GeometryError, PointCloud, Quantity};

/// The plane of all `p` with `normal · p = offset_m`.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    /// Unit normal; upward for a supporting surface.
    pub normal: UnitVector3<f64>,
    /// Metres from the frame's origin along the normal.
    pub offset_m: f64,
    /// Root mean square distance of the inliers, metres.
    pub residual_m: f64,
    /// Points within the inlier band.
    pub n_inliers: usize,
}

impl Plane {
    /// Signed distance of a point, positive on the side of the normal, metres.
    pub fn signed_distance_m(&self, p: &Point3<f64>) -> f64 {
        self.normal.dot(&p.coords) - self.offset_m
    }
}

/// The dominant plane whose normal lies within `max_tilt_rad` of `up`, by RANSAC with a fixed seed and a least-squares refit
/// (Fischler and Bolles 1981). The normal points along `up`.
///
/// # Errors
/// [`GeometryError::TooFewPoints`]; [`GeometryError::NotMeasurable`] when no plane holds enough points.
pub fn fit_plane(cloud: &PointCloud, up: &UnitVector3<f64>, max_tilt_rad: f64) -> Result<Plane, GeometryError> {
    let _ = (cloud, up, max_tilt_rad, Vector3::<f64>::z());
    todo!()
}

/// Height of the supporting plane below or above a point, with the plane's own sigma.
pub fn height_above_plane(plane: &Plane, p: &Point3<f64>, sigma_m: f64) -> Option<Quantity> {
    let _ = (plane, p, sigma_m);
    todo!()
}
