//! Accounts and the allocator that charges them.
//!
//! Every block begins with a header that holds the address of the account it was taken for, or null. Charges are collected per
//! thread and passed on in portions, so that an account shared by many threads is off by at most one portion a thread.
//!
//! This file and `large` are the only ones with `unsafe`: a global allocator cannot be written without it. It passes every call on to
//! `large` with room for the header added.

#![allow(unsafe_code, reason = "implementing GlobalAlloc is unsafe; nothing else here is")]

use std::{
    alloc::{GlobalAlloc, Layout},
    cell::Cell,
    marker::PhantomData,
    ptr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use super::large;

/// Bytes that a thread collects before it passes its charges on.
const PORTION_BYTES: i64 = 64 << 10;

/// Allocations that a thread collects before it passes them on.
const PORTION_ALLOCATIONS: u64 = 256;

struct ChargingAllocator;

#[global_allocator]
static ALLOCATOR: ChargingAllocator = ChargingAllocator;

/// What blocks point to. It is never freed, because a block may outlive its account's last user; a slot whose blocks have all been
/// given back is used again.
struct Slot {
    bytes: AtomicI64,
    n_allocations: AtomicU64,
    peak_bytes: AtomicI64,
    max_bytes: AtomicI64,
}

impl Default for Slot {
    fn default() -> Slot {
        Slot {
            bytes: AtomicI64::new(0),
            n_allocations: AtomicU64::new(0),
            peak_bytes: AtomicI64::new(0),
            max_bytes: AtomicI64::new(i64::MAX),
        }
    }
}

impl Slot {
    fn held_bytes(&self, is_current: bool) -> usize {
        let own = if is_current { BYTES.try_with(Cell::get).unwrap_or(0) } else { 0 };
        usize::try_from(self.bytes.load(Ordering::Relaxed).saturating_add(own)).unwrap_or(0)
    }

    fn has_room(&self, n_bytes: usize, held_bytes: usize) -> bool {
        let wanted = i64::try_from(held_bytes.saturating_add(n_bytes)).unwrap_or(i64::MAX);
        wanted <= self.max_bytes.load(Ordering::Relaxed)
    }
}

/// Slots without a user.
static IDLE: Mutex<Vec<&'static Slot>> = Mutex::new(Vec::new());

thread_local! {
    static CURRENT: Cell<Option<&'static Slot>> = const { Cell::new(None) };
    /// Charges for `CURRENT` that are not passed on yet.
    static BYTES: Cell<i64> = const { Cell::new(0) };
    static N_ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Memory of one goal: bytes held and allocations made by every thread that has entered it.
#[derive(Clone)]
pub struct Account {
    owner: Arc<Owner>,
}

struct Owner {
    slot: &'static Slot,
}

impl Drop for Owner {
    fn drop(&mut self) {
        idle().push(self.slot);
    }
}

fn idle() -> std::sync::MutexGuard<'static, Vec<&'static Slot>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Account {
    /// An empty account.
    #[must_use]
    pub fn new() -> Account {
        let mut idle = idle();
        // A slot that still has blocks out would begin with a debt, and be credited for them later.
        let free = idle.iter().position(|slot| slot.bytes.load(Ordering::Relaxed) == 0);
        let slot: &'static Slot = match free {
            Some(at) => idle.swap_remove(at),
            None => Box::leak(Box::new(Slot::default())),
        };
        slot.n_allocations.store(0, Ordering::Relaxed);
        slot.peak_bytes.store(0, Ordering::Relaxed);
        slot.max_bytes.store(i64::MAX, Ordering::Relaxed);
        Account { owner: Arc::new(Owner { slot }) }
    }

    /// Lets the current thread work for this account until the guard is dropped.
    #[must_use]
    pub fn enter(&self) -> Entered<'_> {
        enter(Some(self.owner.slot))
    }

    /// Bytes held now, headers included. Threads that work for it may not have passed on up to 64 KiB each; the calling thread has.
    pub fn held_bytes(&self) -> usize {
        self.owner.slot.held_bytes(self.is_current())
    }

    /// What `has_room` goes by; the account itself refuses nothing.
    pub fn set_max_bytes(&self, max_bytes: usize) {
        self.owner.slot.max_bytes.store(i64::try_from(max_bytes).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// Whether `n_bytes` more may be held. To be asked before a single step takes much: who counts between the steps would see it too late.
    #[must_use]
    pub fn has_room(&self, n_bytes: usize) -> bool {
        self.owner.slot.has_room(n_bytes, self.held_bytes())
    }

    /// Starts looking for the peak anew.
    pub fn reset_peak(&self) {
        self.owner.slot.peak_bytes.store(0, Ordering::Relaxed);
    }

    /// Most bytes held since then, within a portion of each thread.
    pub fn peak_bytes(&self) -> usize {
        usize::try_from(self.owner.slot.peak_bytes.load(Ordering::Relaxed)).unwrap_or(0).max(self.held_bytes())
    }

    /// Allocations made so far.
    pub fn n_allocations(&self) -> u64 {
        let own = if self.is_current() { N_ALLOCATIONS.try_with(Cell::get).unwrap_or(0) } else { 0 };
        self.owner.slot.n_allocations.load(Ordering::Relaxed) + own
    }

    fn is_current(&self) -> bool {
        current().is_some_and(|slot| ptr::eq(slot, self.owner.slot))
    }
}

impl Default for Account {
    fn default() -> Account {
        Account::new()
    }
}

/// Lets the current thread work for no account until the guard is dropped: for what is made once and serves every goal.
#[must_use]
pub fn outside() -> Entered<'static> {
    enter(None)
}

/// [`Account::has_room`] of the account that the current thread works for; true when it works for none.
#[must_use]
pub fn has_room(n_bytes: usize) -> bool {
    current().is_none_or(|slot| slot.has_room(n_bytes, slot.held_bytes(true)))
}

/// The account that a thread works for, so that threads it waits for can work for it as well.
#[derive(Clone, Copy)]
pub(super) struct Lent {
    slot: Option<&'static Slot>,
}

impl Lent {
    /// What the current thread works for; nothing when it has entered no account.
    pub(super) fn of_current_thread() -> Lent {
        Lent { slot: current() }
    }

    /// Lets the current thread work for it until the guard is dropped.
    pub(super) fn enter(&self) -> Entered<'_> {
        enter(self.slot)
    }
}

