//! AdaGrad.
//!
//! Duchi et al., *Adaptive Subgradient Methods for Online Learning and Stochastic Optimization*,
//! 2011.

use serde::{Deserialize, de::IgnoredAny};

use super::{
    float::{Float, Setting},
    optimizer::{FusedOptimizer, StateBuffers, StateTensor, Step},
    pass::{Kernel, run},
    penalty::{L2Penalty, WeightDecayFields},
};

const STATE: [StateTensor; 1] = [StateTensor::required("lr_decay.sum")];

/// The fields of Burn's `AdaGradConfig`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AdaGrad {
    lr_decay: f64,
    epsilon: Setting,
    weight_decay: Option<WeightDecayFields>,
    #[serde(rename = "grad_clipping")]
    _clipping: IgnoredAny,
}

#[derive(Clone, Copy)]
struct AdaGradKernel<F> {
    gradient_scale: F,
    penalty: L2Penalty<F>,
    epsilon: F,
    lr: F,
}

impl<F: Float> Kernel<F, 1> for AdaGradKernel<F> {
    #[inline(always)]
    fn element(&self, value: F, gradient: F, [sum]: [F; 1]) -> (F, [F; 1]) {
        let gradient = self.penalty.add_to(gradient * self.gradient_scale, value);
        // The sum of squares never shrinks, so there is nothing to flush.
        let sum = sum + gradient * gradient;
        (value - gradient / (sum.sqrt() + self.epsilon) * self.lr, [sum])
    }
}

impl FusedOptimizer for AdaGrad {
    fn state_tensors(&self) -> &'static [StateTensor] {
        &STATE
    }

    fn step_counter(&self) -> Option<&'static str> {
        Some("lr_decay.time")
    }

    fn update<F: Float>(&self, step: &Step, value: &mut [F], gradient: &[F], state: StateBuffers<'_>) {
        let kernel = AdaGradKernel {
            gradient_scale: F::from_f64(step.gradient_scale),
            penalty: L2Penalty::new(self.weight_decay),
            epsilon: F::setting(self.epsilon),
            lr: F::from_f64(step.lr / (1.0 + (step.time as f64 - 1.0) * self.lr_decay)),
        };
        run(kernel, value, gradient, state.take());
    }
}
