//! Adan.
//!
//! Xie et al., *Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep Models*, 2022.

use serde::{Deserialize, de::IgnoredAny};

use super::{
    float::{Float, SAFE_EPSILON, Setting},
    optimizer::{FusedOptimizer, StateBuffers, StateTensor, Step},
    pass::{Kernel, run},
};

const STATE: [StateTensor; 4] = [
    StateTensor::required("momentum.exp_avg"),
    StateTensor::required("momentum.exp_avg_sq"),
    StateTensor::required("momentum.exp_avg_diff"),
    StateTensor::required("momentum.neg_pre_grad"),
];

/// The fields of Burn's `AdanConfig`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Adan {
    beta_1: Setting,
    beta_2: Setting,
    beta_3: Setting,
    epsilon: Setting,
    weight_decay: Setting,
    no_prox: bool,
    #[serde(rename = "grad_clipping")]
    _clipping: IgnoredAny,
}

#[derive(Clone, Copy)]
struct AdanKernel<F> {
    gradient_scale: F,
    beta_1: F,
    beta_2: F,
    beta_3: F,
    correction_1: F,
    correction_2: F,
    /// The root of the correction of the mean square.
    correction_3: F,
    epsilon: F,
    lr: F,
    decay: Decay<F>,
    /// Averages below this are flushed to zero.
    flush: F,
    minus_one: F,
    /// Whether there is no gradient before this one.
    is_first: bool,
}

#[derive(Clone, Copy)]
enum Decay<F> {
    None,
    /// Multiplies every value by this factor before the update.
    Decoupled(F),
    /// Divides every value by this number after the update.
    Proximal(F),
}

impl<F: Float> Kernel<F, 4> for AdanKernel<F> {
    #[inline(always)]
    fn element(&self, value: F, gradient: F, [average, square, change, before]: [F; 4]) -> (F, [F; 4]) {
        let gradient = gradient * self.gradient_scale;
        // The state has the last gradient with the other sign.
        let difference = if self.is_first { F::ZERO } else { before + gradient };
        let ahead = difference * self.beta_2 + gradient;
        let flushed = |number: F| number.flushed_below(self.flush);
        let average = flushed(average * self.beta_1 + gradient * (F::ONE - self.beta_1));
        let change = flushed(change * self.beta_2 + difference * (F::ONE - self.beta_2));
        let square = flushed(square * self.beta_3 + ahead * ahead * (F::ONE - self.beta_3));
        let divisor = square.sqrt() / self.correction_3 + self.epsilon;
        let update = average / self.correction_1 / divisor + change * self.beta_2 / self.correction_2 / divisor;
        let delta = update * self.lr;
        let value = match self.decay {
            Decay::None => value - delta,
            Decay::Decoupled(factor) => value * factor - delta,
            Decay::Proximal(divisor) => (value - delta) / divisor,
        };
        (value, [average, square, change, gradient * self.minus_one])
    }
}

impl FusedOptimizer for Adan {
    fn state_tensors(&self) -> &'static [StateTensor] {
        &STATE
    }

    fn step_counter(&self) -> Option<&'static str> {
        Some("momentum.time")
    }

    fn update<F: Float>(&self, step: &Step, value: &mut [F], gradient: &[F], state: StateBuffers<'_>) {
        let time = step.time as i32;
        let [beta_1, beta_2, beta_3] = [self.beta_1, self.beta_2, self.beta_3].map(F::setting);
        let share = step.lr * F::setting(self.weight_decay).widened();
        let kernel = AdanKernel {
            gradient_scale: F::from_f64(step.gradient_scale),
            beta_1,
            beta_2,
            beta_3,
            correction_1: F::ONE - beta_1.powi(time),
            correction_2: F::ONE - beta_2.powi(time),
            correction_3: (F::ONE - beta_3.powi(time)).sqrt(),
            epsilon: F::setting(self.epsilon),
            lr: F::from_f64(step.lr),
            decay: match self.no_prox {
                _ if share == 0.0 => Decay::None,
                true => Decay::Decoupled(F::from_f64(1.0 - share)),
                false => Decay::Proximal(F::from_f64(1.0 + share)),
            },
            flush: if self.epsilon.single >= SAFE_EPSILON { F::MIN_POSITIVE } else { F::ZERO },
            minus_one: F::from_f64(-1.0),
            is_first: step.is_first,
        };
        run(kernel, value, gradient, state.take());
    }
}
