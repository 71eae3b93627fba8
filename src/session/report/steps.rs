//! Every step: what the model said, the cell, and what came of it.

use super::{Html, code, evidence};
use crate::session::{
    recorded::{Recorded, What},
    records::{CellErrorRecord, CellRecord, LeftOutRecord, ReplyRecord, ReportRecord},
};

/// Replies and the cell that came of them; the last step may have none.
#[derive(Default)]
struct Step<'a> {
    replies: Vec<&'a ReplyRecord>,
    cell: Option<&'a CellRecord>,
    report: Option<&'a ReportRecord>,
    /// What the loop told about replies without a cell.
    told: Vec<&'a str>,
}

/// The plan, where a model made one.
pub(super) fn write_plan(page: &mut Html, recorded: &Recorded) {
    let plans = || recorded.events.iter().filter(|event| event.stage == "Plan" && !event.output.trim().is_empty());
    if plans().next().is_none() {
        return;
    }
    page.raw("<h2>Plan</h2>\n");
    for plan in plans() {
        page.between("<pre class=\"words\">\n", &plan.output, "</pre>\n");
    }
}

pub(super) fn write(page: &mut Html, recorded: &Recorded) {
    page.raw("<h2>Steps</h2>\n");
    let steps = steps(recorded);
    if steps.is_empty() {
        page.raw("<p>No model was asked.</p>\n");
    }
    let n_steps = steps.len();
    for (position, step) in steps.iter().enumerate() {
        // The first look goes to the cell that answered.
        let is_open = n_steps <= 3 || position + 1 == n_steps;
        write_step(page, recorded, step, is_open);
    }
}

fn steps(recorded: &Recorded) -> Vec<Step<'_>> {
    let mut steps: Vec<Step> = Vec::new();
    let mut next = Step::default();
    for happening in &recorded.timeline {
        match happening.what {
            What::Reply(position) => next.replies.extend(recorded.replies.get(position)),
            What::Cell(position) => {
                next.cell = recorded.cells.get(position);
                steps.push(std::mem::take(&mut next));
            }
            What::Report(position) => {
                if let Some(step) = steps.last_mut() {
                    step.report = recorded.reports.get(position);
                }
            }
            What::Event(position) => {
                // What is told after a reply and before the next cell is about a reply without one.
                let event =
                    recorded.events.get(position).filter(|event| event.stage == "Observe" && !next.replies.is_empty());
                next.told.extend(event.map(|event| event.output.as_str()));
            }
            What::Request(_) => {}
        }
    }
    if !next.replies.is_empty() {
        steps.push(next);
    }
    steps
}

fn write_step(page: &mut Html, recorded: &Recorded, step: &Step, is_open: bool) {
    page.raw(if is_open { "<details open>\n<summary>" } else { "<details>\n<summary>" });
    match step.cell {
        Some(cell) => {
            let purpose = if cell.purpose.trim().is_empty() { "(no purpose given)" } else { cell.purpose.trim() };
            page.between("<span class=\"what\">", format!("{}. {purpose}", cell.id), "</span>");
        }
        None => {
            page.raw("<span class=\"what\">A reply without a cell</span>");
        }
    }
    if let Some(report) = step.report {
        let is_good = report.status == "completed";
        let submitted = report
            .submission
            .as_ref()
            .map(|submission| if submission.answer.is_some() { "answered" } else { "refused" });
        page.raw(if is_good { "<span class=\"chip good\">" } else { "<span class=\"chip bad\">" });
        page.text(submitted.unwrap_or(&report.status).replace('_', " ")).raw("</span>");
        if let Some(nanos) = report.elapsed_nanos {
            page.between(
                "<span class=\"meta\">",
                format!("{:.3} s, {} tool calls", nanos as f64 * 1e-9, report.n_tool_calls),
                "</span>",
            );
        }
    }
    page.raw("</summary>\n<div>\n");
    for told in &step.told {
        page.between("<p class=\"error\">", told, "</p>\n");
    }
    if let Some(cell) = step.cell {
        page.raw("<h3>Code</h3>\n<pre><code>\n");
        code::write(page, cell.source.trim_end());
        page.raw("</code></pre>\n");
    }
    if let Some(report) = step.report {
        write_report(page, recorded, report);
    }
    for reply in &step.replies {
        write_reply(page, reply);
    }
    page.raw("</div>\n</details>\n");
}

