//! Whether a metric answer rests on more than one line of evidence; if not, it is handed back once.

use std::collections::BTreeSet;

use super::{Stage, turns::GoalRun};
use crate::{
    answer::{Answer, AnswerValue},
    geometry::Unit,
    llm::{Message, Role},
};

/// Cells that must be left for a second look.
const MIN_STEPS_LEFT: u32 = 2;

/// A number with a unit, or a place.
fn is_metric(value: &AnswerValue) -> bool {
    match value {
        AnswerValue::Number(quantity) => quantity.unit() != Unit::One,
        AnswerValue::Point(_) | AnswerValue::Pose(_) => true,
        AnswerValue::List { numbers, .. } => numbers.iter().any(|number| number.unit() != Unit::One),
        AnswerValue::Bool(_) | AnswerValue::Choice { .. } | AnswerValue::Text(_) => false,
    }
}

/// Two measurements are independent when another image or another method gave them.
fn lines_of_evidence(answer: &Answer) -> BTreeSet<(String, i64, String)> {
    let measured = |item: &&crate::answer::Evidence| item.quantity.is_some();
    let all = answer.evidence.iter().filter(measured);
    let lines: BTreeSet<_> = all.map(|item| (item.camera.clone(), item.stamp.nanos, item.method.clone())).collect();
    if !lines.is_empty() {
        return lines;
    }
    answer.evidence.iter().map(|item| (item.camera.clone(), item.stamp.nanos, item.method.clone())).collect()
}

impl GoalRun<'_> {
    /// Whether the answer goes back once for a second line of evidence; the model is told so.
    pub fn wants_second_line(&mut self, answer: &Answer) -> bool {
        let n_left = self.goal.max_steps.saturating_sub(self.progress.n_steps);
        let wanted = self.agent.settings.asks_for_second_line
            && !self.has_asked_for_second_line
            && !self.speakers.is_program_writer()
            && !self.goal.interface.is_one_turn()
            && n_left >= MIN_STEPS_LEFT
            && is_metric(&answer.value)
            && lines_of_evidence(answer).len() < 2;
        if !wanted {
            return false;
        }
        self.has_asked_for_second_line = true;
        let line = lines_of_evidence(answer).into_iter().next().map_or_else(
            || "nothing measured".to_owned(),
            |(camera, nanos, method)| {
                format!("one line of evidence ({method}, camera {camera}, {:.3} s)", nanos as f64 * 1e-9)
            },
        );
        let text = format!(
            "## Held back once\n\nYour answer \"{}\" rests on {line}. If there is a second, independent one (another image or camera, \
             another method, a known size), check it and submit with both in `because`. If there is none, submit the same again.",
            answer.text
        );
        self.talk.append(Message::new(Role::User, text));
        self.emit(Stage::Reflect, "second line of evidence", "", &format!("asked for: {}", answer.text), None);
        true
    }
}
