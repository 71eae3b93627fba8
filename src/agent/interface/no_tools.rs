//! One reply that is the answer, judged from the pictures alone. Nothing is measured, and the answer says so: it has no evidence, its
//! text ends with the words below, and a number is refused unless the operator says how far off such numbers are.

use serde_json::{Value, json};

use super::{Action, ActionCell, ActionInterface, AnswerRules, Interface, Known, Ran, tool_calls::text_literal};
use crate::{
    agent::{
        feedback::{self, BudgetLeft},
        reply::{UnreadableReply, json_object, without_thoughts},
    },
    error_code::ErrorCode,
    llm::{ChatReply, ChatRequest, Message, ResponseSchema, Role},
};

/// Ends the text of every answer that was not measured.
pub const NOT_MEASURED: &str = "(judged from the pictures, not measured)";

/// See the module.
#[derive(Clone, Debug)]
pub struct NoTools {
    /// The server holds replies to a schema.
    pub with_schema: bool,
    /// What an estimate may be.
    pub rules: AnswerRules,
}

impl ActionInterface for NoTools {
    fn interface(&self) -> Interface {
        Interface::NoTools
    }

    fn format_section(&self) -> &'static str {
        "format_no_tools"
    }

    fn equip(&self, request: &mut ChatRequest) {
        if self.with_schema {
            request.response_schema = Some(ResponseSchema { name: "answer".to_owned(), schema: schema() });
        }
    }

    fn read(&self, reply: &ChatReply, _: &Known) -> Result<Action, UnreadableReply> {
        if reply.finish.is_cut_off() {
            return Err(UnreadableReply::of_finish(&reply.finish));
        }
        let text = without_thoughts(&reply.text);
        if text.trim().is_empty() {
            return Err(UnreadableReply::Empty);
        }
        let (source, said) = match boxed(&text) {
            Some(answer) => (self.cell(&plain_value(answer), "", "")?, format!("\\boxed{{{answer}}}")),
            None => {
                let found = json_object(&text)?.value;
                (self.cell_of_json(&found)?, found.to_string())
            }
        };
        Ok(Action {
            purpose: "answer from the pictures alone".to_owned(),
            cells: vec![ActionCell { source, ..ActionCell::default() }],
            notices: Vec::new(),
            said: Message::new(Role::Assistant, said),
        })
    }

    fn how_to_reply(&self) -> &'static str {
        "Reply with one JSON object: {\"answer\": ..., \"unit\": ..., \"text\": \"...\"}, or {\"refuse\": \"CODE\", \"message\": \"...\"}."
    }

    fn told(&self, ran: Vec<Ran>, notices: &[String], left: &BudgetLeft) -> Vec<Message> {
        let texts = ran.iter().filter_map(|ran| Some(feedback::write(ran.step, ran.report.as_ref()?, notices, left)));
        texts.map(|text| Message::new(Role::User, text)).collect()
    }

    fn condensed(&self, _: &Action, _: &[Ran]) -> Option<Message> {
        None
    }
}