fn write_report(page: &mut Html, recorded: &Recorded, report: &ReportRecord) {
    for error in &report.errors {
        page.between("<p class=\"error\">", error_line(error), "</p>\n");
    }
    if !report.stdout.trim().is_empty() {
        page.raw("<h3>Printed</h3>\n").between("<pre class=\"words\">\n", report.stdout.trim_end(), "</pre>\n");
    }
    if let Some(value) = &report.value {
        page.raw("<h3>Value</h3>\n").between("<pre class=\"words\">\n", value, "</pre>\n");
    }
    if !report.variables.is_empty() {
        page.raw("<h3>Variables</h3>\n<div class=\"scroll\">\n<table>\n<tbody>\n");
        for variable in &report.variables {
            let mark = if variable.is_new { "new" } else { "changed" };
            page.between("<tr><td><code>", &variable.name, "</code></td>").between(
                "<td class=\"soft\">",
                mark,
                "</td>",
            );
            page.between("<td>", &variable.summary, "</td></tr>\n");
        }
        page.raw("</tbody>\n</table>\n</div>\n");
    }
    if !report.unchanged.is_empty() {
        page.between("<p class=\"soft\">", format!("Unchanged: {}", report.unchanged.join(", ")), "</p>\n");
    }
    if let Some(left_out) = &report.left_out {
        page.between("<p class=\"error\">", left_out_line(left_out), "</p>\n");
    }
    if !report.pictures.is_empty() {
        page.raw("<h3>Pictures</h3>\n");
        evidence::shown(page, recorded, &report.pictures);
    }
    if let Some(submission) = &report.submission {
        page.raw("<h3>Submitted</h3>\n");
        if let Some(answer) = &submission.answer {
            page.between("<p>", &answer.text, "</p>\n");
        }
        if let Some(refusal) = &submission.refusal {
            page.between("<p class=\"error\">", format!("{}: {}", refusal.code, refusal.message), "</p>\n");
        }
    }
}

fn left_out_line(left_out: &LeftOutRecord) -> String {
    let LeftOutRecord { n_output_bytes, n_pictures, dropped } = left_out;
    let mut parts = Vec::new();
    parts.extend((*n_output_bytes > 0).then(|| format!("{n_output_bytes} printed bytes")));
    parts.extend((*n_pictures > 0).then(|| format!("{n_pictures} pictures")));
    parts.extend((!dropped.is_empty()).then(|| format!("the variables {}", dropped.join(", "))));
    format!("Beyond the limits of a cell and left out: {}", parts.join("; "))
}

fn error_line(error: &CellErrorRecord) -> String {
    let code = error.code.as_ref().map(|code| format!("{code} ")).unwrap_or_default();
    let place = match (error.line, error.column) {
        (Some(line), Some(column)) => format!("line {line}, column {column}: "),
        (Some(line), None) => format!("line {line}: "),
        _ => String::new(),
    };
    format!("{place}{code}{}", error.message)
}

fn write_reply(page: &mut Html, reply: &ReplyRecord) {
    page.raw("<details class=\"inner\">\n<summary>").text(format!("What {} said", reply.model));
    page.text(format!(" ({}, {:.2} s", reply.role, reply.took_secs));
    if reply.usage.n_completion_tokens > 0 {
        page.text(format!(", {} tokens", reply.usage.n_completion_tokens));
    }
    page.raw(")</summary>\n<div>\n");
    if let Some(error) = &reply.error {
        page.between("<p class=\"error\">", error, "</p>\n");
    }
    if !reply.thinking.trim().is_empty() {
        page.raw("<h3>Thinking</h3>\n").between(
            "<pre class=\"words\">\n",
            reply.thinking.trim(),
            "</pre>\n<h3>Reply</h3>\n",
        );
    }
    if !reply.text.trim().is_empty() {
        page.between("<pre class=\"words\">\n", reply.text.trim(), "</pre>\n");
    }
    for call in &reply.tool_calls {
        page.between("<pre class=\"words\">\n", format!("{}({})", call.name, call.arguments), "</pre>\n");
    }
    page.raw("</div>\n</details>\n");
}
