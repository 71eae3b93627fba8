//! What models were asked and what they said.

use std::time::Duration;

use super::schema::record;
use crate::{
    llm::{ChatReply, FinishReason, Message, ModelError, Picture, PointOrder, ToolCall, Usage},
    session::content_hash::{PictureHashes, role_name},
};

record! {
    /// A picture by its content.
    pub struct PictureRefRecord {
        /// What it shows.
        pub label: String,
        /// Of size and pixels; the picture itself is a message of its own.
        pub sha256: String,
        /// Width.
        pub width_px: u32,
        /// Height.
        pub height_px: u32,
    }
}

record! {
    /// Time as viewers of pictures know it.
    pub struct StampRecord {
        /// Seconds.
        pub sec: i64,
        /// And nanoseconds.
        pub nsec: u32,
    }
}

record! {
    /// A picture that models were shown, for people; the hash is that of its pixels before compression. The first four fields are
    /// those of `foxglove.CompressedImage`.
    pub struct PictureRecord {
        /// When it was first shown.
        pub timestamp: StampRecord,
        /// What it shows.
        pub frame_id: String,
        /// Base64.
        pub data: String,
        /// `jpeg`.
        pub format: String,
        /// Of size and pixels.
        pub sha256: String,
        /// Width.
        pub width_px: u32,
        /// Height.
        pub height_px: u32,
    }
}

record! {
    /// A function that a model wants called.
    pub struct ToolCallRecord {
        /// The server's name for it.
        pub id: String,
        /// The function.
        pub name: String,
        /// As written.
        pub arguments: String,
    }
}

record! {
    /// One turn of a conversation.
    pub struct MessageRecord {
        /// Of everything a model can see of it.
        pub sha256: String,
        /// `system`, `user`, `assistant` or `tool`.
        pub role: String,
        /// What is said.
        pub text: String,
        /// Pictures.
        pub pictures: Vec<PictureRefRecord>,
        /// Calls of functions.
        pub tool_calls: Vec<ToolCallRecord>,
        /// The call that this answers.
        pub tool_call_id: Option<String>,
    }
}

record! {
    /// A request. Each message stands in full where it is sent for the first time.
    pub struct RequestRecord {
        /// 0-based number of the call, in the order of asking.
        pub call: u64,
        /// The part that the model plays: `main`, `fallback`, ...
        pub role: String,
        /// Which model.
        pub model: String,
        /// Of everything the model can see.
        pub sha256: String,
        /// Hashes of all messages, oldest first.
        pub messages: Vec<String>,
        /// Those that no earlier request held.
        pub new_messages: Vec<MessageRecord>,
        /// Names of the functions that may be called.
        pub n_tools: usize,
        /// Name of the schema that the reply must keep.
        pub response_schema: Option<String>,
        /// Seconds since the goal was accepted.
        pub elapsed_secs: f64,
    }
}

record! {
    /// Tokens and bytes of one call.
    pub struct UsageRecord {
        /// Tokens read.
        pub n_prompt_tokens: u64,
        /// Of these, held from before.
        pub n_cached_tokens: u64,
        /// Tokens written.
        pub n_completion_tokens: u64,
        /// Of these, thinking.
        pub n_thinking_tokens: u64,
        /// Calls.
        pub n_calls: u64,
        /// Calls without a count.
        pub n_calls_uncounted: u64,
        /// Bytes sent.
        pub n_sent_bytes: u64,
        /// Millionths of the currency.
        pub cost_micro: u64,
    }
}

record! {
    /// A reply, or why there is none.
    pub struct ReplyRecord {
        /// The call that it answers.
        pub call: u64,
        /// The part that the model plays.
        pub role: String,
        /// The model that spoke.
        pub model: String,
        /// The text.
        pub text: String,
        /// What it thought.
        pub thinking: String,
        /// Functions to call.
        pub tool_calls: Vec<ToolCallRecord>,
        /// `stop`, `length`, `tool_calls`, `content_filter`, or the server's word.
        pub finish: String,
        /// How the model writes places in pictures: `x_first` or `y_first`.
        pub point_order: String,
        /// It is a whole program, whatever was asked for.
        pub is_program: bool,
        /// Tokens.
        pub usage: UsageRecord,
        /// Why there is no reply, in words.
        pub error: Option<String>,
        /// The same as JSON, for a replay.
        pub error_detail: Option<String>,
        /// From request to reply.
        pub took_secs: f64,
    }
}

record! {
    /// Time left to the goal as the loop read it from its clock, in the order of reading.
    pub struct TimeRecord {
        /// Nanoseconds.
        pub left_nanos: u64,
    }
}

impl PictureRefRecord {
    /// The picture's label and content.
    pub fn new(picture: &Picture, hashes: &PictureHashes) -> PictureRefRecord {
        let (width_px, height_px) = picture.image.dimensions();
        PictureRefRecord { label: picture.label.clone(), sha256: hashes.of(&picture.image), width_px, height_px }
    }
}

