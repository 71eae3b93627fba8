//! `spatialclaw ask`: the same agent without a ROS graph.

mod arguments;
mod output;

use std::{
    ffi::OsString,
    io::{self, Write},
    sync::Arc,
    time::{Duration, Instant},
};

use spatialclaw::{
    app::{
        App,
        source::{Prepared, SourceError, prepare},
    },
    bag,
};
use tokio_util::sync::CancellationToken;

use self::arguments::Arguments;
use super::Failure;

/// Printed by `--help`.
pub const HELP: &str = "\
Usage: spatialclaw ask [OPTIONS] SOURCE QUESTION

Answers a question about a recording or a picture, without ROS: the same buffers, models, kernel and tools as the node. What happens is
said on standard error, the answer stands on standard output.

Arguments:
  SOURCE              a rosbag2 (folder, .mcap or .db3), a folder of RGB-D pictures, or a picture with what lies beside it
  QUESTION            in words

Which moment and what is seen:
  --at SECS           seconds after the first image, or a time as in the stamps: @SECS; the last images without it
  --last SECS         the seconds before it as well, for questions about change
  --camera NAME       a camera to use, several times for several; all that can be measured in without it
  --image-topic, --depth-topic, --info-topic, --labels-topic, --label-names-topic TOPIC
                      a camera's topics where they are not found by themselves; none = do without
  --only NAME         only this picture of a folder: learn0 of learn0_rgb.png
  --intrinsics FX,FY,CX,CY
                      pixels, in the place of intrinsics.json
  --label ID=NAME     name of a value in label images, over labels.json; those without are \"object ID\"
  --depth-scale N     units of depth images a metre, 1000 = millimetres
  --up X,Y,Z          upward direction in the camera (x right, y down, z forward), where transforms do not tell

Frames:
  --frame FRAME       frame of points and poses in the answer
  --fixed-frame FRAME frame in which is measured
  --robot-frame FRAME the robot's body

Who answers, and how:
  --model MODEL       offline, a preset, or PRESET/NAME with the name under which the server offers the model
  --endpoint URL      chat-completions server of the model, such as http://127.0.0.1:8000/v1
  --key-env VARIABLE  environment variable that holds its key
  --interface NAME    code, tool_calls, single_pass or no_tools
  --choice TEXT       an allowed answer, several times for several
  --deadline SECS     120 without it
  --max-steps N       cells at most
  --set NAME=VALUE    a parameter of the node, several times for several: --set agent.planning=false

Output:
  --record FILE       keep the session as FILE (.mcap), for spatialclaw replay and report
  --json              the answer with everything it rests on, and nothing on standard error
  -h, --help

Exit codes:
  0  answered
  1  writing failed
  2  the command line, a parameter or a model cannot be used
  3  refused, with code and reason
  4  the source cannot be read
";

const UNUSABLE: u8 = 2;
const REFUSED: u8 = 3;
const UNREADABLE: u8 = 4;
/// How long a record may take to get onto the disk after the answer.
const RECORD_PATIENCE: Duration = Duration::from_secs(60);

/// Runs the command.
pub fn run(args: Vec<OsString>, out: &mut dyn Write) -> Result<(), Failure> {
    let arguments = Arguments::parse(args)?;
    let tell = |line: &str| {
        if !arguments.is_json {
            let _ = writeln!(io::stderr(), "{line}");
        }
    };
    let unreadable = |error: bag::BagError| Failure::Result { message: error.to_string(), code: UNREADABLE };
    let mut source = bag::open(&arguments.source, &arguments.topics, &arguments.pictures).map_err(unreadable)?;
    tell(&format!("source    {}: {}", arguments.source.display(), source.outline().kind));
    let prepared = prepare(source.as_mut(), &arguments.settings, App::new).map_err(|error| {
        let code = if matches!(error, SourceError::Bag(_)) { UNREADABLE } else { UNUSABLE };
        Failure::Result { message: error.to_string(), code }
    })?;
    prepared.notes.iter().for_each(|note| tell(&format!("note      {note}")));
    let question = arguments.question(&prepared);
    prepared.app.check(&question).map_err(|refusal| Failure::Usage(refusal.message))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcome = runtime.block_on(async {
        let cancel = CancellationToken::new();
        let interrupted = cancel.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                interrupted.cancel();
            }
        });
        let accepted_at = Instant::now();
        let events = output::progress(accepted_at, arguments.is_json);
        let Prepared { app, .. } = &prepared;
        app.clone().ask(question, accepted_at, accepted_at + arguments.deadline, Arc::new(events), cancel).await
    });
    let record = arguments.record.as_ref().map(|wanted| {
        prepared.app.flush_records(RECORD_PATIENCE);
        let health = prepared.app.recorder_health();
        health
            .newest
            .ok_or_else(|| health.problem.unwrap_or_else(|| format!("{} could not be written", wanted.display())))
    });
    if arguments.is_json {
        let json = output::json(&outcome, &prepared.notes, record.as_ref());
        writeln!(out, "{json:#}")?;
    } else {
        match &record {
            Some(Ok(path)) => tell(&format!("record    {}", path.display())),
            Some(Err(problem)) => tell(&format!("record    lost: {problem}")),
            None => {}
        }
        if let Ok(answer) = &outcome.result {
            out.write_all(output::answer(answer).as_bytes())?;
        }
    }
    match &outcome.result {
        Ok(_) => Ok(()),
        Err(_) if arguments.is_json => Err(Failure::Result { message: String::new(), code: REFUSED }),
        Err(refusal) => {
            let message = format!("refused, {}: {}", refusal.code.name(), refusal.message);
            Err(Failure::Result { message, code: REFUSED })
        }
    }
}
