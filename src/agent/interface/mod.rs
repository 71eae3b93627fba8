//! Port: how a model acts.
//!
//! [`ActionInterface`] is the trait; each other file is one implementation. All act through the same kernel: whatever a model says
//! becomes cells, and whatever came of them becomes messages. It knows replies and reports, and nothing of the loop that runs them.
//! To add an interface: one file, one variant of [`Interface`], and its sections in [`crate::agent::prompt`].

pub mod code;
pub mod no_tools;
pub mod single_pass;
pub mod tool_calls;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{feedback::BudgetLeft, reply::UnreadableReply};
use crate::{
    kernel::CellReport,
    llm::{Abilities, ChatReply, ChatRequest, Message, ToolCall},
};

/// Ways in which a model can act.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Interface {
    /// One cell of code in each reply.
    #[default]
    Code,
    /// Calls of declared functions, one or several in each reply.
    ToolCalls,
    /// One whole program, one reply.
    SinglePass,
    /// One reply that is the answer; nothing is measured.
    NoTools,
}

impl Interface {
    /// All of them, the default first.
    pub const ALL: [Interface; 4] = [Interface::Code, Interface::ToolCalls, Interface::SinglePass, Interface::NoTools];
    /// Their names, in the same order.
    pub const NAMES: &'static [&'static str] = &["code", "tool_calls", "single_pass", "no_tools"];

    /// As in goals, parameters and provenance.
    pub fn name(self) -> &'static str {
        match self {
            Interface::Code => "code",
            Interface::ToolCalls => "tool_calls",
            Interface::SinglePass => "single_pass",
            Interface::NoTools => "no_tools",
        }
    }

    /// The interface with this name.
    pub fn from_name(name: &str) -> Option<Interface> {
        Interface::ALL.into_iter().find(|interface| interface.name() == name)
    }

    /// Whether the model has only one turn.
    pub fn is_one_turn(self) -> bool {
        matches!(self, Interface::SinglePass | Interface::NoTools)
    }

    /// Whether a model that writes nothing but whole programs can act this way.
    pub fn takes_programs(self) -> bool {
        matches!(self, Interface::Code | Interface::SinglePass)
    }

    /// The implementation for a model with these abilities.
    pub fn implementation(self, abilities: Abilities, rules: &AnswerRules) -> Box<dyn ActionInterface> {
        match self {
            Interface::Code => Box::new(code::Code { with_schema: abilities.response_schema }),
            Interface::SinglePass => {
                Box::new(single_pass::SinglePass(code::Code { with_schema: abilities.response_schema }))
            }
            Interface::ToolCalls => Box::new(tool_calls::ToolCalls::new(abilities)),
            Interface::NoTools => {
                Box::new(no_tools::NoTools { with_schema: abilities.response_schema, rules: rules.clone() })
            }
        }
    }
}

/// What an answer that nothing was measured for may be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AnswerRules {
    /// One standard deviation of an estimated number, as a share of it; `None`: estimated numbers are refused.
    pub estimate_sigma_ratio: Option<f64>,
}

/// What a well-formed reply wants done.
#[derive(Clone, Debug, Default)]
pub struct Action {
    /// What for, in the model's words.
    pub purpose: String,
    /// To be run in order, until one fails.
    pub cells: Vec<ActionCell>,
    /// Said back to the model with the next feedback.
    pub notices: Vec<String>,
    /// The model's turn as it stays in the conversation: parsed parts only.
    pub said: Message,
}

/// One cell of an action.
#[derive(Clone, Debug, Default)]
pub struct ActionCell {
    /// Rhai.
    pub source: String,
    /// The call it was made of.
    pub call: Option<ToolCall>,
    /// The variable that will hold its result.
    pub result: Option<String>,
}

/// What came of one cell of an action.
#[derive(Debug)]
pub struct Ran {
    /// 1-based number of the cell.
    pub step: u32,
    /// What was run.
    pub cell: ActionCell,
    /// What came of it; none when an earlier cell of the action failed, or no cells were left.
    pub report: Option<CellReport>,
}

/// What a reply may refer to.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Number of the next cell.
    pub next_step: u32,
    /// Variables that hold results, and injected names.
    pub names: BTreeSet<String>,
}

/// Turns replies into cells, and reports into messages.
pub trait ActionInterface: Send + Sync {
    /// Which one.
    fn interface(&self) -> Interface;

    /// Name of the section of the instructions that says how to reply.
    fn format_section(&self) -> &'static str;

    /// Adds to a request what lets a server help with the format.
    fn equip(&self, request: &mut ChatRequest);

    /// Reads a reply.
    ///
    /// # Errors
    /// Why it holds nothing that can be run, in words for the model.
    fn read(&self, reply: &ChatReply, known: &Known) -> Result<Action, UnreadableReply>;

    /// How to reply, in a sentence; for a model whose reply could not be read.
    fn how_to_reply(&self) -> &'static str;

    /// What the model is told about its action.
    fn told(&self, ran: Vec<Ran>, notices: &[String], left: &BudgetLeft) -> Vec<Message>;

    /// The model's turn as it stays once a cell of it has failed.
    fn condensed(&self, action: &Action, ran: &[Ran]) -> Option<Message>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_interfaces() {
        for (interface, name) in Interface::ALL.into_iter().zip(Interface::NAMES) {
            assert_eq!((interface.name(), Interface::from_name(name)), (*name, Some(interface)));
        }
        assert_eq!(Interface::from_name("telepathy"), None);
        assert_eq!(Interface::default().name(), "code");
    }
}
