//! What a vision-language model found.

use std::sync::Arc;

use crate::tools::Library;
use rhai::{Array, Dynamic, Map};

use super::{FrameValue, ValueSpec};
use crate::llm::grounding::{Located, Mark, Place};

/// The result of `vlm.locate`.
#[derive(Clone)]
pub struct LocatedValue(Arc<Inner>);

struct Inner {
    question: String,
    located: Located,
    frames: Vec<FrameValue>,
}

/// The manual's entry.
pub const SPEC: ValueSpec = ValueSpec {
    name: "Located",
    doc: "Where a vision-language model sees something, or that it does not. Places are pixels of the picture they belong to.",
    members: &[
        (".visible", "whether it can point at it; look at this first"),
        (".reason", "what it sees there, or why it cannot point"),
        (".points", "list of [u, v]"),
        (".boxes", "list of [u_min, v_min, u_max, v_max]"),
        (".marks", "list of #{frame, label, point | box}: every place with the frame it is in"),
        (".question", "what was asked"),
    ],
};

impl LocatedValue {
    /// `frames` are the pictures that were looked at, in order.
    pub fn new(question: &str, located: Located, frames: &[FrameValue]) -> LocatedValue {
        LocatedValue(Arc::new(Inner { question: question.to_owned(), located, frames: frames.to_vec() }))
    }

    /// In a few words.
    pub fn text(&self) -> String {
        let Inner { question, located, .. } = &*self.0;
        let n_points = located.marks.iter().filter(|mark| matches!(mark.place, Place::Point(_))).count();
        let n_boxes = located.marks.len() - n_points;
        match located.is_visible {
            true => format!("{question:?} visible, {n_points} points, {n_boxes} boxes: {}", located.reason),
            false => format!("{question:?} not visible: {}", located.reason),
        }
    }

    fn points(&self) -> Array {
        let point = |mark: &Mark| match mark.place {
            Place::Point(point) => Some(floats(&point)),
            Place::Box(_) => None,
        };
        self.0.located.marks.iter().filter_map(point).collect()
    }

    fn boxes(&self) -> Array {
        let a_box = |mark: &Mark| match mark.place {
            Place::Box(corners) => Some(floats(&corners)),
            Place::Point(_) => None,
        };
        self.0.located.marks.iter().filter_map(a_box).collect()
    }

    fn marks(&self) -> Array {
        let mark = |mark: &Mark| {
            let frame = self.0.frames.get(mark.picture_idx).cloned().map_or(Dynamic::UNIT, Dynamic::from);
            let (name, place) = match &mark.place {
                Place::Point(point) => ("point", floats(point)),
                Place::Box(corners) => ("box", floats(corners)),
            };
            let entries: [(&str, Dynamic); 3] = [("frame", frame), ("label", mark.label.clone().into()), (name, place)];
            Dynamic::from(entries.into_iter().map(|(key, value)| (key.into(), value)).collect::<Map>())
        };
        self.0.located.marks.iter().map(mark).collect()
    }
}

fn floats(values: &[f64]) -> Dynamic {
    Dynamic::from(values.iter().map(|value| Dynamic::from(*value)).collect::<Array>())
}

/// Makes the type known to cells.
pub fn register(library: &mut Library) {
    library
        .register_type_with_name::<LocatedValue>("Located")
        .register_get("visible", |l: &mut LocatedValue| l.0.located.is_visible)
        .register_get("reason", |l: &mut LocatedValue| l.0.located.reason.clone())
        .register_get("question", |l: &mut LocatedValue| l.0.question.clone())
        .register_get("points", |l: &mut LocatedValue| l.points())
        .register_get("boxes", |l: &mut LocatedValue| l.boxes())
        .register_get("marks", |l: &mut LocatedValue| l.marks())
        .register_fn("to_string", |l: &mut LocatedValue| l.text())
        .register_fn("to_debug", |l: &mut LocatedValue| l.text());
}
