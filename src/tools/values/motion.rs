//! `Motion`: whether and how a thing moved over some seconds.

use crate::tools::Library;
use nalgebra::{Point3, Vector3};
use rhai::Dynamic;

use super::{MeasurementValue, RelationValue, ValueSpec};
use crate::{scene::FrameId, tools::arguments::list_of_point};

/// Whether a thing moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It clearly did not.
    Static,
    /// It clearly did.
    Moving,
    /// The images do not tell.
    Unknown,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Static => "static",
            State::Moving => "moving",
            State::Unknown => "unknown",
        }
    }
}

/// The motion of one thing.
#[derive(Clone, Debug)]
pub struct MotionValue {
    /// Whether it moved.
    pub state: State,
    /// Why that is not known.
    pub why: String,
    /// How clearly.
    pub relation: RelationValue,
    /// Of the line through its places.
    pub speed: MeasurementValue,
    /// The same with direction.
    pub velocity_m_per_s: Vector3<f64>,
    /// One standard deviation, each axis.
    pub velocity_sigma_m_per_s: f64,
    /// Between its last two images.
    pub is_moving_now: bool,
    /// Sum of its moves from one place that counts to the next; never shorter than the translation, 0 at rest.
    pub path: MeasurementValue,
    /// From first to last.
    pub translation_m: Vector3<f64>,
    /// Images in which it was measured.
    pub n_images: usize,
    /// From first to last.
    pub secs: f64,
    /// Its name.
    pub name: String,
    /// Frame of all directions.
    pub frame: FrameId,
}

/// The manual's entry.
pub const SPEC: ValueSpec = ValueSpec {
    name: "Motion",
    doc: "Whether and how a thing moved over the images of a window, in the fixed frame; the camera's own motion does not count.",
    members: &[
        (".state", "\"static\", \"moving\" or \"unknown\""),
        (".moving", "Relation, to submit or to read .holds; unclear when the state is unknown"),
        (".moving_now", "bool: between its last two images"),
        (".speed .path_length", "Measurement, m/s, of a line through its places; Measurement, metres"),
        (".velocity .velocity_sigma", "[vx, vy, vz] in .frame, m/s, and one standard deviation of each"),
        (".displacement", "[dx, dy, dz] from first to last image, metres"),
        (".heading", "angle of the velocity about +z of .frame, radians; () when it is not moving"),
        (".frame .secs .num_images", "frame of all directions; what it rests on"),
        (".why", "why the state is unknown"),
    ],
};

impl MotionValue {
    /// In a few words.
    pub fn text(&self) -> String {
        let v = self.velocity_m_per_s;
        let why = if self.why.is_empty() { String::new() } else { format!(": {}", self.why) };
        format!(
            "Motion of {}: {}{why}; speed {}, velocity [{:.3}, {:.3}, {:.3}] ± {:.3} m/s in {}, path {}, {} images over {:.2} s",
            self.name,
            self.state.word(),
            self.speed.quantity,
            v.x,
            v.y,
            v.z,
            self.velocity_sigma_m_per_s,
            self.frame,
            self.path.quantity,
            self.n_images,
            self.secs
        )
    }
}

/// Makes the type known to cells.
pub fn register(library: &mut Library) {
    library
        .register_type_with_name::<MotionValue>("Motion")
        .register_get("state", |m: &mut MotionValue| m.state.word())
        .register_get("why", |m: &mut MotionValue| m.why.clone())
        .register_get("moving", |m: &mut MotionValue| m.relation.clone())
        .register_get("moving_now", |m: &mut MotionValue| m.is_moving_now)
        .register_get("speed", |m: &mut MotionValue| m.speed.clone())
        .register_get("path_length", |m: &mut MotionValue| m.path.clone())
        .register_get("velocity", |m: &mut MotionValue| list_of_point(&Point3::from(m.velocity_m_per_s)))
        .register_get("velocity_sigma", |m: &mut MotionValue| {
            list_of_point(&Point3::from([m.velocity_sigma_m_per_s; 3]))
        })
        .register_get("displacement", |m: &mut MotionValue| list_of_point(&Point3::from(m.translation_m)))
        .register_get("heading", |m: &mut MotionValue| match m.state {
            State::Moving => Dynamic::from_float(m.velocity_m_per_s.y.atan2(m.velocity_m_per_s.x)),
            State::Static | State::Unknown => Dynamic::UNIT,
        })
        .register_get("frame", |m: &mut MotionValue| m.frame.to_string())
        .register_get("secs", |m: &mut MotionValue| m.secs)
        .register_get("num_images", |m: &mut MotionValue| m.n_images as i64)
        .register_fn("to_string", |m: &mut MotionValue| m.text())
        .register_fn("to_debug", |m: &mut MotionValue| m.text());
}
