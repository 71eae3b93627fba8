//! Looking through a vision-language model: pointing at things and describing what is seen.
//!
//! Each call is a conversation of its own, with our prompt, the pictures and one question; it knows nothing of the goal around it, so
//! what it says is evidence of its own. [`VlmHandle`] is the same for a thread that blocks.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use image::RgbImage;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::runtime::Handle;

use super::{
    ChatModel, ChatReply, ChatRequest, Message, ModelError, ModelRole, Picture, Role, Roles,
    grounding::{self, Located},
    usage::UsageMeter,
};

const LOCATE: &str = include_str!("prompts/locate.md");
const LOOK: &str = include_str!("prompts/look.md");

/// Pictures in which something is looked for at once.
pub const MAX_LOCATE_PICTURES: usize = 8;
/// Pictures that are looked at with thinking at once.
pub const MAX_LOOK_PICTURES: usize = 64;
/// Questions asked side by side in one call.
pub const MAX_QUESTIONS: usize = 16;
/// Of these, so many are on their way at a time.
const N_AT_A_TIME: usize = 4;
/// How often a blocked thread looks whether it must stop.
const POLL: Duration = Duration::from_millis(5);

/// Why looking gave no result.
#[derive(Clone, Debug, Error, PartialEq, Serialize, Deserialize)]
pub enum VisionError {
    /// The model cannot be asked.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// It replied, twice, with something that cannot be used.
    #[error("model \"{model}\" gave no usable reply: {reason}")]
    Unusable {
        /// Who replied.
        model: String,
        /// What is wrong with the reply.
        reason: String,
    },
    /// The caller no longer waits.
    #[error("the call was ended before the model replied")]
    Interrupted,
}

/// The two models that look.
#[derive(Clone)]
pub struct Vision {
    /// Points.
    pub grounding: Arc<dyn ChatModel>,
    /// Describes.
    pub vlm: Arc<dyn ChatModel>,
}

/// Whose time and account a call is on.
#[derive(Clone, Debug)]
pub struct Account {
    /// Keeps the goal's calls on one server.
    pub session_id: String,
    /// Steady time at which the goal ends.
    pub deadline: Instant,
    /// Counts.
    pub meter: UsageMeter,
}

impl Vision {
    /// The models that `roles` name.
    pub fn new(roles: &Roles) -> Vision {
        Vision { grounding: roles.get(ModelRole::Grounding).clone(), vlm: roles.get(ModelRole::Vlm).clone() }
    }

    /// Looks for what `question` describes. A reply that cannot be used is sent back once with what is wrong.
    ///
    /// # Errors
    /// [`VisionError`].
    pub async fn locate(
        &self,
        pictures: &[Picture],
        question: &str,
        account: &Account,
    ) -> Result<Located, VisionError> {
        let images: Vec<&RgbImage> = pictures.iter().map(|picture| &*picture.image).collect();
        let question = format!(
            "Is this in the picture, and where? Check that it is there before you point: {}",
            one_paragraph(question)
        );
        let mut request = conversation(LOCATE, pictures, &question, account);
        request.response_schema = Some(grounding::schema());
        let mut problem = String::new();
        let mut speaker = String::new();
        for _ in 0..2 {
            let reply = ask(self.grounding.as_ref(), &request, account).await?;
            let read = match reply.finish.is_cut_off() {
                true => Err(cut_off(&reply)),
                false => grounding::read(&reply.text, reply.point_order, &images),
            };
            match read {
                Ok(located) => return Ok(located),
                Err(reason) => problem = reason,
            }
            let again = format!("That reply cannot be used: {problem}. Reply again with one JSON object as described.");
            request.messages.push(Message::new(Role::Assistant, shortened(&reply.text)));
            request.messages.push(Message::new(Role::User, again));
            speaker = reply.model;
        }
        Err(VisionError::Unusable { model: speaker, reason: problem })
    }

