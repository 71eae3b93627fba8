//! What differs, so that a person sees it.

use std::fmt::{self, Write};

use serde::Serialize;
use similar::{ChangeTag, TextDiff};

use crate::session::records::{CellRecord, LeftOutRecord, MessageRecord, OutcomeRecord, ReportRecord};

/// Lines shown around a change.
const CONTEXT_LINES: usize = 2;
/// Lines of one difference.
const MAX_LINES: usize = 60;
/// Characters of one line.
const MAX_CHARS: usize = 400;

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Whether it is in what a model reads, and not in what cells and answer are.
    pub is_in_request: bool,
    /// Where: `cell 2`, `request 3 to main`, `answer`.
    pub place: String,
    /// Lines: `-` as recorded, `+` as it is now.
    pub lines: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} differs (- recorded, + now):\n{}", self.place, self.lines)
    }
}

impl Difference {
    /// In what cells are or do.
    pub(super) fn of_result(place: impl Into<String>, recorded: &str, now: &str) -> Difference {
        Difference { is_in_request: false, place: place.into(), lines: changed_lines(recorded, now) }
    }

    /// In what a model reads.
    pub(super) fn of_request(place: impl Into<String>, recorded: &str, now: &str) -> Difference {
        Difference { is_in_request: true, place: place.into(), lines: changed_lines(recorded, now) }
    }
}

/// Changed lines with their numbers in the record (or in the new text, where they were added).
fn changed_lines(recorded: &str, now: &str) -> String {
    let diff = TextDiff::from_lines(recorded, now);
    let mut lines = String::new();
    let mut n_lines = 0;
    for (position, group) in diff.grouped_ops(CONTEXT_LINES).iter().enumerate() {
        if position > 0 {
            lines.push_str("   ...\n");
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            n_lines += 1;
            if n_lines > MAX_LINES {
                lines.push_str("   [... more]\n");
                return lines;
            }
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            let number = change.old_index().or(change.new_index()).unwrap_or_default() + 1;
            let text: String = change.value().trim_end_matches('\n').chars().take(MAX_CHARS).collect();
            let _ = writeln!(lines, "{sign} {number:>4} | {text}");
        }
    }
    lines
}

/// A cell as lines.
pub(super) fn cell_lines(cell: &CellRecord) -> String {
    format!("cell {}: {}\n{}\n", cell.id, cell.purpose, cell.source)
}

/// A report as lines, one fact each.
pub(super) fn report_lines(report: &ReportRecord) -> String {
    let mut lines = format!("status: {}\n", report.status);
    for error in &report.errors {
        let code = error.code.as_ref().map(|code| format!("{code} ")).unwrap_or_default();
        let (line, column) = (error.line.unwrap_or_default(), error.column.unwrap_or_default());
        let _ = writeln!(lines, "error at {line}:{column}: {code}{}", error.message);
    }
    for line in report.stdout.lines() {
        let _ = writeln!(lines, "printed: {line}");
    }
    if let Some(value) = &report.value {
        let _ = writeln!(lines, "value: {value}");
    }
    for variable in &report.variables {
        let mark = if variable.is_new { "new" } else { "changed" };
        let _ = writeln!(lines, "variable {} ({mark}): {}", variable.name, variable.summary);
    }
    if !report.unchanged.is_empty() {
        let _ = writeln!(lines, "unchanged: {}", report.unchanged.join(", "));
    }
    if let Some(left_out) = &report.left_out {
        let LeftOutRecord { n_output_bytes, n_pictures, dropped } = left_out;
        let _ = writeln!(
            lines,
            "left out: {n_output_bytes} bytes, {n_pictures} pictures, variables [{}]",
            dropped.join(", ")
        );
    }
    for picture in &report.pictures {
        let _ = writeln!(
            lines,
            "picture: {} ({}x{} px, {})",
            picture.label, picture.width_px, picture.height_px, picture.sha256
        );
    }
    let _ = writeln!(lines, "tool calls: {}", report.n_tool_calls);
    if let Some(submission) = &report.submission {
        let _ = writeln!(lines, "submitted: {}", json_lines(submission));
    }
    lines
}

/// An outcome as lines.
pub(super) fn outcome_lines(outcome: &OutcomeRecord) -> String {
    json_lines(outcome)
}

/// A message as lines.
pub(super) fn message_lines(message: &MessageRecord) -> String {
    let mut lines = format!("{}: {}\n", message.role, message.text);
    for picture in &message.pictures {
        let _ = writeln!(
            lines,
            "picture: {} ({}x{} px, {})",
            picture.label, picture.width_px, picture.height_px, picture.sha256
        );
    }
    for call in &message.tool_calls {
        let _ = writeln!(lines, "call {}: {}({})", call.id, call.name, call.arguments);
    }
    lines
}

fn json_lines(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_line_is_shown_with_its_neighbours_and_number() {
        let recorded = "a\nb\nc\nd = 0.412 m\ne\nf\ng\n";
        let difference = Difference::of_result("cell 2", recorded, &recorded.replace("0.412", "0.500"));
        insta::assert_snapshot!(difference);
    }

    #[test]
    fn a_long_difference_is_cut() {
        let recorded: String = (0..500).map(|n| format!("{n}\n")).collect();
        let difference = Difference::of_result("cell 1", &recorded, "");
        assert_eq!(difference.lines.lines().count(), MAX_LINES + 1);
        assert!(difference.lines.ends_with("[... more]\n"));
    }
}
