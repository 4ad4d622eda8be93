//! The settings of an [`MlflowLogger`].

use std::{path::PathBuf, time::Duration};

use super::MlflowLogger;

impl MlflowLogger {
    /// Sets the name of the run. Default: the server chooses one.
    #[must_use]
    pub fn run_name(mut self, name: impl Into<String>) -> Self {
        self.about.name = Some(name.into());
        self
    }

    /// Adds a tag.
    #[must_use]
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.about.tags.push((key.into(), value.into()));
        self
    }

    /// Sets the id of a run that this one belongs to: MLflow shows it below that one, as the runs of a
    /// search.
    #[must_use]
    pub fn parent(mut self, run_id: impl Into<String>) -> Self {
        self.about.parent = Some(run_id.into());
        self
    }

    /// Sets the folder for runs without a logger before this one, which has a folder. Default:
    /// `mlflow_runs`.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = folder.into();
        self
    }

    /// Sets how long the server has for an answer. Default: 10 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long the end of a run waits until everything is sent. Default: 10 s.
    #[must_use]
    pub fn wait_at_end(mut self, at_most: Duration) -> Self {
        self.pace.at_end = at_most;
        self
    }

    /// Sets whether the checkpoints that are there at the end of the run are sent. Default: no.
    #[must_use]
    pub fn log_model(mut self, logs_model: bool) -> Self {
        self.logs_model = logs_model;
        self
    }
}
