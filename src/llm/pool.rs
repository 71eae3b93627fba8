//! Several servers of one model as one: sticky, load-aware, and trying again within the deadline.
//!
//! A conversation goes to the same server while it can, because that server still holds its beginning. A server that fails is left
//! for the next one at once; when all have failed the pool waits a little longer each time, but never beyond the request's deadline.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use tokio::time::Instant;

use super::{
    Abilities, ChatModel, ChatReply, ChatRequest, Delta, ModelError, breaker::Breaker, stable_hash::stable_hash,
};

/// How a pool tries again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PoolSettings {
    /// From the first call on, for how long it starts another one. Zero = every server is asked once.
    pub retry_for: Duration,
    /// First wait after all servers have failed; it doubles each time.
    pub first_wait: Duration,
    /// Longest wait.
    pub longest_wait: Duration,
    /// A call that took at least this long when the request's deadline passed counts against its server.
    pub slow_after: Duration,
    /// Makes the waits of different pools differ.
    pub seed: u64,
}

impl Default for PoolSettings {
    fn default() -> Self {
        PoolSettings {
            retry_for: Duration::from_secs(8),
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(8),
            slow_after: Duration::from_secs(10),
            seed: 0,
        }
    }
}

/// Several servers of one model.
pub struct Pool {
    name: String,
    members: Vec<Member>,
    settings: PoolSettings,
    n_calls: AtomicU64,
}

struct Member {
    model: Arc<dyn ChatModel>,
    n_in_flight: AtomicUsize,
    breaker: Mutex<Breaker>,
}

impl Member {
    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a call for as long as it lives, also when it is dropped.
struct InFlight<'a>(&'a AtomicUsize);

