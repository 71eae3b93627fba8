//! Puts a reply together from the pieces of a stream, or from one whole document.

use serde::Deserialize;
use serde_json::Value;

use super::thinking::ThinkingSplitter;
use crate::llm::{ChatReply, Delta, DeltaSink, FinishReason, ToolCall, Usage};

/// Function calls that one reply may hold.
const MAX_TOOL_CALLS: usize = 64;

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    usage: Option<Value>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u64,
    /// A piece of a stream.
    #[serde(default)]
    delta: Option<Piece>,
    /// All of it, in a reply that is no stream.
    #[serde(default)]
    message: Option<Piece>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Piece {
    #[serde(default)]
    content: Option<Value>,
    /// vLLM before 0.18, SGLang, llama.cpp.
    #[serde(default)]
    reasoning_content: Option<String>,
    /// vLLM, Ollama.
    #[serde(default)]
    reasoning: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<WireCall>>,
}

#[derive(Deserialize)]
struct WireCall {
    #[serde(default)]
    index: Option<usize>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<WireFunction>,
}

#[derive(Deserialize)]
struct WireFunction {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<Value>,
}

/// Why the pieces make no reply.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ReplyProblem {
    /// The server says so in its own words.
    ServerError(Value),
    /// Not this protocol, or half of it.
    Broken(String),
}

/// A reply in the making.
pub(super) struct Assembler {
    sink: Option<DeltaSink>,
    splitter: ThinkingSplitter,
    thinking: String,
    tool_calls: Vec<(usize, ToolCall)>,
    finish: Option<FinishReason>,
    is_done: bool,
    has_choice: bool,
    usage: Option<Usage>,
}

impl Assembler {
    pub fn new(sink: Option<DeltaSink>) -> Assembler {
        Assembler {
            sink,
            splitter: ThinkingSplitter::default(),
            thinking: String::new(),
            tool_calls: Vec::new(),
            finish: None,
            is_done: false,
            has_choice: false,
            usage: None,
        }
    }

    /// Whether the server said that nothing follows.
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    /// Takes the data of one event.
    pub fn event(&mut self, data: &[u8]) -> Result<(), ReplyProblem> {
        if self.is_done || data.trim_ascii().is_empty() {
            return Ok(());
        }
        if data.trim_ascii() == b"[DONE]" {
            self.is_done = true;
            return Ok(());
        }
        let chunk: Chunk = serde_json::from_slice(data).map_err(|error| {
            ReplyProblem::Broken(format!("an event is not the JSON of this protocol ({error}): {}", shown(data)))
        })?;
        self.chunk(chunk)
    }

    /// Takes a whole document.
    pub fn document(&mut self, data: &[u8]) -> Result<(), ReplyProblem> {
        let chunk: Chunk = serde_json::from_slice(data).map_err(|error| {
            ReplyProblem::Broken(format!("the document is not the JSON of this protocol ({error}): {}", shown(data)))
        })?;
        self.is_done = true;
        self.chunk(chunk)
    }

    /// The reply, once the stream has ended.
    pub fn finish(mut self) -> Result<ChatReply, ReplyProblem> {
        if !self.has_choice {
            return Err(ReplyProblem::Broken("it holds no choice, expected one".to_owned()));
        }
        if self.finish.is_none() && !self.is_done {
            return Err(ReplyProblem::Broken("the stream ended before the reply did".to_owned()));
        }
        let (text, thought) = self.splitter.finish();
        self.thinking.push_str(&thought);
        let mut finish = self.finish.unwrap_or_default();
        if finish == FinishReason::Stop && !self.tool_calls.is_empty() {
            finish = FinishReason::ToolCalls;
        }
        let usage = self.usage.unwrap_or(Usage { n_calls_uncounted: 1, ..Usage::default() });
        Ok(ChatReply {
            text,
            thinking: self.thinking.trim().to_owned(),
            tool_calls: self.tool_calls.into_iter().map(|(_, call)| call).collect(),
            finish,
            usage: Usage { n_calls: 1, ..usage },
            ..ChatReply::default()
        })
    }

