//! Port: who writes the cells.
//!
//! [`ChatModel`] is the trait; each other file is one implementation or a part of one. A model sees text and pictures and replies with
//! text; it knows nothing of kernels or robots. [`http`] speaks to servers, [`offline`] needs none,
//! [`pool`] and [`failover`] join several into one. To add a client: one new file, and one line in the configuration's list.

pub mod abilities;
pub mod breaker;
pub mod cell_status;
pub mod delta;
pub mod failover;
pub mod grounding;
pub mod http;
pub mod model_error;
pub mod offline;
pub mod pool;
pub mod presets;
pub mod question_brief;
pub mod roles;
pub mod scripted;
pub mod stable_hash;
pub mod usage;
pub mod vision;

use std::{sync::Arc, time::Instant};

pub use abilities::Abilities;
pub use delta::{Delta, DeltaSink};
use futures::future::BoxFuture;
use image::RgbImage;
pub use model_error::{ModelError, TimeLimit};
pub use roles::{ModelRole, Roles};
pub use usage::{Prices, Usage, UsageMeter};
pub use vision::{Vision, VlmHandle};

/// Who speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Instructions.
    System,
    /// The loop: question and feedback.
    #[default]
    User,
    /// The model.
    Assistant,
    /// What a called function returned.
    Tool,
}

/// One turn of a conversation.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub text: String,
    /// Pictures, in order.
    pub pictures: Vec<Picture>,
    /// Whether the pictures stand before the text.
    pub pictures_first: bool,
    /// Functions that the model called in this turn.
    pub tool_calls: Vec<ToolCall>,
    /// The call that a [`Role::Tool`] message answers.
    pub tool_call_id: Option<String>,
}

impl Message {
    /// Text alone.
    pub fn new(role: Role, text: impl Into<String>) -> Message {
        Message { role, text: text.into(), ..Message::default() }
    }
}

/// A picture with its label.
#[derive(Clone, Debug)]
pub struct Picture {
    /// What it shows.
    pub label: String,
    /// Pixels.
    pub image: Arc<RgbImage>,
}

/// A function that a model wants called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolCall {
    /// The server's name for this call.
    pub id: String,
    /// The function.
    pub name: String,
    /// Its arguments as the model wrote them: JSON, not checked.
    pub arguments: String,
}

/// The JSON that a reply must be.
#[derive(Clone, Debug, PartialEq)]
pub struct ResponseSchema {
    /// Letters, digits, `_` and `-`.
    pub name: String,
    /// JSON schema.
    pub schema: serde_json::Value,
}

/// A whole conversation to be continued.
#[derive(Clone, Debug, Default)]
pub struct ChatRequest {
    /// Oldest first.
    pub messages: Vec<Message>,
    /// Requests of one session go to one server while they can, because it still holds their beginning; empty = none.
    pub session_id: String,
    /// Sessions of one conversation begin alike, so they go to one server while they can; empty = the session stands alone.
    pub conversation_id: String,
    /// Steady time after which a reply is of no use.
    pub deadline: Option<Instant>,
    /// Functions the model may call, each as in the protocol: `{"type": "function", "function": {...}}`.
    pub tools: Vec<serde_json::Value>,
    /// The JSON that the reply must be, where the server can hold the model to it.
    pub response_schema: Option<ResponseSchema>,
    /// Hears the reply while it is written.
    pub on_delta: Option<DeltaSink>,
}

/// Why a model stopped writing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FinishReason {
    /// It was done.
    #[default]
    Stop,
    /// It reached its limit of tokens: what it wrote is cut off and must not be run.
    Length,
    /// It wants functions called.
    ToolCalls,
    /// The server withheld the rest.
    ContentFilter,
    /// Something else, in the server's word.
    Other(String),
}

impl FinishReason {
    /// Whether the text may lack its end.
    pub fn is_cut_off(&self) -> bool {
        !matches!(self, FinishReason::Stop | FinishReason::ToolCalls)
    }
}

/// How a model writes places in a picture when nobody names the numbers; both run from 0 to 1000 over width and height.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PointOrder {
    /// `[x, y]` and `[x_min, y_min, x_max, y_max]`.
    #[default]
    XFirst,
    /// `[y, x]` and `[y_min, x_min, y_max, x_max]`.
    YFirst,
}

/// What the model said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChatReply {
    /// The text, without its thinking.
    pub text: String,
    /// What it thought, where the server tells.
    pub thinking: String,
    /// Functions to call.
    pub tool_calls: Vec<ToolCall>,
    /// Why it ended.
    pub finish: FinishReason,
    /// Tokens used.
    pub usage: Usage,
    /// The model that spoke, when it is another than [`ChatModel::name`] says; else empty.
    pub model: String,
    /// How that model writes places in pictures.
    pub point_order: PointOrder,
    /// It is a whole program in Markdown, whatever was asked for: see [`Abilities::writes_programs_only`].
    pub is_program: bool,
}

impl ChatReply {
    /// A finished reply of `text`.
    pub fn new(text: impl Into<String>) -> ChatReply {
        ChatReply { text: text.into(), ..ChatReply::default() }
    }
}

/// Continues a conversation.
pub trait ChatModel: Send + Sync {
    /// Name for provenance and logs.
    fn name(&self) -> &str;

    /// What it can do beyond text.
    fn abilities(&self) -> Abilities {
        Abilities::default()
    }

    /// The next assistant turn. Dropping the future cancels the call.
    fn complete<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatReply, ModelError>>;
}
