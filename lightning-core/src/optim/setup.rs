//! One declared optimizer: its configuration, its rate, its groups and its fields.

use std::borrow::Cow;

use super::{IntoLearningRate, IntoOptimizer, NamesOptimizer, OptimizerKind, Schedule};
use crate::{
    error::{Error, Result},
    params::{FieldKey, IntoParamSelector, ParamSelector},
};

/// One declared optimizer, made at the start of `fit`: by `#[optimizer(…)]`, or by hand in `configure_optimizers`.
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
    /// The fields it trains; none for all.
    pub(crate) fields: Vec<&'static str>,
}

/// A learning rate: a number, or a schedule.
#[derive(Clone, Debug)]
pub(crate) enum Rate {
    Fixed(f64),
    Scheduled(Box<Schedule>),
}

impl OptimizerSetup {
    /// An optimizer with this name and this rate, over all parameters.
    pub fn new(name: impl Into<Cow<'static, str>>, config: impl IntoOptimizer, lr: impl IntoLearningRate) -> Self {
        let rate = Rate::Fixed(lr.into_learning_rate());
        Self { name: name.into(), kind: config.into_optimizer(), rate, groups: Vec::new(), fields: Vec::new() }
    }

    /// An optimizer with this name, whose rate follows a schedule.
    pub fn scheduled(name: impl Into<Cow<'static, str>>, config: impl IntoOptimizer, schedule: Schedule) -> Self {
        let rate = Rate::Scheduled(Box::new(schedule));
        Self { name: name.into(), kind: config.into_optimizer(), rate, groups: Vec::new(), fields: Vec::new() }
    }

    /// The optimizer named by a key, which `optimizers.step(KEY, …)` and `#[training_step(optimizer = …)]` find.
    pub fn of<M>(key: impl NamesOptimizer<M>, config: impl IntoOptimizer, lr: impl IntoLearningRate) -> Self {
        Self::new(key.optimizer_name(), config, lr)
    }

    /// Adds a group of parameters with numbers of their own; of several that match, the last wins.
    #[must_use]
    pub fn group(mut self, group: ParameterGroup) -> Self {
        self.groups.push(group);
        self
    }

    /// Restricts the optimizer to this field; called again, to these fields.
    #[must_use]
    pub fn field<M, O>(mut self, field: FieldKey<M, O>) -> Self {
        self.fields.push(field.name());
        self
    }

    /// The same, by Burn's own operations.
    pub(crate) fn unfused(mut self) -> Self {
        self.kind = self.kind.unfused();
        for group in &mut self.groups {
            group.kind = group.kind.take().map(OptimizerKind::unfused);
        }
        self
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The learning rate, of a schedule the first.
    pub fn learning_rate(&self) -> f64 {
        match &self.rate {
            Rate::Fixed(lr) => *lr,
            Rate::Scheduled(schedule) => schedule.lr(),
        }
    }

    /// The configuration as text: every number the optimizer has.
    pub fn describe(&self) -> &str {
        &self.kind.text
    }
}

/// Parameters of an optimizer that have numbers of their own.
#[derive(Clone, Debug)]
pub struct ParameterGroup {
    pub(crate) selector: ParamSelector,
    pub(crate) kind: Option<OptimizerKind>,
    pub(crate) lr: Option<f64>,
}

impl ParameterGroup {
    /// The group of these parameters; it has the optimizer's numbers until they are changed.
    pub fn new(selector: impl IntoParamSelector) -> Self {
        Self { selector: selector.into_selector(), kind: None, lr: None }
    }

    /// The group's learning rate. A schedule of the optimizer keeps its ratio to the schedule's own.
    #[must_use]
    pub fn lr(self, lr: impl IntoLearningRate) -> Self {
        Self { lr: Some(lr.into_learning_rate()), ..self }
    }

    /// The group's configuration.
    #[must_use]
    pub fn config(self, config: impl IntoOptimizer) -> Self {
        Self { kind: Some(config.into_optimizer()), ..self }
    }
}

/// What `configure_optimizers` may return: one optimizer, several, or a `Result` of either.
#[diagnostic::on_unimplemented(
    message = "`configure_optimizers` cannot return `{Self}`",
    label = "expected optimizers",
    note = "return an `OptimizerSetup`, a `Vec<OptimizerSetup>`, or a `Result` of one of these"
)]
pub trait IntoOptimizers {
    /// Converts it.
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
