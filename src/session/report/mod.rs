//! A session as one page for people: it needs no network and no scripts, and holds everything it shows.
//!
//! Text from a session reaches the page only through [`html`], which escapes it. To add a part: a function that writes it, and its
//! line in [`write`].

mod code;
mod evidence;
mod html;
mod map;
mod steps;
mod timing;

use html::Html;

use super::{
    recorded::Recorded,
    records::{AnswerRecord, OutcomeRecord, PlaceRecord, QuantityRecord},
};
use crate::scene::Stamp;

const STYLE: &str = include_str!("style.css");

/// The page.
pub fn write(recorded: &Recorded) -> String {
    let mut page = Html::default();
    page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    // Nothing but what stands in the page can be loaded or run, whatever else may go wrong.
    page.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n");
    page.between("<title>", &recorded.session.goal.question, "</title>\n");
    page.raw("<style>\n").raw(STYLE).raw("</style>\n</head>\n<body>\n<main>\n");
    head(&mut page, recorded);
    evidence::write(&mut page, recorded);
    steps::write_plan(&mut page, recorded);
    steps::write(&mut page, recorded);
    timing::write(&mut page, recorded);
    settings(&mut page, recorded);
    foot(&mut page, recorded);
    page.raw("</main>\n</body>\n</html>\n");
    page.into_string()
}

/// Question and answer.
fn head(page: &mut Html, recorded: &Recorded) {
    let goal = &recorded.session.goal;
    page.raw("<header>\n").between("<h1>", &goal.question, "</h1>\n");
    page.raw("<p class=\"meta\">");
    page.text(format!("asked for {}", goal.answer_kind));
    if !goal.choices.is_empty() {
        page.text(format!(", one of {}", goal.choices.join(", ")));
    }
    page.text(format!(", in frame {}, at {}", goal.target_frame, time(recorded.session.accepted_nanos)));
    page.raw("</p>\n</header>\n");
    match (&recorded.outcome.answer, &recorded.outcome.refusal) {
        (Some(answer), _) => answered(page, answer, recorded),
        (None, Some(refusal)) => {
            page.raw("<section class=\"answer refused\">\n<span class=\"chip bad\">refused</span>\n");
            page.between("<p class=\"value\">", &refusal.code, "</p>\n").between("<p>", &refusal.message, "</p>\n");
            page.raw("</section>\n");
        }
        (None, None) => {
            page.raw("<section class=\"answer open\">\n<span class=\"chip warn\">no end</span>\n");
            page.raw("<p>The session was given up before it came to an answer.</p>\n</section>\n");
        }
    }
}

fn answered(page: &mut Html, answer: &AnswerRecord, recorded: &Recorded) {
    page.raw("<section class=\"answer\">\n<span class=\"chip good\">answered</span>\n");
    if answer.forced {
        page.raw("<span class=\"chip warn\">forced: the budget ended before the model submitted</span>\n");
    }
    page.between("<p class=\"value\">", value(answer), "</p>\n").between("<p>", &answer.text, "</p>\n");
    page.raw("<dl class=\"facts\">\n");
    let mut facts: Vec<(&str, String)> = Vec::new();
    if let Some(QuantityRecord { value, sigma, unit, .. }) = &answer.number {
        facts.push(("value", format!("{value:?} {unit}")));
        facts.push(("one standard deviation", format!("{sigma:?} {unit}")));
    }
    match &answer.place {
        Some(place) => {
            facts.push(("frame", place.frame.clone()));
            facts.push(("stamp", time(place.stamp_nanos)));
            facts.push(("one standard deviation", deviations(place)));
        }
        None => {
            let mut stamps: Vec<i64> = answer.evidence.iter().map(|item| item.place.stamp_nanos).collect();
            stamps.sort_unstable();
            stamps.dedup();
            let mut frames: Vec<&str> = answer.evidence.iter().map(|item| item.place.frame.as_str()).collect();
            frames.sort_unstable();
            frames.dedup();
            if !frames.is_empty() {
                facts.push(("frame", frames.join(", ")));
                facts.push(("stamp", stamps.into_iter().map(time).collect::<Vec<_>>().join(", ")));
            }
        }
    }
    if let Some(index) = answer.choice_index {
        facts.push(("choice", format!("number {} of {}", index + 1, recorded.session.goal.choices.len())));
    }
    for (name, value) in facts {
        page.between("<dt>", name, "</dt>").between("<dd>", value, "</dd>\n");
    }
    page.raw("</dl>\n</section>\n");
}

/// The value in large letters.
fn value(answer: &AnswerRecord) -> String {
    let position = |place: &PlaceRecord| {
        let PlaceRecord { position_m, frame, .. } = place;
        format!("({:.3}, {:.3}, {:.3}) m in {frame}", position_m.x.0, position_m.y.0, position_m.z.0)
    };
    let listed = |items: &Vec<String>| {
        let numbers = answer.numbers.as_deref().unwrap_or_default();
        let with_number = |(index, item): (usize, &String)| match numbers.get(index) {
            Some(number) => format!("{item} ({})", number.text),
            None => item.clone(),
        };
        items.iter().enumerate().map(with_number).collect::<Vec<_>>().join(", ")
    };
    let number = answer.number.as_ref().map(|number| number.text.clone());
    number
        .or_else(|| answer.truth.map(|truth| if truth { "yes" } else { "no" }.to_owned()))
        .or_else(|| answer.words.clone())
        .or_else(|| answer.place.as_ref().map(position))
        .or_else(|| answer.items.as_ref().map(listed))
        .unwrap_or_default()
}

/// Along the three axes, from the diagonal of the covariance.
fn deviations(place: &PlaceRecord) -> String {
    let deviation_m = |axis: usize| place.covariance.get(axis * 7).map_or(f64::NAN, |variance| variance.0.sqrt());
    format!("({:.3}, {:.3}, {:.3}) m", deviation_m(0), deviation_m(1), deviation_m(2))
}

fn time(nanos: i64) -> String {
    format!("{} s", Stamp { nanos })
}

fn settings(page: &mut Html, recorded: &Recorded) {
    let session = &recorded.session;
    page.raw("<h2>Settings</h2>\n<details>\n<summary><span class=\"what\">Parameters and limits</span></summary>\n<div class=\"scroll\">\n");
    page.raw("<table>\n<tbody>\n");
    let mut row = |name: &str, value: String| {
        page.between("<tr><td>", name, "</td>").between("<td>", value, "</td></tr>\n");
    };
    row("max_steps", session.goal.max_steps.to_string());
    row("deadline", format!("{:.1} s", session.goal.deadline_secs));
    row("segmenter", session.segmenter.clone());
    row("interface", session.goal.interface.clone());
    row("instructions", session.prompt_hash.clone());
    for (name, value) in &session.parameters {
        row(name, value.to_string());
    }
    page.raw("</tbody>\n</table>\n</div>\n</details>\n");
}

fn foot(page: &mut Html, recorded: &Recorded) {
    let OutcomeRecord { n_steps, n_tool_calls, n_left_out, .. } = &recorded.outcome;
    let session = &recorded.session;
    page.raw("<footer>");
    page.text(format!("spatialclaw {}", session.version));
    if let Some(hash) = &session.git_hash {
        page.text(format!(" ({hash})"));
    }
    page.text(format!(", session {}, {n_steps} cells, {n_tool_calls} tool calls", session.session_id));
    if *n_left_out > 0 {
        page.text(format!("; {n_left_out} parts were left out of the record"));
    }
    page.raw("</footer>\n");
}
