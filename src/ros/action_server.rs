//! The action server of `~/ask`, on services and publishers.
//!
//! r2r's own action server never forgets goals, reads freed memory on a result request for an unknown goal, and leaves cancelled
//! goals in CANCELING. The states are kept by [`GoalTable`]; here each goal has a task that waits for its turn, runs the question,
//! sends feedback, and ends the goal once: with its answer, or as cancelled, preempted, too late or shutting down.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures::{Stream, StreamExt, future::BoxFuture};
use r2r::{
    Node, Publisher, QosProfile, ServiceRequest,
    action_msgs::{
        msg::{GoalInfo, GoalStatus, GoalStatusArray},
        srv::CancelGoal,
    },
    spatialclaw::action::AskSpatial::{FeedbackMessage, GetResult, Result as ResultMsg, SendGoal},
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    convert::{
        answer::{About, result_msg},
        feedback::feedback_msg,
        goal::question,
        time::{stamp, time_msg},
        uuid::{goal_id, hex, uuid_msg},
    },
    goal_table::{GoalId, GoalState, GoalTable, ResultReply, Submitted},
    outputs::Ended,
};
use crate::{
    agent::{Event, EventSink, Outcome, Stage},
    answer::Refusal,
    app::{App, Question, refused},
    error_code::ErrorCode,
};

/// The action's name, under the node's.
const ACTION: &str = "~/ask";
/// How long a cancelled question may take to notice before its goal ends without it.
const CANCEL_GRACE: Duration = Duration::from_millis(120);
/// How long a question may stay silent after its deadline before its goal ends without it.
const DEADLINE_GRACE: Duration = Duration::from_millis(500);
/// Feedback messages that may wait to be sent for one goal.
const EVENT_QUEUE: usize = 256;

type ResultRequest = ServiceRequest<GetResult::Service>;
type Table = GoalTable<Control, ResultMsg, ResultRequest>;

/// The way to a goal's task.
struct Control {
    cancel: CancellationToken,
    turn: Option<oneshot::Sender<()>>,
    reason: Option<Refusal>,
}

struct Goals {
    table: Table,
    status: Publisher<GoalStatusArray>,
    accepting: bool,
    counts: Counts,
}

/// Goals by how they fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Being answered: 0 or 1.
    pub n_running: u64,
    /// Waiting for their turn: 0 or 1.
    pub n_waiting: u64,
    /// Ended with an answer since the start.
    pub n_answered: u64,
    /// Ended without one since the start.
    pub n_refused: u64,
    /// Not accepted since the start.
    pub n_rejected: u64,
}

/// Takes goals in, runs them one by one, and ends them.
pub struct ActionServer {
    app: Arc<App>,
    goals: Mutex<Goals>,
    feedback: Mutex<Publisher<FeedbackMessage>>,
    ended: mpsc::Sender<Ended>,
}

