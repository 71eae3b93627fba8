//! `Plane`: a flat surface with its error.

use std::sync::Arc;

use nalgebra::{Point3, Vector3};
use rhai::Dynamic;

use super::{MeasurementValue, ObjectValue, ValueSpec, object::named, propagation::finite};
use crate::{
    array::Arr,
    geometry::{Plane, Quantity, Unit},
    tools::{
        Library, RhaiResult, ToolError,
        arguments::{describe, list_of_point, object, optional_point},
        geometry::angles::Line,
    },
};

/// A plane fitted to the visible surface of something.
#[derive(Clone, Debug)]
pub struct PlaneValue(Arc<Inner>);

/// The parts of a plane.
#[derive(Debug)]
pub struct Inner {
    /// The plane; its normal points to the side from which it was seen.
    pub plane: Plane,
    /// What it was fitted to.
    pub surface: ObjectValue,
}

impl std::ops::Deref for PlaneValue {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// The manual's entry.
pub const SPEC: ValueSpec = ValueSpec {
    name: "Plane",
    doc: "A flat surface: all p with normal . p = offset; the normal points to the side from which it was seen.",
    members: &[
        (".normal .offset .center", "[x, y, z] unit vector; Measurement, metres; [x, y, z] where it is known best"),
        (".normal_sigma", "one standard deviation of the normal's direction, radians"),
        (".residual .inliers .inlier_share", "metres, how many points lie on it, their share of all"),
        (".distance_to(x)", "Measurement; signed for [x, y, z], 0 for a thing that it cuts"),
        (".height_of(thing)", "Measurement; how far the thing's far end stands off the plane, negative behind it"),
        (
            ".angle_to(x)",
            "Measurement, 0..90 degrees in radians; x is a Plane, an OrientedBox (its longest side) or a direction",
        ),
        (".project(p)", "[x, y, z], the nearest point on the plane"),
        (".frame .stamp", "of its coordinates"),
    ],
};

impl PlaneValue {
    /// A plane of a thing.
    pub fn new(plane: Plane, surface: ObjectValue) -> PlaneValue {
        PlaneValue(Arc::new(Inner { plane, surface }))
    }

    /// In a few words.
    pub fn text(&self) -> String {
        let n = self.plane.normal;
        format!(
            "Plane of {}: normal [{:.3}, {:.3}, {:.3}] ± {:.4} rad, offset {:.3} m, residual {:.4} m, {:.0} % of {} points, frame {}",
            self.surface.name(),
            n.x,
            n.y,
            n.z,
            self.normal_sigma_rad(),
            self.plane.offset_m,
            self.plane.residual_m,
            100.0 * self.plane.inlier_share,
            self.surface.points.cloud.len(),
            self.surface.points.frame
        )
    }

    /// One standard deviation of the normal's direction in the frame.
    pub fn normal_sigma_rad(&self) -> f64 {
        self.plane.tilt_sigma_rad().hypot(self.surface.points.cloud.pose_sigma.rotation_rad)
    }

    /// One standard deviation of where the plane is at `p` in the frame, with the placement of its view.
    fn placed_sigma_m(&self, p: &Point3<f64>) -> f64 {
        let cloud = &self.surface.points.cloud;
        let range_m = (self.plane.projected(p) - cloud.viewpoint_m).norm();
        let placed_m = cloud.pose_sigma.position_m.hypot(cloud.pose_sigma.rotation_rad * range_m);
        self.plane.sigma_at_m(p).hypot(placed_m)
    }

    fn offset(&self) -> Result<MeasurementValue, ToolError> {
        let foot = Point3::from(self.plane.normal.into_inner() * self.plane.offset_m);
        let quantity = finite(self.plane.offset_m, self.placed_sigma_m(&foot), Unit::Metre)?;
        self.measured(quantity, "offset", "plane's distance from the frame's origin", &[], vec![])
    }

    fn measured(
        &self,
        quantity: Quantity,
        role: &str,
        method: &str,
        things: &[(&ObjectValue, &str)],
        points_m: Vec<Point3<f64>>,
    ) -> Result<MeasurementValue, ToolError> {
        let mut objects = things.to_vec();
        objects.push((&self.surface, "surface"));
        MeasurementValue::of_objects(quantity, role, method, &objects, points_m)
    }

