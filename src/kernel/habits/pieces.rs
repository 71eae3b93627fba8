//! What is handed to Rhai, piece by piece, each with the place in the model's own text that it comes from.

/// A piece of the lowered text.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Blanks, line breaks and comments before it.
    pub lead: String,
    pub text: Content,
    /// Where it comes from, 1-based.
    pub line: usize,
    pub column: usize,
    /// Line breaks to follow, so that the number of lines stays.
    pub n_breaks_after: usize,
}

/// Text, or what is only known once the whole cell is read.
#[derive(Clone, Debug)]
pub enum Content {
    /// As the model wrote it: columns inside count on.
    Written(String),
    /// Put in: every place inside means where it was put in.
    Added(String),
    /// Put in when the doubt with this number is confirmed.
    IfDoubted { doubt: usize, text: String },
}

/// Pieces in order.
pub type Out = Vec<Piece>;

/// Where each stretch of the lowered text comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions {
    spans: Vec<Span>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    line: usize,
    column: usize,
    from: (usize, usize),
    is_written: bool,
}

impl Positions {
    /// Line and column in the model's text of a place in the lowered text; both 1-based.
    pub fn origin(&self, line: usize, column: usize) -> (usize, usize) {
        let after = self.spans.partition_point(|span| (span.line, span.column) <= (line, column));
        match after.checked_sub(1).and_then(|at| self.spans.get(at)) {
            Some(span) if span.is_written && span.line == line => (span.from.0, span.from.1 + (column - span.column)),
            Some(span) => span.from,
            None => (line, column),
        }
    }
}

/// The text and where it comes from.
pub fn render(pieces: &[Piece], is_confirmed: impl Fn(usize) -> bool) -> (String, Positions) {
    let mut writer = Writer { out: String::new(), line: 1, column: 1 };
    let mut positions = Positions::default();
    for piece in pieces {
        writer.put(&piece.lead);
        let (text, is_written) = match &piece.text {
            Content::Written(text) => (text.as_str(), true),
            Content::Added(text) => (text.as_str(), false),
            Content::IfDoubted { doubt, text } if is_confirmed(*doubt) => (text.as_str(), false),
            Content::IfDoubted { .. } => ("", false),
        };
        if !text.is_empty() {
            positions.spans.push(Span {
                line: writer.line,
                column: writer.column,
                from: (piece.line, piece.column),
                is_written,
            });
        }
        writer.put(text);
        for _ in 0..piece.n_breaks_after {
            writer.put("\n");
        }
    }
    (writer.out, positions)
}

struct Writer {
    out: String,
    line: usize,
    column: usize,
}

impl Writer {
    fn put(&mut self, text: &str) {
        for c in text.chars() {
            if c == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.out.push_str(text);
    }
}

/// Takes the blanks and comments in front of the pieces away, leaving the pieces.
pub fn take_lead(out: &mut Out) -> String {
    out.first_mut().map(|first| std::mem::take(&mut first.lead)).unwrap_or_default()
}

/// The same pieces to be said again: nothing that counts lines.
pub fn again(out: &[Piece]) -> Out {
    out.iter()
        .cloned()
        .map(|mut piece| {
            if piece.lead.contains('\n') {
                piece.lead = " ".to_owned();
            }
            piece.n_breaks_after = 0;
            piece
        })
        .collect()
}

/// The line breaks of pieces that are dropped.
pub fn breaks<'a>(dropped: impl IntoIterator<Item = &'a Piece>) -> Out {
    dropped
        .into_iter()
        .filter(|piece| piece.lead.contains('\n') || piece.n_breaks_after > 0)
        .map(|piece| Piece { text: Content::Added(String::new()), ..piece.clone() })
        .collect()
}

/// The text of pieces on one line, for messages.
pub fn plain(out: &[Piece]) -> String {
    let mut text = String::new();
    for piece in out {
        if !piece.lead.is_empty() && !text.is_empty() {
            text.push(' ');
        }
        match &piece.text {
            Content::Written(words) | Content::Added(words) => text.push_str(words),
            Content::IfDoubted { .. } => {}
        }
    }
    text.trim().to_owned()
}
