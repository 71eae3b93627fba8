//! Words, numbers, texts and signs of a cell, with what stands between them. It reads Rhai and Python alike: which of the two a piece
//! belongs to is not known yet.

use super::{Mistake, reserved};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name or keyword.
    Word,
    Number,
    Text,
    Sign,
    /// Behind the last token.
    End,
}

/// How a text is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// `"..."`, `'...'` or with three quotes; the decoded text.
    Plain { text: String, quote: char },
    /// `f"..."`.
    Formatted { parts: Vec<Part> },
    /// A string in back-ticks.
    BackTicks { parts: Vec<Part> },
    /// `#"..."#`, passed on as it is.
    Raw,
}

/// A piece of a text with code in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Decoded in formatted texts, as written in back-ticks.
    Words(String),
    /// Code with what follows `!` and `:`.
    Code { source: String, line: usize, column: usize, conversion: Option<char>, format: Vec<Part> },
}

/// One token.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub kind: Kind,
    /// As written; for plain texts as Rhai writes it.
    pub text: String,
    /// Blanks, line breaks and comments before it, comments as Rhai writes them.
    pub lead: String,
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// Last column and line of the token, for messages.
    pub end: (usize, usize),
    /// The first on its line.
    pub begins_line: bool,
    /// Column of the first token on this line.
    pub indent: usize,
    pub text_kind: Option<TextKind>,
    /// Line breaks inside the token that Rhai's form of it does not have.
    pub n_lost_breaks: usize,
}

impl Token {
    pub fn is(&self, text: &str) -> bool {
        self.text == text && matches!(self.kind, Kind::Word | Kind::Sign)
    }

    pub fn is_word(&self) -> bool {
        self.kind == Kind::Word
    }
}

const SIGNS: [&str; 51] = [
    "**=", "...", "..=", "<<=", ">>=", "===", "!==", "=>", "->", "==", "!=", "<=", ">=", "&&", "||", "**", "+=", "-=",
    "*=", "/=", "%=", "&=", "|=", "^=", "@=", "<<", ">>", "..", "::", ":=", "??", "?.", "?[", "#{", "++", "--", "(",
    ")", "[", "]", "{", "}", "+", "-", "*", "/", "%", "<", ">", "=", "!",
];

/// Splits a source.
pub fn tokens(source: &str, first_line: usize, first_column: usize) -> Result<Vec<Token>, Mistake> {
    let mut lexer = Lexer {
        chars: source.chars().collect(),
        at: 0,
        line: first_line,
        column: first_column,
        lead: String::new(),
        begins_line: true,
        indent: 0,
        out: Vec::new(),
    };
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
    out: Vec<Token>,
}

impl Lexer {
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
                '#' if self.peek(1) == '{' => self.sign(),
                '#' if self.is_raw_string() => self.raw_string()?,
                '#' => {
                    self.advance();
                    self.lead.push_str("//");
                    self.rest_of_comment();
                }
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

    fn rest_of_comment(&mut self) {
        while !self.is_at_end() && self.peek(0) != '\n' {
            let c = self.advance();
            self.lead.push(c);
        }
    }

