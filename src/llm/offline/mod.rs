//! The offline brain: a [`ChatModel`] without a language model. It reads a closed, documented set of questions ([`grammar`]) and
//! writes the cell that measures the answer.
//!
//! It sees what any model sees, the conversation, and nothing else: no scene, no labels, no kernel. It keeps no state between calls,
//! so it can take over in the middle of a conversation. To add a form see [`forms`].

pub mod cell_writer;
pub mod forms;
pub mod grammar;
pub mod pattern;
pub mod slots;
pub mod tokens;

use futures::{FutureExt, future::BoxFuture};

use self::{
    cell_writer::{CellWriter, literal},
    grammar::{Reading, read},
    slots::Place,
};
use super::{
    Abilities, ChatModel, ChatReply, ChatRequest, ModelError, Role,
    cell_status::FailureLine,
    question_brief::{EARLIER_HEADING, QuestionBrief},
};

/// Answers questions of the closed grammar, deterministically and without a network.
#[derive(Clone, Copy, Debug, Default)]
pub struct OfflineBrain;

impl ChatModel for OfflineBrain {
    fn name(&self) -> &str {
        "offline-grammar"
    }

    fn abilities(&self) -> Abilities {
        Abilities { writes_programs_only: true, ..Abilities::default() }
    }

    fn complete<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatReply, ModelError>> {
        let reply = next_turn(request).map(|text| ChatReply { is_program: true, ..ChatReply::new(text) });
        std::future::ready(reply).boxed()
    }
}

fn next_turn(request: &ChatRequest) -> Result<String, ModelError> {
    let said = |role: Role| request.messages.iter().filter(move |message| message.role == role);
    let brief = said(Role::User).find_map(|message| QuestionBrief::find_in(&message.text)).ok_or_else(|| {
        ModelError::UnsupportedQuestion("the conversation holds no question section to read".to_owned())
    })?;
    let is_follow_up = said(Role::User).any(|message| message.text.starts_with(EARLIER_HEADING));
    let reading = read(&brief.question)
        .map_err(|nearest| ModelError::UnsupportedQuestion(unsupported(&brief, nearest.example, is_follow_up)))?;
    let cells: Vec<String> = viewers(&reading).iter().map(|viewer| write_cell(&reading, &brief, viewer)).collect();
    let was_tried = |cell: &String| said(Role::Assistant).any(|message| message.text.contains(cell.as_str()));
    let failure = said(Role::User).next_back().and_then(|message| FailureLine::find_in(&message.text));

    let untried = cells.iter().find(|cell| !was_tried(cell));
    let cell = match (failure, untried) {
        // The first cell, also when another model left the conversation to this one.
        (_, Some(cell)) if !cells.iter().any(was_tried) => cell.clone(),
        (Some(failure), Some(cell)) if failure.code.as_deref().is_some_and(|code| code.starts_with("TF_")) => {
            cell.clone()
        }
        (Some(failure), _) => {
            let code = failure.code.as_deref().unwrap_or("INTERNAL_ERROR");
            format!("Refuse({}, {});\n", literal(code), literal(&failure.message))
        }
        (None, _) => "Refuse(\"NO_ANSWER\", \"the cell ended without submitting an answer\");\n".to_owned(),
    };
    Ok(reply(&reading, &cell))
}

/// Who may look: when the question names nobody it is the robot, and the camera if the robot's place is not known.
fn viewers(reading: &Reading) -> Vec<Place> {
    if reading.slots.place.is_some() { vec![Place::Robot] } else { vec![Place::Robot, Place::Camera] }
}

fn write_cell(reading: &Reading, brief: &QuestionBrief, default_viewer: &Place) -> String {
    let writer = CellWriter { slots: &reading.slots, brief, default_viewer };
    let body = (reading.form.write_cell)(&writer);
    format!("{}{body}", writer.functions(&body))
}

fn reply(reading: &Reading, cell: &str) -> String {
    let form = reading.form;
    format!(
        "**Purpose**\nAnswer a question of the form \"{}\".\n\n**Reasoning**\nMeasure the {}.\n\n**Next Goal**\n\
         Submit the measured answer, or refuse with what was found.\n\n**Code**\n```rhai\n{cell}```\n",
        form.example, form.doc
    )
}

fn unsupported(brief: &QuestionBrief, nearest: &str, is_follow_up: bool) -> String {
    const MAX_SHOWN_CHARS: usize = 200;
    let shown: String = brief.question.chars().take(MAX_SHOWN_CHARS).collect();
    let alone = match is_follow_up {
        true => {
            "; it reads each question of a conversation alone, so name every thing again instead of \"it\" or \"and the ...?\""
        }
        false => "",
    };
    format!(
        "the question {shown:?} is outside the offline grammar{alone}; the nearest it can take is {nearest:?}. It takes questions such as {}",
        grammar::examples().join(" | ")
    )
}
