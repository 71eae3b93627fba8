//! Runs a recorded session again: the same snapshot, the recorded replies, the real loop, kernel and tools; no network, no ROS.
//!
//! Whatever a clock or a network decided comes from the record: replies, the times that models were told, segmentations. What a
//! program decides is done again and compared, so a replay shows what a changed tool changes.

mod canonical;
mod difference;
mod tape;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

pub use difference::Difference;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use self::tape::{ReplayedModel, Tape};
use super::{
    parts::{self, MAIN},
    recorded::Recorded,
    records::{ModelRecord, OutcomeRecord},
};
use crate::{
    agent::{Agent, EventSink, Interface},
    llm::{ChatModel, Vision},
    perception::Perception,
};

/// Steady time for a whole replay; the goal's own time comes from the record.
const MAX_REPLAY: Duration = Duration::from_secs(3600);
/// Steady time for a cell: a slower machine needs more than the record allowed.
const MAX_CELL: Duration = Duration::from_secs(600);

/// Why a session cannot be run again.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ReplayError {
    /// Parts of it are missing.
    #[error(
        "{0} parts of the session were left out when it was recorded, so it cannot be run again; record on a faster disk"
    )]
    LeftOut(u64),
    /// There is nothing to run.
    #[error("the question was refused before there was anything to see ({0}), so there is nothing to run again")]
    NothingSeen(String),
    /// It was recorded with something that this program does not have.
    #[error("the session was recorded with {what} {found:?}, this program has {expected:?}")]
    Unknown {
        /// What is missing.
        what: &'static str,
        /// As recorded.
        found: String,
        /// What there is.
        expected: String,
    },
}

/// How a replay compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// To the byte.
    Same,
    /// Something differs.
    Differs,
    /// A clock or a client ended the recorded session; all before is the same to the byte.
    SameSoFar(String),
}

/// What came of a replay.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// How it compares.
    pub verdict: Verdict,
    /// Why the record ends before an answer, if it does.
    pub end_reason: Option<String>,
    /// What differs, in the order of happening.
    pub differences: Vec<Difference>,
    /// Cells compared.
    pub n_cells: usize,
    /// Requests compared.
    pub n_requests: usize,
    /// Cells, their reports and the outcome of this run as JSON, without what depends on a clock.
    pub canonical: String,
    /// The same of the record.
    pub recorded_canonical: String,
}

/// Runs a session again and compares.
///
/// # Errors
/// [`ReplayError`].
pub async fn replay(recorded: &Recorded, perception: &Perception) -> Result<Replayed, ReplayError> {
    let snapshot = check(recorded, perception)?;
    let tape = Arc::new(Tape::new(recorded));
    let agent = agent(recorded, perception, &tape)?;
    let session = &recorded.session;
    let now = Instant::now();
    let goal = session.goal.to_goal(&session.session_id, now + MAX_REPLAY).ok_or_else(|| ReplayError::Unknown {
        what: "the kind of answer or interface",
        found: format!("{} through {}", session.goal.answer_kind, session.goal.interface),
        expected: format!("one of {:?}", Interface::NAMES),
    })?;
    let events: EventSink = Arc::new(|_| {});
    let outcome = tokio::select! {
        biased;
        () = tape.has_ended() => None,
        outcome = agent.solve(&goal, Arc::new(snapshot.clone()), &events, CancellationToken::new()) => Some(outcome),
    };
    Ok(tape.compare(outcome.as_ref().map(OutcomeRecord::from)))
}

fn check<'a>(recorded: &'a Recorded, perception: &Perception) -> Result<&'a crate::scene::Snapshot, ReplayError> {
    if recorded.outcome.n_left_out > 0 {
        return Err(ReplayError::LeftOut(recorded.outcome.n_left_out));
    }
    let (found, expected) = (recorded.session.segmenter.clone(), perception.segmenter.name().to_owned());
    if found != expected {
        return Err(ReplayError::Unknown { what: "the segmenter", found, expected });
    }
    recorded.snapshot.as_ref().ok_or_else(|| {
        let refusal = recorded.outcome.refusal.as_ref();
        ReplayError::NothingSeen(refusal.map_or_else(String::new, |refusal| refusal.code.clone()))
    })
}

/// The agent of the record, with replayed models in all parts.
fn agent(recorded: &Recorded, perception: &Perception, tape: &Arc<Tape>) -> Result<Agent, ReplayError> {
    let session = &recorded.session;
    let of_role = |role: &str| -> Option<Arc<dyn ChatModel>> {
        let model: &ModelRecord = session.models.iter().find(|model| model.role == role)?;
        Some(Arc::new(ReplayedModel::new(model, tape.clone())))
    };
    let main = of_role(MAIN).ok_or_else(|| ReplayError::Unknown {
        what: "models for",
        found: session.models.iter().map(|model| model.role.as_str()).collect::<Vec<_>>().join(", "),
        expected: MAIN.to_owned(),
    })?;
    let settings = serde_json::from_str(&session.agent).map_err(|error| ReplayError::Unknown {
        what: "settings of the loop",
        found: session.agent.clone(),
        expected: error.to_string(),
    })?;
    let vision = of_role(parts::GROUNDING).zip(of_role(parts::VLM));
    Ok(Agent {
        fallback: of_role(parts::FALLBACK),
        planner: of_role(parts::PLANNING),
        reviewer: of_role(parts::REFLECTION),
        finisher: of_role(parts::GENERAL),
        vision: vision.map(|(grounding, vlm)| Arc::new(Vision { grounding, vlm })),
        limits: session.limits.to_limits(MAX_CELL),
        settings,
        sink: Some(tape.clone()),
        ..Agent::new(main, perception.clone())
    })
}

impl Replayed {
    /// The same comparison, without what models read.
    #[must_use]
    pub fn without_requests(mut self) -> Replayed {
        self.differences.retain(|difference| !difference.is_in_request);
        if self.verdict == Verdict::Differs && self.differences.is_empty() {
            self.verdict = self.end_reason.clone().map_or(Verdict::Same, Verdict::SameSoFar);
        }
        self
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Replayed { n_cells, n_requests, .. } = self;
        for difference in &self.differences {
            writeln!(f, "{difference}")?;
        }
        match &self.verdict {
            Verdict::Same => write!(f, "same: {n_cells} cells, {n_requests} requests and the answer, to the byte"),
            Verdict::Differs => {
                let n_differences = self.differences.len();
                write!(
                    f,
                    "differs: {n_differences} differences in {n_cells} cells, {n_requests} requests and the answer"
                )
            }
            Verdict::SameSoFar(reason) => {
                write!(f, "same so far: {n_cells} cells and {n_requests} requests, to the byte; {reason}")
            }
        }
    }
}
