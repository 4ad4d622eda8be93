//! What was logged, kept as numbers in flat arrays until somebody asks.
//!
//! A step's values arrive as [`Entry`]s. On a host device they are numbers already; on any other device they are
//! detached handles, which wait in `pending` until the next refresh and are then read in one transaction.

mod record;

use std::{borrow::Cow, collections::HashMap};

use burn::tensor::Tensor;

pub(crate) use record::MetricsRecord;

use super::{Direction, MetricDef, Metrics, Reduce};
use crate::{
    context::{Entry, Logged, Target},
    error::{Error, ErrorKind, Result},
    readback,
    stage::Stage,
};

/// Handles kept before a refresh is forced, so that a run that never logs does not grow.
const PENDING_LIMIT: usize = 4096;

/// Options of one slot; the static ones come from the module, the others from names of run time.
#[derive(Clone, Debug)]
struct Slot {
    name: Cow<'static, str>,
    direction: Option<Direction>,
    prog_bar: bool,
    on_step: bool,
    on_epoch: bool,
    logger: bool,
    reduce: Reduce,
    best: Option<(f64, u64)>,
}

impl Slot {
    fn declared(def: &MetricDef) -> Self {
        let MetricDef { name, stages: _, direction, prog_bar, on_step, on_epoch, logger, reduce } = *def;
        Self { name: Cow::Borrowed(name), direction, prog_bar, on_step, on_epoch, logger, reduce, best: None }
    }

    fn step_name(&self) -> Cow<'_, str> {
        if self.on_step && self.on_epoch { format!("{}_step", self.name).into() } else { Cow::Borrowed(&self.name) }
    }

    fn epoch_name(&self) -> Cow<'_, str> {
        if self.on_step && self.on_epoch { format!("{}_epoch", self.name).into() } else { Cow::Borrowed(&self.name) }
    }
}

#[derive(Clone, Debug)]
struct Accumulator {
    /// Of value times weight.
    weighted: f64,
    weight: f64,
    sum: f64,
    min: f64,
    max: f64,
    count: u64,
    last: f64,
    /// The value of the step being logged; taken by the step record.
    fresh: bool,
}

impl Default for Accumulator {
    fn default() -> Self {
        Self {
            weighted: 0.0,
            weight: 0.0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            count: 0,
            last: f64::NAN,
            fresh: false,
        }
    }
}

impl Accumulator {
    fn add(&mut self, value: f64, weight: f64) {
        self.weighted += value * weight;
        self.weight += weight;
        self.sum += value;
        // `f64::min` would drop a NaN, and a NaN has to be seen.
        self.min = if value.is_nan() || value < self.min { value } else { self.min };
        self.max = if value.is_nan() || value > self.max { value } else { self.max };
        self.count = self.count.saturating_add(1);
        self.last = value;
        self.fresh = true;
    }

    fn value(&self, reduce: Reduce) -> f64 {
        match reduce {
            Reduce::Mean => self.weighted / self.weight,
            Reduce::Sum => self.sum,
            Reduce::Min => self.min,
            Reduce::Max => self.max,
        }
    }
}

/// One stage and loader: where a step's values go.
#[derive(Clone, Debug)]
struct Scope {
    stage: Stage,
    loader: usize,
    /// `/dataloader_idx_1`, `/noisy`, or nothing.
    suffix: String,
    accumulators: Vec<Accumulator>,
}

/// Names a scope of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScopeId(usize);

impl ScopeId {
    /// Between epochs, where logging means nothing.
    pub(crate) const CLOSED: Self = Self(usize::MAX);
}

#[derive(Debug)]
struct Pending {
    scope: usize,
    slot: usize,
    value: Logged,
    weight: Logged,
}

/// The value of an epoch, ready for loggers and reports.
#[derive(Clone, Debug)]
pub(crate) struct EpochValue {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) logger: bool,
}

/// Everything logged in a run.
#[derive(Debug, Default)]
pub(crate) struct MetricStore {
    slots: Vec<Slot>,
    named: HashMap<String, usize>,
    scopes: Vec<Scope>,
    pending: Vec<Pending>,
    metrics: Metrics,
    bar: Metrics,
    /// Whether single-step values changed since `metrics` was written.
    stale: bool,
    /// How many of the slots the module declares.
    declared: usize,
    /// Metrics that have been NaN, and whether that has been told.
    not_a_number: Vec<(usize, bool)>,
}

impl MetricStore {
    /// A store with the module's declared metrics in the first slots.
    pub(crate) fn new(defs: &[MetricDef]) -> Self {
        Self { slots: defs.iter().map(Slot::declared).collect(), declared: defs.len(), ..Self::default() }
    }

