//! Finds the calls in a reply: natively from the server, or as a JSON block in the text.

use serde_json::{Map, Value};

use super::literal;
use crate::{
    agent::reply::{UnreadableReply, json_object, without_thoughts},
    llm::{ChatReply, ToolCall},
};

/// Calls as the model wrote them.
#[derive(Debug, Default, PartialEq)]
pub struct RawCalls {
    /// In the model's words.
    pub purpose: String,
    /// In order.
    pub calls: Vec<RawCall>,
    /// Said back to the model.
    pub notices: Vec<String>,
}

/// One call.
#[derive(Debug, PartialEq)]
pub struct RawCall {
    /// The server's id; empty in text.
    pub id: String,
    /// The function.
    pub name: String,
    /// Arguments, or what was found instead of an object.
    pub arguments: Result<Map<String, Value>, String>,
}

/// The calls of a reply.
///
/// # Errors
/// When there are none, or the JSON cannot be read.
pub fn calls(reply: &ChatReply) -> Result<RawCalls, UnreadableReply> {
    if reply.finish.is_cut_off() {
        return Err(UnreadableReply::of_finish(&reply.finish));
    }
    let text = without_thoughts(&reply.text);
    if !reply.tool_calls.is_empty() {
        let calls = reply.tool_calls.iter().map(native).collect();
        return Ok(RawCalls { purpose: text.trim().to_owned(), calls, notices: Vec::new() });
    }
    if text.trim().is_empty() {
        return Err(UnreadableReply::Empty);
    }
    let found = json_object(&text)?;
    let mut notices = Vec::new();
    if found.n_blocks > 1 {
        notices.push(format!("the reply had {} JSON blocks; only the first was read", found.n_blocks));
    }
    in_text(found.value, notices)
}

fn native(call: &ToolCall) -> RawCall {
    // A function without parameters is often called with nothing at all.
    let arguments = match call.arguments.trim() {
        "" => Ok(Map::new()),
        text => match serde_json::from_str::<Value>(text) {
            Ok(value) => object(value),
            Err(error) => Err(format!("the arguments are no JSON: {error}")),
        },
    };
    RawCall { id: call.id.clone(), name: call.name.clone(), arguments }
}

fn object(value: Value) -> Result<Map<String, Value>, String> {
    match value {
        Value::Object(map) => Ok(map),
        other => Err(format!("found {}, wanted an object with the arguments by name", literal::describe(&other))),
    }
}

/// `{"purpose": ..., "calls": [{"name": ..., "arguments": {...}}]}`, a list of calls, or one call.
fn in_text(value: Value, notices: Vec<String>) -> Result<RawCalls, UnreadableReply> {
    let problem = |message: String| UnreadableReply::BadJson { problem: message };
    let (purpose, calls) = match value {
        Value::Array(calls) => (String::new(), calls),
        Value::Object(mut map) if map.contains_key("calls") => {
            if let Some(unknown) = map.keys().find(|key| !["purpose", "calls"].contains(&key.as_str())) {
                return Err(problem(format!("unknown key {unknown:?}, wanted purpose and calls")));
            }
            let purpose = match map.remove("purpose") {
                None => String::new(),
                Some(Value::String(purpose)) => purpose,
                Some(other) => {
                    return Err(problem(format!("purpose: found {}, wanted a string", literal::describe(&other))));
                }
            };
            match map.remove("calls") {
                Some(Value::Array(calls)) => (purpose, calls),
                other => {
                    let found = literal::describe(&other.unwrap_or_default());
                    return Err(problem(format!("calls: found {found}, wanted an array of calls")));
                }
            }
        }
        call @ Value::Object(_) => (String::new(), vec![call]),
        other => return Err(problem(format!("found {}, wanted an object with \"calls\"", literal::describe(&other)))),
    };
    let calls: Result<Vec<RawCall>, UnreadableReply> = calls
        .into_iter()
        .enumerate()
        .map(|(index, call)| one(call).map_err(|message| problem(format!("calls[{index}]: {message}"))))
        .collect();
    let calls = calls?;
    if calls.is_empty() {
        return Err(problem("calls: the array is empty, wanted at least one call".to_owned()));
    }
    Ok(RawCalls { purpose, calls, notices })
}

fn one(call: Value) -> Result<RawCall, String> {
    let Value::Object(mut map) = call else {
        return Err(format!("found {}, wanted {{\"name\": ..., \"arguments\": {{...}}}}", literal::describe(&call)));
    };
    if let Some(unknown) = map.keys().find(|key| !["name", "arguments"].contains(&key.as_str())) {
        return Err(format!("unknown key {unknown:?}, wanted name and arguments"));
    }
    let name = match map.remove("name") {
        Some(Value::String(name)) => name,
        other => return Err(format!("name: found {}, wanted a string", literal::describe(&other.unwrap_or_default()))),
    };
    let arguments = map.remove("arguments").map_or(Ok(Map::new()), object);
    Ok(RawCall { id: String::new(), name, arguments })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::FinishReason;

    fn names(text: &str) -> Result<Vec<String>, String> {
        calls(&ChatReply::new(text))
            .map(|found| found.calls.into_iter().map(|call| call.name).collect())
            .map_err(|problem| problem.to_string())
    }

    #[test]
    fn calls_in_text_are_read_with_tolerance() {
        let check = |text: &str| assert_eq!(names(text), Ok(vec!["Scene_find".to_owned()]), "{text}");
        check("{\"calls\": [{\"name\": \"Scene_find\", \"arguments\": {\"name\": \"mug\"}}]}");
        check(
            "<think>{}</think>I look.\n```json\n{\"purpose\": \"look\", \"calls\": [{\"name\": \"Scene_find\"}]}\n```\nDone.",
        );
        check("```json\n[{\"name\": \"Scene_find\", \"arguments\": {}}]\n```");
        check("```\n{\"name\": \"Scene_find\", \"arguments\": {}}\n```");
    }

    #[test]
    fn what_is_no_call_is_told_with_its_path() {
        let check = |text: &str, message: &str| {
            let found = names(text).unwrap_err();
            assert!(found.contains(message), "{text}\n{found}");
        };
        check("", "the reply is empty");
        check("I would look for the mug.", "no JSON");
        check("```json\n{\"calls\": [\n```", "no JSON that can be read");
        check("```json\n{\"calls\": [{\"name\": \"x\"}]}", "does not close");
        check("{\"calls\": []}", "calls: the array is empty");
        check("{\"calls\": [], \"why\": 1}", "unknown key \"why\"");
        check("{\"calls\": [{\"tool\": \"x\"}]}", "calls[0]: unknown key \"tool\"");
        check("{\"calls\": [{\"name\": 3}]}", "calls[0]: name: found 3, wanted a string");
        check("{\"calls\": [5]}", "calls[0]: found 5");
    }

    #[test]
    fn a_reply_that_was_cut_off_holds_no_calls() {
        let call = ToolCall { name: "Scene_labels".into(), ..ToolCall::default() };
        let reply = ChatReply { tool_calls: vec![call], finish: FinishReason::Length, ..ChatReply::default() };
        assert!(calls(&reply).unwrap_err().to_string().contains("cut off"));
    }

    #[test]
    fn native_arguments_are_an_object() {
        let found = |arguments: &str| {
            native(&ToolCall { id: "1".into(), name: "f".into(), arguments: arguments.into() }).arguments
        };
        assert_eq!(found(""), Ok(Map::new()));
        assert_eq!(found("{}"), Ok(Map::new()));
        assert!(found("[1]").unwrap_err().contains("an array of 1"));
        assert!(found("{\"a\":").unwrap_err().contains("no JSON"));
    }
}
