//! One goal's side of its record.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
        mpsc::{SyncSender, TrySendError},
    },
    time::{Duration, Instant},
};

use super::{
    Recorder,
    entry::{Entry, Job, Moment},
    recorded_model::RecordedModel,
};
use crate::{
    agent::{Agent, Event, EventSink, Outcome, SessionSink, Stage},
    kernel::{Cell, CellReport},
    llm::ChatModel,
    scene::Snapshot,
    session::{parts, records::SessionRecord},
};

/// Bytes that may wait for the writer on behalf of one goal.
const MAX_WAITING_BYTES: usize = 256 << 20;

static NEXT_KEY: AtomicU64 = AtomicU64::new(0);

/// Hands everything that happens in one goal to the writer. Dropping it without [`Recording::end`] ends the record as it is.
pub struct Recording {
    tape: Arc<Tape>,
}

/// The way to the writer, shared by all that is heard.
pub(super) struct Tape {
    key: u64,
    jobs: SyncSender<Job>,
    accepted_at: Instant,
    accepted_nanos: i64,
    next_call: AtomicU64,
    n_left_out: AtomicU64,
    waiting_bytes: Arc<AtomicUsize>,
    has_ended: AtomicBool,
}

impl Recorder {
    /// Starts the record of a goal that was accepted at `accepted_at`. None when there is no writer, which is said in the
    /// diagnostics.
    pub fn start(&self, session: SessionRecord, accepted_at: Instant) -> Option<Recording> {
        let jobs = self.sender()?;
        let key = NEXT_KEY.fetch_add(1, Ordering::Relaxed);
        let accepted_nanos = session.accepted_nanos;
        let tape = Tape {
            key,
            jobs,
            accepted_at,
            accepted_nanos,
            next_call: AtomicU64::new(0),
            n_left_out: AtomicU64::new(0),
            waiting_bytes: Arc::default(),
            has_ended: AtomicBool::new(false),
        };
        if tape.jobs.try_send(Job::Start { key, session: Box::new(session) }).is_err() {
            let problem = "the recorder is behind, so a session was not recorded".to_owned();
            tracing::warn!("{problem}");
            let mut health = super::lock(&self.health);
            health.n_lost += 1;
            health.problem = Some(problem);
            return None;
        }
        Some(Recording { tape: Arc::new(tape) })
    }
}

impl Recording {
    /// The same agent, heard.
    pub fn equip(&self, agent: &Agent) -> Agent {
        let heard = parts::with_models(agent, |role, model: &Arc<dyn ChatModel>| {
            Arc::new(RecordedModel { role, inner: model.clone(), tape: self.tape.clone() })
        });
        Agent { sink: Some(self.tape.clone()), ..heard }
    }

    /// What the question can see.
    pub fn snapshot(&self, snapshot: &Arc<Snapshot>) {
        self.tape.hear(Entry::Snapshot(snapshot.clone()));
    }

    /// The same sink, heard.
    pub fn events(&self, sink: &EventSink) -> EventSink {
        let (tape, sink) = (self.tape.clone(), sink.clone());
        Arc::new(move |event: Event| {
            // What is being written stands in the reply, once it is there.
            if event.stage != Stage::Generate || event.output.is_empty() {
                tape.hear(Entry::Event(event.clone()));
            }
            sink(event);
        })
    }

    /// The goal has ended.
    pub fn end(self, outcome: &Outcome) {
        // The writer has the snapshot already.
        let outcome = Outcome { snapshot: None, ..outcome.clone() };
        self.tape.end(Some(Box::new(outcome)));
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.tape.end(None);
    }
}

