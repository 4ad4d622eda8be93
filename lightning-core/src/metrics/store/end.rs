//! Ends steps and epochs, and returns their values for loggers and reports.

use super::{MetricStore, ScopeId, cell::Cell};
use crate::{
    error::Result,
    metrics::{Metrics, Shown},
    stage::Stage,
};

/// The value of an epoch, for loggers and reports.
#[derive(Clone, Debug)]
pub(crate) struct EpochValue {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) logger: bool,
}

impl MetricStore {
    /// Whether the loggers have not had all step values yet, without waiting for the device.
    pub(crate) fn has_step_values(&self, scope: ScopeId) -> bool {
        let cells = self.scopes.get(scope.0).map(|scope| scope.cells.as_slice()).unwrap_or_default();
        self.slots.iter().enumerate().any(|(slot, options)| {
            let waits = || self.pending.iter().any(|pending| pending.scope == scope.0 && pending.slot == slot);
            options.on_step && options.logger && (cells.get(slot).is_some_and(Cell::is_fresh) || waits())
        })
    }

    /// Returns the step values since the last call, for the loggers after a refresh: of each metric
    /// the last one.
    ///
    /// # Errors
    /// If the device fails, or a metric has no value.
    pub(crate) fn take_step_record(&mut self, scope: ScopeId) -> Result<Vec<(String, f64)>> {
        self.refresh()?;
        let Some(scope) = self.scopes.get_mut(scope.0) else { return Ok(Vec::new()) };
        let mut record = Metrics::default();
        for (slot, cell) in self.slots.iter().zip(&mut scope.cells) {
            if let Some(value) = cell.take_fresh()
                && slot.on_step
                && slot.logger
            {
                record.set_value(&slot.name, slot.step_view(), &scope.suffix, &value);
            }
        }
        Ok(record.iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Starts the end of an epoch: until [`end_epoch`](Self::end_epoch), hooks see its values so
    /// far.
    ///
    /// # Errors
    /// If the device fails.
    pub(crate) fn begin_epoch_end(&mut self, stage: Stage) -> Result<()> {
        self.refresh()?;
        (self.ending, self.stale) = (Some(stage), true);
        self.write_step_values();
        Ok(())
    }

    /// Ends the epoch of a stage, and returns its values for loggers and reports. They become
    /// current values.
    ///
    /// # Errors
    /// If the device fails, or a stateful metric has no value.
    pub(crate) fn end_epoch(&mut self, stage: Stage, epoch: u64) -> Result<Vec<EpochValue>> {
        self.refresh()?;
        self.ending = None;
        self.write_step_values();
        let mut values = Vec::new();
        for scope in 0..self.scopes.len() {
            if self.scopes.get(scope).is_some_and(|scope| scope.stage == stage) {
                for slot in 0..self.slots.len() {
                    self.end_cell(scope, slot, epoch, &mut values)?;
                }
            }
        }
        Ok(values)
    }

    /// Ends the epoch of one cell, and adds its value to `values`.
    fn end_cell(&mut self, scope: usize, slot: usize, epoch: u64, values: &mut Vec<EpochValue>) -> Result<()> {
        let (Some(scope), Some(options)) = (self.scopes.get_mut(scope), self.slots.get_mut(slot)) else {
            return Ok(());
        };
        let Some(cell) = scope.cells.get_mut(slot).filter(|cell| cell.is_filled()) else { return Ok(()) };
        // Of a metric without an epoch value, the last step decides whether it is the best.
        let ended = if options.on_epoch { cell.end(options.reduce) } else { Ok(cell.last()) };
        let value = match ended {
            Ok(Some(value)) => value,
            Ok(None) => return Ok(()),
            Err(error) => return Err(self.of_metric(slot, "has no value", error)),
        };
        if let (Some(direction), Some(value)) = (options.direction, value.scalar())
            // With several loaders there is no single value to compare.
            && scope.suffix.is_empty()
            && options.best.is_none_or(|(best, _)| direction.is_better(value, best))
        {
            options.best = Some((value, epoch));
        }
        if !options.on_epoch {
            return Ok(());
        }
        let (name, view, suffix) = (&options.name, options.epoch_view(), &scope.suffix);
        self.metrics.set_value(name, view, suffix, &value);
        // A forked metric is current under its plain name too, as in PyTorch Lightning.
        if options.on_step {
            self.metrics.set_value(name, "", suffix, &value);
        }
        if options.prog_bar {
            self.bar.set_value(name, view, suffix, &value);
        }
        if options.logger {
            let shown = value.shown().into_iter();
            self.shown.extend(shown.map(|(part, shown)| (format!("{name}{part}{view}{suffix}"), shown)));
        }
        let mut named = Metrics::default();
        named.set_value(name, view, suffix, &value);
        let logger = options.logger;
        values.extend(named.iter().map(|(name, value)| EpochValue { name: name.to_owned(), value, logger }));
        let place = self.place;
        self.note_not_finite(slot, value.scalar().unwrap_or(0.0), place);
        Ok(())
    }

    /// Returns the tables and curves of the epochs that ended since the last call, for the loggers.
    pub(crate) fn take_shown(&mut self) -> Vec<(String, Shown)> {
        std::mem::take(&mut self.shown)
    }
}