    /// Forgets all values, best ones included, at the start of a run.
    pub(crate) fn reset(&mut self) {
        self.scopes.clear();
        self.pending.clear();
        self.metrics.clear();
        self.bar.clear();
        self.not_a_number.clear();
        for slot in &mut self.slots {
            slot.best = None;
        }
    }

    /// The scope of a stage and loader, made empty.
    pub(crate) fn open(&mut self, stage: Stage, loader: usize, suffix: &str) -> ScopeId {
        let id = self.reopen(stage, loader, suffix);
        if let Some(scope) = self.scopes.get_mut(id.0) {
            scope.accumulators.clear();
        }
        id
    }

    /// The scope of a stage and loader, with what it has.
    pub(crate) fn reopen(&mut self, stage: Stage, loader: usize, suffix: &str) -> ScopeId {
        let index = match self.scopes.iter().position(|scope| scope.stage == stage && scope.loader == loader) {
            Some(index) => index,
            None => {
                self.scopes.push(Scope { stage, loader, suffix: String::new(), accumulators: Vec::new() });
                self.scopes.len() - 1
            }
        };
        if let Some(scope) = self.scopes.get_mut(index) {
            suffix.clone_into(&mut scope.suffix);
        }
        ScopeId(index)
    }

    /// # Errors
    /// When a name of run time is that of a declared metric.
    fn slot_of(&mut self, target: Target, stage: Stage) -> Result<usize> {
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
                    let training = stage == Stage::Fit;
                    self.slots.push(Slot {
                        name: Cow::Owned(name.clone()),
                        direction: None,
                        prog_bar: false,
                        on_step: training,
                        on_epoch: !training,
                        logger: true,
                        reduce: Reduce::Mean,
                        best: None,
                    });
                    self.named.insert(name, self.slots.len() - 1);
                    self.slots.len() - 1
                }
            },
        })
    }

    /// Takes what a step or hook logged. `batch_size` weighs values that bring no weight of their own.
    ///
    /// # Errors
    /// When a value cannot be a metric (several elements), with the metric's name.
    pub(crate) fn absorb(&mut self, scope: ScopeId, entries: &mut Vec<Entry>, batch_size: Option<usize>) -> Result<()> {
        let Some(stage) = self.scopes.get(scope.0).map(|scope| scope.stage) else {
            return match entries.drain(..).next() {
                None => Ok(()),
                Some(Entry { target, .. }) => {
                    let slot = self.slot_of(target, Stage::Validate)?;
                    let name = self.slots.get(slot).map(|slot| slot.name.clone()).unwrap_or_default();
                    Err(Error::new(
                        ErrorKind::Metric,
                        format!("the metric `{name}` was logged where no epoch is running"),
                    )
                    .help("log it in a step, or in an `…_epoch_end` hook"))
                }
            };
        };
        for Entry { target, value, weight } in entries.drain(..) {
            let slot = self.slot_of(target, stage)?;
            let weight = weight.unwrap_or(Logged::Value(batch_size.unwrap_or(1) as f64));
            match (value, weight) {
                (Logged::Value(value), Logged::Value(weight)) => self.add(scope.0, slot, value, weight),
                (Logged::Invalid(what), _) | (_, Logged::Invalid(what)) => {
                    let name = self.slots.get(slot).map(|slot| slot.name.clone()).unwrap_or_default();
                    return Err(Error::new(ErrorKind::Metric, format!("the metric `{name}` {what}"))
                        .help("log one number: reduce the tensor with `.mean()` first"));
                }
                (value, weight) => self.pending.push(Pending { scope: scope.0, slot, value, weight }),
            }
        }
        if self.pending.len() >= PENDING_LIMIT {
            self.refresh()?;
        }
        Ok(())
    }

    fn add(&mut self, scope: usize, slot: usize, value: f64, weight: f64) {
        let Some(scope) = self.scopes.get_mut(scope) else { return };
        if scope.accumulators.len() <= slot {
            scope.accumulators.resize(slot + 1, Accumulator::default());
        }
        if let Some(accumulator) = scope.accumulators.get_mut(slot) {
            accumulator.add(value, weight);
        }
        if value.is_nan() && !self.not_a_number.iter().any(|(known, _)| *known == slot) {
            self.not_a_number.push((slot, false));
        }
        self.stale = true;
    }

    /// Reads every waiting handle in one transaction.
    ///
    /// # Errors
    /// When the device fails.
    pub(crate) fn refresh(&mut self) -> Result<()> {
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
        let mut values = readback::read(tensors)?.into_iter();
        let mut number = |logged: Logged| match logged {
            Logged::Value(value) => value,
            _ => values.next().unwrap_or(f64::NAN),
        };
        for Pending { scope, slot, value, weight } in pending {
            let (value, weight) = (number(value), number(weight));
            self.add(scope, slot, value, weight);
        }
        Ok(())
    }

    /// All current values by name: the last step's in training, the last epoch's otherwise.
    ///
    /// # Errors
    /// When the device fails while waiting handles are read.
    pub(crate) fn metrics(&mut self) -> Result<&Metrics> {
        self.refresh()?;
        self.write_step_values();
        Ok(&self.metrics)
    }

    /// The values as of the last refresh.
    pub(crate) fn known(&self) -> &Metrics {
        &self.metrics
    }

    fn write_step_values(&mut self) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        for scope in self.scopes.iter().filter(|scope| scope.stage == Stage::Fit) {
            for (slot, accumulator) in self.slots.iter().zip(&scope.accumulators) {
                if !slot.on_step || accumulator.count == 0 {
                    continue;
                }
                self.metrics.set(&slot.step_name(), accumulator.last);
                if slot.on_epoch {
                    self.metrics.set(&slot.name, accumulator.last);
                }
                if slot.prog_bar {
                    self.bar.set(&slot.step_name(), accumulator.last);
                }
            }
        }
    }

    /// The values the progress bar shows, as of the last refresh.
    pub(crate) fn bar(&mut self) -> &Metrics {
        self.write_step_values();
        &self.bar
    }

    /// The values of the step just done, for the loggers; asks for a refresh first.
    ///
    /// # Errors
    /// When the device fails.
    pub(crate) fn take_step_record(&mut self, scope: ScopeId) -> Result<Vec<(String, f64)>> {
        self.refresh()?;
        let Some(scope) = self.scopes.get_mut(scope.0) else { return Ok(Vec::new()) };
        let mut record = Vec::new();
        for (slot, accumulator) in self.slots.iter().zip(&mut scope.accumulators) {
            if std::mem::take(&mut accumulator.fresh) && slot.on_step && slot.logger {
                record.push((format!("{}{}", slot.step_name(), scope.suffix), accumulator.last));
            }
        }
        Ok(record)
    }

    /// Forgets which values belong to the step just done, when it is not logged.
    pub(crate) fn end_step(&mut self, scope: ScopeId) {
        if let Some(scope) = self.scopes.get_mut(scope.0) {
            for accumulator in &mut scope.accumulators {
                accumulator.fresh = false;
            }
        }
    }

    /// Ends the epoch of a stage: its values by name, for loggers and reports. They are current values from here on.
    ///
    /// # Errors
    /// When the device fails.
    pub(crate) fn end_epoch(&mut self, stage: Stage, epoch: u64) -> Result<Vec<EpochValue>> {
        self.refresh()?;
        self.write_step_values();
        let mut values = Vec::new();
        for scope in self.scopes.iter_mut().filter(|scope| scope.stage == stage) {
            for (slot, accumulator) in self.slots.iter_mut().zip(&mut scope.accumulators) {
                if accumulator.count == 0 {
                    continue;
                }
                let value = if slot.on_epoch { accumulator.value(slot.reduce) } else { accumulator.last };
                if let Some(direction) = slot.direction
                    && scope.suffix.is_empty()
                    && slot.best.is_none_or(|(best, _)| direction.is_better(value, best))
                {
                    slot.best = Some((value, epoch));
                }
                if !slot.on_epoch {
                    continue;
                }
                *accumulator = Accumulator::default();
                let name = format!("{}{}", slot.epoch_name(), scope.suffix);
                self.metrics.set(&name, value);
                if slot.on_step {
                    self.metrics.set(&format!("{}{}", slot.name, scope.suffix), value);
                }
                if slot.prog_bar {
                    self.bar.set(&name, value);
                }
                values.push(EpochValue { name, value, logger: slot.logger });
            }
        }
        Ok(values)
    }

    /// The metrics that have become NaN since the last call.
    pub(crate) fn take_not_a_number(&mut self) -> Vec<String> {
        let fresh = self.not_a_number.iter_mut().filter(|(_, told)| !*told);
        let slots: Vec<usize> = fresh
            .map(|(slot, told)| {
                *told = true;
                *slot
            })
            .collect();
        slots.into_iter().filter_map(|slot| self.slots.get(slot)).map(|slot| slot.name.clone().into_owned()).collect()
    }

    /// The best epoch value of each directed metric: name, value, epoch.
    pub(crate) fn best(&self) -> Vec<(String, f64, u64)> {
        self.slots
            .iter()
            .filter_map(|slot| slot.best.map(|(value, epoch)| (slot.name.clone().into_owned(), value, epoch)))
            .collect()
    }
}
