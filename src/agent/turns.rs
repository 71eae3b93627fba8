//! One goal, turn by turn: ask the model, read its reply, run its cells, tell it what came of them.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use tracing::Instrument;

use super::{
    Agent, CallCost, Event, EventSink, Goal, Interface, Stage,
    conversation::{Conversation, estimated_tokens},
    feedback::{self, BudgetLeft},
    interface::{Action, ActionInterface, Known, Ran},
    prompt,
    solve::{Progress, problem_of, refusal},
    speakers::{Next, Speaker, Speakers, ask},
    writing,
};
use crate::{
    answer::{Answer, Refusal},
    error_code::ErrorCode,
    kernel::{Cell, CellReport, CellStatus, KernelHandle, Submission},
    llm::{ChatModel, ChatReply, ChatRequest, Message, Role},
    scene::Snapshot,
    tools,
};

/// How a turn ended.
#[allow(clippy::large_enum_variant, reason = "one is made in a turn and taken apart at once")]
pub enum TurnEnd {
    /// With an answer or a refusal.
    Submitted(Submission),
    /// Without one.
    Continues,
}

/// A reply with the interface that the model was asked through.
struct Said {
    interface: Box<dyn ActionInterface>,
    reply: ChatReply,
    cost: CallCost,
}

/// Everything that belongs to one goal while it runs.
pub struct GoalRun<'a> {
    pub agent: &'a Agent,
    pub goal: &'a Goal,
    pub snapshot: &'a Arc<Snapshot>,
    events: &'a EventSink,
    pub progress: &'a mut Progress,
    kernel: KernelHandle,
    pub speakers: Speakers<'a>,
    pub talk: Conversation,
    /// Names that a reference may begin with.
    names: BTreeSet<String>,
    instructions: Option<(Interface, String)>,
    n_unreadable: u32,
    n_failed_cells: u32,
    n_shown_pictures: u32,
    pub n_vetoes: u32,
    pub n_steps_at_review: u32,
    pub has_asked_for_second_line: bool,
}

