//! Port: who writes the cells.
//!
//! [`ChatModel`] is the trait; each other file is one implementation. A model sees text and pictures and replies with text; it knows
//! nothing of kernels or robots. To add a client: one new file, and one line in the configuration's list.

pub mod cell_status;
pub mod offline;
pub mod question_brief;
pub mod scripted;

use std::sync::Arc;

use futures::future::BoxFuture;
use image::RgbImage;
use thiserror::Error;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Instructions.
    System,
    /// The loop: question and feedback.
    User,
    /// The model.
    Assistant,
}

/// One turn of a conversation.
#[derive(Clone, Debug)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub text: String,
    /// Pictures after the text, in order.
    pub pictures: Vec<Picture>,
}

/// A picture with its label.
#[derive(Clone, Debug)]
pub struct Picture {
    /// What it shows.
    pub label: String,
    /// Pixels.
    pub image: Arc<RgbImage>,
}

/// A whole conversation to be continued.
#[derive(Clone, Debug)]
pub struct ChatRequest {
    /// Oldest first.
    pub messages: Vec<Message>,
}

/// Tokens used by one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Read.
    pub n_prompt_tokens: u64,
    /// Written.
    pub n_completion_tokens: u64,
}

/// What the model said.
#[derive(Clone, Debug, PartialEq)]
pub struct ChatReply {
    /// The text.
    pub text: String,
    /// Tokens used.
    pub usage: Usage,
}

/// Why a model gave no reply.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ModelError {
    /// It cannot be reached or answered with an error.
    #[error("model \"{model}\" is unavailable: {reason}")]
    Unavailable {
        /// The model's name.
        model: String,
        /// What was found.
        reason: String,
    },
    /// It can say at once that this question is outside what it can do.
    #[error("{0}")]
    UnsupportedQuestion(String),
}

/// Continues a conversation.
pub trait ChatModel: Send + Sync {
    /// Name for provenance and logs.
    fn name(&self) -> &str;

    /// The next assistant turn. Dropping the future cancels the call.
    fn complete<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatReply, ModelError>>;
}
