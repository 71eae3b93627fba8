//! A [`ChatModel`] behind HTTP: chat completions as OpenAI made them and vLLM, SGLang, llama.cpp, Ollama and Gemini offer them.
//!
//! One call is one exchange; it never tries twice and follows no redirect. Everything
//! that comes from outside is bounded in bytes and time. `request` writes, `sse` and `reply` read, `fault` says what went wrong. It
//! must not know what is asked. To support another server see [`Server`].

mod api_key;
mod connect;
mod fault;
pub mod pictures;
mod reply;
mod request;
mod sse;
mod thinking;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

pub use api_key::{ApiKey, KeyError};
pub use connect::{ConnectError, Connector, base_url};
use futures::{FutureExt, future::BoxFuture};
pub use reqwest::Url;
use reqwest::{
    Response,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
};

use self::{
    fault::Faults,
    pictures::PictureCache,
    reply::{Assembler, ReplyProblem},
    sse::EventParser,
};
use super::{
    Abilities, ChatModel, ChatReply, ChatRequest, ModelError, PointOrder, Prices, TimeLimit,
    presets::{PictureLimits, Preset, Sampling, Server},
};

/// Bytes of an error's body that are read.
const MAX_ERROR_BYTES: usize = 64 << 10;
/// Time in which the body of an error must come.
const ERROR_BODY_TIME: Duration = Duration::from_secs(2);

/// Bounds of one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// To open a connection.
    pub connect: Duration,
    /// From the request to the first bytes of the reply.
    pub first_byte: Duration,
    /// Between bytes of the reply.
    pub idle: Duration,
    /// The whole exchange; a request's own deadline may be nearer.
    pub total: Duration,
    /// Bytes of a reply.
    pub max_reply_bytes: usize,
    /// Bytes of one event of a stream.
    pub max_event_bytes: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        HttpLimits {
            connect: Duration::from_secs(3),
            first_byte: Duration::from_secs(60),
            idle: Duration::from_secs(20),
            total: Duration::from_secs(300),
            max_reply_bytes: 8 << 20,
            max_event_bytes: 1 << 20,
        }
    }
}

/// Where a model is and how it is asked.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// The address up to and without `/chat/completions`.
    pub base_url: Url,
    /// Name under which the server offers it.
    pub model: String,
    /// Sent as `Authorization: Bearer`.
    pub key: Option<ApiKey>,
    /// What the server understands.
    pub server: Server,
    /// How words are chosen.
    pub sampling: Sampling,
    /// The server needs special tokens in the output to find the thinking.
    pub keeps_special_tokens: bool,
    /// How the model writes places in pictures.
    pub point_order: PointOrder,
    /// Pictures in a request.
    pub pictures: PictureLimits,
    /// Bounds.
    pub limits: HttpLimits,
    /// For counting the cost.
    pub prices: Prices,
}

impl HttpSettings {
    /// As `preset` has it, at `base_url`.
    pub fn from_preset(preset: &Preset, base_url: Url) -> HttpSettings {
        HttpSettings {
            base_url,
            model: preset.served_name.to_owned(),
            key: None,
            server: preset.server,
            sampling: preset.sampling(None),
            keeps_special_tokens: preset.keeps_special_tokens,
            point_order: preset.point_order,
            pictures: preset.pictures,
            limits: HttpLimits::default(),
            prices: Prices::default(),
        }
    }

    /// Where requests go.
    pub fn url(&self) -> String {
        format!("{}/chat/completions", self.base_url.as_str().trim_end_matches('/'))
    }

    /// Host and port, for messages.
    pub fn host(&self) -> String {
        let port = self.base_url.port_or_known_default().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}{port}", self.base_url.host_str().unwrap_or_default())
    }
}

/// One model at one address.
#[derive(Clone)]
pub struct HttpModel {
    settings: Arc<HttpSettings>,
    client: reqwest::Client,
    pictures: Arc<PictureCache>,
}

