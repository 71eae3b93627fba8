//! Who speaks: the main model until it fails, then the fallback. Outages cost time, never a step.

use std::time::Duration;

use super::{Patience, solve::Progress};
use crate::{
    answer::Refusal,
    error_code::ErrorCode,
    llm::{Abilities, ChatModel, ChatReply, ChatRequest, ModelError},
};

/// A model with what it is still trusted to do.
#[derive(Clone, Copy)]
pub struct Speaker<'a> {
    /// The model.
    pub model: &'a dyn ChatModel,
    /// What it says it can, less what it refused.
    pub abilities: Abilities,
}

impl<'a> Speaker<'a> {
    /// A model with all it says it can.
    pub fn new(model: &'a dyn ChatModel) -> Speaker<'a> {
        Speaker { model, abilities: model.abilities() }
    }
}

/// What to do after a model gave no reply.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// Ask whoever speaks now.
    AskAgain,
    /// The same with a shorter conversation.
    Shorten,
    /// Nobody is left.
    GiveUp(Refusal),
}

/// The models of one goal, in their order.
pub struct Speakers<'a> {
    left: Vec<Speaker<'a>>,
    problems: Vec<ModelError>,
    patience: Patience,
    n_outages: u32,
    has_shortened: bool,
    /// Whoever spoke last writes only programs, be it a stand-in that the present speaker hides.
    last_wrote_program: bool,
}

impl<'a> Speakers<'a> {
    /// `models` in the order in which they take over.
    pub fn new(models: impl IntoIterator<Item = &'a dyn ChatModel>, patience: Patience) -> Speakers<'a> {
        let left = models.into_iter().map(Speaker::new).collect();
        Speakers { left, problems: Vec::new(), patience, n_outages: 0, has_shortened: false, last_wrote_program: false }
    }

    /// Who speaks now.
    ///
    /// # Errors
    /// When nobody is left.
    pub fn current(&self) -> Result<Speaker<'a>, Refusal> {
        self.left.first().copied().ok_or_else(|| no_model(&self.problems))
    }

    /// Whether there is nobody to plan, review or be asked again: who speaks writes only programs.
    pub fn is_program_writer(&self) -> bool {
        let current = self.left.first();
        self.last_wrote_program || current.is_none_or(|speaker| speaker.abilities.writes_programs_only)
    }

    /// Has `model` speak next; those who were to speak stand in for it.
    pub fn put_first(&mut self, model: &'a dyn ChatModel) {
        self.left.insert(0, Speaker::new(model));
    }

    /// A reply came.
    pub fn spoke(&mut self, is_program: bool) {
        self.last_wrote_program = is_program;
        self.n_outages = 0;
        self.has_shortened = false;
    }

    /// Decides what follows a failed call, and waits where that helps.
    pub async fn failed(&mut self, error: ModelError, request: &ChatRequest) -> Next {
        let Some(speaker) = self.left.first_mut() else { return Next::GiveUp(no_model(&self.problems)) };
        tracing::warn!(model = speaker.model.name(), %error, "model gave no reply");
        let has_extras = !request.tools.is_empty() || request.response_schema.is_some();
        if matches!(error, ModelError::BadRequest { .. }) && has_extras {
            // Not every server takes what its kind usually takes; in text every model can act.
            speaker.abilities.tool_calls = false;
            speaker.abilities.response_schema = false;
            return Next::AskAgain;
        }
        if matches!(error, ModelError::TooLong { .. }) && !std::mem::replace(&mut self.has_shortened, true) {
            return Next::Shorten;
        }
        let is_transient = error.is_transient();
        let retry_after = error.retry_after();
        if !self.problems.contains(&error) {
            self.problems.push(error);
        }
        if is_transient && self.left.len() == 1 {
            self.n_outages += 1;
            if self.n_outages < self.patience.n_outages {
                let delay = self.patience.outage_delay.saturating_mul(1 << (self.n_outages - 1).min(10));
                tokio::time::sleep(delay.max(retry_after.unwrap_or(Duration::ZERO))).await;
                return Next::AskAgain;
            }
        }
        // It stays away for the rest of this question: two voices in one conversation would confuse both.
        self.left.remove(0);
        self.n_outages = 0;
        if self.left.is_empty() { Next::GiveUp(no_model(&self.problems)) } else { Next::AskAgain }
    }
}

/// Asks one model and counts what it cost.
///
/// # Errors
/// As the model.
pub async fn ask(
    model: &dyn ChatModel,
    request: &ChatRequest,
    progress: &mut Progress,
) -> Result<ChatReply, ModelError> {
    let mut reply = model.complete(request).await?;
    if reply.model.is_empty() {
        reply.model = model.name().to_owned();
    }
    progress.meter.add(&reply);
    Ok(reply)
}

/// An outage outranks a question that one of the models cannot take: when the outage ends the question may be answered.
fn no_model(problems: &[ModelError]) -> Refusal {
    let is_outage = problems.is_empty() || problems.iter().any(ModelError::is_outage);
    let is_late = |problem: &ModelError| matches!(problem, ModelError::DeadlineExceeded { .. });
    let code = match is_outage {
        true if !problems.is_empty() && problems.iter().all(is_late) => ErrorCode::DeadlineExceeded,
        true => ErrorCode::ModelUnavailable,
        false => ErrorCode::UnsupportedQuestion,
    };
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let message = if texts.is_empty() { "no model is left to ask".to_owned() } else { texts.join("; ") };
    Refusal { code, message }
}
