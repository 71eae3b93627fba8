//! `spatialclaw replay`: runs a recorded session again and compares.

use std::{ffi::OsString, fs, io::Write, path::PathBuf, sync::Arc};

use serde_json::json;
use spatialclaw::{
    perception::{Perception, label_image::LabelImageSegmenter},
    session::{
        content_hash,
        recorded::Recorded,
        replay::{Replayed, Verdict, replay},
    },
};

use super::Failure;

/// Printed by `--help`.
pub const HELP: &str = "\
Usage: spatialclaw replay [OPTIONS] FILE

Runs a recorded session again, without network and without ROS: the same images and transforms, the recorded replies of the models, and
this program's loop, kernel and tools. Compares every request, cell, report and the answer to the byte and shows what differs.

Arguments:
  FILE                a session (.mcap)

Options:
  --ignore-requests   compare cells, reports and the answer alone, not what models read
  --json              the comparison as JSON
  -o, --output FILE   write cells, reports and answer of this run as canonical JSON
  -h, --help

Exit codes:
  0  the same to the byte
  1  something differs
  2  the command line is wrong
  3  the same as far as it goes: a clock or a client ended the recorded session
  4  the file cannot be read or run again
";

const DIFFERS: u8 = 1;
const ENDS_EARLY: u8 = 3;
const UNUSABLE: u8 = 4;

/// Runs the command.
pub fn run(args: Vec<OsString>, out: &mut dyn Write) -> Result<(), Failure> {
    let mut parser = lexopt::Parser::from_args(args);
    let (mut ignores_requests, mut is_json) = (false, false);
    let (mut file, mut output): (Option<PathBuf>, Option<PathBuf>) = (None, None);
    while let Some(arg) = parser.next()? {
        match arg {
            lexopt::Arg::Long("ignore-requests") => ignores_requests = true,
            lexopt::Arg::Long("json") => is_json = true,
            lexopt::Arg::Short('o') | lexopt::Arg::Long("output") => output = Some(parser.value()?.into()),
            lexopt::Arg::Value(value) if file.is_none() => file = Some(value.into()),
            other => return Err(other.unexpected().into()),
        }
    }
    let Some(file) = file else { return Err(Failure::Usage("the session's file is missing".to_owned())) };
    let unusable = |message: String| Failure::Result { message, code: UNUSABLE };
    let recorded = Recorded::read(&file).map_err(|error| unusable(error.to_string()))?;
    let perception = Perception::new(Arc::new(LabelImageSegmenter));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    let replayed = runtime.block_on(replay(&recorded, &perception)).map_err(|error| unusable(error.to_string()))?;
    let replayed = if ignores_requests { replayed.without_requests() } else { replayed };
    if let Some(output) = output {
        fs::write(output, format!("{}\n", replayed.canonical))?;
    }
    if is_json {
        writeln!(out, "{:#}", to_json(&replayed))?
    } else {
        writeln!(out, "{replayed}")?
    }
    let code = match replayed.verdict {
        Verdict::Same => return Ok(()),
        Verdict::Differs => DIFFERS,
        Verdict::SameSoFar(_) => ENDS_EARLY,
    };
    Err(Failure::Result { message: String::new(), code })
}

fn to_json(replayed: &Replayed) -> serde_json::Value {
    let (verdict, reason) = match &replayed.verdict {
        Verdict::Same => ("same", ""),
        Verdict::Differs => ("differs", ""),
        Verdict::SameSoFar(reason) => ("same_so_far", reason.as_str()),
    };
    let differences: Vec<_> = replayed
        .differences
        .iter()
        .map(|difference| json!({"place": difference.place, "is_in_request": difference.is_in_request, "lines": difference.lines}))
        .collect();
    json!({
        "verdict": verdict,
        "reason": reason,
        "n_cells": replayed.n_cells,
        "n_requests": replayed.n_requests,
        "sha256": content_hash::of_bytes(replayed.canonical.as_bytes()),
        "recorded_sha256": content_hash::of_bytes(replayed.recorded_canonical.as_bytes()),
        "differences": differences,
    })
}
