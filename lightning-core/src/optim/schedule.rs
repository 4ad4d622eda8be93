//! When a learning-rate schedule goes on, and what it watches.

use crate::{
    error::{Error, ErrorKind, Result},
    metrics::{Directed, Direction, InFit, KeyRef, MetricKey, Metrics},
    optim::schedulers::{IntoScheduler, LrScheduler},
};

/// What a schedule counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "`interval = step` and `interval = epoch`, as everywhere")]
pub enum Interval {
    /// Steps of the optimizer.
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

/// The metric that a schedule watches.
#[derive(Clone, Copy, Debug)]
struct Watched {
    key: KeyRef,
    /// Whether a run without a value is an error.
    strict: bool,
}

/// A learning-rate schedule with its interval: `lr = Cosine::new(lr, steps), interval = step`.
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
    watched: Option<Watched>,
    direction: Option<Direction>,
    /// The optimizer's steps, or the epochs, that the schedule has been told of.
    ticks: u64,
    /// Validation runs at the last step of a schedule that watches a metric.
    seen: Option<u64>,
}

impl Schedule {
    /// The schedule, going on at every step of the optimizer or at the end of every epoch.
    ///
    /// # Errors
    /// When the schedule's settings are wrong.
    pub fn new(scheduler: impl IntoScheduler, interval: Interval) -> Result<Self> {
        let scheduler = scheduler.into_scheduler()?;
        Ok(Self { scheduler, interval, frequency: 1, watched: None, direction: None, ticks: 0, seen: None })
    }

    /// Goes on at every n-th of them only, counted over the whole run.
    #[must_use]
    pub fn frequency(self, every: u64) -> Self {
        Self { frequency: every, ..self }
    }

    /// Watches a metric: for `ReduceLROnPlateau`. The metric says which way is better.
    #[must_use]
    pub fn monitor<M, D: Directed, S: InFit>(self, key: MetricKey<M, D, S>) -> Self {
        let watched = Some(Watched { key: KeyRef::from(key), strict: true });
        Self { watched, direction: Some(D::DIRECTION), ..self }
    }

    /// Whether it is an error when the watched metric has no value; otherwise the schedule waits.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        if let Some(watched) = &mut self.watched {
            watched.strict = strict;
        }
        self
    }

    /// # Errors
    /// Everything that is wrong with the settings together.
    pub(crate) fn check(&mut self, optimizer: &str) -> Result<()> {
        let error = |what: String, help: &str| Err(Error::config(what).help(help));
        if self.frequency == 0 {
            return error(
                format!("the schedule of `{optimizer}` has `frequency = 0`"),
                "leave `frequency` out for every step or epoch",
            );
        }
        match (self.scheduler.wants_metric(), self.watched.is_some()) {
            (true, false) => error(
                format!("the schedule of `{optimizer}` watches a metric, and none is named"),
                "write `monitor = val_loss`, a metric logged with `#[log(minimize)]` or `#[log(maximize)]`",
            ),
            (false, true) => error(
                format!("the schedule of `{optimizer}` watches no metric, and `monitor` names one"),
                "leave `monitor` out, or use `ReduceLROnPlateau`",
            ),
            _ => match self.direction {
                Some(direction) => self.scheduler.watch(direction),
                None => Ok(()),
            },
        }
    }

    /// The rate in force.
    pub(crate) fn lr(&self) -> f64 {
        self.scheduler.lr()
    }

    /// The rate it was made with.
    pub(crate) fn base_lr(&self) -> f64 {
        self.scheduler.base_lr()
    }

    pub(crate) fn momentum(&self) -> Option<f64> {
        self.scheduler.momentum()
    }

    pub(crate) fn interval(&self) -> Interval {
        self.interval
    }

    pub(crate) fn watches(&self) -> bool {
        self.watched.is_some()
    }

    /// Counts one step of the optimizer or one epoch; whether the schedule goes on at it.
    pub(crate) fn is_due(&mut self) -> bool {
        self.ticks += 1;
        self.ticks.is_multiple_of(self.frequency)
    }

    /// Goes on.
    ///
    /// # Errors
    /// When the schedule ends here, or watches a metric that has no value.
    pub(crate) fn advance(&mut self, monitored: Option<f64>) -> Result<()> {
        self.scheduler.step(monitored)
    }

    /// Goes on by the watched metric. A validation metric counts once for each validation: in between, nothing happens.
    ///
    /// # Errors
    /// When the metric has never had a value, unless that is allowed: then the text says so once.
    pub(crate) fn advance_by(&mut self, metrics: &Metrics, validation: Option<u64>) -> Result<Option<String>> {
        let Some(watched) = self.watched else { return Ok(None) };
        if validation.is_some() && validation == self.seen {
            return Ok(None);
        }
        let name = watched.key.display();
        match metrics.value(&name) {
            Some(value) => {
                self.seen = validation;
                self.scheduler.step(Some(value))?;
                Ok(None)
            }
            None if watched.strict => Err(Error::new(
                ErrorKind::Metric,
                format!("a schedule watches `{name}`, which has no value yet"),
            )
            .help(format!(
                "the metrics with a value are {}; log it before the schedule's first step, give the schedule a larger `frequency`, or write `strict = false` to wait for it",
                crate::console::table::listed(metrics.iter().map(|(name, _)| name)),
            ))),
            None => Ok(Some(format!("a schedule watches `{name}`, which has no value yet: it waits"))),
        }
    }

    /// The watched metric's own name.
    pub(crate) fn monitored(&self) -> Option<&'static str> {
        self.watched.map(|watched| watched.key.metric())
    }

    /// Where it stands, for a checkpoint.
    pub(crate) fn state(&self) -> serde_json::Value {
        serde_json::json!({ "ticks": self.ticks, "seen": self.seen, "schedule": self.scheduler.state() })
    }

    /// # Errors
    /// When this is no state of such a schedule.
    pub(crate) fn load_state(&mut self, state: &serde_json::Value) -> Result<()> {
        let ticks = state.get("ticks").and_then(serde_json::Value::as_u64);
        let (Some(ticks), Some(schedule)) = (ticks, state.get("schedule")) else {
            return Err(Error::new(ErrorKind::Checkpoint, "the state of a schedule is damaged")
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
