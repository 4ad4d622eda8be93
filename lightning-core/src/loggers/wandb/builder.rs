//! The settings of a [`WandbLogger`].

use std::{path::PathBuf, time::Duration};

use super::WandbLogger;

impl WandbLogger {
    /// Sets the folder below which `wandb/` is. Default: the folder of the run that a logger before
    /// this one has, otherwise the working folder.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Sets the id of the run, of letters, digits, `_` and `-`. Default: eight random ones.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.about.id = id.into();
        self
    }

    /// Sets the name that is shown. Default: the server chooses one.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.about.name = name.into();
        self
    }

    /// Sets the user or team. Default: that of the account which sends the run.
    #[must_use]
    pub fn entity(mut self, entity: impl Into<String>) -> Self {
        self.about.entity = entity.into();
        self
    }

    /// Sets the group of the run, as of the folds of a cross-validation.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.about.group = group.into();
        self
    }

    /// Sets what the run does, such as `train` or `eval`.
    #[must_use]
    pub fn job_type(mut self, job_type: impl Into<String>) -> Self {
        self.about.job_type = job_type.into();
        self
    }

    /// Sets a longer description.
    #[must_use]
    pub fn notes(mut self, notes: impl Into<String>) -> Self {
        self.about.notes = notes.into();
        self
    }

    /// Adds tags.
    #[must_use]
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.about.tags.extend(tags.into_iter().map(Into::into));
        self
    }

    /// Sets whether the client `wandb` sends what is written while the run goes on: a process of its
    /// own, which is started with the run. Default: no.
    ///
    /// It uses the account and the server of the client (`wandb login`, `WANDB_BASE_URL`), waits for
    /// a server that is away, and may send for a while after the program has ended. A client that is
    /// not there or fails is a warning; the file has everything. With `WANDB_MODE=offline` in the
    /// environment it is not started.
    #[must_use]
    pub fn online(mut self, is_online: bool) -> Self {
        self.is_online = is_online;
        self
    }

    /// Sets the program of the client. Default: `wandb`, searched in `PATH`.
    #[must_use]
    pub fn client(mut self, program: impl Into<PathBuf>) -> Self {
        self.client = program.into();
        self
    }

    /// Sets whether the checkpoints that are there at the end of the run are versions of an artifact
    /// `model-<id>`, the last with the alias `latest`. Default: no.
    #[must_use]
    pub fn log_model(mut self, logs_model: bool) -> Self {
        self.logs_model = logs_model;
        self
    }

    /// Sets how long records are buffered at most while others follow. Default: 5 s.
    ///
    /// A trainer also writes them after every epoch and before every checkpoint.
    #[must_use]
    pub fn flush_every(mut self, interval: Duration) -> Self {
        self.flush_every = interval;
        self
    }
}
