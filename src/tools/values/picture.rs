//! `Picture`: something drawn, with its description in words, so that a model without eyes can read it too.

use std::sync::Arc;

use crate::tools::Library;
use image::RgbImage;
use rhai::{Dynamic, Map};

use super::{FrameValue, ValueSpec};

/// Something drawn.
#[derive(Clone)]
pub struct PictureValue(Arc<Inner>);

/// What a picture holds.
pub struct Inner {
    /// The pixels.
    pub image: Arc<RgbImage>,
    /// Who drew it, such as `render_bev`.
    pub source: String,
    /// What it shows, in words.
    pub description: String,
    /// The camera image it is drawn on, if it is.
    pub frame: Option<FrameValue>,
    /// What else is known of it, such as its scale.
    pub meta: Map,
}

impl std::ops::Deref for PictureValue {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// The manual's entry.
pub const SPEC: ValueSpec = ValueSpec {
    name: "Picture",
    doc: "Something drawn; show(picture) shows it.",
    members: &[
        (".description", "what it shows, in words"),
        (".width .height .source", "pixels; who drew it"),
        (".index", "the frame it is drawn on, or ()"),
        (".meta", "map with what is known of it, such as #{px_per_m, objects} of a bird's-eye view"),
    ],
};

impl PictureValue {
    /// From its parts.
    pub fn new(inner: Inner) -> PictureValue {
        PictureValue(Arc::new(inner))
    }

    /// In a few words.
    pub fn text(&self) -> String {
        format!("Picture {}x{} of {}: {}", self.image.width(), self.image.height(), self.source, self.description)
    }
}

/// Makes the type known to cells.
pub fn register(library: &mut Library) {
    library
        .register_type_with_name::<PictureValue>("Picture")
        .register_get("description", |p: &mut PictureValue| p.description.clone())
        .register_get("source", |p: &mut PictureValue| p.source.clone())
        .register_get("width", |p: &mut PictureValue| i64::from(p.image.width()))
        .register_get("height", |p: &mut PictureValue| i64::from(p.image.height()))
        .register_get("meta", |p: &mut PictureValue| p.meta.clone())
        .register_get("index", |p: &mut PictureValue| {
            p.frame.as_ref().map_or(Dynamic::UNIT, |frame| Dynamic::from_int(frame.index() as i64))
        })
        .register_fn("to_string", |p: &mut PictureValue| p.text())
        .register_fn("to_debug", |p: &mut PictureValue| p.text());
}
