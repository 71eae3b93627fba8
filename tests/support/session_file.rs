//! A session file as its messages, to look at and to change, without the reader under test.

#![allow(dead_code, missing_docs, reason = "each including test uses a part")]

use std::{borrow::Cow, collections::BTreeMap, io::Cursor};

use serde_json::Value;

pub struct StoredMessage {
    pub topic: String,
    pub schema_name: String,
    pub schema_encoding: String,
    pub schema: Vec<u8>,
    pub encoding: String,
    pub log_time: u64,
    pub data: Vec<u8>,
}

pub struct SessionFile {
    pub messages: Vec<StoredMessage>,
    pub snapshot: Vec<u8>,
}

impl SessionFile {
    pub fn read(bytes: &[u8]) -> SessionFile {
        let messages = mcap::MessageStream::new(bytes)
            .unwrap()
            .map(|message| {
                let message = message.unwrap();
                let schema = message.channel.schema.as_ref().unwrap();
                StoredMessage {
                    topic: message.channel.topic.clone(),
                    schema_name: schema.name.clone(),
                    schema_encoding: schema.encoding.clone(),
                    schema: schema.data.to_vec(),
                    encoding: message.channel.message_encoding.clone(),
                    log_time: message.log_time,
                    data: message.data.to_vec(),
                }
            })
            .collect();
        let summary = mcap::Summary::read(bytes).unwrap().unwrap();
        let snapshot = summary.attachment_indexes.first().map(|index| mcap::read::attachment(bytes, index).unwrap());
        SessionFile { messages, snapshot: snapshot.map(|attachment| attachment.data.to_vec()).unwrap_or_default() }
    }

    pub fn json_messages(&self) -> impl Iterator<Item = &StoredMessage> {
        self.messages.iter().filter(|message| message.encoding == "json")
    }

    /// Changes the message at `position` on `topic`.
    pub fn edit(&mut self, topic: &str, position: usize, change: impl FnOnce(&mut Value)) {
        let message = self.messages.iter_mut().filter(|message| message.topic == topic).nth(position).unwrap();
        let mut value: Value = serde_json::from_slice(&message.data).unwrap();
        change(&mut value);
        message.data = serde_json::to_vec(&value).unwrap();
    }

    pub fn write(&self) -> Vec<u8> {
        let mut writer = mcap::Writer::new(Cursor::new(Vec::new())).unwrap();
        if !self.snapshot.is_empty() {
            writer
                .attach(&mcap::Attachment {
                    log_time: 0,
                    create_time: 0,
                    name: "snapshot.zst".to_owned(),
                    media_type: "application/zstd".to_owned(),
                    data: Cow::Borrowed(&self.snapshot),
                })
                .unwrap();
        }
        for (sequence, message) in self.messages.iter().enumerate() {
            let schema_id = writer.add_schema(&message.schema_name, &message.schema_encoding, &message.schema).unwrap();
            let channel_id =
                writer.add_channel(schema_id, &message.topic, &message.encoding, &BTreeMap::new()).unwrap();
            let header = mcap::records::MessageHeader {
                channel_id,
                sequence: sequence as u32,
                log_time: message.log_time,
                publish_time: message.log_time,
            };
            writer.write_to_known_channel(&header, &message.data).unwrap();
        }
        writer.finish().unwrap();
        writer.into_inner().into_inner()
    }
}

/// The part of JSON schema that the files use.
pub fn check_schema(schema: &Value, value: &Value, path: &str) {
    match schema["type"].as_str().unwrap() {
        "object" => {
            let object = value.as_object().unwrap_or_else(|| panic!("{path} is {value}"));
            let known = schema["properties"].as_object().unwrap();
            if known.is_empty() {
                return;
            }
            for name in schema["required"].as_array().into_iter().flatten() {
                assert!(object.contains_key(name.as_str().unwrap()), "{path} lacks {name}");
            }
            for (name, field) in object {
                let field_schema = known.get(name).unwrap_or_else(|| panic!("{path}.{name} is unknown"));
                check_schema(field_schema, field, &format!("{path}.{name}"));
            }
        }
        "array" => {
            for item in value.as_array().unwrap_or_else(|| panic!("{path} is {value}")) {
                check_schema(&schema["items"], item, &format!("{path}[]"));
            }
        }
        "string" => assert!(value.is_string(), "{path} is {value}"),
        "boolean" => assert!(value.is_boolean(), "{path} is {value}"),
        "integer" => assert!(value.is_i64() || value.is_u64(), "{path} is {value}"),
        "number" => assert!(value.is_number(), "{path} is {value}"),
        other => panic!("{path}: viewers do not know {other}"),
    }
}

/// Reads CDR after the OMG's rules, little-endian.
pub struct Cdr<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Cdr<'_> {
    pub fn new(bytes: &[u8]) -> Cdr<'_> {
        assert_eq!(bytes[..4], [0, 1, 0, 0]);
        Cdr { bytes: &bytes[4..], position: 0 }
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        self.position = self.position.div_ceil(N) * N;
        self.position += N;
        self.bytes[self.position - N..self.position].try_into().unwrap()
    }

    pub fn u8(&mut self) -> u8 {
        self.take::<1>()[0]
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    pub fn f64(&mut self) -> f64 {
        f64::from_le_bytes(self.take())
    }

    pub fn blob(&mut self) -> Vec<u8> {
        let length = self.u32() as usize;
        self.position += length;
        self.bytes[self.position - length..self.position].to_vec()
    }

    pub fn text(&mut self) -> String {
        let mut bytes = self.blob();
        assert_eq!(bytes.pop(), Some(0));
        String::from_utf8(bytes).unwrap()
    }
}
