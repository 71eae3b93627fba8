//! Everything wired together as one service, still without ROS: what the robot saw goes in, questions are answered.
//!
//! Time and coordinates come in as plain values; ROS time is asked of the clock that the rim hands over.

pub mod question;
mod session;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

pub use question::{Question, When};
use tokio_util::sync::CancellationToken;

use crate::{
    agent::{Agent, Event, EventSink, Goal, Outcome, Stage},
    answer::Refusal,
    config::Config,
    error_code::ErrorCode,
    llm::offline::OfflineBrain,
    perception::{Perception, label_image::LabelImageSegmenter},
    scene::{
        self, CameraConfig, InputProblem, LabelNames, SceneBuffer, Snapshot, SnapshotRequest, Stamp, StampedTransform,
        raw_message::{ImageMessage, MessageHeader, RawCameraInfo},
    },
    session::record::{Recorder, RecorderHealth},
};

/// How often a question looks whether the transforms it waits for have come.
const TF_POLL: Duration = Duration::from_millis(10);

/// Says what time it is in ROS.
pub type RosClock = Arc<dyn Fn() -> Stamp + Send + Sync>;

/// Buffers what the robot sees and answers questions about it.
pub struct App {
    config: Arc<Config>,
    scene: Mutex<SceneBuffer>,
    agent: Agent,
    models: Vec<String>,
    clock: RosClock,
    recorder: Recorder,
}

impl App {
    /// The service with the offline brain and label images. `cameras` are those of `config`, with the names of the topics that
    /// are really listened to.
    pub fn new(config: Config, cameras: Vec<CameraConfig>, clock: RosClock) -> App {
        let perception = Perception { segmenter: Arc::new(LabelImageSegmenter) };
        let agent = Agent { limits: config.limits, ..Agent::new(Arc::new(OfflineBrain), perception) };
        App::with_agent(config, cameras, agent, clock)
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
        let models =
            std::iter::once(&agent.model).chain(&agent.fallback).map(|model| model.name().to_owned()).collect();
        let recorder = Recorder::new(config.record.to_recorder(std::env::home_dir().as_deref()));
        App { config: Arc::new(config), scene: Mutex::new(scene), agent, models, clock, recorder }
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

    /// How the model acts.
    pub fn interface(&self) -> &'static str {
        question::INTERFACES.first().copied().unwrap_or_default()
    }

    /// What the robot sees. Hold it for short: images wait to get in.
    pub fn scene(&self) -> MutexGuard<'_, SceneBuffer> {
        self.scene.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks a question before it is accepted.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidGoal`] with the field, what was found and what is expected.
    pub fn check(&self, question: &Question) -> Result<(), Refusal> {
        question::check(question, &self.config, &self.models)
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
        let recording = self.start_recording(&question, accepted_at, deadline);
        let outcome = match &recording {
            None => self.answer(&self.agent, question, deadline, &events, cancel, |_| {}).await,
            Some(recording) => {
                let (agent, events) = (recording.equip(&self.agent), recording.events(&events));
                let seen = |snapshot: &Arc<Snapshot>| recording.snapshot(snapshot);
                self.answer(&agent, question, deadline, &events, cancel, seen).await
            }
        };
        let outcome = Outcome { elapsed: accepted_at.elapsed(), ..outcome };
        if let Some(recording) = recording {
            recording.end(&outcome);
        }
        outcome
    }

    async fn answer(
        self: &Arc<Self>,
        agent: &Agent,
        question: Question,
        deadline: Instant,
        events: &EventSink,
        cancel: CancellationToken,
        seen: impl FnOnce(&Arc<Snapshot>),
    ) -> Outcome {
        let started = Instant::now();
        events(Event {
            stage: Stage::Snapshot,
            step: 0,
            purpose: "collect images and transforms".to_owned(),
            code: String::new(),
            output: String::new(),
        });
        let taken = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(refusal(ErrorCode::Canceled, "cancelled while images were collected")),
            () = tokio::time::sleep_until(deadline.into()) => {
                Err(refusal(ErrorCode::DeadlineExceeded, "the deadline passed while images were collected"))
            }
            taken = self.take_snapshot(&question) => taken,
        };
        let snapshot = match taken {
            Ok(snapshot) => Arc::new(snapshot),
            Err(refusal) => return refused(refusal, started.elapsed()),
        };
        seen(&snapshot);
        agent.solve(&self.goal(question, deadline), snapshot, events, cancel).await
    }

    fn goal(&self, question: Question, deadline: Instant) -> Goal {
        let target_frame = match question.target_frame.is_empty() {
            true => self.config.fixed_frame.clone(),
            false => question.target_frame,
        };
        let window_secs = match question.when {
            When::Last(window) => Some(window.map_or(self.config.window_secs, |window| window.as_secs_f64())),
            When::Now | When::At(_) => None,
        };
        Goal {
            session_id: question.session_id,
            question: question.text,
            choices: question.choices,
            answer_kind: question.answer_kind,
            target_frame,
            deadline,
            max_steps: question.max_steps.unwrap_or(self.config.max_steps),
            window_secs,
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

    async fn take_snapshot(self: &Arc<Self>, question: &Question) -> Result<Snapshot, Refusal> {
        let when = match question.when {
            When::Now => scene::When::Now,
            When::At(stamp) => scene::When::At(stamp),
            When::Last(window) => {
                scene::When::Last(window.map_or(self.config.window_secs, |window| window.as_secs_f64()))
            }
        };
        let request = SnapshotRequest { when, cameras: question.cameras.clone() };
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
