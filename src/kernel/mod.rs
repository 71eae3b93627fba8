//! The persistent, sandboxed Rhai kernel that runs cells.
//!
//! A cell can reach exactly what [`crate::tools`] registers; there is no file, network, process, clock or module. What is left to
//! guard is use without bound, and each file guards one kind: operations, memory and time in `meter`, single native operations in
//! `guards`, nesting in `nesting`, a native call that never ends in [`worker`], and what none of
//! these sees in [`process`]. It knows nothing of models or of the agent's loop.

mod builtins;
mod cell_error;
mod engine;
mod guards;
mod habits;
mod json;
mod meter;
mod nearest_name;
mod nesting;
mod outer_variables;
mod plain_values;
pub mod process;
mod reachable_end;
mod report_pictures;
mod run;
mod source_map;
mod source_text;
mod static_check;
mod syntax_hint;
mod variables;
pub mod worker;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

pub use process::ProcessOptions;
pub use run::Kernel;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
pub use worker::{Isolation, KernelHandle};

pub use crate::tools::Submission;
use crate::{
    answer::AnswerKind,
    error_code::ErrorCode,
    llm::{Picture, VlmHandle},
    perception::Perception,
    scene::{FrameId, Snapshot},
};

/// What one goal's kernel is given. Nothing else can be reached from a cell.
#[derive(Clone)]
pub struct KernelContext {
    /// The world of this question.
    pub snapshot: Arc<Snapshot>,
    /// Who segments.
    pub perception: Perception,
    /// Who looks at pictures; `None` = no vision-language model is configured.
    pub vlm: Option<VlmHandle>,
    /// The question as asked.
    pub question: String,
    /// How the answer must be typed.
    pub answer_kind: AnswerKind,
    /// Allowed answers; empty = any.
    pub choices: Vec<String>,
    /// Frame of points and poses in the answer.
    pub target_frame: FrameId,
    /// Limits.
    pub limits: Limits,
    /// Ends the running cell.
    pub cancel: CancellationToken,
    /// Steady time at which the goal ends.
    pub deadline: Instant,
}

/// What one cell may use.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Rhai operations in one cell.
    pub max_operations: u64,
    /// Bytes held by the kernel and all it made, worker threads of tools included.
    pub max_memory_bytes: usize,
    /// Nested calls.
    pub max_call_depth: usize,
    /// Steady time of one cell.
    pub max_cell_time: Duration,
    /// Bytes of printed output kept from one cell.
    pub max_output_bytes: usize,
    /// Pictures shown by one cell.
    pub max_pictures: usize,
    /// Tool calls over the goal.
    pub max_tool_calls: u32,
    /// Pixels with depth that an object needs to be measured.
    pub min_object_pixels: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_operations: 5_000_000,
            max_memory_bytes: 512 << 20,
            max_call_depth: 64,
            max_cell_time: Duration::from_secs(30),
            max_output_bytes: 64 << 10,
            max_pictures: 8,
            max_tool_calls: 500,
            min_object_pixels: 30,
        }
    }
}

/// One script to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// 1-based number within the goal.
    pub id: u32,
    /// Why it is run, in the model's words.
    pub purpose: String,
    /// Rhai or Python-like source.
    pub source: String,
}

/// An error inside a cell, for the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellError {
    /// 1-based line within the cell, if known.
    pub line: Option<usize>,
    /// 1-based column, if known.
    pub column: Option<usize>,
    /// What was found, what was wanted, what to try next.
    pub message: String,
    /// The typed refusal it would be, when a tool said so.
    pub code: Option<ErrorCode>,
}

/// How a cell ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CellStatus {
    /// Ran to its end, or submitted.
    Completed,
    /// The static check refused it; nothing ran.
    Rejected(Vec<CellError>),
    /// Stopped at an error.
    Failed(CellError),
    /// Operations, memory, depth or output ran out.
    LimitReached(CellError),
    /// Its time or the goal's deadline ended.
    TimedOut,
    /// The goal was cancelled.
    Cancelled,
}

/// A variable as the model is told about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariableSummary {
    /// Name.
    pub name: String,
    /// Type, shape, range and frame.
    pub summary: String,
    /// New, or changed by content.
    pub is_new: bool,
}

/// What a cell made beyond what is passed on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Printed bytes from the middle of the output.
    pub output_bytes: usize,
    /// Pictures beyond the limit.
    pub pictures: usize,
    /// Variables that were dropped because they were too large or nested too deep.
    pub dropped: Vec<String>,
}

/// Memory of one kernel, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryUse {
    /// Held when the cell had ended; variables, functions and the engine itself.
    pub held_bytes: usize,
    /// Most that was held during the cell.
    pub peak_bytes: usize,
    /// Allowed.
    pub max_bytes: usize,
}

/// Everything that came of one cell.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CellReport {
    /// How it ended.
    pub status: CellStatus,
    /// What it printed.
    pub stdout: String,
    /// Value of a trailing expression, in words.
    pub value: Option<String>,
    /// New and changed variables.
    pub variables: Vec<VariableSummary>,
    /// Variables that stand as they did before the cell.
    pub unchanged: Vec<String>,
    /// What the cell made that is not in this report.
    pub left_out: LeftOut,
    /// Pictures from `show(...)`.
    #[serde(with = "report_pictures")]
    pub pictures: Vec<Picture>,
    /// What was submitted, if anything.
    pub submission: Option<Submission>,
    /// Tool calls of this cell.
    pub n_tool_calls: u32,
    /// Memory in and after the cell.
    pub memory: MemoryUse,
    /// Time it took.
    pub elapsed: Duration,
}
