//! What a model brings from Python, said so that Rhai understands it, line by line.
//!
//! The text of a cell is read once as a mixture of Rhai and Python. What is plain Rhai goes through as it is. What is Python is either
//! said in Rhai with the same meaning, on the same lines, or refused with the line that works; nothing keeps its form and changes its
//! meaning. What cannot be read here is left to Rhai, which says what is wrong. It knows names and text, and must not know engines.
//!
//! `lexer` splits the text; `expression`, `postfix` and `literal` read values by the precedence of Python, the files from `statement` on
//! what is done with them; `names` knows what is a variable, and `pieces`
//! puts the text together and remembers where each piece comes from.

mod block;
mod expression;
mod function;
mod keyword;
mod lexer;
mod literal;
pub mod names;
mod parser;
mod pieces;
mod postfix;
mod reserved;
mod setting;
mod statement;
mod target;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use names::Names;
pub use pieces::Positions;

use names::Scopes;
use parser::Parser;
use pieces::{Content, Piece};

/// Something that is not said in Rhai, with the line that works when it can be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// 1-based.
    pub line: usize,
    /// 1-based.
    pub column: usize,
    pub message: String,
    /// The model's own line, corrected.
    pub fix: Option<String>,
}

/// A cell as Rhai reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lowered {
    pub text: String,
    pub positions: Positions,
    /// Variables that end as another's value, with what that is.
    pub aliases: BTreeMap<String, String>,
    /// The first statement that could not be read and stands as it was written, 1-based.
    pub unread: Option<(usize, usize)>,
}

/// Beginning of names that a cell does not see.
pub const HIDDEN: &str = "__";

/// Says `source` in Rhai, with as many lines.
///
/// # Errors
/// What has another meaning here, each with its place.
pub fn lower(source: &str, known: &Names<'_>) -> Result<Lowered, Vec<Mistake>> {
    let mut tokens = lexer::tokens(source, 1, 1).map_err(|mistake| vec![mistake])?;
    reserved::rename(&mut tokens);
    let mut parser = Parser {
        tokens,
        at: 0,
        scopes: Scopes::new(known),
        mistakes: Vec::new(),
        n_brackets: 0,
        is_ternary_off: false,
        is_range_off: false,
        statement_indent: 0,
        n_temporaries: 0,
        depth: 0,
        lines: source.split('\n').collect(),
        modules: BTreeMap::from([("numpy".to_owned(), "np".to_owned())]),
        functions: BTreeMap::new(),
        unread: None,
    };
    let mut out = parser.cell();
    // Blanks and comments behind the last token.
    let end = parser.peek().clone();
    out.push(Piece {
        lead: end.lead,
        text: Content::Added(String::new()),
        line: end.line,
        column: end.column,
        n_breaks_after: 0,
    });
    if !parser.mistakes.is_empty() {
        let mut mistakes = parser.mistakes;
        mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
        mistakes.dedup();
        return Err(mistakes);
    }
    let mut first = String::new();
    for (name, doubt) in &parser.scopes.earlier {
        if parser.scopes.doubts.get(*doubt).is_some_and(|doubt| doubt.is_confirmed) {
            let origin = known.aliases.get(name).map_or("", String::as_str);
            first.push_str(expression::own_statement(name, &format!("`{origin}`")).trim_start());
            first.push(' ');
        }
    }
    first.push_str(function::hoisted_text(parser.scopes.hoisted_of_cell()).trim_start());
    if !first.is_empty() {
        let at = Piece {
            lead: String::new(),
            text: Content::Added(format!("{} ", first.trim_end())),
            line: 1,
            column: 1,
            n_breaks_after: 0,
        };
        out.insert(0, at);
    }
    let doubts = &parser.scopes.doubts;
    let (text, positions) = pieces::render(&out, |doubt| doubts.get(doubt).is_some_and(|doubt| doubt.is_confirmed));
    if text.split('\n').count() != source.split('\n').count() {
        // Places would be told wrong. No text is known that gets here.
        let message = "the cell cannot be read; write it in a simpler way, one step a line".to_owned();
        return Err(vec![Mistake { line: 1, column: 1, message, fix: None }]);
    }
    Ok(Lowered { text, positions, aliases: parser.scopes.aliases(), unread: parser.unread })
}
