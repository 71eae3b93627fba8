//! Words that Rhai keeps for itself and a cell may use as names.

use std::collections::BTreeSet;

use super::lexer::{Kind, Token};

/// Words that Rhai keeps for itself and that Python does not.
pub const RESERVED: [&str; 35] = [
    "go",
    "new",
    "static",
    "shared",
    "with",
    "is",
    "module",
    "package",
    "super",
    "thread",
    "spawn",
    "await",
    "async",
    "yield",
    "match",
    "case",
    "public",
    "protected",
    "sync",
    "null",
    "nil",
    "goto",
    "exit",
    "void",
    "begin",
    "end",
    "unless",
    "use",
    "each",
    "then",
    "this",
    "Fn",
    "call",
    "curry",
    "eval",
];

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
    let is_definition = |pair: &[Token]| matches!(pair, [word, _] if word.is("def") || word.is("fn"));
    let defined: BTreeSet<String> = tokens
        .windows(2)
        .filter(|pair| is_definition(pair))
        .filter_map(|pair| pair.last())
        .map(|name| name.text.clone())
        .collect();
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
        let is_call = precedes(&["(", "::"]) && !defined.contains(&token.text);
        if !(is_member || is_keyword_argument || is_key || is_statement || is_call) {
            token.text.push('_');
        }
    }
}