impl Tape {
    fn now(&self) -> Moment {
        let elapsed = self.accepted_at.elapsed();
        let nanos = i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX);
        Moment { stamp_nanos: self.accepted_nanos.saturating_add(nanos), elapsed }
    }

    pub fn next_call(&self) -> u64 {
        self.next_call.fetch_add(1, Ordering::Relaxed)
    }

    /// Hands an entry over, or counts it as left out.
    pub fn hear(&self, entry: Entry) {
        if self.has_ended.load(Ordering::Relaxed) {
            return;
        }
        let weight = Weight::new(&self.waiting_bytes, entry.weight_bytes());
        let fits = self.waiting_bytes.load(Ordering::Relaxed) <= MAX_WAITING_BYTES;
        let job = Job::Entry { key: self.key, at: self.now(), entry: Box::new(entry), weight };
        if (!fits || self.jobs.try_send(job).is_err()) && self.n_left_out.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!("the recorder is behind: parts of this session are left out of its record");
        }
    }

    fn end(&self, outcome: Option<Box<Outcome>>) {
        if self.has_ended.swap(true, Ordering::Relaxed) {
            return;
        }
        let n_left_out = self.n_left_out.load(Ordering::Relaxed);
        let mut job = Job::End { key: self.key, at: self.now(), outcome, n_left_out };
        // Without this one the file would never be closed, so it alone is worth a thread that waits when the queue is full.
        if let Err(TrySendError::Full(back)) = self.jobs.try_send(job) {
            job = back;
            let jobs = self.jobs.clone();
            let waiting = std::thread::Builder::new().name("recorder-end".to_owned()).spawn(move || jobs.send(job));
            if waiting.is_err() {
                tracing::warn!("the recorder is behind: the end of a session is left out of its record");
            }
        }
    }
}

/// Counts bytes for as long as it lives.
pub(super) struct Weight {
    waiting_bytes: Arc<AtomicUsize>,
    n_bytes: usize,
}

impl Weight {
    fn new(waiting_bytes: &Arc<AtomicUsize>, n_bytes: usize) -> Weight {
        waiting_bytes.fetch_add(n_bytes, Ordering::Relaxed);
        Weight { waiting_bytes: waiting_bytes.clone(), n_bytes }
    }
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.waiting_bytes.fetch_sub(self.n_bytes, Ordering::Relaxed);
    }
}

impl SessionSink for Tape {
    fn cell(&self, cell: &Cell) {
        self.hear(Entry::Cell(cell.clone()));
    }

    fn report(&self, cell: &Cell, report: &mut CellReport) {
        self.hear(Entry::Report { id: cell.id, report: report.clone() });
    }

    fn time_left(&self, measured: Duration) -> Duration {
        self.hear(Entry::Time { left: measured });
        measured
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use image::RgbImage;

    use super::*;
    use crate::{
        kernel::{CellStatus, LeftOut, MemoryUse},
        llm::Picture,
    };

    fn tape(jobs: SyncSender<Job>) -> Tape {
        Tape {
            key: 0,
            jobs,
            accepted_at: Instant::now(),
            accepted_nanos: 0,
            next_call: AtomicU64::new(0),
            n_left_out: AtomicU64::new(0),
            waiting_bytes: Arc::default(),
            has_ended: AtomicBool::new(false),
        }
    }

    fn report(side_px: u32) -> CellReport {
        CellReport {
            status: CellStatus::Completed,
            stdout: String::new(),
            value: None,
            variables: Vec::new(),
            unchanged: Vec::new(),
            left_out: LeftOut::default(),
            pictures: vec![Picture { label: String::new(), image: Arc::new(RgbImage::new(side_px, side_px)) }],
            submission: None,
            n_tool_calls: 0,
            memory: MemoryUse::default(),
            elapsed: Duration::ZERO,
        }
    }

    /// A disk that never comes back: nobody takes anything out of the queue.
    #[test]
    fn a_goal_never_waits_for_a_writer_that_hangs() {
        let (jobs, waiting) = mpsc::sync_channel(3);
        let tape = tape(jobs);
        for _ in 0..100 {
            tape.hear(Entry::Event(Event::of(Stage::Run)));
        }
        assert_eq!(tape.n_left_out.load(Ordering::Relaxed), 97);
        tape.end(None);
        tape.hear(Entry::Event(Event::of(Stage::Run)));
        let heard: Vec<Job> = waiting.iter().take(4).collect();
        assert!(matches!(heard.last(), Some(Job::End { n_left_out: 97, outcome: None, .. })));
    }

    #[test]
    fn pictures_that_wait_are_bounded_in_bytes() {
        let (jobs, waiting) = mpsc::sync_channel(1000);
        let tape = tape(jobs);
        // 12 MiB each: 21 fit into 256 MiB.
        for _ in 0..30 {
            tape.hear(Entry::Report { id: 1, report: report(2048) });
        }
        assert_eq!(tape.n_left_out.load(Ordering::Relaxed), 9);
        assert_eq!(waiting.try_iter().count(), 21);
        assert_eq!(tape.waiting_bytes.load(Ordering::Relaxed), 0, "what was taken out no longer counts");
        tape.hear(Entry::Report { id: 1, report: report(2048) });
        assert_eq!(waiting.try_iter().count(), 1);
    }
}
