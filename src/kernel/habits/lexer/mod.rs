//! Words, numbers, texts and signs of a cell, with what stands between them. It reads Rhai and Python alike: which of the two a piece
//! belongs to is not known yet.

mod division;
mod texts;
mod token;

pub use token::{Kind, Part, TextKind, Token, quoted};

use token::ends_operand;

use super::{Mistake, reserved};

const SIGNS: [&str; 51] = [
    "**=", "...", "..=", "<<=", ">>=", "===", "!==", "=>", "->", "==", "!=", "<=", ">=", "&&", "||", "**", "+=", "-=",
    "*=", "/=", "%=", "&=", "|=", "^=", "@=", "<<", ">>", "..", "::", ":=", "??", "?.", "?[", "#{", "++", "--", "(",
    ")", "[", "]", "{", "}", "+", "-", "*", "/", "%", "<", ">", "=", "!",
];

/// Splits a source.
pub fn tokens(source: &str, first_line: usize, first_column: usize) -> Result<Vec<Token>, Mistake> {
    let mut lexer = Lexer::new(source, first_line, first_column);
    lexer.run()?;
    let mistake =
        |token: &Token, message: String| Mistake { line: token.line, column: token.column, message, fix: None };
    for token in lexer.out.iter().filter(|token| token.is_word()) {
        let n_chars = token.text.chars().count();
        if n_chars > MAX_NAME_CHARS {
            return Err(mistake(token, format!("a name has {n_chars} characters, at most {MAX_NAME_CHARS} are taken")));
        }
        if is_kept(&token.text) {
            let message = format!(
                "`{}` begins with two underscores, which the kernel keeps for itself; choose another name",
                token.text
            );
            return Err(mistake(token, message));
        }
    }
    reserved::rename(&mut lexer.out);
    Ok(lexer.out)
}

/// Names come back in messages and in the list of variables.
const MAX_NAME_CHARS: usize = 100;

/// Names of what the kernel puts into cells; Python's own, such as `__name__`, end with underscores as well.
fn is_kept(word: &str) -> bool {
    word.starts_with(super::HIDDEN) && !word.ends_with(super::HIDDEN)
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    column: usize,
    lead: String,
    begins_line: bool,
    indent: usize,
    /// Whether `//` may be meant as a division; a comment otherwise.
    may_divide: bool,
    /// Brackets that are open.
    open: Vec<String>,
    out: Vec<Token>,
}

impl Lexer {
    fn new(source: &str, first_line: usize, first_column: usize) -> Lexer {
        Lexer {
            chars: source.chars().collect(),
            at: 0,
            line: first_line,
            column: first_column,
            lead: String::new(),
            begins_line: true,
            indent: 0,
            may_divide: true,
            open: Vec::new(),
            out: Vec::new(),
        }
    }

    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn is_at_end(&self) -> bool {
        self.at >= self.chars.len()
    }

    fn advance(&mut self) -> char {
        let c = self.peek(0);
        self.at += 1;
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        c
    }

    fn skip(&mut self, n_chars: usize) {
        for _ in 0..n_chars {
            self.advance();
        }
    }

    fn keep_blank(&mut self) {
        let c = self.advance();
        self.lead.push(c);
    }

