//! Instance-label images and the names of their values.

use std::{collections::BTreeMap, sync::Arc};

use super::InputProblem;
use crate::error_code::ErrorCode;

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

impl LabelNames {
    /// From the three lists of `spatialclaw/LabelNames`; an empty list of scores stands for 1.
    ///
    /// # Errors
    /// [`ErrorCode::BadInput`] for lists of different lengths, an id that stands there twice, an empty name, or a score outside 0..=1.
    pub fn from_lists(ids: Vec<u32>, names: Vec<String>, scores: Vec<f32>) -> Result<LabelNames, InputProblem> {
        let (n_ids, n_names, n_scores) = (ids.len(), names.len(), scores.len());
        if n_ids != n_names || (n_scores != 0 && n_scores != n_ids) {
            let found = format!("label names have {n_ids} ids, {n_names} names and {n_scores} scores");
            return bad(format!("{found}, expected as many names as ids, and as many scores or none"));
        }
        let scores = scores.into_iter().map(Some).chain(std::iter::repeat(None));
        let mut read = LabelNames::default();
        for ((id, name), score) in ids.into_iter().zip(names).zip(scores) {
            let score = score.unwrap_or(1.0);
            if name.trim().is_empty() {
                return bad(format!("label {id} has no name"));
            }
            if !(0.0..=1.0).contains(&score) {
                return bad(format!("label {id} \"{name}\" has score {score}, expected 0 to 1"));
            }
            if let Some((earlier, _)) = read.by_id.insert(id, (name.clone(), score)) {
                return bad(format!("label {id} is named twice: \"{earlier}\" and \"{name}\""));
            }
        }
        Ok(read)
    }
}

fn bad(message: String) -> Result<LabelNames, InputProblem> {
    Err(InputProblem { code: ErrorCode::BadInput, message })
}
