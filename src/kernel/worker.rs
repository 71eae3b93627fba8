//! A kernel on its own thread or in its own process, driven over channels.
//!
//! A script ends at its limits by itself. A native function that hangs cannot be ended from outside, so when a cell is overdue its
//! kernel is given up and a new one takes its place; the report says what is lost. A thread is left behind and ends with its call, a
//! process is killed.

use std::{
    collections::BTreeSet,
    io,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{
    Cell, CellError, CellReport, CellStatus, Kernel, KernelContext, LeftOut, MemoryUse,
    process::{self, Ended, ProcessOptions},
};
use crate::{error_code::ErrorCode, llm::VlmHandle};

/// Rhai evaluates, hashes and drops values by recursion, and a script can nest values by nearly one level per operation: closures that
/// capture closures are never copied. The default limit of operations takes about 500 MiB of stack in an unoptimised build to drop
/// the deepest such value. This is address space; a page costs memory only once it is touched.
pub const STACK_BYTES: usize = 1 << 30;

/// How long a cell may be overdue before its kernel is replaced. Scripts notice their limits within milliseconds; a measurement over a
/// whole image takes longer.
const GRACE: Duration = Duration::from_secs(5);

/// One cell to run, and where its report goes.
pub(super) struct Job {
    pub cell: Cell,
    /// Whether it must submit by itself.
    pub is_program: bool,
    pub reply: oneshot::Sender<Result<CellReport, Ended>>,
    /// What the cell is a part of.
    pub span: tracing::Span,
}

/// Where the kernel of a goal runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// On a thread of this process: its limits are those that the kernel keeps itself.
    #[default]
    Thread,
    /// In a process of its own, which the operating system limits as well.
    Process(ProcessOptions),
}

enum Runner {
    Thread(mpsc::SyncSender<Job>),
    Process(process::Child),
}

impl Runner {
    fn start(context: KernelContext, isolation: &Isolation) -> io::Result<Runner> {
        match isolation {
            Isolation::Thread => start_thread(context).map(Runner::Thread),
            Isolation::Process(options) => process::start(context, options).map(Runner::Process),
        }
    }

    fn takes(&self, job: Job) -> bool {
        match self {
            Runner::Thread(jobs) => jobs.try_send(job).is_ok(),
            Runner::Process(child) => child.jobs.try_send(job).is_ok(),
        }
    }
}

/// Drives the kernel of one goal.
pub struct KernelHandle {
    context: KernelContext,
    isolation: Isolation,
    runner: Option<Runner>,
    /// Ends the present kernel only; a child of the goal's token.
    own_cancel: CancellationToken,
    /// Names of variables that the kernel holds, as far as its reports told.
    variables: BTreeSet<String>,
    grace: Duration,
}

