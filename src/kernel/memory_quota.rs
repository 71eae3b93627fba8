//! Bytes and allocations of the current thread, so that a cell's memory can be bounded.
//!
//! Rhai's own size limits leave holes (some operations allocate before they check, and any limit makes growing a list quadratic), so
//! the kernel counts what its thread really holds and stops the script at the next operation. The count is per thread because each
//! kernel owns its thread: other threads' images and messages must not count against a cell. Memory that changes threads is
//! counted where it was taken and credited where it is given back, so the kernel writes off what it hands over.
//!
//! This is the only file with `unsafe`: a global allocator cannot be written without it. It adds to two counters and passes every
//! call on unchanged to the system's allocator.

#![allow(unsafe_code, reason = "implementing GlobalAlloc is unsafe; nothing else here is")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

struct CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

thread_local! {
    static HELD_BYTES: Cell<i64> = const { Cell::new(0) };
    static N_ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Bytes taken minus bytes given back by this thread. Negative on a thread that frees what others took.
pub fn held_bytes() -> i64 {
    HELD_BYTES.try_with(Cell::get).unwrap_or(0)
}

/// Allocations made by this thread so far.
pub fn n_allocations() -> u64 {
    N_ALLOCATIONS.try_with(Cell::get).unwrap_or(0)
}

/// Writes off bytes that this thread took and another will give back.
pub fn write_off(n_bytes: usize) {
    add(-(n_bytes as i64));
}

// `try_with` fails only while the thread ends; what is freed then counts for nobody.
fn add(n_bytes: i64) {
    let _ = HELD_BYTES.try_with(|held| held.set(held.get().wrapping_add(n_bytes)));
}

fn count() {
    let _ = N_ALLOCATIONS.try_with(|n| n.set(n.get().wrapping_add(1)));
}

// SAFETY: every call is passed on to `System` with the same arguments, so its guarantees hold; the counters are plain thread-local
// cells without destructor, and touching them neither allocates nor panics.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size() as i64);
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size() as i64);
        count();
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        add(-(layout.size() as i64));
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        add(new_size as i64 - layout.size() as i64);
        count();
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_thread_takes_is_counted_here_only() {
        let (bytes, allocations) = (held_bytes(), n_allocations());
        let taken = vec![0u8; 1 << 20];
        assert_eq!(held_bytes() - bytes, 1 << 20);
        assert_eq!(n_allocations() - allocations, 1);
        drop(taken);
        assert_eq!(held_bytes(), bytes);
        // Starting a thread leaves small blocks to the other one, so only the order of magnitude is told here.
        let _taken = vec![0u8; 1 << 20];
        let elsewhere = std::thread::spawn(held_bytes).join().unwrap();
        assert!(elsewhere < 1 << 20, "{elsewhere}");
    }

    #[test]
    fn what_leaves_the_thread_is_written_off() {
        let bytes = held_bytes();
        let taken = vec![0u8; 1000];
        write_off(taken.len());
        assert_eq!(held_bytes(), bytes);
        write_off(0);
        std::mem::forget(taken);
        assert_eq!(held_bytes(), bytes);
    }
}
