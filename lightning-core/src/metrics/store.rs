//! What was logged, kept as numbers in flat arrays until somebody asks.
//!
//! A step's values arrive as [`Entry`]s. On a host device they are numbers already; on any other device they are
//! detached handles, which wait in `pending` until the next refresh and are then read in one transaction. A stateful metric
//! keeps its own state, and is asked for its value at the next refresh or at the end of the epoch.

use std::{borrow::Cow, collections::HashMap};

use burn::tensor::Tensor;

use super::{AnyMetric, Direction, MetricDef, MetricUpdate, Metrics, Reduce};
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::ambient::{Entry, Logged, Target},
    stage::Stage,
    tensor::readback,
};

mod cell;
mod record;

use cell::Cell;
pub(crate) use record::MetricsRecord;

/// Handles kept before a refresh is forced, so that a run that never logs does not grow.
const PENDING_LIMIT: usize = 4096;

/// Options of one slot; the static ones come from the module, the others from names of run time.
#[derive(Debug)]
struct Slot {
    name: Cow<'static, str>,
    direction: Option<Direction>,
    prog_bar: bool,
    on_step: bool,
    on_epoch: bool,
    logger: bool,
    reduce: Reduce,
    best: Option<(f64, u64)>,
    /// The stateful metric as it was made, which never sees a value.
    template: Option<Box<dyn AnyMetric>>,
}

impl Slot {
    fn declared(def: &MetricDef) -> Self {
        let MetricDef { name, stages: _, direction, prog_bar, on_step, on_epoch, logger, reduce, stateful: _ } = *def;
        let name = Cow::Borrowed(name);
        Self { name, direction, prog_bar, on_step, on_epoch, logger, reduce, best: None, template: None }
    }

    fn named(name: String, on_step: bool, on_epoch: bool) -> Self {
        Self {
            name: Cow::Owned(name),
            direction: None,
            prog_bar: false,
            on_step,
            on_epoch,
            logger: true,
            reduce: Reduce::Mean,
            best: None,
            template: None,
        }
    }

    const fn forks(&self) -> bool {
        self.on_step && self.on_epoch
    }

    /// The ending of the name of a step's value.
    const fn step_view(&self) -> &'static str {
        if self.forks() { "_step" } else { "" }
    }

    /// The ending of the name of an epoch's value.
    const fn epoch_view(&self) -> &'static str {
        if self.forks() { "_epoch" } else { "" }
    }
}

/// One stage and loader: where a step's values go.
#[derive(Debug)]
struct Scope {
    stage: Stage,
    loader: usize,
    /// `/dataloader_idx_1`, `/noisy`, or nothing.
    suffix: String,
    cells: Vec<Cell>,
}

impl Scope {
    const fn new(stage: Stage, loader: usize) -> Self {
        Self { stage, loader, suffix: String::new(), cells: Vec::new() }
    }

    /// The cell of a slot, made where there is none.
    fn cell(&mut self, slot: usize) -> Option<&mut Cell> {
        if self.cells.len() <= slot {
            self.cells.resize_with(slot + 1, Cell::default);
        }
        self.cells.get_mut(slot)
    }
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
    /// The step that logged it, by the store's own count.
    step: u64,
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
    /// Steps that have ended.
    step: u64,
    metrics: Metrics,
    bar: Metrics,
    /// Whether single-step values changed since `metrics` was written.
    stale: bool,
    /// How many of the slots the module declares.
    declared: usize,
    /// Metrics that have been NaN, and whether that has been told.
    not_a_number: Vec<(usize, bool)>,
    /// Tables that loggers have not got yet.
    tables: Vec<(String, String)>,
    /// What nobody has been told yet.
    warnings: Vec<String>,
}

impl MetricStore {
    /// A store with the module's declared metrics in the first slots.
    pub(crate) fn new(defs: &[MetricDef]) -> Self {
        Self { slots: defs.iter().map(Slot::declared).collect(), declared: defs.len(), ..Self::default() }
    }

