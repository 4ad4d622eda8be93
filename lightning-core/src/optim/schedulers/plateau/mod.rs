//! A rate that falls when a metric stops getting better.

use serde_json::{Value, json};

use super::{IntoScheduler, LrScheduler, StepCount, curve, state, steps::Steps};
use crate::{
    error::{Error, Result},
    metrics::Direction,
    settings::Problems,
};

/// What the threshold of an improvement is measured in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThresholdMode {
    /// A share of the best value: better is below `best · (1 − threshold)`, or above `best · (1 + threshold)`.
    #[default]
    Relative,
    /// The metric's own unit: better is below `best − threshold`, or above `best + threshold`.
    Absolute,
}

/// Multiplies the rate by `factor` once a metric has not improved for more than `patience` checks in a row.
///
/// It wants a metric: name one with `monitor = …`, whose direction it takes over. A value that is NaN is no improvement.
///
/// ```
/// use lightning_core::{prelude::*, schedulers::ReduceLROnPlateau};
///
/// let mut schedule = ReduceLROnPlateau::new(0.1).factor(0.5).patience(1).into_scheduler()?;
/// for loss in [1.0, 0.5, 0.6] {
///     schedule.step(Some(loss))?;
///     assert_eq!(schedule.lr(), 0.1);
/// }
/// schedule.step(Some(0.7))?;
/// assert_eq!(schedule.lr(), 0.05);
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// torch: `ReduceLROnPlateau(optimizer, mode, factor=0.1, patience=10, threshold=1e-4, threshold_mode, cooldown=0, min_lr=0,
/// eps=1e-8)`, with the same defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct ReduceLROnPlateau {
    lr: f64,
    direction: Option<Direction>,
    factor: f64,
    patience: Steps,
    threshold: f64,
    threshold_mode: ThresholdMode,
    cooldown: Steps,
    min_lr: f64,
    eps: f64,
}

impl ReduceLROnPlateau {
    const NAME: &'static str = "ReduceLROnPlateau";

    /// Starts at `lr` and goes to a tenth of it when 11 checks in a row bring no improvement.
    pub fn new(lr: f64) -> Self {
        Self {
            lr,
            direction: None,
            factor: 0.1,
            patience: Steps::new(10),
            threshold: 1e-4,
            threshold_mode: ThresholdMode::Relative,
            cooldown: Steps::new(0),
            min_lr: 0.0,
            eps: 1e-8,
        }
    }

    /// Which way the metric gets better, where its key does not say so; smaller unless told.
    #[must_use]
    pub fn mode(mut self, direction: Direction) -> Self {
        self.direction = Some(direction);
        self
    }

    /// What the rate is multiplied by, between 0 and 1.
    #[must_use]
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// The checks without an improvement that are let pass; the next one lowers the rate.
    #[must_use]
    pub fn patience(mut self, checks: impl StepCount) -> Self {
        self.patience = Steps::new(checks);
        self
    }

    /// How much better than the best a value has to be to count.
    #[must_use]
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }

    /// What the threshold is measured in.
    #[must_use]
    pub fn threshold_mode(mut self, mode: ThresholdMode) -> Self {
        self.threshold_mode = mode;
        self
    }

    /// The checks after a reduction during which nothing is counted.
    #[must_use]
    pub fn cooldown(mut self, checks: impl StepCount) -> Self {
        self.cooldown = Steps::new(checks);
        self
    }

    /// The lowest rate.
    #[must_use]
    pub fn min_lr(mut self, min_lr: f64) -> Self {
        self.min_lr = min_lr;
        self
    }

    /// The smallest reduction worth making: the rate stays when it would fall by no more than this.
    #[must_use]
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }

    fn check(&self, problems: &mut Problems) {
        let Self { lr, direction: _, factor, patience, threshold, threshold_mode: _, cooldown, min_lr, eps } = self;
        curve::check_base(Self::NAME, "lr", *lr, problems);
        if !(*factor > 0.0 && *factor < 1.0) {
            problems.add(format!("`ReduceLROnPlateau`: `factor` is {factor:?}"), "give one above 0 and below 1");
        }
        patience.check_not_negative(Self::NAME, "patience", problems);
        cooldown.check_not_negative(Self::NAME, "cooldown", problems);
        for (name, value) in [("threshold", threshold), ("eps", eps)] {
            if !(value.is_finite() && *value >= 0.0) {
                problems
                    .add(format!("`ReduceLROnPlateau`: `{name}` is {value:?}"), "give a finite number of at least 0");
            }
        }
        curve::check_floor(Self::NAME, *min_lr, *lr, problems);
    }

    fn reduced(&self, lr: f64) -> f64 {
        let lower = (lr * self.factor).max(self.min_lr);
        if lr - lower > self.eps { lower } else { lr }
    }
}

