//! `Relation`: a verdict with the margin by which it holds.

use std::sync::Arc;

use crate::tools::Library;
use rhai::Dynamic;

use super::{MeasurementValue, ValueSpec, measurement};
use crate::{
    answer::Evidence,
    geometry::relations::Relation,
    scene::{FrameId, Stamp},
};

/// A relation and what it rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct RelationValue {
    /// The verdict.
    pub relation: Relation,
    /// Of what, such as `mug#5 left of bowl#3`.
    pub subject: String,
    /// Frame it was judged in.
    pub frame: FrameId,
    /// Stamp of the image.
    pub stamp: Stamp,
    /// Objects and margin.
    pub evidence: Arc<[Evidence]>,
}

/// The manual's entry.
pub const SPEC: ValueSpec = ValueSpec {
    name: "Relation",
    doc: "A verdict with the margin by which it holds. Usable where a bool is wanted through `.holds`.",
    members: &[
        (".holds", "bool"),
        (".margin", "Measurement; positive when it holds"),
        (".clear", "whether the margin is beyond two sigma; an unclear one cannot be submitted"),
        (".basis", "what was compared"),
    ],
};

impl RelationValue {
    /// `true (margin 0.123 ± 0.004 m; basis)`.
    pub fn text(&self) -> String {
        let Relation { holds, margin, basis } = &self.relation;
        format!("{holds} (margin {margin}; {basis})")
    }

    /// The margin as a measurement.
    pub fn margin(&self) -> MeasurementValue {
        MeasurementValue::new(measurement::Inner {
            quantity: self.relation.margin,
            frame: self.frame.clone(),
            stamp: self.stamp,
            method: "margin".to_owned(),
            subject: self.subject.clone(),
            evidence: self.evidence.to_vec(),
        })
    }

    /// The opposite verdict by the same margin.
    pub fn negated(&self) -> RelationValue {
        let margin = self.relation.margin;
        let margin = crate::geometry::Quantity::new(-margin.value(), margin.sigma(), margin.unit()).unwrap_or(margin);
        let basis = format!("not: {}", self.relation.basis);
        let relation = Relation { holds: !self.relation.holds, margin, basis };
        RelationValue { relation, subject: format!("not: {}", self.subject), ..self.clone() }
    }
}

/// Makes the type known to cells.
pub fn register(library: &mut Library) {
    library
        .register_type_with_name::<RelationValue>("Relation")
        .register_get("holds", |r: &mut RelationValue| r.relation.holds)
        .register_get("margin", |r: &mut RelationValue| r.margin())
        .register_get("clear", |r: &mut RelationValue| r.relation.is_clear())
        .register_get("basis", |r: &mut RelationValue| r.relation.basis.clone())
        .register_get("frame", |r: &mut RelationValue| r.frame.to_string())
        .register_get("stamp", |r: &mut RelationValue| r.stamp.as_secs_f64())
        .register_get("text", |r: &mut RelationValue| r.text())
        .register_fn("!", |r: RelationValue| r.negated())
        .register_fn("==", |r: RelationValue, b: bool| r.relation.holds == b)
        .register_fn("!=", |r: RelationValue, b: bool| r.relation.holds != b)
        .register_fn("to_string", |r: &mut RelationValue| r.text())
        .register_fn("to_debug", |r: &mut RelationValue| Dynamic::from(r.text()));
}