impl From<&ToolCall> for ToolCallRecord {
    fn from(call: &ToolCall) -> ToolCallRecord {
        ToolCallRecord { id: call.id.clone(), name: call.name.clone(), arguments: call.arguments.clone() }
    }
}

impl ToolCallRecord {
    fn to_call(&self) -> ToolCall {
        ToolCall { id: self.id.clone(), name: self.name.clone(), arguments: self.arguments.clone() }
    }
}

impl MessageRecord {
    /// The message with hashes in the place of pictures.
    pub fn new(message: &Message, hashes: &PictureHashes) -> MessageRecord {
        MessageRecord {
            sha256: hashes.of_message(message),
            role: role_name(message.role).to_owned(),
            text: message.text.clone(),
            pictures: message.pictures.iter().map(|picture| PictureRefRecord::new(picture, hashes)).collect(),
            tool_calls: message.tool_calls.iter().map(ToolCallRecord::from).collect(),
            tool_call_id: message.tool_call_id.clone(),
        }
    }
}

impl From<Usage> for UsageRecord {
    fn from(usage: Usage) -> UsageRecord {
        UsageRecord {
            n_prompt_tokens: usage.n_prompt_tokens,
            n_cached_tokens: usage.n_cached_tokens,
            n_completion_tokens: usage.n_completion_tokens,
            n_thinking_tokens: usage.n_thinking_tokens,
            n_calls: usage.n_calls,
            n_calls_uncounted: usage.n_calls_uncounted,
            n_sent_bytes: usage.n_sent_bytes,
            cost_micro: usage.cost_micro,
        }
    }
}

impl UsageRecord {
    fn to_usage(&self) -> Usage {
        Usage {
            n_prompt_tokens: self.n_prompt_tokens,
            n_cached_tokens: self.n_cached_tokens,
            n_completion_tokens: self.n_completion_tokens,
            n_thinking_tokens: self.n_thinking_tokens,
            n_calls: self.n_calls,
            n_calls_uncounted: self.n_calls_uncounted,
            n_sent_bytes: self.n_sent_bytes,
            cost_micro: self.cost_micro,
        }
    }
}

impl ReplyRecord {
    /// What came of call `call` to the model that plays `role`.
    pub fn new(
        call: u64,
        role: &str,
        model: &str,
        said: &Result<ChatReply, ModelError>,
        took: Duration,
    ) -> ReplyRecord {
        let empty = ReplyRecord {
            call,
            role: role.to_owned(),
            model: model.to_owned(),
            took_secs: took.as_secs_f64(),
            ..ReplyRecord::default()
        };
        match said {
            Ok(reply) => ReplyRecord {
                model: if reply.model.is_empty() { empty.model } else { reply.model.clone() },
                text: reply.text.clone(),
                thinking: reply.thinking.clone(),
                tool_calls: reply.tool_calls.iter().map(ToolCallRecord::from).collect(),
                finish: finish_name(&reply.finish).to_owned(),
                point_order: point_order_name(reply.point_order).to_owned(),
                is_program: reply.is_program,
                usage: reply.usage.into(),
                ..empty
            },
            Err(error) => {
                ReplyRecord { error: Some(error.to_string()), error_detail: serde_json::to_string(error).ok(), ..empty }
            }
        }
    }

    /// What the model said, as it was.
    pub fn to_said(&self, model_name: &str) -> Result<ChatReply, ModelError> {
        if let Some(text) = &self.error {
            let detail = self.error_detail.as_deref().and_then(|detail| serde_json::from_str(detail).ok());
            return Err(detail
                .unwrap_or_else(|| ModelError::Unavailable { model: model_name.to_owned(), reason: text.clone() }));
        }
        Ok(ChatReply {
            text: self.text.clone(),
            thinking: self.thinking.clone(),
            tool_calls: self.tool_calls.iter().map(ToolCallRecord::to_call).collect(),
            finish: finish_of(&self.finish),
            usage: self.usage.to_usage(),
            model: if self.model == model_name { String::new() } else { self.model.clone() },
            point_order: if self.point_order == Y_FIRST { PointOrder::YFirst } else { PointOrder::XFirst },
            is_program: self.is_program,
        })
    }
}

fn finish_name(finish: &FinishReason) -> &str {
    match finish {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter => "content_filter",
        FinishReason::Other(word) => word,
    }
}

fn finish_of(name: &str) -> FinishReason {
    match name {
        "stop" => FinishReason::Stop,
        "length" => FinishReason::Length,
        "tool_calls" => FinishReason::ToolCalls,
        "content_filter" => FinishReason::ContentFilter,
        word => FinishReason::Other(word.to_owned()),
    }
}

const Y_FIRST: &str = "y_first";

fn point_order_name(order: PointOrder) -> &'static str {
    match order {
        PointOrder::XFirst => "x_first",
        PointOrder::YFirst => Y_FIRST,
    }
}
