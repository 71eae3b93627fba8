//! One session as an MCAP file.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
    fs::File,
    io::{self, BufWriter, Write},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use mcap::{WriteOptions, records::MessageHeader};
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use super::{
    bounded_file::BoundedFile,
    entry::{Entry, Moment},
    ros_messages::{self, RosType},
};
use crate::{
    agent::Outcome,
    llm::{ChatRequest, Picture},
    scene::{Snapshot, Stamp, StampedTransform, snapshot_codec},
    session::{
        LIBRARY, SNAPSHOT,
        content_hash::PictureHashes,
        records::{
            CellRecord, EventRecord, MessageRecord, OutcomeRecord, PictureRecord, ReplyRecord, ReportRecord,
            RequestRecord, Schema, SessionRecord, StampRecord, TimeRecord,
        },
        topic,
    },
};

/// Why a session cannot be written.
#[derive(Debug, Error)]
pub(super) enum WriteError {
    /// The file system refuses.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The container refuses.
    #[error("{0}")]
    Container(String),
    /// A message cannot be put into JSON.
    #[error("a message is not JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl From<mcap::McapError> for WriteError {
    fn from(error: mcap::McapError) -> WriteError {
        match error {
            mcap::McapError::Io(error) => WriteError::Io(error),
            other => WriteError::Container(other.to_string()),
        }
    }
}

/// A file that is being written.
pub(super) struct SessionFile {
    mcap: mcap::Writer<BufWriter<BoundedFile>>,
    sequence: u32,
    hashes: PictureHashes,
    known_messages: HashSet<String>,
    known_pictures: HashSet<String>,
}

impl SessionFile {
    /// Starts the file with what was set.
    pub fn create(file: File, max_bytes: u64, session: &SessionRecord) -> Result<SessionFile, WriteError> {
        let options = WriteOptions::new()
            .library(format!("{LIBRARY}{}", session.version))
            // The writer's thread compresses by itself: threads of its own would take the cores from the goal.
            .compression_threads(0);
        let mcap = options.create(BufWriter::new(BoundedFile::new(file, max_bytes)))?;
        let mut started = SessionFile {
            mcap,
            sequence: 0,
            hashes: PictureHashes::default(),
            known_messages: HashSet::new(),
            known_pictures: HashSet::new(),
        };
        started
            .mcap
            .write_metadata(&mcap::records::Metadata { name: "spatialclaw".to_owned(), metadata: facts(session) })?;
        started.json(topic::SESSION, session.accepted_nanos, session)?;
        // A file that cannot even hold this is found out now.
        started.mcap.flush()?;
        Ok(started)
    }

    /// Adds an entry.
    pub fn write(&mut self, at: Moment, entry: &Entry) -> Result<(), WriteError> {
        let stamp_nanos = at.stamp_nanos;
        match entry {
            Entry::Snapshot(snapshot) => self.snapshot(snapshot),
            Entry::Event(event) => {
                self.json(topic::EVENT, stamp_nanos, &EventRecord::new(event, at.elapsed.as_secs_f64()))
            }
            Entry::Request { call, role, model, request } => self.request(at, *call, role, model, request),
            Entry::Reply { call, role, model, said, took } => {
                self.json(topic::REPLY, stamp_nanos, &ReplyRecord::new(*call, role, model, said, *took))
            }
            Entry::Cell(cell) => self.json(topic::CELL, stamp_nanos, &CellRecord::from(cell)),
            Entry::Report { id, report } => {
                self.pictures(stamp_nanos, &report.pictures)?;
                let report = ReportRecord::new(*id, report, &self.hashes);
                self.json(topic::REPORT, stamp_nanos, &report)
            }
            Entry::Time { left } => {
                let left_nanos = u64::try_from(left.as_nanos()).unwrap_or(u64::MAX);
                self.json(topic::TIME, stamp_nanos, &TimeRecord { left_nanos })
            }
        }
    }

