//! Port: who says which pixels belong to what.
//!
//! [`Segmenter`] is the trait for things, [`TextReader`] the one for writing. Nothing here knows of scripts, agents or ROS. To add a
//! backend: one new file with its docs and tests, and one line in the configuration's list.

pub mod label_image;
pub mod name_match;
pub mod prompt;
pub mod text_reader;

use std::sync::Arc;

pub use prompt::{Prompt, PromptKind, PromptPoint};
pub use text_reader::{TextLine, TextReader};
use thiserror::Error;

use crate::{
    error_code::ErrorCode,
    geometry::Mask,
    scene::{InputProblem, View},
};

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
    /// `segmenter` does not take `kind`.
    pub fn unsupported(segmenter: &(impl Segmenter + ?Sized), kind: PromptKind) -> PerceptionError {
        let takes: Vec<&str> = segmenter.takes().iter().map(|kind| kind.words()).collect();
        PerceptionError::UnsupportedPrompt {
            backend: segmenter.name().to_owned(),
            found: kind.words().to_owned(),
            instead: takes.join(", "),
        }
    }

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

    /// Kinds of prompts it takes; others end in [`PerceptionError::UnsupportedPrompt`].
    fn takes(&self) -> &[PromptKind] {
        &[PromptKind::Text, PromptKind::Everything]
    }

    /// Every instance that fits the prompt, best first. Empty: looked, and nothing is there. What fits points holds at least one
    /// foreground point and no background point; what fits a box overlaps it by [`prompt::MIN_BOX_IOU`].
    ///
    /// # Errors
    /// [`PerceptionError`] when it could not look, or when it does not take this kind of prompt.
    fn segment(&self, view: &View, prompt: &Prompt) -> Result<Vec<Segment>, PerceptionError>;
}

/// The backends one node uses.
#[derive(Clone)]
pub struct Perception {
    /// Says which pixels belong to what.
    pub segmenter: Arc<dyn Segmenter>,
    /// Reads writing; none where no model for it is configured.
    pub text_reader: Option<Arc<dyn TextReader>>,
}

impl Perception {
    /// With a segmenter alone.
    pub fn new(segmenter: Arc<dyn Segmenter>) -> Perception {
        Perception { segmenter, text_reader: None }
    }
}
