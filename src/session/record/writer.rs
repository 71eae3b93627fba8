//! The writer's thread.

use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, mpsc},
};

use super::{
    RecorderConfig, RecorderHealth, directory,
    entry::{Job, Moment},
    file::{SessionFile, WriteError},
    lock,
};
use crate::{agent::Outcome, session::records::SessionRecord};

/// Writes what comes through the queue.
pub(super) struct Writer {
    config: RecorderConfig,
    health: Arc<Mutex<RecorderHealth>>,
    open: HashMap<u64, Open>,
}

struct Open {
    stem: String,
    part: PathBuf,
    file: SessionFile,
}

impl Writer {
    pub fn new(config: RecorderConfig, health: Arc<Mutex<RecorderHealth>>) -> Writer {
        Writer { config, health, open: HashMap::new() }
    }

    /// Until every sender is gone.
    pub fn run(&mut self, jobs: &mpsc::Receiver<Job>) {
        while let Ok(job) = jobs.recv() {
            match job {
                Job::Start { key, session } => self.start(key, &session),
                Job::Entry { key, at, entry, weight } => {
                    if let Some(open) = self.open.get_mut(&key)
                        && let Err(error) = open.file.write(at, &entry)
                    {
                        self.give_up(key, &error.to_string());
                    }
                    drop(weight);
                }
                Job::End { key, at, outcome, n_left_out } => self.end(key, at, outcome.as_deref(), n_left_out),
                Job::Flush(done) => {
                    let _ = done.try_send(());
                }
            }
        }
        let keys: Vec<u64> = self.open.keys().copied().collect();
        keys.into_iter().for_each(|key| self.give_up(key, "the program ended in the middle of the session"));
    }

    fn start(&mut self, key: u64, session: &SessionRecord) {
        let stem = directory::stem(&session.session_id);
        let part = directory::part_path(&self.config.dir, &stem, key);
        let dir = &self.config.dir;
        let created = fs::create_dir_all(dir)
            .and_then(|()| fs::File::create(&part))
            .map_err(WriteError::from)
            .and_then(|file| SessionFile::create(file, self.config.max_bytes, session));
        match created {
            Ok(file) => {
                self.open.insert(key, Open { stem, part, file });
            }
            Err(error) => {
                let _ = fs::remove_file(&part);
                self.lost(&format!("cannot write in {}: {error}", dir.display()));
            }
        }
    }

    fn end(&mut self, key: u64, at: Moment, outcome: Option<&Outcome>, n_left_out: u64) {
        let Some(Open { stem, part, file }) = self.open.remove(&key) else { return };
        let RecorderConfig { dir, max_files, max_bytes } = &self.config;
        let n_bytes = match file.finish(at, outcome, n_left_out) {
            Ok(n_bytes) => n_bytes,
            Err(error) => {
                let _ = fs::remove_file(&part);
                return self.lost(&format!("cannot write in {}: {error}", dir.display()));
            }
        };
        // Room is made first, so that the bound holds at every moment.
        let kept = directory::keep_within(dir, max_files.saturating_sub(1), max_bytes.saturating_sub(n_bytes))
            .and_then(|()| directory::publish(dir, &stem, &part));
        match kept {
            Ok(path) => {
                tracing::debug!(path = %path.display(), n_bytes, "session recorded");
                let mut health = lock(&self.health);
                health.n_written += 1;
                health.newest = Some(path);
                health.problem =
                    (n_left_out > 0).then(|| format!("{n_left_out} parts of the last session were left out"));
            }
            Err(error) => {
                let _ = fs::remove_file(&part);
                self.lost(&format!("cannot keep a session in {}: {error}", dir.display()));
            }
        }
    }

    fn give_up(&mut self, key: u64, reason: &str) {
        if let Some(Open { part, file, .. }) = self.open.remove(&key) {
            drop(file);
            let _ = fs::remove_file(&part);
            self.lost(&format!("cannot write in {}: {reason}", self.config.dir.display()));
        }
    }

    fn lost(&self, problem: &str) {
        tracing::warn!("a session is not recorded: {problem}");
        let mut health = lock(&self.health);
        health.n_lost += 1;
        health.problem = Some(problem.to_owned());
    }
}
