//! Typed metric keys: a misspelt metric, one of another module, or one that its reader can never see does not compile.

use std::{fmt, marker::PhantomData};

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
    /// Whether `a` is strictly better than `b`; a NaN is never better, and anything is better than a NaN.
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

    /// The value that every other is better than.
    pub const fn worst(self) -> f64 {
        match self {
            Self::Minimize => f64::INFINITY,
            Self::Maximize => f64::NEG_INFINITY,
        }
    }
}

/// How the values of an epoch become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduce {
    /// The mean, weighted by batch size.
    #[default]
    Mean,
    /// The sum.
    Sum,
    /// The smallest.
    Min,
    /// The largest.
    Max,
}

/// The stages in which a metric is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageSet(u8);

impl StageSet {
    /// No stage.
    pub const NONE: Self = Self(0);
    /// Training.
    pub const TRAIN: Self = Self(1);
    /// Validation.
    pub const VAL: Self = Self(2);
    /// Test.
    pub const TEST: Self = Self(4);

    /// Both sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the set has the stage.
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

/// One metric that a module logs: the options of its `#[log]`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MetricDef {
    /// The metric's name in logs.
    pub name: &'static str,
    /// Where it is logged.
    pub stages: StageSet,
    /// Which way is better, when the module says.
    pub direction: Option<Direction>,
    /// Whether the progress bar shows it.
    pub prog_bar: bool,
    /// Whether the values of single steps are kept and logged.
    pub on_step: bool,
    /// Whether the epoch's value is computed and logged.
    pub on_epoch: bool,
    /// Whether loggers get it.
    pub logger: bool,
    /// How an epoch's values become one.
    pub reduce: Reduce,
    /// Whether a stateful metric is updated with the values, which then says itself what they come to.
    pub stateful: bool,
}

impl MetricDef {
    /// A metric with the default options; emitted by the macro.
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

    /// A metric of training.
    pub const fn train(name: &'static str) -> Self {
        Self::new(name, StageSet::TRAIN)
    }

    /// A metric of validation.
    pub const fn val(name: &'static str) -> Self {
        Self::new(name, StageSet::VAL)
    }

    /// A metric of testing.
    pub const fn test(name: &'static str) -> Self {
        Self::new(name, StageSet::TEST)
    }

    /// Logged in training as well.
    #[must_use]
    pub const fn and_train(self) -> Self {
        self.and(StageSet::TRAIN)
    }

    /// Logged in validation as well.
    #[must_use]
    pub const fn and_val(self) -> Self {
        self.and(StageSet::VAL)
    }

    /// Logged in testing as well.
    #[must_use]
    pub const fn and_test(self) -> Self {
        self.and(StageSet::TEST)
    }

    const fn and(mut self, stages: StageSet) -> Self {
        self.stages = self.stages.union(stages);
        self
    }

    /// Smaller is better.
    #[must_use]
    pub const fn minimize(mut self) -> Self {
        self.direction = Some(Direction::Minimize);
        self
    }

    /// Larger is better.
    #[must_use]
    pub const fn maximize(mut self) -> Self {
        self.direction = Some(Direction::Maximize);
        self
    }

    /// Shown in the progress bar.
    #[must_use]
    pub const fn prog_bar(mut self) -> Self {
        self.prog_bar = true;
        self
    }

    /// Logged at single steps.
    #[must_use]
    pub const fn on_step(mut self) -> Self {
        self.on_step = true;
        self
    }

    /// Logged for the epoch.
    #[must_use]
    pub const fn on_epoch(mut self) -> Self {
        self.on_epoch = true;
        self
    }

    /// Kept from the loggers.
    #[must_use]
    pub const fn no_logger(mut self) -> Self {
        self.logger = false;
        self
    }

    /// Reduced otherwise than by the mean.
    #[must_use]
    pub const fn reduce(mut self, reduce: Reduce) -> Self {
        self.reduce = reduce;
        self
    }

    /// Updates a stateful metric with the values.
    #[must_use]
    pub const fn stateful(mut self) -> Self {
        self.stateful = true;
        self
    }

    /// Whether the metric has a value for single steps and one for the epoch, under two names.
    pub(crate) const fn forks(&self) -> bool {
        self.on_step && self.on_epoch
    }
}

/// Type-level "yes".
#[derive(Clone, Copy, Debug)]
pub enum Y {}

