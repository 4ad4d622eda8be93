//! How a whole run is carried out.

use super::{SettingsRecord, builder::TrainerBuilder};
use crate::{
    console::profiler::{IntoProfiler, Profiler},
    error::ConfigErrors,
};

/// How a whole run is carried out.
#[derive(Clone, Debug)]
pub(crate) struct RunSettings {
    pub(crate) fast_dev_run: Option<u64>,
    pub(crate) barebones: bool,
    pub(crate) deterministic: bool,
    pub(crate) profiler: Option<Profiler>,
    /// Whether the C library's allocator is told to keep freed memory.
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
            errors.add("`fast_dev_run(0)` runs nothing", "give the number of batches to try, as in `fast_dev_run(1)`");
        }
    }

    /// Adds nothing: a `fast_dev_run` is not resumed, and the rest does not change what is computed.
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

/// When logged tensors come back to the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[doc(hidden)]
pub enum ReadBack {
    /// At once on a host device, once per log interval on any other.
    #[default]
    Auto,
    /// Once per log interval everywhere: lets a test count the waits on a host device.
    Deferred,
}

impl<M> TrainerBuilder<M> {
    /// Tries everything on `batches` batches: one epoch, no sanity check, no checkpoints, no loggers, no early stopping. Schedules are made
    /// for the whole run ([`estimated_optimizer_steps`](crate::FitContext::estimated_optimizer_steps)), so that the first steps are its first steps.
    #[must_use]
    pub fn fast_dev_run(mut self, batches: u64) -> Self {
        self.settings.run.fast_dev_run = Some(batches);
        self
    }

    /// Runs the loop and nothing around it, to measure it: no loggers, no logging, no checkpoints, no progress, no summary, no sanity
    /// check. Asking for one of these as well is an error of [`build`](Self::build). Default no.
    #[must_use]
    pub fn barebones(mut self, barebones: bool) -> Self {
        self.settings.run.barebones = barebones;
        self
    }

    /// Refuses, in [`build`](Self::build), whatever would make two runs of one seed differ: a device that chooses its kernels by timing
    /// them, which is every one but the processor, and settings that depend on the clock (`max_time`, `Every`). Without it a run on the
    /// processor is the same to the last bit too; this makes sure of it. Default no.
    #[must_use]
    pub fn deterministic(mut self, deterministic: bool) -> Self {
        self.settings.run.deterministic = deterministic;
        self
    }

    /// Measures where the time goes, and prints it at the end of each run: a [`Profiler`](crate::trainer::Profiler) or its name, `"simple"`.
    /// [`Trainer::profile`](crate::Trainer::profile) has the figures.
    #[must_use]
    pub fn profiler(mut self, profiler: impl IntoProfiler) -> Self {
        self.settings.run.profiler = self.errors.take(profiler.into_profiler());
        self.settings.asked.push("profiler(…)");
        self
    }

    /// Whether the C library's allocator is told to keep freed memory for the next step rather than to give it back to the kernel,
    /// which makes training on the CPU up to 1.6 times as fast, and to ask for huge pages where the kernel waits to be asked
    /// (1 GiB of addresses is set aside for them, no memory). It holds for the process from the first [`build`](Self::build)
    /// on, needs glibc, and leaves settings of the environment (`MALLOC_TRIM_THRESHOLD_`, `GLIBC_TUNABLES`) as they are.
    /// Default yes.
    #[cfg(feature = "tune-allocator")]
    #[must_use]
    pub fn tune_allocator(mut self, tune: bool) -> Self {
        self.settings.run.tune_allocator = tune;
        self
    }

    /// When logged tensors come back to the host; for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn read_back(mut self, when: ReadBack) -> Self {
        self.settings.run.readback = when;
        self
    }
}