impl<'a> GoalRun<'a> {
    /// A goal at its beginning.
    pub fn new(
        agent: &'a Agent,
        goal: &'a Goal,
        snapshot: &'a Arc<Snapshot>,
        events: &'a EventSink,
        kernel: KernelHandle,
        progress: &'a mut Progress,
    ) -> GoalRun<'a> {
        let models: Vec<&dyn ChatModel> =
            std::iter::once(&agent.model).chain(&agent.fallback).map(AsRef::as_ref).collect();
        let settings = &agent.settings;
        let question = prompt::question_message(&settings.prompt, goal, snapshot, settings.context.max_key_frames);
        let cameras = snapshot.views.iter().map(|view| tools::camera_variable(&view.camera));
        let names = ["InputImages", "Metadata"].into_iter().map(str::to_owned).chain(cameras).collect();
        GoalRun {
            agent,
            goal,
            snapshot,
            events,
            progress,
            kernel,
            speakers: Speakers::new(models, settings.patience),
            talk: Conversation::new(vec![question]),
            names,
            instructions: None,
            n_unreadable: 0,
            n_failed_cells: 0,
            n_shown_pictures: 0,
            n_vetoes: 0,
            n_steps_at_review: 0,
            has_asked_for_second_line: false,
        }
    }

    /// Goes on until an answer, a refusal or the end of a budget.
    ///
    /// # Errors
    /// The refusal.
    pub async fn finish(&mut self) -> Result<Answer, Refusal> {
        self.plan().instrument(tracing::debug_span!("plan")).await;
        loop {
            if let Some(reason) = self.used_up() {
                return self.force(reason).await;
            }
            match self.turn(false).await? {
                TurnEnd::Submitted(Submission::Refusal(refused)) => return Err(refused),
                TurnEnd::Submitted(Submission::Answer(answer)) => {
                    let review = self.is_vetoed(&answer).instrument(tracing::debug_span!("reflect"));
                    if !review.await && !self.wants_second_line(&answer) {
                        return Ok(answer);
                    }
                    self.progress.hold(answer);
                }
                TurnEnd::Continues => self.review_progress().instrument(tracing::debug_span!("reflect")).await,
            }
        }
    }

    /// Why there is no further turn, if there is none.
    fn used_up(&self) -> Option<Refusal> {
        let last = self.progress.last_problem.as_ref();
        let last = last.map(|problem| format!("; last problem: {problem}")).unwrap_or_default();
        let patience = &self.agent.settings.patience;
        let n_steps = self.progress.n_steps;
        if n_steps >= self.goal.max_steps {
            let message = format!("no answer after {n_steps} cells, the goal's limit is {}{last}", self.goal.max_steps);
            return Some(refusal(ErrorCode::BudgetExceeded, message));
        }
        if self.n_failed_cells >= patience.n_failed_cells {
            return Some(refusal(ErrorCode::NoAnswer, format!("{} cells in a row failed{last}", self.n_failed_cells)));
        }
        match self.n_tokens_left() {
            Some(0) => {
                let message = format!("no answer within {} tokens{last}", self.progress.meter.total().usage.n_tokens());
                Some(refusal(ErrorCode::BudgetExceeded, message))
            }
            _ => None,
        }
    }

    /// One turn. In a forced one the limit of cells no longer counts.
    ///
    /// # Errors
    /// When the goal ends without an answer.
    pub async fn turn(&mut self, is_forced: bool) -> Result<TurnEnd, Refusal> {
        let step = self.progress.n_steps + 1;
        self.progress.doing = "waiting for the model";
        self.emit_at(step, Stage::Generate, "", "", "", None);
        let said = self.say().instrument(tracing::debug_span!("generate", step)).await?;
        let interface = said.interface.as_ref();
        self.progress.interface = interface.interface();
        let known = Known { next_step: step, names: self.names.clone() };
        let action = match interface.read(&said.reply, &known) {
            Ok(action) => action,
            Err(problem) => {
                let problem = problem.to_string();
                self.emit_at(step, Stage::Observe, "", "", &problem, Some(said.cost));
                return self.unreadable(interface, &problem, is_forced);
            }
        };
        let (mut ran, submission) = self.run_cells(interface.interface(), &action, said.cost, is_forced).await;
        let status = ran.iter().rev().find_map(|ran| ran.report.as_ref()).map(|report| report.status.clone());
        if status == Some(CellStatus::Cancelled) {
            return Err(refusal(ErrorCode::Canceled, format!("cancelled in cell {}", self.progress.n_steps)));
        }
        self.note_results(&mut ran);
        let has_failed = status.as_ref().is_some_and(|status| *status != CellStatus::Completed);
        if interface.interface().is_one_turn() && submission.is_none() {
            let never_ran = matches!(status, Some(CellStatus::Rejected(_)));
            if !(never_ran || interface.interface() == Interface::NoTools && has_failed) {
                return Err(ended_without_answer(&ran));
            }
            let problem = self.progress.last_problem.clone().unwrap_or_default();
            return self.unreadable(interface, &problem, is_forced);
        }
        self.n_unreadable = 0;
        self.n_failed_cells = if has_failed { self.n_failed_cells + 1 } else { 0 };
        tracing::debug_span!("observe", step).in_scope(|| self.keep(interface, action, ran));
        if submission.is_some() {
            tracing::debug_span!("answer", step).in_scope(|| tracing::debug!("the model submitted"));
        }
        Ok(submission.map_or(TurnEnd::Continues, TurnEnd::Submitted))
    }

    /// A reply that nothing came of. Its text is not sent again: a model would take it for an example.
    fn unreadable(
        &mut self,
        interface: &dyn ActionInterface,
        problem: &str,
        is_forced: bool,
    ) -> Result<TurnEnd, Refusal> {
        self.n_unreadable += 1;
        self.progress.last_problem = Some(problem.to_owned());
        let max = self.agent.settings.patience.n_unreadable;
        if self.n_unreadable >= max && !is_forced {
            if let Some(answer) = self.progress.take_held() {
                return Ok(TurnEnd::Submitted(Submission::Answer(answer)));
            }
            let message = format!("{} replies in a row held no cell; the last one: {problem}", self.n_unreadable);
            return Err(refusal(ErrorCode::NoAnswer, message));
        }
        let first_line = problem.lines().next().unwrap_or_default();
        let told = feedback::write_unreadable(problem, interface.how_to_reply(), &self.left());
        let messages =
            vec![Message::new(Role::Assistant, format!("(no cell: {first_line})")), Message::new(Role::User, told)];
        self.talk.push(messages, &format!("a reply that could not be read: {first_line}"));
        Ok(TurnEnd::Continues)
    }

    /// Asks whoever speaks now, until somebody replies.
    async fn say(&mut self) -> Result<Said, Refusal> {
        loop {
            let speaker = self.speakers.current()?;
            let interface = self.interface_of(&speaker, speaker.abilities.writes_programs_only);
            let mut request = self.request(&speaker, interface.as_ref());
            interface.equip(&mut request);
            request.on_delta =
                Some(writing::sink(self.events, self.progress.n_steps + 1, self.progress.meter.total().usage));
            let mut cost = CallCost {
                n_messages: request.messages.len(),
                n_pictures: request.messages.iter().map(|message| message.pictures.len()).sum(),
                n_estimated_tokens: request.messages.iter().map(estimated_tokens).sum(),
                ..CallCost::default()
            };
            match ask(speaker.model, &request, self.progress).await {
                Ok(reply) => {
                    cost.usage = reply.usage;
                    tracing::debug!(
                        model = speaker.model.name(),
                        n_sent_bytes = cost.usage.n_sent_bytes,
                        n_prompt_tokens = cost.usage.n_prompt_tokens,
                        n_cached_tokens = cost.usage.n_cached_tokens,
                        n_completion_tokens = cost.usage.n_completion_tokens,
                        n_pictures = cost.n_pictures,
                        "the model replied"
                    );
                    self.speakers.spoke(reply.is_program);
                    let interface = self.interface_of(&speaker, reply.is_program);
                    return Ok(Said { interface, reply, cost });
                }
                Err(error) => match self.speakers.failed(error, &request).await {
                    Next::AskAgain => {}
                    Next::Shorten => {
                        self.talk.shorten();
                    }
                    Next::GiveUp(refused) => return Err(refused),
                },
            }
        }
    }

    /// A model that writes only programs takes part in goals of every interface, in its own way.
    fn interface_of(&self, speaker: &Speaker<'_>, is_program: bool) -> Box<dyn ActionInterface> {
        let wanted = self.goal.interface;
        let takes_part = !is_program || wanted.takes_programs();
        let interface = if takes_part { wanted } else { Interface::Code };
        interface.implementation(speaker.abilities, &self.agent.settings.rules)
    }

    fn request(&mut self, speaker: &Speaker<'_>, interface: &dyn ActionInterface) -> ChatRequest {
        let settings = &self.agent.settings;
        let instructions = match self.instructions.take() {
            Some((known, text)) if known == interface.interface() && speaker.abilities == self.progress.abilities => {
                text
            }
            _ => prompt::instructions(&settings.prompt, interface, speaker.abilities),
        };
        self.progress.abilities = speaker.abilities;
        self.progress.prompt_hash = prompt::hash(&instructions);
        let system = Message::new(Role::System, instructions.as_str());
        let mut limits = settings.context;
        if speaker.abilities.max_context_tokens > 0 {
            // A third stays free for thinking and the reply.
            limits.max_tokens = limits.max_tokens.min(speaker.abilities.max_context_tokens / 3 * 2);
        }
        self.talk.fit(&limits, estimated_tokens(&system));
        self.instructions = Some((interface.interface(), instructions));
        self.request_without_interface()
    }

    /// The conversation as the model had it, for others to read.
    pub fn request_without_interface(&self) -> ChatRequest {
        let instructions = self.instructions.as_ref().map(|(_, text)| text.as_str()).unwrap_or_default();
        let messages = std::iter::once(Message::new(Role::System, instructions)).chain(self.talk.messages()).collect();
        ChatRequest {
            messages,
            session_id: self.goal.session_id.clone(),
            conversation_id: self.goal.conversation_id.clone(),
            deadline: Some(self.goal.deadline),
            ..ChatRequest::default()
        }
    }

    /// Runs the cells of an action in order, until one submits or fails or none are left.
    async fn run_cells(
        &mut self,
        interface: Interface,
        action: &Action,
        cost: CallCost,
        is_forced: bool,
    ) -> (Vec<Ran>, Option<Submission>) {
        let mut ran: Vec<Ran> = Vec::new();
        let mut submission = None;
        let mut is_over = false;
        let mut cost = Some(cost);
        for planned in &action.cells {
            let step = self.progress.n_steps + 1;
            if is_over || (step > self.goal.max_steps && !is_forced) {
                ran.push(Ran { step, cell: planned.clone(), report: None });
                continue;
            }
            self.progress.n_steps = step;
            self.progress.doing = "running a cell";
            let cell = Cell { id: step, purpose: action.purpose.clone(), source: planned.source.clone() };
            self.emit_at(step, Stage::Check, &cell.purpose, &cell.source, "", cost.take());
            self.emit_at(step, Stage::Run, &cell.purpose, &cell.source, "", None);
            let report = self.run_cell(interface, &cell).instrument(tracing::debug_span!("run", step)).await;
            self.progress.n_tool_calls += report.n_tool_calls;
            self.progress.last_problem = problem_of(&report);
            submission = report.submission.clone();
            is_over = submission.is_some() || report.status != CellStatus::Completed;
            let (stage, output) = match &submission {
                Some(Submission::Answer(answer)) => (Stage::Answer, answer.text.clone()),
                Some(Submission::Refusal(refused)) => (Stage::Answer, format!("{}: {}", refused.code, refused.message)),
                None => (Stage::Observe, feedback::write(step, &report, &action.notices, &self.left())),
            };
            if report.status != CellStatus::Cancelled {
                self.emit_at(step, stage, &cell.purpose, &cell.source, &output, None);
            }
            ran.push(Ran { step, cell: planned.clone(), report: Some(report) });
        }
        (ran, submission)
    }

    async fn run_cell(&mut self, interface: Interface, cell: &Cell) -> CellReport {
        if let Some(sink) = &self.agent.sink {
            sink.cell(cell);
        }
        let mut report = match interface {
            Interface::SinglePass => self.kernel.run_program(cell.clone()).await,
            _ => self.kernel.run_cell(cell.clone()).await,
        };
        if let Some(sink) = &self.agent.sink {
            sink.report(cell, &mut report);
        }
        report
    }

    /// Until the deadline, as far as anything that is said or decided depends on it.
    pub fn time_left(&self) -> Duration {
        let measured = self.goal.deadline.saturating_duration_since(Instant::now());
        self.agent.sink.as_ref().map_or(measured, |sink| sink.time_left(measured))
    }

    /// Remembers names of results, and takes out pictures beyond the goal's budget.
    fn note_results(&mut self, ran: &mut [Ran]) {
        let max = self.agent.settings.context.max_shown_pictures;
        for ran in ran {
            let Some(report) = &mut ran.report else { continue };
            if report.status == CellStatus::Completed {
                self.names.extend(ran.cell.result.clone());
            }
            let room = max.saturating_sub(self.n_shown_pictures) as usize;
            let n_left_out = report.pictures.len().saturating_sub(room);
            if n_left_out > 0 {
                report.pictures.truncate(room);
                report.stdout.push_str(&format!("[{n_left_out} pictures left out; the goal shows at most {max}]\n"));
            }
            self.n_shown_pictures += u32::try_from(report.pictures.len()).unwrap_or(u32::MAX);
        }
    }

    /// Puts a turn into the conversation; of a cell that failed only what matters stays.
    fn keep(&mut self, interface: &dyn ActionInterface, action: Action, ran: Vec<Ran>) {
        // Who writes programs looks in the conversation for what it tried.
        let condenses = !self.speakers.is_program_writer();
        let condensed = if condenses { interface.condensed(&action, &ran) } else { None };
        let gist = gist(&action, &ran);
        let told = interface.told(ran, &action.notices, &self.left());
        let messages = std::iter::once(condensed.unwrap_or(action.said)).chain(told).collect();
        self.talk.push(messages, &gist);
    }

    fn left(&self) -> BudgetLeft {
        let max_pictures = self.agent.settings.context.max_shown_pictures;
        BudgetLeft {
            n_steps: self.goal.max_steps.saturating_sub(self.progress.n_steps),
            time: self.time_left(),
            n_tool_calls: self.agent.limits.max_tool_calls.saturating_sub(self.progress.n_tool_calls),
            n_pictures: max_pictures.saturating_sub(self.n_shown_pictures),
            n_tokens: self.n_tokens_left(),
        }
    }

    fn n_tokens_left(&self) -> Option<u64> {
        self.agent.settings.max_tokens.map(|max| max.saturating_sub(self.progress.meter.total().usage.n_tokens()))
    }

    /// An event of the last step.
    pub fn emit(&self, stage: Stage, purpose: &str, code: &str, output: &str, cost: Option<CallCost>) {
        self.emit_at(self.progress.n_steps, stage, purpose, code, output, cost);
    }

    fn emit_at(&self, step: u32, stage: Stage, purpose: &str, code: &str, output: &str, cost: Option<CallCost>) {
        let (purpose, code, output) = (purpose.to_owned(), code.to_owned(), output.to_owned());
        let used = self.progress.meter.total().usage;
        (self.events)(Event { stage, step, purpose, code, output, cost, used });
    }
}