impl HttpModel {
    /// A model reached through `connector`, whose pictures are kept in its cache.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(settings: HttpSettings, connector: &Connector) -> Result<HttpModel, ConnectError> {
        let client = connector.client(&settings)?;
        Ok(HttpModel { settings: Arc::new(settings), client, pictures: connector.pictures() })
    }

    /// As configured.
    pub fn settings(&self) -> &HttpSettings {
        &self.settings
    }

    async fn exchange(&self, request: &ChatRequest) -> Result<ChatReply, ModelError> {
        let faults = Faults(&self.settings);
        let started = Instant::now();
        let limits = &self.settings.limits;
        let own_end = started + limits.total;
        let end = request.deadline.map_or(own_end, |deadline| deadline.min(own_end));
        if end <= started {
            return Err(faults.deadline());
        }
        match tokio::time::timeout_at(end.into(), self.talk(request, started)).await {
            Ok(result) => result,
            Err(_) if end < own_end => Err(faults.deadline()),
            Err(_) => Err(faults.too_slow(TimeLimit::Total, limits.total)),
        }
    }

    async fn talk(&self, request: &ChatRequest, started: Instant) -> Result<ChatReply, ModelError> {
        let faults = Faults(&self.settings);
        let limits = &self.settings.limits;
        let body = self.body(request.clone()).await?;
        let n_sent_bytes = body.len() as u64;
        let first_byte = tokio::time::Instant::from_std(started + limits.first_byte);
        let sending = self.client.post(self.settings.url()).headers(self.headers()).body(body).send();
        let mut response = match tokio::time::timeout_at(first_byte, sending).await {
            Ok(sent) => sent.map_err(|error| faults.transport(error))?,
            Err(_) => return Err(faults.too_slow(TimeLimit::FirstByte, limits.first_byte)),
        };
        if response.status() != reqwest::StatusCode::OK {
            let (status, headers) = (response.status(), response.headers().clone());
            let body = error_body(&mut response).await;
            return Err(faults.status(status, &headers, &body));
        }
        let format = Format::of(response.headers()).map_err(|found| {
            faults.bad_reply(
                &format!("its content type is {found}, expected text/event-stream or application/json"),
                false,
            )
        })?;
        let mut assembler = Assembler::new(request.on_delta.clone());
        let mut parser = EventParser::new(limits.max_event_bytes);
        let mut document = Vec::new();
        let mut n_bytes = 0_usize;
        while !assembler.is_done() {
            let wait = if n_bytes == 0 { first_byte } else { tokio::time::Instant::now() + limits.idle };
            let chunk = match tokio::time::timeout_at(wait, response.chunk()).await {
                Ok(chunk) => chunk.map_err(|error| faults.transport(error))?,
                Err(_) if n_bytes == 0 => return Err(faults.too_slow(TimeLimit::FirstByte, limits.first_byte)),
                Err(_) => return Err(faults.too_slow(TimeLimit::Idle, limits.idle)),
            };
            let Some(chunk) = chunk else { break };
            n_bytes = n_bytes.saturating_add(chunk.len());
            if n_bytes > limits.max_reply_bytes {
                return Err(faults.too_large("a reply", limits.max_reply_bytes));
            }
            match format {
                Format::Events => self.read(&mut assembler, |on_data| parser.push(&chunk, on_data))?,
                Format::Document => document.extend_from_slice(&chunk),
            }
        }
        match format {
            Format::Events => self.read(&mut assembler, |on_data| parser.finish(on_data))?,
            Format::Document => assembler.document(&document).map_err(|problem| self.problem(problem))?,
        }
        let mut reply = assembler.finish().map_err(|problem| self.problem(problem))?;
        reply.usage.n_sent_bytes = n_sent_bytes;
        reply.usage.cost_micro = self.settings.prices.cost_micro(&reply.usage);
        reply.model.clone_from(&self.settings.model);
        reply.point_order = self.settings.point_order;
        Ok(reply)
    }

    /// Runs one step of the parser and hands what comes out to the assembler.
    fn read(
        &self,
        assembler: &mut Assembler,
        step: impl FnOnce(&mut dyn FnMut(&[u8])) -> Result<(), sse::TooLong>,
    ) -> Result<(), ModelError> {
        let mut result = Ok(());
        let parsed = step(&mut |data| {
            if result.is_ok() {
                result = assembler.event(data);
            }
        });
        result.map_err(|problem| self.problem(problem))?;
        let max_bytes = self.settings.limits.max_event_bytes;
        parsed.map_err(|sse::TooLong| Faults(&self.settings).too_large("an event", max_bytes))
    }

    fn problem(&self, problem: ReplyProblem) -> ModelError {
        let faults = Faults(&self.settings);
        match problem {
            ReplyProblem::ServerError(error) => faults.reported(&error),
            ReplyProblem::Broken(reason) => faults.bad_reply(&reason, true),
        }
    }

    /// Encoding pictures takes milliseconds, which the tasks of the runtime do not have.
    async fn body(&self, request: ChatRequest) -> Result<Vec<u8>, ModelError> {
        let (settings, pictures) = (self.settings.clone(), self.pictures.clone());
        let written = tokio::task::spawn_blocking(move || request::body(&request, &settings, &pictures)).await;
        let faults = Faults(&self.settings);
        match written {
            Ok(body) => body.map_err(|error| faults.bad_request(&error.to_string())),
            Err(error) => Err(faults.bad_request(&format!("it could not be written: {error}"))),
        }
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream, application/json"));
        if let Some(key) = self.settings.key.as_ref().and_then(ApiKey::header) {
            headers.insert(AUTHORIZATION, key);
        }
        headers
    }
}

