//! Adds what steps and hooks log.

use burn::tensor::Device;

use super::{MetricStore, Origin, Pending, Place, ScopeId};
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::{
        LogOptions, MetricUpdate,
        ambient::{Entry, Logged, Target},
    },
    os::panics::catch_panic,
    stage::Stage,
    tensor::readback,
};

/// The number of waiting tensors that forces a refresh, so that memory is bounded if loggers never
/// read.
const PENDING_LIMIT: usize = 4096;

/// The largest number of names that `log` may be called with in a run, so that names that contain a
/// step or a sample do not fill the memory.
const MOST_NAMES: usize = 100_000;

impl MetricStore {
    /// Returns the slot of a logged value, and adds one for a new name; `None` if there are too
    /// many names, of which the run warns once. A name has a slot for the values of batches of
    /// training and one for the others, so that it may be used in steps and in hooks of an epoch.
    ///
    /// # Errors
    /// If `log` was called with the name of a declared metric, or with other options than before.
    fn slot_of(&mut self, target: Target, in_batches: bool) -> Result<Option<usize>> {
        let (name, options) = match target {
            Target::Slot(slot) => return Ok(Some(slot as usize)),
            Target::Named(name, options) => (name, options),
            Target::Declared { name, .. } => (name.to_owned(), LogOptions::new()),
        };
        let slot = match self.slot_of_name(&name, !in_batches) {
            Some(slot) => slot,
            None if self.slots.iter().take(self.declared).any(|slot| slot.name == name) => {
                return Err(Error::new(
                    ErrorKind::Metric,
                    format!("`log(\"{name}\", …)` must not use the name of a `#[log]` metric"),
                )
                .help("use another name, or remove one of the two"));
            }
            None if self.slots.len() - self.declared >= MOST_NAMES => {
                if !std::mem::replace(&mut self.has_left_out, true) {
                    self.warnings.push(format!(
                        "at most {MOST_NAMES} different names can be logged in a run: `{name}` and other new \
                         names are left out; log what has a name of its own in every step or sample as a \
                         table or a text"
                    ));
                }
                return Ok(None);
            }
            None => self.name_slot(name, in_batches),
        };
        if let Some(known) = self.slots.get_mut(slot) {
            known.give(options)?;
        }
        Ok(Some(slot))
    }

    /// Adds what a step or hook logged. On the `host`, stateful metrics read their input
    /// immediately; a state of a checkpoint is loaded to the `device` of the run.
    ///
    /// # Errors
    /// If a value is not a scalar, does not fit its stateful metric, or is logged outside an epoch.
    /// The error names the metric.
    pub(crate) fn drain_log(
        &mut self,
        scope: ScopeId,
        entries: &mut Vec<Entry>,
        origin: Origin,
        host: bool,
        device: &Device,
    ) -> Result<()> {
        let Origin { place, batch_size, in_batch, is_part } = origin;
        self.place = place;
        let Some(stage) = self.scopes.get(scope.0).map(|scope| scope.stage) else {
            return match entries.drain(..).next() {
                None => Ok(()),
                Some(Entry { target, .. }) => {
                    let name = self.slot_of(target, false)?.map(|slot| self.slot_name(slot)).unwrap_or_default();
                    Err(Error::new(
                        ErrorKind::Metric,
                        format!("the metric `{name}` must be logged during an epoch, found no running epoch"),
                    )
                    .help("log it in a step, or in an `…_epoch_end` hook"))
                }
            };
        };
        for Entry { target, value, weight } in entries.drain(..) {
            // The defaults of PyTorch Lightning: steps in the batches of training, epochs
            // otherwise.
            let in_batches = stage == Stage::Fit && in_batch && !matches!(value, Logged::Metric(_));
            let Some(slot) = self.slot_of(target, in_batches)? else { continue };
            let weight = weight.unwrap_or(Logged::Value(batch_size.unwrap_or(1) as f64));
            match (value, weight) {
                (Logged::Value(value), Logged::Value(weight)) => self.add(scope.0, slot, value, weight, place, is_part),
                (Logged::Metric(update), _) => readback::deferring(!host, || {
                    catch_panic(|| self.update(scope.0, slot, update, device, is_part.then_some(place)))
                })
                .map_err(|error| self.of_metric(slot, "cannot be updated", error))?,
                (Logged::Invalid(what), _) | (_, Logged::Invalid(what)) => {
                    let name = self.slot_name(slot);
                    return Err(Error::new(ErrorKind::Metric, format!("the metric `{name}` {what}"))
                        .help("log a scalar: reduce the tensor with `.mean()` first"));
                }
                // On the device: reading it now would make every step wait.
                (value, weight) => {
                    self.pending.push(Pending { scope: scope.0, slot, value, weight, place, is_part });
                }
            }
        }
        if self.pending.len() >= PENDING_LIMIT {
            self.refresh()?;
        }
        Ok(())
    }

    /// Adds a number to a cell.
    pub(super) fn add(&mut self, scope: usize, slot: usize, value: f64, weight: f64, place: Place, is_part: bool) {
        let Some(cell) = self.scopes.get_mut(scope).and_then(|scope| scope.cell(slot)) else { return };
        match (is_part, self.slots.get(slot)) {
            (true, Some(options)) => cell.numbers.add_part(value, weight, place, options.reduce),
            _ => cell.numbers.add(value, weight),
        }
        self.note_not_finite(slot, value, place);
        self.stale = true;
    }

    /// Updates the stateful metric of a slot.
    fn update(
        &mut self,
        scope: usize,
        slot: usize,
        update: MetricUpdate,
        device: &Device,
        part_of: Option<Place>,
    ) -> Result<()> {
        let MetricUpdate { input, template } = update;
        let input = input?;
        let cell = self.scopes.get_mut(scope).and_then(|scope| scope.cell(slot));
        let (Some(cell), Some(options)) = (cell, self.slots.get_mut(slot)) else { return Ok(()) };
        if template.is_some() {
            options.template = template;
        }
        let Some(template) = &options.template else {
            return Err(Error::new(ErrorKind::Metric, "its first value must come with the stateful metric"));
        };
        let meter = cell.meter.get_or_insert_default();
        let warning = meter.update(&**template, &*input, options.on_step, options.on_epoch, device, part_of)?;
        self.warnings.extend(warning.map(|error| format!("`{}`: {error}", options.name)));
        self.stale = true;
        Ok(())
    }
}
