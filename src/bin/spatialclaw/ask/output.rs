//! What `spatialclaw ask` says.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    path::PathBuf,
    time::Instant,
};

use serde_json::{Value, json};
use spatialclaw::{
    agent::{Event, Outcome, Stage},
    answer::{Answer, AnswerValue},
    session::records::OutcomeRecord,
};

/// Characters of a line about progress.
const MAX_CHARS: usize = 140;

/// Says each stage on standard error, unless `is_silent`.
pub fn progress(accepted_at: Instant, is_silent: bool) -> impl Fn(Event) + Send + Sync {
    move |event: Event| {
        // What is being written stands in the cell once it is there.
        if is_silent || (event.stage == Stage::Generate && !event.output.is_empty()) {
            return;
        }
        let words = [event.purpose.trim(), event.output.trim()].into_iter().find(|words| !words.is_empty());
        let first = words.and_then(|words| words.lines().next()).unwrap_or_default();
        let first: String = first.chars().take(MAX_CHARS).collect();
        let stage = format!("{:?}", event.stage).to_lowercase();
        let elapsed_secs = accepted_at.elapsed().as_secs_f64();
        let _ = writeln!(io::stderr(), "{stage:<9} {elapsed_secs:>6.2} s  {first}");
    }
}

/// The answer in words, then frame and stamp, then what it rests on.
pub fn answer(answer: &Answer) -> String {
    let mut text = format!("{}\n", answer.text);
    // Writing into a string does not fail.
    let mut line = |name: &str, words: &str| {
        let _ = writeln!(text, "  {name:<9} {words}");
    };
    match &answer.value {
        AnswerValue::Number(number) if number.sigma() > 0.0 => {
            line("value", &format!("{number}, one standard deviation"));
        }
        AnswerValue::Number(number) => line("value", &number.to_string()),
        AnswerValue::Bool(truth) => line("value", if *truth { "yes" } else { "no" }),
        AnswerValue::Choice { text, .. } => line("value", text),
        AnswerValue::List { items, .. } => line("value", &items.join(", ")),
        AnswerValue::Text(_) => {}
        AnswerValue::Point(place) | AnswerValue::Pose(place) => {
            let at = place.frame_from_object.translation.vector;
            let sigma = |axis: usize| place.covariance[(axis, axis)].max(0.0).sqrt();
            line(
                "value",
                &format!(
                    "({:.3}, {:.3}, {:.3}) m ± ({:.3}, {:.3}, {:.3}) m",
                    at.x,
                    at.y,
                    at.z,
                    sigma(0),
                    sigma(1),
                    sigma(2)
                ),
            );
            line("frame", &format!("{}, at {} s", place.frame, place.stamp));
        }
    }
    for evidence in &answer.evidence {
        let at = evidence.frame_from_object.translation.vector;
        let place = format!("({:.3}, {:.3}, {:.3}) m in {}, at {} s", at.x, at.y, at.z, evidence.frame, evidence.stamp);
        line("evidence", &format!("{} at {place}, {} pixels", evidence.id, evidence.n_pixels));
    }
    if answer.forced {
        line("forced", "the budget ended before the model submitted");
    }
    text
}

/// Everything, as records of sessions have it.
pub fn json(outcome: &Outcome, notes: &[String], record: Option<&Result<PathBuf, String>>) -> Value {
    let record = match record {
        None => Value::Null,
        Some(Ok(path)) => json!({"file": path.display().to_string()}),
        Some(Err(problem)) => json!({"lost": problem}),
    };
    json!({"outcome": OutcomeRecord::from(outcome), "notes": notes, "record": record})
}