    fn chunk(&mut self, chunk: Chunk) -> Result<(), ReplyProblem> {
        if let Some(error) = chunk.error {
            return Err(ReplyProblem::ServerError(error));
        }
        if let Some(usage) = chunk.usage {
            self.usage = counted(&usage).or(self.usage);
        }
        // Only one choice was asked for.
        for choice in chunk.choices.unwrap_or_default().into_iter().filter(|choice| choice.index == 0) {
            self.has_choice = true;
            if let Some(piece) = choice.delta.or(choice.message) {
                self.piece(piece)?;
            }
            if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
                self.finish = Some(finish_reason(reason));
            }
        }
        Ok(())
    }

    fn piece(&mut self, piece: Piece) -> Result<(), ReplyProblem> {
        for thought in [piece.reasoning_content, piece.reasoning].into_iter().flatten().take(1) {
            self.thinking.push_str(&thought);
            self.tell(Delta::Thinking(&thought));
        }
        let text = match piece.content {
            Some(content) => content_text(content)?,
            None => piece.refusal.unwrap_or_default(),
        };
        if !text.is_empty() {
            let is_thinking = self.splitter.push(&text);
            self.tell(if is_thinking { Delta::Thinking(&text) } else { Delta::Text(&text) });
        }
        for (position, call) in piece.tool_calls.unwrap_or_default().into_iter().enumerate() {
            self.tool_call(call, position)?;
        }
        Ok(())
    }

    fn tool_call(&mut self, call: WireCall, position: usize) -> Result<(), ReplyProblem> {
        // A server that sends whole calls may leave the index out; each is then a call of its own.
        let is_new = call.index.is_none() && call.id.is_some();
        let index = match call.index {
            Some(index) => index,
            None if is_new => self.tool_calls.iter().map(|(index, _)| index + 1).max().unwrap_or(0),
            None => position,
        };
        let at = self.tool_calls.iter().position(|(known, _)| *known == index);
        if at.is_none() && self.tool_calls.len() >= MAX_TOOL_CALLS {
            return Err(ReplyProblem::Broken(format!("it calls more than {MAX_TOOL_CALLS} functions")));
        }
        let at = at.unwrap_or_else(|| {
            self.tool_calls.push((index, ToolCall::default()));
            self.tool_calls.len() - 1
        });
        let Some((_, known)) = self.tool_calls.get_mut(at) else { return Ok(()) };
        if let Some(id) = call.id {
            known.id = id;
        }
        let Some(function) = call.function else { return Ok(()) };
        known.name.push_str(&function.name.unwrap_or_default());
        match function.arguments {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => known.arguments.push_str(&text),
            Some(other) => known.arguments.push_str(&other.to_string()),
        }
        Ok(())
    }

    fn tell(&self, delta: Delta<'_>) {
        if let Some(sink) = &self.sink {
            sink.send(delta);
        }
    }
}

/// `None` when it tells no tokens.
fn counted(usage: &Value) -> Option<Usage> {
    let at = |path: &str| usage.pointer(path).and_then(Value::as_u64);
    let (prompt, completion) = (at("/prompt_tokens"), at("/completion_tokens"));
    (prompt.is_some() || completion.is_some()).then(|| Usage {
        n_prompt_tokens: prompt.unwrap_or(0),
        n_cached_tokens: at("/prompt_tokens_details/cached_tokens").unwrap_or(0),
        n_completion_tokens: completion.unwrap_or(0),
        n_thinking_tokens: at("/completion_tokens_details/reasoning_tokens").unwrap_or(0),
        ..Usage::default()
    })
}

fn finish_reason(reason: String) -> FinishReason {
    match reason.as_str() {
        "stop" | "eos" | "end_turn" => FinishReason::Stop,
        "length" | "max_tokens" => FinishReason::Length,
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        _ if reason.starts_with("content_filter") => FinishReason::ContentFilter,
        _ => FinishReason::Other(reason),
    }
}

