//! Optimizers that make one pass over the buffers of a parameter, in place, where Burn's make one for every operation.
//!
//! On a host device a [`Rule`] takes the values, the gradient and the state of a parameter as slices, without a copy, runs
//! one loop over all of them, and gives the tensor back. The loop is compiled for several instruction sets, of which the
//! best is chosen at run time, and large parameters are shared between the threads of rayon's pool, which is the one that
//! Burn uses. The operations are Burn's, in Burn's order, each rounded as Burn rounds it: the results are equal bit by bit,
//! up to three deviations that are meant:
//!
//! - averages below the smallest normal number are zero: computing with denormal numbers is many times slower on most
//!   processors. They stay where the sign of the smallest number counts as much as that of any other, in Lion and in cautious
//!   weight decay, in centered RMSprop, which takes the difference of two averages, and where ε is below 1e-12;
//! - a factor on the gradient (the mean of a window, clipping) is one multiplication, not one for each reason;
//! - a loaded state of a setting that has been turned off is forgotten.
//!
//! What is not covered falls back to Burn's optimizer of the same configuration, parameter by parameter: devices other than
//! the host, types other than `f32` and `f64`, configurations with a field or a number that is not known here (an infinity),
//! and the optimizers that are not listed in [`rule_for`]. The state has Burn's names in a record: a checkpoint written by
//! either loads into the other.

mod adagrad;
mod adam;
mod lion;
mod norm;
mod optimizer;
mod pass;
mod rmsprop;
mod sgd;
mod state;
#[cfg(test)]
mod tests;
mod update_rule;

use std::{any::Any, sync::Arc};

use burn::{
    config::Config,
    optim::{AdaGradConfig, AdamConfig, AdamWConfig, DynOptimizer, LionConfig, RmsPropConfig, SgdConfig},
};
use serde::{Deserialize, de::DeserializeOwned};

pub(crate) use norm::sum_of_squares;
use optimizer::{Algorithm, Erased};
pub(crate) use update_rule::{Rule, SharedLeaf};

/// The rule of a configuration: `burn` is Burn's optimizer of it, and what is fused is fused.
pub(crate) fn rule_for<C: Config + Any>(config: &C, burn: impl DynOptimizer + 'static) -> Rule {
    let is = |covered: bool| covered.then_some(config);
    let kind: &dyn Any = config;
    let fused = None
        .or_else(|| is(kind.is::<AdamConfig>()).and_then(read::<adam::Adam>))
        .or_else(|| is(kind.is::<AdamWConfig>()).and_then(read::<adam::AdamW>))
        .or_else(|| is(kind.is::<SgdConfig>()).and_then(read::<sgd::Sgd>))
        .or_else(|| is(kind.is::<RmsPropConfig>()).and_then(read::<rmsprop::RmsProp>))
        .or_else(|| is(kind.is::<AdaGradConfig>()).and_then(read::<adagrad::AdaGrad>))
        .or_else(|| is(kind.is::<LionConfig>()).and_then(read::<lion::Lion>));
    Rule::new(Arc::new(burn), fused)
}

/// The algorithm of a configuration, by way of its serialized form: Burn keeps the fields private.
fn read<A: Algorithm + DeserializeOwned>(config: &impl Config) -> Option<Arc<dyn Erased>> {
    let fields = serde_json::to_value(config).ok()?;
    let algorithm: A = serde_json::from_value(fields).ok()?;
    Some(Arc::new(algorithm))
}

/// The fields of Burn's `WeightDecayConfig`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Penalty {
    penalty: f32,
}
