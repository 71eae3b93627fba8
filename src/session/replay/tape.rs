//! Plays the record to the loop, and compares what the loop does with it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use tokio_util::sync::CancellationToken;

use super::{
    Replayed, Verdict, canonical,
    difference::{Difference, cell_lines, message_lines, outcome_lines, report_lines},
};
use crate::{
    agent::SessionSink,
    kernel::{Cell, CellReport},
    llm::{Abilities, ChatModel, ChatReply, ChatRequest, ModelError},
    session::{
        content_hash::PictureHashes,
        recorded::Recorded,
        records::{CellRecord, MessageRecord, ModelRecord, OutcomeRecord, ReplyRecord, ReportRecord, RequestRecord},
    },
};

/// The record as the loop meets it.
pub(super) struct Tape {
    calls: Vec<Call>,
    messages: std::collections::BTreeMap<String, MessageRecord>,
    cells: Vec<CellRecord>,
    reports: Vec<ReportRecord>,
    outcome: OutcomeRecord,
    hashes: PictureHashes,
    ended: CancellationToken,
    state: Mutex<State>,
}

struct Call {
    request: RequestRecord,
    reply: Option<ReplyRecord>,
    /// Nothing was done after it: the goal ended while this was waited for.
    is_last: bool,
}

#[derive(Default)]
struct State {
    is_used: Vec<bool>,
    n_requests: usize,
    times: VecDeque<u64>,
    cells: Vec<CellRecord>,
    reports: Vec<ReportRecord>,
    differences: Vec<Difference>,
    end_reason: Option<String>,
}

impl Tape {
    pub fn new(recorded: &Recorded) -> Tape {
        let n_calls = recorded.requests.len();
        let calls = recorded.requests.iter().enumerate().map(|(position, request)| Call {
            request: request.clone(),
            reply: recorded.replies.iter().find(|reply| reply.call == request.call).cloned(),
            is_last: position + 1 == n_calls && recorded.ends_with_request(),
        });
        let times = recorded.times.iter().map(|time| time.left_nanos).collect();
        Tape {
            calls: calls.collect(),
            messages: recorded.messages.clone(),
            cells: recorded.cells.clone(),
            reports: recorded.reports.clone(),
            outcome: recorded.outcome.clone(),
            hashes: PictureHashes::default(),
            ended: CancellationToken::new(),
            state: Mutex::new(State { is_used: vec![false; n_calls], times, ..State::default() }),
        }
    }

    /// Comes back when the record holds nothing further.
    pub async fn has_ended(&self) {
        self.ended.cancelled().await;
    }

