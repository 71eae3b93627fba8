//! `ReturnAnswer(...)` and `Refuse(...)`: how a cell ends its goal.
//!
//! An answer is typed by what is handed in, checked against what the goal asked for, and carries the evidence of its parts. A wrong
//! kind, an unclear verdict or a number without sigma submits nothing and says what is wanted.

mod choice;
mod options;
mod place;
mod typed;

use std::sync::Arc;

use crate::tools::Library;
use rhai::Dynamic;

use super::{
    Kind, Param, RhaiResult, Session, Submission, TEXT, ToolError, ToolSpec,
    arguments::{MAX_TEXT_CHARS, text},
    register_function,
};
use crate::{
    answer::{Answer, AnswerKind, AnswerValue, Evidence, Refusal},
    error_code::ErrorCode,
};
use options::Options;

const VALUE: Kind = Kind::AnyOf(&[
    Kind::Value("Measurement"),
    Kind::Value("Relation"),
    Kind::Value("Displacement"),
    Kind::Value("Object"),
    Kind::Bool,
    TEXT,
    Kind::Number,
    Kind::Position,
    Kind::ListOf(&TEXT),
    Kind::Value("list of Object"),
]);

const EVIDENCE: Kind = Kind::AnyOf(&[
    Kind::Value("Measurement"),
    Kind::Value("Relation"),
    Kind::Value("Object"),
    Kind::Value("Displacement"),
]);

const OPTIONS: &[Param] = &[
    Param::optional("text", TEXT, "").about("one sentence for a person"),
    Param::optional("because", Kind::ListOf(&EVIDENCE), "").about("what it rests on"),
    Param::optional("unit", TEXT, ""),
    Param::optional("sigma", Kind::Number, "").about("one standard deviation of a bare number or position"),
    Param::optional("frame", Kind::Text("frame name"), "").about("of a bare position"),
];

/// Declarations.
pub const SPECS: &[ToolSpec; 2] = &[
    ToolSpec {
        path: "ReturnAnswer",
        params: &[Param::required("value", VALUE), Param::optional("options", Kind::Options(OPTIONS), "")],
        returns: "ends the goal",
        doc: "Submits the answer. A Measurement gives a number with its evidence, a clear Relation or a Displacement a bool, an \
              Object its position, a list its names. A bare float needs unit and sigma, or because; a bare int is a count.",
        example: "ReturnAnswer(tools.Geometry.height(tools.Scene.find(\"bowl\")), #{text: \"as high as a bowl\"});",
    },
    ToolSpec {
        path: "Refuse",
        params: &[Param::required("code", TEXT), Param::required("message", TEXT)],
        returns: "ends the goal",
        doc: "Submits that there is no answer and why. The code is one of the refusals, such as \"NOT_VISIBLE\".",
        example: "Refuse(\"NOT_MEASURABLE\", \"the mug's handle is out of view\");",
    },
];

/// What a goal's value would be, with what it rests on.
struct Draft {
    value: AnswerValue,
    text: String,
    evidence: Vec<Evidence>,
}

/// Makes the functions known.
pub fn register(library: &mut Library) {
    let [answer, refuse] = SPECS;
    register_function(library, answer, |session, [value, options]| -> RhaiResult<()> {
        let options = if options.is_unit() { Options::default() } else { Options::read(&options)? };
        return_answer(session, &value, options)
    });
    register_function(library, refuse, |session, [code, message]| -> RhaiResult<()> {
        let refusal = refusal(&text(&code, "code")?, &text(&message, "message")?)?;
        Err(session.submit(Submission::Refusal(refusal)))
    });
}

fn return_answer(session: &Arc<Session>, value: &Dynamic, options: Options) -> RhaiResult<()> {
    let answer = answer(session, value, options)?;
    Err(session.submit(Submission::Answer(answer)))
}

