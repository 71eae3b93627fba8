//! One goal's kernel as a process; the node starts it when `kernel.isolation` is `process`.

use std::{io::Write, process::ExitCode};

fn main() -> ExitCode {
    match spatialclaw::kernel::process::serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}
