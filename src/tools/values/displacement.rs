//! `Displacement`: whether and how far a thing moved.

use crate::tools::Library;
use nalgebra::Point3;

use super::{MeasurementValue, RelationValue, ValueSpec};
use crate::tools::arguments::list_of_point;

/// A displacement between two times.
#[derive(Clone, Debug, PartialEq)]
pub struct DisplacementValue {
    /// Whether it moved.
    pub moved: RelationValue,
    /// How far.
    pub distance: MeasurementValue,
    /// From earlier to later, metres, fixed frame.
    pub translation_m: Point3<f64>,
}

/// The manual's entry.
pub const SPEC: ValueSpec = ValueSpec {
    name: "Displacement",
    doc: "Whether and how far a thing moved between two images.",
    members: &[
        (".moved", "bool"),
        (".relation", "Relation: how clearly it moved"),
        (".distance", "Measurement"),
        (".translation", "[dx, dy, dz] in the fixed frame, metres"),
    ],
};

impl DisplacementValue {
    /// In a few words.
    pub fn text(&self) -> String {
        let moved = if self.moved.relation.holds { "moved" } else { "did not move" };
        format!("{} {moved}: {}", self.distance.subject, self.distance.quantity)
    }
}

/// Makes the type known to cells.
pub fn register(library: &mut Library) {
    library
        .register_type_with_name::<DisplacementValue>("Displacement")
        .register_get("moved", |d: &mut DisplacementValue| d.moved.relation.holds)
        .register_get("relation", |d: &mut DisplacementValue| d.moved.clone())
        .register_get("distance", |d: &mut DisplacementValue| d.distance.clone())
        .register_get("translation", |d: &mut DisplacementValue| list_of_point(&d.translation_m))
        .register_fn("to_string", |d: &mut DisplacementValue| d.text())
        .register_fn("to_debug", |d: &mut DisplacementValue| d.text());
}
