//! Instance-label images and the names of their values.

use std::{collections::BTreeMap, sync::Arc};

/// One instance id per pixel, row-major H×W; 0 is background.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelImage {
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// Ids, row-major.
    pub ids: Arc<[u32]>,
    /// What the ids mean.
    pub names: Arc<LabelNames>,
}

/// Names (and detector confidence) of instance ids. Several ids may share one name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelNames {
    /// Id → name and score in 0..=1.
    pub by_id: BTreeMap<u32, (String, f32)>,
}
