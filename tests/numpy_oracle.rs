//! Arrays in cells against numpy and scipy on random arrays of many shapes. Skips, and says so, where no Python with both can be had;
//! with `SPATIALCLAW_REQUIRE_NUMPY` set that is a failure.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test ends at the first surprise")]

use crate::support::table_world;

use std::{path::Path, process::Command};

use spatialclaw::kernel::CellStatus;
use table_world::Bench;

/// Cases run in one kernel; a fresh one from time to time keeps the line count of a goal in bounds.
const CASES_PER_KERNEL: usize = 200;

fn cases() -> Result<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let run = |command: &mut Command| {
        let output = command.output().map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    };
    let python = run(&mut Command::new(root.join("scripts/numpy_env.sh")))?;
    Ok(run(Command::new(python.trim()).arg(root.join("tests/numpy/cases.py")))
        .unwrap_or_else(|error| panic!("tests/numpy/cases.py: {error}")))
}

#[derive(Debug, PartialEq)]
enum Value {
    Number(f64),
    List(Vec<Value>),
}

fn parse(text: &str) -> Value {
    let mut rest = text.trim();
    let value = parse_one(&mut rest);
    assert_eq!(rest, "", "{text}");
    value
}

fn parse_one(rest: &mut &str) -> Value {
    *rest = rest.trim_start();
    if let Some(inside) = rest.strip_prefix('[') {
        *rest = inside;
        let mut items = Vec::new();
        loop {
            *rest = rest.trim_start_matches([',', ' ']);
            if let Some(after) = rest.strip_prefix(']') {
                *rest = after;
                return Value::List(items);
            }
            items.push(parse_one(rest));
        }
    }
    let end = rest.find([',', ']']).unwrap_or(rest.len());
    let (word, after) = rest.split_at(end);
    *rest = after;
    Value::Number(match word.trim().to_lowercase().as_str() {
        "true" => 1.0,
        "false" => 0.0,
        number => number.parse().unwrap_or_else(|_| panic!("{number:?} is no number")),
    })
}

fn agree(found: &Value, expected: &Value, tolerance: f64) -> bool {
    match (found, expected) {
        (Value::List(found), Value::List(expected)) => {
            found.len() == expected.len() && found.iter().zip(expected).all(|(f, e)| agree(f, e, tolerance))
        }
        (Value::Number(found), Value::Number(expected)) => {
            found == expected
                || (found.is_nan() && expected.is_nan())
                || (found - expected).abs() <= tolerance * expected.abs().max(1.0)
        }
        _ => false,
    }
}

#[test]
fn cells_agree_with_numpy_and_scipy() {
    let cases = match cases() {
        Ok(cases) => cases,
        Err(why) if std::env::var_os("SPATIALCLAW_REQUIRE_NUMPY").is_none() => {
            eprintln!("skipped: no Python with numpy and scipy: {why}");
            return;
        }
        Err(why) => panic!("numpy and scipy are needed here: {why}"),
    };
    let mut wrong = Vec::new();
    let mut n_cases = 0;
    let mut bench = Bench::with(|context| context.limits.max_output_bytes = 1 << 20);
    for (i, line) in cases.lines().enumerate() {
        if i % CASES_PER_KERNEL == 0 {
            bench = Bench::with(|context| context.limits.max_output_bytes = 1 << 20);
        }
        let [cell, tolerance, expected] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let (setup, expression) = cell.rsplit_once("; ").unwrap_or(("let nothing = ()", cell));
        let source = format!(
            "{setup}; let found = {expression}; print(if type_of(found) == \"array\" {{ found.map(|x| if type_of(x) in [\"Arr\", \"Bools\"] {{ x.tolist() }} else {{ x }}) }} \
             else if type_of(found) in [\"Arr\", \"Bools\"] {{ found.tolist() }} else {{ found }});"
        );
        let report = bench.run(&source);
        n_cases += 1;
        if report.status != CellStatus::Completed {
            wrong.push(format!("{cell}\n  {:?}", report.status));
        } else if !agree(&parse(&report.stdout), &parse(expected), tolerance.parse().unwrap()) {
            wrong.push(format!("{cell}\n  found    {}\n  expected {expected}", report.stdout.trim()));
        }
    }
    eprintln!("{n_cases} cases compared with numpy and scipy");
    assert!(n_cases > 1000, "only {n_cases} cases");
    let shown: Vec<&String> = wrong.iter().take(25).collect();
    assert!(wrong.is_empty(), "{} of {n_cases} differ:\n{shown:#?}", wrong.len());
}
