//! What a failed exchange means for the reader.

use std::{error::Error, io, time::Duration};

use reqwest::{
    StatusCode,
    header::{DATE, HeaderMap, LOCATION, RETRY_AFTER},
};
use serde_json::Value;

use super::HttpSettings;
use crate::llm::{ModelError, TimeLimit};

/// Characters of a server's own words that are shown.
const MAX_SHOWN_CHARS: usize = 300;

/// Words by which servers say that the conversation does not fit.
const TOO_LONG: [&str; 7] = [
    "context_length_exceeded",
    "context length",
    "context size",
    "maximum context",
    "input token count",
    "prompt is too long",
    "too many tokens",
];
/// Words by which servers refuse a key with another status than 401.
const BAD_KEY: [&str; 3] = ["api key not valid", "api_key_invalid", "invalid_api_key"];
/// Words by which servers say that a paid amount is used up; waiting does not help.
const NO_QUOTA: [&str; 2] = ["insufficient_quota", "billing"];
/// Words by which servers say that they have no such model.
const NO_MODEL: [&str; 4] = ["model_not_found", "does not exist", "not found", "not_found"];

/// Names the model in errors and keeps the key out of them.
pub(super) struct Faults<'a>(pub &'a HttpSettings);

impl Faults<'_> {
    fn model(&self) -> String {
        self.0.model.clone()
    }

    /// A text from outside: without the key, without control characters, and short.
    pub fn clean(&self, text: &str) -> String {
        let text = match &self.0.key {
            Some(key) => key.redact(text),
            None => text.to_owned(),
        };
        let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
        let line = words.iter().filter(|word| !word.is_empty()).copied().collect::<Vec<_>>().join(" ");
        match line.char_indices().nth(MAX_SHOWN_CHARS) {
            Some((end, _)) => format!("{}...", line.get(..end).unwrap_or_default()),
            None => line,
        }
    }

    /// A limit of time was overrun.
    pub fn too_slow(&self, what: TimeLimit, limit: Duration) -> ModelError {
        ModelError::TooSlow { model: self.model(), what, limit }
    }

    /// The goal's deadline passed.
    pub fn deadline(&self) -> ModelError {
        ModelError::DeadlineExceeded { model: self.model() }
    }

    /// More came than may.
    pub fn too_large(&self, what: &'static str, max_bytes: usize) -> ModelError {
        ModelError::TooLarge { model: self.model(), what: what.into(), max_bytes }
    }

    /// What came is not this protocol.
    pub fn bad_reply(&self, reason: &str, is_broken_off: bool) -> ModelError {
        ModelError::BadReply { model: self.model(), reason: self.clean(reason), is_broken_off }
    }

    /// A request that cannot be sent.
    pub fn bad_request(&self, reason: &str) -> ModelError {
        ModelError::BadRequest { model: self.model(), status: 0, reason: self.clean(reason) }
    }

    /// No exchange came about, or it broke off.
    pub fn transport(&self, error: reqwest::Error) -> ModelError {
        let error = error.without_url();
        if let Some(reason) = tls_reason(&error) {
            return ModelError::Tls { model: self.model(), reason: self.clean(&reason) };
        }
        if error.is_connect() && error.is_timeout() {
            return self.too_slow(TimeLimit::Connect, self.0.limits.connect);
        }
        let mut reason = innermost(&error).to_string();
        if error.is_body() || error.is_decode() {
            return self.bad_reply(&format!("the connection broke in mid-reply: {reason}"), true);
        }
        if error.is_connect() {
            reason = format!("{reason} ({})", self.0.host());
        }
        ModelError::Unavailable { model: self.model(), reason: self.clean(&reason) }
    }

    /// The server answered with something else than 200.
    pub fn status(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ModelError {
        if status.is_redirection() {
            return ModelError::Redirected { model: self.model(), status: status.as_u16(), to: self.target(headers) };
        }
        let error: Option<Value> = serde_json::from_slice(body).ok();
        let text = match &error {
            Some(value) => message_of(value),
            None => String::from_utf8_lossy(body).into_owned(),
        };
        self.refusal(status.as_u16(), &text, error.as_ref(), retry_after(headers))
    }

    /// The server reported an error within a reply that had begun.
    pub fn reported(&self, error: &Value) -> ModelError {
        let code = error.get("code").or_else(|| error.get("status")).and_then(Value::as_u64);
        let status = code.and_then(|code| u16::try_from(code).ok()).filter(|code| (400..600).contains(code));
        self.refusal(status.unwrap_or(500), &message_of(error), Some(error), None)
    }

    fn refusal(&self, status: u16, text: &str, error: Option<&Value>, retry_after: Option<Duration>) -> ModelError {
        let model = self.model();
        let reason = match self.clean(text) {
            text if text.is_empty() => "the server gives no reason".to_owned(),
            text => text,
        };
        let all = error.map_or_else(|| text.to_lowercase(), |error| error.to_string().to_lowercase());
        let says = |words: &[&str]| words.iter().any(|word| all.contains(word));
        let key_env = self.0.key.as_ref().map(|key| key.env_name().to_owned()).unwrap_or_default();
        match status {
            401 | 403 => ModelError::BadKey { model, key_env, reason },
            400 if says(&BAD_KEY) => ModelError::BadKey { model, key_env, reason },
            402 => ModelError::BadKey { model, key_env, reason },
            429 if says(&NO_QUOTA) => ModelError::BadKey { model, key_env, reason },
            404 if all.contains("model") && says(&NO_MODEL) => ModelError::UnknownModel { model, reason },
            400 | 422 if all.contains("model_not_found") => ModelError::UnknownModel { model, reason },
            404 | 405 => {
                let reason =
                    format!("nothing takes questions at {}; most addresses end in /v1: {reason}", self.0.url());
                ModelError::BadRequest { model, status, reason }
            }
            400 | 413 | 422 if status == 413 || says(&TOO_LONG) => ModelError::TooLong { model, reason },
            429 | 503 | 529 => ModelError::Overloaded { model, status, reason, retry_after },
            408 | 500..=599 => ModelError::ServerFailed { model, status, reason },
            _ => ModelError::BadRequest { model, status, reason },
        }
    }

    /// Scheme, host and port of a redirect; the rest may hold anything.
    fn target(&self, headers: &HeaderMap) -> String {
        let location = headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match reqwest::Url::parse(location) {
            Ok(url) => self.clean(&url.origin().ascii_serialization()),
            Err(_) if location.starts_with('/') => "another path on the same host".to_owned(),
            Err(_) => "an address that cannot be read".to_owned(),
        }
    }
}

/// What servers call their message: `error.message`, `message`, `detail`, or `error` itself; Gemini wraps it in a list.
fn message_of(error: &Value) -> String {
    let error = error.get(0).unwrap_or(error);
    let places = ["/error/message", "/message", "/detail", "/error"];
    let found = places.iter().find_map(|place| error.pointer(place)?.as_str());
    found.map_or_else(|| error.to_string(), str::to_owned)
}

/// Seconds, or a date, which is counted from the server's own clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    const MAX_SECS: f64 = 86_400.0;
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(secs) = text.parse::<f64>() {
        return (secs >= 0.0).then(|| Duration::from_secs_f64(secs.min(MAX_SECS)));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let now = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| {
        let error: &'a (dyn Error + 'static) = *error;
        // An I/O error hides what it was made from behind another method.
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    causes(error).last().unwrap_or(error)
}

fn tls_reason(error: &(dyn Error + 'static)) -> Option<String> {
    causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()).map(ToString::to_string)
}
