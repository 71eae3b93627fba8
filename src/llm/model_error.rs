//! Why a model gave no reply, by what the reader can do next.

use std::{borrow::Cow, fmt, time::Duration};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The limit of time that a server overran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeLimit {
    /// To open a connection.
    Connect,
    /// From the request to the first bytes of the reply.
    FirstByte,
    /// Between bytes of the reply.
    Idle,
    /// For the whole reply.
    Total,
}

impl fmt::Display for TimeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TimeLimit::Connect => "no connection",
            TimeLimit::FirstByte => "no first byte of a reply",
            TimeLimit::Idle => "the reply stood still",
            TimeLimit::Total => "the reply was not complete",
        })
    }
}

/// Why a model gave no reply. No message ever holds a key.
#[derive(Clone, Debug, Error, PartialEq, Serialize, Deserialize)]
pub enum ModelError {
    /// Nothing answers at its address, or there is no model to ask: look at the network and the address.
    #[error("model \"{model}\" is unavailable: {reason}")]
    Unavailable {
        /// The model's name.
        model: String,
        /// What was found.
        reason: String,
    },
    /// It can say at once that this question is outside what it can do.
    #[error("{0}")]
    UnsupportedQuestion(String),
    /// No trusted connection: look at the certificate and the clock.
    #[error("model \"{model}\" is unavailable: no trusted connection: {reason}")]
    Tls {
        /// The model's name.
        model: String,
        /// What was found.
        reason: String,
    },
    /// The server refuses the key: set another.
    #[error("model \"{model}\" refuses the key {}: {reason}", key_place(.key_env))]
    BadKey {
        /// The model's name.
        model: String,
        /// The environment variable that holds the key; empty = none was sent.
        key_env: String,
        /// What the server says.
        reason: String,
    },
    /// The server has no such model: correct the name.
    #[error("model \"{model}\" is unknown to its server: {reason}")]
    UnknownModel {
        /// The model's name.
        model: String,
        /// What the server says.
        reason: String,
    },
    /// The conversation does not fit: send less.
    #[error("the conversation is too long for model \"{model}\": {reason}")]
    TooLong {
        /// The model's name.
        model: String,
        /// What the server says.
        reason: String,
    },
    /// The server does not take the request as it is: the same request fails again.
    #[error("model \"{model}\" does not take the request (status {status}): {reason}")]
    BadRequest {
        /// The model's name.
        model: String,
        /// HTTP status.
        status: u16,
        /// What the server says.
        reason: String,
    },
    /// Too much is asked of it now: wait, or ask another.
    #[error("model \"{model}\" is overloaded (status {status}): {reason}")]
    Overloaded {
        /// The model's name.
        model: String,
        /// HTTP status.
        status: u16,
        /// What the server says.
        reason: String,
        /// How long the server wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// The server broke: try later, or ask another.
    #[error("the server of model \"{model}\" failed (status {status}): {reason}")]
    ServerFailed {
        /// The model's name.
        model: String,
        /// HTTP status.
        status: u16,
        /// What the server says.
        reason: String,
    },
    /// The server is too slow: ask another, or raise the limit.
    #[error("model \"{model}\" is too slow: {what} within {:.1} s", .limit.as_secs_f64())]
    TooSlow {
        /// The model's name.
        model: String,
        /// Which limit.
        what: TimeLimit,
        /// The limit.
        limit: Duration,
    },
    /// What came is no reply of this protocol: look at the address, or try again when the connection broke.
    #[error("model \"{model}\" sent no usable reply: {reason}")]
    BadReply {
        /// The model's name.
        model: String,
        /// What was found and what is expected.
        reason: String,
        /// Whether the same request may do better: the reply broke off or was empty.
        is_broken_off: bool,
    },
    /// The reply was cut because it would not end.
    #[error("model \"{model}\" sent {what} of more than {max_bytes} bytes")]
    TooLarge {
        /// The model's name.
        model: String,
        /// What was too large.
        what: Cow<'static, str>,
        /// The limit.
        max_bytes: usize,
    },
    /// The server sends callers elsewhere, which is not followed: correct the address.
    #[error(
        "the server of model \"{model}\" redirects (status {status}) to {to}, which is not followed; set the address to it if it is trusted"
    )]
    Redirected {
        /// The model's name.
        model: String,
        /// HTTP status.
        status: u16,
        /// Scheme and host it points to.
        to: String,
    },
    /// The goal has no time left for a reply.
    #[error("no time was left for a reply of model \"{model}\"")]
    DeadlineExceeded {
        /// The model's name.
        model: String,
    },
    /// Several models were asked and none could.
    #[error("{}", joined(.0))]
    Several(Vec<ModelError>),
}

fn joined(problems: &[ModelError]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn key_place(key_env: &str) -> String {
    if key_env.is_empty() { "(none was sent)".to_owned() } else { format!("in the environment variable {key_env}") }
}

impl ModelError {
    /// Whether another try, a little later, may succeed.
    pub fn is_transient(&self) -> bool {
        match self {
            ModelError::Unavailable { .. }
            | ModelError::Overloaded { .. }
            | ModelError::ServerFailed { .. }
            | ModelError::TooSlow { .. } => true,
            ModelError::BadReply { is_broken_off, .. } => *is_broken_off,
            ModelError::Several(problems) => problems.iter().any(ModelError::is_transient),
            _ => false,
        }
    }

    /// Whether the cause lies with the model or the way to it, and not in the question.
    pub fn is_outage(&self) -> bool {
        match self {
            ModelError::UnsupportedQuestion(_) => false,
            ModelError::Several(problems) => problems.iter().any(ModelError::is_outage),
            _ => true,
        }
    }

    /// Whether the cause lies with this server, so that another one of the same model may do better.
    pub fn is_of_server(&self) -> bool {
        self.is_transient()
            || matches!(
                self,
                ModelError::Tls { .. }
                    | ModelError::BadKey { .. }
                    | ModelError::UnknownModel { .. }
                    | ModelError::BadReply { .. }
                    | ModelError::TooLarge { .. }
                    | ModelError::Redirected { .. }
            )
    }

    /// How long the server wants to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            ModelError::Overloaded { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
