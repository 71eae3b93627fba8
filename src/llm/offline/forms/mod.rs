//! The closed list of questions that need no language model, one file per topic. To add a form: one more entry in its topic's list.

pub mod count;
pub mod direction;
pub mod distance;
pub mod existence;
pub mod motion;
pub mod order;
pub mod size;
pub mod support;

use super::grammar::QuestionForm;

/// Every form, by topic. Where two read a question equally well, the earlier one wins.
pub const TOPICS: &[(&str, &[QuestionForm])] = &[
    ("Distance", distance::FORMS),
    ("Direction", direction::FORMS),
    ("Size and height", size::FORMS),
    ("Support and containment", support::FORMS),
    ("Counting", count::FORMS),
    ("Comparison and order", order::FORMS),
    ("Motion", motion::FORMS),
    ("Existence and fit", existence::FORMS),
];
