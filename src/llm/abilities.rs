//! What a model's server can do beyond text.

/// What may be asked of a model. The default is what every server can do: text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// It takes [`tools`](super::ChatRequest::tools) and replies with [`tool_calls`](super::ChatReply::tool_calls).
    pub tool_calls: bool,
    /// It holds its reply to [`response_schema`](super::ChatRequest::response_schema).
    pub response_schema: bool,
    /// It writes whole programs in Markdown and nothing else: no plans, no reviews, no calls.
    pub writes_programs_only: bool,
    /// Tokens of a whole conversation, reply included; 0 = unknown.
    pub max_context_tokens: u64,
}
