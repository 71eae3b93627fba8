//! `spatialclaw/LabelNames`.

use r2r::spatialclaw::msg::LabelNames as LabelNamesMsg;

use crate::scene::{InputProblem, LabelNames};

/// Names of the values in a label image.
///
/// # Errors
/// `BAD_INPUT` for lists of different lengths, an id that stands there twice, an empty name, or a score outside 0..=1.
pub fn label_names(message: LabelNamesMsg) -> Result<LabelNames, InputProblem> {
    LabelNames::from_lists(message.ids, message.names, message.scores)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::error_code::ErrorCode;

    fn message(ids: &[u32], names: &[&str], scores: &[f32]) -> LabelNamesMsg {
        LabelNamesMsg {
            ids: ids.to_vec(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            scores: scores.to_vec(),
            ..LabelNamesMsg::default()
        }
    }

    #[test]
    fn several_ids_may_share_a_name_and_scores_may_be_left_out() {
        let names = label_names(message(&[5, 7], &["mug", "mug"], &[])).unwrap();
        assert_eq!(names.by_id, BTreeMap::from([(5, ("mug".to_owned(), 1.0)), (7, ("mug".to_owned(), 1.0))]));
        let scored = label_names(message(&[5], &["mug"], &[0.25])).unwrap();
        assert_eq!(scored.by_id[&5], ("mug".to_owned(), 0.25));
    }

    #[test]
    fn contradictions_are_bad_input() {
        let check = |message: LabelNamesMsg, text: &str| {
            let problem = InputProblem { code: ErrorCode::BadInput, message: text.to_owned() };
            assert_eq!(label_names(message), Err(problem));
        };
        check(
            message(&[5], &[], &[]),
            "label names have 1 ids, 0 names and 0 scores, expected as many names as ids, and as many scores or none",
        );
        check(
            message(&[5], &["mug"], &[0.5, 0.5]),
            "label names have 1 ids, 1 names and 2 scores, expected as many names as ids, and as many scores or none",
        );
        check(message(&[5, 5], &["mug", "cup"], &[]), "label 5 is named twice: \"mug\" and \"cup\"");
        check(message(&[5], &[" "], &[]), "label 5 has no name");
        check(message(&[5], &["mug"], &[f32::NAN]), "label 5 \"mug\" has score NaN, expected 0 to 1");
    }
}
