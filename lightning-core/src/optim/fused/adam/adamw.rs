//! AdamW, with decoupled weight decay.

use serde::{Deserialize, de::IgnoredAny};

use super::{
    super::{
        float::{Float, Setting},
        optimizer::{FusedOptimizer, StateBuffers, StateTensor, Step},
    },
    AdamKernel, Moments, STEP_COUNTER, Variant, state_tensors,
};

/// The fields of Burn's `AdamWConfig`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::optim::fused) struct AdamW {
    beta_1: Setting,
    beta_2: Setting,
    epsilon: Setting,
    amsgrad: bool,
    weight_decay: Setting,
    cautious_weight_decay: bool,
    #[serde(rename = "grad_clipping")]
    _clipping: IgnoredAny,
}

#[derive(Clone, Copy)]
struct AdamWVariant<F> {
    decay: Decay<F>,
    correction_1: F,
    correction_2: F,
    epsilon: F,
    lr: F,
}

/// Decoupled weight decay.
#[derive(Clone, Copy)]
enum Decay<F> {
    /// Multiplies every value by this factor.
    Always(F),
    /// Subtracts this share of a value if value and first moment have the same sign.
    Cautious(F),
}

impl<F: Float> Variant<F> for AdamWVariant<F> {
    #[inline(always)]
    fn gradient(&self, _value: F, gradient: F) -> F {
        gradient
    }

    #[inline(always)]
    fn value(&self, value: F, moment_1: F, divisor: F) -> F {
        let decayed = match self.decay {
            Decay::Always(factor) => value * factor,
            Decay::Cautious(share) => {
                let agree = (value >= F::ZERO) == (moment_1 >= F::ZERO);
                value - if agree { value * share } else { F::ZERO }
            }
        };
        let delta = moment_1 / self.correction_1 / ((divisor / self.correction_2).sqrt() + self.epsilon);
        decayed - delta * self.lr
    }
}

impl FusedOptimizer for AdamW {
    fn state_tensors(&self) -> &'static [StateTensor] {
        state_tensors(self.amsgrad)
    }

    fn step_counter(&self) -> Option<&'static str> {
        Some(STEP_COUNTER)
    }

    fn update<F: Float>(&self, step: &Step, value: &mut [F], gradient: &[F], state: StateBuffers<'_>) {
        let time = step.time as i32;
        let share = step.lr * F::setting(self.weight_decay).widened();
        let moments = Moments::new(self.beta_1, self.beta_2, self.epsilon);
        let (decay, moments) = match self.cautious_weight_decay && share != 0.0 {
            true => (Decay::Cautious(F::from_f64(share)), moments.with_exact_signs()),
            false => (Decay::Always(F::from_f64(1.0 - share)), moments),
        };
        let variant = AdamWVariant {
            decay,
            correction_1: F::ONE - F::setting(self.beta_1).powi(time),
            correction_2: F::ONE - F::setting(self.beta_2).powi(time),
            epsilon: F::setting(self.epsilon),
            lr: F::from_f64(step.lr),
        };
        let kernel = AdamKernel { gradient_scale: F::from_f64(step.gradient_scale), moments, variant };
        kernel.run(self.amsgrad, value, gradient, state);
    }
}