    /// Answers `question` from what the pictures show.
    ///
    /// # Errors
    /// [`VisionError`].
    pub async fn look(&self, pictures: &[Picture], question: &str, account: &Account) -> Result<String, VisionError> {
        let request = conversation(LOOK, pictures, question, account);
        let reply = ask(self.vlm.as_ref(), &request, account).await?;
        if reply.finish.is_cut_off() {
            return Err(VisionError::Unusable { reason: cut_off(&reply), model: reply.model });
        }
        match reply.text.trim() {
            "" => Err(VisionError::Unusable { model: reply.model, reason: "it is empty".to_owned() }),
            text => Ok(text.to_owned()),
        }
    }
}

fn conversation(instructions: &str, pictures: &[Picture], question: &str, account: &Account) -> ChatRequest {
    let numbered = pictures.iter().enumerate().map(|(position, picture)| Picture {
        label: format!("Picture {} ({})", position + 1, picture.label),
        image: picture.image.clone(),
    });
    let asked = Message { pictures: numbered.collect(), pictures_first: true, ..Message::new(Role::User, question) };
    ChatRequest {
        messages: vec![Message::new(Role::System, instructions), asked],
        session_id: account.session_id.clone(),
        deadline: Some(account.deadline),
        ..ChatRequest::default()
    }
}

async fn ask(model: &dyn ChatModel, request: &ChatRequest, account: &Account) -> Result<ChatReply, VisionError> {
    let asking = tokio::time::timeout_at(account.deadline.into(), model.complete(request));
    let late = |_| ModelError::DeadlineExceeded { model: model.name().to_owned() };
    let mut reply = asking.await.map_err(late)??;
    if reply.model.is_empty() {
        reply.model = model.name().to_owned();
    }
    account.meter.add(&reply);
    Ok(reply)
}

fn cut_off(reply: &ChatReply) -> String {
    let n_tokens = reply.usage.n_completion_tokens;
    format!("it was cut off after {n_tokens} tokens ({:?})", reply.finish)
}