    /// Says whose metrics they are, by the name of the module's type.
    pub(crate) fn of(mut self, type_name: &'static str) -> Self {
        self.metrics.set_module(type_name);
        self
    }

    /// # Errors
    /// If a hook or callback has looked up a key of another module.
    pub(crate) fn check_keys(&mut self) -> Result<()> {
        self.metrics.check_keys()
    }

    /// Forgets all values, best ones included, at the start of a run.
    pub(crate) fn reset(&mut self) {
        self.scopes.clear();
        self.pending.clear();
        self.metrics.clear();
        self.bar.clear();
        self.not_a_number.clear();
        self.tables.clear();
        self.warnings.clear();
        for slot in &mut self.slots {
            slot.best = None;
        }
    }

    /// The scope of a stage and loader, made empty.
    pub(crate) fn open(&mut self, stage: Stage, loader: usize, suffix: &str) -> ScopeId {
        let id = self.reopen(stage, loader, suffix);
        if let Some(scope) = self.scopes.get_mut(id.0) {
            scope.cells.clear();
        }
        id
    }

    /// The scope of a stage and loader, with what it has.
    pub(crate) fn reopen(&mut self, stage: Stage, loader: usize, suffix: &str) -> ScopeId {
        let index = match self.scopes.iter().position(|scope| scope.stage == stage && scope.loader == loader) {
            Some(index) => index,
            None => {
                self.scopes.push(Scope::new(stage, loader));
                self.scopes.len() - 1
            }
        };
        if let Some(scope) = self.scopes.get_mut(index) {
            suffix.clone_into(&mut scope.suffix);
        }
        self.metrics.name_loader(loader, suffix);
        ScopeId(index)
    }

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

    fn name_slot(&mut self, name: String, on_step: bool, on_epoch: bool) -> usize {
        self.slots.push(Slot::named(name.clone(), on_step, on_epoch));
        self.named.insert(name, self.slots.len() - 1);
        self.slots.len() - 1
    }

    fn slot_name(&self, slot: usize) -> String {
        self.slots.get(slot).map(|slot| slot.name.clone().into_owned()).unwrap_or_default()
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

    fn blame(&self, slot: usize, what: &str, error: Error) -> Error {
        let name = self.slot_name(slot);
        Error::new(ErrorKind::Metric, format!("the metric `{name}` {what}")).caused_by(error)
    }

    fn add(&mut self, scope: usize, slot: usize, value: f64, weight: f64) {
        let Some(cell) = self.scopes.get_mut(scope).and_then(|scope| scope.cell(slot)) else { return };
        cell.numbers.add(value, weight);
        self.note(slot, value);
        self.stale = true;
    }

    /// Remembers a metric that has become NaN.
    fn note(&mut self, slot: usize, value: f64) {
        if value.is_nan() && !self.not_a_number.iter().any(|(known, _)| *known == slot) {
            self.not_a_number.push((slot, false));
        }
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

    /// Reads every waiting handle in one transaction, and asks stateful metrics for the value of their last step.
    ///
    /// # Errors
    /// When the device fails, or a metric has no value.
    pub(crate) fn refresh(&mut self) -> Result<()> {
        self.read_pending()?;
        for scope in 0..self.scopes.len() {
            self.compute_steps(scope)?;
        }
        Ok(())
    }

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
            // A value of an earlier step is none of the step being logged.
            if let Some(cell) = self.scopes.get_mut(scope).and_then(|scope| scope.cells.get_mut(slot)) {
                cell.numbers.fresh = fresh;
            }
        }
        Ok(())
    }

