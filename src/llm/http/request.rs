//! The body of a request: `POST <base>/chat/completions`.

use std::{collections::VecDeque, sync::Arc};

use image::RgbImage;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    HttpSettings,
    pictures::{PictureCache, PictureError},
};
use crate::llm::{
    ChatRequest, Message, Role,
    presets::{Dialect, ThinkingField},
};

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<WireMessage<'a>>,
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chat_template_kwargs: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skip_special_tokens: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Value>,
    #[serde(skip_serializing_if = "<[Value]>::is_empty")]
    tools: &'a [Value],
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<&'static str>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct WireMessage<'a> {
    role: &'static str,
    content: Content<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(&'a str),
    Parts(Vec<Part<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part<'a> {
    Text {
        text: String,
    },
    #[serde(rename = "text")]
    Said {
        text: &'a str,
    },
    ImageUrl {
        image_url: ImageUrl,
    },
}

#[derive(Serialize)]
struct ImageUrl {
    url: Arc<str>,
}

/// The body as bytes. Encoding new pictures takes milliseconds each, so this belongs on a thread that may block.
///
/// # Errors
/// When a picture cannot be sent.
pub(super) fn body(
    request: &ChatRequest,
    settings: &HttpSettings,
    cache: &PictureCache,
) -> Result<Vec<u8>, PictureError> {
    let dialect = settings.server.dialect();
    let sampling = &settings.sampling;
    let mut pictures = encoded_pictures(request, settings, cache)?;
    let (chat_template_kwargs, reasoning_effort) = thinking(dialect, sampling.thinking);
    let keeps_special_tokens = settings.keeps_special_tokens && dialect.takes_top_k && sampling.thinking == Some(true);
    let body = Body {
        model: &settings.model,
        messages: request.messages.iter().map(|message| wire_message(message, &mut pictures)).collect(),
        stream: true,
        stream_options: StreamOptions { include_usage: true },
        max_tokens: sampling.max_tokens.filter(|_| !dialect.renames_max_tokens),
        max_completion_tokens: sampling.max_tokens.filter(|_| dialect.renames_max_tokens),
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k.filter(|_| dialect.takes_top_k),
        min_p: sampling.min_p.filter(|_| dialect.takes_top_k),
        presence_penalty: sampling.presence_penalty.filter(|_| dialect.takes_penalty),
        seed: sampling.seed.filter(|_| dialect.takes_seed),
        stop: &sampling.stop,
        reasoning_effort,
        chat_template_kwargs,
        skip_special_tokens: keeps_special_tokens.then_some(false),
        response_format: request.response_schema.as_ref().filter(|_| dialect.takes_schema).map(|schema| {
            json!({
                "type": "json_schema",
                "json_schema": { "name": schema.name, "schema": schema.schema, "strict": true },
            })
        }),
        tools: &request.tools,
        tool_choice: (!request.tools.is_empty()).then_some("auto"),
    };
    // Maps with text keys and finite numbers cannot fail to be written.
    Ok(serde_json::to_vec(&body).unwrap_or_default())
}

fn thinking(dialect: Dialect, wanted: Option<bool>) -> (Option<Value>, Option<&'static str>) {
    match (dialect.thinking, wanted) {
        (_, None) | (ThinkingField::None, _) => (None, None),
        (ThinkingField::ChatTemplate, Some(thinks)) => (Some(json!({ "enable_thinking": thinks })), None),
        (ThinkingField::Effort { on, off }, Some(thinks)) => (None, Some(if thinks { on } else { off })),
    }
}

/// Data URIs of all pictures in the order of the messages; `None` for the oldest ones beyond the limit.
fn encoded_pictures(
    request: &ChatRequest,
    settings: &HttpSettings,
    cache: &PictureCache,
) -> Result<VecDeque<Option<Arc<str>>>, PictureError> {
    let n_pictures: usize = request.messages.iter().map(|message| message.pictures.len()).sum();
    let n_left_out = n_pictures.saturating_sub(settings.pictures.max_pictures);
    let pictures = request.messages.iter().flat_map(|message| &message.pictures);
    let sent: Vec<&Arc<RgbImage>> = pictures.skip(n_left_out).map(|picture| &picture.image).collect();
    let uris = cache.data_uris(&sent, &settings.pictures)?;
    Ok(std::iter::repeat_n(None, n_left_out).chain(uris.into_iter().map(Some)).collect())
}

fn wire_message<'a>(message: &'a Message, pictures: &mut VecDeque<Option<Arc<str>>>) -> WireMessage<'a> {
    let role = match message.role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    let content = if message.pictures.is_empty() {
        Content::Text(&message.text)
    } else {
        let mut parts = Vec::with_capacity(1 + 2 * message.pictures.len());
        if !message.pictures_first {
            parts.push(Part::Said { text: &message.text });
        }
        for picture in &message.pictures {
            match pictures.pop_front().flatten() {
                Some(url) => {
                    if !picture.label.is_empty() {
                        parts.push(Part::Text { text: format!("{}:", picture.label) });
                    }
                    parts.push(Part::ImageUrl { image_url: ImageUrl { url } });
                }
                None => {
                    parts.push(Part::Text { text: format!("({}: this picture is no longer shown)", picture.label) })
                }
            }
        }
        if message.pictures_first {
            parts.push(Part::Said { text: &message.text });
        }
        Content::Parts(parts)
    };
    let tool_calls = message.tool_calls.iter().map(|call| {
        json!({ "id": call.id, "type": "function", "function": { "name": call.name, "arguments": call.arguments } })
    });
    WireMessage { role, content, tool_calls: tool_calls.collect(), tool_call_id: message.tool_call_id.as_deref() }
}
