//! When a server that failed is left alone, and for how long.

use std::time::{Duration, Instant};

/// Failures in a row after which a server is left alone.
const MAX_FAILURES: u32 = 3;
/// Rest after that; it doubles with every failure that follows.
const FIRST_REST: Duration = Duration::from_secs(2);
/// The longest rest.
const LONGEST_REST: Duration = Duration::from_secs(60);
/// How long other servers are preferred after a failure.
const SUSPICION: Duration = Duration::from_secs(10);
/// Rest of a server that refuses the key or has no such model: somebody has to change something first.
const HOPELESS_REST: Duration = Duration::from_secs(60);

/// The health of one server. It reads no clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    n_failures: u32,
    failed_at: Option<Instant>,
    rests_until: Option<Instant>,
}

impl Breaker {
    /// Whether it may be asked at `now`. After its rest one call is let through; the others wait for what becomes of it.
    pub fn admit(&mut self, now: Instant) -> bool {
        match self.rests_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                self.rests_until = Some(now + self.rest());
                true
            }
        }
    }

    /// Whether it failed lately and has not answered since, so that others are the better choice.
    pub fn is_suspect(&self, now: Instant) -> bool {
        self.failed_at.is_some_and(|at| now.saturating_duration_since(at) < SUSPICION)
    }

    /// How long it still rests at `now`.
    pub fn rest_left(&self, now: Instant) -> Duration {
        self.rests_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// It answered.
    pub fn succeeded(&mut self) {
        *self = Breaker::default();
    }

    /// It failed at `now`, and may have said how long it wants to be left alone.
    pub fn failed(&mut self, now: Instant, retry_after: Option<Duration>) {
        self.count(now);
        let rest = (self.n_failures >= MAX_FAILURES).then(|| self.rest());
        if let Some(rest) = rest.max(retry_after.map(|wait| wait.min(LONGEST_REST))) {
            self.rests_until = Some(now + rest);
        }
    }

    /// It failed at `now` in a way that waiting does not cure.
    pub fn failed_for_good(&mut self, now: Instant) {
        self.count(now);
        self.rests_until = Some(now + HOPELESS_REST);
    }

    fn count(&mut self, now: Instant) {
        self.n_failures = self.n_failures.saturating_add(1);
        self.failed_at = Some(now);
    }

    fn rest(&self) -> Duration {
        let n_doublings = self.n_failures.saturating_sub(MAX_FAILURES).min(16);
        FIRST_REST.saturating_mul(1 << n_doublings).min(LONGEST_REST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_three_failures_it_rests_and_one_call_tries_it() {
        let now = Instant::now();
        let at = |secs: u64| now + Duration::from_secs(secs);
        let mut breaker = Breaker::default();
        breaker.failed(now, None);
        breaker.failed(now, None);
        assert!(breaker.admit(now));
        breaker.failed(now, None);
        assert!(!breaker.admit(at(1)));
        assert_eq!(breaker.rest_left(at(1)), Duration::from_secs(1));
        assert!(breaker.admit(at(2)), "one call after the rest");
        assert!(!breaker.admit(at(2)), "and no second one");
        breaker.failed(at(3), None);
        assert!(!breaker.admit(at(6)));
        assert!(breaker.admit(at(7)), "the second rest is twice as long");
        breaker.succeeded();
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn suspicion_ends_with_time_or_an_answer() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        assert!(!breaker.is_suspect(now));
        breaker.failed(now, None);
        assert!(breaker.is_suspect(now + Duration::from_secs(9)));
        assert!(!breaker.is_suspect(now + Duration::from_secs(10)));
        breaker.succeeded();
        assert!(!breaker.is_suspect(now));
    }

    #[test]
    fn rests_have_an_end() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            breaker.failed(now, Some(Duration::from_secs(86_400)));
        }
        assert_eq!(breaker.rest_left(now), Duration::from_secs(60));
    }

    #[test]
    fn a_server_that_asks_for_time_gets_it_at_once() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        breaker.failed(now, Some(Duration::from_secs(7)));
        assert!(!breaker.admit(now + Duration::from_secs(6)));
        assert!(breaker.admit(now + Duration::from_secs(7)));
    }
}
