//! `Metadata`: the question and its world, read-only.

use std::sync::Arc;

use rhai::{Array, Dynamic};

use super::{Library, Session, values::ValueSpec};

/// Reads from the session.
#[derive(Clone)]
pub struct MetadataValue(Arc<Session>);

/// The manual's entry.
pub const SPEC: ValueSpec = ValueSpec {
    name: "Metadata",
    doc: "The question and its world, read-only.",
    members: &[
        (".question .choices .answer_kind", "as asked"),
        (".target_frame .fixed_frame .robot_frame", "frame of answers, of measurements (+z up), of the robot"),
        (".num_images .cameras", "what can be seen"),
        (".newest_stamp .window_secs", "seconds of ROS time, and from oldest to newest image"),
    ],
};

impl MetadataValue {
    /// For one goal.
    pub fn new(session: &Arc<Session>) -> MetadataValue {
        MetadataValue(session.clone())
    }

    fn cameras(&self) -> Array {
        let mut names: Vec<String> = Vec::new();
        for view in &self.0.context.snapshot.views {
            if !names.iter().any(|name| **name == *view.camera) {
                names.push(view.camera.to_string());
            }
        }
        names.into_iter().map(Dynamic::from).collect()
    }

    fn window_secs(&self) -> f64 {
        let views = &self.0.context.snapshot.views;
        views.first().zip(views.last()).map_or(0.0, |(oldest, newest)| newest.stamp.secs_since(oldest.stamp))
    }

    fn text(&self) -> String {
        let context = &self.0.context;
        let (snapshot, question) = (&context.snapshot, &context.question);
        format!("Metadata: {question:?}, {} images, fixed frame {}", snapshot.views.len(), snapshot.fixed_frame)
    }
}

/// Makes the type known to cells.
pub fn register(library: &mut Library) {
    library
        .register_type_with_name::<MetadataValue>("Metadata")
        .register_get("num_images", |m: &mut MetadataValue| m.0.context.snapshot.views.len() as i64)
        .register_get("cameras", |m: &mut MetadataValue| m.cameras())
        .register_get("fixed_frame", |m: &mut MetadataValue| m.0.context.snapshot.fixed_frame.to_string())
        .register_get("robot_frame", |m: &mut MetadataValue| m.0.context.snapshot.robot_frame.to_string())
        .register_get("question", |m: &mut MetadataValue| m.0.context.question.clone())
        .register_get("choices", |m: &mut MetadataValue| {
            m.0.context.choices.iter().map(|c| Dynamic::from(c.clone())).collect::<Array>()
        })
        .register_get("answer_kind", |m: &mut MetadataValue| format!("{:?}", m.0.context.answer_kind))
        .register_get("target_frame", |m: &mut MetadataValue| m.0.context.target_frame.to_string())
        .register_get("newest_stamp", |m: &mut MetadataValue| {
            m.0.context.snapshot.views.last().map_or(0.0, |view| view.stamp.as_secs_f64())
        })
        .register_get("window_secs", |m: &mut MetadataValue| m.window_secs())
        .register_fn("to_string", |m: &mut MetadataValue| m.text())
        .register_fn("to_debug", |m: &mut MetadataValue| m.text());
}