    fn starts_with(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(i, c)| self.chars.get(self.at + i) == Some(&c))
    }

    fn run(&mut self) -> Result<(), Mistake> {
        while !self.is_at_end() {
            let c = self.peek(0);
            match c {
                '\n' => {
                    self.keep_blank();
                    self.begins_line = true;
                }
                '\\' if self.rest_of_line_is_blank(1) => {
                    self.advance();
                    while self.peek(0) != '\n' && !self.is_at_end() {
                        self.advance();
                    }
                    // The line goes on: its break is a blank, and what follows does not begin a line.
                    if !self.is_at_end() {
                        self.keep_blank();
                        while matches!(self.peek(0), ' ' | '\t') {
                            self.keep_blank();
                        }
                    }
                }
                // Rhai knows these blanks; others would be invalid characters to it.
                c if c.is_whitespace() || c == '\u{feff}' => {
                    self.advance();
                    self.lead.push(if matches!(c, '\t' | '\r') { c } else { ' ' });
                }
                '/' if self.peek(1) == '/' => self.two_slashes()?,
                '/' if self.peek(1) == '*' => self.block_comment(),
                '#' if !self.may_divide && self.follows_operand() => self.python_comment(),
                '#' if self.peek(1) == '{' => self.sign(),
                '#' if self.is_raw_string() => self.raw_string()?,
                '#' => self.python_comment(),
                '"' | '\'' => self.text("")?,
                '`' => self.back_ticks()?,
                c if c.is_ascii_digit() || (c == '.' && self.peek(1).is_ascii_digit() && !self.follows_operand()) => {
                    self.number();
                }
                c if c.is_alphabetic() || c == '_' => self.word()?,
                _ => self.sign(),
            }
        }
        self.push(Kind::End, String::new(), (self.line, self.column), None, 0);
        Ok(())
    }

    fn rest_of_line_is_blank(&self, from: usize) -> bool {
        let rest = self.chars.get(self.at + from..).unwrap_or_default();
        rest.iter().take_while(|c| **c != '\n').all(|c| c.is_whitespace())
    }

    fn python_comment(&mut self) {
        self.advance();
        self.lead.push_str("//");
        self.rest_of_comment();
    }

    fn rest_of_comment(&mut self) {
        while !self.is_at_end() && self.peek(0) != '\n' {
            let c = self.advance();
            self.lead.push(c);
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0usize;
        while !self.is_at_end() {
            if self.starts_with("/*") {
                depth += 1;
            } else if self.starts_with("*/") {
                depth -= 1;
            } else {
                let c = self.advance();
                self.lead.push(c);
                continue;
            }
            for _ in 0..2 {
                let c = self.advance();
                self.lead.push(c);
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn follows_operand(&self) -> bool {
        self.out.last().is_some_and(ends_operand)
    }

    /// Whether what stands here belongs to what stands before it, on this line or, within round and square brackets, on an earlier one.
    fn goes_on(&self) -> bool {
        !self.begins_line || self.open.last().is_some_and(|bracket| matches!(bracket.as_str(), "(" | "[" | "?["))
    }

    fn written(&self, start: usize) -> String {
        self.chars.get(start..self.at).unwrap_or_default().iter().collect()
    }

    fn number(&mut self) {
        let (start, place) = (self.at, (self.line, self.column));
        let is_radix = self.peek(0) == '0' && matches!(self.peek(1), 'x' | 'X' | 'b' | 'B' | 'o' | 'O');
        if is_radix {
            self.advance();
            self.advance();
            while self.peek(0).is_ascii_hexdigit() || self.peek(0) == '_' {
                self.advance();
            }
            let text = self.written(start);
            return self.push(Kind::Number, text, place, None, 0);
        }
        let digits = |lexer: &mut Lexer| {
            while lexer.peek(0).is_ascii_digit() || (lexer.peek(0) == '_' && lexer.peek(1).is_ascii_digit()) {
                lexer.advance();
            }
        };
        digits(self);
        let mut suffix = "";
        if self.peek(0) == '.' && self.peek(1) != '.' && !(self.peek(1).is_alphabetic() || self.peek(1) == '_') {
            self.advance();
            if self.peek(0).is_ascii_digit() {
                digits(self);
            } else {
                suffix = "0";
            }
        }
        let is_exponent = matches!(self.peek(0), 'e' | 'E')
            && (self.peek(1).is_ascii_digit() || (matches!(self.peek(1), '+' | '-') && self.peek(2).is_ascii_digit()));
        let mut text = self.written(start) + suffix;
        if is_exponent {
            let start = self.at;
            self.advance();
            self.advance();
            digits(self);
            // Rhai reads an exponent only behind a point.
            if !text.contains('.') {
                text.push_str(".0");
            }
            text.push_str(&self.written(start));
        }
        if text.starts_with('.') {
            text.insert(0, '0');
        }
        self.push(Kind::Number, text, place, None, 0);
    }

    fn word(&mut self) -> Result<(), Mistake> {
        let (start, place) = (self.at, (self.line, self.column));
        while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
            self.advance();
        }
        let text = self.written(start);
        let is_prefix = matches!(self.peek(0), '"' | '\'')
            && text.len() <= 2
            && text.chars().all(|c| matches!(c, 'f' | 'F' | 'r' | 'R' | 'b' | 'B' | 'u' | 'U'));
        if is_prefix {
            if text.contains(['b', 'B']) {
                let message = "there are no byte strings; write \"text\"".to_owned();
                return Err(Mistake { line: place.0, column: place.1, message, fix: None });
            }
            return self.text(&text);
        }
        self.push(Kind::Word, text, place, None, 0);
        Ok(())
    }

    fn sign(&mut self) {
        let place = (self.line, self.column);
        let sign = SIGNS.iter().find(|sign| self.starts_with(sign));
        let n_chars = sign.map_or(1, |sign| sign.len());
        let start = self.at;
        self.skip(n_chars);
        let text = self.written(start);
        match text.as_str() {
            "(" | "[" | "{" | "#{" | "?[" => self.open.push(text.clone()),
            ")" | "]" | "}" => {
                self.open.pop();
            }
            _ => {}
        }
        self.push(Kind::Sign, text, place, None, 0);
    }

    fn push(
        &mut self,
        kind: Kind,
        text: String,
        (line, column): (usize, usize),
        text_kind: Option<TextKind>,
        n_lost_breaks: usize,
    ) {
        let begins_line = std::mem::take(&mut self.begins_line);
        if begins_line {
            self.indent = column;
        }
        self.out.push(Token {
            kind,
            text,
            lead: std::mem::take(&mut self.lead),
            line,
            column,
            end: (self.line, self.column),
            begins_line,
            indent: self.indent,
            text_kind,
            n_lost_breaks,
        });
    }
}
