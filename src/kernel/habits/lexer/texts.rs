//! Texts of Rhai and Python, with the code in them.

use super::{Kind, Lexer, Mistake, Part, TextKind, quoted};

impl Lexer {
    pub(super) fn is_raw_string(&self) -> bool {
        let n_hashes = self.n_hashes(0);
        self.peek(n_hashes) == '"'
    }

    fn n_hashes(&self, from: usize) -> usize {
        self.chars.get(self.at + from..).unwrap_or_default().iter().take_while(|c| **c == '#').count()
    }

    pub(super) fn raw_string(&mut self) -> Result<(), Mistake> {
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

    /// A text in quotes after a prefix of Python such as `f` or `r`.
    pub(super) fn text(&mut self, prefix: &str) -> Result<(), Mistake> {
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
                    format.push(self.code(place)?);
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

    /// Code up to its `}`, which is skipped.
    fn code(&mut self, place: (usize, usize)) -> Result<Part, Mistake> {
        let (start, line, column) = (self.at, self.line, self.column);
        self.skip_code(place, &['}'])?;
        let source = self.written(start);
        self.advance();
        Ok(Part::Code { source, line, column, conversion: None, format: Vec::new() })
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

    pub(super) fn back_ticks(&mut self) -> Result<(), Mistake> {
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
                parts.push(self.code(place)?);
            } else {
                words.push(self.advance());
            }
        }
        parts.push(Part::Words(words));
        let text = self.written(start);
        self.push(Kind::Text, text, place, Some(TextKind::BackTicks { parts }), 0);
        Ok(())
    }
}

fn no_end((line, column): (usize, usize), end: &str) -> Mistake {
    let message = format!("the text that begins here has no end; close it with {end} on the same line");
    Mistake { line, column, message, fix: None }
}
