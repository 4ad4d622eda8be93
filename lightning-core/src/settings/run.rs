//! Settings of a whole run.

use super::{
    SettingsRecord,
    builder::{NotBarebones, TrainerBuilder},
};
use crate::{
    console::profiler::{IntoProfiler, Profiler},
    error::ConfigErrors,
};

/// Settings of a whole run.
#[derive(Clone, Debug)]
pub(crate) struct RunSettings {
    pub(crate) fast_dev_run: Option<u64>,
    pub(crate) barebones: bool,
    pub(crate) deterministic: bool,
    pub(crate) profiler: Option<Profiler>,
    /// Whether the C library's allocator is tuned.
    #[cfg(feature = "tune-allocator")]
    pub(crate) tune_allocator: bool,
    pub(crate) readback: ReadBack,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            fast_dev_run: None,
            barebones: false,
            deterministic: false,
            profiler: None,
            #[cfg(feature = "tune-allocator")]
            tune_allocator: true,
            readback: ReadBack::Auto,
        }
    }
}

impl RunSettings {
    pub(super) fn check(&self, errors: &mut ConfigErrors) {
        if self.fast_dev_run == Some(0) {
            errors.add("`fast_dev_run` must be at least 1 batch, found 0", "write `fast_dev_run(1)` for one batch");
        }
    }

    /// Adds nothing: a `fast_dev_run` is not resumed, and the others do not change the results.
    pub(super) fn record(&self, record: &mut SettingsRecord) {
        let Self {
            fast_dev_run: _,
            barebones: _,
            deterministic: _,
            profiler: _,
            #[cfg(feature = "tune-allocator")]
                tune_allocator: _,
            readback: _,
        } = self;
        let _ = record;
    }
}

/// When logged tensors are read to the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[doc(hidden)]
pub enum ReadBack {
    /// Immediately on a host device, once per log interval on any other.
    #[default]
    Auto,
    /// Once per log interval on every device, so that a test can count the reads on a host device.
    Deferred,
}

impl<M, K> TrainerBuilder<M, K> {
    /// Runs one epoch of `batches` batches, without sanity check, checkpoints, loggers and early
    /// stopping. Schedules are computed for the whole run
    /// ([`estimated_optimizer_steps`](crate::FitContext::estimated_optimizer_steps)), so that these
    /// steps equal its first steps. Default: off.
    #[must_use]
    pub fn fast_dev_run(mut self, batches: u64) -> Self
    where
        K: NotBarebones,
    {
        self.settings.run.fast_dev_run = Some(batches);
        self
    }

    /// Whether [`build`](Self::build) rejects what can make two runs with one seed differ: devices
    /// that choose their kernels by timing them, which are all but the CPU, and settings that
    /// depend on the clock (`max_time`, `Every`). Runs on the CPU are bit-identical without this
    /// setting too, if they do not use such settings. Default: no.
    #[must_use]
    pub fn deterministic(mut self, deterministic: bool) -> Self {
        self.settings.run.deterministic = deterministic;
        self
    }

    /// Measures the time of each action, and prints it at the end of each run: a
    /// [`Profiler`](crate::trainer::Profiler) or its name, `"simple"` or `"advanced"`;
    /// [`Profiler::chrome`](crate::trainer::Profiler::chrome) also writes a trace.
    /// [`Trainer::profile`](crate::Trainer::profile) returns the times. Default: no profiler.
    #[must_use]
    pub fn profiler(mut self, profiler: impl IntoProfiler) -> Self
    where
        K: NotBarebones,
    {
        self.settings.run.profiler = self.errors.take(profiler.into_profiler());
        self
    }

    /// Whether the C library's allocator keeps freed memory for the next step in place of returning
    /// it to the kernel, which makes training on the CPU faster. If transparent huge pages are in
    /// `madvise` mode, the heap is also marked for them; 1 GiB of addresses, but no memory, is
    /// reserved for that. It applies to the whole process from the first [`build`](Self::build),
    /// needs glibc, and does not override the environment (`MALLOC_TRIM_THRESHOLD_`,
    /// `GLIBC_TUNABLES`). Default: yes.
    #[cfg(feature = "tune-allocator")]
    #[must_use]
    pub fn tune_allocator(mut self, tune: bool) -> Self {
        self.settings.run.tune_allocator = tune;
        self
    }

    /// Sets when logged tensors are read to the host; for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn read_back(mut self, when: ReadBack) -> Self {
        self.settings.run.readback = when;
        self
    }
}
