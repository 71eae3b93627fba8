//! Replies in Markdown: four headings and one fenced cell. Only a closed block is ever run.

use super::{CodeReply, UnreadableReply};

const SECTIONS: [&str; 4] = ["purpose", "reasoning", "next goal", "code"];

/// Reads a reply whose thoughts were removed.
///
/// # Errors
/// [`UnreadableReply`], in words for the model.
pub fn parse(text: &str) -> Result<CodeReply, UnreadableReply> {
    let pieces = split(text)?;
    let mut notices = Vec::new();
    let is_in_code = |block: &&Block| block.section.as_deref() == Some("code");
    // A block under **Code** comes first; a model that forgot the heading is understood as well.
    let block = pieces.blocks.iter().find(is_in_code).or_else(|| pieces.blocks.first());
    let Some(block) = block else {
        let found: Vec<&str> = pieces.sections.iter().map(|(name, _)| name.as_str()).collect();
        let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
        return Err(UnreadableReply::NoCode { found });
    };
    if block.code.trim().is_empty() {
        return Err(UnreadableReply::EmptyCode);
    }
    if pieces.blocks.len() > 1 {
        notices.push(format!(
            "the reply had {} code blocks; only one was run. Send one cell per reply",
            pieces.blocks.len()
        ));
    }
    if !["", "rhai", "rust", "python", "py", "python3"].contains(&block.language.as_str()) {
        notices.push(format!("the block was marked {:?}; cells are Rhai or Python", block.language));
    }
    let section = |name: &str| {
        let found = pieces.sections.iter().find(|(section, _)| section == name);
        found.map(|(_, text)| text.trim().to_owned()).unwrap_or_default()
    };
    Ok(CodeReply {
        purpose: section("purpose"),
        reasoning: section("reasoning"),
        next_goal: section("next goal"),
        code: format!("{}\n", block.code.trim_end()),
        notices,
    })
}

impl CodeReply {
    /// The reply as it stays in the conversation: parsed parts only, so thoughts and stray text are not sent again.
    pub fn to_markdown(&self) -> String {
        format!(
            "**Purpose**\n{}\n\n**Reasoning**\n{}\n\n**Next Goal**\n{}\n\n**Code**\n```rhai\n{}```\n",
            self.purpose, self.reasoning, self.next_goal, self.code
        )
    }
}

struct Block {
    section: Option<String>,
    language: String,
    code: String,
}

#[derive(Default)]
struct Pieces {
    sections: Vec<(String, String)>,
    blocks: Vec<Block>,
}

fn split(text: &str) -> Result<Pieces, UnreadableReply> {
    let mut pieces = Pieces::default();
    let mut open: Option<Block> = None;
    for line in text.lines() {
        let fence = line.trim_start().strip_prefix("```");
        match (open.take(), fence) {
            (Some(block), Some(rest)) if rest.trim().is_empty() => pieces.blocks.push(block),
            (Some(mut block), _) => {
                block.code.push_str(line);
                block.code.push('\n');
                open = Some(block);
            }
            (None, Some(language)) => {
                let section = pieces.sections.last().map(|(name, _)| name.clone());
                open = Some(Block { section, language: language.trim().to_lowercase(), code: String::new() });
            }
            (None, None) => match heading(line) {
                Some((name, rest)) => pieces.sections.push((name.to_owned(), format!("{rest}\n"))),
                None => {
                    if let Some((_, text)) = pieces.sections.last_mut() {
                        text.push_str(line);
                        text.push('\n');
                    }
                }
            },
        }
    }
    match open {
        Some(block) => Err(UnreadableReply::CutOff { n_lines: block.code.lines().count() }),
        None => Ok(pieces),
    }
}

