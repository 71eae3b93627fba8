//! The child's side.

use std::{
    borrow::Cow,
    io::{self, Write},
    process,
    sync::{Arc, mpsc},
    thread,
};

use tokio_util::sync::CancellationToken;

use super::{
    super::{Cell, Kernel, KernelContext, worker::STACK_BYTES},
    looker::ParentLooker,
    walls,
    wire::{self, Hello, InChild, Ready, Request, Said, Setup, Start},
};
use crate::{
    llm::VlmHandle,
    perception::{Perception, label_image::LabelImageSegmenter},
    scene::snapshot_codec::{self, CodecError},
};

/// Runs one goal's kernel over stdin and stdout until stdin ends. To be called first thing in a program that does nothing else.
///
/// # Errors
/// When what comes in is not what a parent of this release says, or the memory limit cannot be set.
pub fn serve() -> io::Result<()> {
    walls::close_inherited_files()?;
    let mut input = io::stdin().lock();
    say(&Hello::own())?;
    let Some(setup) = wire::read_frame(&mut input)? else { return Ok(()) };
    let missing = walls::raise(&wire::message::<Setup>(&setup)?)?;
    say(&Ready { missing })?;
    let snapshot =
        snapshot_codec::decode_parts(|_| expect_frame(&mut input).map(Cow::Owned)).map_err(io::Error::from)?;
    let start: Start = wire::message(&expect_frame(&mut input)?)?;
    let cancel = CancellationToken::new();
    let snapshot = Arc::new(snapshot);
    let (seen, receive_seen) = mpsc::channel();
    let looker = start.has_vlm.then(|| ParentLooker::new(snapshot.clone(), receive_seen));
    let vlm = looker.map(|looker| VlmHandle::through(Arc::new(looker)));
    let perception = Perception::new(Arc::new(LabelImageSegmenter));
    let context = start.into_context(InChild { snapshot, perception, vlm, cancel: cancel.clone() });
    let cells = start_kernel(context)?;
    while let Some(frame) = wire::read_frame(&mut input)? {
        match wire::message(&frame)? {
            Request::Run { cell, is_program } => {
                cells.send((cell, is_program)).map_err(|_| io::Error::other("the kernel's thread ended"))?
            }
            Request::Cancel => cancel.cancel(),
            // The cell may have given up waiting.
            Request::Seen(id, what) => drop(seen.send((id, what))),
        }
    }
    Ok(())
}

/// Cells that are sent there are run in order, and each report goes to stdout.
fn start_kernel(context: KernelContext) -> io::Result<mpsc::Sender<(Cell, bool)>> {
    let (cells, receive) = mpsc::channel::<(Cell, bool)>();
    thread::Builder::new().name("kernel".to_owned()).stack_size(STACK_BYTES).spawn(move || {
        let memory = context.snapshot.memory.clone();
        let mut kernel = Kernel::new(context);
        while let Ok((cell, is_program)) = receive.recv() {
            let report = if is_program { kernel.run_program(&cell) } else { kernel.run_cell(&cell) };
            let report = Box::new(report);
            if let Err(error) = say(&Said::Report { report, noted: memory.measure_noted() }) {
                // Without its pipe the process is of no use, and only its end tells the parent.
                let _ = writeln!(io::stderr(), "no report could be sent: {error}");
                process::exit(1);
            }
        }
    })?;
    Ok(cells)
}

/// Sends a message to the parent.
pub(super) fn say(message: &impl serde::Serialize) -> io::Result<()> {
    wire::write_frame(&mut io::stdout().lock(), &wire::bytes(message)?)
}

fn expect_frame(input: &mut impl io::Read) -> Result<Vec<u8>, Unreadable> {
    let frame = wire::read_frame(input).map_err(Unreadable::Stream)?;
    frame.ok_or_else(|| Unreadable::Stream(io::ErrorKind::UnexpectedEof.into()))
}

enum Unreadable {
    Stream(io::Error),
    Snapshot(CodecError),
}

impl From<CodecError> for Unreadable {
    fn from(error: CodecError) -> Unreadable {
        Unreadable::Snapshot(error)
    }
}

impl From<Unreadable> for io::Error {
    fn from(error: Unreadable) -> io::Error {
        match error {
            Unreadable::Stream(error) => error,
            Unreadable::Snapshot(error) => wire::invalid(error),
        }
    }
}
