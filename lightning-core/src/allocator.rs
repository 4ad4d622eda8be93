//! glibc's allocator, told to keep memory.
//!
//! By default glibc gives every freed block above 128 kB back to the kernel, and faults it in again, page by page, for the next
//! tensor of the same size. A training step allocates and frees the same tensors over and over: it is up to 1.6 times as fast when
//! the process keeps them. The process needs no more memory at its peak, and holds it until it ends.
#![cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    expect(unsafe_code, reason = "`mallopt` is a C function, and there is no safe binding of it")
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
            if !has("MALLOC_MMAP_THRESHOLD_") && !has("MALLOC_TRIM_THRESHOLD_") && !has("GLIBC_TUNABLES") {
                glibc::raise_thresholds();
            }
        });
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc {
    use libc::{M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, c_int, mallopt};

    /// Blocks up to this size come from the heap: the largest that glibc takes on 64-bit machines (half its largest arena).
    const LARGEST_HEAP_BLOCK: c_int = 32 << 20;

    /// Free memory at the end of the heap that is kept.
    const KEPT: c_int = 1 << 30;

    pub(super) fn raise_thresholds() {
        for (parameter, value) in [(M_MMAP_THRESHOLD, LARGEST_HEAP_BLOCK), (M_TRIM_THRESHOLD, KEPT)] {
            // SAFETY: `mallopt` takes two integers and stores one of them, a word, under the lock of the main arena. Threads that
            // allocate meanwhile see the old value or the new one, and both are good. It refuses what it does not know by its
            // result, and a refused threshold is the one of before.
            unsafe { mallopt(parameter, value) };
        }
    }
}
