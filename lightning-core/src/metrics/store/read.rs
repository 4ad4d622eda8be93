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
        self.read_pending()?;
        for scope in 0..self.scopes.len() {
            self.compute_steps(scope)?;
        }
        Ok(())
    }

    /// Reads all waiting tensors and adds their values.
    fn read_pending(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        let tensors: Vec<Tensor<1>> = pending
            .iter()
            .flat_map(|pending| [&pending.value, &pending.weight])
            .filter_map(|logged| match logged {
                Logged::Tensor(tensor) => Some(tensor.clone()),
                _ => None,
            })
            .collect();
        // sync: once a refresh, however many values wait.
        let mut values = readback::read(tensors)?.into_iter();
        let mut number = |logged: Logged| match logged {
            Logged::Value(value) => value,
            _ => values.next().unwrap_or(f64::NAN),
        };
        for Pending { scope, slot, value, weight, step } in pending {
            let (value, weight) = (number(value), number(weight));
            let known = self.scopes.get(scope).and_then(|scope| scope.cells.get(slot));
            let fresh = step == self.step || known.is_some_and(|cell| cell.numbers.fresh);
            self.add(scope, slot, value, weight);
            // `add` marks the value as one of the current step, which it is not if an earlier step
            // logged it.
            if let Some(cell) = self.scopes.get_mut(scope).and_then(|scope| scope.cells.get_mut(slot)) {
                cell.numbers.fresh = fresh;
            }
        }
        Ok(())
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
        for (slot, value) in computed {
            self.note_nan(slot, value.unwrap_or(0.0));
            self.stale = true;
        }
        Ok(())
    }

    /// Returns all current values by name: those of the last step in training, and of the last
    /// epoch otherwise.
    ///
    /// # Errors
    /// If the device fails while waiting tensors are read.
    pub(crate) fn metrics(&mut self) -> Result<&Metrics> {
        self.refresh()?;
        self.write_step_values();
        Ok(&self.metrics)
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
    }

    /// Returns the values that the progress bar shows, of the last refresh.
    pub(crate) fn bar(&mut self) -> &Metrics {
        self.write_step_values();
        &self.bar
    }
}
