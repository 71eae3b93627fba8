//! What a goal hands to the writer. Texts are moved or cloned, pictures are shared; nothing is converted in the goal's time.

use std::{
    sync::{Arc, mpsc::SyncSender},
    time::Duration,
};

use super::recording::Weight;
use crate::{
    agent::{Event, Outcome},
    kernel::{Cell, CellReport},
    llm::{ChatReply, ChatRequest, ModelError},
    scene::Snapshot,
    session::records::SessionRecord,
};

/// One thing for the writer to do.
pub(super) enum Job {
    /// A session starts.
    Start { key: u64, session: Box<SessionRecord> },
    /// Something happened in it.
    Entry { key: u64, at: Moment, entry: Box<Entry>, weight: Weight },
    /// It ended; without an outcome when nobody waited for it.
    End { key: u64, at: Moment, outcome: Option<Box<Outcome>>, n_left_out: u64 },
    /// Say when everything before is written.
    Flush(SyncSender<()>),
}

/// When something happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// In ROS time, nanoseconds.
    pub stamp_nanos: i64,
    /// Since the goal was accepted.
    pub elapsed: Duration,
}

/// Something that happened in a session.
#[allow(clippy::large_enum_variant, reason = "few wait at a time")]
pub(super) enum Entry {
    Snapshot(Arc<Snapshot>),
    Event(Event),
    Request { call: u64, role: &'static str, model: String, request: ChatRequest },
    Reply { call: u64, role: &'static str, model: String, said: Result<ChatReply, ModelError>, took: Duration },
    Cell(Cell),
    Report { id: u32, report: CellReport },
    Time { left: Duration },
}

impl Entry {
    /// Bytes that only this entry may keep alive.
    pub fn weight_bytes(&self) -> usize {
        match self {
            Entry::Report { report, .. } => {
                report.stdout.len() + report.pictures.iter().map(|picture| picture.image.as_raw().len()).sum::<usize>()
            }
            Entry::Request { request, .. } => request.messages.iter().map(|message| message.text.len()).sum(),
            Entry::Reply { said: Ok(reply), .. } => reply.text.len() + reply.thinking.len(),
            Entry::Event(event) => event.code.len() + event.output.len(),
            _ => 0,
        }
    }
}
