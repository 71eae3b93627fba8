//! A model whose requests and replies are heard.

use std::{sync::Arc, time::Instant};

use futures::{FutureExt, future::BoxFuture};

use super::{entry::Entry, recording::Tape};
use crate::llm::{Abilities, ChatModel, ChatReply, ChatRequest, ModelError};

/// Passes everything on. A call that is dropped before its reply leaves a request without one.
pub(super) struct RecordedModel {
    pub role: &'static str,
    pub inner: Arc<dyn ChatModel>,
    pub tape: Arc<Tape>,
}

impl ChatModel for RecordedModel {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn abilities(&self) -> Abilities {
        self.inner.abilities()
    }

    fn complete<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatReply, ModelError>> {
        async move {
            let (call, role, model) = (self.tape.next_call(), self.role, self.inner.name().to_owned());
            let asked_at = Instant::now();
            // What hears the reply belongs to the caller.
            let heard = ChatRequest { on_delta: None, ..request.clone() };
            self.tape.hear(Entry::Request { call, role, model: model.clone(), request: heard });
            let said = self.inner.complete(request).await;
            self.tape.hear(Entry::Reply { call, role, model, said: said.clone(), took: asked_at.elapsed() });
            said
        }
        .boxed()
    }
}