impl NoTools {
    fn cell_of_json(&self, found: &Value) -> Result<String, UnreadableReply> {
        let problem = |problem: String| UnreadableReply::BadJson { problem };
        let Some(map) = found.as_object() else {
            return Err(problem("wanted an object with \"answer\" or \"refuse\"".to_owned()));
        };
        let known = ["reasoning", "answer", "unit", "text", "refuse", "message"];
        if let Some(unknown) = map.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(problem(format!("unknown key {unknown:?}, wanted {}", known.join(", "))));
        }
        let words = |key: &str| match map.get(key) {
            None | Some(Value::Null) => Ok(""),
            Some(Value::String(text)) => Ok(text.trim()),
            Some(_) => Err(problem(format!("{key}: wanted a string"))),
        };
        let refused = words("refuse")?;
        if !refused.is_empty() {
            let message = words("message")?;
            return Ok(format!("Refuse({}, {});\n", text_literal(refused), text_literal(message)));
        }
        match map.get("answer") {
            None | Some(Value::Null) => Err(problem("key \"answer\" is missing".to_owned())),
            Some(answer) => self.cell(answer, words("unit")?, words("text")?),
        }
    }

    /// The cell that submits `answer`.
    fn cell(&self, answer: &Value, unit: &str, words: &str) -> Result<String, UnreadableReply> {
        let problem = |problem: String| UnreadableReply::BadJson { problem };
        let (value, shown) = match answer {
            Value::Bool(holds) => (holds.to_string(), if *holds { "yes" } else { "no" }.to_owned()),
            Value::String(text) if !text.trim().is_empty() => (text_literal(text.trim()), text.trim().to_owned()),
            Value::Array(items) => {
                let names: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                if names.len() != items.len() || names.is_empty() {
                    return Err(problem("answer: wanted an array of strings".to_owned()));
                }
                let literals: Vec<String> = names.iter().map(|name| text_literal(name)).collect();
                (format!("[{}]", literals.join(", ")), names.join(", "))
            }
            Value::Number(number) => return self.number(number.as_f64().unwrap_or_default(), unit, words),
            _ => {
                return Err(problem(
                    "answer: wanted a string, true or false, a number, or an array of strings".to_owned(),
                ));
            }
        };
        let words = if words.is_empty() { shown } else { words.to_owned() };
        Ok(format!("ReturnAnswer({value}, #{{text: {}}});\n", text_literal(&format!("{words} {NOT_MEASURED}"))))
    }

    fn number(&self, value: f64, unit: &str, words: &str) -> Result<String, UnreadableReply> {
        let Some(ratio) = self.rules.estimate_sigma_ratio else {
            let message = "a number judged from the pictures was not measured and has no standard deviation; ask through another interface";
            return Ok(format!("Refuse(\"{}\", {});\n", ErrorCode::NotMeasurable, text_literal(message)));
        };
        let (scale, symbol) = si(unit).ok_or_else(|| UnreadableReply::BadJson {
            problem: format!("unit: found {unit:?}, wanted m, cm, mm, km, rad, deg, s, m/s, rad/s, m^2, m^3 or 1"),
        })?;
        let si_value = value * scale;
        let shown = if words.is_empty() { format!("{value} {unit}") } else { words.to_owned() };
        Ok(format!(
            "ReturnAnswer({:?}, #{{unit: \"{symbol}\", sigma: {:?}, text: {}}});\n",
            si_value,
            (si_value * ratio).abs(),
            text_literal(&format!("{} {NOT_MEASURED}", shown.trim()))
        ))
    }
}

/// Factor to the SI unit and its symbol.
fn si(unit: &str) -> Option<(f64, &'static str)> {
    Some(match unit.trim() {
        "m" | "meters" | "metres" => (1.0, "m"),
        "cm" => (0.01, "m"),
        "mm" => (0.001, "m"),
        "km" => (1000.0, "m"),
        "rad" => (1.0, "rad"),
        "deg" | "degrees" | "°" => (std::f64::consts::PI / 180.0, "rad"),
        "s" => (1.0, "s"),
        "m/s" => (1.0, "m/s"),
        "rad/s" => (1.0, "rad/s"),
        "m^2" => (1.0, "m^2"),
        "m^3" => (1.0, "m^3"),
        "" | "1" => (1.0, "1"),
        _ => return None,
    })
}

/// What the last `\boxed{...}` holds; braces inside it may be nested.
fn boxed(text: &str) -> Option<&str> {
    const OPEN: &str = "\\boxed{";
    let start = text.rfind(OPEN)? + OPEN.len();
    let rest = text.get(start..)?;
    let mut depth = 1_u32;
    for (at, c) in rest.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return rest.get(..at).map(str::trim).filter(|inner| !inner.is_empty());
        }
    }
    None
}