impl<'a> InFlight<'a> {
    fn new(count: &'a AtomicUsize) -> InFlight<'a> {
        count.fetch_add(1, Ordering::Relaxed);
        InFlight(count)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    /// A pool of servers that all offer the model `name`.
    pub fn new(name: &str, members: Vec<Arc<dyn ChatModel>>, settings: PoolSettings) -> Pool {
        let member = |model| Member { model, n_in_flight: AtomicUsize::new(0), breaker: Mutex::default() };
        Pool {
            name: name.to_owned(),
            members: members.into_iter().map(member).collect(),
            settings,
            n_calls: AtomicU64::new(0),
        }
    }

    async fn ask(&self, request: &ChatRequest) -> Result<ChatReply, ModelError> {
        let started = Instant::now();
        let call = self.n_calls.fetch_add(1, Ordering::Relaxed);
        let mut round = 0;
        let mut tried: Vec<usize> = Vec::new();
        let mut last_problem = None;
        let stays_with = match request.conversation_id.as_str() {
            "" => &request.session_id,
            _ => &request.conversation_id,
        };
        loop {
            let Some(at) = self.choose(stays_with, call, &tried) else {
                let problem = last_problem.unwrap_or_else(|| self.all_rest());
                let wait = self.wait(round, call, &problem).max(self.rest_left());
                round += 1;
                if tried.is_empty() || !problem.is_transient() || !self.may_wait(wait, started, request) {
                    return Err(problem);
                }
                tracing::debug!(
                    model = self.name,
                    wait_millis = wait.as_millis() as u64,
                    "all servers failed, waiting"
                );
                tokio::time::sleep(wait).await;
                last_problem = Some(problem);
                tried.clear();
                continue;
            };
            let Some(member) = self.members.get(at) else { return Err(self.all_rest()) };
            if last_problem.is_some()
                && let Some(sink) = &request.on_delta
            {
                sink.send(Delta::Restart);
            }
            let asked_at = Instant::now();
            let result = {
                let _counted = InFlight::new(&member.n_in_flight);
                member.model.complete(request).await
            };
            match result {
                Ok(reply) => {
                    member.breaker().succeeded();
                    return Ok(reply);
                }
                Err(problem) => {
                    self.note(member, &problem, asked_at);
                    if !problem.is_of_server() {
                        return Err(problem);
                    }
                    tried.push(at);
                    tracing::debug!(model = self.name, server = at, %problem, "a server failed");
                    last_problem = Some(problem);
                }
            }
        }
    }

    fn note(&self, member: &Member, problem: &ModelError, asked_at: Instant) {
        let now = Instant::now();
        let was_slow = matches!(problem, ModelError::DeadlineExceeded { .. })
            && now.duration_since(asked_at) >= self.settings.slow_after;
        // One reply that cannot be used says little about the next.
        let is_bad_reply = matches!(problem, ModelError::BadReply { .. } | ModelError::TooLarge { .. });
        if problem.is_transient() || was_slow || is_bad_reply {
            member.breaker().failed(now.into_std(), problem.retry_after());
        } else if problem.is_of_server() {
            member.breaker().failed_for_good(now.into_std());
        }
    }

    /// The server for this call among those that may be asked: the one that belongs to the session unless it is much busier than
    /// the idlest, else the idlest. Rendezvous hashing: when a server is lost only its own sessions move.
    fn choose(&self, session_id: &str, call: u64, tried: &[usize]) -> Option<usize> {
        let now = Instant::now().into_std();
        let rank = |at: usize| {
            let key = if session_id.is_empty() { call.to_string() } else { session_id.to_owned() };
            stable_hash(format!("{key}\n{at}").as_bytes())
        };
        let mut candidates: Vec<(bool, usize, u64, usize)> = Vec::new();
        for (at, member) in self.members.iter().enumerate().filter(|(at, _)| !tried.contains(at)) {
            let breaker = *member.breaker();
            if breaker.rest_left(now).is_zero() {
                candidates.push((breaker.is_suspect(now), member.n_in_flight.load(Ordering::Relaxed), rank(at), at));
            }
        }
        // Those that failed lately come last.
        let best_health = candidates.iter().map(|(is_suspect, ..)| *is_suspect).min()?;
        let best: Vec<_> = candidates.iter().filter(|(is_suspect, ..)| *is_suspect == best_health).collect();
        let least_busy = best.iter().map(|(_, n_in_flight, ..)| *n_in_flight).min()?;
        let own = best.iter().max_by_key(|(.., rank, _)| *rank)?;
        let too_busy = own.1 > (2 * least_busy).max(least_busy + 2);
        let chosen = if session_id.is_empty() || too_busy {
            best.iter().min_by_key(|(_, n_in_flight, rank, _)| (*n_in_flight, *rank))?
        } else {
            own
        };
        let at = chosen.3;
        // Another call may have taken the one trial that a resting server gets.
        let admitted = self.members.get(at)?.breaker().admit(now);
        if admitted { Some(at) } else { self.choose(session_id, call, &[tried, &[at]].concat()) }
    }

    fn may_wait(&self, wait: Duration, started: Instant, request: &ChatRequest) -> bool {
        let then = Instant::now() + wait;
        then < started + self.settings.retry_for && request.deadline.is_none_or(|deadline| then.into_std() < deadline)
    }

    /// Doubles each round, between half and all of it, and at least as long as the server asked for.
    fn wait(&self, round: u32, call: u64, problem: &ModelError) -> Duration {
        let doubled = self.settings.first_wait.saturating_mul(1 << round.min(16)).min(self.settings.longest_wait);
        let random = stable_hash(format!("{}\n{call}\n{round}", self.settings.seed).as_bytes());
        let share = 0.5 + 0.5 * (random as f64 / u64::MAX as f64);
        doubled.mul_f64(share).max(problem.retry_after().unwrap_or_default())
    }

    /// Until the first server may be asked again.
    fn rest_left(&self) -> Duration {
        let now = Instant::now().into_std();
        self.members.iter().map(|member| member.breaker().rest_left(now)).min().unwrap_or_default()
    }

    fn all_rest(&self) -> ModelError {
        let (n, secs) = (self.members.len(), self.rest_left().as_secs_f64());
        let reason =
            format!("{n} of {n} servers failed just now and are left alone; the next try is due in {secs:.1} s");
        ModelError::Unavailable { model: self.name.clone(), reason }
    }
}

impl ChatModel for Pool {
    fn name(&self) -> &str {
        &self.name
    }

    fn abilities(&self) -> Abilities {
        Abilities::shared(self.members.iter().map(|member| member.model.abilities()))
    }

    fn complete<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatReply, ModelError>> {
        self.ask(request).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::scripted::{ScriptedModel, Turn};

    fn fails(status: u16) -> Turn {
        Turn::Fail(ModelError::ServerFailed { model: "m".into(), status, reason: "boom".into() })
    }

    fn overloaded(secs: u64) -> Turn {
        Turn::Fail(ModelError::Overloaded {
            model: "m".into(),
            status: 429,
            reason: "busy".into(),
            retry_after: Some(Duration::from_secs(secs)),
        })
    }

    fn says(text: &str) -> Turn {
        Turn::Reply(text.to_owned())
    }

    fn pool(scripts: Vec<Vec<Turn>>) -> (Pool, Vec<Arc<ScriptedModel>>) {
        let models: Vec<Arc<ScriptedModel>> =
            scripts.into_iter().map(|turns| Arc::new(ScriptedModel::new("m", turns))).collect();
        let members = models.iter().map(|model| model.clone() as Arc<dyn ChatModel>).collect();
        (Pool::new("m", members, PoolSettings::default()), models)
    }

    fn of_session(id: &str) -> ChatRequest {
        ChatRequest { session_id: id.to_owned(), ..ChatRequest::default() }
    }

    fn n_asked(models: &[Arc<ScriptedModel>]) -> Vec<usize> {
        models.iter().map(|model| model.requests().len()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_stays_with_its_server_and_sessions_are_spread() {
        let (pool, models) = pool(vec![vec![says("x"); 400]; 4]);
        for turn in 0..3 {
            for session in 0..100 {
                pool.complete(&of_session(&format!("session-{session}"))).await.unwrap();
            }
            let asked = n_asked(&models);
            assert!(asked.iter().all(|n| n % (turn + 1) == 0), "sessions moved: {asked:?}");
            // Binomial with n = 100, p = 1/4: sigma 4.3.
            assert!(asked.iter().all(|n| (10..=40).contains(&(n / (turn + 1)))), "{asked:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_server_is_left_for_another_without_waiting() {
        let good = || vec![says("x"); 10];
        let (pool, models) =
            pool(vec![[vec![fails(500)], good()].concat(), [vec![fails(502)], good()].concat(), good()]);
        let started = Instant::now();
        for session in 0..9 {
            pool.complete(&of_session(&format!("session-{session}"))).await.unwrap();
        }
        assert_eq!((n_asked(&models).iter().sum::<usize>(), started.elapsed()), (11, Duration::ZERO));
        // For a while nobody is sent to those that failed; then their sessions come back.
        let before = n_asked(&models);
        pool.complete(&of_session("session-0")).await.unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
        for session in 0..9 {
            pool.complete(&of_session(&format!("session-{session}"))).await.unwrap();
        }
        let asked: Vec<usize> = n_asked(&models).iter().zip(&before).map(|(now, before)| now - before).collect();
        assert!(asked.iter().all(|n| *n > 0), "{asked:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn waits_grow_and_end_within_the_retry_time() {
        let (pool, models) = pool(vec![vec![fails(500); 50]]);
        let started = Instant::now();
        let error = pool.complete(&of_session("s")).await.unwrap_err();
        assert!(matches!(error, ModelError::ServerFailed { .. }), "{error}");
        // Half to all of 0.5 and 1 s, then rests of 2 and 4 s; the next rest, 8 s, is beyond the time for trying again.
        assert_eq!(n_asked(&models), [5]);
        let secs = started.elapsed().as_secs_f64();
        assert!((6.75..=7.5).contains(&secs), "{secs}");
        let error = pool.complete(&of_session("s")).await.unwrap_err();
        assert!(error.to_string().contains("1 of 1 servers failed just now and are left alone"), "{error}");
        assert_eq!(n_asked(&models), [5], "a resting server is not asked");
        tokio::time::sleep(Duration::from_secs(8)).await;
        pool.complete(&of_session("s")).await.unwrap_err();
        assert_eq!(n_asked(&models), [6], "after its rest it gets one trial");
    }

    #[tokio::test(start_paused = true)]
    async fn no_wait_crosses_the_deadline() {
        let (pool, models) = pool(vec![vec![overloaded(3), says("late")]]);
        let started = Instant::now();
        let deadline = Some((started + Duration::from_secs(2)).into_std());
        let error = pool.complete(&ChatRequest { deadline, ..of_session("s") }).await.unwrap_err();
        assert!(matches!(error, ModelError::Overloaded { .. }), "{error}");
        assert_eq!((started.elapsed(), n_asked(&models)), (Duration::ZERO, vec![1]));
    }

    #[tokio::test(start_paused = true)]
    async fn an_overloaded_server_gets_the_time_it_asks_for() {
        let (pool, _) = pool(vec![vec![overloaded(3), says("now")]]);
        let started = Instant::now();
        assert_eq!(pool.complete(&of_session("s")).await.unwrap().text, "now");
        assert_eq!(started.elapsed(), Duration::from_secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn what_waiting_does_not_cure_ends_at_once() {
        let bad_request = ModelError::BadRequest { model: "m".into(), status: 400, reason: "no".into() };
        let (pool, models) = pool(vec![vec![Turn::Fail(bad_request.clone())], vec![Turn::Fail(bad_request.clone())]]);
        assert_eq!(pool.complete(&of_session("s")).await.unwrap_err(), bad_request);
        assert_eq!(n_asked(&models).iter().sum::<usize>(), 1);

        let bad_key = ModelError::BadKey { model: "m".into(), key_env: "K".into(), reason: "no".into() };
        let (pool, models) =
            self::pool(vec![vec![Turn::Fail(bad_key.clone()); 2], vec![Turn::Fail(bad_key.clone()); 2]]);
        let started = Instant::now();
        assert_eq!(pool.complete(&of_session("s")).await.unwrap_err(), bad_key);
        assert_eq!((n_asked(&models), started.elapsed()), (vec![1, 1], Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_server_gives_its_session_to_an_idle_one() {
        let (pool, models) = pool(vec![vec![Turn::Hang; 20]; 2]);
        let pool = Arc::new(pool);
        let calls: Vec<_> = (0..8)
            .map(|_| {
                let pool = pool.clone();
                tokio::spawn(async move { pool.complete(&of_session("same")).await })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(1)).await;
        let mut asked = n_asked(&models);
        asked.sort_unstable();
        assert!(asked[0] >= 2, "{asked:?}");
        for call in &calls {
            call.abort();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        let in_flight: Vec<usize> = pool.members.iter().map(|m| m.n_in_flight.load(Ordering::Relaxed)).collect();
        assert_eq!(in_flight, [0, 0], "dropped calls are counted off");
    }
}
