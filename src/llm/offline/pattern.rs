//! Question patterns and how they are matched.
//!
//! A pattern is a row of words, as in `(how far) is {a} from {b} [away]`:
//!
//! | written | matches |
//! |---|---|
//! | `word` | the word in any spelling that [`super::tokens`] knows; `the`, `an` and commas before it are passed over |
//! | `(x y\|z)` | one of the rows |
//! | `[x y\|z]` | one of the rows, or nothing |
//! | `{side:x=v\|y z=w}` | one of the rows, and keeps its value (`v` or `w`) under the name |
//! | `{a}`, `{b}`, `{c}` | a name of one or more words, kept as typed |
//! | `{list}` | two or more names joined by commas, `and` or `or` |
//! | `{place}` | the robot, the camera, a frame, or a name |
//! | `{origin}` | the robot, the camera or a frame |
//! | `{body}` | the robot or a frame |
//! | `{secs}` | a time span |
//! | `{length}` | a length |

use super::{
    slots::{self, Place, Slots},
    tokens::{Token, TokenKind},
};

/// A pattern ready to be matched.
#[derive(Clone, Debug)]
pub struct Pattern {
    row: Vec<Node>,
}

#[derive(Clone, Debug)]
enum Node {
    Word(String),
    OneOf { rows: Vec<(Vec<Node>, Option<String>)>, keep_as: Option<String> },
    Slot(String),
}

/// A way to read a question by one pattern.
#[derive(Clone, Debug)]
pub struct Match {
    /// Words of the question that the pattern named. More is more specific.
    pub n_literals: usize,
    /// What stood in the slots.
    pub slots: Slots,
}

impl Pattern {
    /// Reads the notation above.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn compile(text: &str) -> Result<Pattern, String> {
        let characters: Vec<char> = text.chars().collect();
        let mut position = 0;
        let rows = compile_rows(&characters, &mut position, None)?;
        match <[_; 1]>::try_from(rows) {
            Ok([(row, None)]) => Ok(Pattern { row }),
            _ => Err(format!("pattern {text:?} must be one row")),
        }
    }

    /// Every way to read all of `tokens`; the caller picks.
    pub fn matches(&self, question: &str, tokens: &[Token]) -> Vec<Match> {
        let mut search = Search { question, tokens, found: Vec::new(), n_steps: 0 };
        let row: Vec<&Node> = self.row.iter().collect();
        search.walk(&row, 0, Match { n_literals: 0, slots: Slots::default() });
        search.found
    }

    /// The words it names, for finding the nearest pattern to a question outside the grammar.
    pub fn literal_words(&self) -> Vec<&str> {
        let mut words = Vec::new();
        collect_words(&self.row, &mut words);
        words
    }
}

fn collect_words<'a>(row: &'a [Node], words: &mut Vec<&'a str>) {
    for node in row {
        match node {
            Node::Word(word) => words.push(word),
            Node::OneOf { rows, .. } => rows.iter().for_each(|(row, _)| collect_words(row, words)),
            Node::Slot(_) => {}
        }
    }
}

type Row = (Vec<Node>, Option<String>);

fn compile_rows(text: &[char], position: &mut usize, close: Option<char>) -> Result<Vec<Row>, String> {
    let mut rows: Vec<Row> = vec![(Vec::new(), None)];
    while let Some(c) = text.get(*position).copied() {
        *position += 1;
        let (row, value) = rows.last_mut().ok_or("a pattern has no row")?;
        match c {
            _ if Some(c) == close => return Ok(rows),
            ' ' => {}
            '|' => rows.push((Vec::new(), None)),
            '=' => *value = Some(take_word(text, position)),
            '(' => row.push(Node::OneOf { rows: compile_rows(text, position, Some(')'))?, keep_as: None }),
            '[' => {
                let mut inner = compile_rows(text, position, Some(']'))?;
                inner.push((Vec::new(), None));
                row.push(Node::OneOf { rows: inner, keep_as: None });
            }
            '{' => {
                let name = take_word(text, position);
                match text.get(*position) {
                    Some('}') => {
                        *position += 1;
                        row.push(Node::Slot(name));
                    }
                    Some(':') => {
                        *position += 1;
                        row.push(Node::OneOf { rows: compile_rows(text, position, Some('}'))?, keep_as: Some(name) });
                    }
                    _ => return Err(format!("slot {{{name} does not close")),
                }
            }
            ')' | ']' | '}' => return Err(format!("{c:?} closes nothing")),
            _ => {
                *position -= 1;
                let word = take_word(text, position);
                let tokens = super::tokens::tokenise(&word).unwrap_or_default();
                match tokens.as_slice() {
                    [token] if token.kind == TokenKind::Article => {}
                    [token] => row.push(Node::Word(token.word.clone())),
                    _ => return Err(format!("{word:?} is not one word")),
                }
            }
        }
    }
    match close {
        None => Ok(rows),
        Some(c) => Err(format!("{c:?} is missing")),
    }
}

fn take_word(text: &[char], position: &mut usize) -> String {
    let word: String = text.iter().skip(*position).take_while(|c| !" ()[]{}|=:".contains(**c)).collect();
    *position += word.chars().count();
    word
}

/// Enough for every question of the grammar by far; ends pathological ones.
const MAX_STEPS: usize = 200_000;

struct Search<'a> {
    question: &'a str,
    tokens: &'a [Token],
    found: Vec<Match>,
    n_steps: usize,
}