fn answer(session: &Arc<Session>, value: &Dynamic, options: Options) -> Result<Answer, ToolError> {
    let mut draft = typed::draft(session, value, &options)?;
    draft = choice::fitted(&session.context, draft)?;
    check_kind(session.context.answer_kind, &draft.value)?;
    let mut evidence = Vec::new();
    for item in draft.evidence.into_iter().chain(options.evidence) {
        add_evidence(&mut evidence, item);
    }
    let text = options.text.unwrap_or(draft.text);
    require_short(&text, "the text of the answer")?;
    match &draft.value {
        AnswerValue::Text(words) => require_short(words, "the answer")?,
        AnswerValue::List { items, .. } => require_short(&items.concat(), "the list")?,
        _ => {}
    }
    Ok(Answer { value: draft.value, text, evidence, forced: false })
}

/// One entry per object and image; the same object in another image gets its stamp into its id.
fn add_evidence(evidence: &mut Vec<Evidence>, mut item: Evidence) {
    if evidence.iter().any(|e| e.id == item.id && e.stamp == item.stamp && e.view_idx == item.view_idx) {
        return;
    }
    if evidence.iter().any(|e| e.id == item.id) {
        item.id = format!("{}@{}", item.id, item.stamp);
    }
    evidence.push(item);
}

fn check_kind(wanted: AnswerKind, value: &AnswerValue) -> Result<(), ToolError> {
    let found = value.kind();
    if wanted == AnswerKind::Any || wanted == found {
        return Ok(());
    }
    Err(wrong_kind(wanted, &format!("{found:?}")))
}

fn wrong_kind(wanted: AnswerKind, found: &str) -> ToolError {
    let how = match wanted {
        AnswerKind::Any => "any value",
        AnswerKind::Number => "a Measurement, or a number with #{unit, sigma}",
        AnswerKind::Bool => "a Relation, a Displacement or true/false",
        AnswerKind::Choice => "one of the choices as a string",
        AnswerKind::Text => "a string",
        AnswerKind::Point => "an Object, or [x, y, z] with #{because: [...]} or #{sigma}",
        AnswerKind::Pose => "an Object",
        AnswerKind::List => "a list of strings or Objects",
    };
    let message = format!("the goal wants an answer of kind {wanted:?}, got {found}; submit {how}");
    ToolError::new(ErrorCode::WrongAnswerKind, message)
}

/// What only the node itself can say: a cell that could would pass its own failure off as an outage or as the client's wish.
const NOT_OF_CELLS: [ErrorCode; 8] = [
    ErrorCode::ConversationBusy,
    ErrorCode::InternalError,
    ErrorCode::Preempted,
    ErrorCode::Canceled,
    ErrorCode::DeadlineExceeded,
    ErrorCode::BudgetExceeded,
    ErrorCode::ShuttingDown,
    ErrorCode::ModelUnavailable,
];

fn require_short(text: &str, what: &str) -> Result<(), ToolError> {
    match text.chars().count() {
        n if n <= MAX_TEXT_CHARS => Ok(()),
        n => Err(ToolError::argument(format!("{what} has {n} characters, at most {MAX_TEXT_CHARS}; shorten it"))),
    }
}

fn refusal(code: &str, message: &str) -> Result<Refusal, ToolError> {
    let found = ErrorCode::from_name(code.trim()).filter(|code| !NOT_OF_CELLS.contains(code));
    let Some(code) = found else {
        let known: Vec<&str> =
            ErrorCode::ALL.iter().filter(|code| !NOT_OF_CELLS.contains(code)).map(|code| code.name()).collect();
        return Err(ToolError::argument(format!(
            "a cell cannot refuse with code {code:?}, wanted one of {}",
            known.join(", ")
        )));
    };
    if message.trim().is_empty() {
        return Err(ToolError::argument("a refusal needs a message: the values found and what to do next"));
    }
    Ok(Refusal { code, message: message.trim().to_owned() })
}
