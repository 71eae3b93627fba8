//! References to earlier results, such as `r1[0].center`, by a closed grammar:
//!
//! ```text
//! reference = name { "." name | "[" integer "]" | "[" '"' key '"' "]" }
//! ```
//!
//! A name is ASCII letters, digits and `_`; there is no call, no operator and no blank. What is read is written anew, so nothing of
//! the model's own text reaches the cell.

use std::fmt::Write;

use super::literal;

/// Characters of a reference.
const MAX_CHARS: usize = 200;
/// Digits of an index.
const MAX_DIGITS: usize = 9;
/// Names that the language keeps for itself.
const RESERVED: [&str; 55] = [
    "let",
    "const",
    "if",
    "else",
    "switch",
    "do",
    "while",
    "until",
    "loop",
    "for",
    "in",
    "continue",
    "break",
    "return",
    "throw",
    "try",
    "catch",
    "fn",
    "private",
    "import",
    "export",
    "as",
    "true",
    "false",
    "this",
    "global",
    "var",
    "static",
    "shared",
    "sync",
    "async",
    "await",
    "yield",
    "new",
    "use",
    "module",
    "package",
    "with",
    "is",
    "super",
    "go",
    "goto",
    "spawn",
    "thread",
    "exit",
    "match",
    "case",
    "default",
    "void",
    "null",
    "nil",
    "public",
    "protected",
    "then",
    "unless",
];

/// A reference that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The variable.
    pub root: String,
    links: Vec<Link>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Link {
    Property(String),
    Index(i64),
    Key(String),
}

impl Reference {
    /// Reads a reference.
    ///
    /// # Errors
    /// What was found where something else is wanted.
    pub fn parse(text: &str) -> Result<Reference, String> {
        if text.chars().count() > MAX_CHARS {
            return Err(format!("a reference has at most {MAX_CHARS} characters"));
        }
        let (root, mut rest) = name(text)?;
        let mut links = Vec::new();
        while !rest.is_empty() {
            let link;
            (link, rest) = if let Some(after) = rest.strip_prefix('.') {
                let (property, rest) = name(after)?;
                (Link::Property(property.to_owned()), rest)
            } else if let Some(after) = rest.strip_prefix("[\"") {
                let (key, rest) = after.split_once("\"]").ok_or_else(|| format!("`[\"` does not close in {text:?}"))?;
                if key.contains(['"', '\\']) || key.chars().any(char::is_control) {
                    return Err(format!("a key holds no quotes, back-slashes or control characters, found {key:?}"));
                }
                (Link::Key(key.to_owned()), rest)
            } else if let Some(after) = rest.strip_prefix('[') {
                let (index, rest) = after.split_once(']').ok_or_else(|| format!("`[` does not close in {text:?}"))?;
                (Link::Index(whole_number(index)?), rest)
            } else {
                let found = rest.chars().next().unwrap_or(' ');
                return Err(format!("found {found:?} in {text:?}, wanted `.name`, `[0]` or `[\"key\"]`"));
            };
            links.push(link);
        }
        Ok(Reference { root: root.to_owned(), links })
    }

    /// As Rhai.
    pub fn to_source(&self) -> String {
        let mut source = self.root.clone();
        for link in &self.links {
            let _ = match link {
                Link::Property(name) => write!(source, ".{name}"),
                Link::Index(index) => write!(source, "[{index}]"),
                Link::Key(key) => write!(source, "[{}]", literal::text(key)),
            };
        }
        source
    }
}

fn name(text: &str) -> Result<(&str, &str), String> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!("found {text:?}, wanted a name of letters, digits and _"));
    }
    if RESERVED.contains(&name) || name.chars().all(|c| c == '_') {
        return Err(format!("`{name}` is not a name"));
    }
    Ok((name, rest))
}

fn whole_number(text: &str) -> Result<i64, String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_whole = !digits.is_empty() && digits.len() <= MAX_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
    let number = if is_whole { text.parse().ok() } else { None };
    number.ok_or_else(|| format!("found [{text}], wanted a whole number such as [0] or [-1], or [\"key\"]"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn references_are_read_and_written_anew() {
        let check = |text: &str, source: &str| assert_eq!(Reference::parse(text).unwrap().to_source(), source);
        check("r1", "r1");
        check("r12[0].center", "r12[0].center");
        check("InputImages[-1]", "InputImages[-1]");
        check("r1[007]", "r1[7]");
        check("r3[\"a key\"][2].x", "r3[\"a key\"][2].x");
        check("r3[\"`${x}`\"]", "r3[\"\\x60\\x24\\x7bx\\x7d\\x60\"]");
    }

    #[test]
    fn everything_else_is_refused_with_what_was_found() {
        let check = |text: &str, message: &str| assert_eq!(Reference::parse(text), Err(message.to_owned()), "{text}");
        check("", "found \"\", wanted a name of letters, digits and _");
        check("r1()", "found '(' in \"r1()\", wanted `.name`, `[0]` or `[\"key\"]`");
        check("r1 ", "found ' ' in \"r1 \", wanted `.name`, `[0]` or `[\"key\"]`");
        check("r1;x", "found ';' in \"r1;x\", wanted `.name`, `[0]` or `[\"key\"]`");
        check("r1.", "found \"\", wanted a name of letters, digits and _");
        check("r1[0", "`[` does not close in \"r1[0\"");
        check("r1[r2]", "found [r2], wanted a whole number such as [0] or [-1], or [\"key\"]");
        check("r1[0..2]", "found [0..2], wanted a whole number such as [0] or [-1], or [\"key\"]");
        check("r1[--1]", "found [--1], wanted a whole number such as [0] or [-1], or [\"key\"]");
        check("r1.while", "`while` is not a name");
        check("r1[\"a\\\"]", "a key holds no quotes, back-slashes or control characters, found \"a\\\\\"");
    }

    proptest! {
        #[test]
        fn whatever_is_taken_is_a_chain_of_names_and_indices(text in "(r1|x|\\.|\\[|\\]|\"|\\(|\\)|;| |-|0|1|a|\\$|\\{|`|é|\n|\\\\|//|/\\*|while){0,12}") {
            if let Ok(reference) = Reference::parse(&text) {
                let source = reference.to_source();
                // Without its keys the source has only what the grammar names.
                let mut outside = String::new();
                let mut is_key = false;
                for c in source.chars() {
                    if c == '"' { is_key = !is_key } else if !is_key { outside.push(c) }
                }
                prop_assert!(!is_key);
                prop_assert!(outside.chars().all(|c| c.is_ascii_alphanumeric() || "._[]-".contains(c)), "{source}");
                let ast = rhai::Engine::new_raw().compile_expression(&source);
                prop_assert!(ast.is_ok(), "{source}: {ast:?}");
                if !source.contains('\\') {
                    prop_assert_eq!(Reference::parse(&source), Ok(reference));
                }
            }
        }
    }
}
