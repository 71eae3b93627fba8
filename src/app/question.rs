//! What a client asks, and what makes it refused before anything runs.

use std::time::Duration;

use crate::{
    agent::Interface,
    answer::{AnswerKind, Refusal},
    config::Config,
    error_code::ErrorCode,
    scene::{FrameId, Stamp},
};

/// Characters that a question may have.
const MAX_QUESTION_CHARS: usize = 4000;
/// Choices that a question may have.
const MAX_CHOICES: usize = 100;
/// Characters of a conversation's id; a UUID has 36.
const MAX_CONVERSATION_ID_CHARS: usize = 128;
/// Cells that a goal may ask for.
const MAX_STEPS: u32 = 1000;

/// Which moment is asked about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// The newest images.
    Now,
    /// The images nearest to this time.
    At(Stamp),
    /// The last seconds; `None` = as many as the node's parameter says.
    Last(Option<Duration>),
}

/// A question as a client asks it. Empty texts and `None` stand for the node's parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// For logs and provenance.
    pub session_id: String,
    /// In words.
    pub text: String,
    /// Allowed answers; empty = any.
    pub choices: Vec<String>,
    /// How the value must be typed.
    pub answer_kind: AnswerKind,
    /// Frame of points and poses in the answer; empty = fixed frame.
    pub target_frame: FrameId,
    /// Moment asked about.
    pub when: When,
    /// Cameras to use; empty = all.
    pub cameras: Vec<String>,
    /// Steady time from acceptance.
    pub deadline: Option<Duration>,
    /// Cells at most.
    pub max_steps: Option<u32>,
    /// How the model acts.
    pub interface: String,
    /// Which model.
    pub model: String,
    /// Conversation that it continues or begins; empty = none.
    pub conversation_id: String,
    /// Whether a record of the session is wanted.
    pub record: bool,
}

/// Checks that a question does not contradict itself and names only what there is.
///
/// # Errors
/// [`ErrorCode::InvalidGoal`] with the field, what was found and what is expected.
pub fn check(question: &Question, config: &Config, models: &[String], interfaces: &[&str]) -> Result<(), Refusal> {
    check_words(question)?;
    check_time(question, config)?;
    check_names(question, config, models)?;
    check_interface(question, interfaces)
}

fn check_words(question: &Question) -> Result<(), Refusal> {
    let n_chars = question.text.chars().count();
    if question.text.trim().is_empty() {
        return invalid("question is empty");
    }
    if n_chars > MAX_QUESTION_CHARS {
        return invalid(format!("question has {n_chars} characters, at most {MAX_QUESTION_CHARS} are allowed"));
    }
    if question.choices.len() > MAX_CHOICES {
        return invalid(format!("choices has {} entries, at most {MAX_CHOICES} are allowed", question.choices.len()));
    }
    for (position, choice) in question.choices.iter().enumerate() {
        if choice.trim().is_empty() {
            return invalid(format!("choices[{position}] is empty"));
        }
        if question.choices.iter().take(position).any(|earlier| earlier == choice) {
            return invalid(format!("choices[{position}] is \"{choice}\", which stands there twice"));
        }
    }
    match question.answer_kind {
        AnswerKind::Choice if question.choices.is_empty() => invalid("answer_kind is CHOICE, but choices is empty"),
        AnswerKind::Any | AnswerKind::Choice => Ok(()),
        kind if !question.choices.is_empty() => {
            invalid(format!("choices are given, but answer_kind is {kind:?}, expected ANY or CHOICE"))
        }
        _ => Ok(()),
    }
}

fn check_time(question: &Question, config: &Config) -> Result<(), Refusal> {
    match question.when {
        When::Now | When::Last(None) => {}
        When::At(stamp) if stamp.is_unset() => return invalid("time_mode is STAMP, but stamp is not set"),
        When::At(_) => {}
        When::Last(Some(window)) if window.as_secs_f64() > config.buffer_secs => {
            let window_secs = window.as_secs_f64();
            let buffer_secs = config.buffer_secs;
            return invalid(format!("window is {window_secs:.3} s, but only {buffer_secs:.3} s are buffered"));
        }
        When::Last(Some(_)) => {}
    }
    if let Some(deadline) = question.deadline
        && deadline > config.max_deadline
    {
        let (found, most) = (deadline.as_secs_f64(), config.max_deadline.as_secs_f64());
        return invalid(format!("deadline is {found:.3} s, at most {most:.3} s are allowed"));
    }
    match question.max_steps {
        Some(steps) if steps > MAX_STEPS => invalid(format!("max_steps is {steps}, at most {MAX_STEPS} are allowed")),
        _ => Ok(()),
    }
}

fn check_names(question: &Question, config: &Config, models: &[String]) -> Result<(), Refusal> {
    for camera in &question.cameras {
        if !config.cameras.iter().any(|known| known.name == *camera) {
            let known: Vec<&str> = config.cameras.iter().map(|known| known.name.as_str()).collect();
            return invalid(format!("camera \"{camera}\" is unknown, expected one of {known:?}"));
        }
    }
    if !question.model.is_empty() && !models.contains(&question.model) {
        return invalid(format!("model \"{}\" is unknown, expected \"\" or one of {models:?}", question.model));
    }
    check_conversation(&question.conversation_id)
}

