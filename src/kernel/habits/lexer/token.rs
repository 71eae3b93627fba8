//! What a cell is split into.

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
                | "break"
                | "continue"
                | "pass"
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
