//! Everyday functions that a Python-trained model reaches for: lists, texts, numbers, dicts.
//!
//! Where Rhai has a function of the same name with another meaning, the meaning of Python stands here; where the two cannot be told
//! apart, the call is refused with both ways to say it. Each file owns one kind of value; `support` holds what `habits` puts into cells.
//! Functions ask the meter for room before they make something large. They must know nothing of tools.

mod comparisons;
pub mod dict;
mod format;
mod items;
mod lists;
mod numbers;
mod ordering;
pub mod support;
mod texts;

use crate::tools::{Library, RhaiResult, ToolError};

pub use dict::{Dict, Dicts};
pub use items::room;

/// Makes them known.
pub fn register(library: &mut Library) {
    comparisons::register(library);
    numbers::register(library);
    texts::register(library);
    lists::register(library);
    ordering::register(library);
    dict::register(library);
    support::register(library);
}

fn mistake<T>(message: impl Into<String>) -> RhaiResult<T> {
    Err(ToolError::argument(message.into()).into())
}
