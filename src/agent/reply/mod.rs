//! Reads a model's reply: tolerant in form, strict about what is run. Nothing that may lack its end is ever run.

mod json;
mod markdown;

use thiserror::Error;

pub use json::{FoundJson, json_object};

use crate::llm::{ChatReply, FinishReason};

/// What a well-formed reply with code says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeReply {
    /// What the cell is for.
    pub purpose: String,
    /// Why.
    pub reasoning: String,
    /// What comes next.
    pub next_goal: String,
    /// The cell.
    pub code: String,
    /// Said back to the model with the next feedback.
    pub notices: Vec<String>,
}

/// Why a reply holds nothing that can be run. The text goes back to the model.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum UnreadableReply {
    /// Nothing but white space and thoughts.
    #[error("the reply is empty")]
    Empty,
    /// No fenced block.
    #[error("the reply has no fenced ```rhai block under **Code**; found the headings: {found}")]
    NoCode {
        /// Headings that were there.
        found: String,
    },
    /// A block without content.
    #[error("the ```rhai block is empty")]
    EmptyCode,
    /// A block that never closes: the reply was cut off.
    #[error(
        "the code block does not close, so the reply was cut off after {n_lines} lines of code; nothing ran. Write a shorter cell"
    )]
    CutOff {
        /// Lines of code that arrived.
        n_lines: usize,
    },
    /// The server stopped the model.
    #[error("the reply was cut off at the limit of tokens, so nothing ran. Think and write less in one reply")]
    OutOfTokens,
    /// The server kept the rest back.
    #[error("the server withheld the rest of the reply ({reason}), so nothing ran")]
    Withheld {
        /// In the server's word.
        reason: String,
    },
    /// No JSON where some is wanted.
    #[error("the reply has no JSON")]
    NoJson,
    /// JSON that cannot be read or is not what is wanted.
    #[error("the reply has no JSON that can be read: {problem}")]
    BadJson {
        /// Where, what was found and what is wanted.
        problem: String,
    },
    /// Calls that do not fit their declarations.
    #[error("nothing ran, because the calls do not fit their declarations:\n- {}", .problems.join("\n- "))]
    BadCalls {
        /// Each with its path.
        problems: Vec<String>,
    },
}

impl UnreadableReply {
    /// Of a reply that the server says is not whole.
    pub fn of_finish(finish: &FinishReason) -> UnreadableReply {
        match finish {
            FinishReason::ContentFilter => UnreadableReply::Withheld { reason: "content filter".to_owned() },
            FinishReason::Other(reason) => UnreadableReply::Withheld { reason: reason.clone() },
            FinishReason::Length | FinishReason::Stop | FinishReason::ToolCalls => UnreadableReply::OutOfTokens,
        }
    }
}

/// Reads a reply with code: Markdown, or JSON where that was asked for (and Markdown even then: not every server keeps to it).
///
/// # Errors
/// [`UnreadableReply`], in words for the model.
pub fn read_code(reply: &ChatReply, with_schema: bool) -> Result<CodeReply, UnreadableReply> {
    if reply.finish.is_cut_off() {
        return Err(UnreadableReply::of_finish(&reply.finish));
    }
    let text = without_thoughts(&reply.text);
    if text.trim().is_empty() {
        return Err(UnreadableReply::Empty);
    }
    if with_schema && text.trim_start().starts_with('{') {
        return json::code(&text);
    }
    markdown::parse(&text)
}

/// Removes complete think blocks; a lone closing tag ends one that began before the reply, a lone opening tag never ended.
pub fn without_thoughts(text: &str) -> String {
    const TAGS: [&str; 3] = ["think", "thinking", "thought"];
    let mut text = text.to_owned();
    for tag in TAGS {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        loop {
            match (find_ignoring_case(&text, &open), find_ignoring_case(&text, &close)) {
                (Some(start), Some(end)) if start < end => text.replace_range(start..end + close.len(), ""),
                (_, Some(end)) => text.replace_range(..end + close.len(), ""),
                (Some(start), None) => text.truncate(start),
                (None, None) => break,
            }
        }
    }
    text
}

fn find_ignoring_case(text: &str, tag: &str) -> Option<usize> {
    text.char_indices().map(|(start, _)| start).find(|start| {
        text.as_bytes().get(*start..start + tag.len()).is_some_and(|bytes| bytes.eq_ignore_ascii_case(tag.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_that_the_server_cut_off_is_never_run() {
        let whole = "**Code**\n```rhai\nlet x = 1;\n```";
        let check = |finish: FinishReason, expected: UnreadableReply| {
            assert_eq!(read_code(&ChatReply { finish, ..ChatReply::new(whole) }, false), Err(expected));
        };
        check(FinishReason::Length, UnreadableReply::OutOfTokens);
        check(FinishReason::ContentFilter, UnreadableReply::Withheld { reason: "content filter".into() });
        check(FinishReason::Other("abort".into()), UnreadableReply::Withheld { reason: "abort".into() });
        assert!(read_code(&ChatReply::new(whole), false).is_ok());
    }

    #[test]
    fn with_a_schema_json_and_markdown_are_read() {
        let json = r#"{"purpose": "p", "reasoning": "r", "next_goal": "n", "code": "let x = 1;"}"#;
        let read = |text: &str| read_code(&ChatReply::new(text), true).map(|reply| reply.code);
        assert_eq!(read(json).as_deref(), Ok("let x = 1;\n"));
        assert_eq!(read("**Code**\n```rhai\nlet x = 1;\n```").as_deref(), Ok("let x = 1;\n"));
        assert_eq!(read("<think>hm"), Err(UnreadableReply::Empty));
    }
}
