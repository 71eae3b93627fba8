//! Bags in MCAP files.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use mcap::{
    McapError,
    records::{Record, op},
    sans_io::{LinearReadEvent, LinearReader, LinearReaderOptions},
};

use super::{
    BagError, MAX_MESSAGE_BYTES,
    rosbag::{Each, RawMessage},
};

/// Channel by number: topic, type and encoding.
struct Channel {
    topic: String,
    type_name: String,
    encoding: String,
}

/// Hands every message to `each`, in the order of the file. Chunks are checked by their checksums.
///
/// # Errors
/// [`BagError`], and those of `each`.
pub fn read(path: &Path, each: &mut Each<'_>) -> Result<(), BagError> {
    let file = File::open(path).map_err(|source| BagError::unreadable(path, source))?;
    let mut n_left = file.metadata().map_err(|source| BagError::unreadable(path, source))?.len();
    let mut file = BufReader::with_capacity(1 << 20, file);
    // Chunks have checksums of their own; that of the whole data shows a record outside them that changed. Zero stands for none.
    let options = LinearReaderOptions::default()
        .with_validate_chunk_crcs(true)
        .with_validate_data_section_crc(true)
        .with_record_length_limit(MAX_MESSAGE_BYTES);
    let mut reader = LinearReader::new_with_options(options);
    let mut reading = Reading { path, schemas: HashMap::new(), channels: HashMap::new(), n_messages: 0 };
    while let Some(event) = reader.next_event() {
        match event {
            Ok(LinearReadEvent::ReadRequest(n_wanted)) => {
                // A length that is longer than the file takes no memory.
                let n_bytes = n_wanted.min(usize::try_from(n_left).unwrap_or(usize::MAX));
                let n_read = file.read(reader.insert(n_bytes)).map_err(|source| BagError::unreadable(path, source))?;
                reader.notify_read(n_read);
                n_left = n_left.saturating_sub(n_read as u64);
            }
            Ok(LinearReadEvent::Record { data, opcode }) => reading.record(opcode, data, each)?,
            Err(McapError::UnexpectedEof | McapError::UnexpectedEoc) => {
                return Err(BagError::CutOff { n_messages: reading.n_messages, path: path.to_owned() });
            }
            Err(error) => return Err(BagError::damaged(path, error.to_string())),
        }
    }
    Ok(())
}

struct Reading<'a> {
    path: &'a Path,
    schemas: HashMap<u16, String>,
    channels: HashMap<u16, Channel>,
    n_messages: u64,
}

impl Reading<'_> {
    fn record(&mut self, opcode: u8, data: &[u8], each: &mut Each<'_>) -> Result<(), BagError> {
        if ![op::SCHEMA, op::CHANNEL, op::MESSAGE].contains(&opcode) {
            return Ok(());
        }
        match mcap::parse_record(opcode, data).map_err(|error| BagError::damaged(self.path, error.to_string()))? {
            Record::Schema { header, .. } => {
                self.schemas.insert(header.id, header.name);
            }
            Record::Channel(channel) => {
                let type_name = self.schemas.get(&channel.schema_id).cloned().unwrap_or_default();
                let (topic, encoding) = (channel.topic, channel.message_encoding);
                self.channels.insert(channel.id, Channel { topic, type_name, encoding });
            }
            Record::Message { header, data } => {
                self.n_messages += 1;
                let Some(Channel { topic, type_name, encoding }) = self.channels.get(&header.channel_id) else {
                    let problem = format!("a message is of channel {}, which is not described", header.channel_id);
                    return Err(BagError::damaged(self.path, problem));
                };
                if encoding == "ros1" {
                    return Err(BagError::other_kind(
                        self.path,
                        "the bag holds messages of ROS 1",
                        "messages of ROS 2; `rosbags-convert` converts them",
                    ));
                }
                // Other encodings are of other programs: nothing that is read here.
                let type_name = if encoding == "cdr" { type_name } else { "" };
                each(RawMessage { topic, type_name, data: &data })?;
            }
            _ => {}
        }
        Ok(())
    }
}
