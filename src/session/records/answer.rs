//! Answers, refusals and evidence.

use nalgebra::{Isometry3, Matrix6, Point3, Quaternion, Translation3, UnitQuaternion, Vector3};

use super::schema::{Real, record};
use crate::{
    agent::Outcome,
    answer::{Answer, AnswerValue, Evidence, Placement, Refusal},
    geometry::{PixelBox, Quantity, Unit},
    scene::{FrameId, Stamp},
};

record! {
    /// A position, metres.
    pub struct PointRecord {
        /// Forward, as a rule.
        pub x: Real,
        /// Left.
        pub y: Real,
        /// Up.
        pub z: Real,
    }
}

record! {
    /// A rotation.
    pub struct TurnRecord {
        /// Of the vector part.
        pub x: Real,
        /// Of the vector part.
        pub y: Real,
        /// Of the vector part.
        pub z: Real,
        /// The scalar part.
        pub w: Real,
    }
}

record! {
    /// A number with one standard deviation, both in `unit`.
    pub struct QuantityRecord {
        /// The value.
        pub value: f64,
        /// One standard deviation.
        pub sigma: f64,
        /// SI symbol, `1` for a bare number.
        pub unit: String,
        /// As people read it.
        pub text: String,
    }
}

record! {
    /// A place in a frame at a time.
    pub struct PlaceRecord {
        /// Frame of the coordinates.
        pub frame: String,
        /// Stamp of the image, nanoseconds.
        pub stamp_nanos: i64,
        /// Metres.
        pub position_m: PointRecord,
        /// Orientation.
        pub orientation: TurnRecord,
        /// x, y, z and rotations about them, row by row, m² and rad²: 36 numbers.
        pub covariance: Vec<Real>,
    }
}

record! {
    /// A box of pixels, both ends belong to it.
    pub struct RoiRecord {
        /// Left.
        pub u_min_px: u32,
        /// Top.
        pub v_min_px: u32,
        /// Right.
        pub u_max_px: u32,
        /// Bottom.
        pub v_max_px: u32,
    }
}

record! {
    /// What a value rests on.
    pub struct EvidenceRecord {
        /// Such as `mug#5@front`.
        pub id: String,
        /// The object's name.
        pub label: String,
        /// Part it plays.
        pub role: String,
        /// Camera.
        pub camera: String,
        /// Position of the view in the snapshot.
        pub view_idx: usize,
        /// Instance id in the segmentation.
        pub instance: Option<u32>,
        /// How it was measured.
        pub method: String,
        /// Centre and orientation of its box.
        pub place: PlaceRecord,
        /// Extent of the box along its own axes.
        pub size_m: PointRecord,
        /// Measured points.
        pub points_m: Vec<PointRecord>,
        /// What was measured between them.
        pub quantity: Option<QuantityRecord>,
        /// Pixels with depth.
        pub n_pixels: usize,
        /// Confidence.
        pub score: Real,
        /// Pixels it covers.
        pub roi: Option<RoiRecord>,
    }
}

record! {
    /// A submitted answer. Of the values, the one that `kind` names is there.
    pub struct AnswerRecord {
        /// `Number`, `Bool`, `Choice`, `Text`, `Point`, `Pose` or `List`.
        pub kind: String,
        /// In words.
        pub text: String,
        /// A number.
        pub number: Option<QuantityRecord>,
        /// Yes or no.
        pub truth: Option<bool>,
        /// The choice, or the text.
        pub words: Option<String>,
        /// Index in the goal's choices.
        pub choice_index: Option<usize>,
        /// Of a point or pose.
        pub place: Option<PlaceRecord>,
        /// Of a list.
        pub items: Option<Vec<String>>,
        /// Of a list, one for each item, or none.
        pub numbers: Option<Vec<QuantityRecord>>,
        /// What it rests on.
        pub evidence: Vec<EvidenceRecord>,
        /// The budget ended before the model submitted.
        pub forced: bool,
    }
}

record! {
    /// A typed refusal.
    pub struct RefusalRecord {
        /// Such as `NOT_VISIBLE`.
        pub code: String,
        /// Found values and what to do next.
        pub message: String,
    }
}