    /// Asks the metrics of one scope that log single steps for the value of the last one.
    fn compute_steps(&mut self, scope: usize) -> Result<()> {
        let Some(cells) = self.scopes.get_mut(scope).map(|scope| &mut scope.cells) else { return Ok(()) };
        let mut computed = Vec::new();
        for (slot, cell) in cells.iter_mut().enumerate() {
            let Some(meter) = &mut cell.meter else { continue };
            match meter.compute_step() {
                Ok(Some(value)) => computed.push((slot, value.scalar())),
                Ok(None) => {}
                Err(error) => return Err(self.blame(slot, "has no value", error)),
            }
        }
        for (slot, value) in computed {
            self.note(slot, value.unwrap_or(0.0));
            self.stale = true;
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

    /// The values the progress bar shows, as of the last refresh.
    pub(crate) fn bar(&mut self) -> &Metrics {
        self.write_step_values();
        &self.bar
    }

    /// Whether the step just done has values for the loggers, so that they are worth waiting for.
    pub(crate) fn has_step_values(&self, scope: ScopeId) -> bool {
        let cells = self.scopes.get(scope.0).map(|scope| scope.cells.as_slice()).unwrap_or_default();
        let waiting = self.pending.iter().filter(|pending| pending.scope == scope.0 && pending.step == self.step);
        let pending: Vec<usize> = waiting.map(|pending| pending.slot).collect();
        self.slots.iter().enumerate().any(|(slot, options)| {
            options.on_step
                && options.logger
                && (cells.get(slot).is_some_and(Cell::is_fresh) || pending.contains(&slot))
        })
    }

    /// The values of the step just done, for the loggers; asks for a refresh first.
    ///
    /// # Errors
    /// When the device fails.
    pub(crate) fn take_step_record(&mut self, scope: ScopeId) -> Result<Vec<(String, f64)>> {
        self.refresh()?;
        self.step += 1;
        let Some(scope) = self.scopes.get_mut(scope.0) else { return Ok(Vec::new()) };
        let mut record = Metrics::default();
        for (slot, cell) in self.slots.iter().zip(&mut scope.cells) {
            if cell.take_fresh()
                && slot.on_step
                && slot.logger
                && let Some(value) = cell.last()
            {
                record.set_value(&slot.name, slot.step_view(), &scope.suffix, &value);
            }
        }
        Ok(record.iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Forgets which values belong to the step just done, when it is not logged.
    pub(crate) fn end_step(&mut self, scope: ScopeId) {
        self.step += 1;
        if let Some(scope) = self.scopes.get_mut(scope.0) {
            for cell in &mut scope.cells {
                cell.take_fresh();
            }
        }
    }

    /// Ends the epoch of a stage: its values by name, for loggers and reports. They are current values from here on.
    ///
    /// # Errors
    /// When the device fails, or a stateful metric has no value.
    pub(crate) fn end_epoch(&mut self, stage: Stage, epoch: u64) -> Result<Vec<EpochValue>> {
        self.refresh()?;
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

    fn end_cell(&mut self, scope: usize, slot: usize, epoch: u64, values: &mut Vec<EpochValue>) -> Result<()> {
        let (Some(scope), Some(options)) = (self.scopes.get_mut(scope), self.slots.get_mut(slot)) else {
            return Ok(());
        };
        let Some(cell) = scope.cells.get_mut(slot).filter(|cell| cell.is_filled()) else { return Ok(()) };
        let ended = if options.on_epoch { cell.end(options.reduce) } else { Ok(cell.last()) };
        let value = match ended {
            Ok(Some(value)) => value,
            Ok(None) => return Ok(()),
            Err(error) => return Err(self.blame(slot, "has no value", error)),
        };
        if let (Some(direction), Some(value)) = (options.direction, value.scalar())
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
        if options.on_step {
            self.metrics.set_value(name, "", suffix, &value);
        }
        if options.prog_bar {
            self.bar.set_value(name, view, suffix, &value);
        }
        if options.logger {
            let tables =
                value.tables().map(|(part, matrix)| (format!("{name}{part}{view}{suffix}"), matrix.to_string()));
            self.tables.extend(tables);
        }
        let mut named = Metrics::default();
        named.set_value(name, view, suffix, &value);
        let logger = options.logger;
        values.extend(named.iter().map(|(name, value)| EpochValue { name: name.to_owned(), value, logger }));
        self.note(slot, value.scalar().unwrap_or(0.0));
        Ok(())
    }

    /// The tables of the epochs that ended since the last call, for the loggers: name and text.
    pub(crate) fn take_tables(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.tables)
    }

    /// What has to be told since the last call.
    pub(crate) fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::metrics::StageSet;

    const TRAIN: StageSet = StageSet::TRAIN;

    /// The names of `tests/it/metrics_rows.rs`.
    const DEFS: &[MetricDef] = &[
        MetricDef::new("default", TRAIN).on_step(),
        MetricDef::new("l_s", TRAIN).on_step(),
        MetricDef::new("l_e", TRAIN).on_epoch(),
        MetricDef::new("l_se", TRAIN).on_step().on_epoch(),
        MetricDef::new("p_s", TRAIN).prog_bar().no_logger().on_step(),
        MetricDef::new("p_e", TRAIN).prog_bar().no_logger().on_epoch(),
        MetricDef::new("p_se", TRAIN).prog_bar().no_logger().on_step().on_epoch(),
    ];

    fn log_all(store: &mut MetricStore, scope: ScopeId, value: f64) {
        let entry = |slot| Entry { target: Target::Slot(slot), value: Logged::Value(value), weight: None };
        let mut entries: Vec<Entry> = (0..DEFS.len() as u32).map(entry).collect();
        store.drain_log(scope, &mut entries, Some(1), true).unwrap();
    }

    fn names(metrics: &Metrics) -> BTreeSet<&str> {
        metrics.iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn g1_what_the_bar_shows() {
        let mut store = MetricStore::new(DEFS);
        let scope = store.open(Stage::Fit, 0, "");
        log_all(&mut store, scope, 1.0);
        assert_eq!(names(store.bar()), BTreeSet::from(["p_s", "p_se_step"]));
        store.end_epoch(Stage::Fit, 0).unwrap();
        assert_eq!(names(store.bar()), BTreeSet::from(["p_e", "p_s", "p_se_step", "p_se_epoch"]));
    }

    #[test]
    fn a_value_that_waited_belongs_to_its_own_step() {
        let mut store = MetricStore::new(DEFS);
        let scope = store.open(Stage::Fit, 0, "");
        let log = |store: &mut MetricStore, slot| {
            let value = Logged::Tensor(Tensor::from_data([f64::from(slot)], &burn::tensor::Device::default()));
            store.drain_log(scope, &mut vec![Entry { target: Target::Slot(slot), value, weight: None }], None, false)
        };
        log(&mut store, 0).unwrap();
        store.end_step(scope);
        log(&mut store, 1).unwrap();
        assert!(store.has_step_values(scope));
        assert_eq!(store.take_step_record(scope).unwrap(), [("l_s".to_owned(), 1.0)]);
        assert!(!store.has_step_values(scope));
        assert_eq!(store.metrics().unwrap().value("default"), Some(0.0));
    }

    #[test]
    fn a_loader_with_a_name_has_a_number_too() {
        let mut store = MetricStore::new(DEFS);
        let scope = store.open(Stage::Validate, 1, "/noisy");
        log_all(&mut store, scope, 2.0);
        store.end_epoch(Stage::Validate, 0).unwrap();
        let metrics = store.metrics().unwrap();
        let key = super::super::MetricKey::<()>::named("l_e");
        assert_eq!(metrics.get(key.loader(1)), Some(2.0));
        assert_eq!(metrics.get(key.loader("noisy")), Some(2.0));
        assert_eq!((metrics.get(key), metrics.get(key.loader(0))), (None, None));
    }
}
