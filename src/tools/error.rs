//! What a tool says when it cannot do what a cell asked.

use crate::tools::Library;
use rhai::{Dynamic, EvalAltResult, Position};

use crate::{
    error_code::ErrorCode,
    geometry::GeometryError,
    perception::PerceptionError,
    scene::{InputProblem, TfError},
};

/// Result of a function as Rhai wants it.
pub type RhaiResult<T> = Result<T, Box<EvalAltResult>>;

/// Read by the model that wrote the cell: what was found, what was wanted, what to try next.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ToolError {
    /// The refusal it leads to; `None` when the cell itself is wrong (a bad argument).
    pub code: Option<ErrorCode>,
    /// In words.
    pub message: String,
}

impl ToolError {
    /// A typed refusal.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> ToolError {
        ToolError { code: Some(code), message: message.into() }
    }

    /// A mistake in the cell.
    pub fn argument(message: impl Into<String>) -> ToolError {
        ToolError { code: None, message: message.into() }
    }

    /// A precondition that does not hold.
    pub fn not_measurable(message: impl Into<String>) -> ToolError {
        ToolError::new(ErrorCode::NotMeasurable, message)
    }
}

impl From<ToolError> for Box<EvalAltResult> {
    fn from(error: ToolError) -> Self {
        Box::new(EvalAltResult::ErrorRuntime(Dynamic::from(error), Position::NONE))
    }
}

impl From<InputProblem> for ToolError {
    fn from(problem: InputProblem) -> Self {
        ToolError::new(problem.code, problem.message)
    }
}

impl From<PerceptionError> for ToolError {
    fn from(error: PerceptionError) -> Self {
        ToolError::new(error.code(), error.to_string())
    }
}

impl From<GeometryError> for ToolError {
    fn from(error: GeometryError) -> Self {
        let code = match error {
            GeometryError::TooFewPoints { .. } => ErrorCode::TooFewPixels,
            GeometryError::NotMeasurable(_) => ErrorCode::NotMeasurable,
        };
        ToolError::new(code, error.to_string())
    }
}

impl From<TfError> for ToolError {
    fn from(error: TfError) -> Self {
        ToolError::new(error.code(), error.to_string())
    }
}

/// Lets a cell read a caught error: `catch (e) { print(e.code); print(e.message); }`.
pub fn register(library: &mut Library) {
    library
        .register_type_with_name::<ToolError>("ToolError")
        .register_get("code", |e: &mut ToolError| match e.code {
            Some(code) => Dynamic::from(code.name().to_owned()),
            None => Dynamic::UNIT,
        })
        .register_get("message", |e: &mut ToolError| e.message.clone())
        .register_fn("to_string", |e: &mut ToolError| text(e))
        .register_fn("to_debug", |e: &mut ToolError| text(e));
}

fn text(error: &ToolError) -> String {
    match error.code {
        Some(code) => format!("{code}: {}", error.message),
        None => error.message.clone(),
    }
}