    /// Ends the file and says how large it is.
    pub fn finish(mut self, at: Moment, outcome: Option<&Outcome>, n_left_out: u64) -> Result<u64, WriteError> {
        let mut record = outcome.map(OutcomeRecord::from).unwrap_or_default();
        record.n_left_out = n_left_out;
        self.json(topic::OUTCOME, at.stamp_nanos, &record)?;
        self.mcap.finish()?;
        let mut file = self.mcap.into_inner();
        file.flush()?;
        let file = file.into_inner().map_err(|error| WriteError::Io(error.into_error()))?;
        file.sync()?;
        Ok(file.n_bytes()?)
    }

    fn request(
        &mut self,
        at: Moment,
        call: u64,
        role: &str,
        model: &str,
        request: &ChatRequest,
    ) -> Result<(), WriteError> {
        let mut messages = Vec::new();
        let mut new_messages = Vec::new();
        for message in &request.messages {
            let hash = self.hashes.of_message(message);
            if self.known_messages.insert(hash.clone()) {
                self.pictures(at.stamp_nanos, &message.pictures)?;
                new_messages.push(MessageRecord::new(message, &self.hashes));
            }
            messages.push(hash);
        }
        let record = RequestRecord {
            call,
            role: role.to_owned(),
            model: model.to_owned(),
            sha256: self.hashes.of_request(request),
            messages,
            new_messages,
            n_tools: request.tools.len(),
            response_schema: request.response_schema.as_ref().map(|schema| schema.name.clone()),
            elapsed_secs: at.elapsed.as_secs_f64(),
        };
        self.json(topic::REQUEST, at.stamp_nanos, &record)
    }

    /// Each picture once.
    fn pictures(&mut self, stamp_nanos: i64, pictures: &[Picture]) -> Result<(), WriteError> {
        for picture in pictures {
            let sha256 = self.hashes.of(&picture.image);
            if !self.known_pictures.insert(sha256.clone()) {
                continue;
            }
            let Some(jpeg) = ros_messages::jpeg(&picture.image) else { continue };
            let (sec, nsec) = Stamp { nanos: stamp_nanos }.to_parts();
            let (width_px, height_px) = picture.image.dimensions();
            let record = PictureRecord {
                timestamp: StampRecord { sec: i64::from(sec), nsec },
                frame_id: picture.label.clone(),
                data: STANDARD.encode(jpeg),
                format: "jpeg".to_owned(),
                sha256,
                width_px,
                height_px,
            };
            self.json(topic::PICTURE, stamp_nanos, &record)?;
        }
        Ok(())
    }

    fn snapshot(&mut self, snapshot: &Snapshot) -> Result<(), WriteError> {
        let bytes = snapshot_codec::encode(snapshot);
        let attachment = mcap::Attachment {
            log_time: log_time(snapshot.taken_at.nanos),
            create_time: log_time(snapshot.taken_at.nanos),
            name: SNAPSHOT.to_owned(),
            media_type: "application/zstd".to_owned(),
            data: Cow::Owned(zstd::encode_all(bytes.as_slice(), zstd::DEFAULT_COMPRESSION_LEVEL)?),
        };
        self.mcap.attach(&attachment)?;
        self.transforms(snapshot)?;
        for view in &snapshot.views {
            let topic_of = |last: &str| format!("{}/{}/{last}", topic::CAMERA, view.camera);
            let nanos = view.stamp.nanos;
            if let Some(color) = ros_messages::color(view) {
                self.ros(&topic_of("image"), nanos, &ros_messages::COMPRESSED_IMAGE, &color)?;
            }
            self.ros(&topic_of("camera_info"), nanos, &ros_messages::CAMERA_INFO, &ros_messages::camera_info(view))?;
            if let Ok(depth) = &view.depth {
                self.ros(&topic_of("depth"), nanos, &ros_messages::IMAGE, &ros_messages::depth(view, depth))?;
            }
        }
        Ok(())
    }

