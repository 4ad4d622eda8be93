//! Passes what steps and hooks log to the metrics and the loggers.

use crate::{
    console::output::Console,
    error::Result,
    loggers::{LogPosition, Loggers, Output, Record},
    metrics::{EpochValue, MetricStore, ScopeId, ambient::Inbox},
    progress::{Counters, LoopState},
};

/// The logged values of a run: the inbox, the metrics and the loggers.
#[derive(Debug)]
pub(crate) struct LogState {
    pub(crate) metrics: MetricStore,
    /// The scope that logged values are added to now.
    pub(crate) scope: ScopeId,
    /// What was logged since the last call of [`drain`](Self::drain).
    pub(crate) inbox: Inbox,
    pub(crate) loggers: Loggers,
    /// Whether logged tensors are read at once.
    pub(crate) host: bool,
    /// Whether anything is logged. `false` in a `barebones` run.
    pub(crate) enabled: bool,
    /// Whether logged values are dropped, as while running statistics are recomputed.
    pub(crate) discards: bool,
    /// The number of optimizer steps between two records of step values.
    pub(crate) every_n_steps: u64,
}

impl LogState {
    pub(crate) fn new(metrics: MetricStore, loggers: Loggers) -> Self {
        Self {
            metrics,
            scope: ScopeId::CLOSED,
            inbox: Inbox::default(),
            loggers,
            host: false,
            enabled: true,
            discards: false,
            every_n_steps: 1,
        }
    }

    /// Whether a logged tensor is read at once.
    pub(crate) fn reads_at_once(&self) -> bool {
        self.host && self.enabled
    }

    /// Moves what was logged since the last call into the current scope.
    pub(crate) fn drain(&mut self, progress: &LoopState) -> Result<()> {
        if self.discards || !self.enabled {
            self.inbox.clear();
            return Ok(());
        }
        let Self { metrics, scope, inbox, host, .. } = self;
        metrics.drain_log(*scope, &mut inbox.entries, progress.batch_size, *host)?;
        if self.inbox.outputs.is_empty() { Ok(()) } else { self.show_outputs(progress) }
    }

    /// Passes images, texts and other outputs to the loggers, except in the sanity check.
    fn show_outputs(&mut self, progress: &LoopState) -> Result<()> {
        for output in std::mem::take(&mut self.inbox.outputs) {
            let batch = output.in_batch.then_some(progress.batch_idx);
            if !progress.sanity_checking {
                self.loggers.show(output, log_position(progress, batch))?;
            }
        }
        Ok(())
    }

    /// Sends the values of the last training step to the loggers, every `every_n_steps` optimizer
    /// steps and at the end of the run.
    pub(crate) fn log_step(&mut self, stepped: bool, progress: &LoopState, console: &mut Console) -> Result<()> {
        // Counted in optimizer steps, as in PyTorch Lightning: a batch that only accumulates is not
        // logged.
        let due = stepped && progress.counters.global_step.is_multiple_of(self.every_n_steps);
        let last = progress.stop.is_some();
        if !(due || last) {
            self.metrics.end_step(self.scope);
            return Ok(());
        }
        let values = self.metrics.take_step_record(self.scope)?;
        self.warn_of_nan(progress, console);
        if values.is_empty() {
            return Ok(());
        }
        self.loggers.log(&record(progress, Some(progress.batch_idx), values))
    }

    /// Sends the values of an evaluation batch to the loggers, if one of its metrics has `on_step`.
    pub(crate) fn log_evaluated_batch(&mut self, progress: &LoopState) -> Result<()> {
        if progress.sanity_checking || !self.metrics.has_step_values(self.scope) {
            self.metrics.end_step(self.scope);
            return Ok(());
        }
        let values = self.metrics.take_step_record(self.scope)?;
        self.loggers.log(&record(progress, Some(progress.batch_idx), values))
    }

    /// Sends the values of an epoch to the loggers.
    pub(crate) fn log_epoch(
        &mut self,
        values: &[EpochValue],
        progress: &LoopState,
        console: &mut Console,
    ) -> Result<()> {
        self.warn_of_nan(progress, console);
        for (name, text) in self.metrics.take_tables() {
            self.loggers.show(Output::text(&name, &text, false), log_position(progress, None))?;
        }
        let metrics: Vec<_> =
            values.iter().filter(|value| value.logger).map(|value| (value.name.clone(), value.value)).collect();
        if metrics.is_empty() {
            return Ok(());
        }
        self.loggers.log(&record(progress, None, metrics))
    }

    /// Warns once of each metric that has become NaN or could not be resumed. The run continues.
    fn warn_of_nan(&mut self, progress: &LoopState, console: &mut Console) {
        for text in self.metrics.take_warnings() {
            console.warn(text);
        }
        for name in self.metrics.take_not_a_number() {
            let (epoch, batch) = (progress.counters.epoch, progress.batch_idx);
            console.warn(format!("`{name}` is NaN, seen in epoch {epoch} at batch {batch}"));
        }
    }
}

fn log_position(progress: &LoopState, batch: Option<u64>) -> LogPosition {
    let Counters { epoch, global_step, batch_step, .. } = progress.counters;
    LogPosition::new(progress.stage, epoch, batch, batch_step, global_step)
}

fn record(progress: &LoopState, batch: Option<u64>, metrics: Vec<(String, f64)>) -> Record {
    Record { position: log_position(progress, batch), metrics }
}
