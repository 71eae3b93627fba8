//! `spatialclaw report`: a recorded session as one page.

use std::{
    ffi::OsString,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use spatialclaw::session::{recorded::Recorded, report};

use super::Failure;

/// Printed by `--help`.
pub const HELP: &str = "\
Usage: spatialclaw report [-o OUT] FILE

Writes a recorded session as one HTML page that needs no network and no scripts: question, answer with its uncertainty, evidence drawn in
the pictures and seen from above, every step with code, output and pictures, time and tokens.

Arguments:
  FILE               a session (.mcap)

Options:
  -o, --output OUT   the page; - is standard output, the default is FILE with .html for .mcap
  -h, --help

Exit codes:
  0  written
  2  the command line is wrong
  4  the file cannot be read
";

const UNUSABLE: u8 = 4;

/// Runs the command.
pub fn run(args: Vec<OsString>, out: &mut dyn Write) -> Result<(), Failure> {
    let mut parser = lexopt::Parser::from_args(args);
    let (mut file, mut output): (Option<PathBuf>, Option<PathBuf>) = (None, None);
    while let Some(arg) = parser.next()? {
        match arg {
            lexopt::Arg::Short('o') | lexopt::Arg::Long("output") => output = Some(parser.value()?.into()),
            lexopt::Arg::Value(value) if file.is_none() => file = Some(value.into()),
            other => return Err(other.unexpected().into()),
        }
    }
    let Some(file) = file else { return Err(Failure::Usage("the session's file is missing".to_owned())) };
    let unusable = |message: String| Failure::Result { message, code: UNUSABLE };
    let recorded = Recorded::read(&file).map_err(|error| unusable(error.to_string()))?;
    let page = report::write(&recorded);
    let output = output.unwrap_or_else(|| file.with_extension("html"));
    if output == Path::new("-") {
        return Ok(out.write_all(page.as_bytes())?);
    }
    fs::write(&output, page)?;
    Ok(writeln!(out, "{}", output.display())?)
}
