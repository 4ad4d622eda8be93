//! The declaration of an optimizer: its configuration, learning rate, groups and fields.

use std::borrow::Cow;

use super::{IntoLearningRate, IntoOptimizer, NamesOptimizer, OptimizerKind, Schedule};
use crate::{
    error::{Error, Result},
    params::{FieldKey, IntoParamSelector, ParamSelector},
};

/// The declaration of an optimizer, made at the start of `fit` by `#[optimizer(…)]` or by
/// `configure_optimizers`.
///
/// ```
/// use burn::optim::AdamWConfig;
/// use lightning_core::{optim::ParameterGroup, prelude::*};
///
/// let config = AdamWConfig::new().with_weight_decay(0.1);
/// let optimizer = OptimizerSetup::new("optimizer", config.clone(), 1e-3)
///     .group(ParameterGroup::new(params::rank_below(2)).config(config.with_weight_decay(0.0)));
/// assert_eq!(optimizer.learning_rate(), 1e-3);
/// ```
#[derive(Clone, Debug)]
pub struct OptimizerSetup {
    pub(crate) name: Cow<'static, str>,
    pub(crate) kind: OptimizerKind,
    pub(crate) rate: Rate,
    pub(crate) groups: Vec<ParameterGroup>,
    /// The fields it trains; empty for all.
    pub(crate) fields: Vec<&'static str>,
}

/// A learning rate: a number, or a schedule.
#[derive(Clone, Debug)]
pub(crate) enum Rate {
    Fixed(f64),
    Scheduled(Box<Schedule>),
}

impl OptimizerSetup {
    /// Creates an optimizer of all parameters with a constant learning rate.
    pub fn new(name: impl Into<Cow<'static, str>>, config: impl IntoOptimizer, lr: impl IntoLearningRate) -> Self {
        let rate = Rate::Fixed(lr.into_learning_rate());
        Self { name: name.into(), kind: config.into_optimizer(), rate, groups: Vec::new(), fields: Vec::new() }
    }

    /// Creates an optimizer of all parameters whose learning rate follows a schedule.
    ///
    /// ```
    /// use burn::optim::SgdConfig;
    /// use lightning_core::{optim::{Interval, Schedule}, prelude::*};
    ///
    /// let schedule = Schedule::new(Cosine::new(0.1, 100), Interval::Epoch)?;
    /// let optimizer = OptimizerSetup::scheduled("optimizer", SgdConfig::new(), schedule);
    /// assert_eq!(optimizer.learning_rate(), 0.1);
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    pub fn scheduled(name: impl Into<Cow<'static, str>>, config: impl IntoOptimizer, schedule: Schedule) -> Self {
        let rate = Rate::Scheduled(Box::new(schedule));
        Self { name: name.into(), kind: config.into_optimizer(), rate, groups: Vec::new(), fields: Vec::new() }
    }

    /// Creates an optimizer with the name of a key, by which `optimizers.step(KEY, …)` and
    /// `#[training_step(optimizer = …)]` find it.
    pub fn of<M>(key: impl NamesOptimizer<M>, config: impl IntoOptimizer, lr: impl IntoLearningRate) -> Self {
        Self::new(key.optimizer_name(), config, lr)
    }

    /// Adds a group of parameters with different settings. If several groups match a parameter, the
    /// last one applies.
    #[must_use]
    pub fn group(mut self, group: ParameterGroup) -> Self {
        self.groups.push(group);
        self
    }

    /// Restricts the optimizer to a field. Repeated calls add fields.
    #[must_use]
    pub fn field<M, O>(mut self, field: FieldKey<M, O>) -> Self {
        self.fields.push(field.name());
        self
    }

    /// Returns the same optimizer without fused passes.
    pub(crate) fn unfused(mut self) -> Self {
        self.kind = self.kind.unfused();
        for group in &mut self.groups {
            group.kind = group.kind.take().map(OptimizerKind::unfused);
        }
        self
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the learning rate; for a schedule, the first one.
    pub fn learning_rate(&self) -> f64 {
        match &self.rate {
            Rate::Fixed(lr) => *lr,
            Rate::Scheduled(schedule) => schedule.lr(),
        }
    }

    /// Returns the configuration as text, with all its settings.
    pub fn describe(&self) -> &str {
        &self.kind.text
    }
}

/// Parameters of an optimizer with different settings, such as no weight decay.
///
/// ```
/// use burn::optim::AdamWConfig;
/// use lightning_core::{optim::ParameterGroup, prelude::*};
///
/// let config = AdamWConfig::new().with_weight_decay(0.0);
/// let group = ParameterGroup::new(params::rank_below(2)).config(config).lr(1e-4);
/// # let _ = group;
/// ```
#[derive(Clone, Debug)]
pub struct ParameterGroup {
    pub(crate) selector: ParamSelector,
    pub(crate) kind: Option<OptimizerKind>,
    pub(crate) lr: Option<f64>,
}

impl ParameterGroup {
    /// Creates a group of the parameters that `selector` matches, with the settings of the
    /// optimizer.
    pub fn new(selector: impl IntoParamSelector) -> Self {
        Self { selector: selector.into_selector(), kind: None, lr: None }
    }

    /// Sets the learning rate of the group. If the optimizer has a schedule, the ratio to the base
    /// rate of the schedule is kept.
    #[must_use]
    pub fn lr(self, lr: impl IntoLearningRate) -> Self {
        Self { lr: Some(lr.into_learning_rate()), ..self }
    }

    /// Sets the configuration of the group.
    #[must_use]
    pub fn config(self, config: impl IntoOptimizer) -> Self {
        Self { kind: Some(config.into_optimizer()), ..self }
    }
}

/// A return type of `configure_optimizers`: one optimizer, several, or a `Result` of either.
#[diagnostic::on_unimplemented(
    message = "`configure_optimizers` must return optimizers, found `{Self}`",
    label = "expected `OptimizerSetup` or `Vec<OptimizerSetup>`",
    note = "write `OptimizerSetup::new(\"adam\", AdamConfig::new(), 1e-3)`, several in a `Vec`, or a `Result` of either",
    note = "C12 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait IntoOptimizers {
    /// Converts the value.
    #[doc(hidden)]
    fn into_optimizers(self) -> Result<Vec<OptimizerSetup>>;
}

impl IntoOptimizers for OptimizerSetup {
    fn into_optimizers(self) -> Result<Vec<OptimizerSetup>> {
        Ok(vec![self])
    }
}

impl IntoOptimizers for Vec<OptimizerSetup> {
    fn into_optimizers(self) -> Result<Vec<OptimizerSetup>> {
        Ok(self)
    }
}

impl<const N: usize> IntoOptimizers for [OptimizerSetup; N] {
    fn into_optimizers(self) -> Result<Vec<OptimizerSetup>> {
        Ok(self.into())
    }
}

impl<T: IntoOptimizers, E: Into<Error>> IntoOptimizers for Result<T, E> {
    fn into_optimizers(self) -> Result<Vec<OptimizerSetup>> {
        self.map_err(Into::into)?.into_optimizers()
    }
}
