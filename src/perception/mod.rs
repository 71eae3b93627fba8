//! Port: who says which pixels belong to what.
//!
//! [`Segmenter`] is the trait; each other file is one implementation. Nothing here knows of scripts, agents or ROS.
//! To add a backend: one new file with its docs and tests, and one line in the configuration's list.

pub mod label_image;
pub mod name_match;

use std::sync::Arc;

use thiserror::Error;

use crate::{
    error_code::ErrorCode,
    geometry::Mask,
    scene::{InputProblem, View},
};

/// What to look for.
#[derive(Clone, Debug, PartialEq)]
pub enum Prompt {
    /// Words, such as "mug".
    Text(String),
    /// Everything the backend can name.
    Everything,
}

/// One instance found in one view.
#[derive(Clone, Debug)]
pub struct Segment {
    /// The object's name.
    pub label: String,
    /// Stable over views where the backend tracks instances.
    pub instance: Option<u32>,
    /// Its pixels, same size as the view's image.
    pub mask: Mask,
    /// Confidence, 0..=1.
    pub score: f32,
}

/// Why a backend gave no result. An empty result is not an error: the backend looked and found nothing.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum PerceptionError {
    /// The backend has nothing to look at, or does not answer.
    #[error(transparent)]
    Unavailable(#[from] InputProblem),
    /// The backend cannot take this kind of prompt.
    #[error("{backend} cannot take {found}; use {instead}")]
    UnsupportedPrompt {
        /// Backend's name.
        backend: String,
        /// What was asked.
        found: String,
        /// What to ask instead.
        instead: String,
    },
}

impl PerceptionError {
    /// The refusal it leads to.
    pub fn code(&self) -> ErrorCode {
        match self {
            PerceptionError::Unavailable(problem) => problem.code,
            PerceptionError::UnsupportedPrompt { .. } => ErrorCode::SegmentationUnavailable,
        }
    }
}

/// Finds the pixels of things.
pub trait Segmenter: Send + Sync {
    /// Short name for evidence and logs.
    fn name(&self) -> &str;

    /// Every instance that fits the prompt, best first. Empty: looked, and nothing is there.
    ///
    /// # Errors
    /// [`PerceptionError`] when it could not look.
    fn segment(&self, view: &View, prompt: &Prompt) -> Result<Vec<Segment>, PerceptionError>;
}

/// The backends one node uses.
#[derive(Clone)]
pub struct Perception {
    /// Answers text prompts.
    pub segmenter: Arc<dyn Segmenter>,
}
