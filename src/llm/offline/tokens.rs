//! Splits a question into words that can be compared, and keeps where each stood so that names reach the tools as typed.

/// What a token is to the matcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A word or number.
    Word,
    /// `a`, `an`, `the`.
    Article,
    /// `,` or `;`.
    Comma,
    /// A name in quotes: one token, whatever it contains.
    Quoted,
}

/// One comparable piece of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Lower case, one spelling per word.
    pub word: String,
    /// See [`TokenKind`].
    pub kind: TokenKind,
    /// Where it stood in the question, in bytes; inside the quotes for a quoted name.
    pub span: std::ops::Range<usize>,
}

/// More tokens than any question of the grammar needs; the rest is not read and the question is refused.
pub const MAX_TOKENS: usize = 80;

/// The tokens of `question`, or `None` when there are more than [`MAX_TOKENS`].
pub fn tokenise(question: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = 0;
    while let Some(c) = question.get(rest..).and_then(|text| text.chars().next()) {
        if c.is_whitespace() {
            rest += c.len_utf8();
        } else if let Some(span) = quoted_span(question, rest, c) {
            rest = span.end + question.get(span.end..).and_then(|t| t.chars().next()).map_or(0, char::len_utf8);
            let word = question.get(span.clone()).unwrap_or_default().to_lowercase();
            tokens.push(Token { word, kind: TokenKind::Quoted, span });
        } else {
            let end = chunk_end(question, rest);
            push_chunk(question, rest..end, &mut tokens);
            rest = end;
        }
        if tokens.len() > MAX_TOKENS {
            return None;
        }
    }
    Some(tokens)
}

/// A quote opens only at the start of a word and must close; `'` needs its partner before the end of the question.
fn quoted_span(question: &str, start: usize, open: char) -> Option<std::ops::Range<usize>> {
    let close = match open {
        '"' => '"',
        '“' => '”',
        '«' => '»',
        '‘' => '’',
        '\'' => '\'',
        _ => return None,
    };
    let inner = start + open.len_utf8();
    let length = question.get(inner..)?.find(close)?;
    let after = question.get(inner + length + close.len_utf8()..)?.chars().next();
    let ends_word = after.is_none_or(|c| !c.is_alphanumeric());
    (length > 0 && ends_word).then(|| inner..inner + length)
}

fn chunk_end(question: &str, start: usize) -> usize {
    question
        .get(start..)
        .and_then(|text| text.find(char::is_whitespace))
        .map_or(question.len(), |length| start + length)
}

fn push_chunk(question: &str, span: std::ops::Range<usize>, tokens: &mut Vec<Token>) {
    let chunk = question.get(span.clone()).unwrap_or_default();
    let core = chunk.trim_start_matches(|c: char| "([{.,;:?!¿¡–—".contains(c));
    let start = span.end - core.len();
    let core = core.trim_end_matches(|c: char| ")]}.,;:?!-–—".contains(c));
    let tail = chunk.get(start - span.start + core.len()..).unwrap_or_default();
    if !core.is_empty() {
        push_word(core, start, tokens);
    }
    if tail.contains([',', ';']) || (core.is_empty() && chunk.contains([',', ';'])) {
        tokens.push(Token { word: ",".to_owned(), kind: TokenKind::Comma, span: span.end - tail.len()..span.end });
    }
}

fn push_word(core: &str, start: usize, tokens: &mut Vec<Token>) {
    let lower = core.to_lowercase().replace('’', "'");
    let end = start + core.len();
    // Lower case can change a word's length outside ASCII; the possessive is then left where it is.
    if let Some(stem) =
        lower.strip_suffix("'s").filter(|stem| !stem.is_empty() && lower.len() == core.replace('’', "'").len())
    {
        let suffix_len = if core.ends_with("’s") || core.ends_with("’S") { '’'.len_utf8() + 1 } else { 2 };
        let cut = end - suffix_len;
        push_plain(stem, start..cut, tokens);
        let is_verb = ["what", "where", "which", "who", "how", "there", "it", "that", "when"].contains(&stem);
        let word = if is_verb { "is" } else { "'s" };
        tokens.push(Token { word: word.to_owned(), kind: TokenKind::Word, span: cut..end });
        return;
    }
    if let Some(stem) = lower.strip_suffix("'re").filter(|stem| ["what", "where", "there", "you"].contains(stem)) {
        let cut = end.saturating_sub(3);
        push_plain(stem, start..cut, tokens);
        tokens.push(Token { word: "are".to_owned(), kind: TokenKind::Word, span: cut..end });
        return;
    }
    push_plain(&lower, start..end, tokens);
}

fn push_plain(word: &str, span: std::ops::Range<usize>, tokens: &mut Vec<Token>) {
    let kind = if ["a", "an", "the"].contains(&word) { TokenKind::Article } else { TokenKind::Word };
    let word = match word {
        "centre" => "center",
        "beneath" | "underneath" => "under",
        "nearer" => "closer",
        "nearest" => "closest",
        "furthest" => "farthest",
        "further" => "farther",
        "inside" | "within" | "into" => "in",
        "onto" | "upon" => "on",
        "metres" | "metre" | "meters" | "meter" => "m",
        "centimetres" | "centimetre" | "centimeters" | "centimeter" | "cms" => "cm",
        "millimetres" | "millimetre" | "millimeters" | "millimeter" => "mm",
        "seconds" | "second" | "secs" | "sec" => "s",
        "minutes" | "mins" => "minute",
        "things" | "thing" | "items" | "item" | "objects" => "object",
        "pls" | "plz" => "please",
        "&" => "and",
        other => other,
    };
    tokens.push(Token { word: word.to_owned(), kind, span });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(question: &str) -> String {
        let tokens = tokenise(question).unwrap();
        tokens.iter().map(|token| token.word.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn spelling_case_and_punctuation_do_not_matter() {
        let check = |question, expected: &str| assert_eq!(words(question), expected, "{question}");
        check("How FAR is the mug?", "how far is the mug");
        check("what's the box's height", "what is the box 's height");
        check("What’s the box’s height", "what is the box 's height");
        check("Order A, B and C.", "order a , b and c");
        check("(in the last 5 seconds)", "in the last 5 s");
        check("2.5 metres", "2.5 m");
        check("003_cracker_box", "003_cracker_box");
        check("the “left of box” thing", "the left of box object");
        check("nearest", "closest");
        check("  ", "");
        check("a , b", "a , b");
    }

    #[test]
    fn a_quoted_name_is_one_token_with_its_text_as_typed() {
        let question = "How far is \"Mug \\ from hell\" from 'Box'?";
        let tokens = tokenise(question).unwrap();
        let quoted: Vec<&str> = tokens
            .iter()
            .filter(|token| token.kind == TokenKind::Quoted)
            .map(|token| &question[token.span.clone()])
            .collect();
        assert_eq!(quoted, ["Mug \\ from hell", "Box"]);
    }

    #[test]
    fn an_endless_question_is_not_read() {
        assert_eq!(tokenise(&"very ".repeat(MAX_TOKENS + 1)), None);
    }

    proptest! {
        #[test]
        fn spans_lie_in_the_question_in_order(question in "\\PC{0,60}") {
            let mut last = 0;
            for token in tokenise(&question).unwrap_or_default() {
                prop_assert!(question.get(token.span.clone()).is_some());
                prop_assert!(token.span.start >= last);
                last = token.span.end;
            }
        }
    }
}