impl Search<'_> {
    fn walk(&mut self, row: &[&Node], at: usize, so_far: Match) {
        self.n_steps += 1;
        if self.n_steps > MAX_STEPS {
            return;
        }
        let Some((node, rest)) = row.split_first() else {
            if self.passed_over(at, TokenKind::Comma) == self.tokens.len() {
                self.found.push(so_far);
            }
            return;
        };
        match node {
            Node::Word(word) => {
                let mut here = at;
                while let Some(token) = self.tokens.get(here) {
                    if token.kind == TokenKind::Word && token.word == *word {
                        self.walk(rest, here + 1, Match { n_literals: so_far.n_literals + 1, ..so_far.clone() });
                    }
                    // "a" before a word of the pattern is the end of a name such as "box a".
                    let is_passed_over =
                        token.kind == TokenKind::Comma || (token.kind == TokenKind::Article && token.word != "a");
                    if !is_passed_over {
                        break;
                    }
                    here += 1;
                }
            }
            Node::OneOf { rows, keep_as } => {
                for (inner, value) in rows {
                    let joined: Vec<&Node> = inner.iter().chain(rest.iter().copied()).collect();
                    let mut branch = so_far.clone();
                    if let (Some(name), Some(value)) = (keep_as, value) {
                        branch.slots.keep(name, value);
                    }
                    self.walk(&joined, at, branch);
                }
            }
            Node::Slot(name) => self.fill(name, rest, at, so_far),
        }
    }

    fn fill(&mut self, name: &str, rest: &[&Node], at: usize, so_far: Match) {
        let at = self.passed_over(at, TokenKind::Comma);
        let tail = self.tokens.get(at..).unwrap_or_default();
        match name {
            "list" => {
                for (n_tokens, names) in slots::name_lists(self.question, tail) {
                    let mut branch = so_far.clone();
                    branch.slots.list = names;
                    self.walk(rest, at + n_tokens, branch);
                }
            }
            "place" | "origin" | "body" => {
                let fits = |place: &Place| match name {
                    "origin" => !matches!(place, Place::Object(_)),
                    "body" => matches!(place, Place::Robot | Place::Frame(_)),
                    _ => true,
                };
                for (n_tokens, place) in slots::places(self.question, tail).into_iter().filter(|(_, place)| fits(place))
                {
                    let mut branch = so_far.clone();
                    // Naming the robot or the camera is as specific as a literal word.
                    branch.n_literals += usize::from(!matches!(place, Place::Object(_)));
                    branch.slots.place = Some(place);
                    self.walk(rest, at + n_tokens, branch);
                }
            }
            "secs" => {
                if let Some((n_tokens, secs)) = slots::time_span_secs(tail) {
                    let mut branch = so_far;
                    branch.slots.secs = Some(secs);
                    branch.n_literals += n_tokens;
                    self.walk(rest, at + n_tokens, branch);
                }
            }
            "length" => {
                if let Some((n_tokens, length_m)) = slots::length_m(tail) {
                    let mut branch = so_far;
                    branch.slots.length_m = Some(length_m);
                    branch.n_literals += n_tokens;
                    self.walk(rest, at + n_tokens, branch);
                }
            }
            _ => {
                for (n_tokens, text) in slots::names(self.question, tail) {
                    let mut branch = so_far.clone();
                    branch.slots.keep(name, &text);
                    self.walk(rest, at + n_tokens, branch);
                }
            }
        }
    }

    fn passed_over(&self, at: usize, kind: TokenKind) -> usize {
        at + self.tokens.iter().skip(at).take_while(|token| token.kind == kind).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::offline::tokens::tokenise;

    fn read(pattern: &str, question: &str) -> Option<String> {
        let found = Pattern::compile(pattern).unwrap().matches(question, &tokenise(question).unwrap());
        let best = found.into_iter().next()?;
        Some(format!("{} {}", best.n_literals, best.slots))
    }

    #[test]
    fn patterns_read_questions() {
        let check = |pattern, question, expected: Option<&str>| {
            assert_eq!(read(pattern, question).as_deref(), expected, "{pattern:?} on {question:?}");
        };
        let far = "how far is {a} [away] from {b}";
        check(far, "How far is the red mug from the big box?", Some("4 a=\"red mug\" b=\"big box\""));
        check(far, "How far is the mug away from object 3?", Some("5 a=\"mug\" b=\"object 3\""));
        check(far, "How far is A from B?", Some("4 a=\"A\" b=\"B\""));
        check(far, "How far is the mug?", None);
        check(far, "How far is the mug from the box from the lid?", None);
        check(far, "How far is it from the box?", None);
        check(far, "How far is \"mug from hell\" from the box?", Some("4 a=\"mug from hell\" b=\"box\""));
        check("{side:left=left|on the right=right} of {a}", "on right of box", Some("3 a=\"box\" side=\"right\""));
        check("order {list} please", "Order the A, the cup 2 and B, please", Some("2 list=[\"A\", \"cup 2\", \"B\"]"));
        check("from {place}", "from the camera", Some("2 place=Camera"));
        check("from {place}", "from the gripper_link frame", Some("2 place=Frame(\"gripper_link\")"));
        check("in last {secs}", "in the last 2 minutes", Some("4 secs=120"));
        check("in {length}", "within 50 cm", Some("3 length_m=0.5"));
    }

    #[test]
    fn a_broken_pattern_says_what_is_wrong() {
        let check = |pattern, expected: &str| assert_eq!(Pattern::compile(pattern).unwrap_err(), expected);
        check("how (far", "')' is missing");
        check("how far)", "')' closes nothing");
        check("how {a", "slot {a does not close");
    }
}
