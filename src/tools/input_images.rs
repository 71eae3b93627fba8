//! `InputImages`: all views of the question.

use std::sync::Arc;

use rhai::{Array, Dynamic};

use super::{
    Kind, Session, ToolError,
    arguments::{describe, frame},
    values::{FrameValue, ImagesValue},
};

/// What [`frames`] reads.
pub const KIND: Kind =
    Kind::AnyOf(&[Kind::Value("InputImages"), Kind::Value("Frame"), Kind::ListOf(&Kind::Value("Frame"))]);

/// Every view, oldest first.
pub fn value(session: &Arc<Session>) -> ImagesValue {
    ImagesValue::all(&session.context.snapshot)
}

/// Frames from `InputImages`, a part of it, one frame, or a list of frames.
///
/// # Errors
/// When the argument is something else or holds no frame.
pub fn frames(value: &Dynamic, what: &str) -> Result<Vec<FrameValue>, ToolError> {
    let frames = if let Some(images) = value.read_lock::<ImagesValue>() {
        images.frames()
    } else if let Some(list) = value.read_lock::<Array>() {
        list.iter().enumerate().map(|(i, item)| frame(item, &format!("{what}[{i}]"))).collect::<Result<_, _>>()?
    } else if value.is::<FrameValue>() {
        vec![frame(value, what)?]
    } else {
        let found = describe(value);
        return Err(ToolError::argument(format!("{what} is {found}, wanted InputImages, a frame or a list of frames")));
    };
    if frames.is_empty() {
        return Err(ToolError::argument(format!("{what} holds no frame; use InputImages")));
    }
    Ok(frames)
}
