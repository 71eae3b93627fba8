//! What all tools of one goal share: the world, the limits, and what the running cell has produced.

use std::{
    any::Any,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicU8, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use rhai::{Dynamic, EvalAltResult, NativeCallContext, Position};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{RhaiResult, ToolError, output::Output};
use crate::{
    answer::{Answer, AnswerKind, Refusal},
    error_code::ErrorCode,
    llm::{Picture, VlmHandle, vision::WaitedTime},
    perception::Perception,
    scene::{FrameId, Snapshot},
};

/// The goal as tools see it.
#[derive(Clone)]
pub struct ToolContext {
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
    /// Tool calls over the goal.
    pub max_tool_calls: u32,
    /// Pictures shown by one cell.
    pub max_pictures: usize,
    /// Bytes of printed output kept from one cell.
    pub max_output_bytes: usize,
    /// Pixels with depth that an object needs to be measured.
    pub min_object_pixels: usize,
}

/// What a cell submitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant, reason = "there is one in a goal")]
pub enum Submission {
    /// `ReturnAnswer(...)`.
    Answer(Answer),
    /// `Refuse(code, message)`.
    Refusal(Refusal),
}

/// Why the running cell must end now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum StopReason {
    /// It submitted.
    Answered = 1,
    /// The goal was cancelled.
    Cancelled = 2,
    /// Its time or the goal's deadline ended.
    TimedOut = 3,
    /// Too many bytes held.
    Memory = 4,
    /// Too many operations.
    Operations = 5,
    /// Too many allocations.
    Allocations = 6,
    /// A text too long.
    Text = 7,
}

/// A request to end the cell that no script can catch: once set it is raised again at every operation.
pub struct StopSignal {
    cancel: CancellationToken,
    goal_end: Instant,
    cell_end: Mutex<CellEnd>,
    waited: WaitedTime,
    reason: AtomicU8,
}

/// When the running cell must end: later by what it waits for models.
#[derive(Clone, Copy)]
struct CellEnd {
    without_waiting: Instant,
    waited_before: Duration,
}

impl StopSignal {
    fn new(cancel: CancellationToken, goal_end: Instant, waited: WaitedTime) -> StopSignal {
        let cell_end = CellEnd { without_waiting: goal_end, waited_before: Duration::ZERO };
        StopSignal { cancel, goal_end, cell_end: Mutex::new(cell_end), waited, reason: AtomicU8::new(0) }
    }

