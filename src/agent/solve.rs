//! One question from start to end, within its time: whatever happens, a value or a typed refusal comes back.

use std::{sync::Arc, time::Instant};

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{AgentSettings, EventSink, Goal, Interface, Outcome, SessionSink, feedback, turns::GoalRun};
use crate::{
    answer::{Answer, AnswerKind, Refusal},
    error_code::ErrorCode,
    kernel::{CellReport, CellStatus, Isolation, KernelContext, KernelHandle, Limits},
    llm::{Abilities, ChatModel, UsageMeter, Vision, VlmHandle, vision::Account},
    perception::Perception,
    scene::Snapshot,
};

/// Answers questions. It holds no state of any question, so one agent serves them all.
#[derive(Clone)]
pub struct Agent {
    /// Writes the cells.
    pub model: Arc<dyn ChatModel>,
    /// Takes over for the rest of a question when `model` is unavailable or says that it cannot take the question.
    pub fallback: Option<Arc<dyn ChatModel>>,
    /// Writes plans; none = `model`.
    pub planner: Option<Arc<dyn ChatModel>>,
    /// Writes reviews; none = whoever writes the cells.
    pub reviewer: Option<Arc<dyn ChatModel>>,
    /// Takes the last turn, in which an answer must be submitted; none = whoever writes the cells.
    pub finisher: Option<Arc<dyn ChatModel>>,
    /// Looks at pictures for cells; without it `vlm` says that no model is configured.
    pub vision: Option<Arc<Vision>>,
    /// Who segments.
    pub perception: Perception,
    /// Of every cell.
    pub limits: Limits,
    /// Where cells run.
    pub isolation: Isolation,
    /// How the loop goes about a question.
    pub settings: AgentSettings,
    /// Hears what is needed to repeat a goal.
    pub sink: Option<Arc<dyn SessionSink>>,
}

impl Agent {
    /// An agent with one model, default limits and the bare loop.
    pub fn new(model: Arc<dyn ChatModel>, perception: Perception) -> Agent {
        Agent {
            model,
            fallback: None,
            planner: None,
            reviewer: None,
            finisher: None,
            vision: None,
            perception,
            limits: Limits::default(),
            isolation: Isolation::default(),
            settings: AgentSettings::default(),
            sink: None,
        }
    }

    /// The same agent with a second model to take over.
    #[must_use]
    pub fn with_fallback(self, fallback: Arc<dyn ChatModel>) -> Agent {
        Agent { fallback: Some(fallback), ..self }
    }

    /// Answers `goal` from what `snapshot` saw. Always comes back with a value or a typed refusal; comes back at once when `cancel`
    /// fires or the deadline passes, even while a model or a tool is busy. Dropping the future ends the goal as well.
    pub async fn solve(
        &self,
        goal: &Goal,
        snapshot: Arc<Snapshot>,
        events: &EventSink,
        cancel: CancellationToken,
    ) -> Outcome {
        let started = Instant::now();
        let stop = cancel.child_token();
        let _stops_the_kernel = stop.clone().drop_guard();
        let mut progress = Progress { interface: goal.interface, ..Progress::default() };
        let meter = progress.meter.clone();
        let deadline = tokio::time::Instant::from_std(goal.deadline);
        let span = tracing::info_span!("goal", session = goal.session_id, interface = goal.interface.name());
        let result = tokio::select! {
            biased;
            () = cancel.cancelled() => None,
            () = tokio::time::sleep_until(deadline) => None,
            result = self.run(goal, &snapshot, events, stop, &mut progress).instrument(span) => Some(result),
        };
        let result = match result {
            Some(result) => result,
            None if cancel.is_cancelled() => Err(interrupted(&cancel, started, &progress)),
            // An answer that was held back is better than none, and says that it was not the model's last word.
            None => progress.take_held().ok_or_else(|| interrupted(&cancel, started, &progress)),
        };
        let used = meter.total();
        Outcome {
            result,
            n_steps: progress.n_steps,
            n_tool_calls: progress.n_tool_calls,
            models: used.models,
            n_prompt_tokens: used.usage.n_prompt_tokens,
            n_completion_tokens: used.usage.n_completion_tokens,
            n_sent_bytes: used.usage.n_sent_bytes,
            cost_micro: used.usage.cost_micro,
            interface: progress.interface,
            prompt_hash: progress.prompt_hash,
            elapsed: started.elapsed(),
            snapshot: Some(snapshot),
        }
    }

