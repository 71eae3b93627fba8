//! What the running cell has used, looked at after every operation.

use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rhai::{Engine, NativeCallContext};

use super::{Limits, builtins::Dicts};
use crate::{
    error_code::ErrorCode,
    memory::Account,
    tools::{Host, RhaiResult, Session, StopReason, ToolError},
};

/// Allocations per allowed operation. Copying a nested list takes many within one operation, so operations alone do not bound
/// the time a cell takes nor how deep its values can be nested.
const ALLOCATIONS_PER_OPERATION: u64 = 4;

/// Bytes of one text.
pub const MAX_TEXT_BYTES: usize = 8 << 20;

/// The clock and the cancel token are looked at once in so many operations.
const POLL_EVERY: u64 = 256;

/// Counts for one kernel.
pub struct Meter {
    limits: Limits,
    session: Arc<Session>,
    /// Dicts that its cells made.
    pub dicts: Dicts,
    n_operations: AtomicU64,
    account: Account,
    first_allocation: AtomicU64,
}

impl Host for Meter {
    /// Whether `n_bytes` more may be taken in one operation; stops the cell otherwise.
    fn require_room(&self, n_bytes: usize) -> RhaiResult<()> {
        if self.account.has_room(n_bytes) {
            return Ok(());
        }
        self.session.stop.stop(StopReason::Memory);
        let (needed, max) = (n_bytes >> 20, self.limits.max_memory_bytes >> 20);
        Err(ToolError::argument(format!("this needs {needed} MiB more, {max} MiB are allowed in all")).into())
    }
}

impl Meter {
    /// Looks at what `account` holds, and lets it hold what the limits allow.
    pub fn new(limits: Limits, session: Arc<Session>, account: Account) -> Arc<Meter> {
        account.set_max_bytes(limits.max_memory_bytes);
        Arc::new(Meter {
            limits,
            session,
            dicts: Dicts::default(),
            n_operations: AtomicU64::new(0),
            account,
            first_allocation: AtomicU64::new(0),
        })
    }

    /// That of the kernel whose cell calls.
    ///
    /// # Errors
    /// `INTERNAL_ERROR` when no kernel calls.
    pub fn of(context: &NativeCallContext<'_>) -> RhaiResult<Arc<Meter>> {
        let host: Option<Arc<dyn Any + Send + Sync>> = Session::of(context)?.host().map(|host| host as _);
        let lost =
            || ToolError::new(ErrorCode::InternalError, "this function was called outside of a kernel".to_owned());
        Ok(host.and_then(|host| host.downcast().ok()).ok_or_else(lost)?)
    }

    /// Starts a new cell.
    pub fn start_cell(&self) {
        self.n_operations.store(0, Ordering::Relaxed);
        self.first_allocation.store(self.account.n_allocations(), Ordering::Relaxed);
        self.account.reset_peak();
    }

    /// Bytes held by the kernel and all it made.
    pub fn held_bytes(&self) -> usize {
        self.account.held_bytes()
    }

    /// Most bytes held in the running cell.
    pub fn peak_bytes(&self) -> usize {
        self.account.peak_bytes()
    }

    /// Whether a text of `n_bytes` may be made: every function on texts makes a few copies at once, so one must not fill the memory.
    ///
    /// # Errors
    /// When it is too long.
    pub fn require_text(&self, n_bytes: usize) -> RhaiResult<()> {
        if n_bytes <= MAX_TEXT_BYTES {
            return self.require_room(n_bytes);
        }
        self.session.stop.stop(StopReason::Text);
        let (mib, max) = (n_bytes >> 20, MAX_TEXT_BYTES >> 20);
        Err(ToolError::argument(format!("a text of {mib} MiB is too long, at most {max} MiB")).into())
    }

    /// Whether more is held than allowed.
    pub fn is_over(&self) -> bool {
        !self.account.has_room(0)
    }

    /// Counts one operation; the reason when the cell must end.
    fn operation(&self) -> Option<StopReason> {
        let stop = &self.session.stop;
        let n_operations = self.n_operations.fetch_add(1, Ordering::Relaxed);
        if self.is_over() {
            stop.stop(StopReason::Memory);
        } else if n_operations >= self.limits.max_operations {
            stop.stop(StopReason::Operations);
        } else if self.n_allocations() > self.limits.max_operations.saturating_mul(ALLOCATIONS_PER_OPERATION) {
            stop.stop(StopReason::Allocations);
        } else if n_operations.is_multiple_of(POLL_EVERY) {
            return stop.poll();
        }
        stop.reason()
    }

    fn n_allocations(&self) -> u64 {
        self.account.n_allocations().saturating_sub(self.first_allocation.load(Ordering::Relaxed))
    }

    /// Has every operation of `engine` counted. A reason once set is raised again at each operation, because an error raised inside a
    /// native function's callback could otherwise be caught by the script.
    pub fn watch(self: &Arc<Self>, engine: &mut Engine) {
        let meter = self.clone();
        engine.on_progress(move |_| meter.operation().map(|_| rhai::Dynamic::UNIT));
    }
}