impl ChatModel for HttpModel {
    fn name(&self) -> &str {
        &self.settings.model
    }

    fn abilities(&self) -> Abilities {
        let server = self.settings.server;
        Abilities {
            // A server that refuses them is asked in text.
            tool_calls: server != Server::Generic,
            response_schema: server.dialect().takes_schema,
            ..Abilities::default()
        }
    }

    fn complete<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatReply, ModelError>> {
        self.exchange(request).boxed()
    }
}

#[derive(Clone, Copy)]
enum Format {
    Events,
    /// The server does not stream.
    Document,
}

impl Format {
    /// `Err` holds what was found.
    fn of(headers: &HeaderMap) -> Result<Format, String> {
        let Some(found) = headers.get(CONTENT_TYPE) else { return Err("missing".to_owned()) };
        let text = String::from_utf8_lossy(found.as_bytes()).to_lowercase();
        match text.split(';').next().unwrap_or_default().trim() {
            "text/event-stream" => Ok(Format::Events),
            "application/json" => Ok(Format::Document),
            _ => Err(text),
        }
    }
}

/// As much of it as comes soon and fits.
async fn error_body(response: &mut Response) -> Vec<u8> {
    let mut body = Vec::new();
    let reading = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            let left = MAX_ERROR_BYTES.saturating_sub(body.len());
            body.extend(chunk.iter().take(left));
            if body.len() >= MAX_ERROR_BYTES {
                break;
            }
        }
    };
    // Half a body says more than none.
    let _ = tokio::time::timeout(ERROR_BODY_TIME, reading).await;
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assembled(pieces: &[&[u8]]) -> ChatReply {
        let mut assembler = Assembler::new(None);
        let mut parser = EventParser::new(1 << 20);
        for piece in pieces {
            parser.push(piece, &mut |data| assembler.event(data).unwrap()).unwrap();
        }
        parser.finish(&mut |data| assembler.event(data).unwrap()).unwrap();
        assembler.finish().unwrap()
    }

    /// A stream with thinking in both places, letters of several bytes, a function call and every kind of line end.
    #[test]
    fn a_stream_cut_at_any_byte_or_two_is_the_same_reply() {
        let stream = "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":\"größer\"}}]}\n\n\
            : keep-alive\r\n\r\n\
            data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"<think>né\"}}]}\r\n\r\n\
            data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"</think>ü\"}}]}\r\r\
            data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":\n\
            data: {\"name\":\"f\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"stop\"}]}\n\n\
            data: [DONE]\n\n"
            .as_bytes();
        let whole = assembled(&[stream]);
        assert_eq!((&*whole.text, &*whole.thinking, whole.tool_calls.len()), ("ü", "größerné", 1));
        for first in 0..=stream.len() {
            assert_eq!(assembled(&[&stream[..first], &stream[first..]]), whole, "cut at {first}");
            for second in (first..=stream.len()).step_by(7) {
                let pieces = [&stream[..first], &stream[first..second], &stream[second..]];
                assert_eq!(assembled(&pieces), whole, "cut at {first} and {second}");
            }
        }
    }
}