impl ActionServer {
    /// Creates services and publishers; the futures serve them and never end by themselves. Every end of a goal, and every
    /// rejected goal, is told to `ended`.
    ///
    /// # Errors
    /// When a service or publisher cannot be created.
    pub fn create(
        node: &mut Node,
        app: Arc<App>,
        ended: mpsc::Sender<Ended>,
    ) -> r2r::Result<(Arc<ActionServer>, Vec<BoxFuture<'static, ()>>)> {
        let name = |leaf: &str| format!("{ACTION}/_action/{leaf}");
        let qos = QosProfile::services_default();
        let send_goal = node.create_service::<SendGoal::Service>(&name("send_goal"), qos.clone())?;
        let cancel_goal = node.create_service::<CancelGoal::Service>(&name("cancel_goal"), qos.clone())?;
        let get_result = node.create_service::<GetResult::Service>(&name("get_result"), qos)?;
        let feedback = node.create_publisher(&name("feedback"), QosProfile::default())?;
        let status = QosProfile::default().keep_last(1).transient_local();
        let status = node.create_publisher(&name("status"), status)?;
        let goals = Goals { table: Table::default(), status, accepting: true, counts: Counts::default() };
        let server = Arc::new(ActionServer { app, goals: Mutex::new(goals), feedback: Mutex::new(feedback), ended });
        server.goals().publish_status();
        let futures: Vec<BoxFuture<'static, ()>> = vec![
            Box::pin(server.clone().serve_send_goal(send_goal)),
            Box::pin(server.clone().serve_cancel_goal(cancel_goal)),
            Box::pin(server.clone().serve_get_result(get_result)),
            Box::pin(server.clone().forget_old_goals()),
        ];
        Ok((server, futures))
    }

    /// Rejects new goals and ends all others, for at most `patience`.
    pub async fn shut_down(&self, patience: Duration) {
        {
            let mut goals = self.goals();
            goals.accepting = false;
            for id in goals.table.live() {
                goals.end_early(&id, ErrorCode::ShuttingDown, "the node is shutting down");
            }
        }
        let give_up = Instant::now() + patience;
        while !self.goals().table.live().is_empty() && Instant::now() < give_up {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// How goals fared so far.
    pub fn counts(&self) -> Counts {
        let goals = self.goals();
        let n_live = goals.table.live().len() as u64;
        Counts { n_running: n_live.min(1), n_waiting: n_live.saturating_sub(1), ..goals.counts }
    }

    fn goals(&self) -> MutexGuard<'_, Goals> {
        // A goal's task that panicked holds no half-made table: every change below is one call.
        self.goals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve_send_goal(
        self: Arc<Self>,
        mut requests: impl Stream<Item = ServiceRequest<SendGoal::Service>> + Unpin,
    ) {
        while let Some(request) = requests.next().await {
            let id = goal_id(&request.message.goal_id);
            let goal = request.message.goal.clone();
            let asked = goal.question.clone();
            let now = self.app.now();
            let accepted = question(&id, goal).and_then(|question| self.app.check(&question).map(|()| question));
            let submitted = accepted.and_then(|question| self.submit(id, question));
            let response = SendGoal::Response { accepted: submitted.is_ok(), stamp: time_msg(now) };
            if let Err(error) = request.respond(response) {
                tracing::warn!(%error, goal = hex(&id), "a client could not be told whether its goal is accepted");
            }
            match submitted {
                Ok(task) => drop(tokio::spawn(task)),
                Err(refusal) => self.tell_rejected(id, asked, refusal),
            }
        }
    }

    /// Takes a goal in; what comes back is its task.
    fn submit(self: &Arc<Self>, id: GoalId, question: Question) -> Result<impl Future<Output = ()> + use<>, Refusal> {
        let accepted_at = Instant::now();
        let cancel = CancellationToken::new();
        let (turn, my_turn) = oneshot::channel();
        let control = Control { cancel: cancel.clone(), turn: Some(turn), reason: None };
        let mut goals = self.goals();
        if !goals.accepting {
            return Err(Refusal { code: ErrorCode::ShuttingDown, message: "the node is shutting down".to_owned() });
        }
        match goals.table.submit(id, self.app.now(), control) {
            Submitted::Duplicate => {
                let message = format!("goal id {} is in use already, expected a new one", hex(&id));
                return Err(Refusal { code: ErrorCode::InvalidGoal, message });
            }
            Submitted::Runs => goals.give_turn(&id),
            Submitted::Waits { preempted } => {
                if let Some(loser) = preempted {
                    let message = "a newer goal took the waiting place; one goal runs and one waits";
                    goals.end_early(&loser, ErrorCode::Preempted, message);
                }
            }
        }
        goals.publish_status();
        let task = GoalTask { server: self.clone(), id, question, accepted_at, cancel, my_turn };
        Ok(task.run())
    }

    fn tell_rejected(&self, id: GoalId, asked: String, refusal: Refusal) {
        tracing::warn!(goal = hex(&id), code = refusal.code.name(), "goal rejected: {}", refusal.message);
        self.goals().counts.n_rejected += 1;
        let about = self.about(id, asked, hex(&id));
        let outcome = refused(refusal, Duration::ZERO);
        let result = result_msg(&about, &outcome);
        self.tell(Ended { about, outcome, result, rejected: true });
    }

    async fn serve_cancel_goal(
        self: Arc<Self>,
        mut requests: impl Stream<Item = ServiceRequest<CancelGoal::Service>> + Unpin,
    ) {
        while let Some(request) = requests.next().await {
            let wanted = &request.message.goal_info;
            let reply = {
                let mut goals = self.goals();
                let reply = goals.table.cancel(&goal_id(&wanted.goal_id), stamp(&wanted.stamp));
                for (id, _) in &reply.canceling {
                    if let Some(control) = goals.table.control_mut(id) {
                        control.cancel.cancel();
                    }
                }
                if !reply.canceling.is_empty() {
                    goals.publish_status();
                }
                reply
            };
            let goals_canceling = reply.canceling.iter().map(|(id, at)| goal_info(id, time_msg(*at))).collect();
            let response = CancelGoal::Response { return_code: reply.code as i8, goals_canceling };
            if let Err(error) = request.respond(response) {
                tracing::debug!(%error, "a client that cancelled is gone");
            }
        }
    }

    async fn serve_get_result(self: Arc<Self>, mut requests: impl Stream<Item = ResultRequest> + Unpin) {
        while let Some(request) = requests.next().await {
            let id = goal_id(&request.message.goal_id);
            let reply = self.goals().table.request_result(&id, request);
            match reply {
                ResultReply::Waits => {}
                ResultReply::Ended(request, state, result) => respond(request, state as i8, result),
                ResultReply::Unknown(request) => {
                    respond(request, GoalStatus::STATUS_UNKNOWN as i8, ResultMsg::default());
                }
            }
        }
    }

    async fn forget_old_goals(self: Arc<Self>) {
        let kept_for = self.app.config().result_timeout;
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        loop {
            ticks.tick().await;
            let mut goals = self.goals();
            if goals.table.expire(Instant::now(), kept_for) {
                goals.publish_status();
            }
        }
    }

    /// Ends a goal, answers who waits for its result, and gives the next its turn.
    fn finish(&self, id: GoalId, question: &Question, outcome: Outcome) {
        let about = self.about(id, question.text.clone(), question.session_id.clone());
        let mut outcome = outcome;
        let finished = {
            let mut goals = self.goals();
            let reason = goals.table.control_mut(&id).and_then(|control| control.reason.take());
            let finished = goals.table.finish(&id, Instant::now(), |state| {
                if state == GoalState::Canceling {
                    let message = "the client cancelled the goal".to_owned();
                    outcome.result = Err(Refusal { code: ErrorCode::Canceled, message });
                } else if let Some(reason) = reason {
                    outcome.result = Err(reason);
                }
                let result = result_msg(&about, &outcome);
                let state = match state {
                    GoalState::Canceling => GoalState::Canceled,
                    _ if result.success => GoalState::Succeeded,
                    _ => GoalState::Aborted,
                };
                (state, result)
            });
            match finished.as_ref().map(|finished| finished.state) {
                Some(GoalState::Succeeded) => goals.counts.n_answered += 1,
                Some(_) => goals.counts.n_refused += 1,
                None => {}
            }
            if let Some(next) = finished.as_ref().and_then(|finished| finished.next) {
                goals.give_turn(&next);
            }
            goals.publish_status();
            finished
        };
        let Some(finished) = finished else { return };
        for request in finished.waiting {
            respond(request, finished.state as i8, finished.result.clone());
        }
        let elapsed_millis = outcome.elapsed.as_millis() as u64;
        match &outcome.result {
            Ok(answer) => tracing::info!(goal = hex(&id), elapsed_millis, "answered: {}", answer.text),
            Err(refusal) => {
                tracing::info!(
                    goal = hex(&id),
                    elapsed_millis,
                    code = refusal.code.name(),
                    "refused: {}",
                    refusal.message
                );
            }
        }
        self.tell(Ended { about, outcome, result: finished.result, rejected: false });
    }

    fn about(&self, id: GoalId, question: String, session_id: String) -> About {
        About {
            id,
            question,
            session_id,
            interface: self.app.interface().to_owned(),
            fixed_frame: self.app.config().fixed_frame.clone(),
            now: self.app.now(),
        }
    }

    fn tell(&self, ended: Ended) {
        if self.ended.try_send(ended).is_err() {
            tracing::warn!("answers come faster than they can be published on topics; one was left out there");
        }
    }

    fn send_feedback(&self, id: &GoalId, event: &Event, elapsed: Duration) {
        let feedback = self.feedback.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = feedback.publish(&feedback_msg(id, event, elapsed)) {
            tracing::warn!(%error, "feedback could not be published");
        }
    }
}

impl Goals {
    fn publish_status(&self) {
        let status_list = self
            .table
            .statuses()
            .map(|(id, at, state)| GoalStatus { goal_info: goal_info(id, time_msg(at)), status: state as i8 })
            .collect();
        if let Err(error) = self.status.publish(&GoalStatusArray { status_list }) {
            tracing::warn!(%error, "goal status could not be published");
        }
    }

    fn give_turn(&mut self, id: &GoalId) {
        if let Some(turn) = self.table.control_mut(id).and_then(|control| control.turn.take()) {
            // A task that does not wait for its turn any more is about to end its goal.
            let _ = turn.send(());
        }
    }

    fn end_early(&mut self, id: &GoalId, code: ErrorCode, message: &str) {
        if let Some(control) = self.table.control_mut(id) {
            control.reason = Some(Refusal { code, message: message.to_owned() });
            control.cancel.cancel();
        }
    }
}

struct GoalTask {
    server: Arc<ActionServer>,
    id: GoalId,
    question: Question,
    accepted_at: Instant,
    cancel: CancellationToken,
    my_turn: oneshot::Receiver<()>,
}

impl GoalTask {
    async fn run(self) {
        let GoalTask { server, id, question, accepted_at, cancel, mut my_turn } = self;
        let deadline = accepted_at + question.deadline.unwrap_or(server.app.config().deadline);
        let is_queued = my_turn.try_recv().is_err();
        if is_queued {
            server.send_feedback(&id, &queued(), accepted_at.elapsed());
        }
        let is_on = !is_queued
            || tokio::select! {
                biased;
                () = cancel.cancelled() => false,
                () = tokio::time::sleep_until(deadline.into()) => false,
                turn = my_turn => turn.is_ok(),
            };
        let outcome = if is_on {
            answer(&server, &id, &question, accepted_at, deadline, &cancel).await
        } else {
            too_late(accepted_at, "the deadline passed while another question was being answered")
        };
        server.finish(id, &question, outcome);
    }
}

/// Runs the question in a task of its own, so that one that does not notice its end cannot keep the goal.
async fn answer(
    server: &Arc<ActionServer>,
    id: &GoalId,
    question: &Question,
    accepted_at: Instant,
    deadline: Instant,
    cancel: &CancellationToken,
) -> Outcome {
    let (event_sender, mut events) = mpsc::channel::<Event>(EVENT_QUEUE);
    let sink: EventSink = Arc::new(move |event| {
        if event_sender.try_send(event).is_err() {
            tracing::debug!("feedback comes faster than it can be sent; one message was left out");
        }
    });
    let mut work = {
        let (app, question, cancel) = (server.app.clone(), question.clone(), cancel.clone());
        tokio::spawn(async move { app.ask(question, accepted_at, deadline, sink, cancel).await })
    };
    let cancelled_for_too_long = async {
        cancel.cancelled().await;
        tokio::time::sleep(CANCEL_GRACE).await;
    };
    tokio::pin!(cancelled_for_too_long);
    let outcome = loop {
        tokio::select! {
            biased;
            Some(event) = events.recv() => server.send_feedback(id, &event, accepted_at.elapsed()),
            outcome = &mut work => break outcome.unwrap_or_else(|error| {
                tracing::error!(%error, "a question ended by a defect");
                let message = format!("the question ended by a defect of this node: {error}");
                refused(Refusal { code: ErrorCode::InternalError, message }, accepted_at.elapsed())
            }),
            () = &mut cancelled_for_too_long => break too_late(accepted_at, "the goal was cancelled"),
            () = tokio::time::sleep_until((deadline + DEADLINE_GRACE).into()) => {
                cancel.cancel();
                break too_late(accepted_at, "the deadline passed");
            }
        }
    };
    while let Ok(event) = events.try_recv() {
        server.send_feedback(id, &event, accepted_at.elapsed());
    }
    outcome
}

fn too_late(accepted_at: Instant, what: &str) -> Outcome {
    let elapsed = accepted_at.elapsed();
    let message = format!("{what} after {:.3} s", elapsed.as_secs_f64());
    refused(Refusal { code: ErrorCode::DeadlineExceeded, message }, elapsed)
}

fn queued() -> Event {
    let output = "another question is being answered".to_owned();
    Event { output, ..Event::of(Stage::Queued) }
}

fn goal_info(id: &GoalId, stamp: r2r::builtin_interfaces::msg::Time) -> GoalInfo {
    GoalInfo { goal_id: uuid_msg(id), stamp }
}

fn respond(request: ResultRequest, status: i8, result: ResultMsg) {
    if let Err(error) = request.respond(GetResult::Response { status, result }) {
        tracing::debug!(%error, "a client that waited for a result is gone");
    }
}