    /// Rhai takes `//` for a comment where Python divides.
    fn two_slashes(&mut self) -> Result<(), Mistake> {
        let (line, column) = (self.line, self.column);
        let is_after_operand =
            self.out.last().is_some_and(|last| last.line == line && !self.begins_line) && self.follows_operand();
        let rest: String =
            self.chars.get(self.at + 2..).unwrap_or_default().iter().take_while(|c| **c != '\n').collect();
        if is_after_operand && is_operand_text(&rest) {
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

    /// The line with `a // b` as `int_div(a, b)`, when both sides are plain.
    fn with_int_div(&self, rest: &str) -> Option<String> {
        let start_of_line = self.chars.get(..self.at)?.iter().rposition(|c| *c == '\n').map_or(0, |at| at + 1);
        let before: String = self.chars.get(start_of_line..self.at)?.iter().collect();
        let before = before.trim_end();
        let left_start = operand_start(before)?;
        let rest = rest.trim_start();
        let right_end = operand_end(rest)?;
        let (head, left) = before.split_at_checked(left_start)?;
        let (right, tail) = rest.split_at_checked(right_end)?;
        Some(format!("{}int_div({left}, {right}){}", head.trim_start(), tail.trim_end()))
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

    fn is_raw_string(&self) -> bool {
        let n_hashes = self.n_hashes(0);
        self.peek(n_hashes) == '"'
    }

    fn n_hashes(&self, from: usize) -> usize {
        self.chars.get(self.at + from..).unwrap_or_default().iter().take_while(|c| **c == '#').count()
    }

    fn raw_string(&mut self) -> Result<(), Mistake> {
        let (start, place) = (self.at, (self.line, self.column));
        let n_hashes = self.n_hashes(0);
        self.skip(n_hashes + 1);
        loop {
            if self.is_at_end() {
                return Err(no_end(place, "\"#"));
            }
            if self.advance() == '"' && self.n_hashes(0) >= n_hashes {
                self.skip(n_hashes);
                break;
            }
        }
        let text = self.written(start);
        self.push(Kind::Text, text, place, Some(TextKind::Raw), 0);
        Ok(())
    }

    fn written(&self, start: usize) -> String {
        self.chars.get(start..self.at).unwrap_or_default().iter().collect()
    }

    /// A text in quotes after a prefix of Python such as `f` or `r`.
    fn text(&mut self, prefix: &str) -> Result<(), Mistake> {
        let place = (self.line, self.column.saturating_sub(prefix.chars().count()));
        let quote = self.advance();
        let is_triple = self.peek(0) == quote && self.peek(1) == quote;
        let n_quotes = if is_triple { 3 } else { 1 };
        self.skip(n_quotes - 1);
        let (is_raw, is_formatted) = (prefix.contains(['r', 'R']), prefix.contains(['f', 'F']));
        let first_line = self.line;
        let mut parts: Vec<Part> = Vec::new();
        let mut words = String::new();
        loop {
            let c = self.peek(0);
            if self.is_at_end() || (c == '\n' && !is_triple) {
                return Err(no_end(place, &quote.to_string()));
            }
            if c == quote && (!is_triple || (self.peek(1) == quote && self.peek(2) == quote)) {
                self.skip(n_quotes);
                break;
            }
            if c == '\\' {
                self.advance();
                if is_raw {
                    words.push('\\');
                    if self.peek(0) == quote || self.peek(0) == '\\' {
                        words.push(self.advance());
                    }
                } else {
                    self.escape(&mut words);
                }
            } else if is_formatted && (self.starts_with("{{") || self.starts_with("}}")) {
                words.push(c);
                self.advance();
                self.advance();
            } else if is_formatted && c == '{' {
                parts.push(Part::Words(std::mem::take(&mut words)));
                parts.push(self.interpolation(place)?);
            } else {
                words.push(self.advance());
            }
        }
        parts.push(Part::Words(words));
        let n_breaks = self.line - first_line;
        if is_formatted {
            self.push(Kind::Text, String::new(), place, Some(TextKind::Formatted { parts }), n_breaks);
        } else {
            let text: String =
                parts.iter().map(|part| if let Part::Words(words) = part { words } else { "" }).collect();
            let written = quoted(&text);
            self.push(Kind::Text, written, place, Some(TextKind::Plain { text, quote }), n_breaks);
        }
        Ok(())
    }

    /// After a backslash.
    fn escape(&mut self, words: &mut String) {
        let c = self.advance();
        let n_digits = match c {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        if n_digits > 0 {
            let digits: String = (0..n_digits).map(|i| self.peek(i)).collect();
            if let Some(decoded) = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32) {
                self.skip(n_digits);
                words.push(decoded);
                return;
            }
        }
        match c {
            'n' => words.push('\n'),
            't' => words.push('\t'),
            'r' => words.push('\r'),
            '0' => words.push('\0'),
            'a' => words.push('\x07'),
            'b' => words.push('\x08'),
            'f' => words.push('\x0c'),
            'v' => words.push('\x0b'),
            '\\' | '\'' | '"' | '`' => words.push(c),
            '\n' => {}
            '\0' if self.at > self.chars.len() => {}
            other => {
                words.push('\\');
                words.push(other);
            }
        }
    }

    /// `{x!r:.2f}` of a formatted text; `{x=}` also says what `x` is.
    fn interpolation(&mut self, place: (usize, usize)) -> Result<Part, Mistake> {
        self.advance();
        let (start, line, column) = (self.at, self.line, self.column);
        self.skip_code(place, &['}', '!', ':'])?;
        let mut source = self.written(start);
        let mut conversion = None;
        if source.trim_end().ends_with('=') && !source.trim_end().ends_with("==") {
            source = source.trim_end().trim_end_matches('=').to_owned();
            conversion = Some('=');
        }
        if self.peek(0) == '!' {
            self.advance();
            conversion = Some(self.advance());
        }
        let mut format = Vec::new();
        if self.peek(0) == ':' {
            self.advance();
            let mut spec = String::new();
            while self.peek(0) != '}' {
                if self.is_at_end() || self.peek(0) == '\n' {
                    return Err(no_end(place, "}"));
                }
                if self.peek(0) == '{' {
                    format.push(Part::Words(std::mem::take(&mut spec)));
                    self.advance();
                    let (start, line, column) = (self.at, self.line, self.column);
                    self.skip_code(place, &['}'])?;
                    let source = self.written(start);
                    self.advance();
                    format.push(Part::Code { source, line, column, conversion: None, format: Vec::new() });
                } else {
                    spec.push(self.advance());
                }
            }
            format.push(Part::Words(spec));
        }
        if self.peek(0) != '}' {
            return Err(no_end(place, "}"));
        }
        self.advance();
        Ok(Part::Code { source, line, column, conversion, format })
    }

    /// Moves to the first of `ends` outside brackets and texts.
    fn skip_code(&mut self, place: (usize, usize), ends: &[char]) -> Result<(), Mistake> {
        let mut depth = 0usize;
        let mut quote = None;
        loop {
            if self.is_at_end() {
                return Err(no_end(place, "}"));
            }
            let c = self.peek(0);
            match quote {
                Some(open) => {
                    if c == '\\' {
                        self.advance();
                    } else if c == open {
                        quote = None;
                    }
                }
                None => {
                    if depth == 0 && ends.contains(&c) && !(c == '!' && self.peek(1) == '=') {
                        return Ok(());
                    }
                    match c {
                        '"' | '\'' | '`' => quote = Some(c),
                        '(' | '[' | '{' => depth += 1,
                        ')' | ']' | '}' => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                }
            }
            self.advance();
        }
    }

    fn back_ticks(&mut self) -> Result<(), Mistake> {
        let (place, start) = ((self.line, self.column), self.at);
        self.advance();
        let mut parts = Vec::new();
        let mut words = String::new();
        loop {
            if self.is_at_end() {
                return Err(no_end(place, "`"));
            }
            if self.starts_with("``") {
                words.push_str("``");
                self.advance();
                self.advance();
            } else if self.peek(0) == '`' {
                self.advance();
                break;
            } else if self.starts_with("${") {
                parts.push(Part::Words(std::mem::take(&mut words)));
                self.advance();
                self.advance();
                let (start, line, column) = (self.at, self.line, self.column);
                self.skip_code(place, &['}'])?;
                let source = self.written(start);
                self.advance();
                parts.push(Part::Code { source, line, column, conversion: None, format: Vec::new() });
            } else {
                words.push(self.advance());
            }
        }
        parts.push(Part::Words(words));
        let text = self.written(start);
        self.push(Kind::Text, text, place, Some(TextKind::BackTicks { parts }), 0);
        Ok(())
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

fn no_end((line, column): (usize, usize), end: &str) -> Mistake {
    let message = format!("the text that begins here has no end; close it with {end} on the same line");
    Mistake { line, column, message, fix: None }
}

/// Whether an operator may follow this token.
pub fn ends_operand(token: &Token) -> bool {
    match token.kind {
        Kind::Number | Kind::Text => true,
        Kind::Word => !matches!(
            token.text.as_str(),
            "return"
                | "in"
                | "and"
                | "or"
                | "not"
                | "if"
                | "else"
                | "elif"
                | "while"
                | "is"
                | "lambda"
                | "throw"
                | "let"
                | "const"
        ),
        Kind::Sign => matches!(token.text.as_str(), ")" | "]" | "}"),
        Kind::End => false,
    }
}

/// A text as Rhai writes it, on one line.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c) & 0xff)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Whether what follows `//` can be an operand and not words of a comment: no two words side by side.
fn is_operand_text(rest: &str) -> bool {
    let rest = rest.split('#').next().unwrap_or(rest);
    let Ok(tokens) = tokens(rest, 1, 1) else { return false };
    let code: Vec<&Token> = tokens.iter().filter(|token| token.kind != Kind::End).collect();
    let Some(first) = code.first() else { return false };
    let begins = matches!(first.kind, Kind::Word | Kind::Number)
        || first.is("(")
        || first.is("-")
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