/// A program that ended without an answer: a tool's own refusal where it was one.
fn ended_without_answer(ran: &[Ran]) -> Refusal {
    let report = ran.iter().rev().find_map(|ran| ran.report.as_ref());
    match report.map(|report| &report.status) {
        Some(CellStatus::Failed(error) | CellStatus::LimitReached(error)) => {
            let code = error.code.unwrap_or(ErrorCode::NoAnswer);
            refusal(code, format!("the program ended without an answer: {}", feedback::failure_line(error)))
        }
        Some(CellStatus::TimedOut) => {
            refusal(ErrorCode::BudgetExceeded, "the program ran out of the time that one cell has".to_owned())
        }
        _ => refusal(ErrorCode::NoAnswer, "the program ended without submitting anything".to_owned()),
    }
}

/// One line about a turn.
fn gist(action: &Action, ran: &[Ran]) -> String {
    const MAX_PRINTED_CHARS: usize = 120;
    let outcome = |report: &CellReport| match problem_of(report) {
        Some(problem) => problem,
        None => {
            let set: Vec<String> =
                report.variables.iter().take(4).map(|v| format!("{} = {}", v.name, v.summary)).collect();
            let printed: String = report.stdout.trim().chars().take(MAX_PRINTED_CHARS).collect();
            format!("{} {printed}", set.join("; ")).trim().to_owned()
        }
    };
    let outcomes: Vec<String> =
        ran.iter().filter_map(|ran| Some(format!("cell {}: {}", ran.step, outcome(ran.report.as_ref()?)))).collect();
    format!("{} -> {}", action.purpose, outcomes.join("; "))
}
