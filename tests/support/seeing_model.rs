//! A stand-in for a vision-language model that says what a function says, and the handle through which cells reach it.

#![allow(dead_code, missing_docs, reason = "each including test uses a part")]
#![allow(clippy::unwrap_used, reason = "test code")]

use std::{
    sync::{Arc, LazyLock, Mutex},
    time::{Duration, Instant},
};

use futures::{FutureExt, future::BoxFuture};
use spatialclaw::llm::{
    ChatModel, ChatReply, ChatRequest, ModelError, Roles, Usage, UsageMeter, Vision, VlmHandle, vision::Account,
};
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());

type Says = Box<dyn Fn(ChatRequest) -> BoxFuture<'static, Result<ChatReply, ModelError>> + Send + Sync>;

pub struct SeeingModel {
    says: Says,
    requests: Mutex<Vec<ChatRequest>>,
}

impl SeeingModel {
    pub fn new(says: impl Fn(&ChatRequest) -> String + Send + Sync + 'static) -> Arc<SeeingModel> {
        SeeingModel::acting(move |request| {
            let usage = Usage { n_prompt_tokens: 100, n_completion_tokens: 10, n_calls: 1, ..Usage::default() };
            let reply = ChatReply { usage, ..ChatReply::new(says(&request)) };
            std::future::ready(Ok(reply)).boxed()
        })
    }

    pub fn acting(
        says: impl Fn(ChatRequest) -> BoxFuture<'static, Result<ChatReply, ModelError>> + Send + Sync + 'static,
    ) -> Arc<SeeingModel> {
        Arc::new(SeeingModel { says: Box::new(says), requests: Mutex::default() })
    }

    pub fn requests(&self) -> Vec<ChatRequest> {
        self.requests.lock().unwrap().clone()
    }
}

impl ChatModel for SeeingModel {
    fn name(&self) -> &str {
        "seeing"
    }

    fn complete<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatReply, ModelError>> {
        self.requests.lock().unwrap().push(request.clone());
        (self.says)(request.clone())
    }
}

/// Points at the middle of every picture, or says one sentence, as its instructions ask.
pub fn plain_model() -> Arc<SeeingModel> {
    SeeingModel::new(|request| {
        if request.response_schema.is_none() {
            return "A mug, a bowl and a box (picture 1).".to_owned();
        }
        let place = r#"{"picture": 1, "label": "mug", "x_min": 400, "y_min": 400, "x_max": 600, "y_max": 600}"#;
        format!(r#"{{"visible": true, "reason": "It stands in the middle.", "points": [], "boxes": [{place}]}}"#)
    })
}

pub fn vision(model: Arc<dyn ChatModel>) -> Arc<Vision> {
    Arc::new(Vision::new(&Roles::same(model)))
}

pub fn handle(model: Arc<dyn ChatModel>, deadline: Instant) -> VlmHandle {
    let account = Account { session_id: "test".to_owned(), deadline, meter: UsageMeter::default() };
    VlmHandle::new(vision(model), RUNTIME.handle().clone(), account)
}

pub fn long() -> Instant {
    Instant::now() + Duration::from_secs(600)
}