fn check_conversation(id: &str) -> Result<(), Refusal> {
    let n_chars = id.chars().count();
    if n_chars > MAX_CONVERSATION_ID_CHARS {
        return invalid(format!(
            "conversation_id has {n_chars} characters, at most {MAX_CONVERSATION_ID_CHARS} are allowed"
        ));
    }
    match id.chars().find(|c| !c.is_ascii_alphanumeric() && !"-_.:".contains(*c)) {
        Some(found) => {
            invalid(format!("conversation_id holds {found:?}, expected ASCII letters, digits and \"-_.:\", or \"\""))
        }
        None => Ok(()),
    }
}

fn invalid(message: impl Into<String>) -> Result<(), Refusal> {
    Err(Refusal { code: ErrorCode::InvalidGoal, message: message.into() })
}

/// `interfaces` are those in which one of the models can act.
fn check_interface(question: &Question, interfaces: &[&str]) -> Result<(), Refusal> {
    let interface = question.interface.as_str();
    if interface.is_empty() {
        return Ok(());
    }
    if Interface::from_name(interface).is_none() {
        return invalid(format!("interface is \"{interface}\", expected \"\" or one of {interfaces:?}"));
    }
    if !interfaces.contains(&interface) {
        return invalid(format!(
            "interface \"{interface}\" needs a language model and none is configured, expected \"\" or one of {interfaces:?}"
        ));
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;

    pub(crate) fn a_question() -> Question {
        Question {
            session_id: "s".into(),
            text: "how far is the mug from the box?".into(),
            choices: vec![],
            answer_kind: AnswerKind::Any,
            target_frame: FrameId::new(""),
            when: When::Now,
            cameras: vec![],
            deadline: None,
            max_steps: None,
            interface: String::new(),
            model: String::new(),
            conversation_id: String::new(),
            record: false,
        }
    }

    fn verdict(question: &Question) -> Result<(), String> {
        let config = Config::from_parameters(BTreeMap::new()).unwrap();
        check(question, &config, &["offline-grammar".to_owned()], &["code", "single_pass"]).map_err(|refusal| {
            assert_eq!(refusal.code, ErrorCode::InvalidGoal);
            refusal.message
        })
    }

    #[test]
    fn good_questions_pass() {
        let choices = vec!["yes".to_owned(), "no".to_owned()];
        for question in [
            a_question(),
            Question { choices: choices.clone(), answer_kind: AnswerKind::Choice, ..a_question() },
            Question { choices, ..a_question() },
            Question { when: When::At(Stamp { nanos: 1 }), ..a_question() },
            Question { when: When::Last(Some(Duration::from_secs(10))), ..a_question() },
            Question { cameras: vec!["camera".into()], interface: "code".into(), ..a_question() },
            Question { interface: "single_pass".into(), ..a_question() },
            Question { model: "offline-grammar".into(), max_steps: Some(1), ..a_question() },
            Question { record: true, ..a_question() },
            Question { conversation_id: "2b1f:kitchen-3_a.b".into(), ..a_question() },
        ] {
            assert_eq!(verdict(&question), Ok(()));
        }
    }

    #[test]
    fn bad_questions_are_refused_with_field_found_and_expected() {
        let check = |question: Question, message: &str| assert_eq!(verdict(&question), Err(message.to_owned()));
        check(Question { text: " \n".into(), ..a_question() }, "question is empty");
        check(
            Question { text: "x".repeat(4001), ..a_question() },
            "question has 4001 characters, at most 4000 are allowed",
        );
        check(
            Question { answer_kind: AnswerKind::Choice, ..a_question() },
            "answer_kind is CHOICE, but choices is empty",
        );
        check(
            Question { answer_kind: AnswerKind::Number, choices: vec!["a".into()], ..a_question() },
            "choices are given, but answer_kind is Number, expected ANY or CHOICE",
        );
        check(
            Question { choices: vec!["a".into(), "a".into()], ..a_question() },
            "choices[1] is \"a\", which stands there twice",
        );
        check(Question { choices: vec!["".into()], ..a_question() }, "choices[0] is empty");
        check(
            Question { when: When::At(Stamp::default()), ..a_question() },
            "time_mode is STAMP, but stamp is not set",
        );
        check(
            Question { when: When::Last(Some(Duration::from_millis(10_500))), ..a_question() },
            "window is 10.500 s, but only 10.000 s are buffered",
        );
        check(
            Question { deadline: Some(Duration::from_secs(601)), ..a_question() },
            "deadline is 601.000 s, at most 600.000 s are allowed",
        );
        check(Question { max_steps: Some(1001), ..a_question() }, "max_steps is 1001, at most 1000 are allowed");
        check(
            Question { cameras: vec!["rear".into()], ..a_question() },
            "camera \"rear\" is unknown, expected one of [\"camera\"]",
        );
        check(
            Question { interface: "telepathy".into(), ..a_question() },
            "interface is \"telepathy\", expected \"\" or one of [\"code\", \"single_pass\"]",
        );
        check(
            Question { interface: "no_tools".into(), ..a_question() },
            "interface \"no_tools\" needs a language model and none is configured, expected \"\" or one of [\"code\", \"single_pass\"]",
        );
        check(
            Question { model: "gpt".into(), ..a_question() },
            "model \"gpt\" is unknown, expected \"\" or one of [\"offline-grammar\"]",
        );
        check(
            Question { conversation_id: "../c".into(), ..a_question() },
            "conversation_id holds '/', expected ASCII letters, digits and \"-_.:\", or \"\"",
        );
        check(
            Question { conversation_id: "c".repeat(129), ..a_question() },
            "conversation_id has 129 characters, at most 128 are allowed",
        );
    }
}
