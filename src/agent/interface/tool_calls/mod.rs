//! Calls of declared functions: natively where the server has them, else as JSON in the text.
//!
//! Each call becomes one cell with one statement, `let r3 = tools.Geometry.height(r1);`, in the same kernel as any other cell. A call
//! that does not fit its declaration runs nothing: the model is told every mistake with its path in the JSON.

mod compile;
mod literal;
mod read;
mod reference;

use std::sync::Arc;

use serde_json::{Map, Value, json};

use self::compile::{CallProblem, Compiler};
use super::{Action, ActionCell, ActionInterface, Interface, Known, Ran};
use crate::{
    agent::{
        feedback::{self, BudgetLeft},
        reply::UnreadableReply,
    },
    llm::{Abilities, ChatReply, ChatRequest, Message, Picture, ResponseSchema, Role, ToolCall},
    tools::{self, ToolSpec},
};

pub use literal::text as text_literal;

/// Calls in one reply.
const MAX_CALLS: usize = 16;
/// Characters of what a model says beside its calls.
const MAX_PURPOSE_CHARS: usize = 600;

/// See the module.
pub struct ToolCalls {
    abilities: Abilities,
    functions: Arc<Vec<Value>>,
}

impl ToolCalls {
    /// For a model with these abilities.
    pub fn new(abilities: Abilities) -> ToolCalls {
        let functions =
            if abilities.tool_calls { tools::all().map(ToolSpec::function_schema).collect() } else { Vec::new() };
        ToolCalls { abilities, functions: Arc::new(functions) }
    }
}

impl ActionInterface for ToolCalls {
    fn interface(&self) -> Interface {
        Interface::ToolCalls
    }

    fn format_section(&self) -> &'static str {
        if self.abilities.tool_calls { "format_tool_calls" } else { "format_json_calls" }
    }

    fn equip(&self, request: &mut ChatRequest) {
        if self.abilities.tool_calls {
            request.tools = self.functions.as_ref().clone();
        } else if self.abilities.response_schema {
            request.response_schema = Some(ResponseSchema { name: "calls".to_owned(), schema: schema() });
        }
    }

    fn read(&self, reply: &ChatReply, known: &Known) -> Result<Action, UnreadableReply> {
        let raw = read::calls(reply)?;
        if raw.calls.len() > MAX_CALLS {
            let problem = format!("calls: found {}, at most {MAX_CALLS} are taken in one reply", raw.calls.len());
            return Err(UnreadableReply::BadCalls { problems: vec![problem] });
        }
        let mut names = known.names.clone();
        let mut problems: Vec<CallProblem> = Vec::new();
        let mut cells = Vec::new();
        for (index, call) in raw.calls.into_iter().enumerate() {
            let path = format!("calls[{index}]");
            let step = known.next_step.saturating_add(u32::try_from(index).unwrap_or(u32::MAX));
            let Some(spec) = tools::all().find(|spec| spec.function_name() == call.name || spec.path == call.name)
            else {
                problems.push(CallProblem { path: format!("{path}.name"), message: unknown_function(&call.name) });
                continue;
            };
            let arguments = call.arguments.unwrap_or_else(|message| {
                problems.push(CallProblem { path: format!("{path}.arguments"), message });
                Map::new()
            });
            let mut compiler = Compiler { names: &names, problems: Vec::new() };
            let source = compiler.call(spec, &arguments, &format!("{path}.arguments"));
            problems.append(&mut compiler.problems);
            let result = has_result(spec).then(|| format!("r{step}"));
            let source = match &result {
                Some(result) if TOLD_WHOLE.contains(&spec.returns) => format!("let {result} = {source};\n"),
                Some(result) => format!("let {result} = {source};\nprint({result});\n"),
                None => format!("{source};\n"),
            };
            names.extend(result.clone());
            let arguments = Value::Object(arguments).to_string();
            let call = ToolCall { id: call.id, name: spec.function_name(), arguments };
            cells.push(ActionCell { source, call: Some(call), result });
        }
        if !problems.is_empty() {
            return Err(UnreadableReply::BadCalls { problems: problems.iter().map(ToString::to_string).collect() });
        }
        let purpose: String = raw.purpose.trim().chars().take(MAX_PURPOSE_CHARS).collect();
        Ok(Action { said: said(&purpose, &cells), purpose, cells, notices: raw.notices })
    }

    fn how_to_reply(&self) -> &'static str {
        if self.abilities.tool_calls {
            "Reply with one or several function calls, with arguments as the functions declare them."
        } else {
            "Reply with one closed ```json block that holds {\"purpose\": \"...\", \"calls\": [{\"name\": \"...\", \"arguments\": {...}}]}."
        }
    }

    fn told(&self, ran: Vec<Ran>, notices: &[String], left: &BudgetLeft) -> Vec<Message> {
        let is_native = ran.iter().all(|ran| ran.cell.call.as_ref().is_some_and(|call| !call.id.is_empty()));
        let n_ran = ran.len();
        let mut messages = Vec::new();
        let mut texts = Vec::new();
        let mut pictures: Vec<Picture> = Vec::new();
        for (index, ran) in ran.into_iter().enumerate() {
            let closing = (index + 1 == n_ran).then_some((notices, left));
            let text = feedback::write_call(&ran, closing);
            pictures.extend(ran.report.map(|report| report.pictures).unwrap_or_default());
            match ran.cell.call.filter(|_| is_native) {
                Some(call) => messages.push(Message { tool_call_id: Some(call.id), ..Message::new(Role::Tool, text) }),
                None => texts.push(text),
            }
        }
        if !texts.is_empty() {
            messages.push(Message { pictures, ..Message::new(Role::User, texts.join("\n\n")) });
        } else if !pictures.is_empty() {
            messages.push(Message { pictures, ..Message::new(Role::User, "The pictures of these calls follow.") });
        }
        messages
    }

    fn condensed(&self, _: &Action, _: &[Ran]) -> Option<Message> {
        // A call is short, and each needs its answer beside it.
        None
    }
}

