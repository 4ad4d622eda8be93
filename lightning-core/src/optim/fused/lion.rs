//! Lion.
//!
//! Chen et al., *Symbolic Discovery of Optimization Algorithms*, 2023.

use serde::{Deserialize, de::IgnoredAny};

use super::{
    float::{Float, Setting},
    optimizer::{FusedOptimizer, StateBuffers, StateTensor, Step},
    pass::{Kernel, run},
};

const STATE: [StateTensor; 1] = [StateTensor::required("momentum")];

/// The fields of Burn's `LionConfig`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lion {
    beta_1: Setting,
    beta_2: Setting,
    weight_decay: Setting,
    #[serde(rename = "grad_clipping")]
    _clipping: IgnoredAny,
}

#[derive(Clone, Copy)]
struct LionKernel<F> {
    gradient_scale: F,
    beta_1: F,
    one_minus_beta_1: F,
    beta_2: F,
    one_minus_beta_2: F,
    /// What decoupled weight decay multiplies a value by.
    decay_factor: F,
    lr: F,
}

impl<F: Float> Kernel<F, 1> for LionKernel<F> {
    #[inline(always)]
    fn element(&self, value: F, gradient: F, [momentum]: [F; 1]) -> (F, [F; 1]) {
        let gradient = gradient * self.gradient_scale;
        let direction = sign(momentum * self.beta_1 + gradient * self.one_minus_beta_1);
        // Nothing is flushed: the sign of a tiny number counts as much as that of a large one.
        let momentum = momentum * self.beta_2 + gradient * self.one_minus_beta_2;
        (value * self.decay_factor - direction * self.lr, [momentum])
    }
}

/// Returns the sign, which is zero for zero and for NaN.
#[inline(always)]
fn sign<F: Float>(number: F) -> F {
    let positive = if number > F::ZERO { F::ONE } else { F::ZERO };
    let negative = if number < F::ZERO { F::ONE } else { F::ZERO };
    positive - negative
}

impl FusedOptimizer for Lion {
    fn state_tensors(&self) -> &'static [StateTensor] {
        &STATE
    }

    fn update<F: Float>(&self, step: &Step, value: &mut [F], gradient: &[F], state: StateBuffers<'_>) {
        let (beta_1, beta_2) = (F::setting(self.beta_1), F::setting(self.beta_2));
        let kernel = LionKernel {
            gradient_scale: F::from_f64(step.gradient_scale),
            beta_1,
            one_minus_beta_1: F::ONE - beta_1,
            beta_2,
            one_minus_beta_2: F::ONE - beta_2,
            decay_factor: F::from_f64(1.0 - step.lr * F::setting(self.weight_decay).widened()),
            lr: F::from_f64(step.lr),
        };
        run(kernel, value, gradient, state.take());
    }
}
