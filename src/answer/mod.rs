//! What a question can end with: a typed value with evidence, or a refusal.

pub mod canvas;
pub mod picture;

use nalgebra::{Isometry3, Matrix6, Point3, Vector3};
use serde::{Deserialize, Serialize};

use crate::{
    error_code::ErrorCode,
    geometry::{PixelBox, Quantity},
    scene::{FrameId, Stamp},
};

/// How a goal wants its value typed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnswerKind {
    /// The question decides.
    #[default]
    Any,
    /// A quantity.
    Number,
    /// Yes or no.
    Bool,
    /// One of the goal's choices.
    Choice,
    /// Words.
    Text,
    /// A position.
    Point,
    /// Position and orientation.
    Pose,
    /// Several items in order.
    List,
}

/// A place in a frame at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Placement {
    /// Frame of position and orientation.
    pub frame: FrameId,
    /// Stamp of the image it was measured in.
    pub stamp: Stamp,
    /// Position and orientation.
    pub frame_from_object: Isometry3<f64>,
    /// x, y, z, rotations about x, y, z (REP-103), m² and rad².
    pub covariance: Matrix6<f64>,
}

/// A typed value.
#[derive(Clone, Debug, PartialEq)]
pub enum AnswerValue {
    /// A measured number.
    Number(Quantity),
    /// Yes or no.
    Bool(bool),
    /// One of several, with its index in the goal's choices if it had any.
    Choice {
        /// As named.
        text: String,
        /// Index in the goal's choices.
        index: Option<usize>,
    },
    /// Words.
    Text(String),
    /// A position; the orientation is the identity.
    Point(Placement),
    /// Position and orientation.
    Pose(Placement),
    /// Items in order, with a number each where all have one.
    List {
        /// Names.
        items: Vec<String>,
        /// Same length as `items`, or empty.
        numbers: Vec<Quantity>,
    },
}

impl AnswerValue {
    /// The kind of this value.
    pub fn kind(&self) -> AnswerKind {
        match self {
            AnswerValue::Number(_) => AnswerKind::Number,
            AnswerValue::Bool(_) => AnswerKind::Bool,
            AnswerValue::Choice { .. } => AnswerKind::Choice,
            AnswerValue::Text(_) => AnswerKind::Text,
            AnswerValue::Point(_) => AnswerKind::Point,
            AnswerValue::Pose(_) => AnswerKind::Pose,
            AnswerValue::List { .. } => AnswerKind::List,
        }
    }
}

/// What a value rests on: one object or one measurement in one image. Coordinates are in `frame` at `stamp`.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Stable within one answer, such as `mug#5@front`.
    pub id: String,
    /// The object's name.
    pub label: String,
    /// Part it plays: `from`, `to`, `target`, `reference`, `viewpoint`, `surface`, `candidate`, `distance`, ...
    pub role: String,
    /// Camera name.
    pub camera: String,
    /// Index of the view in the snapshot.
    pub view_idx: usize,
    /// Instance id in the segmentation, if it has one.
    pub instance: Option<u32>,
    /// How it was measured.
    pub method: String,
    /// Frame of all coordinates.
    pub frame: FrameId,
    /// Stamp of the image.
    pub stamp: Stamp,
    /// Centre and orientation of the box (or of the points).
    pub frame_from_object: Isometry3<f64>,
    /// Of the centre, 6×6 row-major order of REP-103.
    pub covariance: Matrix6<f64>,
    /// Box extent along its own axes, metres; zero when none was measured.
    pub size_m: Vector3<f64>,
    /// Measured points, such as the two ends of a distance.
    pub points_m: Vec<Point3<f64>>,
    /// What was measured between the points, if they belong to a measurement.
    pub quantity: Option<Quantity>,
    /// Pixels with depth.
    pub n_pixels: usize,
    /// Segmentation confidence.
    pub score: f32,
    /// Bounding box in the image.
    pub roi: Option<PixelBox>,
}

/// A submitted answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Typed value.
    pub value: AnswerValue,
    /// In words, with unit and frame.
    pub text: String,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// The budget ended before the model submitted.
    pub forced: bool,
}

/// A typed refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Why.
    pub code: ErrorCode,
    /// The values found and what to do next. Never empty.
    pub message: String,
}
