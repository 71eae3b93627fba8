//! Spatial relations with an explicit reference frame: each yields a truth value and how clearly it holds.

use nalgebra::Point3;

use super::{GeometryError, PointCloud, Quantity, UprightBox};

/// A relation's verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    /// Whether it holds.
    pub holds: bool,
    /// Signed margin in metres or radians: positive when it holds. `|margin| < 2 sigma` is too close to call.
    pub margin: Quantity,
    /// What was compared, in words.
    pub basis: String,
}

impl Relation {
    /// Whether the margin is beyond two standard deviations.
    pub fn is_clear(&self) -> bool {
        self.margin.value().abs() >= 2.0 * self.margin.sigma()
    }
}

/// Side of a reference as seen by a viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Counter-clockwise about +z.
    Left,
    /// Clockwise about +z.
    Right,
    /// Nearer to the viewer.
    InFront,
    /// Farther from the viewer.
    Behind,
}

/// Where `target` lies relative to `reference` for somebody at `viewer_m` who looks at the reference (projective relation;
/// Levinson 1996's *relative* frame). All in one frame with +z up.
///
/// # Errors
/// [`GeometryError::NotMeasurable`] when the viewer stands at the reference.
pub fn side_of_reference(
    target: &UprightBox,
    reference: &UprightBox,
    viewer_m: &Point3<f64>,
    side: Side,
) -> Result<Relation, GeometryError> {
    let _ = (target, reference, viewer_m, side);
    todo!()
}

/// On which side of the frame's origin `target` lies, by the frame's own axes (*intrinsic* frame; REP-103: x forward, y left).
/// In front: within ±45° of +x; left, behind, right likewise.
///
/// # Errors
/// [`GeometryError::NotMeasurable`] when it is straight above or below.
pub fn side_of_origin(target: &UprightBox, side: Side) -> Result<Relation, GeometryError> {
    let _ = (target, side);
    todo!()
}

/// Whether `a` rests on `b`: its bottom touches `b`'s visible surface below `a`'s footprint.
///
/// # Errors
/// [`GeometryError::TooFewPoints`].
pub fn on_top_of(a: &PointCloud, b: &PointCloud) -> Result<Relation, GeometryError> {
    let _ = (a, b);
    todo!()
}

/// Whether `a` lies inside the container `b`: within its footprint, with its bottom below the rim and above the container's bottom.
///
/// # Errors
/// [`GeometryError::TooFewPoints`].
pub fn inside(a: &PointCloud, b: &PointCloud) -> Result<Relation, GeometryError> {
    let _ = (a, b);
    todo!()
}

/// Whether `a` is under `b`: below `b`'s lowest visible surface over the shared footprint, touching or not.
///
/// # Errors
/// [`GeometryError::TooFewPoints`].
pub fn under(a: &PointCloud, b: &PointCloud) -> Result<Relation, GeometryError> {
    let _ = (a, b);
    todo!()
}
