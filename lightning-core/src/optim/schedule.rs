//! When a learning-rate schedule takes a step, and the metric it monitors.

use std::any::type_name;

use crate::{
    error::{Error, ErrorKind, Result},
    metrics::{Directed, Direction, InFit, KeyRef, MetricKey, Metrics, ambient::short},
    optim::schedulers::{IntoScheduler, LrScheduler},
};

/// The unit of a schedule's steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "`interval = step` and `interval = epoch`, as everywhere")]
pub enum Interval {
    /// Optimizer steps.
    Step,
    /// Epochs.
    Epoch,
}

impl std::fmt::Display for Interval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Step => "step",
            Self::Epoch => "epoch",
        })
    }
}

/// The metric that a schedule monitors.
#[derive(Clone, Copy, Debug)]
struct Monitored {
    key: KeyRef,
    /// The module of the key, by the name of its type.
    module: &'static str,
    /// Whether a missing value is an error.
    strict: bool,
}

/// A learning-rate schedule with its interval; in `#[optimizer(…)]`,
/// `lr = Cosine::new(lr, steps), interval = step`.
///
/// ```
/// use lightning_core::{optim::{Interval, Schedule}, prelude::*};
///
/// let schedule = Schedule::new(Cosine::new(0.1, 100), Interval::Step)?.frequency(2);
/// # let _ = schedule;
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Schedule {
    scheduler: Box<dyn LrScheduler>,
    interval: Interval,
    frequency: u64,
    monitored: Option<Monitored>,
    direction: Option<Direction>,
    /// Optimizer steps or epochs so far.
    ticks: u64,
    /// The number of validation runs at the last step of a schedule that monitors a metric.
    seen: Option<u64>,
}

impl Schedule {
    /// Creates a schedule that takes a step at every optimizer step or at the end of every epoch.
    ///
    /// # Errors
    /// If settings of the schedule are wrong.
    pub fn new(scheduler: impl IntoScheduler, interval: Interval) -> Result<Self> {
        let scheduler = scheduler.into_scheduler()?;
        Ok(Self { scheduler, interval, frequency: 1, monitored: None, direction: None, ticks: 0, seen: None })
    }

    /// Takes a step only at every `every`-th optimizer step or epoch, counted over the whole run.
    #[must_use]
    pub fn frequency(self, every: u64) -> Self {
        Self { frequency: every, ..self }
    }

    /// Monitors a metric, for `ReduceLROnPlateau`. The key has the direction in which it improves.
    #[must_use]
    pub fn monitor<M, D: Directed, S: InFit>(self, key: MetricKey<M, D, S>) -> Self {
        let monitored = Some(Monitored { key: KeyRef::from(key), module: type_name::<M>(), strict: true });
        Self { monitored, direction: Some(D::DIRECTION), ..self }
    }