fn current() -> Option<&'static Slot> {
    CURRENT.try_with(Cell::get).unwrap_or(None)
}

fn enter<'a>(slot: Option<&'static Slot>) -> Entered<'a> {
    pass_on();
    let before = CURRENT.try_with(|current| current.replace(slot)).unwrap_or(None);
    Entered { before, account: PhantomData, not_send: PhantomData }
}

/// While it lives, the thread that made it works for an account.
pub struct Entered<'a> {
    before: Option<&'static Slot>,
    account: PhantomData<&'a Account>,
    not_send: PhantomData<*const ()>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        pass_on();
        let _ = CURRENT.try_with(|current| current.set(self.before));
    }
}

fn pass_on() {
    let Some(slot) = current() else { return };
    let bytes = BYTES.try_with(Cell::take).unwrap_or(0);
    let n_allocations = N_ALLOCATIONS.try_with(Cell::take).unwrap_or(0);
    let before = slot.bytes.fetch_add(bytes, Ordering::Relaxed);
    slot.peak_bytes.fetch_max(before + bytes, Ordering::Relaxed);
    slot.n_allocations.fetch_add(n_allocations, Ordering::Relaxed);
}

/// Charges `n_bytes` for a block taken or resized for the account at `slot`.
fn charge(slot: Option<&'static Slot>, n_bytes: i64, n_allocations: u64) {
    let Some(owner) = slot else { return };
    if !current().is_some_and(|current| ptr::eq(current, owner)) {
        owner.bytes.fetch_add(n_bytes, Ordering::Relaxed);
        owner.n_allocations.fetch_add(n_allocations, Ordering::Relaxed);
        return;
    }
    let bytes = BYTES.try_with(|bytes| {
        bytes.set(bytes.get() + n_bytes);
        bytes.get()
    });
    let count = N_ALLOCATIONS.try_with(|count| {
        count.set(count.get() + n_allocations);
        count.get()
    });
    if bytes.is_ok_and(|bytes| bytes.abs() >= PORTION_BYTES) || count.is_ok_and(|count| count >= PORTION_ALLOCATIONS) {
        pass_on();
    }
}

/// What stands in front of a block. A reference in an `Option` has the size of a pointer, and null for `None`.
type Header = Option<&'static Slot>;

/// The layout with room for the header, and the bytes it takes: as many as the block's alignment asks for.
fn with_header(layout: Layout) -> Option<(Layout, usize)> {
    let header = layout.align().max(size_of::<Header>());
    let size = layout.size().checked_add(header)?;
    Some((Layout::from_size_align(size, header).ok()?, header))
}

// SAFETY: every call is passed on to `large` with a layout that is larger by the header and at least as aligned; the pointer handed
// out lies one header behind the one from `large`, inside the same block and aligned as asked. The thread-local cells have no
// destructor, and touching them and the atomics neither allocates nor panics.
//
// Never inlined: a caller's optimiser takes a block for exactly as long as was asked for. Shown a load from in front of it, it would
// conclude that nothing was ever written there and that the code behind cannot be reached.
unsafe impl GlobalAlloc for ChargingAllocator {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some((whole, header)) = with_header(layout) else { return ptr::null_mut() };
        unsafe { begin(large::alloc(whole), whole, header) }
    }

    #[inline(never)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let Some((whole, header)) = with_header(layout) else { return ptr::null_mut() };
        unsafe { begin(large::alloc_zeroed(whole), whole, header) }
    }

    #[inline(never)]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let Some((whole, header)) = with_header(layout) else { return };
        unsafe {
            let start = pointer.sub(header);
            let slot = start.cast::<Header>().read();
            charge(slot, -(whole.size() as i64), 0);
            large::dealloc(start, whole);
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let (Some((whole, header)), Some(new_whole)) =
            (with_header(layout), new_size.checked_add(layout.align().max(size_of::<Header>())))
        else {
            return ptr::null_mut();
        };
        unsafe {
            let start = pointer.sub(header);
            let slot = start.cast::<Header>().read();
            let moved = large::realloc(start, whole, new_whole);
            if moved.is_null() {
                return moved;
            }
            charge(slot, new_whole as i64 - whole.size() as i64, 1);
            moved.add(header)
        }
    }
}

