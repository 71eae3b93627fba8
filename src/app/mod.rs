//! Everything wired together as one service, still without ROS: what the robot saw goes in, questions are answered.
//!
//! Time and coordinates come in as plain values; ROS time is asked of the clock that the rim hands over.

pub mod conversations;
pub mod models;
pub mod question;
mod session;
pub mod source;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

pub use conversations::{Conversations, Talk};
pub use models::{Models, ModelsError};
pub use question::{Question, When};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{
    agent::{Agent, Event, EventSink, Goal, Interface, Outcome, Stage},
    answer::Refusal,
    config::Config,
    error_code::ErrorCode,
    llm::{ChatModel, ModelRole},
    perception::{Perception, label_image::LabelImageSegmenter},
    scene::{
        self, CameraConfig, ImuSample, InputProblem, LabelNames, SceneBuffer, Snapshot, SnapshotRequest, Stamp,
        StampedTransform,
        raw_message::{ImageMessage, MessageHeader, RawCameraInfo},
    },
    session::record::{Recorder, RecorderHealth},
};

/// How often a question looks whether the transforms it waits for have come.
const TF_POLL: Duration = Duration::from_millis(10);

/// Says what time it is in ROS.
pub type RosClock = Arc<dyn Fn() -> Stamp + Send + Sync>;

/// A question that was taken in.
struct Asked {
    question: Question,
    goal: Goal,
    /// Questions of the same conversation before it.
    n_earlier: usize,
}

/// Buffers what the robot sees and answers questions about it.
pub struct App {
    config: Arc<Config>,
    scene: Mutex<SceneBuffer>,
    agent: Agent,
    models: HashMap<String, Arc<dyn ChatModel>>,
    clock: RosClock,
    recorder: Recorder,
    conversations: Arc<Conversations>,
    /// Notes what the last question measured; the next one waits for it.
    remembering: Mutex<Option<tokio::task::JoinHandle<()>>>,
}

impl App {
    /// The service with the configured models, whose keys are read from the environment, and label images. `cameras` are those of
    /// `config`, with the names of the topics that are really listened to.
    ///
    /// # Errors
    /// When a configured model cannot be used.
    pub fn new(config: Config, cameras: Vec<CameraConfig>, clock: RosClock) -> Result<App, ModelsError> {
        let models = Models::build(&config.model, |name| std::env::var(name).ok())?;
        let perception = Perception::new(Arc::new(LabelImageSegmenter));
        let main = models.roles.get(ModelRole::Main).clone();
        let role = |role| Some(models.roles.get(role).clone());
        let agent = Agent {
            planner: role(ModelRole::Planning),
            reviewer: role(ModelRole::Reflection),
            finisher: models.finisher,
            vision: models.vision,
            limits: config.limits,
            isolation: config.isolation.clone(),
            settings: config.agent.clone(),
            ..Agent::new(main, perception)
        };
        let app = App::with_agent(config, cameras, agent, clock);
        Ok(App { models: models.by_name, ..app })
    }

    /// The service with an agent of your own.
    pub fn with_agent(config: Config, cameras: Vec<CameraConfig>, agent: Agent, clock: RosClock) -> App {
        let mut scene = SceneBuffer::new(config.to_scene(), cameras);
        for camera in &config.cameras {
            if let Some(names) = &camera.fixed_label_names
                && let Err(problem) = scene.set_label_names(&camera.name, names.clone())
            {
                tracing::error!(camera = camera.name, "fixed label names are not used: {problem}");
            }
        }
        let models = std::iter::once(&agent.model)
            .chain(&agent.fallback)
            .map(|model| (model.name().to_owned(), model.clone()))
            .collect();
        let recorder = Recorder::new(config.record.to_recorder(std::env::home_dir().as_deref()));
        App {
            conversations: Conversations::new(config.conversation),
            config: Arc::new(config),
            scene: Mutex::new(scene),
            agent,
            models,
            clock,
            recorder,
            remembering: Default::default(),
        }
    }

    /// As started.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// ROS time.
    pub fn now(&self) -> Stamp {
        (self.clock)()
    }

    /// How recording went so far.
    pub fn recorder_health(&self) -> RecorderHealth {
        self.recorder.health()
    }

    /// Waits until every ended question that is recorded is on the disk; false when that took longer than `at_most`.
    pub fn flush_records(&self, at_most: Duration) -> bool {
        self.recorder.flush(at_most)
    }

