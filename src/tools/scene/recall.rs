//! What earlier questions measured. It is never mixed with what is visible: a memory is a value of its own.

use std::sync::Arc;

use rhai::{Array, Dynamic};

use crate::{
    error_code::ErrorCode,
    perception::name_match::best_matches,
    tools::{Session, ToolError, values::RememberedValue},
};

/// Everything remembered, seen last first.
pub fn remembered(session: &Arc<Session>) -> Array {
    let mut all = all(session);
    all.sort_by_key(|one| std::cmp::Reverse(one.object().last.stamp));
    all.into_iter().map(Dynamic::from).collect()
}

/// The one remembered thing of this name.
///
/// # Errors
/// `NOT_VISIBLE` when there is none, `AMBIGUOUS_REFERENT` when there are several.
pub fn recall(session: &Arc<Session>, name: &str) -> Result<RememberedValue, ToolError> {
    let mut found = matching(session, name);
    match found.len() {
        0 => {
            let memory = &session.context.snapshot.memory;
            let mut names: Vec<&str> = memory.objects.iter().map(|object| object.last.label.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            let known = match (names.is_empty(), &memory.cleared) {
                (false, _) => format!("; remembered: {}", names.join(", ")),
                (true, Some(reason)) => format!("; nothing is remembered, all was forgotten because {reason}"),
                (true, None) => "; nothing is remembered".to_owned(),
            };
            Err(ToolError::new(ErrorCode::NotVisible, format!("{name:?} was measured by no earlier question{known}")))
        }
        1 => Ok(found.remove(0)),
        n => {
            let places: Vec<String> = found.iter().map(RememberedValue::place_text).collect();
            Err(ToolError::new(
                ErrorCode::AmbiguousReferent,
                format!(
                    "{name:?} fits {n} remembered things: {}; choose from tools.Scene.remembered()",
                    places.join(", ")
                ),
            ))
        }
    }
}

/// For the message that a thing is not visible: where it was seen last.
pub fn hint(session: &Arc<Session>, name: &str) -> String {
    let mut found = matching(session, name);
    found.sort_by_key(|one| std::cmp::Reverse(one.object().last.stamp));
    match found.first() {
        Some(newest) => format!("; {}; tools.Scene.recall({name:?}) tells more", newest.place_text()),
        None => String::new(),
    }
}

fn all(session: &Arc<Session>) -> Vec<RememberedValue> {
    let n = session.context.snapshot.memory.objects.len();
    (0..n).filter_map(|index| RememberedValue::new(session, index)).collect()
}

fn matching(session: &Arc<Session>, name: &str) -> Vec<RememberedValue> {
    let objects = &session.context.snapshot.memory.objects;
    let labels = objects.iter().map(|object| object.last.label.as_str());
    best_matches(name, labels).into_iter().filter_map(|index| RememberedValue::new(session, index)).collect()
}