/// `**Purpose**`, `## next_goal:`, `**Code:** ...`, `Reasoning: ...`; with what follows on the line.
fn heading(line: &str) -> Option<(&'static str, &str)> {
    let bare = line.trim_start().trim_start_matches(['#', '*', '_', ' ']);
    let is_marked = bare.len() < line.trim_start().len();
    SECTIONS.iter().find_map(|section| {
        let head = bare.get(..section.len())?;
        let rest = bare.get(section.len()..)?;
        let is_same = head.to_lowercase().replace(['_', '-'], " ") == **section;
        let is_end = rest.starts_with([':', '*', '_']) || (is_marked && rest.trim().is_empty());
        (is_same && is_end).then(|| (*section, rest.trim_start_matches([':', '*', '_', ' '])))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{agent::reply::read_code, llm::ChatReply};
    use proptest::prelude::*;

    const GOOD: &str = "**Purpose**\nMeasure.\n\n**Reasoning**\nBecause.\n\n**Next Goal**\nAnswer.\n\n**Code**\n```rhai\nlet x = 1;\n```\n";

    fn code(text: &str) -> Result<String, UnreadableReply> {
        read_code(&ChatReply::new(text), false).map(|reply| reply.code)
    }

    #[test]
    fn a_good_reply_is_read_and_rendered() {
        let reply = parse(GOOD).unwrap();
        assert_eq!(
            reply,
            CodeReply {
                purpose: "Measure.".into(),
                reasoning: "Because.".into(),
                next_goal: "Answer.".into(),
                code: "let x = 1;\n".into(),
                notices: vec![],
            }
        );
        assert_eq!(reply.to_markdown(), GOOD);
    }

    #[test]
    fn form_is_read_with_tolerance() {
        let check = |text: &str| assert_eq!(code(text).as_deref(), Ok("let x = 1;\n"), "{text}");
        check("<think>**Code**\n```rhai\nlet y = 2;\n```</think>**Code**\n```rhai\nlet x = 1;\n```");
        check("**Code**\n```python\nlet x = 1;\n```");
        check("I thought.</think>\n## code\n```\nlet x = 1;\n```");
        check("purpose: p\nCODE:\n```Rhai\nlet x = 1;\n```");
        check("**Code:**\n  ```rhai\nlet x = 1;\n  ```\ntrailing words");
        check("```rhai\nlet x = 1;\n```");
        check("**Reasoning**\n```rhai\nlet y = 2;\n```\n**Code**\n```rhai\nlet x = 1;\n```");
        check("**Next_Goal** go\n\n**Code**\n```rhai\nlet x = 1;\n```\n```rhai\nlet z = 3;\n```");
        let reply = parse("**Purpose:** measure it\n**Next_Goal**: answer\n**Code**\n```cpp\nx = 1\n```").unwrap();
        assert_eq!((reply.purpose.as_str(), reply.next_goal.as_str()), ("measure it", "answer"));
        assert_eq!(reply.notices, ["the block was marked \"cpp\"; cells are Rhai or Python"]);
    }

    #[test]
    fn several_blocks_run_the_first_and_say_so() {
        let reply = parse("**Code**\n```rhai\na\n```\n```rhai\nb\n```").unwrap();
        assert_eq!(reply.code, "a\n");
        assert_eq!(reply.notices, ["the reply had 2 code blocks; only one was run. Send one cell per reply"]);
    }

    #[test]
    fn a_reply_without_a_closed_cell_is_never_run() {
        let check = |text: &str, expected: UnreadableReply| assert_eq!(code(text), Err(expected), "{text}");
        check("", UnreadableReply::Empty);
        check("  \n<think>the mug is", UnreadableReply::Empty);
        check("**Code**\n```rhai\nlet x = 1;\nlet y", UnreadableReply::CutOff { n_lines: 2 });
        check("**Code**\n```rhai\na\n```\n```rhai\nb", UnreadableReply::CutOff { n_lines: 1 });
        check("**Code**\n```rhai\n\n```", UnreadableReply::EmptyCode);
        check("**Purpose**\np\n**Code**\nlet x = 1;", UnreadableReply::NoCode { found: "purpose, code".into() });
        check("The mug is 0.4 m away.", UnreadableReply::NoCode { found: "none".into() });
    }

    proptest! {
        #[test]
        fn any_reply_is_read_without_panic(text in "(\\PC|\n|```|\\*\\*Code\\*\\*|<think>|</think>){0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_rendered_is_read_back(purpose in "[a-z ]{0,20}", code in "[a-z(){};=\n]{1,40}") {
            prop_assume!(!code.trim().is_empty());
            let reply = CodeReply { purpose: purpose.trim().to_owned(), code: format!("{}\n", code.trim_end()), ..CodeReply::default() };
            prop_assert_eq!(parse(&reply.to_markdown()), Ok(reply));
        }
    }
}
