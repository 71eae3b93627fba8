//! The loop from question to answer: prompt, reply, cell, feedback, until a submission or a limit.
//!
//! It knows models through [`ChatModel`](crate::llm::ChatModel) and cells through the kernel, and nothing of ROS. Each file is one
//! part of a turn; what a model reads stands in `prompts/` and [`feedback`], and is held by snapshots.

pub mod feedback;
pub mod prompt;
pub mod reply;
pub mod session_sink;
pub mod solve;

pub use session_sink::SessionSink;
pub use solve::Agent;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    answer::{Answer, AnswerKind, Refusal},
    scene::{FrameId, Snapshot},
};

/// One question with its limits.
#[derive(Clone, Debug)]
pub struct Goal {
    /// For logs and records.
    pub session_id: String,
    /// As asked.
    pub question: String,
    /// Allowed answers; empty = any.
    pub choices: Vec<String>,
    /// How the value must be typed.
    pub answer_kind: AnswerKind,
    /// Frame of points and poses in the answer.
    pub target_frame: FrameId,
    /// Steady time at which the goal ends.
    pub deadline: Instant,
    /// Cells at most.
    pub max_steps: u32,
    /// Window asked about, seconds, when the goal named one.
    pub window_secs: Option<f64>,
}

/// How a goal ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The value, or why there is none.
    pub result: Result<Answer, Refusal>,
    /// Cells run.
    pub n_steps: u32,
    /// Tools called.
    pub n_tool_calls: u32,
    /// Models that took part.
    pub models: Vec<String>,
    /// Tokens read.
    pub n_prompt_tokens: u64,
    /// Tokens written.
    pub n_completion_tokens: u64,
    /// Steady time from start to end.
    pub elapsed: Duration,
    /// What the question could see; for markers and pictures.
    pub snapshot: Option<Arc<Snapshot>>,
}

/// Stages of the loop, as in the action's feedback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Waiting for the running goal to end.
    Queued,
    /// Collecting images and transforms.
    Snapshot,
    /// Planning.
    Plan,
    /// The model writes a cell.
    Generate,
    /// The cell is checked.
    Check,
    /// The cell runs.
    Run,
    /// Its results are fed back.
    Observe,
    /// Progress is reviewed.
    Reflect,
    /// Submitted.
    Answer,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// Where in the loop.
    pub stage: Stage,
    /// 1-based step; 0 before the first cell.
    pub step: u32,
    /// The cell's purpose.
    pub purpose: String,
    /// The cell.
    pub code: String,
    /// What it printed, or why it failed.
    pub output: String,
}

/// Receives events; must not block.
pub type EventSink = Arc<dyn Fn(Event) + Send + Sync>;
