//! One cell of code in each reply, under four headings; or the same four as JSON where the server holds the model to a schema.

use serde_json::json;

use super::{Action, ActionCell, ActionInterface, Interface, Known, Ran};
use crate::{
    agent::{
        condense,
        feedback::{self, BudgetLeft},
        reply::{self, UnreadableReply},
    },
    llm::{ChatReply, ChatRequest, Message, ResponseSchema, Role},
};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// The server holds replies to a schema.
    pub with_schema: bool,
}

impl ActionInterface for Code {
    fn interface(&self) -> Interface {
        Interface::Code
    }

    fn format_section(&self) -> &'static str {
        if self.with_schema { "format_code_json" } else { "format_code" }
    }

    fn equip(&self, request: &mut ChatRequest) {
        if self.with_schema {
            request.response_schema = Some(ResponseSchema { name: "cell".to_owned(), schema: schema() });
        }
    }

    fn read(&self, reply: &ChatReply, _: &Known) -> Result<Action, UnreadableReply> {
        let parsed = reply::read_code(reply, self.with_schema)?;
        let said = if self.with_schema { parsed.to_json() } else { parsed.to_markdown() };
        Ok(Action {
            said: Message::new(Role::Assistant, said),
            purpose: parsed.purpose,
            cells: vec![ActionCell { source: parsed.code, ..ActionCell::default() }],
            notices: parsed.notices,
        })
    }

    fn how_to_reply(&self) -> &'static str {
        if self.with_schema {
            "Reply with one JSON object with the keys purpose, reasoning, next_goal and code, and nothing else."
        } else {
            "Reply with the four headings **Purpose**, **Reasoning**, **Next Goal** and **Code**, and exactly one closed ```rhai block \
             under **Code**."
        }
    }

    fn told(&self, ran: Vec<Ran>, notices: &[String], left: &BudgetLeft) -> Vec<Message> {
        ran.into_iter()
            .filter_map(|ran| {
                let report = ran.report?;
                let text = feedback::write(ran.step, &report, notices, left);
                Some(Message { pictures: report.pictures, ..Message::new(Role::User, text) })
            })
            .collect()
    }

    fn condensed(&self, action: &Action, ran: &[Ran]) -> Option<Message> {
        let ran = ran.first()?;
        let code = condense::failed_cell(&ran.cell.source, &ran.report.as_ref()?.status)?;
        let parts = reply::CodeReply {
            purpose: action.purpose.clone(),
            reasoning: "(left out: this cell failed)".to_owned(),
            next_goal: "(left out)".to_owned(),
            code,
            notices: Vec::new(),
        };
        let text = if self.with_schema { parts.to_json() } else { parts.to_markdown() };
        Some(Message::new(Role::Assistant, text))
    }
}

fn schema() -> serde_json::Value {
    let text = |about: &str| json!({"type": "string", "description": about});
    json!({
        "type": "object",
        "properties": {
            "purpose": text("what this cell is for, one sentence"),
            "reasoning": text("what is known, which frame and viewpoint the question means, why this cell comes next"),
            "next_goal": text("what comes after it"),
            "code": text("the cell, in Rhai"),
        },
        "required": ["purpose", "reasoning", "next_goal", "code"],
        "additionalProperties": false,
    })
}
