//! What a module declares about a metric: its stages, direction and reduction.

use serde::{Deserialize, Serialize};

use crate::stage::Stage;

/// Whether smaller or larger values of a metric are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Smaller is better.
    Minimize,
    /// Larger is better.
    Maximize,
}

impl Direction {
    /// Returns whether `a` is strictly better than `b`. A NaN is never better, and any number is
    /// better than a NaN.
    ///
    /// ```
    /// use lightning_core::metrics::Direction;
    ///
    /// assert!(Direction::Minimize.is_better(0.1, 0.2));
    /// assert!(!Direction::Maximize.is_better(f64::NAN, 0.2));
    /// ```
    pub fn is_better(self, a: f64, b: f64) -> bool {
        match (a.is_nan(), b.is_nan()) {
            (true, _) => false,
            (false, true) => true,
            _ => match self {
                Self::Minimize => a < b,
                Self::Maximize => a > b,
            },
        }
    }

    /// Returns the value that every other is better than: ±∞.
    pub const fn worst(self) -> f64 {
        match self {
            Self::Minimize => f64::INFINITY,
            Self::Maximize => f64::NEG_INFINITY,
        }
    }
}

/// How the values of an epoch are reduced to one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reduce {
    /// The mean, weighted by batch size.
    #[default]
    Mean,
    /// The sum.
    Sum,
    /// The smallest value.
    Min,
    /// The largest value.
    Max,
}

/// The stages in which a metric is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageSet(u8);

impl StageSet {
    /// The empty set.
    pub const NONE: Self = Self(0);
    /// Training.
    pub const TRAIN: Self = Self(1);
    /// Validation.
    pub const VAL: Self = Self(2);
    /// Test.
    pub const TEST: Self = Self(4);

    /// Returns the union of both sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it is [`TEST`](Self::TEST) and nothing else.
    #[cfg(feature = "cli")]
    pub(crate) const fn is_test_alone(self) -> bool {
        self.0 == Self::TEST.0
    }

    /// Returns whether the set contains the stage.
    pub const fn contains(self, stage: Stage) -> bool {
        let bit = match stage {
            Stage::Fit => 1,
            Stage::Validate => 2,
            Stage::Test => 4,
            Stage::Predict => 0,
        };
        self.0 & bit != 0
    }
}

/// A metric that a module logs: its name and the options of its `#[log]`.
///
/// The macro emits one per metric.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MetricDef {
    /// The name in logs.
    pub name: &'static str,
    /// The stages in which it is logged.
    pub stages: StageSet,
    /// Whether smaller or larger is better, if the module says so.
    pub direction: Option<Direction>,
    /// Whether the progress bar shows it.
    pub prog_bar: bool,
    /// Whether the values of single steps are logged.
    pub on_step: bool,
    /// Whether the value of the epoch is logged.
    pub on_epoch: bool,
    /// Whether it is passed to the loggers.
    pub logger: bool,
    /// How the values of an epoch are reduced to one.
    pub reduce: Reduce,
    /// Whether the values update a stateful metric, which computes the value of the epoch.
    pub stateful: bool,
}

impl MetricDef {
    /// Creates a metric with the default options.
    pub const fn new(name: &'static str, stages: StageSet) -> Self {
        Self {
            name,
            stages,
            direction: None,
            prog_bar: false,
            on_step: false,
            on_epoch: false,
            logger: true,
            reduce: Reduce::Mean,
            stateful: false,
        }
    }

    /// Creates a metric of training.
    pub const fn train(name: &'static str) -> Self {
        Self::new(name, StageSet::TRAIN)
    }

    /// Creates a metric of validation.
    pub const fn val(name: &'static str) -> Self {
        Self::new(name, StageSet::VAL)
    }

    /// Creates a metric of testing.
    pub const fn test(name: &'static str) -> Self {
        Self::new(name, StageSet::TEST)
    }

    /// Adds the training stage.
    #[must_use]
    pub const fn and_train(self) -> Self {
        self.and(StageSet::TRAIN)
    }

    /// Adds the validation stage.
    #[must_use]
    pub const fn and_val(self) -> Self {
        self.and(StageSet::VAL)
    }

    /// Adds the test stage.
    #[must_use]
    pub const fn and_test(self) -> Self {
        self.and(StageSet::TEST)
    }

    const fn and(mut self, stages: StageSet) -> Self {
        self.stages = self.stages.union(stages);
        self
    }

    /// Declares that smaller is better.
    #[must_use]
    pub const fn minimize(mut self) -> Self {
        self.direction = Some(Direction::Minimize);
        self
    }

    /// Declares that larger is better.
    #[must_use]
    pub const fn maximize(mut self) -> Self {
        self.direction = Some(Direction::Maximize);
        self
    }

    /// Shows the metric in the progress bar.
    #[must_use]
    pub const fn prog_bar(mut self) -> Self {
        self.prog_bar = true;
        self
    }

    /// Logs the values of single steps.
    #[must_use]
    pub const fn on_step(mut self) -> Self {
        self.on_step = true;
        self
    }

    /// Logs the value of the epoch.
    #[must_use]
    pub const fn on_epoch(mut self) -> Self {
        self.on_epoch = true;
        self
    }

    /// Does not pass the metric to the loggers.
    #[must_use]
    pub const fn no_logger(mut self) -> Self {
        self.logger = false;
        self
    }

    /// Sets how the values of an epoch are reduced. Default: the mean.
    #[must_use]
    pub const fn reduce(mut self, reduce: Reduce) -> Self {
        self.reduce = reduce;
        self
    }

    /// Declares that the values update a stateful metric.
    #[must_use]
    pub const fn stateful(mut self) -> Self {
        self.stateful = true;
        self
    }

    /// Returns whether steps and the epoch both have a value, under two names.
    pub(crate) const fn forks(&self) -> bool {
        self.on_step && self.on_epoch
    }
}
