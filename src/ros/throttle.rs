//! Says the same thing only now and then.

use std::{
    collections::HashMap,
    hash::Hash,
    time::{Duration, Instant},
};

/// Keys remembered at most.
const MAX_KEYS: usize = 256;

/// Lets each key through once in a while.
#[derive(Debug)]
pub struct Throttle<K> {
    period: Duration,
    seen: HashMap<K, Seen>,
}

#[derive(Debug)]
struct Seen {
    at: Instant,
    n_held_back: u64,
}

impl<K: Eq + Hash> Throttle<K> {
    /// Lets each key through once in `period`.
    pub fn new(period: Duration) -> Throttle<K> {
        Throttle { period, seen: HashMap::new() }
    }

    /// Whether `key` may be said now: how often it was held back since it was said last.
    pub fn pass(&mut self, key: K, now: Instant) -> Option<u64> {
        if let Some(seen) = self.seen.get_mut(&key) {
            if now.saturating_duration_since(seen.at) < self.period {
                seen.n_held_back += 1;
                return None;
            }
            seen.at = now;
            return Some(std::mem::take(&mut seen.n_held_back));
        }
        if self.seen.len() >= MAX_KEYS {
            let period = self.period;
            self.seen.retain(|_, seen| now.saturating_duration_since(seen.at) < period);
        }
        if self.seen.len() < MAX_KEYS {
            self.seen.insert(key, Seen { at: now, n_held_back: 0 });
        }
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_passes_once_a_period_and_counts_what_was_held_back() {
        let start = Instant::now();
        let at = |secs: u64| start + Duration::from_secs(secs);
        let mut throttle = Throttle::new(Duration::from_secs(5));
        assert_eq!(throttle.pass("a", at(0)), Some(0));
        assert_eq!(throttle.pass("a", at(1)), None);
        assert_eq!(throttle.pass("b", at(1)), Some(0));
        assert_eq!(throttle.pass("a", at(4)), None);
        assert_eq!(throttle.pass("a", at(5)), Some(2));
        assert_eq!(throttle.pass("a", at(9)), None);
    }

    #[test]
    fn memory_is_bounded() {
        let now = Instant::now();
        let mut throttle = Throttle::new(Duration::from_secs(5));
        for key in 0..2 * MAX_KEYS {
            assert_eq!(throttle.pass(key, now), Some(0));
        }
        assert!(throttle.seen.len() <= MAX_KEYS);
    }
}
