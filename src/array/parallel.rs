//! Bulk work on all cores, writing into memory that the caller has taken. What the threads take is charged to the caller's goal.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{ArrayError, ArrayResult, Work};
use crate::memory::parallel::parallel_chunks_mut;

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
    if cost < MIN_COST {
        for (i, part) in out.chunks_mut(per_piece).enumerate() {
            work.proceed()?;
            fill(i * per_piece, part);
        }
        return Ok(());
    }
    let mut parts: Vec<&mut [T]> = out.chunks_mut(per_piece).collect();
    let is_interrupted = AtomicBool::new(false);
    let interrupt = || {
        if work.proceed().is_err() {
            is_interrupted.store(true, Ordering::Relaxed);
        }
        is_interrupted.load(Ordering::Relaxed)
    };
    let done = parallel_chunks_mut(&mut parts, 1, &interrupt, |first, parts| {
        for (i, part) in parts.iter_mut().enumerate() {
            // Large work has many pieces in a chunk.
            if i > 0 && interrupt() {
                return;
            }
            fill((first + i) * per_piece, part);
        }
    });
    if done.is_err() || is_interrupted.load(Ordering::Relaxed) { Err(ArrayError::Interrupted) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{array::Unlimited, memory::Account};

    #[test]
    fn pieces_begin_where_they_should() {
        let mut out = vec![0usize; 100_000];
        fill(&mut out, 7, 1000, &Unlimited, |start, part| {
            assert_eq!(start % 7, 0);
            part.iter_mut().enumerate().for_each(|(i, value)| *value = start + i);
        })
        .unwrap();
        assert_eq!(out, (0..100_000).collect::<Vec<_>>());
    }

    #[test]
    fn what_threads_take_is_charged_to_the_goal() {
        let account = Account::new();
        let entered = account.enter();
        let mut out: Vec<Vec<u8>> = vec![Vec::new(); 64];
        let before = account.held_bytes();
        fill(&mut out, 1, 1 << 20, &Unlimited, |_, part| part.iter_mut().for_each(|v| *v = vec![1; 1 << 16])).unwrap();
        let taken = account.held_bytes() - before;
        assert!(taken.abs_diff(4 << 20) < 64 << 10, "{taken}");
        drop(entered);
    }

    #[test]
    fn interrupted_work_says_so() {
        struct Stopped;
        impl Work for Stopped {
            fn room(&self, _: usize) -> ArrayResult<()> {
                Ok(())
            }
            fn proceed(&self) -> ArrayResult<()> {
                Err(ArrayError::Interrupted)
            }
        }
        let mut out = vec![0u8; 64];
        assert_eq!(fill(&mut out, 1, 1 << 20, &Stopped, |_, _| ()), Err(ArrayError::Interrupted));
        assert_eq!(fill(&mut out, 1, 1, &Stopped, |_, _| ()), Err(ArrayError::Interrupted));
    }
}
