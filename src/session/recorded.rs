//! A session file, read back.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Read,
    path::{Path, PathBuf},
};

use mcap::{
    records::{Record, op},
    sans_io::{LinearReadEvent, LinearReader, LinearReaderOptions},
};
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::{
    FORMAT, SNAPSHOT,
    records::{
        CellRecord, EventRecord, MessageRecord, OutcomeRecord, PictureRecord, ReplyRecord, ReportRecord, RequestRecord,
        SessionRecord, TimeRecord,
    },
    topic,
};
use crate::scene::{Snapshot, snapshot_codec};

/// Larger records, chunks and snapshots are refused: no session has them, and a damaged length must not take all memory.
const MAX_RECORD_BYTES: usize = 1 << 30;

/// Why a file cannot be used.
#[derive(Debug, Error)]
pub enum FileError {
    /// It cannot be read: look at the path.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is another kind of file.
    #[error("this is no session of spatialclaw: {0}")]
    NotASession(String),
    /// It was written by a version that lays files out in another way: use that version.
    #[error("the file has layout {found}, this version reads layout {FORMAT}")]
    OtherLayout {
        /// The file's.
        found: u32,
    },
    /// It ends too early: copy it again, or record again.
    #[error("the file is cut off after {n_messages} messages")]
    CutOff {
        /// Messages before the end.
        n_messages: usize,
    },
    /// Bytes in it were changed: copy it again.
    #[error("the file is damaged: {0}")]
    Damaged(String),
}

/// Everything in a session file, in the order of writing.
#[derive(Debug, Default)]
pub struct Recorded {
    /// What was set and asked.
    pub session: SessionRecord,
    /// What the question could see; none when no images could be had.
    pub snapshot: Option<Snapshot>,
    /// Stages.
    pub events: Vec<EventRecord>,
    /// Requests.
    pub requests: Vec<RequestRecord>,
    /// Replies.
    pub replies: Vec<ReplyRecord>,
    /// Cells.
    pub cells: Vec<CellRecord>,
    /// What came of them.
    pub reports: Vec<ReportRecord>,
    /// Times that the loop read.
    pub times: Vec<TimeRecord>,
    /// How it ended.
    pub outcome: OutcomeRecord,
    /// Requests, replies, cells and reports in the order of happening.
    pub timeline: Vec<Happening>,
    /// What models were shown, by hash.
    pub pictures: BTreeMap<String, PictureRecord>,
    /// What was said, by hash.
    pub messages: BTreeMap<String, MessageRecord>,
}

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Happening {
    /// Since the goal was accepted.
    pub elapsed_secs: f64,
    /// What it was.
    pub what: What,
}

/// A message, by its position among those of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// In [`Recorded::events`].
    Event(usize),
    /// In [`Recorded::requests`].
    Request(usize),
    /// In [`Recorded::replies`].
    Reply(usize),
    /// In [`Recorded::cells`].
    Cell(usize),
    /// In [`Recorded::reports`].
    Report(usize),
}

