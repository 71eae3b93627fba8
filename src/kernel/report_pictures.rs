//! Pictures of a report as bytes: label and image block each.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serializer, de::Error};
use serde_bytes::ByteBuf;

use crate::{llm::Picture, scene::snapshot_codec};

pub fn serialize<S: Serializer>(pictures: &[Picture], serializer: S) -> Result<S::Ok, S::Error> {
    let block = |picture: &Picture| ByteBuf::from(snapshot_codec::encode_image(&picture.image));
    serializer.collect_seq(pictures.iter().map(|picture| (&picture.label, block(picture))))
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Picture>, D::Error> {
    let blocks: Vec<(String, ByteBuf)> = Vec::deserialize(deserializer)?;
    let picture = |(label, block): (String, ByteBuf)| {
        let image = snapshot_codec::decode_image(&block).map_err(D::Error::custom)?;
        Ok(Picture { label, image: Arc::new(image) })
    };
    blocks.into_iter().map(picture).collect()
}
