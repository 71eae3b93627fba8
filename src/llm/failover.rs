//! Models that stand in for each other: the first that can, answers.
//!
//! A session that has moved on stays where it is: two voices in one conversation would confuse both.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures::{FutureExt, future::BoxFuture};

use super::{Abilities, ChatModel, ChatReply, ChatRequest, Delta, ModelError};

/// Sessions whose place is remembered; an older one starts with the first model again.
const MAX_SESSIONS: usize = 1024;

/// Models in the order in which they are asked.
pub struct Failover {
    models: Vec<Arc<dyn ChatModel>>,
    reserve: Duration,
    moved: Mutex<VecDeque<(String, usize)>>,
}

impl Failover {
    /// Asks `first`, then the others. Each model but the last must leave `reserve` of the request's time to those behind it.
    pub fn new(first: Arc<dyn ChatModel>, others: Vec<Arc<dyn ChatModel>>, reserve: Duration) -> Failover {
        let models = std::iter::once(first).chain(others).collect();
        Failover { models, reserve, moved: Mutex::default() }
    }

    async fn ask(&self, request: &ChatRequest) -> Result<ChatReply, ModelError> {
        let start = self.place(&request.session_id);
        let mut problems = Vec::new();
        for (at, model) in self.models.iter().enumerate().skip(start) {
            let n_behind = self.models.len().saturating_sub(at + 1);
            if !problems.is_empty()
                && let Some(sink) = &request.on_delta
            {
                sink.send(Delta::Restart);
            }
            let own = ChatRequest { deadline: self.deadline(request.deadline, n_behind), ..request.clone() };
            match within(own.deadline, model.as_ref(), &own).await {
                Ok(mut reply) => {
                    if reply.model.is_empty() {
                        reply.model = model.name().to_owned();
                    }
                    return Ok(reply);
                }
                // Whoever asked can ask in a plainer form; that is better than another model.
                Err(problem @ ModelError::BadRequest { .. }) if !request.tools.is_empty() => return Err(problem),
                Err(problem) => {
                    if n_behind > 0 {
                        tracing::warn!(model = model.name(), %problem, "model gave no reply, the next one is asked");
                        self.move_on(&request.session_id, at + 1);
                    }
                    problems.push(problem);
                }
            }
        }
        Err(match problems.len() {
            1 => problems.remove(0),
            _ => ModelError::Several(problems),
        })
    }

    /// Leaves `reserve` to each of the `n_behind` models behind, or an equal share when there is less.
    fn deadline(&self, deadline: Option<Instant>, n_behind: usize) -> Option<Instant> {
        let deadline = deadline?;
        let n_behind = n_behind as u32;
        let left = deadline.saturating_duration_since(tokio::time::Instant::now().into_std());
        let reserved =
            self.reserve.saturating_mul(n_behind).min(left.mul_f64(f64::from(n_behind) / f64::from(n_behind + 1)));
        Some(deadline.checked_sub(reserved).unwrap_or(deadline))
    }

    fn place(&self, session_id: &str) -> usize {
        self.moved().iter().find(|(id, _)| id == session_id && !id.is_empty()).map_or(0, |(_, at)| *at)
    }

    fn move_on(&self, session_id: &str, to: usize) {
        if session_id.is_empty() {
            return;
        }
        let mut moved = self.moved();
        moved.retain(|(id, _)| id != session_id);
        moved.push_back((session_id.to_owned(), to));
        if moved.len() > MAX_SESSIONS {
            moved.pop_front();
        }
    }

    fn moved(&self) -> MutexGuard<'_, VecDeque<(String, usize)>> {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Not every model watches the clock itself.
async fn within(
    deadline: Option<Instant>,
    model: &dyn ChatModel,
    request: &ChatRequest,
) -> Result<ChatReply, ModelError> {
    let Some(deadline) = deadline else { return model.complete(request).await };
    match tokio::time::timeout_at(deadline.into(), model.complete(request)).await {
        Ok(result) => result,
        Err(_) => Err(ModelError::DeadlineExceeded { model: model.name().to_owned() }),
    }
}

impl ChatModel for Failover {
    fn name(&self) -> &str {
        self.models.first().map_or("none", |model| model.name())
    }

    fn abilities(&self) -> Abilities {
        Abilities::shared(self.models.iter().map(|model| model.abilities()))
    }

    fn complete<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatReply, ModelError>> {
        self.ask(request).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::scripted::{ScriptedModel, Turn};

    fn down() -> Turn {
        Turn::Fail(ModelError::Unavailable { model: "far".into(), reason: "refused".into() })
    }

    fn says(text: &str) -> Turn {
        Turn::Reply(text.to_owned())
    }

    fn failover(first: Vec<Turn>, second: Vec<Turn>) -> Failover {
        let model = |name: &str, turns| Arc::new(ScriptedModel::new(name, turns)) as Arc<dyn ChatModel>;
        Failover::new(model("far", first), vec![model("near", second)], Duration::from_secs(3))
    }

    fn of_session(id: &str) -> ChatRequest {
        ChatRequest { session_id: id.to_owned(), ..ChatRequest::default() }
    }

    #[tokio::test]
    async fn a_session_that_moved_on_stays_and_others_start_with_the_first() {
        let models = failover(vec![down(), says("far")], vec![says("near 1"), says("near 2")]);
        let mut said = Vec::new();
        for session in ["a", "a", "b"] {
            let reply = models.complete(&of_session(session)).await.unwrap();
            said.push((reply.model, reply.text));
        }
        let expected = [("near", "near 1"), ("near", "near 2"), ("far", "far")];
        assert_eq!(said, expected.map(|(model, text)| (model.to_owned(), text.to_owned())));
    }

    #[tokio::test(start_paused = true)]
    async fn a_hanging_model_leaves_time_for_the_next() {
        let check = async |secs: u64, expected_secs: f64| {
            let models = failover(vec![Turn::Hang], vec![says("near")]);
            let started = tokio::time::Instant::now();
            let deadline = Some((started + Duration::from_secs(secs)).into_std());
            let reply = models.complete(&ChatRequest { deadline, ..of_session("a") }).await.unwrap();
            assert_eq!(reply.text, "near");
            assert!((started.elapsed().as_secs_f64() - expected_secs).abs() < 0.01, "{:?}", started.elapsed());
        };
        check(30, 27.0).await;
        check(2, 1.0).await;
    }

    #[tokio::test]
    async fn when_all_fail_each_reason_is_told() {
        let unsupported = Turn::Fail(ModelError::UnsupportedQuestion("outside the grammar".into()));
        let error = failover(vec![down()], vec![unsupported]).complete(&of_session("a")).await.unwrap_err();
        assert_eq!(error.to_string(), "model \"far\" is unavailable: refused; outside the grammar");
        assert!(error.is_outage());
    }
}
