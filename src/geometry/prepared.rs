//! A thing made ready to measure on, once: its prepared surface, its upright box and its ends. Preparation costs far more than any
//! single question about it, so whoever asks several keeps it.

use std::sync::OnceLock;

use nalgebra::{Point3, Vector3};

use super::{
    GeometryError, PointCloud, Quantity, Unit, UprightBox,
    boxes::{End, box_of, extent_along, farthest_along},
    distance::{DistanceMeasurement, between_surfaces},
    seen_ends::SeenEnds,
    surface::{Surface, pose_variance},
    surroundings::Surroundings,
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

/// Walls of what holds a thing are at most so far from its corners.
const WALLS_WITHIN_M: f64 = 0.15;

/// What covers the foot of a thing.
#[derive(Clone, Debug, PartialEq)]
pub struct HiddenFoot {
    /// The thing reaches lower than what is visible of it by this at most, metres; infinite at the border of the image.
    pub reach_m: f64,
    /// Name of what covers it.
    pub by: String,
}

/// The visible surface of one thing from one view, prepared.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub(super) surface: Surface,
    pub(super) upright: UprightBox,
    pub(super) top: End,
    /// Along -z: its value is minus the height.
    pub(super) bottom: End,
    /// `None` when the whole foot is seen, or it is not known.
    pub(super) hidden_foot: Option<HiddenFoot>,
    around: Option<Surroundings>,
    seen_ends: OnceLock<SeenEnds>,
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
        Ok(Prepared { upright, top, bottom, surface, hidden_foot: None, around: None, seen_ends: OnceLock::new() })
    }

    /// The same with what its image shows around it, which tells what may be hidden; `name_of` names what is at a pixel, `None` standing
    /// for the image's border.
    #[must_use]
    pub fn seen_in(self, around: &Surroundings, name_of: impl Fn(Option<(u32, u32)>) -> String) -> Prepared {
        let hidden = around.hidden_foot(self.bottom.variance.sqrt());
        let hidden_foot = hidden.map(|end| HiddenFoot { reach_m: end.reach_m, by: name_of(end.pixel) });
        Prepared { hidden_foot, around: Some(around.clone()), ..self }
    }

    /// Whether something else rises above a level all around it: it lies in that.
    pub(super) fn is_enclosed_above(&self, level_m: f64) -> bool {
        let UprightBox { center_m, length, width, .. } = &self.upright;
        let within_m = length.value().hypot(width.value()) / 2.0 + WALLS_WITHIN_M;
        self.around.as_ref().is_some_and(|around| around.is_enclosed([center_m.x, center_m.y], within_m, level_m))
    }

    /// How far inside of its edge a place of the horizontal plane is at most, if it is convex; infinite where no end is seen.
    pub(super) fn most_inside_m(&self, place: [f64; 2]) -> Option<f64> {
        let around = self.around.as_ref()?;
        Some(self.seen_ends.get_or_init(|| SeenEnds::of(&self.upright, around)).most_inside_m(place))
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