    /// Sets the reason; the first one stands.
    pub fn stop(&self, reason: StopReason) {
        let _ = self.reason.compare_exchange(0, reason as u8, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The reason, if one was set.
    pub fn reason(&self) -> Option<StopReason> {
        match self.reason.load(Ordering::Relaxed) {
            1 => Some(StopReason::Answered),
            2 => Some(StopReason::Cancelled),
            3 => Some(StopReason::TimedOut),
            4 => Some(StopReason::Memory),
            5 => Some(StopReason::Operations),
            6 => Some(StopReason::Allocations),
            7 => Some(StopReason::Text),
            _ => None,
        }
    }

    /// Looks at the cancel token and the clock as well.
    pub fn poll(&self) -> Option<StopReason> {
        if self.cancel.is_cancelled() {
            self.stop(StopReason::Cancelled);
        } else if self.is_late(Instant::now()) {
            self.stop(StopReason::TimedOut);
        }
        self.reason()
    }

    fn is_late(&self, now: Instant) -> bool {
        let CellEnd { without_waiting, waited_before } = *lock(&self.cell_end);
        now >= self.goal_end
            || now >= without_waiting && now >= without_waiting + self.waited.total().saturating_sub(waited_before)
    }

    /// Starts a new cell that must end at `deadline`, later by what it waits for models, but not later than the goal.
    pub fn arm(&self, deadline: Instant) {
        *lock(&self.cell_end) = CellEnd { without_waiting: deadline, waited_before: self.waited.total() };
        self.reason.store(0, Ordering::Relaxed);
    }
}

/// What one cell has produced so far.
#[derive(Default)]
pub struct CellOutput {
    /// Printed text.
    pub output: Output,
    /// Shown pictures.
    pub pictures: Vec<Picture>,
    /// Pictures beyond the limit.
    pub n_pictures_left_out: usize,
    /// The answer or refusal.
    pub submission: Option<Submission>,
    /// Tool calls.
    pub n_tool_calls: u32,
}

/// Whoever runs the goal's cells and bounds what they take.
pub trait Host: Any + Send + Sync {
    /// Whether so many bytes more may be taken at once.
    ///
    /// # Errors
    /// When they do not fit.
    fn require_room(&self, n_bytes: usize) -> RhaiResult<()>;
}

/// Most bytes taken at once while nobody has set [`Session::host`].
const MAX_MODEST_BYTES: usize = 512 << 20;

/// Shared by every tool of one goal.
pub struct Session {
    /// The goal.
    pub context: ToolContext,
    /// Ends the cell.
    pub stop: StopSignal,
    /// Set by whoever runs the goal's cells; it may hold the session itself.
    pub host: OnceLock<Weak<dyn Host>>,
    cell: Mutex<CellOutput>,
    n_tool_calls: AtomicU32,
    n_pictures: AtomicU32,
}

impl Session {
    /// A session whose cells end with `cancel`.
    pub fn new(context: ToolContext, cancel: CancellationToken, deadline: Instant) -> Arc<Session> {
        let waited = context.vlm.as_ref().map(VlmHandle::waited).unwrap_or_default();
        Arc::new(Session {
            context,
            stop: StopSignal::new(cancel, deadline, waited),
            host: OnceLock::new(),
            cell: Mutex::default(),
            n_tool_calls: AtomicU32::new(0),
            n_pictures: AtomicU32::new(0),
        })
    }

    /// Starts collecting for a new cell.
    pub fn start_cell(&self, deadline: Instant) {
        self.stop.arm(deadline);
        *self.cell() = CellOutput { output: Output::new(self.context.max_output_bytes), ..CellOutput::default() };
    }

    /// Takes what the cell has produced.
    pub fn finish_cell(&self) -> CellOutput {
        std::mem::take(&mut *self.cell())
    }

    /// What the cell has produced so far.
    pub fn cell(&self) -> MutexGuard<'_, CellOutput> {
        lock(&self.cell)
    }

    /// Counts one call of the tool at `path`.
    ///
    /// # Errors
    /// `BUDGET_EXCEEDED` beyond the goal's limit; a termination when the cell must end.
    pub fn begin_call(&self, path: &str) -> RhaiResult<()> {
        if self.stop.poll().is_some() {
            return Err(terminated());
        }
        let max = self.context.max_tool_calls;
        if self.n_tool_calls.fetch_add(1, Ordering::Relaxed) >= max {
            self.n_tool_calls.store(max, Ordering::Relaxed);
            let message =
                format!("{path} is tool call {} of {max} allowed; submit what is known", max.saturating_add(1));
            return Err(ToolError::new(ErrorCode::BudgetExceeded, message).into());
        }
        self.cell().n_tool_calls += 1;
        Ok(())
    }

    /// Counts one picture; false when the goal has shown `max` already.
    pub fn count_picture(&self, max: u32) -> bool {
        let next = |n: u32| (n < max).then_some(n + 1);
        self.n_pictures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }

    /// To be asked before something large is taken.
    ///
    /// # Errors
    /// When `n_bytes` more do not fit.
    pub fn require_room(&self, n_bytes: usize) -> RhaiResult<()> {
        match self.host() {
            Some(host) => host.require_room(n_bytes),
            None => Session::require_modest(n_bytes),
        }
    }

    /// Who runs the goal's cells.
    pub fn host(&self) -> Option<Arc<dyn Host>> {
        self.host.get().and_then(Weak::upgrade)
    }

    /// The session of the goal whose cell calls, if it runs for a goal.
    pub fn find(context: &NativeCallContext<'_>) -> Option<Arc<Session>> {
        context.tag().and_then(|tag| tag.read_lock::<Arc<Session>>().map(|session| session.clone()))
    }

    /// The session of the goal whose cell calls.
    ///
    /// # Errors
    /// `INTERNAL_ERROR` when the engine was given none.
    pub fn of(context: &NativeCallContext<'_>) -> RhaiResult<Arc<Session>> {
        let lost = || ToolError::new(ErrorCode::InternalError, "this function was called outside of a goal".to_owned());
        Ok(Session::find(context).ok_or_else(lost)?)
    }

    /// The bound on a single value that holds without a goal.
    ///
    /// # Errors
    /// When `n_bytes` are too many.
    pub fn require_modest(n_bytes: usize) -> RhaiResult<()> {
        if n_bytes <= MAX_MODEST_BYTES {
            return Ok(());
        }
        let (needed, max) = (n_bytes >> 20, MAX_MODEST_BYTES >> 20);
        Err(ToolError::argument(format!("this needs {needed} MiB at once, {max} MiB are allowed; work on a part"))
            .into())
    }

    /// Stores the submission and ends the cell.
    pub fn submit(&self, submission: Submission) -> Box<EvalAltResult> {
        self.cell().submission = Some(submission);
        self.stop.stop(StopReason::Answered);
        terminated()
    }

    /// Prints one line to the cell's output.
    pub fn print(&self, line: &str) {
        self.cell().output.push_line(line);
    }
}

/// Ends a script; the reason stands in [`StopSignal`].
fn terminated() -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorTerminated(Dynamic::UNIT, Position::NONE))
}

/// A panic inside a tool is caught by the kernel, so a poisoned lock still holds whole values.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
