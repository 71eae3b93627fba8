//! The loop from question to answer: prompt, reply, cell, feedback, until a submission or a limit.
//!
//! It knows models through [`ChatModel`](crate::llm::ChatModel) and cells through the kernel, and nothing of ROS. [`solve`] bounds a
//! goal in time, [`turns`] goes from turn to turn; each other file is one part of that. How a model acts is a port,
//! [`interface`]. What a model reads stands in `prompts/` and [`feedback`], and is held by snapshots.

mod condense;
pub mod conversation;
pub mod feedback;
mod forced;
pub mod interface;
mod plan;
pub mod prompt;
mod reflect;
pub mod reply;
mod second_line;
pub mod session_sink;
pub mod settings;
pub mod solve;
mod speakers;
mod turns;
pub mod writing;

pub use interface::Interface;
pub use session_sink::SessionSink;
pub use settings::{AgentSettings, Patience, Reflection};
pub use solve::Agent;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    answer::{Answer, AnswerKind, Refusal},
    llm::Usage,
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
    /// How the model acts.
    pub interface: Interface,
    /// The conversation it belongs to; empty = none.
    pub conversation_id: String,
    /// What the model is told of the questions before it, one JSON object a line; empty = there were none.
    pub earlier: String,
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
    /// Bytes of requests sent, pictures included.
    pub n_sent_bytes: u64,
    /// Cost by the configured prices, in millionths of their currency; 0 without prices.
    pub cost_micro: u64,
    /// How the model acted last: a fallback may act in another way than the goal asked for.
    pub interface: Interface,
    /// Identifies the instructions the model had; empty when none was asked.
    pub prompt_hash: String,
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
    /// What the call of a model cost that led here.
    pub cost: Option<CallCost>,
    /// What the goal has used of all models so far.
    pub used: Usage,
}

impl Event {
    /// An event with nothing but a stage.
    pub fn of(stage: Stage) -> Event {
        Event {
            stage,
            step: 0,
            purpose: String::new(),
            code: String::new(),
            output: String::new(),
            cost: None,
            used: Usage::default(),
        }
    }
}

/// What one call of a model took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallCost {
    /// Messages sent.
    pub n_messages: usize,
    /// Pictures sent.
    pub n_pictures: usize,
    /// Tokens of the request, estimated before it was sent.
    pub n_estimated_tokens: u64,
    /// As the server counted.
    pub usage: Usage,
}

/// Receives events; must not block.
pub type EventSink = Arc<dyn Fn(Event) + Send + Sync>;
