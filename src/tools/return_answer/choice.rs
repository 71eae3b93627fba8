//! Fitting an answer to the goal's choices.

use super::{Draft, wrong_kind};
use crate::{
    answer::{AnswerKind, AnswerValue},
    error_code::ErrorCode,
    tools::{ToolContext, ToolError},
};

/// The draft as one of the goal's choices, where the goal has some and its kind does not say otherwise.
///
/// # Errors
/// `WRONG_ANSWER_KIND` listing the choices.
pub fn fitted(context: &ToolContext, draft: Draft) -> Result<Draft, ToolError> {
    let wants_choice = match context.answer_kind {
        AnswerKind::Choice => true,
        AnswerKind::Any => !context.choices.is_empty(),
        _ => false,
    };
    if !wants_choice {
        return Ok(draft);
    }
    let said = match &draft.value {
        AnswerValue::Text(said) => said.trim().to_owned(),
        AnswerValue::Choice { text, .. } => text.clone(),
        AnswerValue::Bool(true) => "yes".to_owned(),
        AnswerValue::Bool(false) => "no".to_owned(),
        AnswerValue::List { items, .. } if items.len() == 1 => items.concat(),
        other => return Err(wrong_kind(AnswerKind::Choice, &format!("{:?}", other.kind()))),
    };
    if context.choices.is_empty() {
        return Ok(Draft { value: AnswerValue::Choice { text: said, index: None }, ..draft });
    }
    let Some((index, text)) = chosen(&context.choices, &said) else {
        let choices: Vec<String> = context.choices.iter().map(|choice| format!("{choice:?}")).collect();
        let message = format!("{said:?} is none of the goal's choices; submit one of {}", choices.join(", "));
        return Err(ToolError::new(ErrorCode::WrongAnswerKind, message));
    };
    Ok(Draft { value: AnswerValue::Choice { text: text.to_owned(), index: Some(index) }, ..draft })
}

/// The choice that was said: in full, or by its letter where choices begin with one (`A) left`, `B. right`).
fn chosen<'a>(choices: &'a [String], said: &str) -> Option<(usize, &'a str)> {
    let same = |a: &str, b: &str| a.trim().to_lowercase() == b.trim().to_lowercase();
    let by = |fits: &dyn Fn(&str) -> bool| {
        let mut fitting = choices.iter().enumerate().filter(|(_, choice)| fits(choice));
        fitting.next().filter(|_| fitting.next().is_none()).map(|(index, choice)| (index, choice.as_str()))
    };
    by(&|choice| same(choice, said)).or_else(|| {
        by(&|choice| lettered(choice).is_some_and(|(letter, words)| same(letter, said) || same(words, said)))
    })
}

/// `A) left` as `A` and `left`.
fn lettered(choice: &str) -> Option<(&str, &str)> {
    let (letter, words) = choice.trim().split_once([')', '.', ':'])?;
    let letter = letter.trim_start_matches('(').trim();
    (letter.chars().count() == 1 && letter.chars().all(char::is_alphabetic)).then(|| (letter, words.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_found_in_full_or_by_its_letter() {
        let check = |choices: &[&str], said: &str, expected: Option<usize>| {
            let choices: Vec<String> = choices.iter().map(|c| (*c).to_owned()).collect();
            assert_eq!(chosen(&choices, said).map(|(index, _)| index), expected, "{said:?} of {choices:?}");
        };
        check(&["left", "right"], "Right ", Some(1));
        check(&["A) left", "B) right"], "b", Some(1));
        check(&["A. left", "B. right"], "left", Some(0));
        check(&["(A) left", "(B) right"], "(A) left", Some(0));
        check(&["left", "right"], "up", None);
        check(&["a", "A"], "a", None);
        check(&["0.5 m", "1.5 m"], "0", None);
    }
}