    /// How the model acts in goals that do not say.
    pub fn interface(&self) -> &'static str {
        self.config.interface.name()
    }

    /// Ways in which a model can act; an empty name is the main one's.
    fn interfaces(&self, model: &str) -> Vec<&'static str> {
        let model = self.models.get(model).unwrap_or(&self.agent.model);
        let models: Vec<_> = std::iter::once(model).chain(&self.agent.fallback).collect();
        let can = |interface: Interface| {
            interface.takes_programs() || models.iter().any(|model| !model.abilities().writes_programs_only)
        };
        Interface::ALL.into_iter().filter(|interface| can(*interface)).map(Interface::name).collect()
    }

    /// What the robot sees. Hold it for short: images wait to get in.
    pub fn scene(&self) -> MutexGuard<'_, SceneBuffer> {
        self.scene.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks a question before it is accepted.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidGoal`] with the field, what was found and what is expected; [`ErrorCode::ConversationBusy`] while another
    /// question of its conversation is being answered.
    pub fn check(&self, question: &Question) -> Result<(), Refusal> {
        let mut names: Vec<String> = self.models.keys().cloned().collect();
        names.sort();
        question::check(question, &self.config, &names, &self.interfaces(&question.model))?;
        self.conversations.check(&question.conversation_id)
    }

    /// Answers a question. Comes back with a refusal when `cancel` fires or `deadline` passes.
    pub async fn ask(
        self: Arc<Self>,
        question: Question,
        accepted_at: Instant,
        deadline: Instant,
        events: EventSink,
        cancel: CancellationToken,
    ) -> Outcome {
        let talk = match question.conversation_id.as_str() {
            "" => None,
            id => match self.conversations.begin(id, &question.text, Instant::now()) {
                Ok(talk) => Some(talk),
                Err(refusal) => return refused(refusal, accepted_at.elapsed()),
            },
        };
        // A goal that names a model wants no other, except those that stand in for it.
        let agent = match self.models.get(&question.model) {
            Some(model) if !question.model.is_empty() => {
                Agent { model: model.clone(), fallback: None, ..self.agent.clone() }
            }
            _ => self.agent.clone(),
        };
        let goal = self.goal(&question, talk.as_ref(), deadline);
        let recording = self.start_recording(&agent, &question, &goal, accepted_at);
        let asked = Asked { question, goal, n_earlier: talk.as_ref().map_or(0, |talk| talk.n_earlier) };
        let outcome = match &recording {
            None => self.answer(&agent, asked, &events, cancel, |_| {}).await,
            Some(recording) => {
                let (agent, events) = (recording.equip(&agent), recording.events(&events));
                let seen = |snapshot: &Arc<Snapshot>| recording.snapshot(snapshot);
                self.answer(&agent, asked, &events, cancel, seen).await
            }
        };
        let outcome = Outcome { elapsed: accepted_at.elapsed(), ..outcome };
        if let Some(talk) = talk {
            talk.end(&outcome, Instant::now());
        }
        if let Some(recording) = recording {
            recording.end(&outcome);
        }
        outcome
    }

    async fn answer(
        self: &Arc<Self>,
        agent: &Agent,
        asked: Asked,
        events: &EventSink,
        cancel: CancellationToken,
        seen: impl FnOnce(&Arc<Snapshot>),
    ) -> Outcome {
        let started = Instant::now();
        let Asked { question, goal, n_earlier } = asked;
        let deadline = goal.deadline;
        let output = match (goal.conversation_id.as_str(), n_earlier) {
            ("", _) => String::new(),
            (id, 0) => format!("conversation \"{id}\" begins"),
            (id, n_earlier) => format!("conversation \"{id}\" goes on after {n_earlier} questions"),
        };
        let purpose = "collect images and transforms".to_owned();
        events(Event { purpose, output, ..Event::of(Stage::Snapshot) });
        let taken = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(refusal(ErrorCode::Canceled, "cancelled while images were collected")),
            () = tokio::time::sleep_until(deadline.into()) => {
                Err(refusal(ErrorCode::DeadlineExceeded, "the deadline passed while images were collected"))
            }
            taken = self.take_snapshot(&question).instrument(tracing::debug_span!("snapshot")) => taken,
        };
        let snapshot = match taken {
            Ok(snapshot) => Arc::new(snapshot),
            Err(refusal) => return refused(refusal, started.elapsed()),
        };
        seen(&snapshot);
        let outcome = agent.solve(&goal, snapshot.clone(), events, cancel).await;
        self.remember(snapshot);
        outcome
    }

    fn goal(&self, question: &Question, talk: Option<&Talk>, deadline: Instant) -> Goal {
        let target_frame = match question.target_frame.is_empty() {
            true => self.config.fixed_frame.clone(),
            false => question.target_frame.clone(),
        };
        let window_secs = match question.when {
            When::Last(window) => Some(window.map_or(self.config.window_secs, |window| window.as_secs_f64())),
            When::Now | When::At(_) => None,
        };
        Goal {
            session_id: question.session_id.clone(),
            question: question.text.clone(),
            choices: question.choices.clone(),
            answer_kind: question.answer_kind,
            target_frame,
            deadline,
            max_steps: question.max_steps.unwrap_or(self.config.max_steps),
            window_secs,
            interface: Interface::from_name(&question.interface).unwrap_or(self.config.interface),
            conversation_id: question.conversation_id.clone(),
            earlier: talk.map(|talk| talk.earlier.clone()).unwrap_or_default(),
        }
    }
}

/// An outcome without an answer.
pub fn refused(refusal: Refusal, elapsed: Duration) -> Outcome {
    Outcome {
        result: Err(refusal),
        n_steps: 0,
        n_tool_calls: 0,
        models: Vec::new(),
        n_prompt_tokens: 0,
        n_completion_tokens: 0,
        n_sent_bytes: 0,
        cost_micro: 0,
        interface: Interface::default(),
        prompt_hash: String::new(),
        elapsed,
        snapshot: None,
    }
}

fn refused_input(problem: InputProblem) -> Refusal {
    Refusal { code: problem.code, message: problem.message }
}

fn refusal(code: ErrorCode, message: impl Into<String>) -> Refusal {
    Refusal { code, message: message.into() }
}

impl App {
    /// A colour image came in.
    ///
    /// # Errors
    /// What keeps it from being used.
    pub fn push_color(&self, camera: &str, header: MessageHeader, image: ImageMessage) -> Result<(), InputProblem> {
        let now = self.now();
        self.scene().push_color(camera, &header, image, now)
    }

    /// A depth image came in.
    ///
    /// # Errors
    /// What keeps it from being used.
    pub fn push_depth(&self, camera: &str, header: MessageHeader, image: ImageMessage) -> Result<(), InputProblem> {
        let now = self.now();
        self.scene().push_depth(camera, &header, image, now)
    }

    /// A label image came in.
    ///
    /// # Errors
    /// What keeps it from being used.
    pub fn push_labels(&self, camera: &str, header: MessageHeader, image: ImageMessage) -> Result<(), InputProblem> {
        let now = self.now();
        self.scene().push_labels(camera, &header, image, now)
    }

    /// A calibration came in.
    ///
    /// # Errors
    /// What keeps it from being used.
    pub fn push_camera_info(
        &self,
        camera: &str,
        header: MessageHeader,
        info: RawCameraInfo,
    ) -> Result<(), InputProblem> {
        self.scene().push_camera_info(camera, &header, info)
    }

    /// Names of labels came in, or what keeps them from being read.
    ///
    /// # Errors
    /// What keeps them from being used.
    pub fn set_label_names(&self, camera: &str, names: Result<LabelNames, InputProblem>) -> Result<(), InputProblem> {
        match names {
            Ok(names) => self.scene().set_label_names(camera, names),
            Err(problem) => self.scene().refuse_label_names(camera, problem),
        }
    }

    /// Transforms came in; what comes back is wrong with some of them.
    pub fn push_transforms(&self, transforms: &[StampedTransform], is_static: bool) -> Vec<InputProblem> {
        self.scene().push_transforms(transforms, is_static)
    }

    /// A sample of the IMU came in, or what keeps it from being read.
    ///
    /// # Errors
    /// What keeps it from being used.
    pub fn push_imu(&self, sample: Result<ImuSample, InputProblem>) -> Result<(), InputProblem> {
        let now = self.now();
        self.scene().push_imu(sample, now)
    }

    /// Notes what a question measured, beside the answer: boxes that nobody asked for are fitted only here.
    fn remember(self: &Arc<Self>, snapshot: Arc<Snapshot>) {
        let app = self.clone();
        let mut remembering = self.remembering.lock().unwrap_or_else(PoisonError::into_inner);
        let before = remembering.take();
        *remembering = Some(tokio::spawn(async move {
            if let Some(before) = before {
                let _ = before.await;
            }
            let noting = tokio::task::spawn_blocking(move || {
                let sightings = snapshot.memory.take_sightings();
                app.scene().remember(sightings, &snapshot);
            });
            if let Err(error) = noting.await {
                tracing::error!(%error, "what was measured is not remembered");
            }
        }));
    }

    async fn take_snapshot(self: &Arc<Self>, question: &Question) -> Result<Snapshot, Refusal> {
        let when = match question.when {
            When::Now => scene::When::Now,
            When::At(stamp) => scene::When::At(stamp),
            When::Last(window) => {
                scene::When::Last(window.map_or(self.config.window_secs, |window| window.as_secs_f64()))
            }
        };
        let request = SnapshotRequest { when, cameras: question.cameras.clone() };
        // The lock is let go before anything is waited for: goals that end meanwhile must not wait as well.
        let before = self.remembering.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(before) = before {
            let _ = before.await;
        }
        let asked_at = self.now();
        let give_up = Instant::now() + self.config.tf.wait;
        while self.scene().missing_transforms(&request, asked_at).is_some() && Instant::now() < give_up {
            tokio::time::sleep(TF_POLL).await;
        }
        let plan = self.scene().plan(&request, self.now()).map_err(refused_input)?;
        // Decoding takes milliseconds which the tasks that drain images do not have.
        match tokio::task::spawn_blocking(move || plan.decode()).await {
            Ok(decoded) => decoded.map_err(refused_input),
            Err(error) => Err(refusal(ErrorCode::InternalError, format!("images could not be collected: {error}"))),
        }
    }
}