    async fn run(
        &self,
        goal: &Goal,
        snapshot: &Arc<Snapshot>,
        events: &EventSink,
        stop: CancellationToken,
        progress: &mut Progress,
    ) -> Result<Answer, Refusal> {
        self.check(goal)?;
        let kernel = self.start_kernel(goal, snapshot, stop, &progress.meter)?;
        GoalRun::new(self, goal, snapshot, events, kernel, progress).finish().await
    }

    /// What no reply could make good.
    fn check(&self, goal: &Goal) -> Result<(), Refusal> {
        if goal.interface != Interface::NoTools {
            return Ok(());
        }
        let is_estimate = self.settings.rules.estimate_sigma_ratio.is_some();
        let wants = match goal.answer_kind {
            AnswerKind::Number if !is_estimate => "a number",
            AnswerKind::Point | AnswerKind::Pose => "a position",
            _ => return Ok(()),
        };
        let message = format!(
            "the goal wants {wants}, and the interface no_tools measures nothing; ask through another interface{}",
            if wants == "a number" { ", or allow estimates with the parameter agent.estimate_sigma_ratio" } else { "" }
        );
        Err(refusal(ErrorCode::NotMeasurable, message))
    }

    fn start_kernel(
        &self,
        goal: &Goal,
        snapshot: &Arc<Snapshot>,
        cancel: CancellationToken,
        meter: &UsageMeter,
    ) -> Result<KernelHandle, Refusal> {
        let account = Account { session_id: goal.session_id.clone(), deadline: goal.deadline, meter: meter.clone() };
        let vlm = self.vision.clone().map(|vision| VlmHandle::new(vision, Handle::current(), account));
        let context = KernelContext {
            snapshot: snapshot.clone(),
            perception: self.perception.clone(),
            vlm,
            question: goal.question.clone(),
            answer_kind: goal.answer_kind,
            choices: goal.choices.clone(),
            target_frame: goal.target_frame.clone(),
            limits: self.limits,
            cancel,
            deadline: goal.deadline,
        };
        KernelHandle::spawn_in(context, self.isolation.clone())
            .map_err(|error| refusal(ErrorCode::InternalError, format!("the kernel could not be started: {error}")))
    }
}

/// What a goal has used so far; read also when the goal is interrupted.
#[derive(Default)]
pub struct Progress {
    /// Cells run.
    pub n_steps: u32,
    /// Tools called.
    pub n_tool_calls: u32,
    /// Counts all calls of models, those of cells included.
    pub meter: UsageMeter,
    /// How the model acted last.
    pub interface: Interface,
    /// What the last speaker could do.
    pub abilities: Abilities,
    /// Of the last instructions.
    pub prompt_hash: String,
    /// For the message of an interruption.
    pub doing: &'static str,
    /// The last thing that went wrong.
    pub last_problem: Option<String>,
    held: Option<Answer>,
}

impl Progress {
    /// Keeps an answer that was handed back, for the case that no other comes.
    pub fn hold(&mut self, answer: Answer) {
        self.held = Some(answer);
    }

    /// The answer that was handed back last, marked as forced.
    pub fn take_held(&mut self) -> Option<Answer> {
        self.held.take().map(|answer| Answer { forced: true, ..answer })
    }
}

fn interrupted(cancel: &CancellationToken, started: Instant, progress: &Progress) -> Refusal {
    let doing = if progress.doing.is_empty() { "starting" } else { progress.doing };
    let when = format!("after {:.1} s and {} cells, while {doing}", started.elapsed().as_secs_f64(), progress.n_steps);
    if cancel.is_cancelled() {
        return refusal(ErrorCode::Canceled, format!("cancelled {when}"));
    }
    let last = progress.last_problem.as_ref().map(|problem| format!("; last problem: {problem}")).unwrap_or_default();
    refusal(ErrorCode::DeadlineExceeded, format!("the deadline passed {when}{last}"))
}

/// Why a cell failed, on one line.
pub fn problem_of(report: &CellReport) -> Option<String> {
    match &report.status {
        CellStatus::Failed(error) | CellStatus::LimitReached(error) => Some(feedback::failure_line(error)),
        CellStatus::Rejected(errors) => errors.first().map(feedback::failure_line),
        CellStatus::TimedOut => Some("a cell ran out of its time".to_owned()),
        CellStatus::Completed | CellStatus::Cancelled => None,
    }
}

/// A refusal.
pub fn refusal(code: ErrorCode, message: String) -> Refusal {
    Refusal { code, message }
}
