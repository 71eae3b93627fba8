//! `Direction`: where something lies, in words and by angle.

use crate::tools::Library;
use nalgebra::Point3;

use super::{MeasurementValue, ValueSpec};
use crate::{scene::FrameId, tools::arguments::list_of_point};

/// A direction from a place, by the axes of a frame.
#[derive(Clone, Debug)]
pub struct DirectionValue {
    /// Such as `front left`.
    pub word: &'static str,
    /// Whether the word is sure by two standard deviations.
    pub is_clear: bool,
    /// About +z of the frame, from its +x.
    pub angle: MeasurementValue,
    /// Above the frame's xy plane.
    pub elevation: MeasurementValue,
    /// Unit vector in the frame.
    pub vector: Point3<f64>,
    /// From where.
    pub from: String,
    /// Whose axes.
    pub frame: FrameId,
    /// Of what.
    pub name: String,
}

/// The manual's entry.
pub const SPEC: ValueSpec = ValueSpec {
    name: "Direction",
    doc: "Where something lies from a place, by the axes of a named frame (x forward, y left, z up).",
    members: &[
        (
            ".word",
            "\"in front\", \"front left\", \"left\", ... (sectors of 45 degrees), or \"above\", \"below\" when steeper than 60",
        ),
        (".clear", "whether the word is sure by two sigma"),
        (".angle .elevation", "Measurement, radians: about +z from +x, positive left; above the xy plane"),
        (".vector", "[x, y, z] unit vector in .frame"),
        (".from .frame", "from where, and whose axes"),
    ],
};

impl DirectionValue {
    /// In a few words.
    pub fn text(&self) -> String {
        let sure = if self.is_clear { "" } else { " (close to the next word)" };
        format!(
            "{} is {}{sure}: angle {}, elevation {}, seen from {}, axes of {}",
            self.name, self.word, self.angle.quantity, self.elevation.quantity, self.from, self.frame
        )
    }
}

/// Makes the type known to cells.
pub fn register(library: &mut Library) {
    library
        .register_type_with_name::<DirectionValue>("Direction")
        .register_get("word", |d: &mut DirectionValue| d.word)
        .register_get("clear", |d: &mut DirectionValue| d.is_clear)
        .register_get("angle", |d: &mut DirectionValue| d.angle.clone())
        .register_get("elevation", |d: &mut DirectionValue| d.elevation.clone())
        .register_get("vector", |d: &mut DirectionValue| list_of_point(&d.vector))
        .register_get("from", |d: &mut DirectionValue| d.from.clone())
        .register_get("frame", |d: &mut DirectionValue| d.frame.to_string())
        .register_fn("to_string", |d: &mut DirectionValue| d.text())
        .register_fn("to_debug", |d: &mut DirectionValue| d.text());
}