    /// Sets whether a monitored metric without a value is an error, the default; otherwise the
    /// schedule waits for it.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        if let Some(monitored) = &mut self.monitored {
            monitored.strict = strict;
        }
        self
    }

    /// Checks the frequency, and the metric against the kind of schedule.
    ///
    /// # Errors
    /// If the frequency is 0, or a metric is missing, superfluous or of the wrong direction.
    pub(crate) fn check(&mut self, optimizer: &str) -> Result<()> {
        let error = |message: String, help: &str| Err(Error::config(message).help(help));
        if self.frequency == 0 {
            return error(
                format!("the `frequency` of the schedule of `{optimizer}` must be at least 1, found 0"),
                "leave `frequency` out for every step or epoch",
            );
        }
        match (self.scheduler.wants_metric(), self.monitored.is_some()) {
            (true, false) => error(
                format!("the schedule of `{optimizer}` monitors a metric and needs `monitor`, found none"),
                "write `monitor = val_loss`, a metric logged with `#[log(minimize)]` or `#[log(maximize)]`",
            ),
            (false, true) => error(
                format!("the schedule of `{optimizer}` does not use a metric, found `monitor`"),
                "leave `monitor` out, or use `ReduceLROnPlateau`",
            ),
            _ => match self.direction {
                Some(direction) => self.scheduler.watch(direction),
                None => Ok(()),
            },
        }
    }

    /// Checks that the metric is one of the running module, by the name of its type.
    ///
    /// # Errors
    /// If it is one of another module.
    pub(crate) fn check_module(&self, optimizer: &str, module: &str) -> Result<()> {
        match &self.monitored {
            Some(monitored) if monitored.module != module => {
                let (module, found) = (short(module), short(monitored.module));
                let key = monitored.key.display();
                Err(Error::config(format!(
                    "the schedule of `{optimizer}` must monitor a metric of `{module}`, found `{key}` of `{found}`"
                ))
                .help(format!("write a key of `{module}`, such as `Self::VAL_LOSS`")))
            }
            _ => Ok(()),
        }
    }

    /// Returns the current rate.
    pub(crate) fn lr(&self) -> f64 {
        self.scheduler.lr()
    }

    /// Returns the rate that the schedule was made with.
    pub(crate) fn base_lr(&self) -> f64 {
        self.scheduler.base_lr()
    }

    pub(crate) fn momentum(&self) -> Option<f64> {
        self.scheduler.momentum()
    }

    /// Returns a warning if the schedule counts epochs, and has far more of them than the run.
    pub(crate) fn check_length(&self, optimizer: &str, max_epochs: Option<u64>) -> Option<String> {
        let (Some(steps), Some(epochs), Interval::Epoch) = (self.scheduler.steps(), max_epochs, self.interval) else {
            return None;
        };
        let taken = epochs / self.frequency.max(1);
        (steps >= taken.saturating_mul(2) && taken > 0).then(|| {
            format!(
                "the schedule of `{optimizer}` has {steps} steps and takes one at the end of an epoch, {taken} in this \
                 run, so that it does not reach its end; write `interval = step` if these are optimizer steps"
            )
        })
    }

    pub(crate) fn interval(&self) -> Interval {
        self.interval
    }

    /// Returns whether the schedule monitors a metric.
    pub(crate) fn watches(&self) -> bool {
        self.monitored.is_some()
    }

    /// Counts one optimizer step or epoch and returns whether the schedule takes a step now.
    pub(crate) fn is_due(&mut self) -> bool {
        self.ticks += 1;
        self.ticks.is_multiple_of(self.frequency)
    }

    /// Takes a step.
    ///
    /// # Errors
    /// If the next rate is not one to train with, or a metric is needed and `monitored` is `None`.
    pub(crate) fn advance(&mut self, monitored: Option<f64>) -> Result<()> {
        self.scheduler.step(monitored)
    }

    /// Takes a step by the value of the monitored metric.
    ///
    /// `validation` is the number of validation runs, for a validation metric: each of its values
    /// counts once. With `may_wait` a metric without a value is ignored, because the first
    /// validation is still to come. Returns a warning if the metric has no value and the schedule
    /// waits for it.
    ///
    /// # Errors
    /// If the metric has no value and [`strict`](Self::strict) is set, or the step fails.
    pub(crate) fn advance_by(
        &mut self,
        metrics: &Metrics,
        validation: Option<u64>,
        may_wait: bool,
    ) -> Result<Option<String>> {
        let Some(monitored) = self.monitored else { return Ok(None) };
        if validation.is_some() && validation == self.seen {
            return Ok(None);
        }
        let name = monitored.key.display();
        match metrics.find(monitored.key) {
            Some(value) => {
                self.seen = validation;
                self.scheduler.step(Some(value))?;
                Ok(None)
            }
            None if may_wait => Ok(None),
            None => match metrics.loader_of(&name) {
                Some(loader) => Err(one_of_several(&name, loader)),
                None if monitored.strict => Err(Error::new(
                    ErrorKind::Metric,
                    format!("the metric `{name}` of a schedule must have a value, found none"),
                )
                .help(format!(
                    "log it before the first step of the schedule, write a larger `frequency`, or write `strict = false` \
                     to wait for it; the metrics with a value are {}",
                    crate::console::table::listed(metrics.iter().map(|(name, _)| name)),
                ))),
                None => Ok(Some(format!("a schedule waits for the metric `{name}`, which has no value yet"))),
            },
        }
    }

    /// Checks that the monitored metric is not one of several loaders, where `metrics` has its
    /// values.
    ///
    /// # Errors
    /// If it has a value for each of several loaders, and no loader is named.
    pub(crate) fn check_loader(&self, metrics: &Metrics) -> Result<()> {
        let Some(monitored) = self.monitored.filter(|monitored| metrics.find(monitored.key).is_none()) else {
            return Ok(());
        };
        let name = monitored.key.display();
        metrics.loader_of(&name).map_or(Ok(()), |loader| Err(one_of_several(&name, loader)))
    }

    /// Returns the name of the monitored metric.
    pub(crate) fn monitored(&self) -> Option<&'static str> {
        self.monitored.map(|monitored| monitored.key.metric())
    }

    /// Returns the position in the schedule, for a checkpoint.
    pub(crate) fn state(&self) -> serde_json::Value {
        serde_json::json!({ "ticks": self.ticks, "seen": self.seen, "schedule": self.scheduler.state() })
    }

    /// # Errors
    /// If `state` is not the state of such a schedule.
    pub(crate) fn load_state(&mut self, state: &serde_json::Value) -> Result<()> {
        let ticks = state.get("ticks").and_then(serde_json::Value::as_u64);
        let (Some(ticks), Some(schedule)) = (ticks, state.get("schedule")) else {
            return Err(Error::new(
                ErrorKind::Checkpoint,
                "the stored state of a schedule has no `ticks` or no `schedule`",
            )
            .help("resume from another checkpoint"));
        };
        self.scheduler.load_state(schedule)?;
        self.ticks = ticks;
        self.seen = state.get("seen").and_then(serde_json::Value::as_u64);
        Ok(())
    }

    pub(crate) fn describe(&self) -> String {
        let every = if self.frequency == 1 { String::new() } else { format!("{} ", self.frequency) };
        let plural = if self.frequency == 1 { "" } else { "s" };
        format!("{}, every {every}{}{plural}", self.scheduler.describe(), self.interval)
    }
}

fn one_of_several(name: &str, loader: &str) -> Error {
    Error::config(format!(
        "a schedule must monitor one value, found the metric `{name}` with a value for each validation loader"
    ))
    .help(format!(
        "name a loader, as in `monitor = Self::{}.loader({loader:?})`, or monitor a metric that \
         `on_validation_epoch_end` logs",
        name.to_uppercase()
    ))
}