fn plain_value(text: &str) -> Value {
    match text.to_lowercase().as_str() {
        "yes" | "true" => Value::Bool(true),
        "no" | "false" => Value::Bool(false),
        _ => text.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map_or_else(|| json!(text), Value::Number),
    }
}

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "reasoning": {"type": "string"},
            "answer": {"anyOf": [
                {"type": "string"}, {"type": "boolean"}, {"type": "number"},
                {"type": "array", "items": {"type": "string"}}, {"type": "null"},
            ]},
            "unit": {"type": ["string", "null"]},
            "text": {"type": ["string", "null"], "description": "one sentence for a person"},
            "refuse": {"type": ["string", "null"], "description": "a refusal code, when there is no answer"},
            "message": {"type": ["string", "null"], "description": "why it is refused"},
        },
        "required": ["reasoning", "answer", "unit", "text", "refuse", "message"],
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str, ratio: Option<f64>) -> Result<String, String> {
        let interface = NoTools { with_schema: false, rules: AnswerRules { estimate_sigma_ratio: ratio } };
        interface
            .read(&ChatReply::new(text), &Known::default())
            .map(|action| action.cells.into_iter().map(|cell| cell.source).collect())
            .map_err(|problem| problem.to_string())
    }

    #[test]
    fn answers_become_cells_that_say_they_were_not_measured() {
        let check = |text: &str, source: &str| assert_eq!(cell(text, None).as_deref(), Ok(source), "{text}");
        let tail = "(judged from the pictures, not measured)\"});\n";
        check("{\"answer\": true}", &format!("ReturnAnswer(true, #{{text: \"yes {tail}"));
        check("I think \\boxed{No}", &format!("ReturnAnswer(false, #{{text: \"no {tail}"));
        check(
            "```json\n{\"answer\": \"B\", \"text\": \"the left one\"}\n```",
            &format!("ReturnAnswer(\"B\", #{{text: \"the left one {tail}"),
        );
        check(
            "{\"answer\": [\"mug\", \"bowl\"]}",
            &format!("ReturnAnswer([\"mug\", \"bowl\"], #{{text: \"mug, bowl {tail}"),
        );
        check(
            "\\boxed{a} or \\boxed{the {red} cup}",
            &format!("ReturnAnswer(\"the \\x7bred\\x7d cup\", #{{text: \"the \\x7bred\\x7d cup {tail}"),
        );
        check("{\"refuse\": \"NOT_VISIBLE\", \"message\": \"no cat\"}", "Refuse(\"NOT_VISIBLE\", \"no cat\");\n");
    }

    #[test]
    fn numbers_are_refused_unless_the_operator_says_how_far_off_they_are() {
        assert!(cell("{\"answer\": 0.4, \"unit\": \"m\"}", None).unwrap().starts_with("Refuse(\"NOT_MEASURABLE\""));
        assert!(cell("\\boxed{3}", None).unwrap().starts_with("Refuse(\"NOT_MEASURABLE\""));
        assert_eq!(
            cell("{\"answer\": 40, \"unit\": \"cm\"}", Some(0.5)).unwrap(),
            "ReturnAnswer(0.4, #{unit: \"m\", sigma: 0.2, text: \"40 cm (judged from the pictures, not measured)\"});\n"
        );
        assert!(
            cell("{\"answer\": 1, \"unit\": \"furlong\"}", Some(0.5)).unwrap_err().contains("unit: found \"furlong\"")
        );
    }

    #[test]
    fn what_is_no_answer_is_told() {
        let check = |text: &str, message: &str| {
            let found = cell(text, None).unwrap_err();
            assert!(found.contains(message), "{text}\n{found}");
        };
        check("", "empty");
        check("It is to the left.", "no JSON");
        check("{\"value\": 1}", "unknown key \"value\"");
        check("{\"text\": \"x\"}", "key \"answer\" is missing");
        check("{\"answer\": [1]}", "array of strings");
        check("\\boxed{unclosed", "no JSON");
    }
}