impl KernelHandle {
    /// Starts a kernel on its own thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn spawn(context: KernelContext) -> io::Result<KernelHandle> {
        KernelHandle::spawn_in(context, Isolation::Thread)
    }

    /// Starts a kernel. A process needs a runtime with its I/O driver enabled around it.
    ///
    /// # Errors
    /// When the system gives no thread or process, or a process could not do what `context` asks for.
    pub fn spawn_in(context: KernelContext, isolation: Isolation) -> io::Result<KernelHandle> {
        let own_cancel = context.cancel.child_token();
        let runner = Runner::start(KernelContext { cancel: own_cancel.clone(), ..context.clone() }, &isolation)?;
        let variables = BTreeSet::new();
        Ok(KernelHandle { context, isolation, runner: Some(runner), own_cancel, variables, grace: GRACE })
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
        let (reply, receive) = oneshot::channel();
        let job = Job { cell, is_program, reply, span: tracing::Span::current() };
        let sent = self.runner.as_ref().is_some_and(|runner| runner.takes(job));
        if !sent {
            return self.replace(CellStatus::Failed(broken("the kernel had ended")), started);
        }
        let guard = self.own_cancel.clone().drop_guard();
        let cancel = self.context.cancel.clone();
        let time_used = time_used(self.context.clone(), started);
        let overdue = async {
            tokio::select! {
                () = time_used => CellStatus::TimedOut,
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
            Ok(Ok(Ok(report))) => {
                guard.disarm();
                // A kernel that takes this one's place has only the calls that are left.
                let left = &mut self.context.limits.max_tool_calls;
                *left = left.saturating_sub(report.n_tool_calls);
                self.variables.extend(report.variables.iter().map(|variable| variable.name.clone()));
                report
            }
            Ok(Ok(Err(Ended { is_limit: true, what }))) => {
                let code = Some(ErrorCode::BudgetExceeded);
                self.replace(CellStatus::LimitReached(CellError { code, ..broken(&what) }), started)
            }
            Ok(Ok(Err(Ended { is_limit: false, what }))) => self.replace(CellStatus::Failed(broken(&what)), started),
            Ok(Err(_)) => self.replace(CellStatus::Failed(broken("the kernel's thread ended")), started),
            Err(status) => self.replace(status, started),
        }
    }

    /// Ends the kernel. A running cell ends at its next operation.
    pub fn shutdown(self) {}

    fn replace(&mut self, status: CellStatus, started: Instant) -> CellReport {
        self.own_cancel.cancel();
        self.own_cancel = self.context.cancel.child_token();
        let context = KernelContext { cancel: self.own_cancel.clone(), ..self.context.clone() };
        self.runner = Runner::start(context, &self.isolation)
            .inspect_err(|error| tracing::error!(%error, "no new kernel could be started"))
            .ok();
        let lost: Vec<String> = std::mem::take(&mut self.variables).into_iter().collect();
        let lost = if lost.is_empty() { "no variable".to_owned() } else { lost.join(", ") };
        CellReport {
            status,
            stdout: format!("[the kernel was replaced; lost: {lost}, and all functions]\n"),
            value: None,
            variables: Vec::new(),
            unchanged: Vec::new(),
            left_out: LeftOut::default(),
            pictures: Vec::new(),
            submission: None,
            n_tool_calls: 0,
            memory: MemoryUse { max_bytes: self.context.limits.max_memory_bytes, ..MemoryUse::default() },
            elapsed: started.elapsed(),
        }
    }
}

impl Drop for KernelHandle {
    fn drop(&mut self) {
        self.own_cancel.cancel();
    }
}

/// Until a cell that began at `started` has used its time. What it waits for models counts only against the goal's.
async fn time_used(context: KernelContext, started: Instant) {
    /// While a model is waited for the end moves on, so it is looked for again.
    const SHORTEST_SLEEP: Duration = Duration::from_millis(20);
    let waited = context.vlm.as_ref().map(VlmHandle::waited).unwrap_or_default();
    let before = waited.total();
    loop {
        let allowed = context.limits.max_cell_time.saturating_add(waited.total().saturating_sub(before));
        let goal = context.deadline.saturating_duration_since(started);
        let left = allowed.min(goal).saturating_sub(started.elapsed());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.max(SHORTEST_SLEEP)).await;
    }
}

fn broken(what: &str) -> CellError {
    let message = format!("{what}; a new one was started, so define again what you need");
    CellError { line: None, column: None, message, code: Some(ErrorCode::InternalError) }
}

fn start_thread(context: KernelContext) -> io::Result<mpsc::SyncSender<Job>> {
    let (jobs, receive) = mpsc::sync_channel::<Job>(1);
    thread::Builder::new().name("kernel".to_owned()).stack_size(STACK_BYTES).spawn(move || {
        let mut kernel = Kernel::new(context);
        while let Ok(Job { cell, is_program, reply, span }) = receive.recv() {
            let run = || if is_program { kernel.run_program(&cell) } else { kernel.run_cell(&cell) };
            let report = span.in_scope(run);
            let _ = reply.send(Ok(report));
        }
    })?;
    Ok(jobs)
}
