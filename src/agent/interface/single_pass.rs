//! One whole program, one reply. The kernel refuses a program that cannot submit; there is no second turn but for a program that
//! never ran because it could not be read or did not pass the check.

use super::{Action, ActionInterface, Interface, Known, Ran, code::Code};
use crate::{
    agent::{feedback::BudgetLeft, reply::UnreadableReply},
    llm::{ChatReply, ChatRequest, Message},
};

/// Replies are those of [`Code`].
#[derive(Clone, Copy, Debug)]
pub struct SinglePass(pub Code);

impl ActionInterface for SinglePass {
    fn interface(&self) -> Interface {
        Interface::SinglePass
    }

    fn format_section(&self) -> &'static str {
        if self.0.with_schema { "format_single_pass_json" } else { "format_single_pass" }
    }

    fn equip(&self, request: &mut ChatRequest) {
        self.0.equip(request);
    }

    fn read(&self, reply: &ChatReply, known: &Known) -> Result<Action, UnreadableReply> {
        self.0.read(reply, known)
    }

    fn how_to_reply(&self) -> &'static str {
        self.0.how_to_reply()
    }

    fn told(&self, ran: Vec<Ran>, notices: &[String], left: &BudgetLeft) -> Vec<Message> {
        self.0.told(ran, notices, left)
    }

    fn condensed(&self, action: &Action, ran: &[Ran]) -> Option<Message> {
        self.0.condensed(action, ran)
    }
}