fn one_paragraph(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A reply that went wrong is shown to its writer again, but not at any length.
fn shortened(text: &str) -> String {
    const MAX_CHARS: usize = 2000;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Looks for a thread that waits for the result. Both come back within milliseconds when `must_stop` says so.
pub trait Looker: Send + Sync {
    /// See [`VlmHandle::locate`].
    ///
    /// # Errors
    /// Each question has its own [`VisionError`].
    fn locate(
        &self,
        pictures: Vec<Picture>,
        questions: Vec<String>,
        must_stop: &dyn Fn() -> bool,
    ) -> Vec<Result<Located, VisionError>>;

    /// See [`VlmHandle::look`].
    ///
    /// # Errors
    /// Each question has its own [`VisionError`].
    fn look(
        &self,
        pictures: Vec<Picture>,
        questions: Vec<String>,
        must_stop: &dyn Fn() -> bool,
    ) -> Vec<Result<String, VisionError>>;
}

/// Time that was spent waiting for models, a call that is under way included. Copies count into the same sum.
#[derive(Clone, Debug, Default)]
pub struct WaitedTime(Arc<Mutex<Waits>>);

#[derive(Debug, Default)]
struct Waits {
    over: Duration,
    n_under_way: u32,
    since: Option<Instant>,
}

impl WaitedTime {
    /// So far. Calls side by side count once.
    pub fn total(&self) -> Duration {
        let waits = self.lock();
        waits.over + waits.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn during<T>(&self, call: impl FnOnce() -> T) -> T {
        /// Ends the wait also when a call breaks.
        struct Under<'a>(&'a WaitedTime);
        impl Drop for Under<'_> {
            fn drop(&mut self) {
                let mut waits = self.0.lock();
                waits.n_under_way -= 1;
                if waits.n_under_way == 0 {
                    let waited = waits.since.take().map_or(Duration::ZERO, |since| since.elapsed());
                    waits.over += waited;
                }
            }
        }
        {
            let mut waits = self.lock();
            waits.n_under_way += 1;
            waits.since.get_or_insert_with(Instant::now);
        }
        let _under = Under(self);
        call()
    }

    fn lock(&self) -> MutexGuard<'_, Waits> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// [`Vision`] for a thread that waits for the result, such as the kernel's. It must not be used from a task of the runtime.
#[derive(Clone)]
pub struct VlmHandle {
    looker: Arc<dyn Looker>,
    waited: WaitedTime,
}

impl VlmHandle {
    /// Calls run on `runtime`, on the account of one goal.
    pub fn new(vision: Arc<Vision>, runtime: Handle, account: Account) -> VlmHandle {
        VlmHandle::through(Arc::new(OnRuntime { vision, runtime, account }))
    }

    /// Calls are made by someone who can reach the models.
    pub fn through(looker: Arc<dyn Looker>) -> VlmHandle {
        VlmHandle { looker, waited: WaitedTime::default() }
    }

    /// How long all calls through this handle and its copies took: a cell's own time stands still meanwhile.
    pub fn waited(&self) -> WaitedTime {
        self.waited.clone()
    }

    /// Looks for what each question describes, several at a time; results in the order of the questions. Comes back within
    /// milliseconds when `must_stop` says so; the calls are dropped then.
    ///
    /// # Errors
    /// Each question has its own [`VisionError`].
    pub fn locate(
        &self,
        pictures: Vec<Picture>,
        questions: Vec<String>,
        must_stop: &dyn Fn() -> bool,
    ) -> Vec<Result<Located, VisionError>> {
        self.waited.during(|| self.looker.locate(pictures, questions, must_stop))
    }

    /// Answers each question from the pictures, as [`VlmHandle::locate`].
    ///
    /// # Errors
    /// Each question has its own [`VisionError`].
    pub fn look(
        &self,
        pictures: Vec<Picture>,
        questions: Vec<String>,
        must_stop: &dyn Fn() -> bool,
    ) -> Vec<Result<String, VisionError>> {
        self.waited.during(|| self.looker.look(pictures, questions, must_stop))
    }
}

/// Models that are reached from this process.
struct OnRuntime {
    vision: Arc<Vision>,
    runtime: Handle,
    account: Account,
}

impl Looker for OnRuntime {
    fn locate(
        &self,
        pictures: Vec<Picture>,
        questions: Vec<String>,
        must_stop: &dyn Fn() -> bool,
    ) -> Vec<Result<Located, VisionError>> {
        let (vision, account) = (self.vision.clone(), self.account.clone());
        self.all(questions, must_stop, move |question| {
            let (vision, account, pictures) = (vision.clone(), account.clone(), pictures.clone());
            async move { vision.locate(&pictures, &question, &account).await }
        })
    }

    fn look(
        &self,
        pictures: Vec<Picture>,
        questions: Vec<String>,
        must_stop: &dyn Fn() -> bool,
    ) -> Vec<Result<String, VisionError>> {
        let (vision, account) = (self.vision.clone(), self.account.clone());
        self.all(questions, must_stop, move |question| {
            let (vision, account, pictures) = (vision.clone(), account.clone(), pictures.clone());
            async move { vision.look(&pictures, &question, &account).await }
        })
    }
}

impl OnRuntime {
    fn all<T, F>(
        &self,
        questions: Vec<String>,
        must_stop: &dyn Fn() -> bool,
        ask: impl Fn(String) -> F + Send + 'static,
    ) -> Vec<Result<T, VisionError>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, VisionError>> + Send + 'static,
    {
        let n_questions = questions.len();
        let (send, receive) = mpsc::sync_channel(1);
        let calls = self.runtime.spawn(async move {
            let answers: Vec<_> = stream::iter(questions.into_iter().map(ask)).buffered(N_AT_A_TIME).collect().await;
            // Nobody may be waiting any more.
            let _ = send.send(answers);
        });
        loop {
            match receive.recv_timeout(POLL) {
                Ok(answers) => return answers,
                Err(mpsc::RecvTimeoutError::Timeout) if !must_stop() => {}
                Err(_) => {
                    calls.abort();
                    return (0..n_questions).map(|_| Err(VisionError::Interrupted)).collect();
                }
            }
        }
    }
}
