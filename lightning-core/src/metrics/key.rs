//! Typed metric keys: a misspelt metric, one of another module, or one that its reader can never
//! see does not compile.

mod lookup;

use std::{fmt, marker::PhantomData};

pub(crate) use self::lookup::KeyRef;
pub use self::lookup::LoaderName;
use self::lookup::{LoaderRef, View};
use super::{Direction, MetricDef};

/// Type-level "true".
#[derive(Clone, Copy, Debug)]
pub enum Y {}

/// Type-level "false".
#[derive(Clone, Copy, Debug)]
pub enum N {}

/// The stages of a key at type level: training, validation, test, each [`Y`] or [`N`].
#[derive(Debug)]
pub struct Stages<Train, Val, Test>(PhantomData<(Train, Val, Test)>);

/// The stages of a key that was created from a name at run time: unknown.
#[derive(Debug)]
pub struct AnyStage(());

/// Type-level direction: smaller is better.
#[derive(Debug)]
pub struct Minimize(());

/// Type-level direction: larger is better.
#[derive(Debug)]
pub struct Maximize(());

/// Type-level direction: unknown.
#[derive(Debug)]
pub struct Undirected(());

/// The type-level directions that say which values are better: [`Minimize`] and [`Maximize`].
#[diagnostic::on_unimplemented(
    message = "a monitored metric needs a direction",
    label = "`minimize` or `maximize` is missing",
    note = "write `#[log(minimize)]` or `#[log(maximize)]`; for a key from `MetricKey::named`, \
            `.minimize()` or `.maximize()`",
    note = "C8 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
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

/// The stages of a metric that has a value during `fit`: it is logged in training or validation.
#[diagnostic::on_unimplemented(
    message = "a metric that is monitored or read in `fit` must be logged in training or validation",
    label = "logged in neither of them",
    note = "use a metric of `training_step`, `validation_step` or their hooks"
)]
pub trait InFit {}

impl<V, E> InFit for Stages<Y, V, E> {}
impl<E> InFit for Stages<N, Y, E> {}
impl InFit for AnyStage {}

/// The keys that a callback can monitor: those of metrics that have a value during `fit` and a
/// direction.
#[diagnostic::on_unimplemented(
    message = "a metric key is required, found `{Self}`",
    label = "expected a constant such as `Digits::VAL_LOSS`",
    note = "`#[log(minimize)] let val_loss = …;` in a step of `Digits` generates `Digits::VAL_LOSS`",
    note = "a metric whose name is only known at run time has the key `MetricKey::named(\"val_loss\").minimize()`",
    note = "C8 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait Monitor<M> {
    /// Whether smaller or larger is better.
    type Direction: Directed;
    /// The stages in which the metric is logged.
    type Stages: InFit;
    /// Returns the key.
    fn key(self) -> MetricKey<M, Self::Direction, Self::Stages>;
}

impl<M, D: Directed, S: InFit> Monitor<M> for MetricKey<M, D, S> {
    type Direction = D;
    type Stages = S;

    fn key(self) -> Self {
        self
    }
}

/// The stages of a metric that is logged in validation.
#[diagnostic::on_unimplemented(
    message = "a metric of the report of `validate` must be logged in validation",
    label = "no validation step or hook logs it",
    note = "use a metric of `validation_step` or of an `on_validation_*` hook"
)]
pub trait InValidation {}

impl<T, E> InValidation for Stages<T, Y, E> {}
impl InValidation for AnyStage {}

/// The stages of a metric that is logged in testing.
#[diagnostic::on_unimplemented(
    message = "a metric of the report of `test` must be logged in testing",
    label = "no test step or hook logs it",
    note = "use a metric of `test_step` or of an `on_test_*` hook"
)]
pub trait InTest {}

impl<T, V> InTest for Stages<T, V, Y> {}
impl InTest for AnyStage {}

/// The types of a key, without owning values of them.
type Marker<M, D, S> = PhantomData<fn() -> (M, D, S)>;

/// A metric of module `M` with direction `D`, logged in stages `S`: `Digits::VAL_LOSS`.
///
/// `#[log]` emits one key per metric, as a constant of the module. A misspelt metric, one of
/// another module, or one that its reader can never see does not compile. [`step`](Self::step) and
/// [`epoch`](Self::epoch) select one of the two values of a metric that is logged for both, and
/// [`loader`](Self::loader) selects one of several evaluation loaders.
///
/// ```
/// use lightning_core::{MetricKey, Metrics};
///
/// struct Net;
///
/// let mut metrics = Metrics::default();
/// metrics.set("val_loss/dataloader_idx_1", 0.25);
/// let key = MetricKey::<Net>::named("val_loss").loader(1);
/// assert_eq!(metrics.get(key), Some(0.25));
/// ```
pub struct MetricKey<M, D = Undirected, S = AnyStage> {
    name: &'static str,
    /// Whether the metric is logged for steps and the epoch, under two names.
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
    /// Creates the key of a declared metric; called by the macro.
    #[doc(hidden)]
    pub const fn new(def: &'static MetricDef) -> Self {
        Self { name: def.name, forks: def.forks(), view: View::Whole, loader: LoaderRef::Only, marker: PhantomData }
    }

    const fn with<E>(self) -> MetricKey<M, E, S> {
        let Self { name, forks, view, loader, .. } = self;
        MetricKey { name, forks, view, loader, marker: PhantomData }
    }

    /// Returns the name of the metric, without view and loader.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Selects the value of the last step, if the metric is logged for steps and the epoch.
    #[must_use]
    pub const fn step(mut self) -> Self {
        self.view = View::Step;
        self
    }

    /// Selects the value of the epoch, if the metric is logged for steps and the epoch.
    #[must_use]
    pub const fn epoch(mut self) -> Self {
        self.view = View::Epoch;
        self
    }

    /// Selects one of several evaluation loaders, by index or by name.
    #[must_use]
    pub fn loader(mut self, loader: impl Into<LoaderName>) -> Self {
        self.loader = loader.into().0;
        self
    }

    /// Declares that smaller is better.
    #[must_use]
    pub const fn minimize(self) -> MetricKey<M, Minimize, S> {
        self.with()
    }

    /// Declares that larger is better.
    #[must_use]
    pub const fn maximize(self) -> MetricKey<M, Maximize, S> {
        self.with()
    }
}

impl<M> MetricKey<M> {
    /// Creates the key of a metric that is named at run time, by `log("x", …)`. Call
    /// [`minimize`](Self::minimize) or [`maximize`](Self::maximize) before monitoring it.
    pub const fn named(name: &'static str) -> Self {
        Self { name, forks: false, view: View::Whole, loader: LoaderRef::Only, marker: PhantomData }
    }
}

impl<M, D, S> From<MetricKey<M, D, S>> for KeyRef {
    fn from(key: MetricKey<M, D, S>) -> Self {
        let MetricKey { name, forks, view, loader, marker: _ } = key;
        Self { name, forks, view, loader }
    }
}
