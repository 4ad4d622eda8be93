//! Takes what steps and hooks log.

use super::{MetricStore, Pending, ScopeId};
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::{
        MetricUpdate,
        ambient::{Entry, Logged, Target},
    },
    stage::Stage,
    tensor::readback,
};

/// Handles kept before a refresh is forced, so that a run that never logs does not grow.
const PENDING_LIMIT: usize = 4096;

impl MetricStore {
    /// # Errors
    /// When a name of run time is that of a declared metric.
    fn slot_of(&mut self, target: Target, stage: Stage, stateful: bool) -> Result<usize> {
        Ok(match target {
            Target::Slot(slot) => slot as usize,
            Target::Named(name) => match self.named.get(&name) {
                Some(slot) => *slot,
                None if self.slots.iter().take(self.declared).any(|slot| slot.name == name) => {
                    return Err(Error::new(
                        ErrorKind::Metric,
                        format!("`log(\"{name}\", …)` is the name of a `#[log]` metric"),
                    )
                    .help("log it under another name, or only once"));
                }
                None => {
                    let on_step = stage == Stage::Fit && !stateful;
                    self.name_slot(name, on_step, !on_step)
                }
            },
        })
    }

    /// Takes what a step or hook logged. `batch_size` weighs values that bring no weight of their own; `host` says whether metrics read
    /// what they are given at once.
    ///
    /// # Errors
    /// When a value cannot be a metric (several elements) or does not fit its stateful metric, with the metric's name.
    pub(crate) fn drain_log(
        &mut self,
        scope: ScopeId,
        entries: &mut Vec<Entry>,
        batch_size: Option<usize>,
        host: bool,
    ) -> Result<()> {
        let Some(stage) = self.scopes.get(scope.0).map(|scope| scope.stage) else {
            return match entries.drain(..).next() {
                None => Ok(()),
                Some(Entry { target, .. }) => {
                    let slot = self.slot_of(target, Stage::Validate, false)?;
                    let name = self.slot_name(slot);
                    Err(Error::new(
                        ErrorKind::Metric,
                        format!("the metric `{name}` was logged where no epoch is running"),
                    )
                    .help("log it in a step, or in an `…_epoch_end` hook"))
                }
            };
        };
        for Entry { target, value, weight } in entries.drain(..) {
            let slot = self.slot_of(target, stage, matches!(value, Logged::Metric(_)))?;
            let weight = weight.unwrap_or(Logged::Value(batch_size.unwrap_or(1) as f64));
            match (value, weight) {
                (Logged::Value(value), Logged::Value(weight)) => self.add(scope.0, slot, value, weight),
                (Logged::Metric(update), _) => readback::deferring(!host, || self.update(scope.0, slot, update))
                    .map_err(|error| self.blame(slot, "cannot be updated", error))?,
                (Logged::Invalid(what), _) | (_, Logged::Invalid(what)) => {
                    let name = self.slot_name(slot);
                    return Err(Error::new(ErrorKind::Metric, format!("the metric `{name}` {what}"))
                        .help("log one number: reduce the tensor with `.mean()` first"));
                }
                (value, weight) => {
                    self.pending.push(Pending { scope: scope.0, slot, value, weight, step: self.step });
                }
            }
        }
        if self.pending.len() >= PENDING_LIMIT {
            self.refresh()?;
        }
        Ok(())
    }

    pub(super) fn add(&mut self, scope: usize, slot: usize, value: f64, weight: f64) {
        let Some(cell) = self.scopes.get_mut(scope).and_then(|scope| scope.cell(slot)) else { return };
        cell.numbers.add(value, weight);
        self.note(slot, value);
        self.stale = true;
    }

    /// Updates the stateful metric of a slot.
    fn update(&mut self, scope: usize, slot: usize, update: MetricUpdate) -> Result<()> {
        let MetricUpdate { input, template } = update;
        let input = input?;
        let cell = self.scopes.get_mut(scope).and_then(|scope| scope.cell(slot));
        let (Some(cell), Some(options)) = (cell, self.slots.get_mut(slot)) else { return Ok(()) };
        if template.is_some() {
            options.template = template;
        }
        let Some(template) = &options.template else {
            return Err(Error::new(ErrorKind::Metric, "nothing says which stateful metric it is"));
        };
        let meter = cell.meter.get_or_insert_default();
        let warning = meter.update(&**template, &*input, options.on_step, options.on_epoch)?;
        self.warnings.extend(warning.map(|error| format!("`{}`: {error}", options.name)));
        self.stale = true;
        Ok(())
    }
}
