//! The grammar as data: what a form is, which one reads a question, and the table that documents them all.

use std::sync::LazyLock;

use super::{
    cell_writer::CellWriter,
    forms::TOPICS,
    pattern::{Match, Pattern},
    slots::Slots,
    tokens::{Token, tokenise},
};

/// One kind of question. The same declaration drives the matcher, the manual and the tests.
pub struct QuestionForm {
    /// Stable name.
    pub id: &'static str,
    /// See [`super::pattern`]; `$name` stands for an entry of the shorthands below.
    pub patterns: &'static [&'static str],
    /// A question of this form.
    pub example: &'static str,
    /// Kind and unit of the answer, for the manual.
    pub answers: &'static str,
    /// What is measured, for the manual.
    pub doc: &'static str,
    /// Writes the cell that answers it.
    pub write_cell: fn(&CellWriter<'_>) -> String,
}

/// Parts that many patterns share.
const SHORTHANDS: &[(&str, &str)] = &[
    ("$is", "(is|are)"),
    ("$what", "[what is|what are|give me|tell me|measure|get|find|show me|which is|what was]"),
    (
        "$side",
        "{side:[to|on|at] left [side|hand side|hand-side|left-hand side] of=left|left-hand side of=left|[to|on|at] right [side|hand side|hand-side] of=right\
         |right-hand side of=right|[to|at] front of=front|in front of=front|before=front|behind=behind|(in|at|to) back of=behind}",
    ),
    (
        "$view",
        "[[as] (seen|viewed) from {place} ['s] [point of view|perspective|viewpoint|position]|[when] (looking|viewed) from {place}\
         |from {place} ['s] [point of view|perspective|viewpoint|view|position|side]|for {place}]",
    ),
    ("$seen", "[as] [seen|viewed|looking] from {place} ['s] [point of view|perspective|viewpoint|view|position]"),
    (
        "$part",
        "[{part:(top|upper edge|highest point) of=top|(bottom|base|underside|lower edge|lowest point) of=bottom}]",
    ),
    ("$lately", "[(in|during|over) [last|past] {secs}|lately|recently|since then|just now]"),
    ("$scene", "(scene|image|picture|view|photo|camera image|room|front of you)"),
    (
        "$direction",
        "{direction:[from] left to right=left_to_right|[from] right to left=right_to_left\
         |[from] (closest|closer|near) to (farthest|far|farther)=near_to_far|[from] (farthest|far) to (closest|near)=far_to_near\
         |by distance=near_to_far|by their distance=near_to_far}",
    ),
];

/// Polite and filling words before and after a question that change nothing.
const OPENINGS: &[&str] = &[
    "could you please tell me",
    "can you please tell me",
    "could you tell me",
    "can you tell me",
    "please tell me",
    "i would like to know",
    "i want to know",
    "could you please",
    "can you please",
    "do you know",
    "tell me",
    "hey robot",
    "robot ,",
    "spatialclaw",
    "please",
    "hello",
    "hey",
    "hi",
    "okay",
    "ok",
    "so",
    "and",
];
const CLOSINGS: &[&str] = &[
    "at the moment",
    "at moment",
    "at present",
    "thank you",
    "thanks",
    "right now",
    "currently",
    "now",
    "please",
    "in m",
    "in cm",
    "in mm",
    "in radians",
    "in degrees",
    "exactly",
    "roughly",
    "approximately",
];

struct Compiled {
    form: &'static QuestionForm,
    patterns: Vec<Pattern>,
}

static GRAMMAR: LazyLock<Vec<Compiled>> = LazyLock::new(|| {
    let forms = TOPICS.iter().flat_map(|(_, forms)| forms.iter());
    forms
        .map(|form| Compiled {
            form,
            patterns: form.patterns.iter().filter_map(|text| Pattern::compile(&expanded(text)).ok()).collect(),
        })
        .collect()
});

fn expanded(pattern: &str) -> String {
    // Longer names first: `$direction` must not be read as `$direct`.
    let mut names: Vec<&(&str, &str)> = SHORTHANDS.iter().collect();
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    names.into_iter().fold(pattern.to_owned(), |text, (name, meaning)| text.replace(name, meaning))
}

/// A question that was read.
pub struct Reading {
    /// Its form.
    pub form: &'static QuestionForm,
    /// What it names.
    pub slots: Slots,
}

/// Reads a question: the form whose pattern names most of its words wins, then the earlier one.
///
/// # Errors
/// The nearest form, when no pattern reads the whole question.
pub fn read(question: &str) -> Result<Reading, &'static QuestionForm> {
    let tokens = tokenise(question).unwrap_or_default();
    let core = without_politeness(&tokens);
    let mut best: Option<(&'static QuestionForm, Match)> = None;
    for compiled in GRAMMAR.iter() {
        for found in compiled.patterns.iter().flat_map(|pattern| pattern.matches(question, core)) {
            if best.as_ref().is_none_or(|(_, best)| found.n_literals > best.n_literals) {
                best = Some((compiled.form, found));
            }
        }
    }
    match best {
        Some((form, found)) => Ok(Reading { form, slots: found.slots }),
        None => Err(nearest_form(core)),
    }
}

