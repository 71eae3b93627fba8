//! What parent and child say to each other, in order.
//!
//! The child begins with [`Hello`]. The parent answers with [`Setup`], the child with [`Ready`]; then come the blocks of the snapshot
//! (see [`snapshot_codec`]), a frame each, and [`Start`]. From then on the parent sends [`Request`]s, and the child [`Said`], one report a
//! cell. A frame is its length, four bytes with the highest first, and that many bytes of postcard. Both ends are of one release, which
//! [`Hello`] makes sure of, so the types stand on the wire as they are.

use std::{
    io::{self, Read, Write},
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio_util::{
    codec::{LengthDelimitedCodec, length_delimited},
    sync::CancellationToken,
};

use serde_bytes::ByteBuf;

use super::super::{Cell, CellReport, KernelContext, Limits};
use crate::{
    answer::AnswerKind,
    llm::{VlmHandle, grounding::Located, vision::VisionError},
    perception::Perception,
    scene::{FrameId, Sighting, Snapshot, View, snapshot_codec},
};

/// Changes with every change of what is said.
const PROTOCOL: u16 = 1;

/// Who speaks.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    release: String,
    protocol: u16,
    snapshot_format: u16,
}

impl Hello {
    /// Of this program.
    pub fn own() -> Hello {
        Hello {
            release: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: PROTOCOL,
            snapshot_format: snapshot_codec::VERSION,
        }
    }
}

/// What the child may take.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// By the limits of the goal.
    pub max_memory_bytes: usize,
    /// Of the snapshot, decoded.
    pub snapshot_bytes: usize,
    /// Instead of what the two above need.
    pub address_space_bytes: Option<u64>,
    /// Until the goal's deadline.
    pub time_left: Duration,
}

/// The child has given up what it could.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Walls that this system does not offer, and why.
    pub missing: Vec<String>,
}

/// What crosses of a [`KernelContext`] beside the snapshot. The child segments by the label image.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    question: String,
    answer_kind: AnswerKind,
    choices: Vec<String>,
    target_frame: FrameId,
    limits: Limits,
    /// Whether a vision-language model can be asked.
    pub has_vlm: bool,
    /// A steady clock cannot cross.
    time_left: Duration,
}

/// What the child itself puts into its context.
pub struct InChild {
    /// From the blocks.
    pub snapshot: Arc<Snapshot>,
    /// Its own.
    pub perception: Perception,
    /// Asks the parent.
    pub vlm: Option<VlmHandle>,
    /// Its own.
    pub cancel: CancellationToken,
}

/// What the parent wants.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// Run this; one at a time.
    Run {
        /// The script.
        cell: Cell,
        /// Whether it must submit by itself.
        is_program: bool,
    },
    /// The goal was cancelled.
    Cancel,
    /// What came of the call with this number.
    Seen(u64, Seen),
}

/// What the child has to say.
#[derive(Debug, Serialize, Deserialize)]
pub enum Said {
    /// A cell has ended.
    Report {
        /// Of the cell.
        report: Box<CellReport>,
        /// What it measured for the questions to come, by id.
        noted: Vec<(String, Sighting)>,
    },
    /// The cell waits for a vision-language model.
    Look(LookCall),
    /// It waits no longer.
    StopLooking,
}

/// Questions about pictures.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookCall {
    /// Number of the call.
    pub id: u64,
    /// What is wanted.
    pub task: LookTask,
    /// Pictures, in order.
    pub pictures: Vec<WirePicture>,
    /// Each has its own answer.
    pub questions: Vec<String>,
}

/// What is wanted of a vision-language model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LookTask {
    /// Places.
    Locate,
    /// Words.
    Look,
}

/// A picture that is looked at.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WirePicture {
    /// That of a view.
    View {
        /// What it shows.
        label: String,
        /// Index in the snapshot.
        view_idx: usize,
    },
    /// Another, as a block of the snapshot's format.
    Block {
        /// What it shows.
        label: String,
        /// The image.
        block: ByteBuf,
    },
}

/// What came of a call, an answer a question.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum Seen {
    /// Of [`LookTask::Locate`].
    Located(Vec<Result<Located, VisionError>>),
    /// Of [`LookTask::Look`].
    Described(Vec<Result<String, VisionError>>),
}

impl Start {
    /// Of a context, now.
    pub fn new(context: &KernelContext) -> Start {
        Start {
            question: context.question.clone(),
            answer_kind: context.answer_kind,
            choices: context.choices.clone(),
            target_frame: context.target_frame.clone(),
            limits: context.limits,
            has_vlm: context.vlm.is_some(),
            time_left: time_left(context),
        }
    }

    /// The context in the child.
    pub fn into_context(self, of: InChild) -> KernelContext {
        let Start { question, answer_kind, choices, target_frame, limits, has_vlm: _, time_left } = self;
        let now = Instant::now();
        KernelContext {
            snapshot: of.snapshot,
            perception: of.perception,
            vlm: of.vlm,
            question,
            answer_kind,
            choices,
            target_frame,
            limits,
            cancel: of.cancel,
            deadline: now.checked_add(time_left).unwrap_or(now),
        }
    }
}

