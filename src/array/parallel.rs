//! Bulk work on all cores, writing into memory that the caller has taken.

use std::{
    num::NonZero,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use super::{ArrayError, ArrayResult, Work};

/// Fills `out` in pieces of `piece` values: `fill` gets the position of the piece's first value and the piece. Small work stays on the
/// calling thread. `cost_per_value` is a rough number of arithmetic operations.
///
/// # Errors
/// [`ArrayError::Interrupted`].
pub fn fill<T: Send>(
    out: &mut [T],
    piece: usize,
    cost_per_value: usize,
    work: &dyn Work,
    fill: impl Fn(usize, &mut [T]) + Sync,
) -> ArrayResult<()> {
    /// Below this many operations, starting threads costs more than it saves.
    const MIN_COST: usize = 1 << 20;
    /// Operations after which the caller is asked whether to go on: about a millisecond.
    const COST_PER_PIECE: usize = 1 << 20;
    let piece = piece.max(1);
    let cost = out.len().saturating_mul(cost_per_value);
    let per_piece = (COST_PER_PIECE / cost_per_value.max(1) / piece).max(1) * piece;
    let n_threads = thread::available_parallelism().map_or(1, NonZero::get).min(out.len().div_ceil(per_piece));
    if cost < MIN_COST || n_threads < 2 {
        for (i, part) in out.chunks_mut(per_piece).enumerate() {
            work.proceed()?;
            fill(i * per_piece, part);
        }
        return Ok(());
    }
    let next = AtomicUsize::new(0);
    let is_interrupted = AtomicBool::new(false);
    let parts: Vec<std::sync::Mutex<Option<&mut [T]>>> =
        out.chunks_mut(per_piece).map(|part| std::sync::Mutex::new(Some(part))).collect();
    let run = || {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = parts.get(i) else { return };
            if is_interrupted.load(Ordering::Relaxed) || work.proceed().is_err() {
                is_interrupted.store(true, Ordering::Relaxed);
                return;
            }
            let part = part.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
            if let Some(part) = part {
                fill(i * per_piece, part);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..n_threads {
            scope.spawn(run);
        }
        run();
    });
    if is_interrupted.load(Ordering::Relaxed) { Err(ArrayError::Interrupted) } else { Ok(()) }
}