fn without_politeness(tokens: &[Token]) -> &[Token] {
    let mut core = tokens;
    loop {
        let before = core.len();
        for words in OPENINGS {
            core = strip(core, words, true);
        }
        for words in CLOSINGS {
            core = strip(core, words, false);
        }
        if core.len() == before {
            return core;
        }
    }
}

fn strip<'a>(tokens: &'a [Token], words: &str, at_start: bool) -> &'a [Token] {
    let words: Vec<&str> = words.split(' ').collect();
    let is_comma = |token: &Token| token.word == ",";
    let n_commas = if at_start {
        tokens.iter().take_while(|token| is_comma(token)).count()
    } else {
        tokens.iter().rev().take_while(|token| is_comma(token)).count()
    };
    let Some(n_left) = tokens.len().checked_sub(words.len() + n_commas).filter(|n_left| *n_left > 0) else {
        return tokens;
    };
    let (candidate, rest) = if at_start {
        let (head, rest) = tokens.split_at(words.len() + n_commas);
        (head.get(n_commas..), rest)
    } else {
        let (rest, tail) = tokens.split_at(n_left);
        (tail.get(..words.len()), rest)
    };
    let fits = candidate.is_some_and(|tokens| tokens.iter().map(|token| token.word.as_str()).eq(words.iter().copied()));
    if fits { rest } else { tokens }
}

/// The form that shares most words with the question, measured against all words of its best pattern.
fn nearest_form(tokens: &[Token]) -> &'static QuestionForm {
    let asked: Vec<&str> = tokens.iter().map(|token| token.word.as_str()).collect();
    let likeness = |form: &QuestionForm| {
        let example = tokenise(form.example).unwrap_or_default();
        let words: Vec<&str> = example.iter().map(|token| token.word.as_str()).collect();
        let n_shared = words.iter().filter(|word| asked.contains(word)).count();
        n_shared as f64 / (words.len() + asked.len()).max(1) as f64
    };
    let mut best: (&'static QuestionForm, f64) = (&super::forms::distance::FORMS[0], 0.0);
    for compiled in GRAMMAR.iter() {
        let likeness = likeness(compiled.form);
        if likeness > best.1 {
            best = (compiled.form, likeness);
        }
    }
    best.0
}

/// One example of every topic, for a refusal.
pub fn examples() -> Vec<&'static str> {
    TOPICS.iter().filter_map(|(_, forms)| forms.first().map(|form| form.example)).collect()
}

/// The manual of the grammar, in Markdown.
pub fn grammar_markdown() -> String {
    let mut text = String::from(
        "A name is one or more words as the cameras' labels spell them, with or without an article; quote a name that holds \
         words such as *from* or *on*. *Robot* and *you* mean the robot, *camera* the camera that sees the object, *frame x* \
         or *the x frame* a coordinate frame. Left, right, in front and behind take a viewer (`seen from the camera`, `from the \
         robot's point of view`); without one it is the robot. *Objects* leaves out floor, walls and ceiling, and furniture \
         that carries things (tables, desks, counters, shelves, benches) unless nothing else is visible.\n",
    );
    for (topic, forms) in TOPICS {
        text.push_str(&format!("\n### {topic}\n\n| question | answer | meaning |\n|---|---|---|\n"));
        for form in *forms {
            text.push_str(&format!("| {} | {} | {} |\n", form.example, form.answers, form.doc));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How a question is read: its form and slots, or `?` and the nearest form.
    fn reading(question: &str) -> String {
        match read(question) {
            Ok(reading) => format!("{} {}", reading.form.id, reading.slots).trim_end().to_owned(),
            Err(nearest) => format!("? {}", nearest.id),
        }
    }

    #[test]
    fn every_pattern_compiles() {
        for (_, forms) in TOPICS {
            for pattern in forms.iter().flat_map(|form| form.patterns) {
                let text = expanded(pattern);
                assert!(!text.contains('$'), "unknown shorthand in {pattern:?}");
                Pattern::compile(&text).unwrap_or_else(|error| panic!("{pattern:?}: {error}"));
            }
        }
    }

    #[test]
    fn ids_are_unique() {
        let mut ids: Vec<&str> = GRAMMAR.iter().map(|compiled| compiled.form.id).collect();
        let n_forms = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), n_forms);
    }

    #[test]
    fn each_example_is_read_by_its_own_form() {
        for compiled in GRAMMAR.iter() {
            let found = read(compiled.form.example).map_or("?", |reading| reading.form.id);
            assert_eq!(found, compiled.form.id, "{}", compiled.form.example);
        }
    }

    #[test]
    fn the_manual_is_this() {
        insta::assert_snapshot!(grammar_markdown());
    }

    #[test]
    fn questions_are_read_as_meant() {
        let questions = include_str!("testdata/questions.txt");
        let read: Vec<String> = questions
            .lines()
            .filter(|line| !line.is_empty())
            .map(|line| format!("{line}\n    {}", reading(line)))
            .collect();
        insta::assert_snapshot!(read.join("\n"));
    }

    #[test]
    fn any_text_is_read_in_time() {
        for text in ["", "?", &"a and ".repeat(30), &"is the of ".repeat(25), &"how far is ".repeat(200), "\0\u{202e}"]
        {
            let _ = reading(text);
        }
        assert!(reading(&"cup, ".repeat(30)).starts_with('?'));
    }
}
