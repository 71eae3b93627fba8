//! `vlm`: a vision-language model looks at pictures and points or describes. Each call is a conversation of its own.

use std::sync::Arc;

use rhai::{Array, Dynamic};

use super::{
    Kind, Param, Session, TEXT, ToolError, ToolSpec, Toolbox,
    arguments::{describe, names, text},
    input_images::frames,
    values::{FrameValue, LocatedValue},
};
use crate::{
    error_code::ErrorCode,
    llm::{
        ModelError, Picture, VlmHandle,
        vision::{MAX_LOCATE_PICTURES, MAX_LOOK_PICTURES, MAX_QUESTIONS, VisionError},
    },
};

/// Keeps this group's functions apart.
#[derive(Clone)]
pub struct Vlm;

const IMAGES: Kind =
    Kind::AnyOf(&[Kind::Value("Frame"), Kind::Value("InputImages"), Kind::ListOf(&Kind::Value("Frame"))]);
const QUESTION: Kind = Kind::AnyOf(&[TEXT, Kind::ListOf(&TEXT)]);

/// Declarations.
pub const SPECS: &[ToolSpec] = &[
    ToolSpec {
        path: "vlm.locate",
        params: &[
            Param::required("images", IMAGES).about("8 at most are looked at"),
            Param::required("question", QUESTION).about("what to look for, or a list of these, asked side by side"),
        ],
        returns: "Located, or a list of Located for a list",
        doc: "Asks a vision-language model where something is in the pictures. It says when it is not there. Use it for what the segmenter has no name for; its places are seen, not measured, so measure with the other tools at them.",
        example: "let mug = vlm.locate(InputImages[-1], \"the red mug\"); if mug.visible { print(mug.boxes[0]); }",
    },
    ToolSpec {
        path: "vlm.ask_with_thinking",
        params: &[
            Param::required("images", IMAGES).about("64 at most are looked at"),
            Param::required("question", QUESTION).about("a question, or a list of these, asked side by side"),
        ],
        returns: "string, or a list of string for a list",
        doc: "Asks a vision-language model about the pictures. It reasons first and says when it cannot tell. Ask open questions; do not put the answer into their mouth, and do not take lengths from it.",
        example: "print(vlm.ask_with_thinking(InputImages, \"What stands on the table?\"));",
    },
];

/// Makes the group known.
pub fn register(tools: &mut Toolbox<'_, Vlm>) {
    tools.add("locate", |session, [images, question]| {
        let look = Look::read(session, "vlm.locate", MAX_LOCATE_PICTURES, &images, &question)?;
        let found = look.vlm.locate(look.pictures(), look.questions.clone(), &|| session.stop.poll().is_some());
        note_the_end(session);
        let values = found.into_iter().zip(&look.questions).map(|(located, question)| {
            let value = LocatedValue::new(question, located.map_err(tool_error)?, &look.frames);
            session.print(&format!("vlm.locate: {}", value.text()));
            Ok(Dynamic::from(value))
        });
        one_or_list(values.collect::<Result<_, ToolError>>()?, question.is_array())
    });
    tools.add("ask_with_thinking", |session, [images, question]| {
        let look = Look::read(session, "vlm.ask_with_thinking", MAX_LOOK_PICTURES, &images, &question)?;
        let said = look.vlm.look(look.pictures(), look.questions.clone(), &|| session.stop.poll().is_some());
        note_the_end(session);
        let values = said.into_iter().map(|text| Ok(Dynamic::from(text.map_err(tool_error)?)));
        one_or_list(values.collect::<Result<_, ToolError>>()?, question.is_array())
    });
}

/// The model's own clock may have ended the call an instant before the cell's: it is the end of the cell all the same.
fn note_the_end(session: &Session) {
    let _ = session.stop.poll();
}

/// A call that has been read and found sound.
struct Look {
    vlm: VlmHandle,
    frames: Vec<FrameValue>,
    questions: Vec<String>,
}

impl Look {
    fn read(
        session: &Arc<Session>,
        path: &str,
        max_pictures: usize,
        images: &Dynamic,
        question: &Dynamic,
    ) -> Result<Look, ToolError> {
        let frames = frames(images, "images")?;
        let questions = match question.is_array() {
            true => names(question, "question")?,
            false => vec![text(question, "question")?],
        };
        if let Some(at) = questions.iter().position(|question| question.trim().is_empty()) {
            return Err(ToolError::argument(format!("question {} is empty; say what to look for", at + 1)));
        }
        if questions.len() > MAX_QUESTIONS {
            let (found, is) = (questions.len(), describe(question));
            let message = format!("{path} got {found} questions ({is}), takes at most {MAX_QUESTIONS} at once");
            return Err(ToolError::argument(message));
        }
        let Some(vlm) = session.context.vlm.clone() else {
            let message =
                format!("{path} needs a vision-language model and none is configured; use tools.SAM3 or tools.Scene");
            return Err(ToolError::new(ErrorCode::ModelUnavailable, message));
        };
        let n_given = frames.len();
        let frames = evenly(frames, max_pictures);
        if frames.len() < n_given {
            session.print(&format!("{path} looks at {} of the {n_given} pictures, spread evenly", frames.len()));
        }
        Ok(Look { vlm, frames, questions })
    }

    fn pictures(&self) -> Vec<Picture> {
        let label =
            |frame: &FrameValue| format!("InputImages[{}], camera {}", frame.view().view_idx, frame.view().camera);
        self.frames.iter().map(|frame| Picture { label: label(frame), image: frame.view().image.clone() }).collect()
    }
}

/// Up to `max` of them, the first and the last included.
fn evenly(frames: Vec<FrameValue>, max: usize) -> Vec<FrameValue> {
    let n = frames.len();
    if n <= max {
        return frames;
    }
    let at = |i: usize| (i * (n - 1) + (max - 1) / 2) / (max - 1).max(1);
    (0..max).filter_map(|i| frames.get(at(i)).cloned()).collect()
}

fn one_or_list(mut values: Array, is_list: bool) -> Result<Dynamic, ToolError> {
    if is_list { Ok(Dynamic::from(values)) } else { Ok(values.pop().unwrap_or_default()) }
}

fn tool_error(error: VisionError) -> ToolError {
    let code = match &error {
        VisionError::Model(ModelError::DeadlineExceeded { .. }) | VisionError::Interrupted => {
            ErrorCode::DeadlineExceeded
        }
        VisionError::Model(_) => ErrorCode::ModelUnavailable,
        VisionError::Unusable { .. } => ErrorCode::NotMeasurable,
    };
    let next = match code {
        ErrorCode::NotMeasurable => "; ask for something plainer, or use tools.SAM3 or tools.Scene",
        ErrorCode::ModelUnavailable => "; use tools.SAM3 or tools.Scene",
        _ => "",
    };
    ToolError::new(code, format!("{error}{next}"))
}