record! {
    /// How the goal ended. `elapsed_secs` is the only part that depends on a clock.
    pub struct OutcomeRecord {
        /// The answer.
        pub answer: Option<AnswerRecord>,
        /// Or why there is none.
        pub refusal: Option<RefusalRecord>,
        /// Cells run.
        pub n_steps: u32,
        /// Tools called.
        pub n_tool_calls: u32,
        /// Models that took part.
        pub models: Vec<String>,
        /// Tokens read.
        pub n_prompt_tokens: u64,
        /// Tokens written.
        pub n_completion_tokens: u64,
        /// Bytes sent to models.
        pub n_sent_bytes: u64,
        /// Cost by the configured prices, in millionths of their currency.
        pub cost_micro: Option<u64>,
        /// How the model acted last.
        pub interface: String,
        /// Of the last instructions; empty when no model was asked.
        pub prompt_hash: String,
        /// From acceptance to the end.
        pub elapsed_secs: Option<f64>,
        /// Entries that the writer could not take; a file that lacks some cannot be replayed.
        pub n_left_out: u64,
    }
}

const UNITS: [Unit; 8] = [
    Unit::Metre,
    Unit::Radian,
    Unit::Second,
    Unit::MetrePerSecond,
    Unit::RadianPerSecond,
    Unit::SquareMetre,
    Unit::CubicMetre,
    Unit::One,
];

impl From<&Quantity> for QuantityRecord {
    fn from(quantity: &Quantity) -> QuantityRecord {
        QuantityRecord {
            value: quantity.value(),
            sigma: quantity.sigma(),
            unit: quantity.unit().symbol().to_owned(),
            text: quantity.to_string(),
        }
    }
}

impl QuantityRecord {
    /// The quantity; `None` when the file was changed into something that cannot be.
    pub fn to_quantity(&self) -> Option<Quantity> {
        let unit = UNITS.into_iter().find(|unit| unit.symbol() == self.unit)?;
        Quantity::new(self.value, self.sigma, unit)
    }
}

impl From<&Point3<f64>> for PointRecord {
    fn from(point: &Point3<f64>) -> PointRecord {
        PointRecord { x: Real(point.x), y: Real(point.y), z: Real(point.z) }
    }
}

impl PointRecord {
    /// The point.
    pub fn to_point(&self) -> Point3<f64> {
        Point3::new(self.x.0, self.y.0, self.z.0)
    }
}

fn place(frame: &FrameId, stamp: Stamp, pose: &Isometry3<f64>, covariance: &Matrix6<f64>) -> PlaceRecord {
    let turn = pose.rotation.coords;
    PlaceRecord {
        frame: frame.to_string(),
        stamp_nanos: stamp.nanos,
        position_m: PointRecord::from(&Point3::from(pose.translation.vector)),
        orientation: TurnRecord { x: Real(turn.x), y: Real(turn.y), z: Real(turn.z), w: Real(turn.w) },
        // nalgebra stores columns.
        covariance: covariance.transpose().iter().copied().map(Real).collect(),
    }
}

impl From<&Placement> for PlaceRecord {
    fn from(placement: &Placement) -> PlaceRecord {
        place(&placement.frame, placement.stamp, &placement.frame_from_object, &placement.covariance)
    }
}

impl PlaceRecord {
    /// Position and orientation.
    pub fn to_isometry(&self) -> Isometry3<f64> {
        let TurnRecord { x, y, z, w } = &self.orientation;
        let position = self.position_m.to_point();
        // Not normalised again: a unit quaternion must come back to the bit.
        let turn = UnitQuaternion::new_unchecked(Quaternion::new(w.0, x.0, y.0, z.0));
        Isometry3::from_parts(Translation3::from(position.coords), turn)
    }
}

impl From<&Evidence> for EvidenceRecord {
    fn from(evidence: &Evidence) -> EvidenceRecord {
        let Evidence { id, label, role, camera, view_idx, instance, method, frame, stamp, .. } = evidence;
        EvidenceRecord {
            id: id.clone(),
            label: label.clone(),
            role: role.clone(),
            camera: camera.clone(),
            view_idx: *view_idx,
            instance: *instance,
            method: method.clone(),
            place: place(frame, *stamp, &evidence.frame_from_object, &evidence.covariance),
            size_m: PointRecord::from(&Point3::from(evidence.size_m)),
            points_m: evidence.points_m.iter().map(PointRecord::from).collect(),
            quantity: evidence.quantity.as_ref().map(QuantityRecord::from),
            n_pixels: evidence.n_pixels,
            score: Real(f64::from(evidence.score)),
            roi: evidence.roi.map(|PixelBox { u_min_px, v_min_px, u_max_px, v_max_px }| RoiRecord {
                u_min_px,
                v_min_px,
                u_max_px,
                v_max_px,
            }),
        }
    }
}

