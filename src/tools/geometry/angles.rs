//! Angles between planes, boxes and directions, and planes and boxes themselves.

use nalgebra::{UnitVector3, Vector3};
use rhai::Dynamic;

use super::shapes::direction;
use crate::{
    geometry::{Unit, oriented_box::oriented_box as fit_box, plane},
    tools::{
        ToolError,
        arguments::describe,
        values::{
            DirectionValue, MeasurementValue, ObjectValue, OrientedBoxValue, PlaneValue, measurement, object::named,
            plane::facing, propagation::finite,
        },
    },
};

/// Something with a direction: a plane by its normal, a box or thing by its longest side, or plain numbers.
pub struct Line {
    direction: Vector3<f64>,
    sigma_rad: f64,
    kind: LineKind,
    words: String,
    of: Option<ObjectValue>,
    /// Of a Direction: its own angle.
    measured: Option<MeasurementValue>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LineKind {
    /// Its surface is meant, not the normal.
    Plane,
    /// It has no sense: either end may be its head.
    Side,
    /// It has a head.
    Arrow,
}

impl Line {
    /// Reads a Plane, an OrientedBox, an Object, a Direction or `[x, y, z]`.
    ///
    /// # Errors
    /// Anything else; a thing without a box.
    pub fn of(value: &Dynamic, what: &str) -> Result<Line, ToolError> {
        if let Some(plane) = value.read_lock::<PlaneValue>() {
            return Ok(Line {
                direction: plane.plane.normal.into_inner(),
                sigma_rad: plane.normal_sigma_rad(),
                kind: LineKind::Plane,
                words: format!("plane of {}", plane.surface.name()),
                of: Some(plane.surface.clone()),
                measured: None,
            });
        }
        if let Some(fitted) = value.read_lock::<OrientedBoxValue>() {
            return Ok(Line::of_box(&fitted));
        }
        if let Some(object) = value.read_lock::<ObjectValue>() {
            return Ok(Line::of_box(&oriented_box(&object)?));
        }
        if let Some(towards) = value.read_lock::<DirectionValue>() {
            return Ok(Line {
                direction: towards.vector.coords,
                sigma_rad: towards.angle.quantity.sigma().hypot(towards.elevation.quantity.sigma()),
                kind: LineKind::Arrow,
                words: format!("direction from {} to {}", towards.from, towards.name),
                of: None,
                measured: Some(towards.angle.clone()),
            });
        }
        let direction = direction(value, what).map_err(|_| {
            let found = describe(value);
            ToolError::argument(format!(
                "{what} is {found}, wanted a Plane, an OrientedBox, an Object, a Direction or [x, y, z]"
            ))
        })?;
        let words = format!("[{:.3}, {:.3}, {:.3}]", direction.x, direction.y, direction.z);
        Ok(Line { direction, sigma_rad: 0.0, kind: LineKind::Arrow, words, of: None, measured: None })
    }

    fn of_box(fitted: &OrientedBoxValue) -> Line {
        let [axis, ..] = fitted.fitted.axes;
        Line {
            direction: axis,
            sigma_rad: fitted.fitted.axes_sigma_rad,
            kind: LineKind::Side,
            words: format!("longest side of {}", fitted.thing.name()),
            of: Some(fitted.thing.clone()),
            measured: None,
        }
    }

    /// The angle between two of them: 0 to 180° between two arrows, else 0 to 90°.
    ///
    /// # Errors
    /// Frames that differ; two plain directions, which have no evidence.
    pub fn angle_to(&self, other: &Line) -> Result<MeasurementValue, ToolError> {
        let cosine = self.direction.normalize().dot(&other.direction.normalize()).clamp(-1.0, 1.0);
        let angle_rad = match (self.kind, other.kind) {
            (LineKind::Arrow, LineKind::Arrow) => cosine.acos(),
            // A plane's surface stands square to its normal.
            (LineKind::Plane, LineKind::Side | LineKind::Arrow)
            | (LineKind::Side | LineKind::Arrow, LineKind::Plane) => cosine.abs().asin(),
            _ => cosine.abs().acos(),
        };
        let quantity = finite(angle_rad, self.sigma_rad.hypot(other.sigma_rad), Unit::Radian)?;
        let method = format!("angle between the {} and the {}", self.words, other.words);
        let objects: Vec<(&ObjectValue, &str)> = [(&self.of, "from"), (&other.of, "to")]
            .into_iter()
            .filter_map(|(of, role)| Some((of.as_ref()?, role)))
            .collect();
        if let [(a, _), (b, _)] = objects.as_slice() {
            crate::tools::viewpoint::same_frame(a, b)?;
        }
        if objects.is_empty() {
            let measured: Vec<&MeasurementValue> = [&self.measured, &other.measured].into_iter().flatten().collect();
            let Some(first) = measured.first() else {
                return Err(ToolError::argument(
                    "both are plain vectors, whose uncertainty is not known; pass the Objects, Planes, boxes or Directions \
                     they come from, or take angle_between_vectors and submit the angle with a sigma of your own",
                ));
            };
            if let Some(last) = measured.last().filter(|last| last.frame != first.frame) {
                let (a, b) = (&first.frame, &last.frame);
                return Err(ToolError::argument(format!(
                    "the directions are in the frames {a} and {b}; take both in one"
                )));
            }
            return Ok(MeasurementValue::new(measurement::Inner {
                quantity,
                frame: first.frame.clone(),
                stamp: first.stamp,
                method,
                subject: format!("{} and {}", self.words, other.words),
                evidence: measured.iter().flat_map(|measured| measured.evidence.iter().cloned()).collect(),
            }));
        }
        MeasurementValue::of_objects(quantity, "angle", &method, &objects, Vec::new())
    }
}

/// The angle between two planes, boxes, things or directions.
///
/// # Errors
/// See [`Line`].
pub fn angle_between(a: &Dynamic, b: &Dynamic) -> Result<MeasurementValue, ToolError> {
    Line::of(a, "a")?.angle_to(&Line::of(b, "b")?)
}

/// How far a plane may lean against the normal asked for: 30°.
const MAX_LEAN_RAD: f64 = std::f64::consts::FRAC_PI_6;

/// The dominant plane of a thing, in any direction or about the normal asked for.
///
/// # Errors
/// `NOT_MEASURABLE` when no plane holds a tenth of the points; `TOO_FEW_PIXELS`.
pub fn fit_plane(thing: &ObjectValue, normal: &Dynamic) -> Result<PlaneValue, ToolError> {
    let cloud = &thing.points.cloud;
    let (about, lean_rad) = match normal.is_unit() {
        true => (Vector3::z_axis(), std::f64::consts::FRAC_PI_2),
        false => (UnitVector3::new_normalize(direction(normal, "normal")?), MAX_LEAN_RAD),
    };
    let fitted = plane::fit_plane(cloud, &about, lean_rad).map_err(|error| named(error, &thing.name()))?;
    Ok(PlaneValue::new(facing(fitted, &cloud.viewpoint_m), thing.clone()))
}

/// The smallest box of any orientation around a thing.
///
/// # Errors
/// `TOO_FEW_PIXELS`.
pub fn oriented_box(thing: &ObjectValue) -> Result<OrientedBoxValue, ToolError> {
    let fitted = fit_box(thing.prepared()?).map_err(|error| named(error, &thing.name()))?;
    Ok(OrientedBoxValue::new(fitted, thing.clone()))
}
