//! Parameters of conversations of several questions.

use std::time::Duration;

use super::parameter::Reader;

/// What is kept of conversations between their questions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConversationLimits {
    /// Conversations; the one used longest ago goes first.
    pub max_conversations: usize,
    /// Earlier questions told, each conversation.
    pub max_turns: usize,
    /// Bytes of their text.
    pub max_bytes: usize,
    /// Steady time after its last question at which a conversation is forgotten.
    pub max_age: Duration,
}

impl Default for ConversationLimits {
    fn default() -> Self {
        ConversationLimits {
            max_conversations: 16,
            max_turns: 20,
            max_bytes: 16 << 10,
            max_age: Duration::from_secs(1800),
        }
    }
}

pub(super) fn limits(reader: &mut Reader) -> ConversationLimits {
    let defaults = ConversationLimits::default();
    let max_conversations = reader.integer(
        "conversation.max_conversations",
        defaults.max_conversations as i64,
        1..=1000,
        "Conversations kept at once; the one used longest ago goes first.",
    );
    let max_turns = reader.integer(
        "conversation.max_turns",
        defaults.max_turns as i64,
        1..=1000,
        "Earlier questions that a follow-up is told; the oldest go first.",
    );
    let max_kilobytes = reader.integer(
        "conversation.max_kilobytes",
        (defaults.max_bytes >> 10) as i64,
        4..=1024,
        "Kibibytes of text that a follow-up is told of earlier questions; the oldest go first.",
    );
    let max_age_secs = reader.double(
        "conversation.max_age_secs",
        defaults.max_age.as_secs_f64(),
        1.0..=86400.0,
        "Seconds of steady time after its last question at which a conversation is forgotten.",
    );
    ConversationLimits {
        max_conversations: max_conversations as usize,
        max_turns: max_turns as usize,
        max_bytes: (max_kilobytes as usize) << 10,
        max_age: Duration::from_secs_f64(max_age_secs),
    }
}
