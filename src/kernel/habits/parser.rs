//! Reading tokens, and what expressions and statements have in common.

use super::{
    Mistake,
    lexer::{Kind, Token},
    names::Scopes,
    pieces::{Content, Out, Piece},
};

/// Nested brackets and blocks; Rhai's own limit is lower, and each level takes stack here.
const MAX_DEPTH: usize = 150;

/// `_`, said in Rhai.
const IGNORED: &str = "__ignored";

/// Why a stretch could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It is left to Rhai as it is.
    Unreadable,
    /// The mistake is noted.
    Refused,
}

pub type Read<T> = Result<T, Stop>;

pub struct Parser<'a> {
    pub tokens: Vec<Token>,
    pub at: usize,
    pub scopes: Scopes<'a>,
    pub mistakes: Vec<Mistake>,
    /// Open brackets: inside them a line break ends nothing.
    pub n_brackets: usize,
    /// `x if c else y` is not looked for, because an `if` belongs to what is around.
    pub is_ternary_off: bool,
    /// `a..b` is left to the brackets around it.
    pub is_range_off: bool,
    /// Column where the line of the running statement begins.
    pub statement_indent: usize,
    pub n_temporaries: usize,
    pub depth: usize,
    /// The model's own lines.
    pub lines: Vec<&'a str>,
    /// Names of modules as the cell imported them.
    pub modules: std::collections::BTreeMap<String, String>,
    /// The first statement that could not be read.
    pub unread: Option<(usize, usize)>,
    /// Functions of this cell with their parameters.
    pub functions: std::collections::BTreeMap<String, Vec<Vec<String>>>,
}

impl<'a> Parser<'a> {
    pub fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    pub fn peek_at(&self, ahead: usize) -> &Token {
        // There is always the token behind the last.
        let last = self.tokens.len() - 1;
        &self.tokens[(self.at + ahead).min(last)]
    }

    pub fn is(&self, text: &str) -> bool {
        self.peek().is(text)
    }

    pub fn is_at(&self, ahead: usize, text: &str) -> bool {
        self.peek_at(ahead).is(text)
    }

    pub fn is_end(&self) -> bool {
        self.peek().kind == Kind::End
    }

    /// Whether the next token belongs to the running statement as far as lines go.
    pub fn is_same_line(&self) -> bool {
        !self.is_end() && (self.n_brackets > 0 || !self.peek().begins_line)
    }

