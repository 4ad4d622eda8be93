//! Adam, with weight decay as an L2 penalty.

use serde::{Deserialize, de::IgnoredAny};

use super::{
    super::{
        float::{Float, Setting},
        optimizer::{FusedOptimizer, StateBuffers, StateTensor, Step},
        penalty::{L2Penalty, WeightDecayFields},
    },
    AdamKernel, Moments, STEP_COUNTER, Variant, state_tensors,
};

/// The fields of Burn's `AdamConfig`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::optim::fused) struct Adam {
    beta_1: Setting,
    beta_2: Setting,
    epsilon: Setting,
    amsgrad: bool,
    weight_decay: Option<WeightDecayFields>,
    #[serde(rename = "grad_clipping")]
    _clipping: IgnoredAny,
}

#[derive(Clone, Copy)]
struct AdamVariant<F> {
    penalty: L2Penalty<F>,
    /// Both bias corrections: the root of the second divided by the first.
    correction: F,
    epsilon: F,
    lr: F,
}

impl<F: Float> Variant<F> for AdamVariant<F> {
    #[inline(always)]
    fn gradient(&self, value: F, gradient: F) -> F {
        self.penalty.add_to(gradient, value)
    }

    #[inline(always)]
    fn value(&self, value: F, moment_1: F, divisor: F) -> F {
        value - moment_1 * self.correction / (divisor.sqrt() + self.epsilon) * self.lr
    }
}

impl FusedOptimizer for Adam {
    fn state_tensors(&self) -> &'static [StateTensor] {
        state_tensors(self.amsgrad)
    }

    fn step_counter(&self) -> Option<&'static str> {
        Some(STEP_COUNTER)
    }

    fn update<F: Float>(&self, step: &Step, value: &mut [F], gradient: &[F], state: StateBuffers<'_>) {
        let time = step.time as i32;
        let correction_1 = F::ONE - F::setting(self.beta_1).powi(time);
        let root_2 = (F::ONE - F::setting(self.beta_2).powi(time)).sqrt();
        let variant = AdamVariant {
            penalty: L2Penalty::new(self.weight_decay),
            correction: root_2 / correction_1,
            epsilon: F::setting(self.epsilon) * root_2,
            lr: F::from_f64(step.lr),
        };
        let moments = Moments::new(self.beta_1, self.beta_2, self.epsilon);
        let kernel = AdamKernel { gradient_scale: F::from_f64(step.gradient_scale), moments, variant };
        kernel.run(self.amsgrad, value, gradient, state);
    }
}
