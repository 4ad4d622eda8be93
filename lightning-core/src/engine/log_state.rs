//! Passes what steps and hooks log to the metrics and the loggers.

use crate::{
    console::output::Console,
    engine::losses,
    error::Result,
    loggers::{LogPosition, Loggers, Output, Record},
    metrics::{EpochValue, MetricStore, Origin, ScopeId, Shown, ambient::Inbox},
    progress::{Counters, LoopState},
    tensor::readback,
};

/// Returns the values of all processes for those of this one.
pub(crate) type MergeValues<'a> = &'a mut dyn FnMut(Vec<(String, f64)>) -> Result<Vec<(String, f64)>>;

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
    /// Whether a requested stop logs the step as well. Not with several processes: one may have
    /// requested it, and the others do not know yet.
    pub(crate) logs_at_stop: bool,
    /// The last step of an epoch is logged as well below this number of optimizer steps, where a
    /// `fit` may end without reaching a multiple of `every_n_steps`.
    pub(crate) last_steps_below: u64,
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
            logs_at_stop: true,
            last_steps_below: 0,
        }
    }

    /// Whether a logged tensor is read at once.
    pub(crate) fn reads_at_once(&self) -> bool {
        self.host && self.enabled
    }

    /// Moves what was logged since the last call into the current scope. `in_batch`: by a step or
    /// by a hook of a batch.
    pub(crate) fn drain(&mut self, progress: &LoopState, in_batch: bool) -> Result<()> {
        if self.discards || !self.enabled {
            self.inbox.clear();
            return Ok(());
        }
        let Self { metrics, scope, inbox, host, .. } = self;
        if !inbox.entries.is_empty() {
            let origin = Origin {
                place: progress.place(),
                batch_size: progress.batch_size,
                in_batch,
                is_part: progress.is_part,
            };
            metrics.drain_log(*scope, &mut inbox.entries, origin, *host, &progress.device)?;
        }
        if self.inbox.outputs.is_empty() { Ok(()) } else { self.show_outputs(progress) }
    }

    /// Passes images, texts and other outputs to the loggers, except in the sanity check.
    fn show_outputs(&mut self, progress: &LoopState) -> Result<()> {
        for output in std::mem::take(&mut self.inbox.outputs) {
            let batch = output.in_batch.then_some(progress.batch_idx);
            if !progress.sanity_checking {
                let shown = self.loggers.show(output, log_position(progress, batch));
                shown.map_err(|error| error.at(progress.location(None, batch.is_some())))?;
            }
        }
        Ok(())
    }

    /// Passes an output that belongs to no batch to the loggers.
    pub(crate) fn show(&mut self, output: Output, progress: &LoopState) -> Result<()> {
        let shown = self.loggers.show(output, log_position(progress, None));
        shown.map_err(|error| error.at(progress.location(None, false)))
    }

    /// Sends the step values of training to the loggers, every `every_n_steps` optimizer steps and
    /// at the end of the run: of each metric the last value since the last record. `last`: no batch
    /// of the epoch follows. `merge` returns the values of all processes.
    pub(crate) fn log_step(
        &mut self,
        stepped: bool,
        last: bool,
        progress: &mut LoopState,
        console: &mut Console,
        merge: MergeValues<'_>,
    ) -> Result<()> {
        // Counted in optimizer steps, as in PyTorch Lightning: a batch that only accumulates is not
        // logged.
        let due = stepped && progress.counters.global_step.is_multiple_of(self.every_n_steps);
        let closes = last && progress.counters.global_step < self.last_steps_below;
        if !(due || closes || (self.logs_at_stop && progress.stop.is_some())) {
            return Ok(());
        }
        let loss = progress.losses.unknown();
        let loss = match self.host {
            true => loss.map(readback::host_scalar),
            false => self.metrics.refresh_with(loss)?,
        };
        losses::look(loss, progress, &mut self.metrics, console, self.host)?;
        let values = merge(self.metrics.take_step_record(self.scope)?)?;
        self.warn(console);
        if values.is_empty() {
            return Ok(());
        }
        self.send(progress, Some(progress.batch_idx), values)
    }

    /// Sends the values of an evaluation batch to the loggers, if one of its metrics has `on_step`.
    pub(crate) fn log_evaluated_batch(&mut self, progress: &LoopState) -> Result<()> {
        if progress.sanity_checking || !self.metrics.has_step_values(self.scope) {
            return Ok(());
        }
        let values = self.metrics.take_step_record(self.scope)?;
        self.send(progress, Some(progress.batch_idx), values)
    }

    /// Sends the values of an epoch to the loggers.
    pub(crate) fn log_epoch(
        &mut self,
        values: &[EpochValue],
        progress: &LoopState,
        console: &mut Console,
    ) -> Result<()> {
        self.warn(console);
        let shown = self.metrics.take_shown();
        let shown = if self.loggers.is_empty() { Vec::new() } else { shown };
        for (name, shown) in shown {
            let (text, picture) = match shown {
                Shown::Matrix(matrix) => (Output::text(&name, &matrix.to_string(), false), matrix.to_heat_map()),
                Shown::Curves(curves) => (Output::table(&name, curves.to_table(), false), curves.to_picture()),
            };
            self.show(text, progress)?;
            self.show(Output::image(&name, &picture, false), progress)?;
        }
        let metrics: Vec<_> =
            values.iter().filter(|value| value.logger).map(|value| (value.name.clone(), value.value)).collect();
        if metrics.is_empty() {
            return Ok(());
        }
        self.send(progress, None, metrics)
    }

    /// Sends a record to the loggers.
    fn send(&mut self, progress: &LoopState, batch: Option<u64>, metrics: Vec<(String, f64)>) -> Result<()> {
        let record = Record { position: log_position(progress, batch), metrics };
        self.loggers.log(record).map_err(|error| error.at(progress.location(None, batch.is_some())))
    }

    /// Warns once of each metric that has become NaN or infinite, or could not be resumed, and of
    /// each failure of a logger. The run continues.
    fn warn(&mut self, console: &mut Console) {
        let of_metrics = self.metrics.take_warnings().into_iter().chain(self.metrics.take_not_finite());
        of_metrics.chain(self.loggers.take_warnings()).for_each(|text| console.warn(text));
        self.pass_printed(console);
    }

    /// Passes what was printed to the loggers.
    pub(crate) fn pass_printed(&mut self, console: &mut Console) {
        let printed = console.bar.take_printed();
        if !printed.is_empty() {
            self.loggers.console(printed);
        }
    }
}

fn log_position(progress: &LoopState, batch: Option<u64>) -> LogPosition {
    let Counters { epoch, global_step, batch_step, .. } = progress.counters;
    LogPosition::new(progress.stage, epoch, batch, batch_step, global_step)
}