fn said(purpose: &str, cells: &[ActionCell]) -> Message {
    let calls: Vec<ToolCall> = cells.iter().filter_map(|cell| cell.call.clone()).collect();
    if calls.iter().all(|call| !call.id.is_empty()) {
        return Message { tool_calls: calls, ..Message::new(Role::Assistant, purpose) };
    }
    let calls: Vec<Value> = calls
        .into_iter()
        .map(|call| {
            let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
            json!({"name": call.name, "arguments": arguments})
        })
        .collect();
    let block = json!({"purpose": purpose, "calls": calls});
    Message::new(Role::Assistant, format!("```json\n{block}\n```\n"))
}

/// What the line about a variable tells whole; other results are printed, because calls cannot print their parts.
const TOLD_WHOLE: [&str; 9] =
    ["Object", "Measurement", "Relation", "Displacement", "Points", "bool", "int", "float", "string"];

/// Functions that only show something or end the goal leave nothing to refer to.
fn has_result(spec: &ToolSpec) -> bool {
    !["()", "ends the goal"].contains(&spec.returns)
}

fn unknown_function(name: &str) -> String {
    let all: Vec<String> = tools::all().map(ToolSpec::function_name).collect();
    let group = name.trim_start_matches("tools.").split(['_', '.']).next().unwrap_or_default();
    let near: Vec<&str> =
        all.iter().map(String::as_str).filter(|known| known.split('_').next() == Some(group)).collect();
    let shown = if near.is_empty() { all.iter().map(String::as_str).collect() } else { near };
    format!("there is no function {name:?}; there are {}", shown.join(", "))
}

fn schema() -> Value {
    let names: Vec<String> = tools::all().map(ToolSpec::function_name).collect();
    json!({
        "type": "object",
        "properties": {
            "purpose": {"type": "string", "description": "what these calls are for, one sentence"},
            "calls": {
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_CALLS,
                "items": {
                    "type": "object",
                    "properties": {"name": {"type": "string", "enum": names}, "arguments": {"type": "object"}},
                    "required": ["name", "arguments"],
                    "additionalProperties": false,
                },
            },
        },
        "required": ["purpose", "calls"],
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn known() -> Known {
        Known { next_step: 2, names: BTreeSet::from(["r1".to_owned()]) }
    }

    fn read(text: &str) -> Result<Vec<String>, String> {
        let interface = ToolCalls::new(Abilities::default());
        interface
            .read(&ChatReply::new(text), &known())
            .map(|action| action.cells.into_iter().map(|cell| cell.source).collect())
            .map_err(|problem| problem.to_string())
    }

    #[test]
    fn each_call_is_one_statement_and_may_name_earlier_ones() {
        let text = r#"{"purpose": "p", "calls": [
            {"name": "Scene_find", "arguments": {"name": "mug"}},
            {"name": "Geometry_height", "arguments": {"a": {"ref": "r2"}}},
            {"name": "show", "arguments": {"pictures": {"ref": "r1"}, "label": null}},
            {"name": "ReturnAnswer", "arguments": {"value": {"ref": "r3"}, "options": {"text": "tall", "because": [{"ref": "r3"}]}}}
        ]}"#;
        assert_eq!(
            read(text).unwrap(),
            [
                "let r2 = tools.Scene.find(\"mug\");\n",
                "let r3 = tools.Geometry.height(r2);\n",
                "show(r1);\n",
                "ReturnAnswer(r3, #{text: \"tall\", because: [r3]});\n",
            ]
        );
    }

    #[test]
    fn one_mistake_keeps_all_calls_from_running() {
        let text = r#"{"calls": [
            {"name": "Scene_find", "arguments": {"name": "mug"}},
            {"name": "Geometry_heigth", "arguments": {"a": {"ref": "r2"}}},
            {"name": "Scene_find", "arguments": {"nam": "mug"}}
        ]}"#;
        let problem = read(text).unwrap_err();
        assert!(
            problem.contains("calls[1].name: there is no function \"Geometry_heigth\"; there are Geometry_"),
            "{problem}"
        );
        assert!(problem.contains("calls[2].arguments: unknown key \"nam\", wanted name"), "{problem}");
        assert!(problem.contains("calls[2].arguments: key \"name\" is missing"), "{problem}");
    }

    #[test]
    fn every_declared_function_is_offered_once() {
        let mut request = ChatRequest::default();
        ToolCalls::new(Abilities { tool_calls: true, ..Abilities::default() }).equip(&mut request);
        let names: BTreeSet<String> =
            request.tools.iter().map(|tool| tool["function"]["name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(names.len(), request.tools.len());
        assert_eq!(names.len(), tools::all().count());
    }
}
