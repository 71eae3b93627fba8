//! `spatialclaw`: what there is to do without a ROS graph. Each subcommand is one file with its `HELP` and its `run`; to add one, add
//! the file and its line in [`COMMANDS`].

mod ask;
mod replay;
mod report;
mod tools;

use std::{
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

/// Exit code of a command line that cannot be understood.
const USAGE_ERROR: u8 = 2;

/// One subcommand.
struct Command {
    name: &'static str,
    about: &'static str,
    help: &'static str,
    run: fn(Vec<OsString>, &mut dyn Write) -> Result<(), Failure>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "ask",
        about: "a question about a recording or a picture, without ROS",
        help: ask::HELP,
        run: ask::run,
    },
    Command { name: "replay", about: "run a recorded session again and compare", help: replay::HELP, run: replay::run },
    Command { name: "report", about: "a recorded session as one HTML page", help: report::HELP, run: report::run },
    Command { name: "tools", about: "what a cell can call", help: tools::HELP, run: tools::run },
];

/// Why a command did not do what was asked.
enum Failure {
    /// The command line is wrong.
    Usage(String),
    /// Writing failed.
    Io(io::Error),
    /// It was done, and this is how it turned out; without a message when everything is said.
    Result {
        /// For standard error.
        message: String,
        /// Exit code.
        code: u8,
    },
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Io(error)
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Failure {
        Failure::Usage(error.to_string())
    }
}

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let mut out = io::stdout().lock();
    match dispatch(args, &mut out).and_then(|()| Ok(out.flush()?)) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads from a pipe may stop when it has enough.
        Err(Failure::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Failure::Io(error)) => complain(&error.to_string(), ExitCode::FAILURE),
        Err(Failure::Result { message, code }) if message.is_empty() => ExitCode::from(code),
        Err(Failure::Result { message, code }) => complain(&message, ExitCode::from(code)),
        Err(Failure::Usage(message)) => {
            complain(&format!("{message}\nspatialclaw --help says what there is"), ExitCode::from(USAGE_ERROR))
        }
    }
}

fn complain(message: &str, code: ExitCode) -> ExitCode {
    let _ = writeln!(io::stderr(), "spatialclaw: {message}");
    code
}

fn dispatch(args: Vec<OsString>, out: &mut dyn Write) -> Result<(), Failure> {
    let mut args = args.into_iter();
    let Some(first) = args.next() else { return Err(Failure::Usage("a command is missing".to_owned())) };
    let rest: Vec<OsString> = args.collect();
    match first.to_string_lossy().as_ref() {
        "--help" | "-h" => return Ok(out.write_all(help().as_bytes())?),
        "--version" | "-V" => return Ok(writeln!(out, "spatialclaw {}", env!("CARGO_PKG_VERSION"))?),
        name => match COMMANDS.iter().find(|command| command.name == name) {
            Some(command) if rest.iter().any(|arg| arg == "--help" || arg == "-h") => {
                out.write_all(command.help.as_bytes())?;
            }
            Some(command) => (command.run)(rest, out)?,
            None => {
                let names: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
                return Err(Failure::Usage(format!("there is no command {name:?}, expected {}", names.join(", "))));
            }
        },
    }
    Ok(())
}

fn help() -> String {
    let mut text = String::from("Usage: spatialclaw COMMAND [OPTIONS]\n\nCommands:\n");
    for command in COMMANDS {
        text.push_str(&format!("  {:<8} {}\n", command.name, command.about));
    }
    text.push_str("\nOptions:\n  -h, --help     this text, or that of a command\n  -V, --version  the version\n");
    text
}
