//! The question and everything that was set when it was asked.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::schema::record;
use crate::{
    agent::{Goal, Interface},
    answer::AnswerKind,
    kernel::Limits,
    llm::Abilities,
    scene::FrameId,
};

record! {
    /// A question with its limits.
    pub struct GoalRecord {
        /// As asked.
        pub question: String,
        /// Allowed answers; empty = any.
        pub choices: Vec<String>,
        /// `Any`, `Number`, ...
        pub answer_kind: String,
        /// Frame of the answer.
        pub target_frame: String,
        /// Cells at most.
        pub max_steps: u32,
        /// How the model acts: `code`, `tool_calls`, `single_pass` or `no_tools`.
        pub interface: String,
        /// Window asked about, seconds.
        pub window_secs: Option<f64>,
        /// Steady time the goal had when it was accepted.
        pub deadline_secs: f64,
        /// The conversation it belongs to, if any.
        pub conversation_id: Option<String>,
        /// What the model is told of the questions before it, one JSON object a line.
        pub earlier: Option<String>,
    }
}

record! {
    /// Limits of the kernel.
    pub struct LimitsRecord {
        /// Operations in one cell.
        pub max_operations: u64,
        /// Bytes held.
        pub max_memory_bytes: usize,
        /// Nested calls.
        pub max_call_depth: usize,
        /// Seconds of one cell.
        pub max_cell_secs: f64,
        /// Bytes of printed output.
        pub max_output_bytes: usize,
        /// Pictures of one cell.
        pub max_pictures: usize,
        /// Tool calls of the goal.
        pub max_tool_calls: u32,
        /// Pixels with depth that an object needs.
        pub min_object_pixels: usize,
    }
}

record! {
    /// A model and the part it plays.
    pub struct ModelRecord {
        /// `main`, `fallback`, ...
        pub role: String,
        /// Name.
        pub name: String,
        /// It takes functions.
        pub tool_calls: bool,
        /// It keeps to a schema.
        pub response_schema: bool,
        /// It writes whole programs and nothing else.
        pub writes_programs_only: bool,
        /// Tokens of a conversation; 0 = unknown.
        pub max_context_tokens: u64,
    }
}

record! {
    /// First message of the file.
    pub struct SessionRecord {
        /// Version of the layout.
        pub format: u32,
        /// Of the goal.
        pub session_id: String,
        /// Of the program.
        pub version: String,
        /// Commit that it was built from, when the build knew.
        pub git_hash: Option<String>,
        /// Seconds since 1970, of the computer's clock.
        pub recorded_at_unix_secs: f64,
        /// ROS time at which the question was accepted.
        pub accepted_nanos: i64,
        /// The question.
        pub goal: GoalRecord,
        /// Who may speak.
        pub models: Vec<ModelRecord>,
        /// Who segments.
        pub segmenter: String,
        /// Limits of the kernel.
        pub limits: LimitsRecord,
        /// Of the instructions that the main model gets.
        pub prompt_hash: String,
        /// How the loop goes about a question, as JSON.
        pub agent: String,
        /// All parameters.
        pub parameters: BTreeMap<String, Value>,
    }
}

const KINDS: [AnswerKind; 8] = [
    AnswerKind::Any,
    AnswerKind::Number,
    AnswerKind::Bool,
    AnswerKind::Choice,
    AnswerKind::Text,
    AnswerKind::Point,
    AnswerKind::Pose,
    AnswerKind::List,
];

impl GoalRecord {
    /// A goal as it stands at `now`.
    pub fn new(goal: &Goal, now: Instant) -> GoalRecord {
        GoalRecord {
            question: goal.question.clone(),
            choices: goal.choices.clone(),
            answer_kind: format!("{:?}", goal.answer_kind),
            target_frame: goal.target_frame.to_string(),
            max_steps: goal.max_steps,
            interface: goal.interface.name().to_owned(),
            window_secs: goal.window_secs,
            deadline_secs: goal.deadline.saturating_duration_since(now).as_secs_f64(),
            conversation_id: Some(goal.conversation_id.clone()).filter(|id| !id.is_empty()),
            earlier: Some(goal.earlier.clone()).filter(|told| !told.is_empty()),
        }
    }

    /// The goal, to end at `deadline`; `None` when its kind of answer or interface is unknown.
    pub fn to_goal(&self, session_id: &str, deadline: Instant) -> Option<Goal> {
        Some(Goal {
            session_id: session_id.to_owned(),
            question: self.question.clone(),
            choices: self.choices.clone(),
            answer_kind: KINDS.into_iter().find(|kind| format!("{kind:?}") == self.answer_kind)?,
            target_frame: FrameId::new(&self.target_frame),
            deadline,
            max_steps: self.max_steps,
            window_secs: self.window_secs,
            interface: Interface::from_name(&self.interface)?,
            conversation_id: self.conversation_id.clone().unwrap_or_default(),
            earlier: self.earlier.clone().unwrap_or_default(),
        })
    }
}

impl From<&Limits> for LimitsRecord {
    fn from(limits: &Limits) -> LimitsRecord {
        LimitsRecord {
            max_operations: limits.max_operations,
            max_memory_bytes: limits.max_memory_bytes,
            max_call_depth: limits.max_call_depth,
            max_cell_secs: limits.max_cell_time.as_secs_f64(),
            max_output_bytes: limits.max_output_bytes,
            max_pictures: limits.max_pictures,
            max_tool_calls: limits.max_tool_calls,
            min_object_pixels: limits.min_object_pixels,
        }
    }
}

impl LimitsRecord {
    /// The limits, with `max_cell_time` for a cell: a slower machine needs more than was recorded.
    pub fn to_limits(&self, max_cell_time: Duration) -> Limits {
        Limits {
            max_operations: self.max_operations,
            max_memory_bytes: self.max_memory_bytes,
            max_call_depth: self.max_call_depth,
            max_cell_time,
            max_output_bytes: self.max_output_bytes,
            max_pictures: self.max_pictures,
            max_tool_calls: self.max_tool_calls,
            min_object_pixels: self.min_object_pixels,
        }
    }
}

impl ModelRecord {
    /// A model in a part.
    pub fn new(role: &str, name: &str, abilities: Abilities) -> ModelRecord {
        ModelRecord {
            role: role.to_owned(),
            name: name.to_owned(),
            tool_calls: abilities.tool_calls,
            response_schema: abilities.response_schema,
            writes_programs_only: abilities.writes_programs_only,
            max_context_tokens: abilities.max_context_tokens,
        }
    }

    /// What it can do.
    pub fn abilities(&self) -> Abilities {
        Abilities {
            tool_calls: self.tool_calls,
            response_schema: self.response_schema,
            writes_programs_only: self.writes_programs_only,
            max_context_tokens: self.max_context_tokens,
        }
    }
}
