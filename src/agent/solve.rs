//! The loop: ask the model, check and run its cell, tell it what came of it, until it submits or a limit is reached.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use super::{
    Event, EventSink, Goal, Outcome, SessionSink, Stage,
    feedback::{self, BudgetLeft},
    prompt, reply,
};
use crate::{
    answer::{Answer, Refusal},
    error_code::ErrorCode,
    kernel::{Cell, CellReport, CellStatus, KernelContext, KernelHandle, Limits, Submission},
    llm::{ChatModel, ChatReply, ChatRequest, Message, ModelError, Role},
    perception::Perception,
    scene::Snapshot,
    tools,
};

/// Answers questions. It holds no state of any question, so one agent serves them all.
#[derive(Clone)]
pub struct Agent {
    /// Writes the cells.
    pub model: Arc<dyn ChatModel>,
    /// Takes over for the rest of a question when `model` is unavailable or says that it cannot take the question.
    pub fallback: Option<Arc<dyn ChatModel>>,
    /// Who segments.
    pub perception: Perception,
    /// Of every cell.
    pub limits: Limits,
    /// Replies in a row without a cell that can be run, after which the goal ends.
    pub max_failures: u32,
    /// Hears what is needed to repeat a goal.
    pub sink: Option<Arc<dyn SessionSink>>,
}

impl Agent {
    /// An agent with one model, default limits and three unreadable replies in a row.
    pub fn new(model: Arc<dyn ChatModel>, perception: Perception) -> Agent {
        Agent { model, fallback: None, perception, limits: Limits::default(), max_failures: 3, sink: None }
    }

    /// The same agent with a second model to take over.
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
        let mut progress = Progress::default();
        let deadline = tokio::time::Instant::from_std(goal.deadline);
        let result = tokio::select! {
            biased;
            () = cancel.cancelled() => None,
            () = tokio::time::sleep_until(deadline) => None,
            result = self.run_turns(goal, &snapshot, events, stop, &mut progress) => Some(result),
        };
        let result = result.unwrap_or_else(|| Err(interrupted(&cancel, started, &progress)));
        Outcome {
            result,
            n_steps: progress.n_steps,
            n_tool_calls: progress.n_tool_calls,
            models: progress.models,
            n_prompt_tokens: progress.n_prompt_tokens,
            n_completion_tokens: progress.n_completion_tokens,
            elapsed: started.elapsed(),
            snapshot: Some(snapshot),
        }
    }

    async fn run_turns(
        &self,
        goal: &Goal,
        snapshot: &Arc<Snapshot>,
        events: &EventSink,
        stop: CancellationToken,
        progress: &mut Progress,
    ) -> Result<Answer, Refusal> {
        let mut kernel = self.start_kernel(goal, snapshot, stop.clone())?;
        let mut request = ChatRequest {
            messages: vec![prompt::system_message(&tools::manual()), prompt::question_message(goal, snapshot)],
            session_id: goal.session_id.clone(),
            deadline: Some(goal.deadline),
            ..ChatRequest::default()
        };
        let mut speakers = Speakers { main: Some(self.model.as_ref()), fallback: self.fallback.as_deref() };
        let mut n_failures = 0;
        loop {
            if progress.n_steps >= goal.max_steps {
                return Err(refusal(ErrorCode::BudgetExceeded, steps_used_up(goal, progress)));
            }
            let emit = |stage, cell: &Cell, output: &str| {
                let Cell { id, purpose, source } = cell.clone();
                events(Event { stage, step: id, purpose, code: source, output: output.to_owned() });
            };
            let mut cell = Cell { id: progress.n_steps + 1, purpose: String::new(), source: String::new() };
            progress.doing = "waiting for the model";
            emit(Stage::Generate, &cell, "");
            let reply = speakers.complete(&request, progress).await?;
            let left = |n_steps: u32| BudgetLeft {
                n_steps: goal.max_steps.saturating_sub(n_steps),
                time: self.time_left(goal),
            };
            let parsed = match reply::parse(&reply.text) {
                Ok(parsed) => parsed,
                Err(reason) => {
                    n_failures += 1;
                    progress.last_problem = Some(reason.to_string());
                    emit(Stage::Observe, &cell, &reason.to_string());
                    if n_failures >= self.max_failures {
                        let message = format!("{n_failures} replies in a row held no cell; the last one: {reason}");
                        return Err(refusal(ErrorCode::NoAnswer, message));
                    }
                    // The unreadable text is not sent again: a model would take it for an example.
                    request.messages.push(Message::new(Role::Assistant, format!("(no cell: {reason})")));
                    let text = feedback::write_unreadable(&reason.to_string(), left(progress.n_steps));
                    request.messages.push(Message::new(Role::User, text));
                    continue;
                }
            };
            n_failures = 0;
            cell.purpose.clone_from(&parsed.purpose);
            cell.source.clone_from(&parsed.code);
            request.messages.push(Message::new(Role::Assistant, parsed.to_markdown()));

            progress.doing = "running a cell";
            progress.n_steps = cell.id;
            emit(Stage::Check, &cell, "");
            emit(Stage::Run, &cell, "");
            let report = self.run_cell(&mut kernel, &cell).await;
            progress.n_tool_calls += report.n_tool_calls;
            progress.last_problem = problem_of(&report);
            let text = feedback::write(cell.id, &report, &parsed.notices, left(cell.id));
            match report.submission {
                Some(Submission::Answer(answer)) => {
                    emit(Stage::Answer, &cell, &answer.text);
                    return Ok(answer);
                }
                Some(Submission::Refusal(refused)) => {
                    emit(Stage::Answer, &cell, &format!("{}: {}", refused.code, refused.message));
                    return Err(refused);
                }
                None if report.status == CellStatus::Cancelled => {
                    return Err(refusal(ErrorCode::Canceled, format!("cancelled in cell {}", cell.id)));
                }
                None => {}
            }
            emit(Stage::Observe, &cell, &text);
            request.messages.push(Message { pictures: report.pictures, ..Message::new(Role::User, text) });
        }
    }

    async fn run_cell(&self, kernel: &mut KernelHandle, cell: &Cell) -> CellReport {
        let Some(sink) = &self.sink else { return kernel.run_cell(cell.clone()).await };
        sink.cell(cell);
        let mut report = kernel.run_cell(cell.clone()).await;
        sink.report(cell, &mut report);
        report
    }

    fn time_left(&self, goal: &Goal) -> Duration {
        let measured = goal.deadline.saturating_duration_since(Instant::now());
        self.sink.as_ref().map_or(measured, |sink| sink.time_left(measured))
    }

    fn start_kernel(
        &self,
        goal: &Goal,
        snapshot: &Arc<Snapshot>,
        cancel: CancellationToken,
    ) -> Result<KernelHandle, Refusal> {
        let context = KernelContext {
            snapshot: snapshot.clone(),
            perception: self.perception.clone(),
            question: goal.question.clone(),
            answer_kind: goal.answer_kind,
            choices: goal.choices.clone(),
            target_frame: goal.target_frame.clone(),
            limits: self.limits,
            cancel,
            deadline: goal.deadline,
        };
        KernelHandle::spawn(context)
            .map_err(|error| refusal(ErrorCode::InternalError, format!("no thread for the kernel: {error}")))
    }
}

