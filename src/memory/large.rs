//! Blocks as large as a picture's points are mapped on their own, with huge pages where the system has them; all others are `System`'s.
//!
//! Fresh memory costs a fault for each of its pages, which takes longer than filling it, and a thread's part of glibc's heap has no place
//! for such blocks: it makes and gives back one of 64 MiB for each. numpy asks for huge pages in the same way.
#![allow(unsafe_code, reason = "allocating is unsafe")]

pub(super) use imp::{alloc, alloc_zeroed, dealloc, realloc};

#[cfg(target_os = "linux")]
mod imp {
    use std::{
        alloc::{GlobalAlloc, Layout, System},
        ptr,
    };

    /// Blocks from this size on are mapped.
    const MAPPED_BYTES: usize = 8 << 20;

    /// Mappings begin at a page, and none is smaller.
    const PAGE_BYTES: usize = 4 << 10;

    fn is_mapped(layout: Layout) -> bool {
        layout.size() >= MAPPED_BYTES && layout.align() <= PAGE_BYTES
    }

    /// # Safety
    /// As [`GlobalAlloc::alloc`].
    pub(in super::super) unsafe fn alloc(layout: Layout) -> *mut u8 {
        if is_mapped(layout) { map(layout.size()) } else { unsafe { System.alloc(layout) } }
    }

    /// # Safety
    /// As [`GlobalAlloc::alloc_zeroed`].
    pub(in super::super) unsafe fn alloc_zeroed(layout: Layout) -> *mut u8 {
        if is_mapped(layout) { map(layout.size()) } else { unsafe { System.alloc_zeroed(layout) } }
    }

    /// # Safety
    /// As [`GlobalAlloc::dealloc`], for a block of this module.
    pub(in super::super) unsafe fn dealloc(start: *mut u8, layout: Layout) {
        if is_mapped(layout) {
            // SAFETY: the block is a mapping of this size. Where it fails the block is lost, and nothing else.
            unsafe { libc::munmap(start.cast(), layout.size()) };
        } else {
            unsafe { System.dealloc(start, layout) }
        }
    }

    /// # Safety
    /// As [`GlobalAlloc::realloc`], for a block of this module.
    pub(in super::super) unsafe fn realloc(start: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Ok(new_layout) = Layout::from_size_align(new_size, layout.align()) else { return ptr::null_mut() };
        match (is_mapped(layout), is_mapped(new_layout)) {
            (false, false) => unsafe { System.realloc(start, layout, new_size) },
            (true, true) => {
                // SAFETY: the block is a mapping of this size. It keeps what was advised.
                given(unsafe { libc::mremap(start.cast(), layout.size(), new_size, libc::MREMAP_MAYMOVE) })
            }
            _ => unsafe {
                let moved = alloc(new_layout);
                if !moved.is_null() {
                    // SAFETY: both blocks have as many bytes, and they are two.
                    ptr::copy_nonoverlapping(start, moved, layout.size().min(new_size));
                    dealloc(start, layout);
                }
                moved
            },
        }
    }

    /// Fresh pages, which are zero.
    fn map(n_bytes: usize) -> *mut u8 {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new private mapping touches no other memory.
        let start = given(unsafe {
            libc::mmap(ptr::null_mut(), n_bytes, access, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)
        });
        if !start.is_null() {
            // SAFETY: advice for this mapping; where the system knows no huge pages nothing changes.
            unsafe { libc::madvise(start.cast(), n_bytes, libc::MADV_HUGEPAGE) };
        }
        start
    }

    fn given(start: *mut libc::c_void) -> *mut u8 {
        if start == libc::MAP_FAILED { ptr::null_mut() } else { start.cast() }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use std::alloc::{GlobalAlloc, Layout, System};

    /// # Safety
    /// As [`GlobalAlloc::alloc`].
    pub(in super::super) unsafe fn alloc(layout: Layout) -> *mut u8 {
        unsafe { System.alloc(layout) }
    }

    /// # Safety
    /// As [`GlobalAlloc::alloc_zeroed`].
    pub(in super::super) unsafe fn alloc_zeroed(layout: Layout) -> *mut u8 {
        unsafe { System.alloc_zeroed(layout) }
    }

    /// # Safety
    /// As [`GlobalAlloc::dealloc`].
    pub(in super::super) unsafe fn dealloc(start: *mut u8, layout: Layout) {
        unsafe { System.dealloc(start, layout) }
    }

    /// # Safety
    /// As [`GlobalAlloc::realloc`].
    pub(in super::super) unsafe fn realloc(start: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        unsafe { System.realloc(start, layout, new_size) }
    }
}

#[cfg(test)]
mod tests {
    use crate::memory::Account;

    const MIB: usize = 1 << 20;

    #[test]
    fn blocks_keep_what_they_hold_as_they_grow_and_shrink_across_the_border() {
        let account = Account::new();
        let entered = account.enter();
        let mut block: Vec<u64> = Vec::new();
        for n_mib in [1, 7, 8, 9, 40, 8, 7, 1, 12, 3] {
            let n = n_mib * MIB / size_of::<u64>();
            block.truncate(n);
            block.shrink_to(n);
            block.reserve_exact(n - block.len());
            block.extend(block.len() as u64..n as u64);
            assert!(block.iter().enumerate().all(|(i, value)| *value == i as u64), "{n_mib} MiB");
            assert!(account.held_bytes().abs_diff(n_mib * MIB) < 4096, "{} for {n_mib} MiB", account.held_bytes());
        }
        drop(block);
        assert!(account.held_bytes() < 4096);
        drop(entered);
    }

    #[test]
    fn zeroed_blocks_are_zero_also_where_others_have_been() {
        for _ in 0..3 {
            let mut block = vec![0u8; 9 * MIB];
            assert!(block.iter().all(|byte| *byte == 0));
            block.fill(1);
        }
    }

    #[test]
    fn a_block_that_cannot_be_had_is_an_error() {
        let mut block: Vec<u8> = Vec::new();
        assert!(block.try_reserve_exact(1 << 62).is_err());
        block.resize(9 * MIB, 7);
        assert!(block.try_reserve_exact(1 << 62).is_err());
        assert!(block.iter().all(|byte| *byte == 7));
    }
}
