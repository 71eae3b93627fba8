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

impl Abilities {
    /// What several models that stand in for each other can all do. Those that write only programs do so whatever they are asked for,
    /// and do not count beside others.
    pub fn shared(all: impl IntoIterator<Item = Abilities>) -> Abilities {
        let (programs, others): (Vec<Abilities>, Vec<Abilities>) =
            all.into_iter().partition(|abilities| abilities.writes_programs_only);
        let limits = others.iter().map(|one| one.max_context_tokens).filter(|max| *max > 0);
        Abilities {
            tool_calls: !others.is_empty() && others.iter().all(|one| one.tool_calls),
            response_schema: !others.is_empty() && others.iter().all(|one| one.response_schema),
            writes_programs_only: others.is_empty() && !programs.is_empty(),
            max_context_tokens: limits.min().unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_share_what_all_can() {
        let strong =
            Abilities { tool_calls: true, response_schema: true, max_context_tokens: 8000, ..Abilities::default() };
        let weak = Abilities { response_schema: true, max_context_tokens: 4000, ..Abilities::default() };
        let programs = Abilities { writes_programs_only: true, ..Abilities::default() };
        assert_eq!(Abilities::shared([strong, programs]), strong);
        assert_eq!(Abilities::shared([strong, weak]), weak);
        assert_eq!(Abilities::shared([programs]), programs);
        assert_eq!(Abilities::shared([]), Abilities::default());
    }
}
