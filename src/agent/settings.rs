//! How the loop goes about a question.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{conversation::ContextLimits, interface::AnswerRules, prompt::PromptSettings};

/// Settings of the loop. The default is the bare loop: write, check, run, feed back, answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentSettings {
    /// A plan is asked for before the first cell.
    pub plans: bool,
    /// Reviews; `None` = none.
    pub reflection: Option<Reflection>,
    /// A metric answer that rests on a single line of evidence is handed back once.
    pub asks_for_second_line: bool,
    /// A model whose budget is used up gets one last turn, in which it must submit.
    pub forces_answer: bool,
    /// When the model's own failures end a goal.
    pub patience: Patience,
    /// Tokens over the whole goal; `None` = no limit.
    pub max_tokens: Option<u64>,
    /// What a conversation may hold.
    pub context: ContextLimits,
    /// The operator's changes to the prompt.
    pub prompt: PromptSettings,
    /// What an answer may be that nothing was measured for.
    pub rules: AnswerRules,
}

/// Failures in a row that end a goal, for each cause.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Patience {
    /// Replies that hold nothing to run.
    pub n_unreadable: u32,
    /// Cells that fail.
    pub n_failed_cells: u32,
    /// Outages of the last model that is left. They cost no step.
    pub n_outages: u32,
    /// Wait after the first outage; it doubles with each further one.
    pub outage_delay: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience { n_unreadable: 3, n_failed_cells: 8, n_outages: 3, outage_delay: Duration::from_millis(250) }
    }
}

/// When the work is reviewed, and what a review may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reflection {
    /// Cells between reviews; an answer is always reviewed.
    pub every_n_steps: u32,
    /// Cells that must be left for a review to hand an answer back.
    pub min_steps_for_veto: u32,
    /// Answers that reviews may hand back.
    pub max_vetoes: u32,
}

impl Default for Reflection {
    fn default() -> Self {
        Reflection { every_n_steps: 5, min_steps_for_veto: 2, max_vetoes: 2 }
    }
}