    /// Compares the end of the run; none when the record ended before.
    pub fn compare(&self, outcome: Option<OutcomeRecord>) -> Replayed {
        let mut state = self.state();
        let n_cells = state.cells.len();
        if let Some(outcome) = &outcome {
            let [recorded, now] =
                [&self.outcome, outcome].map(|end| outcome_lines(&canonical::outcome_without_time(end)));
            if recorded != now {
                state.differences.push(Difference::of_result("the answer", &recorded, &now));
            }
            let n_unused = state.is_used.iter().filter(|is_used| !**is_used).count();
            if n_unused > 0 || n_cells < self.cells.len() {
                let recorded = format!("{} requests, {} cells\n", self.calls.len(), self.cells.len());
                let now = format!("{} requests, {n_cells} cells\n", self.calls.len() - n_unused);
                state.differences.push(Difference::of_result("the length of the session", &recorded, &now));
            }
        }
        let verdict = match (&state.differences[..], &state.end_reason) {
            ([], Some(reason)) if outcome.is_none() => Verdict::SameSoFar(reason.clone()),
            ([], _) => Verdict::Same,
            _ => Verdict::Differs,
        };
        let recorded_end = outcome.is_some().then_some(&self.outcome);
        let up_to = |n_all: usize| if outcome.is_some() { n_all } else { n_all.min(state.reports.len()) };
        let recorded_cells = self.cells.get(..up_to(self.cells.len())).unwrap_or_default();
        let recorded_reports = self.reports.get(..up_to(self.reports.len())).unwrap_or_default();
        Replayed {
            verdict,
            end_reason: if outcome.is_none() { state.end_reason.clone() } else { None },
            differences: state.differences.clone(),
            n_cells,
            n_requests: state.n_requests,
            canonical: canonical::write(
                state.cells.get(..up_to(n_cells)).unwrap_or_default(),
                &state.reports,
                outcome.as_ref(),
            ),
            recorded_canonical: canonical::write(recorded_cells, recorded_reports, recorded_end),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, reason: String) {
        self.state().end_reason.get_or_insert(reason);
        self.ended.cancel();
    }

    /// The recorded call that is the same to the byte; else the next of this role, and what differs.
    fn answer(&self, role: &str, request: &ChatRequest) -> Option<&Call> {
        let hash = self.hashes.of_request(request);
        let mut state = self.state();
        state.n_requests += 1;
        let unused = |state: &State, position: usize| state.is_used.get(position).is_some_and(|is_used| !is_used);
        let of_role = || {
            self.calls
                .iter()
                .enumerate()
                .filter(|(position, call)| call.request.role == role && unused(&state, *position))
        };
        let same = of_role().find(|(_, call)| call.request.sha256 == hash);
        let (position, call) = match same.or_else(|| of_role().next()) {
            Some(found) => found,
            None => {
                let last = request.messages.last().map(|message| MessageRecord::new(message, &self.hashes));
                let now = last.map(|message| message_lines(&message)).unwrap_or_default();
                let place = format!("request {} to {role}, which the record does not hold,", state.n_requests);
                state.differences.push(Difference::of_request(place, "", &now));
                return None;
            }
        };
        if call.request.sha256 != hash {
            let difference = self.request_difference(call, request);
            state.differences.push(difference);
        }
        if let Some(is_used) = state.is_used.get_mut(position) {
            *is_used = true;
        }
        Some(call)
    }

    /// The first message that differs.
    fn request_difference(&self, call: &Call, request: &ChatRequest) -> Difference {
        let place = format!("request {} to {}", call.request.call + 1, call.request.role);
        let now: Vec<MessageRecord> =
            request.messages.iter().map(|message| MessageRecord::new(message, &self.hashes)).collect();
        let n_both = now.len().max(call.request.messages.len());
        for position in 0..n_both {
            let (recorded, now) = (call.request.messages.get(position), now.get(position));
            if recorded == now.map(|message| &message.sha256) {
                continue;
            }
            let recorded = recorded.and_then(|hash| self.messages.get(hash)).map(message_lines).unwrap_or_default();
            let now = now.map(message_lines).unwrap_or_default();
            return Difference::of_request(format!("{place}, message {}", position + 1), &recorded, &now);
        }
        let recorded = format!("{} functions, schema {:?}\n", call.request.n_tools, call.request.response_schema);
        let schema = request.response_schema.as_ref().map(|schema| schema.name.clone());
        let now = format!("{} functions, schema {schema:?}, in other words\n", request.tools.len());
        Difference::of_request(format!("{place}, what may be called"), &recorded, &now)
    }
}

impl SessionSink for Tape {
    fn cell(&self, cell: &Cell) {
        let now = CellRecord::from(cell);
        let mut state = self.state();
        let position = state.cells.len();
        let recorded = self.cells.get(position);
        if recorded != Some(&now) {
            let recorded = recorded.map(cell_lines).unwrap_or_default();
            state.differences.push(Difference::of_result(format!("cell {}", cell.id), &recorded, &cell_lines(&now)));
        }
        state.cells.push(now);
        drop(state);
        match self.reports.get(position) {
            Some(report) if report.was_ended_by_time() => {
                self.end(format!("cell {} was ended by a clock when it was recorded ({})", cell.id, report.status));
            }
            None if recorded.is_some() => self.end(format!("the recorded session ended in cell {}", cell.id)),
            _ => {}
        }
    }

    fn report(&self, cell: &Cell, report: &mut CellReport) {
        let mut state = self.state();
        let now = ReportRecord::new(cell.id, report, &self.hashes);
        let recorded = self.reports.get(state.reports.len());
        if let Some(elapsed_nanos) = recorded.and_then(|recorded| recorded.elapsed_nanos) {
            report.elapsed = Duration::from_nanos(elapsed_nanos);
        }
        let is_same =
            recorded.is_some_and(|recorded| canonical::without_time(recorded) == canonical::without_time(&now));
        if !is_same {
            let recorded = recorded.map(report_lines).unwrap_or_default();
            let place = format!("what came of cell {}", cell.id);
            state.differences.push(Difference::of_result(place, &recorded, &report_lines(&now)));
        }
        state.reports.push(now);
    }

    fn time_left(&self, measured: Duration) -> Duration {
        self.state().times.pop_front().map_or(measured, Duration::from_nanos)
    }
}

/// Says what it said when the session was recorded.
pub(super) struct ReplayedModel {
    role: String,
    name: String,
    abilities: Abilities,
    tape: Arc<Tape>,
}

impl ReplayedModel {
    pub fn new(model: &ModelRecord, tape: Arc<Tape>) -> ReplayedModel {
        ReplayedModel { role: model.role.clone(), name: model.name.clone(), abilities: model.abilities(), tape }
    }

    fn next(&self, request: &ChatRequest) -> Option<Result<ChatReply, ModelError>> {
        let Some(call) = self.tape.answer(&self.role, request) else {
            self.tape.end("the record holds no further reply".to_owned());
            return None;
        };
        if call.reply.is_none() && call.is_last {
            let code = self.tape.outcome.refusal.as_ref().map_or("", |refusal| refusal.code.as_str());
            self.tape.end(format!("the recorded session ended while {} was waited for ({code})", self.name));
        }
        call.reply.as_ref().map(|reply| reply.to_said(&self.name))
    }
}

impl ChatModel for ReplayedModel {
    fn name(&self) -> &str {
        &self.name
    }

    fn abilities(&self) -> Abilities {
        self.abilities
    }

    fn complete<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatReply, ModelError>> {
        match self.next(request) {
            Some(said) => std::future::ready(said).boxed(),
            // A call that was given up when it was recorded is given up again.
            None => std::future::pending().boxed(),
        }
    }
}
