//! Words that Rhai keeps for itself and a cell may use as names.

use super::lexer::{Kind, Token};

/// Those that have no meaning in either language here, so that a name is all they can be.
const FREE: [&str; 24] = [
    "begin",
    "case",
    "default",
    "each",
    "end",
    "go",
    "goto",
    "match",
    "module",
    "new",
    "package",
    "protected",
    "public",
    "shared",
    "spawn",
    "static",
    "super",
    "sync",
    "then",
    "thread",
    "unless",
    "until",
    "use",
    "var",
];

/// Gives variables of such names an underscore, wherever they stand in the cell. Members, keyword arguments and keys keep theirs.
pub fn rename(tokens: &mut [Token]) {
    let mut is_header = false;
    for at in 0..tokens.len() {
        let (before, rest) = tokens.split_at_mut(at);
        let Some((token, after)) = rest.split_first_mut() else { return };
        if token.begins_line {
            is_header = token.is("def") || token.is("fn");
        }
        if token.kind != Kind::Word || !FREE.contains(&token.text.as_str()) {
            continue;
        }
        let (last, next) = (before.last(), after.first());
        let follows = |signs: &[&str]| last.is_some_and(|last| signs.iter().any(|sign| last.is(sign)));
        let precedes = |signs: &[&str]| next.is_some_and(|next| signs.iter().any(|sign| next.is(sign)));
        let is_member = follows(&[".", "?."]);
        let is_keyword_argument = !is_header && precedes(&["="]) && follows(&["(", ","]) && !token.begins_line;
        let is_key = precedes(&[":"]) && follows(&["{", "#{", ","]);
        let is_statement =
            token.begins_line && next.is_some_and(|next| next.kind == Kind::Word || next.kind == Kind::Text);
        if !(is_member || is_keyword_argument || is_key || is_statement) {
            token.text.push('_');
        }
    }
}
