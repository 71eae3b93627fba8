//! Replies in JSON.

use serde_json::{Value, json};

use super::{CodeReply, UnreadableReply};

/// JSON found in a reply.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundJson {
    /// The first of them.
    pub value: Value,
    /// Blocks with JSON in the reply.
    pub n_blocks: usize,
}

/// The first JSON of a reply: the whole text, else its first fenced block, else what stands between the first `{` and its end.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn json_object(text: &str) -> Result<FoundJson, UnreadableReply> {
    let text = text.trim();
    if text.starts_with(['{', '[']) {
        return Ok(FoundJson { value: read(text)?, n_blocks: 1 });
    }
    let blocks = fenced(text)?;
    if let Some(first) = blocks.first() {
        return Ok(FoundJson { value: read(first)?, n_blocks: blocks.len() });
    }
    let start = text.find('{').ok_or(UnreadableReply::NoJson)?;
    Ok(FoundJson { value: read(text.get(start..).unwrap_or_default())?, n_blocks: 1 })
}

/// Reads one value; what follows it is ignored, since models like to add words.
fn read(text: &str) -> Result<Value, UnreadableReply> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    match values.next() {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) if error.is_eof() => {
            Err(UnreadableReply::BadJson { problem: format!("it does not close ({error}), so the reply was cut off") })
        }
        Some(Err(error)) => Err(UnreadableReply::BadJson { problem: error.to_string() }),
        None => Err(UnreadableReply::NoJson),
    }
}

fn fenced(text: &str) -> Result<Vec<String>, UnreadableReply> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        let is_fence = line.trim_start().starts_with("```");
        match (open.take(), is_fence) {
            (Some(block), true) => blocks.push(block),
            (Some(block), false) => open = Some(format!("{block}{line}\n")),
            (None, true) => open = Some(String::new()),
            (None, false) => {}
        }
    }
    match open {
        Some(_) => {
            Err(UnreadableReply::BadJson { problem: "the block does not close, so the reply was cut off".to_owned() })
        }
        None => Ok(blocks.into_iter().filter(|block| block.trim_start().starts_with(['{', '['])).collect()),
    }
}

/// A reply with code as the schema has it.
pub fn code(text: &str) -> Result<CodeReply, UnreadableReply> {
    let found = json_object(text)?;
    let part = |key: &str| match found.value.get(key) {
        Some(Value::String(text)) => Ok(text.trim().to_owned()),
        Some(_) => Err(UnreadableReply::BadJson { problem: format!("{key}: wanted a string") }),
        None => Err(UnreadableReply::BadJson { problem: format!("key {key:?} is missing") }),
    };
    let code = part("code")?;
    if code.is_empty() {
        return Err(UnreadableReply::EmptyCode);
    }
    Ok(CodeReply {
        purpose: part("purpose")?,
        reasoning: part("reasoning")?,
        next_goal: part("next_goal")?,
        code: format!("{code}\n"),
        notices: Vec::new(),
    })
}

impl CodeReply {
    /// The reply as it stays in the conversation, for a model that writes JSON.
    pub fn to_json(&self) -> String {
        json!({
            "purpose": self.purpose,
            "reasoning": self.reasoning,
            "next_goal": self.next_goal,
            "code": self.code,
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn json_is_found_in_the_whole_text_a_block_or_between_words() {
        for text in ["{\"a\": 1}", "{\"a\": 1} done", "Here:\n```json\n{\"a\": 1}\n```\nbye", "So {\"a\": 1}."] {
            assert_eq!(json_object(text).unwrap().value, json!({"a": 1}), "{text}");
        }
        assert_eq!(json_object("```json\n{}\n```\n```json\n{}\n```").unwrap().n_blocks, 2);
        assert_eq!(json_object("no"), Err(UnreadableReply::NoJson));
        for cut in ["{\"a\": ", "```json\n{\"a\": 1}", "x {\"a\": [1, 2"] {
            assert!(json_object(cut).unwrap_err().to_string().contains("cut off"), "{cut}");
        }
    }

    #[test]
    fn each_key_is_wanted() {
        let problem = |text: &str| code(text).unwrap_err().to_string();
        assert!(problem("{\"code\": \"x\"}").contains("key \"purpose\" is missing"));
        assert!(problem("{\"code\": 5}").contains("code: wanted a string"));
        assert_eq!(code("{\"code\": \" \"}"), Err(UnreadableReply::EmptyCode));
    }

    proptest! {
        #[test]
        fn what_is_rendered_is_read_back(purpose in "\\PC{0,20}", source in "\\PC{1,40}") {
            prop_assume!(!source.trim().is_empty());
            let reply = CodeReply {
                purpose: purpose.trim().to_owned(), code: format!("{}\n", source.trim()), ..CodeReply::default()
            };
            prop_assert_eq!(code(&reply.to_json()), Ok(reply));
        }

        #[test]
        fn any_text_is_read_without_panic(text in "(\\PC|\n|```|\\{|\\}|\\[|\"){0,40}") {
            let _ = json_object(&text);
            let _ = code(&text);
        }
    }
}
