//! Where the time and the tokens went.

use super::Html;
use crate::session::{
    recorded::{Recorded, What},
    records::UsageRecord,
};

const WIDTH: f64 = 1000.0;
const ROW: f64 = 16.0;
const TOP: f64 = 22.0;

/// A stretch of time.
struct Bar {
    class: &'static str,
    name: String,
    from_secs: f64,
    length_secs: f64,
}

pub(super) fn write(page: &mut Html, recorded: &Recorded) {
    page.raw("<h2>Time and tokens</h2>\n");
    let bars = bars(recorded);
    if !bars.is_empty() {
        chart(page, &bars, recorded.outcome.elapsed_secs);
    }
    if !recorded.replies.is_empty() {
        table(page, recorded);
    }
}

fn bars(recorded: &Recorded) -> Vec<Bar> {
    let mut bars = Vec::new();
    for happening in &recorded.timeline {
        let (class, name, length_secs) = match happening.what {
            What::Reply(position) => match recorded.replies.get(position) {
                Some(reply) if reply.error.is_none() => ("model", reply.model.clone(), reply.took_secs),
                Some(reply) => ("failed", reply.model.clone(), reply.took_secs),
                None => continue,
            },
            What::Report(position) => match recorded.reports.get(position) {
                Some(report) => {
                    ("cell", format!("cell {}", report.id), report.elapsed_nanos.unwrap_or_default() as f64 * 1e-9)
                }
                None => continue,
            },
            What::Request(_) | What::Cell(_) | What::Event(_) => continue,
        };
        let from_secs = (happening.elapsed_secs - length_secs).max(0.0);
        if from_secs.is_finite() && length_secs.is_finite() && length_secs >= 0.0 {
            bars.push(Bar { class, name, from_secs, length_secs });
        }
    }
    bars
}

fn chart(page: &mut Html, bars: &[Bar], elapsed_secs: Option<f64>) {
    let last_secs = bars.iter().map(|bar| bar.from_secs + bar.length_secs).fold(0.0, f64::max);
    let all_secs = elapsed_secs.filter(|secs| secs.is_finite()).unwrap_or(0.0).max(last_secs).max(1e-6);
    let x = |secs: f64| secs / all_secs * WIDTH;
    let height = TOP + bars.len() as f64 * ROW + 4.0;
    page.raw("<div class=\"scroll\">\n<svg class=\"time\" role=\"img\" aria-label=\"When models and cells were busy\"");
    page.attribute("viewBox", format!("0 0 {WIDTH} {height:.0}")).raw(">");
    for quarter in 0..=4 {
        let secs = all_secs * f64::from(quarter) / 4.0;
        let anchor = ["start", "middle", "middle", "middle", "end"].get(quarter as usize).copied().unwrap_or("middle");
        page.raw("<line class=\"grid\"")
            .attribute("x1", format!("{:.1}", x(secs)))
            .attribute("x2", format!("{:.1}", x(secs)));
        page.attribute("y1", TOP - 6.0).attribute("y2", format!("{height:.0}")).raw("/>");
        page.raw("<text y=\"12\"").attribute("x", format!("{:.1}", x(secs))).attribute("text-anchor", anchor).raw(">");
        page.text(format!("{secs:.3} s")).raw("</text>");
    }
    for (row, bar) in bars.iter().enumerate() {
        let y = TOP + row as f64 * ROW;
        let width = x(bar.length_secs).max(1.5);
        page.raw("<rect").attribute("class", bar.class).attribute("x", format!("{:.1}", x(bar.from_secs)));
        page.attribute("y", format!("{y:.0}")).attribute("width", format!("{width:.1}")).attribute("height", ROW - 5.0);
        page.raw("/>");
        let is_late = x(bar.from_secs) > WIDTH * 0.6;
        let at = if is_late { x(bar.from_secs) - 5.0 } else { x(bar.from_secs) + width + 5.0 };
        page.raw("<text").attribute("x", format!("{at:.1}")).attribute("y", format!("{:.0}", y + ROW - 6.0));
        page.attribute("text-anchor", if is_late { "end" } else { "start" }).raw(">");
        page.text(format!("{} {:.3} s", bar.name, bar.length_secs)).raw("</text>");
    }
    page.raw("</svg>\n</div>\n");
}

fn table(page: &mut Html, recorded: &Recorded) {
    page.raw("<div class=\"scroll\">\n<table>\n<thead><tr><th>call</th><th>part</th><th>model</th><th class=\"number\">s</th>");
    page.raw("<th class=\"number\">read</th><th class=\"number\">from cache</th><th class=\"number\">written</th>");
    page.raw("<th class=\"number\">thinking</th><th class=\"number\">bytes sent</th></tr></thead>\n<tbody>\n");
    let mut sum = UsageRecord::default();
    let mut sum_secs = 0.0;
    for reply in &recorded.replies {
        let usage = &reply.usage;
        sum_secs += reply.took_secs;
        for (total, more) in [
            (&mut sum.n_prompt_tokens, usage.n_prompt_tokens),
            (&mut sum.n_cached_tokens, usage.n_cached_tokens),
            (&mut sum.n_completion_tokens, usage.n_completion_tokens),
            (&mut sum.n_thinking_tokens, usage.n_thinking_tokens),
            (&mut sum.n_sent_bytes, usage.n_sent_bytes),
        ] {
            *total = total.saturating_add(more);
        }
        row(page, &(reply.call.saturating_add(1)).to_string(), &reply.role, &reply.model, reply.took_secs, usage);
    }
    row(page, "all", "", "", sum_secs, &sum);
    page.raw("</tbody>\n</table>\n</div>\n");
}

fn row(page: &mut Html, call: &str, role: &str, model: &str, took_secs: f64, usage: &UsageRecord) {
    page.between("<tr><td>", call, "</td>").between("<td>", role, "</td>").between("<td>", model, "</td>");
    page.between("<td class=\"number\">", format!("{took_secs:.2}"), "</td>");
    for count in [
        usage.n_prompt_tokens,
        usage.n_cached_tokens,
        usage.n_completion_tokens,
        usage.n_thinking_tokens,
        usage.n_sent_bytes,
    ] {
        page.between("<td class=\"number\">", count, "</td>");
    }
    page.raw("</tr>\n");
}