impl EvidenceRecord {
    /// The evidence, to be drawn.
    pub fn to_evidence(&self) -> Evidence {
        let numbers: Vec<f64> = self.place.covariance.iter().map(|number| number.0).collect();
        let covariance = if numbers.len() == 36 { Matrix6::from_row_slice(&numbers) } else { Matrix6::zeros() };
        Evidence {
            id: self.id.clone(),
            label: self.label.clone(),
            role: self.role.clone(),
            camera: self.camera.clone(),
            view_idx: self.view_idx,
            instance: self.instance,
            method: self.method.clone(),
            frame: FrameId::new(&self.place.frame),
            stamp: Stamp { nanos: self.place.stamp_nanos },
            frame_from_object: self.place.to_isometry(),
            covariance,
            size_m: Vector3::new(self.size_m.x.0, self.size_m.y.0, self.size_m.z.0),
            points_m: self.points_m.iter().map(PointRecord::to_point).collect(),
            quantity: self.quantity.as_ref().and_then(QuantityRecord::to_quantity),
            n_pixels: self.n_pixels,
            score: self.score.0 as f32,
            roi: self.roi.as_ref().map(|roi| PixelBox {
                u_min_px: roi.u_min_px,
                v_min_px: roi.v_min_px,
                u_max_px: roi.u_max_px,
                v_max_px: roi.v_max_px,
            }),
        }
    }
}

impl From<&Answer> for AnswerRecord {
    fn from(answer: &Answer) -> AnswerRecord {
        let empty = AnswerRecord {
            kind: format!("{:?}", answer.value.kind()),
            text: answer.text.clone(),
            evidence: answer.evidence.iter().map(EvidenceRecord::from).collect(),
            forced: answer.forced,
            ..AnswerRecord::default()
        };
        match &answer.value {
            AnswerValue::Number(quantity) => AnswerRecord { number: Some(quantity.into()), ..empty },
            AnswerValue::Bool(truth) => AnswerRecord { truth: Some(*truth), ..empty },
            AnswerValue::Choice { text, index } => {
                AnswerRecord { words: Some(text.clone()), choice_index: *index, ..empty }
            }
            AnswerValue::Text(text) => AnswerRecord { words: Some(text.clone()), ..empty },
            AnswerValue::Point(placement) | AnswerValue::Pose(placement) => {
                AnswerRecord { place: Some(placement.into()), ..empty }
            }
            AnswerValue::List { items, numbers } => AnswerRecord {
                items: Some(items.clone()),
                numbers: Some(numbers.iter().map(QuantityRecord::from).collect()),
                ..empty
            },
        }
    }
}

impl From<&Refusal> for RefusalRecord {
    fn from(refusal: &Refusal) -> RefusalRecord {
        RefusalRecord { code: refusal.code.name().to_owned(), message: refusal.message.clone() }
    }
}

impl From<&Outcome> for OutcomeRecord {
    fn from(outcome: &Outcome) -> OutcomeRecord {
        OutcomeRecord {
            answer: outcome.result.as_ref().ok().map(AnswerRecord::from),
            refusal: outcome.result.as_ref().err().map(RefusalRecord::from),
            n_steps: outcome.n_steps,
            n_tool_calls: outcome.n_tool_calls,
            models: outcome.models.clone(),
            n_prompt_tokens: outcome.n_prompt_tokens,
            n_completion_tokens: outcome.n_completion_tokens,
            n_sent_bytes: outcome.n_sent_bytes,
            cost_micro: Some(outcome.cost_micro),
            interface: outcome.interface.name().to_owned(),
            prompt_hash: outcome.prompt_hash.clone(),
            elapsed_secs: Some(outcome.elapsed.as_secs_f64()),
            n_left_out: 0,
        }
    }
}
