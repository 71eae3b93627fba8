//! Attempts to leave the sandbox, to exhaust it, or to deceive whoever reads what came of it. Each is refused or harmless, its limits
//! hold, and the kernel answers afterwards.
//!
//! The attempts stand in `tests/escape/<category>.txt`, each behind a line that says what must come of it:
//! `=== refused | failed | limit: words of the message`, `=== timed out`, `=== submits: ...`, `=== value: ...` or `=== completes`.
//! `⟦300×text⟧` stands for text 300 times; `#` in it counts.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test ends at the first surprise")]

use crate::support::table_world;

use std::{fmt::Write, fs, path::Path, time::Duration};

use spatialclaw::kernel::{CellReport, CellStatus};
use table_world::*;

const CATEGORIES: [&str; 16] = [
    "files",
    "network",
    "process",
    "clock",
    "environment",
    "other_goals",
    "redefinition",
    "catching_the_kill",
    "memory",
    "recursion_and_nesting",
    "flood",
    "slow_natives",
    "numbers",
    "text_tricks",
    "prompt_tricks",
    "engine",
];

const MAX_MEMORY_BYTES: usize = 48 << 20;
/// One operation may copy what is there once more before it is looked at.
const MAX_PEAK_BYTES: usize = 2 * MAX_MEMORY_BYTES;
const MAX_OUTPUT_BYTES: usize = 16 << 10;
const CELL_TIME: Duration = Duration::from_secs(2);

struct Attempt {
    expected: String,
    source: String,
}

fn attempts(text: &str) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    for block in text.split("=== ").skip(1) {
        let (expected, source) = block.split_once('\n').unwrap();
        attempts.push(Attempt {
            expected: expected.to_owned(),
            source: expanded(source.strip_suffix('\n').unwrap_or(source)),
        });
    }
    attempts
}

fn expanded(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('⟦') {
        let (pattern, tail) = after.split_once('⟧').unwrap();
        let (n, piece) = pattern.split_once('×').unwrap();
        out.push_str(before);
        let counts = piece.contains("v#") || piece.contains("f#");
        for i in 0..n.parse::<usize>().unwrap() {
            out.push_str(&if counts { piece.replace('#', &i.to_string()) } else { piece.to_owned() });
        }
        rest = tail;
    }
    out + rest
}

fn outcome(report: &CellReport) -> String {
    match &report.status {
        CellStatus::Rejected(errors) => {
            let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
            format!("refused: {}", messages.join(" | "))
        }
        CellStatus::Failed(error) => format!("failed: {}", error.message),
        CellStatus::LimitReached(error) => format!("limit: {}", error.message),
        CellStatus::TimedOut => "timed out".to_owned(),
        CellStatus::Cancelled => "cancelled".to_owned(),
        CellStatus::Completed => match (&report.value, &report.submission) {
            (_, Some(submission)) => format!("submits: {submission:?}"),
            (Some(value), None) => format!("value: {value}"),
            (None, None) => "completes".to_owned(),
        },
    }
}

fn is_as_expected(expected: &str, found: &str) -> bool {
    match expected.split_once(": ") {
        Some((kind, words)) => found.starts_with(kind) && found.contains(words),
        None => found == expected,
    }
}

/// Attempts that were refused, and those that completed and did no harm.
#[derive(Default)]
struct Counts {
    n_refused: usize,
    n_harmless: usize,
}

fn check(category: &str, wrong: &mut String) -> Counts {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/escape").join(format!("{category}.txt"));
    let text = fs::read_to_string(file).unwrap();
    let mut counts = Counts::default();
    for Attempt { expected, source } in attempts(&text) {
        let mut bench = Bench::with(|context| {
            context.limits.max_memory_bytes = MAX_MEMORY_BYTES;
            context.limits.max_operations = 200_000;
            context.limits.max_cell_time = CELL_TIME;
            context.limits.max_tool_calls = 20;
            context.limits.max_output_bytes = MAX_OUTPUT_BYTES;
        });
        let report = bench.run(&source);
        let found = outcome(&report);
        match report.status {
            CellStatus::Completed => counts.n_harmless += 1,
            _ => counts.n_refused += 1,
        }
        let shown: String = source.chars().take(60).collect();
        if !is_as_expected(&expected, &found) {
            let found: String = found.chars().take(200).collect();
            let _ = writeln!(wrong, "{category} {shown:?}: wanted {expected:?}, found {found:?}");
        }
        if report.memory.peak_bytes > MAX_PEAK_BYTES {
            let _ = writeln!(wrong, "{category} {shown:?}: {} MiB at the peak", report.memory.peak_bytes >> 20);
        }
        if report.elapsed > CELL_TIME * 5 {
            let _ = writeln!(wrong, "{category} {shown:?}: took {:?}", report.elapsed);
        }
        if report.stdout.len() > MAX_OUTPUT_BYTES + 500 || report.pictures.len() > 8 {
            let _ = writeln!(wrong, "{category} {shown:?}: {} bytes printed", report.stdout.len());
        }
        if found.len() > 30_000 {
            let _ = writeln!(wrong, "{category} {shown:?}: told in {} bytes", found.len());
        }
        if bench.run("1 + 1").value.as_deref() != Some("int 2") {
            let _ = writeln!(wrong, "{category} {shown:?}: the kernel does not answer any more");
        }
    }
    counts
}

#[test]
fn every_attempt_is_refused_or_harmless() {
    on_kernel_thread(|| {
        let mut wrong = String::new();
        let mut all = Counts::default();
        for category in CATEGORIES {
            let Counts { n_refused, n_harmless } = check(category, &mut wrong);
            println!("{category}: {n_refused} refused, {n_harmless} completed without harm");
            all.n_refused += n_refused;
            all.n_harmless += n_harmless;
        }
        println!("in all: {} refused, {} completed without harm", all.n_refused, all.n_harmless);
        assert!(wrong.is_empty(), "{wrong}");
        assert!(all.n_refused >= 200, "only {} attempts are refused", all.n_refused);
    });
}
