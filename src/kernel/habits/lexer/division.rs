//! Whether `//` divides, as in Python, or begins a comment, as in Rhai.

use super::{Kind, Lexer, Mistake, Token};

impl Lexer {
    /// Rhai takes `//` for a comment where Python divides.
    pub(super) fn two_slashes(&mut self) -> Result<(), Mistake> {
        let (line, column) = (self.line, self.column);
        let is_after_operand = self.goes_on() && self.follows_operand();
        let rest: String =
            self.chars.get(self.at + 2..).unwrap_or_default().iter().take_while(|c| **c != '\n').collect();
        if self.may_divide && is_after_operand && is_operand_text(&rest) {
            let message =
                "`//` starts a comment here, so the rest of the line would be lost; for whole-number division \
                           write int_div(a, b)"
                    .to_owned();
            return Err(Mistake { line, column, message, fix: self.with_int_div(&rest) });
        }
        self.advance();
        self.advance();
        self.lead.push_str("//");
        self.rest_of_comment();
        Ok(())
    }

    /// The line with `a // b` as `int_div(a, b)`, when both sides are plain and nothing binds them to others more tightly;
    /// `a // b // c` is divided from the left.
    fn with_int_div(&self, rest: &str) -> Option<String> {
        const MAX_BYTES: usize = 500;
        let start_of_line = self.chars.get(..self.at)?.iter().rposition(|c| *c == '\n').map_or(0, |at| at + 1);
        let before: String = self.chars.get(start_of_line..self.at)?.iter().collect();
        let before = before.trim_end();
        let left_start = operand_start(before)?;
        let rest = rest.trim_start();
        if before.len() + rest.len() > MAX_BYTES {
            return None;
        }
        let right_end = operand_end(rest)?;
        let (head, left) = before.split_at_checked(left_start)?;
        let (right, mut tail) = rest.split_at_checked(right_end)?;
        let mut divided = format!("int_div({left}, {right})");
        while let Some(rest) = tail.trim_start().strip_prefix("//").filter(|rest| is_operand_text(rest)) {
            let rest = rest.trim_start();
            let (right, behind) = rest.split_at_checked(operand_end(rest)?)?;
            divided = format!("int_div({divided}, {right})");
            tail = behind;
        }
        let is_divided_further = tail.split_once("//").is_some_and(|(_, rest)| is_operand_text(rest));
        if is_divided_further || tail.trim_start().starts_with("**") || binds_what_follows(head) {
            return None;
        }
        Some(format!("{}{divided}{}", head.trim_start(), tail.trim_end()))
    }
}

/// Whether what follows `//` can be an operand and not words of a comment: no two words side by side.
fn is_operand_text(rest: &str) -> bool {
    let mut lexer = Lexer { may_divide: false, ..Lexer::new(rest, 1, 1) };
    let Ok(()) = lexer.run() else { return false };
    let tokens = lexer.out;
    let mut depth = 0i32;
    let is_same_statement = |token: &&Token| {
        match token.text.as_str() {
            "(" | "[" | "{" | "#{" if token.kind == Kind::Sign => depth += 1,
            ")" | "]" | "}" if token.kind == Kind::Sign => depth -= 1,
            _ => {}
        }
        token.kind != Kind::End && !(depth <= 0 && token.is(";"))
    };
    let code: Vec<&Token> = tokens.iter().take_while(is_same_statement).collect();
    let Some(first) = code.first() else { return false };
    let begins = matches!(first.kind, Kind::Word | Kind::Number)
        || first.is("(")
        || first.is("-")
        || first.is("+")
        || first.is("=")
        || first.is("[");
    let is_binary_word = |token: &Token| {
        matches!(token.text.as_str(), "and" | "or" | "in" | "is" | "if" | "else" | "for" | "not") && token.is_word()
    };
    let is_operand =
        |token: &Token| matches!(token.kind, Kind::Word | Kind::Number | Kind::Text) && !is_binary_word(token);
    let side_by_side = code.windows(2).any(|pair| match pair {
        [a, b] => is_operand(a) && is_operand(b),
        _ => false,
    });
    begins && !side_by_side && !code.last().is_some_and(|last| last.is("."))
}

/// Whether the operator that ends `head` takes only the operand behind it: `3 *` or the sign in `x = -`.
fn binds_what_follows(head: &str) -> bool {
    let head = head.trim_end();
    let is_operand_end = |c: char| c.is_alphanumeric() || matches!(c, '_' | ')' | ']' | '}' | '"' | '\'');
    match head.chars().next_back() {
        Some('*' | '/' | '%' | '@' | '~') => true,
        Some(sign @ ('-' | '+')) => !head.trim_end_matches(sign).trim_end().ends_with(is_operand_end),
        _ => false,
    }
}

/// Where the operand that ends `before` begins: `total`, `len(xs)`, `a.b[0]`, `(a + b)`.
fn operand_start(before: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut start = before.len();
    for (at, c) in before.char_indices().rev() {
        match c {
            ')' | ']' => depth += 1,
            '(' | '[' if depth == 0 => break,
            '(' | '[' => depth -= 1,
            _ if depth > 0 => {}
            c if c.is_alphanumeric() || c == '_' || c == '.' => {}
            _ => break,
        }
        start = at;
    }
    (start < before.len()).then_some(start)
}

/// Where the operand at the start of `rest` ends.
fn operand_end(rest: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (at, c) in rest.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' if depth == 0 => return (at > 0).then_some(at),
            ')' | ']' => depth -= 1,
            _ if depth > 0 => {}
            c if c.is_alphanumeric() || c == '_' || c == '.' => {}
            _ => return (at > 0).then_some(at),
        }
    }
    (!rest.is_empty() && depth == 0).then_some(rest.len())
}