/// Type-level "no".
#[derive(Clone, Copy, Debug)]
pub enum N {}

/// The stages of a key at type level: training, validation, test, each [`Y`] or [`N`].
#[derive(Debug)]
pub struct Stages<Train, Val, Test>(PhantomData<(Train, Val, Test)>);

/// The stages of a key made from a name at run time: nothing is known.
#[derive(Debug)]
pub struct AnyStage(());

/// Type-level direction: smaller is better.
#[derive(Debug)]
pub struct Minimize(());

/// Type-level direction: larger is better.
#[derive(Debug)]
pub struct Maximize(());

/// Type-level direction: the module does not say.
#[derive(Debug)]
pub struct Undirected(());

/// A key that says which way is better.
#[diagnostic::on_unimplemented(
    message = "this metric does not say whether smaller or larger is better",
    label = "a metric with no direction cannot be monitored",
    note = "write `#[log(minimize)]` or `#[log(maximize)]` where the metric is logged; of a key made by name, `.minimize()` or `.maximize()`"
)]
pub trait Directed {
    /// The direction as a value.
    const DIRECTION: Direction;
}

impl Directed for Minimize {
    const DIRECTION: Direction = Direction::Minimize;
}

impl Directed for Maximize {
    const DIRECTION: Direction = Direction::Maximize;
}

/// A key with a value while `fit` runs: logged in training or in validation.
#[diagnostic::on_unimplemented(
    message = "this metric is never produced while fitting",
    label = "logged in neither training nor validation",
    note = "monitor a metric that `training_step`, `validation_step` or their hooks log"
)]
pub trait InFit {}

impl<V, E> InFit for Stages<Y, V, E> {}
impl<E> InFit for Stages<N, Y, E> {}
impl InFit for AnyStage {}

/// What a callback can watch: the key of a metric that has a value while `fit` runs and says which way is better.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no key of a metric",
    label = "expected the constant that `#[log]` makes, such as `Digits::VAL_LOSS`",
    note = "`#[log(minimize)] let val_loss = …;` in a step of `Digits` makes `Digits::VAL_LOSS`",
    note = "a metric logged under a name of run time has the key `MetricKey::named(\"val_loss\").minimize()`"
)]
pub trait Monitor<M> {
    /// Which way is better.
    type Direction: Directed;
    /// The stages that log it.
    type Stages: InFit;
    /// The key.
    fn key(self) -> MetricKey<M, Self::Direction, Self::Stages>;
}

impl<M, D: Directed, S: InFit> Monitor<M> for MetricKey<M, D, S> {
    type Direction = D;
    type Stages = S;

    fn key(self) -> Self {
        self
    }
}

/// A key that training logs.
#[diagnostic::on_unimplemented(
    message = "this metric is not logged in training",
    label = "no training step or training hook logs it",
    note = "use a metric that `training_step` or an `on_train_*` hook logs"
)]
pub trait InTraining {}

impl<V, E> InTraining for Stages<Y, V, E> {}
impl InTraining for AnyStage {}

/// A key that validation logs.
#[diagnostic::on_unimplemented(
    message = "this metric is not logged in validation",
    label = "no validation step or validation hook logs it"
)]
pub trait InValidation {}

impl<T, E> InValidation for Stages<T, Y, E> {}
impl InValidation for AnyStage {}

/// A key that the test stage logs.
#[diagnostic::on_unimplemented(message = "this metric is not logged in testing", label = "no test step logs it")]
pub trait InTest {}

impl<T, V> InTest for Stages<T, V, Y> {}
impl InTest for AnyStage {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    Whole,
    Step,
    Epoch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LoaderRef {
    Only,
    Index(usize),
    Named(&'static str),
}

/// The types of a key, without owning values of them.
type Marker<M, D, S> = PhantomData<fn() -> (M, D, S)>;

/// A metric of module `M` with direction `D`, logged in stages `S`: `Digits::VAL_LOSS`.
///
/// Keys are made by `#[log]`, one constant for each metric. [`step`](Self::step) and [`epoch`](Self::epoch) choose between
/// the two values of a metric that is logged for both; [`loader`](Self::loader) chooses one of several evaluation loaders.
pub struct MetricKey<M, D = Undirected, S = AnyStage> {
    name: &'static str,
    forks: bool,
    view: View,
    loader: LoaderRef,
    marker: Marker<M, D, S>,
}

impl<M, D, S> Clone for MetricKey<M, D, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M, D, S> Copy for MetricKey<M, D, S> {}

impl<M, D, S> fmt::Debug for MetricKey<M, D, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MetricKey({})", KeyRef::from(*self).display())
    }
}

