//! `OrientedBox`: the smallest box around a thing, in whatever direction it lies.

use std::sync::Arc;

use nalgebra::{Point3, Vector3};
use rhai::{Array, Dynamic};

use super::{
    MeasurementValue, ObjectValue, ValueSpec,
    propagation::{Errors, arithmetic},
};
use crate::{
    geometry::OrientedBox,
    tools::{
        Library, RhaiResult, ToolError,
        arguments::{list_of_point, point},
        geometry::angles::Line,
    },
};

/// The box of one thing.
#[derive(Clone, Debug)]
pub struct OrientedBoxValue(Arc<Inner>);

/// The parts of a box.
#[derive(Debug)]
pub struct Inner {
    /// The box.
    pub fitted: OrientedBox,
    /// What it was fitted to.
    pub thing: ObjectValue,
}

impl std::ops::Deref for OrientedBoxValue {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// The manual's entry.
pub const SPEC: ValueSpec = ValueSpec {
    name: "OrientedBox",
    doc: "The smallest box of any orientation around the visible surface of a thing; sides are sorted, longest first.",
    members: &[
        (".sides", "list of 3 Measurements, metres"),
        (".size .center", "[long, middle, short] and [x, y, z], metres"),
        (".axes", "list of 3 unit vectors along the sides"),
        (".axes_sigma", "one standard deviation of their directions, radians"),
        (".volume", "Measurement, m^3"),
        (".corners", "list of 8 [x, y, z]"),
        (".contains(p)", "bool"),
        (".angle_to(x)", "Measurement, radians; of its longest side, see tools.Geometry.angle_between"),
        (".frame .stamp", "of its coordinates"),
    ],
};

impl OrientedBoxValue {
    /// The box of a thing.
    pub fn new(fitted: OrientedBox, thing: ObjectValue) -> OrientedBoxValue {
        OrientedBoxValue(Arc::new(Inner { fitted, thing }))
    }

    /// In a few words.
    pub fn text(&self) -> String {
        let [long, middle, short] = &self.fitted.sides;
        let c = self.fitted.center_m;
        format!(
            "OrientedBox of {}: sides {long}, {middle}, {short}, center [{:.3}, {:.3}, {:.3}] m, frame {}",
            self.thing.name(),
            c.x,
            c.y,
            c.z,
            self.thing.points.frame
        )
    }

    fn side(&self, i: usize) -> Result<MeasurementValue, ToolError> {
        let names = ["longest", "middle", "shortest"];
        let (Some(side), Some(axis), Some(name)) = (self.fitted.sides.get(i), self.fitted.axes.get(i), names.get(i))
        else {
            return Err(ToolError::argument(format!("a box has 3 sides, there is no side {i}")));
        };
        let side = self.thing.whole_side(*side, axis, &format!("its {name} side"))?;
        let half: Vector3<f64> = axis * (side.value() / 2.0);
        let points = vec![self.fitted.center_m - half, self.fitted.center_m + half];
        let method = format!("{name} side of the oriented box of the visible part");
        MeasurementValue::of_objects(side, "side", &method, &[(&self.thing, "target")], points)
    }

    fn volume(&self) -> Result<MeasurementValue, ToolError> {
        let [a, b, c] = [self.side(0)?, self.side(1)?, self.side(2)?];
        let area = arithmetic(&a.quantity, &b.quantity, "*", Errors::Shared)?;
        let volume = arithmetic(&area, &c.quantity, "*", Errors::Shared)?;
        let method = "volume of the oriented box of the visible part";
        MeasurementValue::of_objects(volume, "volume", method, &[(&self.thing, "target")], Vec::new())
    }
}

/// Makes the type known to cells.
pub fn register(library: &mut Library) {
    library
        .register_type_with_name::<OrientedBoxValue>("OrientedBox")
        .register_get("sides", |b: &mut OrientedBoxValue| -> RhaiResult<Array> {
            Ok(vec![Dynamic::from(b.side(0)?), Dynamic::from(b.side(1)?), Dynamic::from(b.side(2)?)])
        })
        .register_get("size", |b: &mut OrientedBoxValue| {
            b.fitted.sides.iter().map(|side| Dynamic::from_float(side.value())).collect::<Array>()
        })
        .register_get("center", |b: &mut OrientedBoxValue| list_of_point(&b.fitted.center_m))
        .register_get("axes", |b: &mut OrientedBoxValue| {
            b.fitted.axes.iter().map(|axis| Dynamic::from(list_of_point(&Point3::from(*axis)))).collect::<Array>()
        })
        .register_get("axes_sigma", |b: &mut OrientedBoxValue| b.fitted.axes_sigma_rad)
        .register_get("volume", |b: &mut OrientedBoxValue| -> RhaiResult<MeasurementValue> { Ok(b.volume()?) })
        .register_get("corners", |b: &mut OrientedBoxValue| {
            b.fitted.corners_m().iter().map(|corner| Dynamic::from(list_of_point(corner))).collect::<Array>()
        })
        .register_get("frame", |b: &mut OrientedBoxValue| b.thing.points.frame.to_string())
        .register_get("stamp", |b: &mut OrientedBoxValue| b.thing.points.stamp.as_secs_f64())
        .register_fn("contains", |b: &mut OrientedBoxValue, p: Dynamic| -> RhaiResult<bool> {
            Ok(b.fitted.contains(&point(&p, "p")?, 0.0))
        })
        .register_fn("angle_to", |b: &mut OrientedBoxValue, to: Dynamic| -> RhaiResult<MeasurementValue> {
            Ok(Line::of(&Dynamic::from(b.clone()), "the box")?.angle_to(&Line::of(&to, "the other")?)?)
        })
        .register_fn("to_string", |b: &mut OrientedBoxValue| b.text())
        .register_fn("to_debug", |b: &mut OrientedBoxValue| b.text());
}
