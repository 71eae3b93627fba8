//! Work on many items, shared between threads that charge the caller's account and stop when they are told to.
//!
//! Items are taken in chunks from a common pile, so that a slow chunk holds up one thread only. The caller works as well; when it is
//! alone, or there are few items, no thread is started. The interrupt is asked before each chunk: `min_chunk` items should take well
//! under 10 ms.

use std::{
    ops::Range,
    panic::resume_unwind,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use super::account::Lent;

/// Chunks that each thread gets on average, so that all end at about the same time.
const CHUNKS_PER_THREAD: usize = 8;

/// The work was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the work was interrupted")]
pub struct Interrupted;

/// Whether the work should stop; asked from several threads.
pub type Interrupt<'a> = &'a (dyn Fn() -> bool + Sync);

/// An interrupt that never comes.
pub const NEVER: Interrupt<'static> = &|| false;

/// Calls `work` on chunks of `0..n`, at least `min_chunk` items each but for the last; the results in order.
///
/// ```
/// use spatialclaw::memory::parallel::{NEVER, parallel_chunks};
///
/// let sums = parallel_chunks(1000, 100, NEVER, |chunk| chunk.sum::<usize>()).unwrap();
/// assert_eq!(sums.iter().sum::<usize>(), 499_500);
/// ```
///
/// # Errors
/// When `interrupt` said so before all chunks were done.
pub fn parallel_chunks<R: Send>(
    n: usize,
    min_chunk: usize,
    interrupt: Interrupt<'_>,
    work: impl Fn(Range<usize>) -> R + Sync,
) -> Result<Vec<R>, Interrupted> {
    let size = chunk_size(n, min_chunk);
    let n_chunks = n.div_ceil(size);
    let next = AtomicUsize::new(0);
    let taken = || {
        let start = next.fetch_add(1, Ordering::Relaxed).checked_mul(size).filter(|start| *start < n)?;
        Some((start / size, start..n.min(start.saturating_add(size))))
    };
    let done = shared(n_chunks, interrupt, taken, |(chunk, range)| (chunk, work(range)))?;
    Ok(in_order(done))
}

/// Calls `work` on chunks of `items` with the place of each chunk's first item; the results in order.
///
/// ```
/// use spatialclaw::memory::parallel::{NEVER, parallel_chunks_mut};
///
/// let mut squares = vec![0; 1000];
/// parallel_chunks_mut(&mut squares, 100, NEVER, |start, chunk| {
///     for (i, square) in chunk.iter_mut().enumerate() {
///         *square = (start + i) * (start + i);
///     }
/// })
/// .unwrap();
/// assert_eq!(squares[31], 961);
/// ```
///
/// # Errors
/// When `interrupt` said so before all chunks were done; the items are then partly changed.
pub fn parallel_chunks_mut<T: Send, R: Send>(
    items: &mut [T],
    min_chunk: usize,
    interrupt: Interrupt<'_>,
    work: impl Fn(usize, &mut [T]) -> R + Sync,
) -> Result<Vec<R>, Interrupted> {
    let size = chunk_size(items.len(), min_chunk);
    let n_chunks = items.len().div_ceil(size);
    let pile = Mutex::new(items.chunks_mut(size).enumerate());
    let taken = || pile.lock().unwrap_or_else(PoisonError::into_inner).next();
    let done = shared(n_chunks, interrupt, taken, |(chunk, items)| (chunk, work(chunk * size, items)))?;
    Ok(in_order(done))
}

fn chunk_size(n: usize, min_chunk: usize) -> usize {
    n.div_ceil(n_threads() * CHUNKS_PER_THREAD).max(min_chunk).max(1)
}

fn n_threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn in_order<R>(mut done: Vec<(usize, R)>) -> Vec<R> {
    done.sort_unstable_by_key(|(chunk, _)| *chunk);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Runs `work` on everything that `take` gives, on as many threads as there are chunks for.
fn shared<C, R: Send>(
    n_chunks: usize,
    interrupt: Interrupt<'_>,
    take: impl Fn() -> Option<C> + Sync,
    work: impl Fn(C) -> R + Sync,
) -> Result<Vec<R>, Interrupted> {
    let is_interrupted = AtomicBool::new(false);
    let one_thread = || {
        let mut done = Vec::new();
        loop {
            if is_interrupted.load(Ordering::Relaxed) {
                return done;
            }
            if interrupt() {
                is_interrupted.store(true, Ordering::Relaxed);
                return done;
            }
            match take() {
                Some(chunk) => done.push(work(chunk)),
                None => return done,
            }
        }
    };
    let lent = Lent::of_current_thread();
    let done = thread::scope(|scope| {
        let helpers: Vec<_> = (1..n_threads().min(n_chunks))
            .filter_map(|_| {
                let one_thread = &one_thread;
                let helper = move || {
                    let _entered = lent.enter();
                    one_thread()
                };
                // Without a further thread the caller does it all.
                thread::Builder::new().name("measure".to_owned()).spawn_scoped(scope, helper).ok()
            })
            .collect();
        let mut done = one_thread();
        for helper in helpers {
            match helper.join() {
                Ok(more) => done.extend(more),
                Err(panic) => resume_unwind(panic),
            }
        }
        done
    });
    if is_interrupted.into_inner() && done.len() < n_chunks { Err(Interrupted) } else { Ok(done) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Account;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn every_item_is_worked_on_once_and_results_are_in_order(n in 0usize..5000, min_chunk in 0usize..700) {
            let chunks = parallel_chunks(n, min_chunk, NEVER, |chunk| chunk).unwrap();
            let items: Vec<usize> = chunks.into_iter().flatten().collect();
            prop_assert_eq!(items, (0..n).collect::<Vec<_>>());
            let mut counted = vec![0usize; n];
            parallel_chunks_mut(&mut counted, min_chunk, NEVER, |start, chunk| {
                chunk.iter_mut().enumerate().for_each(|(i, item)| *item += start + i + 1);
            }).unwrap();
            prop_assert_eq!(counted, (1..=n).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_interrupt_ends_the_work() {
        let n_done = AtomicUsize::new(0);
        let found = parallel_chunks(1_000_000, 10, &|| n_done.load(Ordering::Relaxed) >= 3, |_| {
            n_done.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(found, Err(Interrupted));
        assert!(n_done.into_inner() < 3 + n_threads());
        assert_eq!(parallel_chunks(0, 10, &|| true, |_| ()), Ok(vec![]));
    }

    #[test]
    fn threads_charge_the_callers_account() {
        let account = Account::new();
        let _entered = account.enter();
        let before = account.held_bytes();
        let kept = parallel_chunks(64, 1, NEVER, |chunk| vec![0u8; chunk.len() << 16]).unwrap();
        let taken = account.held_bytes() - before;
        assert!(taken.abs_diff(4 << 20) < 64 << 10, "{taken}");
        drop(kept);
        let left = account.held_bytes().abs_diff(before);
        assert!(left < 4096, "{left}");
    }

    #[test]
    #[should_panic(expected = "out of cheese")]
    fn a_panic_reaches_the_caller() {
        let _ = parallel_chunks(100, 1, NEVER, |chunk| assert!(!chunk.contains(&50), "out of cheese"));
    }
}
