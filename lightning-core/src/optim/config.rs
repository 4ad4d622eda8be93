//! Optimizer configurations, weight decay, PyTorch's defaults, and learning rates.

use std::{fmt, sync::Arc};

use burn::{
    grad_clipping::GradientClipping,
    optim::{
        AdaGradConfig, AdamConfig, AdamWConfig, LBFGSConfig, RmsPropConfig, decay::WeightDecayConfig,
        momentum::MomentumConfig,
    },
};

use super::fused::{BurnOptimizer, UpdateRule};

/// A configuration that an optimizer can be made from: one of Burn's optimizer configurations.
// The table in `fused/mod.rs` implements it for all that update one parameter at a time.
#[diagnostic::on_unimplemented(
    message = "an optimizer configuration is required, found `{Self}`",
    label = "expected a configuration such as `AdamConfig::new()`",
    note = "write a configuration of Burn: `AdamConfig::new()`, `AdamWConfig::new()`, \
            `SgdConfig::new()`, `RmsPropConfig::new()`",
    note = "C13 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait IntoOptimizer {
    /// Converts the configuration.
    fn into_optimizer(self) -> OptimizerKind;
}

/// A configured optimizer: its rule, its gradient clipping, and its numbers as text.
#[derive(Clone)]
pub struct OptimizerKind {
    pub(crate) rule: OptimizerRule,
    pub(crate) clipping: Option<GradientClipping>,
    pub(crate) text: String,
    /// Makes the rule with another momentum or first beta, for schedules that drive it; `None` for
    /// optimizers that have neither.
    pub(crate) with_momentum: Option<WithMomentum>,
}

/// Makes an update rule with the given momentum.
pub(crate) type WithMomentum = Arc<dyn Fn(f64) -> UpdateRule + Send + Sync>;

/// How an optimizer updates the parameters.
#[derive(Clone)]
pub(crate) enum OptimizerRule {
    /// Updates each parameter from its own gradient.
    PerParameter(UpdateRule),
    /// Updates all parameters as one vector, with several evaluations of the loss per step.
    Lbfgs(LBFGSConfig),
}

impl OptimizerKind {
    /// The optimizer of a configuration in the table of fused optimizers.
    pub(super) fn per_parameter<C: BurnOptimizer>(config: C) -> Self {
        Self {
            rule: OptimizerRule::PerParameter(config.update_rule()),
            clipping: config.clipping(),
            text: format!("{config:?}"),
            with_momentum: C::WITH_MOMENTUM.map(|with_momentum| -> WithMomentum {
                Arc::new(move |momentum| with_momentum(config.clone(), momentum).update_rule())
            }),
        }
    }

    /// Returns the same optimizer without fused passes.
    pub(crate) fn unfused(mut self) -> Self {
        self.rule = match self.rule {
            OptimizerRule::PerParameter(rule) => OptimizerRule::PerParameter(rule.unfused()),
            lbfgs @ OptimizerRule::Lbfgs(_) => lbfgs,
        };
        self.with_momentum = self
            .with_momentum
            .map(|with_momentum| -> WithMomentum { Arc::new(move |momentum| with_momentum(momentum).unfused()) });
        self
    }
}

impl fmt::Debug for OptimizerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl IntoOptimizer for LBFGSConfig {
    fn into_optimizer(self) -> OptimizerKind {
        OptimizerKind {
            clipping: None,
            text: format!("{self:?}"),
            rule: OptimizerRule::Lbfgs(self),
            with_momentum: None,
        }
    }
}

/// Sets the weight decay of a configuration, for a parameter group:
/// `group(params::rank_below(2), weight_decay = 0.0)`.
///
/// ```
/// use burn::optim::AdamWConfig;
/// use lightning_core::optim::WeightDecay;
///
/// let config = AdamWConfig::new().weight_decay(0.1);
/// assert!(format!("{config}").contains("0.1"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no weight decay",
    label = "this optimizer has no weight decay to set",
    note = "remove `weight_decay` from the group",
    note = "C13 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait WeightDecay: Sized {
    /// Returns the configuration with this weight decay; 0 turns it off.
    #[must_use]
    fn weight_decay(self, rate: f64) -> Self;
}

/// The two types in which Burn's configurations take a weight decay.
pub(super) trait WeightDecayArgument {
    fn from_rate(rate: f64) -> Self;
}

/// Decoupled weight decay.
impl WeightDecayArgument for f32 {
    fn from_rate(rate: f64) -> Self {
        rate as f32
    }
}

/// An L2 penalty.
impl WeightDecayArgument for Option<WeightDecayConfig> {
    fn from_rate(rate: f64) -> Self {
        (rate != 0.0).then(|| WeightDecayConfig::new(rate as f32))
    }
}

/// PyTorch's default values, where Burn's differ.
///
/// | configuration | Burn | PyTorch |
/// |---|---|---|
/// | `AdamConfig` | ε 1e-5 | ε 1e-8 |
/// | `AdamWConfig` | ε 1e-5, decay 1e-4 | ε 1e-8, decay 1e-2 |
/// | `AdaGradConfig` | ε 1e-5 | ε 1e-10 |
/// | `RmsPropConfig` | momentum 0.9, ε 1e-5 | momentum 0, ε 1e-8 |
/// | `MomentumConfig` (of SGD) | dampening 0.1 | dampening 0 |
///
/// ```
/// use burn::optim::AdamConfig;
/// use lightning_core::TorchDefaults;
///
/// let config = AdamConfig::torch_defaults().with_beta_2(0.98);
/// # let _ = config;
/// ```
pub trait TorchDefaults {
    /// Returns the configuration with PyTorch's default values.
    #[must_use]
    fn torch_defaults() -> Self;
}

impl TorchDefaults for AdamConfig {
    fn torch_defaults() -> Self {
        Self::new().with_epsilon(1e-8)
    }
}

impl TorchDefaults for AdamWConfig {
    fn torch_defaults() -> Self {
        Self::new().with_epsilon(1e-8).with_weight_decay(1e-2)
    }
}

impl TorchDefaults for AdaGradConfig {
    fn torch_defaults() -> Self {
        Self::new().with_epsilon(1e-10)
    }
}

impl TorchDefaults for RmsPropConfig {
    fn torch_defaults() -> Self {
        Self::new().with_momentum(0.0).with_epsilon(1e-8)
    }
}

impl TorchDefaults for MomentumConfig {
    fn torch_defaults() -> Self {
        Self::new().with_dampening(0.0)
    }
}

/// A learning rate for `lr = …` without `interval`: an `f64` or `f32`.
#[diagnostic::on_unimplemented(
    message = "`lr` without an `interval` must be a number, found `{Self}`",
    label = "expected a number, or `interval` beside a schedule",
    note = "write `lr = 1e-3` or the name of an `f64` hyperparameter; or write `interval = step` or \
            `interval = epoch` after a schedule",
    note = "C13 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait IntoLearningRate {
    /// Converts the rate.
    fn into_learning_rate(self) -> f64;
}

impl IntoLearningRate for f64 {
    fn into_learning_rate(self) -> f64 {
        self
    }
}

impl IntoLearningRate for f32 {
    /// Converts by way of the shortest decimal, so that `1e-3f32` becomes `1e-3` rather than
    /// `0.0010000000474974513`.
    fn into_learning_rate(self) -> f64 {
        self.to_string().parse().unwrap_or(f64::from(self))
    }
}
