//! A model that says what it was told to say: for tests, demonstrations and replays.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};

use super::{Abilities, ChatModel, ChatReply, ChatRequest, ModelError, Usage};

/// One thing the script does when it is called.
#[derive(Clone, Debug)]
pub enum Turn {
    /// Replies with this text.
    Reply(String),
    /// Replies with this, to the letter.
    Say(Box<ChatReply>),
    /// Fails.
    Fail(ModelError),
    /// Waits, then replies.
    ReplyAfter(Duration, String),
    /// Never replies; only dropping the call ends it.
    Hang,
}

/// Plays its turns in order; afterwards it is unavailable. Every request is kept.
pub struct ScriptedModel {
    name: String,
    abilities: Abilities,
    turns: Mutex<VecDeque<Turn>>,
    requests: Mutex<Vec<ChatRequest>>,
}

impl ScriptedModel {
    /// A model with this name and these turns.
    pub fn new(name: &str, turns: impl IntoIterator<Item = Turn>) -> ScriptedModel {
        ScriptedModel {
            name: name.to_owned(),
            abilities: Abilities::default(),
            turns: Mutex::new(turns.into_iter().collect()),
            requests: Mutex::default(),
        }
    }

    /// A model that replies with these texts.
    pub fn replying(name: &str, replies: &[&str]) -> ScriptedModel {
        ScriptedModel::new(name, replies.iter().map(|text| Turn::Reply((*text).to_owned())))
    }

    /// The same model with these abilities.
    #[must_use]
    pub fn with_abilities(self, abilities: Abilities) -> ScriptedModel {
        ScriptedModel { abilities, ..self }
    }

    /// Everything it was asked so far, oldest first.
    pub fn requests(&self) -> Vec<ChatRequest> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn next_turn(&self, request: &ChatRequest) -> Option<Turn> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl ChatModel for ScriptedModel {
    fn name(&self) -> &str {
        &self.name
    }

    fn abilities(&self) -> Abilities {
        self.abilities
    }

    fn complete<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatReply, ModelError>> {
        async move {
            match self.next_turn(request) {
                Some(Turn::Reply(text)) => Ok(reply(text)),
                Some(Turn::Say(reply)) => Ok(*reply),
                Some(Turn::ReplyAfter(delay, text)) => {
                    tokio::time::sleep(delay).await;
                    Ok(reply(text))
                }
                Some(Turn::Fail(error)) => Err(error),
                Some(Turn::Hang) => std::future::pending().await,
                None => Err(ModelError::Unavailable {
                    model: self.name.clone(),
                    reason: "the script has no further turn".to_owned(),
                }),
            }
        }
        .boxed()
    }
}

fn reply(text: String) -> ChatReply {
    let n_completion_tokens = text.split_whitespace().count() as u64;
    let usage = Usage { n_completion_tokens, n_calls: 1, ..Usage::default() };
    ChatReply { text, usage, ..ChatReply::default() }
}
