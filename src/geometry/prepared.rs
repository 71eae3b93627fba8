//! A thing made ready to measure on, once: its prepared surface, its upright box and its ends. Preparation costs far more than any
//! single question about it, so whoever asks several keeps it.

use nalgebra::{Point3, Vector3};

use super::{
    GeometryError, PointCloud, Quantity, Unit, UprightBox,
    boxes::{End, box_of, extent_along, farthest_along},
    distance::{DistanceMeasurement, between_surfaces},
    surface::{Surface, pose_variance},
};

/// Where a thing begins and ends along a direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Lowest coordinate along the direction, metres.
    pub low: Quantity,
    /// Highest coordinate along the direction, metres.
    pub high: Quantity,
    /// The point at the lowest coordinate.
    pub low_m: Point3<f64>,
    /// The point at the highest coordinate.
    pub high_m: Point3<f64>,
}

/// The visible surface of one thing from one view, prepared.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub(super) surface: Surface,
    pub(super) upright: UprightBox,
    pub(super) top: End,
    /// Along -z: its value is minus the height.
    pub(super) bottom: End,
}

impl Prepared {
    /// Bytes that preparing takes for each point of the cloud, most of them for a moment only.
    pub const BYTES_PER_POINT: usize = 256;

    /// Prepares a cloud; `what` names it in the error. The cloud's frame must have +z up.
    ///
    /// # Errors
    /// [`GeometryError::TooFewPoints`] below 20 points.
    pub fn of(cloud: &PointCloud, what: &str) -> Result<Prepared, GeometryError> {
        let surface = Surface::of(cloud, what)?;
        let upright = box_of(&surface)?;
        let end = |direction: Vector3<f64>| {
            farthest_along(&surface.points, &direction)
                .ok_or_else(|| GeometryError::NotMeasurable(format!("the points of {what} have no finite extent")))
        };
        let (top, bottom) = (end(Vector3::z())?, end(-Vector3::z())?);
        Ok(Prepared { upright, top, bottom, surface })
    }

    /// The smallest upright box.
    pub fn upright_box(&self) -> &UprightBox {
        &self.upright
    }

    /// Its ends along a unit direction. `counts_placement`: whether sigma holds the placement of its view, which cancels between
    /// things of one view.
    ///
    /// # Errors
    /// [`GeometryError::NotMeasurable`] when the points have no finite extent.
    pub fn span_along(&self, direction: &Vector3<f64>, counts_placement: bool) -> Result<Span, GeometryError> {
        let not_finite = || GeometryError::NotMeasurable("the points have no finite extent".to_owned());
        let extent = extent_along(&self.surface, direction).ok_or_else(not_finite)?;
        let end = |end: &End| {
            let placed = pose_variance(&self.surface.pose_sigma, &end.point.ray, end.point.range_m, direction);
            let variance = end.variance + if counts_placement { placed } else { 0.0 };
            Quantity::new(end.value_m, variance.sqrt(), Unit::Metre).ok_or_else(not_finite)
        };
        Ok(Span {
            low: end(&extent.low)?,
            high: end(&extent.high)?,
            low_m: extent.low.point.p,
            high_m: extent.high.point.p,
        })
    }

    /// Where it was seen from.
    pub fn viewpoint_m(&self) -> Point3<f64> {
        self.surface.viewpoint_m
    }

    /// The view it was seen in; things of one view share the error of its placement.
    pub fn view_id(&self) -> u64 {
        self.surface.view_id
    }

    /// Smallest distance between two visible surfaces; see [`super::distance::surface_distance`].
    ///
    /// # Errors
    /// [`GeometryError::NotMeasurable`] when the points have no finite distance.
    pub fn distance_to(&self, other: &Prepared) -> Result<DistanceMeasurement, GeometryError> {
        between_surfaces(&self.surface, &other.surface)
    }
}