impl IntoScheduler for ReduceLROnPlateau {
    fn into_scheduler(self) -> Result<Box<dyn LrScheduler>> {
        let mut problems = Problems::default();
        self.check(&mut problems);
        problems.finish()?;
        let direction = self.direction.unwrap_or(Direction::Minimize);
        Ok(Box::new(Plateau {
            lr: self.lr,
            direction,
            best: direction.worst(),
            bad_checks: 0,
            cooling: 0,
            reductions: 0,
            settings: self,
        }))
    }
}

#[derive(Clone, Debug)]
struct Plateau {
    settings: ReduceLROnPlateau,
    direction: Direction,
    lr: f64,
    best: f64,
    bad_checks: u64,
    cooling: u64,
    /// How often the rate was lowered: what is stored in the rate's place, so that the program's numbers win on resume.
    reductions: u64,
}

impl Plateau {
    fn improves(&self, value: f64) -> bool {
        let (best, threshold) = (self.best, self.settings.threshold);
        match (self.direction, self.settings.threshold_mode) {
            (Direction::Minimize, ThresholdMode::Relative) => value < best * (1.0 - threshold),
            (Direction::Minimize, ThresholdMode::Absolute) => value < best - threshold,
            (Direction::Maximize, ThresholdMode::Relative) => value > best * (1.0 + threshold),
            (Direction::Maximize, ThresholdMode::Absolute) => value > best + threshold,
        }
    }

    fn reduce(&mut self) {
        let lower = self.settings.reduced(self.lr);
        if lower < self.lr {
            self.lr = lower;
            self.reductions += 1;
        }
    }
}

impl LrScheduler for Plateau {
    fn base_lr(&self) -> f64 {
        self.settings.lr
    }

    fn lr(&self) -> f64 {
        self.lr
    }

    fn step(&mut self, monitored: Option<f64>) -> Result<()> {
        let Some(value) = monitored else {
            return Err(Error::config("`ReduceLROnPlateau` has no metric to watch")
                .help("name one beside it, as in `monitor = VAL_LOSS`"));
        };
        if self.improves(value) {
            self.best = value;
            self.bad_checks = 0;
        } else {
            self.bad_checks = self.bad_checks.saturating_add(1);
        }
        if self.cooling > 0 {
            self.cooling -= 1;
            self.bad_checks = 0;
        }
        if self.bad_checks > self.settings.patience.get() {
            self.reduce();
            self.cooling = self.settings.cooldown.get();
            self.bad_checks = 0;
        }
        Ok(())
    }

    fn wants_metric(&self) -> bool {
        true
    }

    fn watch(&mut self, direction: Direction) -> Result<()> {
        if let Some(mode) = self.settings.direction
            && mode != direction
        {
            return Err(Error::config(format!(
                "`ReduceLROnPlateau` is to {} a metric that is logged with `{}`",
                direction_word(mode),
                direction_word(direction),
            ))
            .help("leave `mode(…)` out: the metric's key says which way is better"));
        }
        if direction != self.direction {
            self.direction = direction;
            self.best = direction.worst();
        }
        Ok(())
    }

    fn state(&self) -> Value {
        json!({
            "best": state::number(self.best),
            "bad_checks": self.bad_checks,
            "cooling": self.cooling,
            "reductions": self.reductions,
        })
    }

    fn load_state(&mut self, state: &Value) -> Result<()> {
        let name = ReduceLROnPlateau::NAME;
        let best = state::read_number(state, "best", name)?;
        let bad_checks = state::count(state, "bad_checks", name)?;
        let cooling = state::count(state, "cooling", name)?;
        let reductions = state::count(state, "reductions", name)?;
        let mut lr = self.settings.lr;
        for _ in 0..reductions {
            let lower = self.settings.reduced(lr);
            if lower == lr {
                break;
            }
            lr = lower;
        }
        *self = Self { lr, best, bad_checks, cooling, reductions, settings: self.settings.clone(), ..*self };
        Ok(())
    }

    fn describe(&self) -> String {
        let ReduceLROnPlateau { lr, factor, patience, threshold, threshold_mode, cooldown, min_lr, .. } =
            &self.settings;
        let unit = match threshold_mode {
            ThresholdMode::Relative => "of the best",
            ThresholdMode::Absolute => "absolute",
        };
        format!(
            "{lr}, times {factor} after more than {patience} checks without improvement (threshold {threshold} {unit}, cooldown {cooldown}, min {min_lr})"
        )
    }

    fn boxed_clone(&self) -> Box<dyn LrScheduler> {
        Box::new(self.clone())
    }
}

fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::Minimize => "minimize",
        Direction::Maximize => "maximize",
    }
}
