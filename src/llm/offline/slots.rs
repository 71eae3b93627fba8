//! What can stand in a pattern's slots: names, lists of names, places, time spans and lengths.

use std::collections::BTreeMap;

use super::tokens::{Token, TokenKind};

/// Where something is seen or measured from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The robot's own body.
    Robot,
    /// The camera that sees the object.
    Camera,
    /// A coordinate frame, by name.
    Frame(String),
    /// An object, by name.
    Object(String),
}

/// What a question said where its pattern had slots.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slots {
    kept: BTreeMap<String, String>,
    /// Names in `{list}`.
    pub list: Vec<String>,
    /// In `{place}`.
    pub place: Option<Place>,
    /// In `{secs}`.
    pub secs: Option<f64>,
    /// In `{length}`.
    pub length_m: Option<f64>,
}

impl Slots {
    /// Keeps `value` under `name`.
    pub fn keep(&mut self, name: &str, value: &str) {
        self.kept.insert(name.to_owned(), value.to_owned());
    }

    /// The name or chosen value kept under `name`; empty when the pattern had none.
    pub fn get(&self, name: &str) -> &str {
        self.kept.get(name).map_or("", String::as_str)
    }
}

impl std::fmt::Display for Slots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut parts: Vec<String> = self.kept.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        if !self.list.is_empty() {
            parts.push(format!("list={:?}", self.list));
        }
        parts.extend(self.place.iter().map(|place| format!("place={place:?}")));
        parts.extend(self.secs.iter().map(|secs| format!("secs={secs}")));
        parts.extend(self.length_m.iter().map(|length_m| format!("length_m={length_m}")));
        f.write_str(&parts.join(" "))
    }
}

const MAX_NAME_TOKENS: usize = 8;

/// Words that end a name. A qualifier that the grammar does not know must make the question unsupported, never be dropped.
const NOT_IN_NAMES: &str = "from to is are was were be been being how what which where when who whose why between and or than does do \
    did has have had in on at by under below above over behind away apart not no never without except \
    excluding all every any each both either neither many much there it this that these those them they i me \
    we us you yourself he she him her seen viewed relative move moved moving moves stand standing stands out \
    off up down if then while can could would should will tell near closest closer close next farther \
    farthest more less most least through across along around toward towards fit fits please";

/// Every name that starts at the first token, shortest first, with the number of tokens it takes.
pub fn names(question: &str, tokens: &[Token]) -> Vec<(usize, String)> {
    let n_articles = tokens.iter().take_while(|token| token.kind == TokenKind::Article).count();
    let lone_article = |from: usize| {
        let ends = tokens.get(from + 1).is_none_or(|next| next.kind == TokenKind::Comma || is_stop(next));
        let token = tokens.get(from).filter(|token| token.kind == TokenKind::Article && token.word == "a" && ends)?;
        question.get(token.span.clone()).map(str::to_owned)
    };
    // Objects may be called "A": an article with nothing after it to belong to is a name.
    if let Some(name) = n_articles.checked_sub(1).and_then(lone_article) {
        return vec![(n_articles, name)];
    }
    let tail = tokens.get(n_articles..).unwrap_or_default();
    if let Some(first) = tail.first().filter(|token| token.kind == TokenKind::Quoted) {
        let text = question.get(first.span.clone()).unwrap_or_default().trim();
        return if text.is_empty() { Vec::new() } else { vec![(n_articles + 1, text.to_owned())] };
    }
    let mut found = Vec::new();
    for (index, token) in tail.iter().take(MAX_NAME_TOKENS).enumerate() {
        let joins = ["of", "'s"].contains(&token.word.as_str());
        let article_inside = token.kind == TokenKind::Article;
        let after_of = index > 0 && tail.get(index - 1).is_some_and(|before| before.word == "of");
        let last_letter = article_inside && index > 0 && lone_article(n_articles + index).is_some();
        if is_stop(token) || token.kind == TokenKind::Quoted || (index == 0 && joins) {
            break;
        }
        if article_inside && !after_of && !last_letter {
            break;
        }
        if joins || (article_inside && !last_letter) {
            continue;
        }
        if let Some(text) = tail.first().and_then(|first| question.get(first.span.start..token.span.end)) {
            found.push((n_articles + index + 1, text.to_owned()));
        }
    }
    found
}

fn is_stop(token: &Token) -> bool {
    token.kind == TokenKind::Comma
        || (token.kind == TokenKind::Word && NOT_IN_NAMES.split(' ').any(|word| word == token.word))
}

/// Every list of two or more names that starts at the first token.
pub fn name_lists(question: &str, tokens: &[Token]) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    let mut open: Vec<(usize, Vec<String>)> = vec![(0, Vec::new())];
    while let Some((at, so_far)) = open.pop() {
        if found.len() + open.len() > 200 || so_far.len() > 20 {
            break;
        }
        for (n_tokens, name) in names(question, tokens.get(at..).unwrap_or_default()) {
            let next = at + n_tokens;
            let longer: Vec<String> = so_far.iter().cloned().chain([name]).collect();
            let n_joints = joint_length(tokens.get(next..).unwrap_or_default());
            if n_joints > 0 {
                open.push((next + n_joints, longer.clone()));
            }
            if longer.len() >= 2 {
                found.push((next, longer));
            }
        }
    }
    found
}

fn joint_length(tokens: &[Token]) -> usize {
    let n_commas = tokens.iter().take_while(|token| token.kind == TokenKind::Comma).count();
    let has_word = tokens.get(n_commas).is_some_and(|token| ["and", "or"].contains(&token.word.as_str()));
    n_commas + usize::from(has_word)
}

