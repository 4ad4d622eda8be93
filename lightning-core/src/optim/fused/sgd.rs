//! Stochastic gradient descent.
//!
//! Momentum after Sutskever et al., *On the importance of initialization and momentum in deep
//! learning*, 2013, in torch's form: the learning rate is not part of the velocity.

use serde::{Deserialize, de::IgnoredAny};

use super::{
    float::Float,
    optimizer::{FusedOptimizer, StateBuffers, StateTensor, Step},
    pass::{Kernel, run},
    penalty::{L2Penalty, WeightDecayFields},
};

const STATE: [StateTensor; 1] = [StateTensor::optional("momentum.velocity")];

/// The fields of Burn's `SgdConfig`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sgd {
    weight_decay: Option<WeightDecayFields>,
    momentum: Option<Momentum>,
    #[serde(rename = "gradient_clipping")]
    _clipping: IgnoredAny,
}

/// The fields of Burn's `MomentumConfig`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Momentum {
    momentum: f64,
    dampening: f64,
    nesterov: bool,
}

#[derive(Clone, Copy)]
struct SgdKernel<F> {
    gradient_scale: F,
    penalty: L2Penalty<F>,
    lr: F,
}

impl<F: Float> SgdKernel<F> {
    #[inline(always)]
    fn gradient(&self, value: F, gradient: F) -> F {
        self.penalty.add_to(gradient * self.gradient_scale, value)
    }
}

impl<F: Float> Kernel<F, 0> for SgdKernel<F> {
    #[inline(always)]
    fn element(&self, value: F, gradient: F, _: [F; 0]) -> (F, [F; 0]) {
        (value - self.gradient(value, gradient) * self.lr, [])
    }
}

#[derive(Clone, Copy)]
struct MomentumKernel<F> {
    sgd: SgdKernel<F>,
    momentum: F,
    /// What a gradient is multiplied by before it enters the velocity.
    undampened: F,
    nesterov: bool,
}

impl<F: Float> Kernel<F, 1> for MomentumKernel<F> {
    #[inline(always)]
    fn element(&self, value: F, gradient: F, [velocity]: [F; 1]) -> (F, [F; 1]) {
        let gradient = self.sgd.gradient(value, gradient);
        let velocity = (gradient * self.undampened + velocity * self.momentum).flushed_below(F::MIN_POSITIVE);
        let direction = if self.nesterov { velocity * self.momentum + gradient } else { velocity };
        (value - direction * self.sgd.lr, [velocity])
    }
}

impl FusedOptimizer for Sgd {
    fn state_tensors(&self) -> &'static [StateTensor] {
        if self.momentum.is_some() { &STATE } else { &[] }
    }

    fn update<F: Float>(&self, step: &Step, value: &mut [F], gradient: &[F], state: StateBuffers<'_>) {
        let sgd = SgdKernel {
            gradient_scale: F::from_f64(step.gradient_scale),
            penalty: L2Penalty::new(self.weight_decay),
            lr: F::from_f64(step.lr),
        };
        let Some(Momentum { momentum, dampening, nesterov }) = self.momentum else {
            return run(sgd, value, gradient, []);
        };
        let kernel = MomentumKernel {
            sgd,
            momentum: F::from_f64(momentum),
            // As in torch, the velocity starts as the first gradient, without dampening.
            undampened: F::from_f64(if step.is_first { 1.0 } else { 1.0 - dampening }),
            nesterov,
        };
        run(kernel, value, gradient, state.take());
    }
}
