//! glibc's allocator, told to keep memory, and to have it in huge pages.
//!
//! By default glibc gives every freed block above 128 kB back to the kernel, and faults it in again, page by page, for the next
//! tensor of the same size. A training step allocates and frees the same tensors over and over: it is up to 1.6 times as fast when
//! the process keeps them. The process needs no more memory at its peak, and holds it until it ends.
//!
//! Where the kernel gives huge pages to those who ask, the heap asks: a pass over 16 MB then needs 8 entries of the page table, not 4,096,
//! which is some tenth of the step of a convolutional network.
#![cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    expect(
        unsafe_code,
        reason = "`mallopt`, `sbrk` and `madvise` are C functions, and there is no safe binding of them"
    )
)]

/// Sets glibc's thresholds, once for the process. Does nothing with another C library, nor where the environment has settings of
/// glibc's allocator: those are somebody's choice.
///
/// A program with another global allocator is not affected.
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
                glibc::ask_for_huge_pages();
            }
        });
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc {
    use std::{fs, hint, ptr};

    use libc::{M_MMAP_THRESHOLD, M_TOP_PAD, M_TRIM_THRESHOLD, MADV_HUGEPAGE, c_int, c_void, madvise, mallopt, sbrk};

    /// Blocks up to this size come from the heap: the largest that glibc takes on 64-bit machines (half its largest arena).
    const LARGEST_HEAP_BLOCK: c_int = 32 << 20;

    /// Addresses for the heap that huge pages are asked for. Memory is taken only for those that are used.
    const HEAP: c_int = 1 << 30;

    /// Free memory at the end of the heap that is kept: those addresses, and as much again.
    const KEPT: c_int = HEAP + (HEAP - 1);

    /// What the heap is enlarged for: more than it has free at its end, or it would not be.
    const BLOCK: usize = LARGEST_HEAP_BLOCK as usize / 2;

    /// How much of that stays in small pages: a small program, which gains nothing by large ones, is not to grow by 2 MB when it
    /// needs another kB.
    const SMALL: usize = 4 << 20;

    /// How much more than it needs glibc takes when it enlarges the heap, as long as nobody sets anything else.
    const DEFAULT_TOP_PAD: c_int = 128 << 10;

    const HUGE_PAGE: usize = 2 << 20;

    pub(super) fn raise_thresholds() {
        for (parameter, value) in [(M_MMAP_THRESHOLD, LARGEST_HEAP_BLOCK), (M_TRIM_THRESHOLD, KEPT)] {
            set(parameter, value);
        }
    }

    fn set(parameter: c_int, value: c_int) {
        // SAFETY: `mallopt` takes two integers and stores one of them, a word, under the lock of the main arena. Threads that
        // allocate meanwhile see the old value or the new one, and both are good. It refuses what it does not know by its
        // result, and a refused setting is the one of before.
        unsafe { mallopt(parameter, value) };
    }

    /// Enlarges the heap once by a range of addresses that is marked for huge pages. Does nothing where the kernel gives them to
    /// everybody or to nobody, where the addresses are not to be had, or where this thread allocates from another arena than the main one.
    pub(super) fn ask_for_huge_pages() {
        let mode = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
        if mode.contains("[madvise]") {
            set(M_TOP_PAD, HEAP);
            mark_end_of_heap();
            set(M_TOP_PAD, DEFAULT_TOP_PAD);
        }
    }

    /// Has glibc enlarge the heap, for a block that is freed at once, and marks all but the first of it up to the heap's end.
    fn mark_end_of_heap() {
        let before = end_of_heap();
        let mut block = Vec::<u8>::new();
        if block.try_reserve_exact(BLOCK).is_err() {
            return;
        }
        let start = hint::black_box(&block).as_ptr().addr();
        drop(block);
        let end = end_of_heap();
        // A block of another arena, or of another allocator, lies elsewhere.
        if end > before && (before.saturating_sub(BLOCK)..end).contains(&start) {
            let start = (start + SMALL).next_multiple_of(HUGE_PAGE);
            // SAFETY: the range begins in a block that the heap was enlarged for, and ends with the heap. Advice about pages changes no
            // byte of whoever else has blocks there by now, and where the kernel refuses it, all is as before.
            unsafe { madvise(ptr::without_provenance_mut::<c_void>(start), end.saturating_sub(start), MADV_HUGEPAGE) };
        }
    }

    fn end_of_heap() -> usize {
        // SAFETY: by 0 the end of the heap is not moved, but told.
        unsafe { sbrk(0) }.addr()
    }
}