    fn distance_to(&self, to: &Dynamic) -> Result<MeasurementValue, ToolError> {
        if let Some(p) = optional_point(to)? {
            let quantity = finite(self.plane.signed_distance_m(&p), self.placed_sigma_m(&p), Unit::Metre)?;
            let points = vec![self.plane.projected(&p), p];
            return self.measured(quantity, "distance", "signed, from the plane to the position", &[], points);
        }
        let thing = object(to, "the thing")?;
        let (low, high) = self.ends(&thing)?;
        let nearest = match (low.0.value() > 0.0, high.0.value() < 0.0) {
            (true, _) => low,
            (false, true) => high,
            (false, false) => (finite(0.0, low.0.sigma().max(high.0.sigma()), Unit::Metre)?, low.1),
        };
        let points = vec![self.plane.projected(&nearest.1), nearest.1];
        self.measured(
            nearest.0,
            "distance",
            "signed, from the plane to the visible surface",
            &[(&thing, "target")],
            points,
        )
    }

    fn height_of(&self, thing: &ObjectValue) -> Result<MeasurementValue, ToolError> {
        let (_, (height, at)) = self.ends(thing)?;
        let points = vec![self.plane.projected(&at), at];
        self.measured(
            height,
            "height",
            "along the plane's normal, to the visible far end",
            &[(thing, "target")],
            points,
        )
    }

    /// Signed distances of a thing's two ends along the normal, with the points there.
    #[allow(clippy::type_complexity, reason = "two ends, each with its place")]
    fn ends(&self, thing: &ObjectValue) -> Result<((Quantity, Point3<f64>), (Quantity, Point3<f64>)), ToolError> {
        crate::tools::viewpoint::same_frame(&self.surface, thing)?;
        let is_one_view = self.surface.points.cloud.view_id == thing.points.cloud.view_id;
        let span = thing
            .prepared()?
            .span_along(&self.plane.normal, !is_one_view)
            .map_err(|error| named(error, &thing.name()))?;
        let end = |level: Quantity, at: Point3<f64>| {
            let own_m = if is_one_view { self.plane.sigma_at_m(&at) } else { self.placed_sigma_m(&at) };
            Ok::<_, ToolError>((
                finite(level.value() - self.plane.offset_m, level.sigma().hypot(own_m), Unit::Metre)?,
                at,
            ))
        };
        Ok((end(span.low, span.low_m)?, end(span.high, span.high_m)?))
    }
}

/// Makes the type known to cells.
pub fn register(library: &mut Library) {
    library
        .register_type_with_name::<PlaneValue>("Plane")
        .register_get("normal", |p: &mut PlaneValue| list_of_point(&Point3::from(p.plane.normal.into_inner())))
        .register_get("normal_sigma", |p: &mut PlaneValue| p.normal_sigma_rad())
        .register_get("offset", |p: &mut PlaneValue| -> RhaiResult<MeasurementValue> { Ok(p.offset()?) })
        .register_get("center", |p: &mut PlaneValue| list_of_point(&p.plane.centroid_m))
        .register_get("residual", |p: &mut PlaneValue| p.plane.residual_m)
        .register_get("inliers", |p: &mut PlaneValue| p.plane.n_inliers as i64)
        .register_get("inlier_share", |p: &mut PlaneValue| p.plane.inlier_share)
        .register_get("frame", |p: &mut PlaneValue| p.surface.points.frame.to_string())
        .register_get("stamp", |p: &mut PlaneValue| p.surface.points.stamp.as_secs_f64())
        .register_fn("distance_to", |p: &mut PlaneValue, to: Dynamic| -> RhaiResult<MeasurementValue> {
            Ok(p.distance_to(&to)?)
        })
        .register_fn("height_of", |p: &mut PlaneValue, thing: Dynamic| -> RhaiResult<MeasurementValue> {
            Ok(p.height_of(&object(&thing, "the thing")?)?)
        })
        .register_fn("angle_to", |p: &mut PlaneValue, to: Dynamic| -> RhaiResult<MeasurementValue> {
            Ok(Line::of(&Dynamic::from(p.clone()), "the plane")?.angle_to(&Line::of(&to, "the other")?)?)
        })
        .register_fn("project", |p: &mut PlaneValue, at: Dynamic| -> RhaiResult<Arr> {
            let Some(at) = optional_point(&at)? else {
                return Err(ToolError::argument(format!("p is {}, wanted [x, y, z]", describe(&at))).into());
            };
            Ok(list_of_point(&p.plane.projected(&at)))
        })
        .register_fn("to_string", |p: &mut PlaneValue| p.text())
        .register_fn("to_debug", |p: &mut PlaneValue| p.text());
}

/// A normal turned to the side of a viewpoint.
pub fn facing(mut plane: Plane, viewpoint_m: &Point3<f64>) -> Plane {
    if plane.signed_distance_m(viewpoint_m) < 0.0 {
        let normal: Vector3<f64> = -plane.normal.into_inner();
        plane.normal = nalgebra::UnitVector3::new_unchecked(normal);
        plane.offset_m = -plane.offset_m;
    }
    plane
}
