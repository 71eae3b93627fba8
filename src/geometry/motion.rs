//! Whether something moved between two views.

use nalgebra::Vector3;

use super::{GeometryError, PointCloud, Quantity, relations::Relation};

/// A displacement between two times.
#[derive(Clone, Debug, PartialEq)]
pub struct Displacement {
    /// Translation from the earlier to the later cloud, metres.
    pub translation_m: Vector3<f64>,
    /// Its length with sigma.
    pub distance: Quantity,
    /// Whether it moved by more than the larger of 3 sigma and `min_move_m`.
    pub moved: Relation,
}

/// Compares the visible surface of one object in two views, both in the fixed frame. A changed viewpoint alone must not look like
/// motion: the clouds are aligned by trimmed ICP (Chetverikov et al. 2002) started at no motion and at the median shift.
///
/// # Errors
/// [`GeometryError::TooFewPoints`]; [`GeometryError::NotMeasurable`] when the two views share too little surface.
pub fn displacement(earlier: &PointCloud, later: &PointCloud, min_move_m: f64) -> Result<Displacement, GeometryError> {
    let _ = (earlier, later, min_move_m);
    todo!()
}
