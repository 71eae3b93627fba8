//! Writes cells. Everything a question says reaches a cell through [`literal`] alone, so no question can become code.

use super::slots::{Place, Slots};
use crate::llm::question_brief::QuestionBrief;

/// A Rhai string literal that evaluates to exactly `text`. It holds no quote, back-tick, line break or control character as such.
pub fn literal(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '`' | '$' => quoted.push_str(&format!("\\x{:02x}", u32::from(c))),
            // Separators and direction marks are written out as well: a reader of the cell must see what it says.
            c if c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{2060}'..='\u{206f}' | '\u{feff}') =>
            {
                quoted.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A piece of a sentence in a cell.
pub enum Piece<'a> {
    /// Fixed words or a name.
    Say(&'a str),
    /// A Rhai expression that yields a string.
    Eval(&'a str),
}

/// A Rhai expression for a sentence.
pub fn sentence(pieces: &[Piece<'_>]) -> String {
    let parts: Vec<String> = pieces
        .iter()
        .enumerate()
        .map(|(index, piece)| match piece {
            Piece::Say(text) if index == 0 => literal(&capitalised(text)),
            Piece::Say(text) => literal(text),
            Piece::Eval(expression) => format!("({expression})"),
        })
        .collect();
    parts.join(" + ")
}

/// Only the article: names stay as typed.
fn capitalised(text: &str) -> String {
    text.strip_prefix("the ").map_or_else(|| text.to_owned(), |rest| format!("The {rest}"))
}

/// A name as it stands in a sentence: with an article unless it is numbered or a proper name.
pub fn the(name: &str) -> String {
    let is_numbered = name.rsplit(' ').next().is_some_and(|last| last.chars().all(|c| c.is_ascii_digit()));
    let is_proper = name.chars().next().is_none_or(|c| c.is_uppercase() || c.is_ascii_digit());
    if is_numbered || is_proper { name.to_owned() } else { format!("the {name}") }
}

/// What a cell submits: the kind, and the Rhai expression that holds it.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// A measurement.
    Number(&'a str),
    /// A whole number.
    Count(&'a str),
    /// A relation.
    Relation(&'a str),
    /// True or false.
    Bool(&'a str),
    /// A displacement, asked for as yes or no.
    Moved(&'a str),
    /// The name of one object.
    Name(&'a str),
    /// One of left, right, front, behind.
    Side(&'a str),
    /// The place of an object.
    Point(&'a str),
    /// Several names, or several measurements.
    List(&'a str),
}

/// What a form has at hand when it writes a cell.
#[derive(Clone, Copy, Debug)]
pub struct CellWriter<'a> {
    /// What the question said.
    pub slots: &'a Slots,
    /// What is asked.
    pub brief: &'a QuestionBrief,
    /// Who looks when the question does not say.
    pub default_viewer: &'a Place,
}

impl CellWriter<'_> {
    /// What stood in a slot.
    pub fn name(&self, slot: &str) -> &str {
        self.slots.get(slot)
    }

    /// `let <variable> = <the object named in slot>`.
    pub fn find(&self, variable: &str, slot: &str) -> String {
        format!("let {variable} = tools.Scene.find({});\n", literal(self.name(slot)))
    }

    /// Finds two objects, in one image where possible, as `a` and `b`.
    pub fn find_two(&self) -> String {
        let (a, b) = (self.name("a"), self.name("b"));
        let same =
            literal(&format!("\"{a}\" and \"{b}\" are one and the same object here; name two different objects"));
        format!(
            "let found = tools.Scene.find_together([{}, {}]);\nlet a = found[0];\nlet b = found[1];\n\
             if a.id == b.id {{ Refuse(\"AMBIGUOUS_REFERENT\", {same}); }}\n",
            literal(a),
            literal(b)
        )
    }

    /// Where the question looks or measures from.
    pub fn place(&self) -> &Place {
        self.slots.place.as_ref().unwrap_or(self.default_viewer)
    }

    /// `let viewer = ...`.
    pub fn bind_viewer(&self) -> String {
        let expression = match self.place() {
            Place::Robot => literal("robot"),
            Place::Camera => literal("camera"),
            Place::Frame(frame) => literal(frame),
            Place::Object(name) => format!("tools.Scene.find({})", literal(name)),
        };
        format!("let viewer = {expression};\n")
    }

    /// `viewer` in words.
    pub fn place_words(&self) -> String {
        match self.place() {
            Place::Robot => "the robot".to_owned(),
            Place::Camera => "the camera".to_owned(),
            Place::Frame(frame) => format!("frame {frame}"),
            Place::Object(name) => the(name),
        }
    }

    /// The distance from `viewer` to `object`, as an expression.
    pub fn distance_from_viewer(&self, object: &str) -> String {
        let tool = if matches!(self.place(), Place::Object(_)) { "surface_distance" } else { "distance_from" };
        format!("tools.Geometry.{tool}(viewer, {object})")
    }

    /// The robot's frame, or the one the question names, as an expression.
    pub fn body_frame(&self) -> String {
        match self.slots.place.as_ref() {
            Some(Place::Frame(frame)) => literal(frame),
            _ => "Metadata.robot_frame".to_owned(),
        }
    }

    /// Submits `value`, typed as the goal wants it. `text` and `because` are Rhai expressions.
    pub fn submit(&self, value: Value<'_>, text: &str, because: &str) -> String {
        let details = format!("#{{text: {text}, because: {because}}}");
        let guard = if let Value::Relation(relation) = value { clear_or_refuse(relation) } else { String::new() };
        if self.brief.answer_kind == "Text" && self.brief.choices.is_empty() {
            return format!("{guard}ReturnAnswer({text}, #{{because: {because}}});\n");
        }
        if self.wants_words() {
            let chosen = match value {
                Value::Relation(relation) => self.yes_or_no(&format!("{relation}.holds")),
                Value::Bool(condition) => self.yes_or_no(condition),
                Value::Moved(displacement) => self.yes_or_no(&format!("{displacement}.moved")),
                Value::Name(label) => Some(self.choice_of(&format!("{label}.to_lower()"), label, &normal_name)),
                Value::Count(count) => {
                    Some(self.choice_of(&format!("`${{{count}}}`"), &format!("`${{{count}}}`"), &normal_name))
                }
                Value::Side(side) => Some(self.choice_of(side, side, &normal_side)),
                Value::Number(_) | Value::Point(_) | Value::List(_) => None,
            };
            if let Some(chosen) = chosen {
                return format!("{guard}let chosen = {chosen};\nReturnAnswer(chosen, {details});\n");
            }
        }
        let expression = match value {
            Value::Number(e) | Value::Count(e) | Value::Relation(e) | Value::Bool(e) | Value::Moved(e) => e,
            Value::Name(e) | Value::Side(e) | Value::Point(e) | Value::List(e) => e,
        };
        format!("ReturnAnswer({expression}, {details});\n")
    }

    fn wants_words(&self) -> bool {
        !self.brief.choices.is_empty() || self.brief.answer_kind == "Choice"
    }

    fn yes_or_no(&self, condition: &str) -> Option<String> {
        let find =
            |words: &[&str]| self.brief.choices.iter().find(|choice| words.contains(&normal_name(choice).as_str()));
        if self.brief.choices.is_empty() {
            return Some(format!("if {condition} {{ \"yes\" }} else {{ \"no\" }}"));
        }
        let (yes, no) = (find(&["yes", "true", "y"])?, find(&["no", "false", "n"])?);
        Some(format!("if {condition} {{ {} }} else {{ {} }}", literal(yes), literal(no)))
    }

    /// The goal's own text for `name`: equal, or one ends with the other as a whole word ("2" and "object 2"). When none or several
    /// fit, `name` itself goes out and is refused as no choice.
    fn choice_of(&self, name: &str, otherwise: &str, normal: &dyn Fn(&str) -> String) -> String {
        if self.brief.choices.is_empty() {
            return otherwise.to_owned();
        }
        let keys: Vec<String> = self.brief.choices.iter().map(|choice| literal(&normal(choice))).collect();
        let texts: Vec<String> = self.brief.choices.iter().map(|choice| literal(choice)).collect();
        format!("choice_of({name}, {otherwise}, [{}], [{}])", keys.join(", "), texts.join(", "))
    }

    /// Functions that the cell calls; they stand at its head.
    pub fn functions(&self, cell: &str) -> String {
        let mut functions = String::new();
        for (call, source) in [
            ("choice_of(", CHOICE_OF),
            ("names(", NAMES),
            ("joined(", JOINED),
            ("placed(", PLACED),
            ("things()", THINGS),
            ("is_furniture(", IS_FURNITURE),
        ] {
            if cell.contains(call) || functions.contains(call) {
                functions.push_str(source);
            }
        }
        functions
    }
}

/// Ends the cell with a refusal when `relation` is too close to call.
pub fn clear_or_refuse(relation: &str) -> String {
    format!(
        "if !{relation}.clear {{ Refuse(\"NOT_MEASURABLE\", `too close to call: ${{{relation}.basis}} has a margin of ${{{relation}.margin}}`); }}\n"
    )
}

/// Sorts `rows` of `#{object, m}` by value and ends the cell with a refusal when the first two are too close to call.
pub fn sort_and_require_a_clear_first(largest_first: bool, what: &str) -> String {
    let (before, lead) = if largest_first { (">", "rows[0].m - rows[1].m") } else { ("<", "rows[1].m - rows[0].m") };
    format!(
        "rows.sort(|p, q| if p.m.value {before} q.m.value {{ -1 }} else {{ 1 }});\n\
         if rows.len() > 1 {{\n    let lead = {lead};\n    if lead.value < 2.0 * lead.sigma {{\n        \
         Refuse(\"NOT_MEASURABLE\", `too close to call: ${{rows[0].object.label}} and ${{rows[1].object.label}} differ in {what} by ${{lead}}`);\n    }}\n}}\n"
    )
}

fn normal_name(name: &str) -> String {
    let lower = name.trim().trim_end_matches(['.', '!', '?']).to_lowercase().replace(['_', '-'], " ");
    let bare = ["the ", "an ", "a "].iter().find_map(|article| lower.strip_prefix(article));
    bare.unwrap_or(&lower).trim().to_owned()
}

fn normal_side(choice: &str) -> String {
    let lower = choice.to_lowercase();
    let hits: Vec<&str> =
        ["left", "right", "front", "behind", "back"].into_iter().filter(|side| lower.contains(side)).collect();
    match hits.as_slice() {
        ["back"] => "behind".to_owned(),
        [side] => (*side).to_owned(),
        _ => lower,
    }
}

const CHOICE_OF: &str = r#"fn choice_of(name, otherwise, keys, texts) {
    name.replace("_", " ");
    name.replace("-", " ");
    let hits = [];
    for (key, index) in keys {
        if key == name { return texts[index]; }
        if name.ends_with(" " + key) || key.ends_with(" " + name) { hits.push(index); }
    }
    if hits.len() == 1 { texts[hits[0]] } else { otherwise }
}
"#;

const NAMES: &str = r#"fn names(objects) {
    joined(objects.map(|object| object.label))
}
"#;

const JOINED: &str = r#"fn joined(words) {
    let text = "";
    for word in words { text += if text == "" { word } else { ", " + word }; }
    text
}
"#;

const PLACED: &str = r#"fn placed(object) {
    let p = tools.TF.transform(object.center, Metadata.target_frame);
    p.map(|x| (x * 1000.0).round() / 1000.0)
}
"#;

/// "Objects" in a question are things on furniture, not the furniture that carries them.
const THINGS: &str = r#"fn things() {
    let all = tools.Scene.objects();
    let kept = [];
    for object in all {
        if !is_furniture(object.label) { kept.push(object); }
    }
    if kept.len() == 0 { all } else { kept }
}
"#;

const IS_FURNITURE: &str = r#"fn is_furniture(label) {
    let name = label.to_lower();
    name.replace("_", " ");
    name.replace("-", " ");
    let words = name.split(" ");
    if words.len() > 1 && words[-1].to_chars().all(|c| c in "0123456789") { words.pop(); }
    words[-1] in ["table", "tabletop", "desk", "counter", "countertop", "worktop", "workbench", "bench", "shelf", "shelves", "sideboard"]
}
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_become_harmless_literals() {
        let check = |text: &str, expected: &str| assert_eq!(literal(text), expected);
        check("mug", "\"mug\"");
        check("a\"); Refuse(\"X\", \"y\"); (\"", "\"a\\\"); Refuse(\\\"X\\\", \\\"y\\\"); (\\\"\"");
        check("back\\slash", "\"back\\\\slash\"");
        check("`${1}`\n\0", "\"\\x60\\x24{1}\\x60\\u000a\\u0000\"");
        check("tasse à café", "\"tasse à café\"");
    }

    proptest! {
        #[test]
        fn a_literal_evaluates_to_its_text(text in any::<String>()) {
            let found: String = rhai::Engine::new_raw().eval(&literal(&text)).unwrap();
            prop_assert_eq!(found, text);
        }
    }

    #[test]
    fn articles_stand_where_they_belong() {
        let check = |name, expected: &str| assert_eq!(the(name), expected);
        check("red mug", "the red mug");
        check("object 3", "object 3");
        check("A", "A");
        check("003_cracker_box", "003_cracker_box");
    }
}
