//! A kernel on its own thread, driven over channels.
//!
//! A script ends at its limits by itself. A native function that hangs cannot be ended from outside, so when a cell is overdue the
//! thread is left behind (it ends with its call) and a new kernel takes its place; the report says what is lost.

use std::{
    collections::BTreeSet,
    io,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{Cell, CellError, CellReport, CellStatus, Kernel, KernelContext};
use crate::error_code::ErrorCode;

/// Rhai evaluates, hashes and drops values by recursion, and a script can nest values by nearly one level per operation: closures that
/// capture closures are never copied. The default limit of operations takes about 500 MiB of stack in an unoptimised build to drop
/// the deepest such value. This is address space; a page costs memory only once it is touched.
pub const STACK_BYTES: usize = 1 << 30;

/// How long a cell may be overdue before its kernel is replaced. Scripts notice their limits within milliseconds; a measurement over a
/// whole image takes longer.
const GRACE: Duration = Duration::from_secs(5);

struct Job {
    cell: Cell,
    is_program: bool,
    reply: oneshot::Sender<CellReport>,
}

/// Drives the kernel of one goal.
pub struct KernelHandle {
    context: KernelContext,
    jobs: Option<mpsc::SyncSender<Job>>,
    /// Ends the present kernel only; a child of the goal's token.
    own_cancel: CancellationToken,
    /// Names of variables that the kernel holds, as far as its reports told.
    variables: BTreeSet<String>,
    grace: Duration,
}

impl KernelHandle {
    /// Starts a kernel.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn spawn(context: KernelContext) -> io::Result<KernelHandle> {
        let own_cancel = context.cancel.child_token();
        let jobs = start(KernelContext { cancel: own_cancel.clone(), ..context.clone() })?;
        Ok(KernelHandle { context, jobs: Some(jobs), own_cancel, variables: BTreeSet::new(), grace: GRACE })
    }

    /// Replaces an overdue kernel after `grace` instead of 5 s.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> KernelHandle {
        self.grace = grace;
        self
    }

    /// Runs one cell. Dropping the future ends the cell and the kernel.
    pub async fn run_cell(&mut self, cell: Cell) -> CellReport {
        self.run(cell, false).await
    }

    /// Runs a whole program, which is refused when it cannot reach `ReturnAnswer` or `Refuse`.
    pub async fn run_program(&mut self, program: Cell) -> CellReport {
        self.run(program, true).await
    }

    async fn run(&mut self, cell: Cell, is_program: bool) -> CellReport {
        let started = Instant::now();
        if self.own_cancel.is_cancelled() && !self.context.cancel.is_cancelled() {
            return self.replace(CellStatus::Failed(broken("the last cell was abandoned")), started);
        }
        let limit = self.context.limits.max_cell_time.min(self.context.deadline.saturating_duration_since(started));
        let (reply, receive) = oneshot::channel();
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.try_send(Job { cell, is_program, reply }).is_ok());
        if !sent {
            return self.replace(CellStatus::Failed(broken("the kernel had ended")), started);
        }
        let guard = self.own_cancel.clone().drop_guard();
        let cancel = self.context.cancel.clone();
        let overdue = async {
            tokio::select! {
                () = tokio::time::sleep(limit) => CellStatus::TimedOut,
                () = cancel.cancelled() => CellStatus::Cancelled,
            }
        };
        tokio::pin!(receive);
        let received = tokio::select! {
            biased;
            received = &mut receive => Ok(received),
            status = overdue => match tokio::time::timeout(self.grace, &mut receive).await {
                Ok(received) => Ok(received),
                Err(_) => Err(status),
            },
        };
        match received {
            Ok(Ok(report)) => {
                guard.disarm();
                // A kernel that takes this one's place has only the calls that are left.
                let left = &mut self.context.limits.max_tool_calls;
                *left = left.saturating_sub(report.n_tool_calls);
                self.variables.extend(report.variables.iter().map(|variable| variable.name.clone()));
                report
            }
            Ok(Err(_)) => self.replace(CellStatus::Failed(broken("the kernel's thread ended")), started),
            Err(status) => self.replace(status, started),
        }
    }

    /// Ends the kernel. A running cell ends at its next operation.
    pub fn shutdown(self) {}

    fn replace(&mut self, status: CellStatus, started: Instant) -> CellReport {
        self.own_cancel.cancel();
        self.own_cancel = self.context.cancel.child_token();
        self.jobs = start(KernelContext { cancel: self.own_cancel.clone(), ..self.context.clone() }).ok();
        let lost: Vec<String> = std::mem::take(&mut self.variables).into_iter().collect();
        let lost = if lost.is_empty() { "no variable".to_owned() } else { lost.join(", ") };
        CellReport {
            status,
            stdout: format!("[the kernel was replaced; lost: {lost}, and all functions]\n"),
            value: None,
            variables: Vec::new(),
            pictures: Vec::new(),
            submission: None,
            n_tool_calls: 0,
            elapsed: started.elapsed(),
        }
    }
}

impl Drop for KernelHandle {
    fn drop(&mut self) {
        self.own_cancel.cancel();
    }
}

fn broken(what: &str) -> CellError {
    let message = format!("{what}; a new one was started, so define again what you need");
    CellError { line: None, column: None, message, code: Some(ErrorCode::InternalError) }
}

fn start(context: KernelContext) -> io::Result<mpsc::SyncSender<Job>> {
    let (jobs, receive) = mpsc::sync_channel::<Job>(1);
    thread::Builder::new().name("kernel".to_owned()).stack_size(STACK_BYTES).spawn(move || {
        let mut kernel = Kernel::new(context);
        while let Ok(Job { cell, is_program, reply }) = receive.recv() {
            let report = if is_program { kernel.run_program(&cell) } else { kernel.run_cell(&cell) };
            let _ = reply.send(report);
        }
    })?;
    Ok(jobs)
}