    /// Static ones stamped like the oldest of the others, then one message for each stamp.
    fn transforms(&mut self, snapshot: &Snapshot) -> Result<(), WriteError> {
        let mut fixed = Vec::new();
        let mut by_stamp: BTreeMap<Stamp, Vec<StampedTransform>> = BTreeMap::new();
        for (transform, is_static) in snapshot.transforms.samples() {
            if is_static {
                fixed.push(transform);
            } else {
                by_stamp.entry(transform.stamp).or_default().push(transform);
            }
        }
        let oldest_view = snapshot.views.first().map_or(snapshot.taken_at, |view| view.stamp);
        let oldest = by_stamp.keys().next().map_or(oldest_view, |stamp| oldest_view.min(*stamp));
        fixed.iter_mut().for_each(|transform| transform.stamp = oldest);
        if !fixed.is_empty() {
            self.ros(topic::TF, oldest.nanos, &ros_messages::TF_MESSAGE, &ros_messages::transforms(&fixed))?;
        }
        for (stamp, transforms) in by_stamp {
            self.ros(topic::TF, stamp.nanos, &ros_messages::TF_MESSAGE, &ros_messages::transforms(&transforms))?;
        }
        Ok(())
    }

    fn json<T: Schema + Serialize>(&mut self, topic: &str, stamp_nanos: i64, record: &T) -> Result<(), WriteError> {
        let mut schema = T::schema();
        // Viewers know their own pictures by this name.
        if topic == topic::PICTURE {
            mark_as_foxglove_picture(&mut schema);
        }
        let name = schema.get("title").and_then(Value::as_str).unwrap_or_default().to_owned();
        let schema_id = self.mcap.add_schema(&name, "jsonschema", &serde_json::to_vec(&schema)?)?;
        let channel_id = self.mcap.add_channel(schema_id, topic, "json", &BTreeMap::new())?;
        self.message(channel_id, stamp_nanos, &serde_json::to_vec(record)?)
    }

    fn ros(&mut self, topic: &str, stamp_nanos: i64, kind: &RosType, data: &[u8]) -> Result<(), WriteError> {
        let schema_id = self.mcap.add_schema(kind.name, "ros2msg", kind.definition.as_bytes())?;
        let channel_id = self.mcap.add_channel(schema_id, topic, "cdr", &BTreeMap::new())?;
        self.message(channel_id, stamp_nanos, data)
    }

    fn message(&mut self, channel_id: u16, stamp_nanos: i64, data: &[u8]) -> Result<(), WriteError> {
        let log_time = log_time(stamp_nanos);
        let header = MessageHeader { channel_id, sequence: self.sequence, log_time, publish_time: log_time };
        self.sequence += 1;
        Ok(self.mcap.write_to_known_channel(&header, data)?)
    }
}

/// MCAP's times are not negative.
fn log_time(stamp_nanos: i64) -> u64 {
    u64::try_from(stamp_nanos).unwrap_or(0)
}

fn mark_as_foxglove_picture(schema: &mut Value) {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("title".to_owned(), "foxglove.CompressedImage".into());
        if let Some(data) = schema.get_mut("properties").and_then(|properties| properties.get_mut("data")) {
            *data = serde_json::json!({"type": "string", "contentEncoding": "base64"});
        }
    }
}

/// What `mcap info` and file managers can show without reading messages.
fn facts(session: &SessionRecord) -> BTreeMap<String, String> {
    let models: Vec<&str> = session.models.iter().map(|model| model.name.as_str()).collect();
    let facts = [
        ("format", session.format.to_string()),
        ("version", session.version.clone()),
        ("git_hash", session.git_hash.clone().unwrap_or_default()),
        ("session_id", session.session_id.clone()),
        ("question", session.goal.question.clone()),
        ("models", models.join(", ")),
        ("prompt_hash", session.prompt_hash.clone()),
    ];
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
