//! Writes sessions while they run.
//!
//! A goal only hands things over: [`Recorder`] has one writer thread behind a bounded queue. What does not fit into the queue is left
//! out and counted in the file; what cannot be written is a warning and a line in the diagnostics. No goal ever waits or fails.

mod bounded_file;
mod cdr;
mod directory;
mod entry;
mod file;
mod recorded_model;
mod recording;
mod ros_messages;
mod writer;

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, SyncSender},
    },
    thread,
    time::Duration,
};

pub use recording::Recording;

use self::{entry::Job, writer::Writer};

/// Entries that may wait for the writer.
const QUEUE_LEN: usize = 512;
/// How long the end of the program waits for the writer. A disk that hangs must not keep a node from ending.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// Where sessions are kept, and how many.
#[derive(Clone, Debug, PartialEq)]
pub struct RecorderConfig {
    /// Directory of the files; made when the first is written.
    pub dir: PathBuf,
    /// Files kept.
    pub max_files: usize,
    /// Bytes of all files together.
    pub max_bytes: u64,
}

/// How recording went so far, for diagnostics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecorderHealth {
    /// Sessions written.
    pub n_written: u64,
    /// Sessions lost.
    pub n_lost: u64,
    /// Why the last session was lost or is not whole; none when it was written well.
    pub problem: Option<String>,
    /// The newest file.
    pub newest: Option<PathBuf>,
}

/// Records sessions. Dropping it waits for the writer, for some seconds at most.
pub struct Recorder {
    config: RecorderConfig,
    health: Arc<Mutex<RecorderHealth>>,
    jobs: Mutex<Option<Jobs>>,
}

struct Jobs {
    sender: SyncSender<Job>,
    ended: mpsc::Receiver<()>,
}

impl Recorder {
    /// A recorder; nothing is touched until the first session.
    pub fn new(config: RecorderConfig) -> Recorder {
        Recorder { config, health: Arc::default(), jobs: Mutex::new(None) }
    }

    /// Where it writes.
    pub fn config(&self) -> &RecorderConfig {
        &self.config
    }

    /// How it went so far.
    pub fn health(&self) -> RecorderHealth {
        lock(&self.health).clone()
    }

    /// Waits until everything handed over so far is written; false when that took longer than `at_most`.
    pub fn flush(&self, at_most: Duration) -> bool {
        let Some(sender) = lock(&self.jobs).as_ref().map(|jobs| jobs.sender.clone()) else { return true };
        let (done, wait) = mpsc::sync_channel(1);
        let give_up = std::time::Instant::now() + at_most;
        let mut job = Job::Flush(done);
        loop {
            match sender.try_send(job) {
                Ok(()) => break,
                Err(mpsc::TrySendError::Disconnected(_)) => return false,
                Err(mpsc::TrySendError::Full(back)) if std::time::Instant::now() < give_up => {
                    job = back;
                    thread::sleep(Duration::from_millis(2));
                }
                Err(mpsc::TrySendError::Full(_)) => return false,
            }
        }
        wait.recv_timeout(give_up.saturating_duration_since(std::time::Instant::now())).is_ok()
    }

    /// The queue to the writer, which is started when it is first needed.
    fn sender(&self) -> Option<SyncSender<Job>> {
        let mut jobs = lock(&self.jobs);
        if jobs.is_none() {
            *jobs = self.spawn();
        }
        jobs.as_ref().map(|jobs| jobs.sender.clone())
    }

    fn spawn(&self) -> Option<Jobs> {
        let (sender, receiver) = mpsc::sync_channel(QUEUE_LEN);
        let (end, ended) = mpsc::sync_channel(1);
        let mut writer = Writer::new(self.config.clone(), self.health.clone());
        let spawned = thread::Builder::new().name("recorder".to_owned()).spawn(move || {
            writer.run(&receiver);
            let _ = end.try_send(());
        });
        if let Err(error) = spawned {
            let problem = format!("no thread for the recorder: {error}");
            tracing::warn!("sessions are not recorded: {problem}");
            lock(&self.health).problem = Some(problem);
            return None;
        }
        Some(Jobs { sender, ended })
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if let Some(Jobs { sender, ended }) = lock(&self.jobs).take() {
            // The thread ends when the last sender is gone.
            drop(sender);
            if ended.recv_timeout(LAST_WAIT) == Err(mpsc::RecvTimeoutError::Timeout) {
                tracing::warn!("the recorder is still writing; its last session may be lost");
            }
        }
    }
}

/// A writer that broke leaves whole values.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