/// Every place that starts at the first token.
pub fn places(question: &str, tokens: &[Token]) -> Vec<(usize, Place)> {
    let n_articles = tokens.iter().take_while(|token| token.kind == TokenKind::Article).count();
    let word = |index: usize| tokens.get(n_articles + index).map_or("", |token| token.word.as_str());
    let text = |index: usize| {
        tokens.get(n_articles + index).and_then(|token| question.get(token.span.clone())).unwrap_or_default().to_owned()
    };
    let mut found = Vec::new();
    match (word(0), word(1)) {
        ("your", "point" | "perspective" | "viewpoint" | "view" | "left" | "right") => {
            found.push((n_articles + 1, Place::Robot));
        }
        ("robot" | "your", "base") => found.push((n_articles + 2, Place::Robot)),
        ("robot", _) | ("you", _) | ("yourself", _) => found.push((n_articles + 1, Place::Robot)),
        ("camera", _) => found.push((n_articles + 1, Place::Camera)),
        ("your", "camera") => found.push((n_articles + 2, Place::Camera)),
        ("frame", name) if !name.is_empty() => found.push((n_articles + 2, Place::Frame(text(1)))),
        (name, "frame") if !name.is_empty() => found.push((n_articles + 2, Place::Frame(text(0)))),
        _ => {}
    }
    let is_taken = |n_tokens: usize| found.iter().any(|(n_taken, _)| *n_taken == n_tokens);
    let objects: Vec<(usize, Place)> = names(question, tokens)
        .into_iter()
        .filter(|(n_tokens, _)| !is_taken(*n_tokens))
        .map(|(n_tokens, name)| (n_tokens, Place::Object(name)))
        .collect();
    found.into_iter().chain(objects).collect()
}

/// A time span such as `5 s`, `ten seconds`, `minute`, `2 minutes`.
pub fn time_span_secs(tokens: &[Token]) -> Option<(usize, f64)> {
    let (n_number, number) = number(tokens).unwrap_or((0, 1.0));
    let unit_secs = match tokens.get(n_number)?.word.as_str() {
        "s" => 1.0,
        "minute" | "min" => 60.0,
        _ => return None,
    };
    Some((n_number + 1, number * unit_secs))
}

/// A length such as `50 cm`, `1.5 metres`, `half a metre`.
pub fn length_m(tokens: &[Token]) -> Option<(usize, f64)> {
    if let [half, article, unit, ..] = tokens
        && (half.word.as_str(), article.word.as_str(), unit.word.as_str()) == ("half", "a", "m")
    {
        return Some((3, 0.5));
    }
    if let Some((value, unit)) = tokens.first().and_then(|token| glued_length(&token.word)) {
        return Some((1, value * unit));
    }
    let (n_number, value) = number(tokens).or_else(|| {
        let article = tokens.first()?;
        (article.word == "a").then_some((1, 1.0))
    })?;
    Some((n_number + 1, value * unit_m(&tokens.get(n_number)?.word)?))
}

fn glued_length(word: &str) -> Option<(f64, f64)> {
    let split = word.find(|c: char| c.is_ascii_alphabetic())?;
    let (value, unit) = word.split_at(split);
    Some((positive(value)?, unit_m(unit)?))
}

fn unit_m(word: &str) -> Option<f64> {
    match word {
        "m" => Some(1.0),
        "cm" => Some(0.01),
        "mm" => Some(0.001),
        _ => None,
    }
}

fn number(tokens: &[Token]) -> Option<(usize, f64)> {
    let first = tokens.first()?;
    const WORDS: [&str; 10] = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    let spelled = || match first.word.as_str() {
        "twenty" => Some(20.0),
        "thirty" => Some(30.0),
        "sixty" => Some(60.0),
        "few" | "couple" => None,
        word => WORDS.iter().position(|known| *known == word).map(|index| index as f64 + 1.0),
    };
    Some((1, positive(&first.word).or_else(spelled)?))
}

fn positive(word: &str) -> Option<f64> {
    // `parse` also takes "inf" and "1e9"; a question's number is digits.
    let is_plain = !word.is_empty() && word.len() <= 9 && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    word.parse().ok().filter(|value: &f64| is_plain && *value > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::offline::tokens::tokenise;

    #[test]
    fn names_keep_what_was_typed() {
        let check = |question: &str, expected: &[&str]| {
            let found = names(question, &tokenise(question).unwrap());
            assert_eq!(found.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), expected, "{question}");
        };
        check("the red coffee Mug from", &["red", "red coffee", "red coffee Mug"]);
        check("object 3", &["object", "object 3"]);
        check("bottle of water", &["bottle", "bottle of water"]);
        check("leg of the table", &["leg", "leg of the table"]);
        check("Anna's cup", &["Anna", "Anna's cup"]);
        check("A from B", &["A"]);
        check("box a and", &["box", "box a"]);
        check("it", &[]);
        check("mug not on", &["mug"]);
        check("\"to be or not\" from", &["to be or not"]);
        check("of water", &[]);
    }

    #[test]
    fn spans_and_lengths_are_si() {
        let secs = |text: &str| time_span_secs(&tokenise(text).unwrap()).map(|(_, secs)| secs);
        assert_eq!(
            [secs("5 seconds"), secs("ten secs"), secs("minute"), secs("inf s")],
            [Some(5.0), Some(10.0), Some(60.0), None]
        );
        let length = |text: &str| length_m(&tokenise(text).unwrap()).map(|(_, length_m)| length_m);
        assert_eq!(
            [
                length("50 cm"),
                length("0.5m"),
                length("half a metre"),
                length("a metre"),
                length("nan m"),
                length("-1 m")
            ],
            [Some(0.5), Some(0.5), Some(0.5), Some(1.0), None, None]
        );
    }
}
