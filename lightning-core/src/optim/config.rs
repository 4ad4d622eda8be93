//! The configurations that optimizers are made from, and learning rates.

use std::{fmt, sync::Arc};

use burn::{
    grad_clipping::GradientClipping,
    optim::{
        AdaGradConfig, AdafactorConfig, AdamConfig, AdamWConfig, AdanConfig, LBFGSConfig, LambConfig, LionConfig,
        MuonConfig, RmsPropConfig, SgdConfig, decay::WeightDecayConfig, momentum::MomentumConfig,
    },
};

use crate::optim::fused;

/// A configuration that an optimizer can be made from: Burn's optimizer configurations.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no optimizer configuration",
    label = "expected a configuration such as `AdamConfig::new()`",
    note = "the first argument of `#[optimizer(…)]` is one of Burn's configurations: `AdamConfig`, `AdamWConfig`, `SgdConfig`, `RmsPropConfig`, …"
)]
pub trait IntoOptimizer {
    /// The optimizer.
    fn into_optimizer(self) -> OptimizerKind;
}

/// An optimizer as configured: its rule, its clipping, and its numbers as text.
#[derive(Clone)]
pub struct OptimizerKind {
    pub(crate) rule: Rule,
    pub(crate) clipping: Option<GradientClipping>,
    pub(crate) text: String,
    /// The same rule with another momentum (or first beta), for schedules that drive it; `None` where there is none.
    pub(crate) with_momentum: Option<WithMomentum>,
}

/// Makes a rule with another momentum.
pub(crate) type WithMomentum = Arc<dyn Fn(f64) -> fused::Rule + Send + Sync>;

/// How an optimizer updates.
#[derive(Clone)]
pub(crate) enum Rule {
    /// Each parameter by itself, from its gradient.
    Each(fused::Rule),
    /// All parameters as one vector, with as many evaluations of the loss as it takes.
    Lbfgs(LBFGSConfig),
}

impl OptimizerKind {
    /// The same, by Burn's own operations.
    pub(crate) fn unfused(mut self) -> Self {
        self.rule = match self.rule {
            Rule::Each(rule) => Rule::Each(rule.unfused()),
            lbfgs @ Rule::Lbfgs(_) => lbfgs,
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

macro_rules! burn_configs {
    ($($config:ident $(momentum $momentum:expr)?),* $(,)?) => {
        $(impl IntoOptimizer for $config {
            fn into_optimizer(self) -> OptimizerKind {
                #[allow(unused_mut, unused_assignments, reason = "some have no momentum")]
                let mut with_momentum: Option<WithMomentum> = None;
                $({
                    let config = self.clone();
                    let change: fn($config, f64) -> $config = $momentum;
                    with_momentum = Some(Arc::new(move |momentum| {
                        let config = change(config.clone(), momentum);
                        fused::rule_for(&config, config.build())
                    }));
                })?
                OptimizerKind {
                    // `init` is the only place where Burn shows the clipping of a configuration.
                    clipping: self.init().grad_clipping().cloned(),
                    rule: Rule::Each(fused::rule_for(&self, self.build())),
                    text: format!("{self:?}"),
                    with_momentum,
                }
            }
        })*
    };
}

burn_configs!(
    AdaGradConfig,
    AdafactorConfig,
    AdamConfig momentum |config, beta| config.with_beta_1(beta as f32),
    AdamWConfig momentum |config, beta| config.with_beta_1(beta as f32),
    AdanConfig,
    LambConfig momentum |config, beta| config.with_beta_1(beta as f32),
    LionConfig momentum |config, beta| config.with_beta_1(beta as f32),
    MuonConfig,
    RmsPropConfig momentum |config, momentum| config.with_momentum(momentum as f32),
    SgdConfig momentum sgd_with_momentum,
);

/// Burn keeps the momentum of a configuration to itself, and its serialized form shows it: dampening and Nesterov stay.
fn sgd_with_momentum(config: SgdConfig, momentum: f64) -> SgdConfig {
    let written = serde_json::to_value(&config).unwrap_or_default();
    let known = written.get("momentum").cloned().and_then(|value| serde_json::from_value(value).ok());
    let known: MomentumConfig = known.unwrap_or_else(MomentumConfig::torch_defaults);
    config.with_momentum(Some(known.with_momentum(momentum)))
}

impl IntoOptimizer for LBFGSConfig {
    fn into_optimizer(self) -> OptimizerKind {
        OptimizerKind { clipping: None, text: format!("{self:?}"), rule: Rule::Lbfgs(self), with_momentum: None }
    }
}

/// Sets the weight decay of a configuration, for a parameter group: `group(params::rank_below(2), weight_decay = 0.0)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no weight decay",
    label = "this optimizer has no weight decay to set",
    note = "leave `weight_decay` out of the group"
)]
pub trait WeightDecay: Sized {
    /// The configuration with this decay; 0 for none.
    #[must_use]
    fn weight_decay(self, rate: f64) -> Self;
}

macro_rules! weight_decays {
    (rate: $($rate:ident),*; penalty: $($penalty:ident),* $(,)?) => {
        $(impl WeightDecay for $rate {
            fn weight_decay(self, rate: f64) -> Self {
                self.with_weight_decay(rate as f32)
            }
        })*
        $(impl WeightDecay for $penalty {
            fn weight_decay(self, rate: f64) -> Self {
                self.with_weight_decay((rate != 0.0).then(|| WeightDecayConfig::new(rate as f32)))
            }
        })*
    };
}

weight_decays!(
    rate: AdamWConfig, AdafactorConfig, AdanConfig, LambConfig, LionConfig;
    penalty: AdaGradConfig, AdamConfig, MuonConfig, RmsPropConfig, SgdConfig,
);

/// PyTorch's default numbers, where Burn's are others.
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
    /// The configuration with PyTorch's defaults.
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

/// What `lr = …` takes where no `interval` stands beside it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no learning rate",
    label = "expected a number",
    note = "write `lr = 1e-3`, or the name of an `f64` hyperparameter; a schedule needs `interval = step` or `interval = epoch` beside it"
)]
pub trait IntoLearningRate {
    /// The rate.
    fn into_learning_rate(self) -> f64;
}

impl IntoLearningRate for f64 {
    fn into_learning_rate(self) -> f64 {
        self
    }
}

impl IntoLearningRate for f32 {
    /// The shortest decimal of the `f32`, so that `1e-3f32` is `1e-3` and not its rounded neighbour.
    fn into_learning_rate(self) -> f64 {
        self.to_string().parse().unwrap_or(f64::from(self))
    }
}