    pub fn previous(&self) -> Option<&Token> {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at))
    }

    /// The next token as it is.
    pub fn take(&mut self) -> Piece {
        let token = self.peek().clone();
        if token.kind == Kind::End {
            return self.added("");
        }
        self.at += 1;
        Piece {
            lead: token.lead,
            text: Content::Written(token.text),
            line: token.line,
            column: token.column,
            n_breaks_after: token.n_lost_breaks,
        }
    }

    /// The next token with another text.
    pub fn take_as(&mut self, text: &str) -> Piece {
        let taken = self.take();
        Piece { text: Content::Added(text.to_owned()), ..taken }
    }

    /// The next token if it is `text`.
    pub fn expect(&mut self, text: &str) -> Read<Piece> {
        if self.is(text) { Ok(self.take()) } else { Err(Stop::Unreadable) }
    }

    pub fn expect_word(&mut self) -> Read<(String, Piece)> {
        if !self.peek().is_word() || is_keyword(&self.peek().text) {
            return Err(Stop::Unreadable);
        }
        let name = self.peek().text.clone();
        if name == "_" {
            // Rhai has no variable of this name. What is thrown away may be thrown away twice.
            return Ok((IGNORED.to_owned(), self.take_as(IGNORED)));
        }
        Ok((name, self.take()))
    }

    /// A text that the model did not write, standing for the place of the last token.
    pub fn added(&self, text: impl Into<String>) -> Piece {
        let (line, column) = match self.previous() {
            Some(token) => (token.line, token.column),
            None => (1, 1),
        };
        Piece { lead: String::new(), text: Content::Added(text.into()), line, column, n_breaks_after: 0 }
    }

    /// A text that means the place of `piece`.
    pub fn added_at(piece: Option<&Piece>, text: impl Into<String>) -> Piece {
        let (line, column) = piece.map_or((1, 1), |piece| (piece.line, piece.column));
        Piece { lead: String::new(), text: Content::Added(text.into()), line, column, n_breaks_after: 0 }
    }

    pub fn if_doubted(&self, doubt: usize, text: impl Into<String>) -> Piece {
        Piece { text: Content::IfDoubted { doubt, text: text.into() }, ..self.added("") }
    }

    pub fn temporary(&mut self) -> String {
        self.n_temporaries += 1;
        format!("__t{}", self.n_temporaries)
    }

    /// Notes a mistake at the next token.
    pub fn refuse<T>(&mut self, message: impl Into<String>) -> Read<T> {
        self.refuse_at(self.at, message, None)
    }

    pub fn refuse_at<T>(&mut self, at: usize, message: impl Into<String>, fix: Option<String>) -> Read<T> {
        let token = self.tokens.get(at).unwrap_or_else(|| self.peek());
        let (line, column) = (token.line, token.column);
        self.mistakes.push(Mistake { line, column, message: message.into(), fix });
        Err(Stop::Refused)
    }

    /// The model's line of token `at` with the stretch from there to before token `end` said in another way.
    pub fn corrected(&self, at: usize, end: usize, instead: &str) -> Option<String> {
        let first = self.tokens.get(at)?;
        let last = self.tokens.get(end.checked_sub(1)?)?;
        if first.line != last.end.0 {
            return None;
        }
        let line: Vec<char> = self.lines.get(first.line - 1)?.chars().collect();
        let head: String = line.get(..first.column - 1)?.iter().collect();
        let tail: String = line.get(last.end.1 - 1..)?.iter().collect();
        Some(format!("{}{instead}{}", head.trim_start(), tail.trim_end()))
    }

    /// The tokens from `at` to before `end` on one line.
    pub fn words(&self, at: usize, end: usize) -> String {
        let mut text = String::new();
        for token in self.tokens.get(at..end).unwrap_or_default() {
            if !token.lead.is_empty() && !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&token.text);
        }
        text
    }

    /// Runs `read` one level deeper.
    pub fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        if self.depth >= MAX_DEPTH {
            return self.refuse(format!(
                "brackets or blocks are nested more than {MAX_DEPTH} deep; give parts of the expression to variables"
            ));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Runs `read` inside brackets.
    pub fn bracketed<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        let is_ternary_off = std::mem::take(&mut self.is_ternary_off);
        let is_range_off = std::mem::take(&mut self.is_range_off);
        self.n_brackets += 1;
        let result = self.deeper(read);
        self.n_brackets -= 1;
        self.is_ternary_off = is_ternary_off;
        self.is_range_off = is_range_off;
        result
    }

    /// Runs `read` where lines count again.
    pub fn in_block<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        let (n_brackets, is_ternary_off) =
            (std::mem::take(&mut self.n_brackets), std::mem::take(&mut self.is_ternary_off));
        let result = self.deeper(read);
        (self.n_brackets, self.is_ternary_off) = (n_brackets, is_ternary_off);
        result
    }

    /// Whether the word is a function that a cell can name without calling it.
    pub fn is_function(&self, name: &str) -> bool {
        self.functions.contains_key(name) || self.scopes.known.functions.contains_key(name)
    }

    /// Tokens of the running statement as they are.
    pub fn rest_of_statement(&mut self, start: usize) -> Out {
        self.at = start;
        let mut out = Vec::new();
        let mut depth = 0usize;
        loop {
            let token = self.peek();
            if token.kind == Kind::End {
                return out;
            }
            if depth == 0 && !out.is_empty() && (token.begins_line || token.is(";") || token.is("}")) {
                return out;
            }
            match token.text.as_str() {
                "(" | "[" | "#{" | "?[" if token.kind == Kind::Sign => depth += 1,
                ")" | "]" if token.kind == Kind::Sign => depth = depth.saturating_sub(1),
                "{" if token.kind == Kind::Sign && depth > 0 => depth += 1,
                "}" if token.kind == Kind::Sign && depth > 0 => depth -= 1,
                _ => {}
            }
            let is_brace = depth == 0 && token.is("{");
            out.push(self.take());
            if is_brace {
                return out;
            }
        }
    }
}

/// Words of Rhai and Python that cannot be variables.
pub fn is_keyword(word: &str) -> bool {
    matches!(
        word,
        "let"
            | "const"
            | "if"
            | "else"
            | "elif"
            | "for"
            | "in"
            | "while"
            | "loop"
            | "do"
            | "until"
            | "switch"
            | "fn"
            | "def"
            | "return"
            | "throw"
            | "try"
            | "catch"
            | "break"
            | "continue"
            | "and"
            | "or"
            | "not"
            | "is"
            | "lambda"
            | "True"
            | "False"
            | "None"
            | "true"
            | "false"
            | "import"
            | "export"
            | "private"
            | "except"
            | "finally"
    )
}
