//! What replies cost.

use std::{
    ops::AddAssign,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::ChatReply;

/// What one call used, or several together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens read.
    pub n_prompt_tokens: u64,
    /// Of these, tokens that the server still held from an earlier request.
    pub n_cached_tokens: u64,
    /// Tokens written, thinking included.
    pub n_completion_tokens: u64,
    /// Of these, tokens of thinking, where the server tells.
    pub n_thinking_tokens: u64,
    /// Calls.
    pub n_calls: u64,
    /// Calls whose server told no tokens; their tokens are missing above.
    pub n_calls_uncounted: u64,
    /// Bytes of requests sent, pictures included.
    pub n_sent_bytes: u64,
    /// Millionths of the currency in which the prices are written; 0 without prices.
    pub cost_micro: u64,
}

impl Usage {
    /// Tokens read and written.
    pub fn n_tokens(&self) -> u64 {
        self.n_prompt_tokens.saturating_add(self.n_completion_tokens)
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Usage) {
        let pairs = [
            (&mut self.n_prompt_tokens, other.n_prompt_tokens),
            (&mut self.n_cached_tokens, other.n_cached_tokens),
            (&mut self.n_completion_tokens, other.n_completion_tokens),
            (&mut self.n_thinking_tokens, other.n_thinking_tokens),
            (&mut self.n_calls, other.n_calls),
            (&mut self.n_calls_uncounted, other.n_calls_uncounted),
            (&mut self.n_sent_bytes, other.n_sent_bytes),
            (&mut self.cost_micro, other.cost_micro),
        ];
        for (sum, more) in pairs {
            // A server may report any number.
            *sum = sum.saturating_add(more);
        }
    }
}

/// Counts what one goal uses, wherever its calls are made. Copies count into the same sum.
#[derive(Clone, Debug, Default)]
pub struct UsageMeter(Arc<Mutex<Counted>>);

/// What a [`UsageMeter`] has counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// All calls together.
    pub usage: Usage,
    /// Models that replied, in the order of their first reply.
    pub models: Vec<String>,
}

impl UsageMeter {
    /// Counts one reply; `reply.model` must name who gave it.
    pub fn add(&self, reply: &ChatReply) {
        let mut counted = self.lock();
        counted.usage += reply.usage;
        if !counted.models.contains(&reply.model) {
            counted.models.push(reply.model.clone());
        }
    }

    /// So far.
    pub fn total(&self) -> Counted {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Prices of a model, in any currency.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Prices {
    /// For a million tokens read.
    pub per_million_prompt_tokens: f64,
    /// For a million tokens written.
    pub per_million_completion_tokens: f64,
}

impl Prices {
    /// Millionths of the currency for `usage`, rounded.
    pub fn cost_micro(&self, usage: &Usage) -> u64 {
        let cost = self.per_million_prompt_tokens * usage.n_prompt_tokens as f64
            + self.per_million_completion_tokens * usage.n_completion_tokens as f64;
        cost.round().max(0.0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_for_a_million_tokens_is_micros_for_one() {
        let prices = Prices { per_million_prompt_tokens: 0.3, per_million_completion_tokens: 2.5 };
        let usage = Usage { n_prompt_tokens: 12_000, n_completion_tokens: 800, ..Usage::default() };
        // 12 000 * 0.3 + 800 * 2.5 millionths.
        assert_eq!(prices.cost_micro(&usage), 5600);
    }

    #[test]
    fn sums_do_not_overflow_on_a_lying_server() {
        let mut usage = Usage { n_prompt_tokens: u64::MAX, n_calls: 1, ..Usage::default() };
        usage += Usage { n_prompt_tokens: 5, n_calls: 1, ..Usage::default() };
        assert_eq!((usage.n_prompt_tokens, usage.n_calls), (u64::MAX, 2));
    }
}
