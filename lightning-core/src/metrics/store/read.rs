//! Reads values that wait on the device, and the current values.

use burn::tensor::Tensor;

use super::{MetricStore, Pending};
use crate::{
    error::Result,
    metrics::{Metrics, ambient::Logged},
    stage::Stage,
    tensor::readback,
};

impl MetricStore {
    /// Reads all waiting tensors in one transaction, and computes the step values of stateful
    /// metrics.
    ///
    /// # Errors
    /// If the device fails, or a metric has no value.
    pub(crate) fn refresh(&mut self) -> Result<()> {
        self.refresh_with(None).map(|_| ())
    }

    /// Calls [`refresh`](Self::refresh), and returns the value of a further tensor, which is read
    /// in the same transaction; `None` if no tensor waits, since it would need one of its own.
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh).
    pub(crate) fn refresh_with(&mut self, further: Option<Tensor<1>>) -> Result<Option<f64>> {
        let further = self.read_pending(further)?;
        for scope in 0..self.scopes.len() {
            self.compute_steps(scope)?;
        }
        Ok(further)
    }

    /// Reads all waiting tensors and adds their values.
    fn read_pending(&mut self, further: Option<Tensor<1>>) -> Result<Option<f64>> {
        if self.pending.is_empty() {
            return Ok(None);
        }
        let pending = std::mem::take(&mut self.pending);
        let has_further = further.is_some();
        let waiting =
            pending.iter().flat_map(|pending| [&pending.value, &pending.weight]).filter_map(|logged| match logged {
                Logged::Tensor(tensor) => Some(tensor.clone()),
                _ => None,
            });
        let tensors = further.into_iter().chain(waiting).collect();
        // sync: once a refresh, however many values wait.
        let mut values = readback::read(tensors)?.into_iter();
        let further = if has_further { values.next() } else { None };
        let mut number = |logged: Logged| match logged {
            Logged::Value(value) => value,
            _ => values.next().unwrap_or(f64::NAN),
        };
        for Pending { scope, slot, value, weight, place, is_part } in pending {
            let (value, weight) = (number(value), number(weight));
            self.add(scope, slot, value, weight, place, is_part);
        }
        Ok(further)
    }

    /// Computes the values of the last step of the stateful metrics in a scope.
    fn compute_steps(&mut self, scope: usize) -> Result<()> {
        let Some(cells) = self.scopes.get_mut(scope).map(|scope| &mut scope.cells) else { return Ok(()) };
        let mut computed = Vec::new();
        for (slot, cell) in cells.iter_mut().enumerate() {
            let Some(meter) = &mut cell.meter else { continue };
            match meter.compute_step() {
                Ok(Some(value)) => computed.push((slot, value.scalar())),
                Ok(None) => {}
                Err(error) => return Err(self.of_metric(slot, "has no value", error)),
            }
        }
        let place = self.place;
        for (slot, value) in computed {
            self.note_not_finite(slot, value.unwrap_or(0.0), place);
            self.stale = true;
        }
        Ok(())
    }

    /// Returns all current values by name: those of the last step in training, and of the last
    /// epoch otherwise. While an epoch ends, these are the values of this epoch.
    ///
    /// # Errors
    /// If the device fails while waiting tensors are read.
    pub(crate) fn metrics(&mut self) -> Result<&Metrics> {
        self.refresh()?;
        self.write_step_values();
        Ok(&self.metrics)
    }

    /// Sets a current value that is not logged.
    pub(crate) fn set_current(&mut self, name: &str, value: f64) {
        self.metrics.set(name, value);
    }

    /// Returns the values of the last refresh.
    pub(crate) fn known(&self) -> &Metrics {
        &self.metrics
    }

    pub(super) fn write_step_values(&mut self) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        for scope in self.scopes.iter().filter(|scope| scope.stage == Stage::Fit) {
            for (slot, cell) in self.slots.iter().zip(&scope.cells) {
                let Some(value) = cell.last().filter(|_| slot.on_step) else { continue };
                self.metrics.set_value(&slot.name, slot.step_view(), "", &value);
                if slot.on_epoch {
                    self.metrics.set_value(&slot.name, "", "", &value);
                }
                if slot.prog_bar {
                    self.bar.set_value(&slot.name, slot.step_view(), "", &value);
                }
            }
        }
        if let Some(stage) = self.ending {
            self.write_epoch_values(stage);
        }
    }

    /// Writes the values of a stage's epoch as they are so far. A metric without a value yet is
    /// left out: the end of the epoch returns its error.
    fn write_epoch_values(&mut self, stage: Stage) {
        let Self { slots, scopes, metrics, .. } = self;
        for scope in scopes.iter_mut().filter(|scope| scope.stage == stage) {
            let filled = slots.iter().zip(&mut scope.cells).filter(|(slot, cell)| slot.on_epoch && cell.is_filled());
            for (slot, cell) in filled {
                let Some(value) = cell.so_far(slot.reduce) else { continue };
                metrics.set_value(&slot.name, slot.epoch_view(), &scope.suffix, &value);
                if slot.on_step {
                    metrics.set_value(&slot.name, "", &scope.suffix, &value);
                }
            }
        }
    }

    /// Returns the values that the progress bar shows, of the last refresh.
    pub(crate) fn bar(&mut self) -> &Metrics {
        self.write_step_values();
        &self.bar
    }
}
