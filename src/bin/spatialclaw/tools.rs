//! `spatialclaw tools`: what a cell can call, for people and for programs.

use std::{ffi::OsString, io::Write};

use serde_json::Value;
use spatialclaw::tools::{self, ToolSpec, reference};

use super::Failure;

/// Printed by `--help`.
pub const HELP: &str = "\
Usage: spatialclaw tools [--json] [NAME]

Prints the manual of everything a cell can call, or of one tool or group.

Arguments:
  NAME    a tool or group: tools.Scene.find, Scene_find, Scene.find, or Scene

Options:
  --json  function declarations with JSON schemas, as structured tool calls use them
  -h, --help
";

/// Runs the command.
pub fn run(args: Vec<OsString>, out: &mut dyn Write) -> Result<(), Failure> {
    let mut parser = lexopt::Parser::from_args(args);
    let mut is_json = false;
    let mut wanted: Option<String> = None;
    while let Some(arg) = parser.next()? {
        match arg {
            lexopt::Arg::Long("json") => is_json = true,
            lexopt::Arg::Value(value) if wanted.is_none() => wanted = Some(value.to_string_lossy().into_owned()),
            other => return Err(other.unexpected().into()),
        }
    }
    let specs = match &wanted {
        None => tools::all().collect(),
        Some(name) => named(name)?,
    };
    let text = match (is_json, &wanted) {
        (true, _) => {
            let schemas: Vec<Value> = specs.iter().map(|spec| spec.function_schema()).collect();
            format!("{:#}\n", Value::Array(schemas))
        }
        (false, None) => reference::page(),
        (false, Some(_)) => specs.iter().map(|spec| reference::entry(spec)).collect(),
    };
    Ok(out.write_all(text.as_bytes())?)
}

/// One tool, or all of a group.
fn named(name: &str) -> Result<Vec<&'static ToolSpec>, Failure> {
    let bare = name.trim_start_matches("tools.");
    let one = |spec: &&ToolSpec| spec.function_name() == bare || spec.path.trim_start_matches("tools.") == bare;
    let group = |spec: &&ToolSpec| spec.group().trim_start_matches("tools.") == bare;
    let mut found: Vec<&ToolSpec> = tools::all().filter(one).collect();
    if found.is_empty() {
        found = tools::all().filter(group).collect();
    }
    if found.is_empty() {
        let paths: Vec<&str> = tools::all().map(|spec| spec.path).collect();
        return Err(Failure::Usage(format!(
            "there is no tool or group {name:?}, expected one of {}",
            paths.join(", ")
        )));
    }
    Ok(found)
}