/// Until the goal's deadline.
pub fn time_left(context: &KernelContext) -> Duration {
    context.deadline.saturating_duration_since(Instant::now())
}

/// Memory that a snapshot's pixels take.
pub fn bytes_of(snapshot: &Snapshot) -> usize {
    let of_view = |view: &View| {
        let depth = view.depth.as_ref().map_or(0, |depth| size_of_val(depth.depth_m()));
        let labels = view.labels.as_ref().map_or(0, |labels| size_of_val(&*labels.ids));
        view.image.as_raw().len() + depth + labels
    };
    snapshot.views.iter().map(of_view).sum()
}

/// How frames stand on the pipes, for the parent.
pub fn codec(max_frame_bytes: usize) -> LengthDelimitedCodec {
    length_delimited::Builder::new().max_frame_length(max_frame_bytes.min(u32::MAX as usize)).new_codec()
}

/// The bytes of a message.
///
/// # Errors
/// When it cannot be written, which no message of ours does.
pub fn bytes(message: &impl Serialize) -> io::Result<Vec<u8>> {
    postcard::to_stdvec(message).map_err(invalid)
}

/// The message of a frame.
///
/// # Errors
/// `InvalidData`.
pub fn message<T: DeserializeOwned>(frame: &[u8]) -> io::Result<T> {
    match postcard::take_from_bytes(frame).map_err(invalid)? {
        (message, []) => Ok(message),
        (_, left) => Err(invalid(format!("{} bytes follow a message", left.len()))),
    }
}

/// A complaint about what the other end said.
pub fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Reads one frame, for the child; `None` at the end of the stream.
///
/// # Errors
/// Those of the stream; `UnexpectedEof` within a frame.
pub fn read_frame(input: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    let n_read = input.read(&mut length)?;
    if n_read == 0 {
        return Ok(None);
    }
    input.read_exact(length.get_mut(n_read..).unwrap_or_default())?;
    let length = u64::from(u32::from_be_bytes(length));
    // Beyond this the memory grows with what has come, whatever length was announced.
    let mut frame = Vec::with_capacity(length.min(16 << 20) as usize);
    input.take(length).read_to_end(&mut frame)?;
    if (frame.len() as u64) < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(frame))
}

/// Writes one frame, for the child.
///
/// # Errors
/// Those of the stream; `InvalidData` above 4 GiB.
pub fn write_frame(output: &mut impl Write, frame: &[u8]) -> io::Result<()> {
    let length = u32::try_from(frame.len()).map_err(invalid)?;
    output.write_all(&length.to_be_bytes())?;
    output.write_all(frame)?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::{CellStatus, LeftOut, MemoryUse};

    fn pieces(frames: &[Vec<u8>]) -> Vec<u8> {
        let mut stream = Vec::new();
        frames.iter().for_each(|frame| write_frame(&mut stream, frame).unwrap());
        stream
    }

    proptest! {
        #[test]
        fn frames_come_back(frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6)) {
            let stream = pieces(&frames);
            let mut rest = stream.as_slice();
            for frame in &frames {
                prop_assert_eq!(&read_frame(&mut rest).unwrap().unwrap(), frame);
            }
            prop_assert_eq!(read_frame(&mut rest).unwrap(), None);
        }

        /// A child that went wrong may send anything.
        #[test]
        fn any_bytes_are_a_message_or_an_error(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let _ = message::<Said>(&bytes);
            let _ = read_frame(&mut bytes.as_slice());
            let mut report = super::bytes(&said()).unwrap();
            let at = at.index(report.len());
            report[at] = byte;
            let _ = message::<Said>(&report);
        }
    }

    fn said() -> Said {
        let source = "let a = 1; a";
        let report = CellReport {
            status: CellStatus::Completed,
            stdout: source.to_owned(),
            value: Some("int 1".to_owned()),
            variables: Vec::new(),
            unchanged: Vec::new(),
            left_out: LeftOut::default(),
            pictures: Vec::new(),
            submission: None,
            n_tool_calls: 3,
            memory: MemoryUse::default(),
            elapsed: Duration::from_millis(7),
        };
        Said::Report { report: Box::new(report), noted: Vec::new() }
    }

    #[test]
    fn a_cut_frame_and_a_long_message_are_refused() {
        let stream = pieces(&[b"abcdef".to_vec()]);
        for n in 1..stream.len() {
            let kind = read_frame(&mut &stream[..n]).unwrap_err().kind();
            assert_eq!(kind, io::ErrorKind::UnexpectedEof, "{n}");
        }
        // 4 GiB are announced and six bytes come.
        let announced = [&[0xff; 4], b"abcdef".as_slice()].concat();
        assert_eq!(read_frame(&mut announced.as_slice()).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        let long = [bytes(&Request::Cancel).unwrap(), vec![0]].concat();
        assert_eq!(message::<Request>(&long).unwrap_err().to_string(), "1 bytes follow a message");
    }
}