impl Recorded {
    /// Whether nothing was heard, run or asked after the last request.
    pub fn ends_with_request(&self) -> bool {
        let last = self.timeline.iter().rev().find(|happening| !matches!(happening.what, What::Event(_)));
        last.is_some_and(|last| matches!(last.what, What::Request(_)))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn read(path: &Path) -> Result<Recorded, FileError> {
        let bytes = fs::read(path).map_err(|source| FileError::Unreadable { path: path.to_owned(), source })?;
        Recorded::from_bytes(&bytes)
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Recorded, FileError> {
        if !bytes.starts_with(mcap::MAGIC) {
            return Err(FileError::NotASession("it is no MCAP".to_owned()));
        }
        let mut reading = Reading::default();
        // Three checksums together cover every byte that is read: an opcode that changed would otherwise hide a whole record.
        let options = LinearReaderOptions::default()
            .with_validate_chunk_crcs(true)
            .with_validate_data_section_crc(true)
            .with_validate_summary_section_crc(true)
            .with_record_length_limit(MAX_RECORD_BYTES);
        let mut reader = LinearReader::new_with_options(options);
        let mut rest = bytes;
        while let Some(event) = reader.next_event() {
            match event {
                Ok(LinearReadEvent::ReadRequest(n_wanted)) => {
                    let n_bytes = n_wanted.min(rest.len());
                    let (now, later) = rest.split_at_checked(n_bytes).unwrap_or((rest, &[]));
                    reader.insert(n_bytes).copy_from_slice(now);
                    reader.notify_read(n_bytes);
                    rest = later;
                }
                Ok(LinearReadEvent::Record { data, opcode }) => reading.record(opcode, data)?,
                Err(mcap::McapError::UnexpectedEof | mcap::McapError::UnexpectedEoc) => {
                    return Err(FileError::CutOff { n_messages: reading.n_messages });
                }
                Err(error) => return Err(FileError::Damaged(error.to_string())),
            }
        }
        reading.finish()
    }
}

#[derive(Default)]
struct Reading {
    recorded: Recorded,
    topics: BTreeMap<u16, String>,
    n_messages: usize,
    has_session: bool,
    has_outcome: bool,
}

impl Reading {
    fn record(&mut self, opcode: u8, data: &[u8]) -> Result<(), FileError> {
        if opcode == op::ATTACHMENT && !is_whole_attachment(data) {
            return Err(FileError::Damaged("an attachment is shorter than it says".to_owned()));
        }
        if ![op::ATTACHMENT, op::CHANNEL, op::MESSAGE].contains(&opcode) {
            return Ok(());
        }
        match mcap::parse_record(opcode, data).map_err(|error| FileError::Damaged(error.to_string()))? {
            Record::Channel(channel) => {
                self.topics.insert(channel.id, channel.topic);
            }
            Record::Message { header, data } => {
                self.n_messages += 1;
                let topic = self.topics.get(&header.channel_id).cloned().unwrap_or_default();
                self.message(&topic, header.log_time, &data)?;
            }
            Record::Attachment { header, data, .. } if header.name == SNAPSHOT => self.snapshot(&data)?,
            _ => {}
        }
        Ok(())
    }

    fn message(&mut self, topic: &str, log_time: u64, data: &[u8]) -> Result<(), FileError> {
        let recorded = &mut self.recorded;
        let what = match topic {
            topic::REQUEST => Some(What::Request(recorded.requests.len())),
            topic::REPLY => Some(What::Reply(recorded.replies.len())),
            topic::CELL => Some(What::Cell(recorded.cells.len())),
            topic::REPORT => Some(What::Report(recorded.reports.len())),
            topic::EVENT => Some(What::Event(recorded.events.len())),
            _ => None,
        };
        let accepted_nanos = recorded.session.accepted_nanos.max(0).unsigned_abs();
        let elapsed_secs = log_time.saturating_sub(accepted_nanos) as f64 * 1e-9;
        recorded.timeline.extend(what.map(|what| Happening { elapsed_secs, what }));
        match topic {
            topic::SESSION => {
                // The layout is looked at before anything that depends on it.
                let found = parse::<Layout>(topic, data)?.format;
                if found != FORMAT {
                    return Err(FileError::OtherLayout { found });
                }
                recorded.session = parse(topic, data)?;
                self.has_session = true;
            }
            topic::EVENT => recorded.events.push(parse(topic, data)?),
            topic::REQUEST => {
                let request: RequestRecord = parse(topic, data)?;
                let messages = request.new_messages.iter().map(|message| (message.sha256.clone(), message.clone()));
                recorded.messages.extend(messages);
                recorded.requests.push(request);
            }
            topic::REPLY => recorded.replies.push(parse(topic, data)?),
            topic::CELL => recorded.cells.push(parse(topic, data)?),
            topic::REPORT => recorded.reports.push(parse(topic, data)?),
            topic::TIME => recorded.times.push(parse(topic, data)?),
            topic::PICTURE => {
                let picture: PictureRecord = parse(topic, data)?;
                recorded.pictures.insert(picture.sha256.clone(), picture);
            }
            topic::OUTCOME => {
                recorded.outcome = parse(topic, data)?;
                self.has_outcome = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn snapshot(&mut self, data: &[u8]) -> Result<(), FileError> {
        let damaged = |reason: String| FileError::Damaged(format!("the snapshot cannot be read: {reason}"));
        let mut bytes = Vec::new();
        let decoder = zstd::Decoder::new(data).map_err(|error| damaged(error.to_string()))?;
        decoder.take(MAX_RECORD_BYTES as u64).read_to_end(&mut bytes).map_err(|error| damaged(error.to_string()))?;
        let snapshot = snapshot_codec::decode(&bytes).map_err(|error| damaged(error.to_string()))?;
        self.recorded.snapshot = Some(snapshot);
        Ok(())
    }

    fn finish(self) -> Result<Recorded, FileError> {
        if !self.has_session {
            return Err(FileError::NotASession(format!("it has no message on {}", topic::SESSION)));
        }
        if !self.has_outcome {
            return Err(FileError::CutOff { n_messages: self.n_messages });
        }
        Ok(self.recorded)
    }
}

#[derive(serde::Deserialize)]
struct Layout {
    format: u32,
}

fn parse<T: DeserializeOwned>(topic: &str, data: &[u8]) -> Result<T, FileError> {
    serde_json::from_slice(data)
        .map_err(|error| FileError::Damaged(format!("a message on {topic} cannot be read: {error}")))
}

/// Whether the two texts and the data of an attachment lie within it: two times (8 + 8), name and type with their lengths (4 each),
/// length of the data (8), data, checksum (4). The library's parser trusts the first of these.
fn is_whole_attachment(body: &[u8]) -> bool {
    let text_end = |start: usize| {
        let length: [u8; 4] = body.get(start..start.checked_add(4)?)?.try_into().ok()?;
        start.checked_add(4)?.checked_add(u32::from_le_bytes(length) as usize)
    };
    text_end(16).and_then(text_end).is_some_and(|header_end| header_end.saturating_add(8 + 4) <= body.len())
}