impl<M, D, S> MetricKey<M, D, S> {
    /// The key of a declared metric; emitted by the macro.
    #[doc(hidden)]
    pub const fn new(def: &'static MetricDef) -> Self {
        Self { name: def.name, forks: def.forks(), view: View::Whole, loader: LoaderRef::Only, marker: PhantomData }
    }

    const fn with<E>(self) -> MetricKey<M, E, S> {
        let Self { name, forks, view, loader, .. } = self;
        MetricKey { name, forks, view, loader, marker: PhantomData }
    }

    /// The metric's name, without view and loader.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The value of the last step, where the metric has both.
    #[must_use]
    pub const fn step(mut self) -> Self {
        self.view = View::Step;
        self
    }

    /// The value of the epoch, where the metric has both.
    #[must_use]
    pub const fn epoch(mut self) -> Self {
        self.view = View::Epoch;
        self
    }

    /// The metric on one of several evaluation loaders, by index or by name.
    #[must_use]
    pub fn loader(mut self, loader: impl Into<LoaderName>) -> Self {
        self.loader = loader.into().0;
        self
    }

    /// The same metric, smaller being better.
    #[must_use]
    pub const fn minimize(self) -> MetricKey<M, Minimize, S> {
        self.with()
    }

    /// The same metric, larger being better.
    #[must_use]
    pub const fn maximize(self) -> MetricKey<M, Maximize, S> {
        self.with()
    }
}

impl<M> MetricKey<M> {
    /// A key for a metric logged under a name of run time (`log("x", …)`); say which way is better with
    /// [`minimize`](Self::minimize) or [`maximize`](Self::maximize) before monitoring it.
    pub const fn named(name: &'static str) -> Self {
        Self { name, forks: false, view: View::Whole, loader: LoaderRef::Only, marker: PhantomData }
    }
}

/// Which of several evaluation loaders: an index or a name.
#[derive(Clone, Copy, Debug)]
pub struct LoaderName(LoaderRef);

impl From<usize> for LoaderName {
    fn from(index: usize) -> Self {
        Self(LoaderRef::Index(index))
    }
}

impl From<&'static str> for LoaderName {
    fn from(name: &'static str) -> Self {
        Self(LoaderRef::Named(name))
    }
}

/// A key without its types: what the engine looks up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyRef {
    name: &'static str,
    forks: bool,
    view: View,
    loader: LoaderRef,
}

impl<M, D, S> From<MetricKey<M, D, S>> for KeyRef {
    fn from(key: MetricKey<M, D, S>) -> Self {
        let MetricKey { name, forks, view, loader, marker: _ } = key;
        Self { name, forks, view, loader }
    }
}

impl KeyRef {
    /// The name under which the value is found, among the metrics of a run.
    pub(crate) fn display(self) -> String {
        self.name_of("", &self.loader_suffix())
    }

    /// The ending for the key's loader.
    pub(crate) fn loader_suffix(self) -> String {
        match self.loader {
            LoaderRef::Only => String::new(),
            LoaderRef::Index(index) => format!("/dataloader_idx_{index}"),
            LoaderRef::Named(loader) => format!("/{loader}"),
        }
    }

    /// The name with the endings for a part of the value and for a loader.
    pub(crate) fn name_of(self, part: &str, loader: &str) -> String {
        let view = match (self.forks, self.view) {
            (true, View::Step) => "_step",
            (true, View::Epoch) => "_epoch",
            _ => "",
        };
        let underscore = if part.is_empty() { "" } else { "_" };
        format!("{}{underscore}{part}{view}{loader}", self.name)
    }

    /// The number of the loader, where it is known by that.
    pub(crate) const fn loader_index(self) -> Option<usize> {
        match self.loader {
            LoaderRef::Index(index) => Some(index),
            LoaderRef::Only | LoaderRef::Named(_) => None,
        }
    }

    /// The metric's own name.
    pub(crate) const fn metric(self) -> &'static str {
        self.name
    }
}
