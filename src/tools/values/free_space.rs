//! `FreeSpace`: the room between two things.

use crate::tools::Library;
use nalgebra::Point3;

use super::{MeasurementValue, ValueSpec};
use crate::tools::geometry::space::obstacle_map;

/// The passage between two things.
#[derive(Clone, Debug)]
pub struct FreeSpaceValue {
    /// Horizontal gap between the two.
    pub gap: MeasurementValue,
    /// Widest lane that was seen to be free.
    pub width: MeasurementValue,
    /// Widest lane without a visible obstacle.
    pub possible: MeasurementValue,
    /// Share of the passage that no camera saw.
    pub unknown_share: f64,
    /// What is in the way, and where.
    pub obstacle: Option<(Point3<f64>, String)>,
    /// Length over which the two face each other, metres.
    pub length_m: f64,
    /// Names of the two.
    pub between: String,
}

/// The manual's entry.
pub const SPEC: ValueSpec = ValueSpec {
    name: "FreeSpace",
    doc: "The straight passage between two things above what they stand on. What no camera saw is unknown, not free.",
    members: &[
        (".gap", "Measurement: horizontal, between the two visible footprints"),
        (".width", "Measurement: widest lane that was seen to be free along the whole passage"),
        (".possible", "Measurement: widest lane without a visible obstacle; between .width and this nothing is known"),
        (".unknown_share", "share of the passage that no camera saw, 0..1"),
        (".obstacle", "#{name, position} of the first thing in the way, or ()"),
        (".length", "metres over which the two face each other"),
    ],
};

impl FreeSpaceValue {
    /// In a few words.
    pub fn text(&self) -> String {
        let obstacle = self.obstacle.as_ref().map(|(_, name)| format!(", in the way: {name}")).unwrap_or_default();
        format!(
            "FreeSpace between {}: gap {}, seen free {}, possibly {}, {:.0} % unseen{obstacle}",
            self.between,
            self.gap.quantity,
            self.width.quantity,
            self.possible.quantity,
            100.0 * self.unknown_share
        )
    }
}

/// Makes the type known to cells.
pub fn register(library: &mut Library) {
    library
        .register_type_with_name::<FreeSpaceValue>("FreeSpace")
        .register_get("gap", |f: &mut FreeSpaceValue| f.gap.clone())
        .register_get("width", |f: &mut FreeSpaceValue| f.width.clone())
        .register_get("possible", |f: &mut FreeSpaceValue| f.possible.clone())
        .register_get("unknown_share", |f: &mut FreeSpaceValue| f.unknown_share)
        .register_get("obstacle", |f: &mut FreeSpaceValue| obstacle_map(f))
        .register_get("length", |f: &mut FreeSpaceValue| f.length_m)
        .register_fn("to_string", |f: &mut FreeSpaceValue| f.text())
        .register_fn("to_debug", |f: &mut FreeSpaceValue| f.text());
}