/// What a goal has used so far; read also when the goal is interrupted.
#[derive(Default)]
struct Progress {
    n_steps: u32,
    n_tool_calls: u32,
    models: Vec<String>,
    n_prompt_tokens: u64,
    n_completion_tokens: u64,
    doing: &'static str,
    last_problem: Option<String>,
}

/// The main model until it fails, then the fallback.
struct Speakers<'a> {
    main: Option<&'a dyn ChatModel>,
    fallback: Option<&'a dyn ChatModel>,
}

impl Speakers<'_> {
    async fn complete(&mut self, request: &ChatRequest, progress: &mut Progress) -> Result<ChatReply, Refusal> {
        let mut problems: Vec<ModelError> = Vec::new();
        if let Some(main) = self.main {
            match ask(main, request, progress).await {
                Ok(reply) => return Ok(reply),
                Err(error) => {
                    tracing::warn!(model = main.name(), %error, "model gave no reply");
                    problems.push(error);
                    // It stays away for the rest of this question: two voices in one conversation would confuse both.
                    self.main = None;
                }
            }
        }
        if let Some(fallback) = self.fallback {
            match ask(fallback, request, progress).await {
                Ok(reply) => return Ok(reply),
                Err(error) => problems.push(error),
            }
        }
        Err(no_model(&problems))
    }
}

async fn ask(model: &dyn ChatModel, request: &ChatRequest, progress: &mut Progress) -> Result<ChatReply, ModelError> {
    let reply = model.complete(request).await?;
    if !progress.models.iter().any(|name| name == model.name()) {
        progress.models.push(model.name().to_owned());
    }
    progress.n_prompt_tokens += reply.usage.n_prompt_tokens;
    progress.n_completion_tokens += reply.usage.n_completion_tokens;
    Ok(reply)
}

/// An outage outranks a question that one of the models cannot take: when the outage ends the question may be answered.
fn no_model(problems: &[ModelError]) -> Refusal {
    let is_outage = problems.is_empty() || problems.iter().any(ModelError::is_outage);
    let code = if is_outage { ErrorCode::ModelUnavailable } else { ErrorCode::UnsupportedQuestion };
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let message = if texts.is_empty() { "no model is left to ask".to_owned() } else { texts.join("; ") };
    refusal(code, message)
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

fn steps_used_up(goal: &Goal, progress: &Progress) -> String {
    let last = progress.last_problem.as_ref().map(|problem| format!("; last problem: {problem}")).unwrap_or_default();
    format!("no answer after {} cells, the goal's limit is {}{last}", progress.n_steps, goal.max_steps)
}

fn problem_of(report: &CellReport) -> Option<String> {
    match &report.status {
        CellStatus::Failed(error) | CellStatus::LimitReached(error) => Some(feedback::failure_line(error)),
        CellStatus::Rejected(errors) => errors.first().map(feedback::failure_line),
        CellStatus::TimedOut => Some("a cell ran out of its time".to_owned()),
        CellStatus::Completed | CellStatus::Cancelled => None,
    }
}

fn refusal(code: ErrorCode, message: String) -> Refusal {
    Refusal { code, message }
}