/// Text as one string, or as parts of which only the text counts.
fn content_text(content: Value) -> Result<String, ReplyProblem> {
    match content {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text),
        Value::Array(parts) => Ok(parts.iter().filter_map(|part| part.get("text")?.as_str()).collect()),
        other => Err(ReplyProblem::Broken(format!("its content is {other}, expected a text"))),
    }
}

fn shown(data: &[u8]) -> String {
    const MAX_CHARS: usize = 80;
    let text = String::from_utf8_lossy(data.get(..4 * MAX_CHARS).unwrap_or(data));
    let cut: String = text.chars().take(MAX_CHARS).collect();
    format!("{cut:?}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    fn reply(events: &[&str]) -> Result<ChatReply, ReplyProblem> {
        let mut assembler = Assembler::new(None);
        for event in events {
            assembler.event(event.as_bytes())?;
        }
        assembler.finish()
    }

    #[test]
    fn tool_calls_are_joined_by_index_and_whole_ones_stand_apart() {
        let call = |id: &str, name: &str, arguments: &str| ToolCall {
            id: id.to_owned(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
        };
        let streamed = reply(&[
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"find","arguments":""}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\""}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"go","arguments":"{}"}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]},"finish_reason":"tool_calls"}]}"#,
        ]);
        assert_eq!(streamed.unwrap().tool_calls, [call("a", "find", "{\"x\":1}"), call("b", "go", "{}")]);
        let whole = reply(&[
            r#"{"choices":[{"delta":{"tool_calls":[{"id":"a","function":{"name":"find","arguments":{"x":1}}},{"id":"b","function":{"name":"go"}}]},"finish_reason":"stop"}]}"#,
        ])
        .unwrap();
        assert_eq!(whole.tool_calls, [call("a", "find", "{\"x\":1}"), call("b", "go", "")]);
        assert_eq!(whole.finish, FinishReason::ToolCalls);
    }

    #[test]
    fn what_is_no_reply_says_why() {
        let check = |events: &[&str], expected: &str| match reply(events) {
            Err(ReplyProblem::Broken(reason)) => assert_eq!(reason, expected),
            other => panic!("{other:?}"),
        };
        check(&[], "it holds no choice, expected one");
        check(&[r#"{"choices":[]}"#, "[DONE]"], "it holds no choice, expected one");
        check(&[r#"{"choices":[{"delta":{"content":"a"}}]}"#], "the stream ended before the reply did");
        check(&[r#"{"choices":[{"delta":{"content":5}}]}"#], "its content is 5, expected a text");
        check(
            &[r#"{"choices":[{"del"#],
            "an event is not the JSON of this protocol (EOF while parsing a string at line 1 column 17): \"{\\\"choices\\\":[{\\\"del\"",
        );
    }

    #[test]
    fn thinking_is_told_and_kept_apart() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hearing = heard.clone();
        let mut assembler =
            Assembler::new(Some(DeltaSink::new(move |delta| hearing.lock().unwrap().push(format!("{delta:?}")))));
        for event in [
            r#"{"choices":[{"delta":{"role":"assistant","content":"","reasoning":"hm"}}]}"#,
            r#"{"choices":[{"delta":{"content":"<think>so"}}]}"#,
            r#"{"choices":[{"delta":{"content":"</think>4"}}]}"#,
            r#"{"choices":[{"delta":{"content":"2"},"finish_reason":"length"}]}"#,
        ] {
            assembler.event(event.as_bytes()).unwrap();
        }
        let reply = assembler.finish().unwrap();
        assert_eq!((reply.text.as_str(), reply.thinking.as_str()), ("42", "hmso"));
        assert!(reply.finish.is_cut_off());
        let heard = heard.lock().unwrap();
        assert_eq!(heard[..2], ["Thinking(\"hm\")", "Thinking(\"<think>so\")"]);
        assert_eq!(heard.last().unwrap(), "Text(\"2\")");
    }
}
