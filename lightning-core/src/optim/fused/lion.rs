//! Lion: Chen et al., *Symbolic Discovery of Optimization Algorithms*, 2023.

use serde::{Deserialize, de::IgnoredAny};

use super::{
    optimizer::{Algorithm, Buffers, Leaf, Step},
    pass::{Kernel, Real, run},
};

const LEAVES: [Leaf; 1] = [Leaf::required("momentum")];

/// The fields of Burn's `LionConfig`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lion {
    beta_1: f32,
    beta_2: f32,
    weight_decay: f32,
    #[serde(rename = "grad_clipping")]
    _clipping: IgnoredAny,
}

#[derive(Clone, Copy)]
struct LionKernel<F> {
    factor: F,
    beta_1: F,
    rest_1: F,
    beta_2: F,
    rest_2: F,
    kept: F,
    lr: F,
}

impl<F: Real> Kernel<F, 1> for LionKernel<F> {
    #[inline(always)]
    fn element(&self, value: F, gradient: F, [momentum]: [F; 1]) -> (F, [F; 1]) {
        let gradient = gradient * self.factor;
        let direction = sign(momentum * self.beta_1 + gradient * self.rest_1);
        // Nothing is flushed: the sign of the smallest number moves a weight as far as that of the largest.
        let momentum = momentum * self.beta_2 + gradient * self.rest_2;
        (value * self.kept - direction * self.lr, [momentum])
    }
}

/// Zero for zero and for what is not a number.
#[inline(always)]
fn sign<F: Real>(number: F) -> F {
    let positive = if number > F::ZERO { F::ONE } else { F::ZERO };
    let negative = if number < F::ZERO { F::ONE } else { F::ZERO };
    positive - negative
}

impl Algorithm for Lion {
    fn leaves(&self) -> &'static [Leaf] {
        &LEAVES
    }

    fn update<F: Real>(&self, step: &Step, value: &mut [F], gradient: &[F], state: Buffers<'_>) {
        let kernel = LionKernel {
            factor: F::of(step.factor),
            beta_1: F::of(f64::from(self.beta_1)),
            rest_1: F::of(f64::from(1.0 - self.beta_1)),
            beta_2: F::of(f64::from(self.beta_2)),
            rest_2: F::of(f64::from(1.0 - self.beta_2)),
            kept: F::of(1.0 - step.lr * f64::from(self.weight_decay)),
            lr: F::of(step.lr),
        };
        run(kernel, value, gradient, state.take());
    }
}