/// Writes the header of a fresh block and charges it.
///
/// # Safety
/// `start` is null or a block of layout `whole`, whose first `header` bytes hold nothing yet.
unsafe fn begin(start: *mut u8, whole: Layout, header: usize) -> *mut u8 {
    if start.is_null() {
        return start;
    }
    let slot = current();
    unsafe { start.cast::<Header>().write(slot) };
    charge(slot, whole.size() as i64, 1);
    unsafe { start.add(header) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn near(found: usize, expected: usize) {
        assert!(found.abs_diff(expected) < 4096, "{found}, expected about {expected}");
    }

    #[test]
    fn what_is_taken_within_an_account_is_charged_to_it_alone() {
        let (a, b) = (Account::new(), Account::new());
        let mine = {
            let _a = a.enter();
            vec![0u8; MIB]
        };
        let outside = vec![0u8; MIB];
        near(a.held_bytes(), MIB);
        assert_eq!(b.held_bytes(), 0);
        assert!(a.n_allocations() >= 1);
        let inner = {
            let _a = a.enter();
            let _b = b.enter();
            vec![1u16; MIB]
        };
        near(a.held_bytes(), MIB);
        near(b.held_bytes(), 2 * MIB);
        drop((mine, outside, inner));
        assert_eq!((a.held_bytes(), b.held_bytes()), (0, 0));
    }

    #[test]
    fn what_another_thread_gives_back_is_credited() {
        let account = Account::new();
        let taken = {
            let _entered = account.enter();
            vec![0u8; MIB]
        };
        let other = Account::new();
        std::thread::spawn(move || {
            let _entered = other.enter();
            drop(taken);
            assert_eq!(other.held_bytes(), 0);
        })
        .join()
        .unwrap();
        assert_eq!(account.held_bytes(), 0);
    }

    #[test]
    fn a_block_grows_on_the_account_that_took_it() {
        let account = Account::new();
        let mut taken: Vec<u8> = {
            let _entered = account.enter();
            Vec::with_capacity(16)
        };
        taken.resize(MIB, 1);
        near(account.held_bytes(), MIB);
        assert!(taken.iter().all(|byte| *byte == 1));
        taken.truncate(10);
        taken.shrink_to_fit();
        near(account.held_bytes(), 10);
        drop(taken);
        assert_eq!(account.held_bytes(), 0);
    }

    #[test]
    fn the_peak_is_seen_after_the_memory_is_gone() {
        let account = Account::new();
        let _entered = account.enter();
        drop(vec![0u8; 3 * MIB]);
        drop(vec![0u8; MIB]);
        assert!(account.peak_bytes().abs_diff(3 * MIB) < 64 << 10, "{}", account.peak_bytes());
        account.reset_peak();
        drop(vec![0u8; MIB]);
        assert!(account.peak_bytes().abs_diff(MIB) < 64 << 10, "{}", account.peak_bytes());
    }

    #[test]
    fn there_is_room_up_to_the_most_and_without_an_account() {
        let account = Account::new();
        account.set_max_bytes(4 << 20);
        assert!(has_room(1 << 40));
        let entered = account.enter();
        assert!(has_room(3 << 20));
        let held = vec![0u8; 2 << 20];
        assert!(!has_room(3 << 20) && has_room(1 << 20));
        drop(held);
        assert!(has_room(3 << 20));
        drop(entered);
    }

    #[test]
    fn large_alignments_are_kept() {
        #[repr(align(256))]
        struct Aligned(u8);
        let account = Account::new();
        let _entered = account.enter();
        let many: Vec<Box<Aligned>> = (0..100).map(|i| Box::new(Aligned(i))).collect();
        for (i, value) in many.iter().enumerate() {
            assert_eq!(std::ptr::from_ref::<Aligned>(value).addr() % 256, 0);
            assert_eq!(usize::from(value.0), i);
        }
        drop(many);
        let zeroed = vec![0u64; 10_000];
        assert!(zeroed.iter().all(|x| *x == 0));
    }

    #[test]
    fn an_account_begins_empty_even_if_an_older_one_left_blocks() {
        let left = {
            let account = Account::new();
            let _entered = account.enter();
            vec![0u8; MIB]
        };
        let fresh = Account::new();
        assert_eq!((fresh.held_bytes(), fresh.n_allocations()), (0, 0));
        drop(left);
        assert_eq!(fresh.held_bytes(), 0);
    }
}
