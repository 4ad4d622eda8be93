//! Logs, checkpoints and what is printed.

use std::path::Path;
use std::path::PathBuf;

use super::{
    SettingsRecord,
    builder::{NotBarebones, TrainerBuilder},
};
use crate::error::ConfigErrors;

/// Logs, checkpoints and what is printed.
#[derive(Clone, Debug)]
pub(crate) struct OutputSettings {
    pub(crate) log_every_n_steps: u64,
    pub(crate) progress_bar: bool,
    pub(crate) renderer: String,
    pub(crate) model_summary: bool,
    pub(crate) summary_depth: usize,
    pub(crate) checkpointing: bool,
    pub(crate) default_logger: bool,
    pub(crate) report: bool,
    pub(crate) root: PathBuf,
}

impl Default for OutputSettings {
    fn default() -> Self {
        Self {
            log_every_n_steps: 50,
            progress_bar: true,
            renderer: "auto".to_owned(),
            model_summary: true,
            summary_depth: 1,
            checkpointing: true,
            default_logger: true,
            report: true,
            root: PathBuf::from("."),
        }
    }
}

impl OutputSettings {
    pub(super) fn check(&self, errors: &mut ConfigErrors) {
        if self.log_every_n_steps == 0 {
            errors.add("`log_every_n_steps` must be at least 1, found 0", "use `no_logger()` to disable logging");
        }
        match self.renderer.as_str() {
            "auto" => {}
            "tui" if cfg!(all(unix, feature = "tui")) => {}
            "tui" => errors.add(
                "`renderer(\"tui\")` needs burn-train's terminal interface, which is not part of this build",
                "on Unix, write `lightning-core = { …, features = [\"tui\"] }` in Cargo.toml, or use `renderer(\"auto\")`",
            ),
            other => errors.add(format!("unknown renderer `{other}`"), "use \"auto\" or \"tui\""),
        }
    }

    /// Adds nothing: output does not change the results.
    pub(super) fn record(&self, record: &mut SettingsRecord) {
        let Self {
            log_every_n_steps: _,
            progress_bar: _,
            renderer: _,
            model_summary: _,
            summary_depth: _,
            checkpointing: _,
            default_logger: _,
            report: _,
            root: _,
        } = self;
        let _ = record;
    }

    /// Disables what only one of several processes does.
    pub(crate) fn leave_to_first(&mut self) {
        self.progress_bar = false;
        self.default_logger = false;
        self.report = false;
    }

    /// Disables everything, for a barebones run.
    pub(super) fn silence(&mut self) {
        self.progress_bar = false;
        self.model_summary = false;
        self.checkpointing = false;
        self.default_logger = false;
        self.report = false;
    }
}

impl<M, K> TrainerBuilder<M, K> {
    /// Sends the values of single steps to the loggers every `steps` optimizer steps: of each
    /// metric the last value since the record before. A `fit` of fewer steps has a record of the
    /// last step of each epoch. Default: 50.
    #[must_use]
    pub fn log_every_n_steps(mut self, steps: u64) -> Self
    where
        K: NotBarebones,
    {
        self.settings.output.log_every_n_steps = steps;
        self
    }

    /// Disables the default logger.
    #[must_use]
    pub fn no_logger(mut self) -> Self
    where
        K: NotBarebones,
    {
        self.settings.output.default_logger = false;
        self
    }

    /// Whether to write `report.html` to the folder of the run: that of the first logger that has
    /// one, beside `metrics.csv`. The page shows curves, learning rates, where the time went,
    /// checkpoints and warnings; see [`report`](crate::report). It is written at most every ten
    /// seconds and at the end. A page that cannot be written is a warning. Default: yes.
    #[must_use]
    pub fn report(mut self, write: bool) -> Self
    where
        K: NotBarebones,
    {
        self.settings.output.report = write;
        self
    }

    /// Whether a run without a [`ModelCheckpoint`](crate::ModelCheckpoint) saves its latest
    /// checkpoint. Default: yes.
    #[must_use]
    pub fn enable_checkpointing(mut self, enable: bool) -> Self
    where
        K: NotBarebones,
    {
        self.settings.output.checkpointing = enable;
        self
    }

    /// Whether to show a progress bar. Default: yes.
    #[must_use]
    pub fn enable_progress_bar(mut self, enable: bool) -> Self
    where
        K: NotBarebones,
    {
        self.settings.output.progress_bar = enable;
        self
    }

    /// Sets what shows the progress: `"auto"`, a bar on a terminal and lines otherwise, or `"tui"`,
    /// the terminal interface of burn-train, with curves. Default: `"auto"`.
    ///
    /// `"tui"` needs the feature `tui`, Unix, and a terminal as standard input and output; without one it
    /// is `"auto"`. The keys `q` and `s` end the run as SIGINT does; Ctrl-C does not reach the
    /// program. What the run prints meanwhile, panics included, is shown when it has ended.
    #[must_use]
    pub fn renderer(mut self, renderer: impl Into<String>) -> Self
    where
        K: NotBarebones,
    {
        self.settings.output.renderer = renderer.into();
        self
    }

    /// Whether to print a summary of the model: its layers and parameters, and for a module with
    /// `forward`, when the first batch is ready, their shapes and multiply-adds and the memory of a
    /// training step. Default: yes.
    #[must_use]
    pub fn enable_model_summary(mut self, enable: bool) -> Self
    where
        K: NotBarebones,
    {
        self.settings.output.model_summary = enable;
        self
    }

    /// Sets how many levels of modules the summary shows: 0 only the totals, 1 the fields. Default: 1.
    #[must_use]
    pub fn summary_depth(mut self, levels: usize) -> Self
    where
        K: NotBarebones,
    {
        self.settings.output.summary_depth = levels;
        self
    }

    /// Sets the default folder of logs and checkpoints, or the address of one in object storage, such
    /// as `s3://bucket/run` (feature `remote`; see [`remote`](crate::remote)). Default: the working
    /// folder.
    #[must_use]
    pub fn default_root_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.settings.output.root = folder.as_ref().to_path_buf();
        self
    }
}
