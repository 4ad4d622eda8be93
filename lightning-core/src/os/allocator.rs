//! Configures glibc's allocator to keep freed memory and to use huge pages.
//!
//! By default glibc returns every freed block above 128 kB to the kernel, and page faults bring it
//! back for the next tensor of the same size. A training step allocates and frees the same tensors
//! repeatedly; keeping them saves the page faults. Peak memory does not
//! change, but it is held until the process ends.
//!
//! If transparent huge pages are in `madvise` mode, the heap is marked `MADV_HUGEPAGE`. A pass over
//! 16 MB then needs 8 page table entries in place of 4,096, which is about a tenth of the step of a
//! convolutional network.
#![cfg_attr(not(feature = "tune-allocator"), allow(dead_code, reason = "only memory is returned then"))]
#![cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    expect(
        unsafe_code,
        reason = "`mallopt`, `sbrk` and `madvise` are C functions, and there is no safe binding of them"
    )
)]

/// Sets glibc's thresholds, once per process.
///
/// Does nothing with another C library, or if the environment configures glibc's allocator: the
/// user's choice takes precedence. A program with another global allocator is not affected.
pub(crate) fn keep_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            let has = |name| std::env::var_os(name).is_some();
            if !["MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "GLIBC_TUNABLES"]
                .into_iter()
                .any(has)
            {
                glibc::raise_thresholds();
                glibc::request_huge_pages();
                KEEPS.store(true, std::sync::atomic::Ordering::Relaxed);
            }
        });
    }
}

/// Whether [`keep_memory`] has set the thresholds.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
static KEEPS: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// Returns freed memory to the kernel, so that what a process holds is what it uses.
///
/// Does nothing with another C library.
pub(crate) fn return_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        glibc::trim();
        if KEEPS.load(std::sync::atomic::Ordering::Relaxed) {
            // The heap's free end was returned too, with its mark: as at the start, large blocks are
            // taken from it and not from the kernel.
            glibc::request_huge_pages();
        }
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc {
    use std::{fs, hint, ptr};

    use libc::{M_MMAP_THRESHOLD, M_TOP_PAD, M_TRIM_THRESHOLD, MADV_HUGEPAGE, c_int, c_void, madvise, mallopt, sbrk};

    /// Blocks up to this size are allocated from the heap. 32 MiB is the largest value that glibc
    /// accepts on 64-bit machines (`HEAP_MAX_SIZE / 2`).
    const LARGEST_HEAP_BLOCK: c_int = 32 << 20;

    /// The size of the heap's address range that is marked for huge pages. Only pages that are used
    /// take memory.
    const HEAP: c_int = 1 << 30;

    /// Free memory at the end of the heap that is not returned to the kernel: the marked range and
    /// about as much again.
    const KEPT: c_int = HEAP + (HEAP - 1);

    /// The size of the block that makes glibc extend the heap. It must exceed the free memory at
    /// the heap's end.
    const BLOCK: usize = LARGEST_HEAP_BLOCK as usize / 2;

    /// The start of the range that stays in small pages. A small program does not gain from huge
    /// pages, and would grow by 2 MB when it needs another kB.
    const SMALL: usize = 4 << 20;

    /// glibc's default of `M_TOP_PAD`: how much more than needed the heap is extended by.
    const DEFAULT_TOP_PAD: c_int = 128 << 10;

    const HUGE_PAGE: usize = 2 << 20;

    pub(super) fn trim() {
        // SAFETY: `malloc_trim` takes an integer, and gives back memory that no block uses, under the
        // locks of the arenas.
        unsafe {
            libc::malloc_trim(0);
        }
    }

    pub(super) fn raise_thresholds() {
        for (parameter, value) in [(M_MMAP_THRESHOLD, LARGEST_HEAP_BLOCK), (M_TRIM_THRESHOLD, KEPT)] {
            set(parameter, value);
        }
    }

    fn set(parameter: c_int, value: c_int) {
        // SAFETY: `mallopt` takes two integers and stores one of them, a word, under the lock of
        // the main arena. Threads that allocate concurrently see the old or the new value, and both
        // are valid. If it rejects the parameter, the setting is unchanged.
        unsafe { mallopt(parameter, value) };
    }

    /// Extends the heap once by a range of addresses that is marked for huge pages.
    ///
    /// Does nothing if the kernel's mode is `always` or `never`, if the addresses are not
    /// available, or if this thread does not allocate from the main arena.
    pub(super) fn request_huge_pages() {
        let mode = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
        if mode.contains("[madvise]") {
            set(M_TOP_PAD, HEAP);
            mark_end_of_heap();
            set(M_TOP_PAD, DEFAULT_TOP_PAD);
        }
    }

    /// Makes glibc extend the heap, by allocating a block that is freed immediately, and marks the
    /// range behind the first [`SMALL`] bytes up to the heap's end.
    fn mark_end_of_heap() {
        let before = end_of_heap();
        let mut block = Vec::<u8>::new();
        if block.try_reserve_exact(BLOCK).is_err() {
            return;
        }
        let start = hint::black_box(&block).as_ptr().addr();
        drop(block);
        let end = end_of_heap();
        // A block of another arena or of another allocator is outside the heap.
        if end > before && (before.saturating_sub(BLOCK)..end).contains(&start) {
            let start = (start + SMALL).next_multiple_of(HUGE_PAGE);
            // SAFETY: the range starts in a block that the heap was extended for and ends with the
            // heap. The advice does not change the contents of pages, even if another thread has
            // allocated there by now. If the kernel rejects it, nothing changes.
            unsafe { madvise(ptr::without_provenance_mut::<c_void>(start), end.saturating_sub(start), MADV_HUGEPAGE) };
        }
    }

    fn end_of_heap() -> usize {
        // SAFETY: an increment of 0 returns the end of the heap without moving it.
        unsafe { sbrk(0) }.addr()
    }
}
