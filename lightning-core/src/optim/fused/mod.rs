//! Optimizers that update a parameter in one pass over its buffers, in place.
//!
//! Burn's optimizers run one tensor operation after another, each of which reads and writes the
//! whole parameter. On a host device an [`UpdateRule`] takes the values, the gradient and the state
//! of a parameter as slices, without a copy, and runs one loop over all of them. The loop is
//! compiled for several instruction sets, of which the best is chosen at run time. Large parameters
//! are shared between the threads of rayon's global pool, which Burn uses too.
//!
//! The operations are Burn's, in Burn's order, each rounded as Burn rounds it, so the results are
//! equal bit by bit, with three intended exceptions:
//!
//! - Moving averages below the smallest normal number are flushed to zero, since most processors
//!   compute with denormal numbers many times slower. They are kept where the sign of a tiny number
//!   decides (Lion, cautious weight decay), where two averages are subtracted (centered RMSprop),
//!   and where ε is below 1e-12.
//! - All factors on the gradient (mean over micro-batches, clipping, loss scale) are one
//!   multiplication.
//! - A loaded state that the current settings do not use is dropped.
//!
//! Everything else falls back to Burn's optimizer of the same configuration, parameter by
//! parameter: other devices, types other than `f32` and `f64`, configurations that contain a field
//! or a number that is not known here (an infinity), and optimizers without a fused version. The
//! state has the names of Burn's record, so a checkpoint written by either loads into the other.
//!
//! # Adding a fused optimizer
//!
//! 1. Write its file: a struct with the fields of Burn's configuration, which implements
//!    [`FusedOptimizer`], and its [`Kernel`](pass::Kernel).
//! 2. Declare the file below and name the struct in the row of its configuration in [the
//!    table](#the-table).
//! 3. Add a configuration to `pairs` in `tests.rs`. A test fails for a fused row without one.
//!
//! # The table
//!
//! `optimizers!` has one row for each of Burn's optimizer configurations. Choosing the fused
//! version, restoring its state, `IntoOptimizer`, `WeightDecay` and the change of the momentum by a
//! schedule are all made from the row.

mod adagrad;
mod adam;
mod bridge;
mod float;
mod lion;
mod norm;
mod optimizer;
mod pass;
mod penalty;
mod rmsprop;
mod sgd;
mod state;
#[cfg(test)]
mod tests;
mod update_rule;

use std::{fmt::Debug, sync::Arc};

use burn::{
    config::Config,
    grad_clipping::GradientClipping,
    optim::{
        AdaGradConfig, AdafactorConfig, AdamConfig, AdamWConfig, AdanConfig, LambConfig, LionConfig, MuonConfig,
        RmsPropConfig, SgdConfig, momentum::MomentumConfig,
    },
};
use serde::de::DeserializeOwned;

use super::{IntoOptimizer, OptimizerKind, TorchDefaults, WeightDecay, config::WeightDecayArgument};
pub(crate) use norm::sum_of_squares;
use optimizer::{DynFusedOptimizer, FusedOptimizer};
pub(crate) use update_rule::{SharedTensor, UpdateRule};

/// A configuration of a Burn optimizer that updates one parameter at a time: a row of the table.
pub(super) trait BurnOptimizer: Config + Clone + Debug + Send + Sync + 'static {
    /// Sets the momentum or, for Adam's relatives, the first beta; `None` where there is neither.
    const WITH_MOMENTUM: Option<fn(Self, f64) -> Self> = None;

    /// Returns the update of a parameter: fused where possible, Burn's elsewhere.
    fn update_rule(&self) -> UpdateRule;

    /// Returns the gradient clipping that is part of the configuration.
    fn clipping(&self) -> Option<GradientClipping>;
}

macro_rules! optimizers {
    ($($config:ident $(fused($fused:ty))? $(momentum($momentum:expr))?;)*) => {
        $(impl BurnOptimizer for $config {
            $(const WITH_MOMENTUM: Option<fn(Self, f64) -> Self> = Some($momentum);)?

            fn update_rule(&self) -> UpdateRule {
                UpdateRule::burn(self.build())$(.fused_by(read::<Self, $fused>(self)))?
            }

            fn clipping(&self) -> Option<GradientClipping> {
                // Burn exposes the clipping of a configuration only through `init`.
                self.init().grad_clipping().cloned()
            }
        }

        impl IntoOptimizer for $config {
            fn into_optimizer(self) -> OptimizerKind {
                OptimizerKind::per_parameter(self)
            }
        }

        impl WeightDecay for $config {
            fn weight_decay(self, rate: f64) -> Self {
                self.with_weight_decay(WeightDecayArgument::from_rate(rate))
            }
        })*

        /// Returns for each row the name of its configuration and whether it is fused.
        #[cfg(test)]
        fn rows() -> Vec<(&'static str, bool)> {
            vec![$((stringify!($config), $config::new().update_rule().is_fused())),*]
        }

        /// Returns the rule of the row with this name, made from a configuration in JSON.
        #[cfg(test)]
        fn update_rule_from_json(name: &str, json: &serde_json::Value) -> Option<UpdateRule> {
            match name {
                $(stringify!($config) => {
                    let config: $config = serde_json::from_value(json.clone()).ok()?;
                    Some(config.update_rule())
                })*
                _ => None,
            }
        }
    };
}

optimizers! {
    AdaGradConfig   fused(adagrad::AdaGrad);
    AdafactorConfig;
    AdamConfig      fused(adam::Adam)           momentum(|config, beta| config.with_beta_1(beta as f32));
    AdamWConfig     fused(adam::AdamW)          momentum(|config, beta| config.with_beta_1(beta as f32));
    AdanConfig;
    LambConfig                                  momentum(|config, beta| config.with_beta_1(beta as f32));
    LionConfig      fused(lion::Lion)           momentum(|config, beta| config.with_beta_1(beta as f32));
    MuonConfig;
    RmsPropConfig   fused(rmsprop::RmsProp)     momentum(|config, momentum| config.with_momentum(momentum as f32));
    SgdConfig       fused(sgd::Sgd)             momentum(sgd_with_momentum);
}

/// Reads a fused optimizer from the serialized configuration, whose fields Burn keeps private.
fn read<C: Config, O: FusedOptimizer + DeserializeOwned>(config: &C) -> Option<Arc<dyn DynFusedOptimizer>> {
    let fields = serde_json::to_value(config).ok()?;
    let optimizer: O = serde_json::from_value(fields).ok()?;
    Some(Arc::new(optimizer))
}

/// Sets the momentum of SGD and keeps its dampening and Nesterov setting.
fn sgd_with_momentum(config: SgdConfig, momentum: f64) -> SgdConfig {
    let written = serde_json::to_value(&config).unwrap_or_default();
    let known = written.get("momentum").cloned().and_then(|value| serde_json::from_value(value).ok());
    let known: MomentumConfig = known.unwrap_or_else(MomentumConfig::torch_defaults);
    config.with_momentum(Some(known.with_momentum(momentum)))
}
