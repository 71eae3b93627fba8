//! What stays of a cell that failed: its code up to the failing line, and why. The rest would only be copied again.

use super::feedback::failure_line;
use crate::kernel::{CellError, CellStatus};

/// Characters of the whole.
const MAX_CHARS: usize = 2000;
/// Characters of the failing line.
const MAX_LINE_CHARS: usize = 160;
/// Lines kept of a cell whose failing line is not known.
const N_LINES_UNKNOWN: usize = 3;

/// The cell as it stays; none when it did not fail.
pub fn failed_cell(source: &str, status: &CellStatus) -> Option<String> {
    let error = match status {
        CellStatus::Completed | CellStatus::Cancelled => return None,
        CellStatus::Rejected(errors) => errors.first()?,
        CellStatus::Failed(error) | CellStatus::LimitReached(error) => error,
        CellStatus::TimedOut => &CellError {
            line: None,
            column: None,
            message: "the cell ran out of its time".to_owned(),
            code: Some(crate::error_code::ErrorCode::BudgetExceeded),
        },
    };
    let lines: Vec<&str> = source.lines().collect();
    let mut kept = match error.line.filter(|line| (1..=lines.len()).contains(line)) {
        Some(line) => {
            let mut kept: Vec<String> = lines.iter().take(line - 1).map(|line| (*line).to_owned()).collect();
            kept.extend(lines.get(line - 1).map(|line| cut(line)));
            kept
        }
        None if lines.len() <= 2 * N_LINES_UNKNOWN => lines.iter().map(|line| cut(line)).collect(),
        None => {
            let (head, tail) = (lines.iter().take(N_LINES_UNKNOWN), lines.iter().skip(lines.len() - N_LINES_UNKNOWN));
            let n_left_out = lines.len() - 2 * N_LINES_UNKNOWN;
            let gap = format!("// ... {n_left_out} lines left out");
            head.map(|line| cut(line)).chain([gap]).chain(tail.map(|line| cut(line))).collect()
        }
    };
    kept.push(format!("// {}", failure_line(error)));
    Some(from_the_end(&kept))
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(MAX_LINE_CHARS) {
        Some((end, _)) => format!("{} // ...", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

/// The last lines that fit: the failure stands at the end.
fn from_the_end(lines: &[String]) -> String {
    let mut n_chars = 0;
    let mut kept: Vec<&str> = Vec::new();
    for line in lines.iter().rev() {
        n_chars += line.chars().count() + 1;
        if n_chars > MAX_CHARS && !kept.is_empty() {
            kept.push("// ... earlier lines left out");
            break;
        }
        kept.push(line);
    }
    kept.reverse();
    let text: String = kept.join("\n").chars().take(2 * MAX_CHARS).collect();
    format!("{text}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_code::ErrorCode;

    fn failed(source: &str, line: Option<usize>) -> String {
        let error = CellError {
            line,
            column: Some(5),
            message: "no \"cup\" is\nvisible".into(),
            code: Some(ErrorCode::NotVisible),
        };
        failed_cell(source, &CellStatus::Failed(error)).unwrap()
    }

    #[test]
    fn code_is_kept_up_to_the_failing_line() {
        assert_eq!(
            failed("let a = 1;\nlet b = find(\"cup\");\nprint(b);\n", Some(2)),
            "let a = 1;\nlet b = find(\"cup\");\n// error NOT_VISIBLE at line 2, column 5: no \"cup\" is visible\n"
        );
    }

    #[test]
    fn without_a_line_head_and_tail_are_kept() {
        let source: String = (1..=10).map(|n| format!("line{n};\n")).collect();
        assert_eq!(
            failed(&source, None),
            "line1;\nline2;\nline3;\n// ... 4 lines left out\nline8;\nline9;\nline10;\n// error NOT_VISIBLE: no \"cup\" is visible\n"
        );
    }

    #[test]
    fn a_long_cell_keeps_its_end() {
        let source: String = (1..=200).map(|n| format!("let variable_{n} = {n};\n")).collect();
        let kept = failed(&source, Some(150));
        assert!(kept.starts_with("// ... earlier lines left out\n") && kept.chars().count() < 2100, "{kept}");
        assert!(kept.contains("let variable_150 = 150;\n// error NOT_VISIBLE at line 150"));
    }

    #[test]
    fn only_failures_are_condensed() {
        assert_eq!(failed_cell("x", &CellStatus::Completed), None);
        assert_eq!(
            failed_cell("x;", &CellStatus::TimedOut).unwrap(),
            "x;\n// error BUDGET_EXCEEDED: the cell ran out of its time\n"
        );
    }
}
