//! `spatialclaw/LabelNames`.

use r2r::spatialclaw::msg::LabelNames as LabelNamesMsg;

use crate::{
    error_code::ErrorCode,
    scene::{InputProblem, LabelNames},
};

/// Names of the values in a label image.
///
/// # Errors
/// [`ErrorCode::BadInput`] for lists of different lengths, an id that stands there twice, an empty name, or a score outside 0..=1.
pub fn label_names(message: LabelNamesMsg) -> Result<LabelNames, InputProblem> {
    let (n_ids, n_names, n_scores) = (message.ids.len(), message.names.len(), message.scores.len());
    if n_ids != n_names || (n_scores != 0 && n_scores != n_ids) {
        let found = format!("label names have {n_ids} ids, {n_names} names and {n_scores} scores");
        return bad(format!("{found}, expected as many names as ids, and as many scores or none"));
    }
    let scores = message.scores.into_iter().map(Some).chain(std::iter::repeat(None));
    let mut names = LabelNames::default();
    for ((id, name), score) in message.ids.into_iter().zip(message.names).zip(scores) {
        let score = score.unwrap_or(1.0);
        if name.trim().is_empty() {
            return bad(format!("label {id} has no name"));
        }
        if !(0.0..=1.0).contains(&score) {
            return bad(format!("label {id} \"{name}\" has score {score}, expected 0 to 1"));
        }
        if let Some((earlier, _)) = names.by_id.insert(id, (name.clone(), score)) {
            return bad(format!("label {id} is named twice: \"{earlier}\" and \"{name}\""));
        }
    }
    Ok(names)
}

fn bad(message: String) -> Result<LabelNames, InputProblem> {
    Err(InputProblem { code: ErrorCode::BadInput, message })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

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
