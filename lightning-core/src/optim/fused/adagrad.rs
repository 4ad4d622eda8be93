//! AdaGrad: Duchi et al., *Adaptive Subgradient Methods for Online Learning and Stochastic Optimization*, 2011.

use serde::{Deserialize, de::IgnoredAny};

use super::{
    Penalty,
    optimizer::{Algorithm, Buffers, Leaf, Step},
    pass::{Kernel, Real, run},
};

const LEAVES: [Leaf; 1] = [Leaf::required("lr_decay.sum")];

/// The fields of Burn's `AdaGradConfig`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AdaGrad {
    lr_decay: f64,
    epsilon: f32,
    weight_decay: Option<Penalty>,
    #[serde(rename = "grad_clipping")]
    _clipping: IgnoredAny,
}

#[derive(Clone, Copy)]
struct AdaGradKernel<F> {
    factor: F,
    decay: Option<F>,
    epsilon: F,
    lr: F,
}

impl<F: Real> Kernel<F, 1> for AdaGradKernel<F> {
    #[inline(always)]
    fn element(&self, value: F, gradient: F, [sum]: [F; 1]) -> (F, [F; 1]) {
        let gradient = gradient * self.factor;
        let gradient = match self.decay {
            Some(decay) => value * decay + gradient,
            None => gradient,
        };
        // The sum never shrinks: there is nothing to flush.
        let sum = sum + gradient * gradient;
        (value - gradient / (sum.root() + self.epsilon) * self.lr, [sum])
    }
}

impl Algorithm for AdaGrad {
    fn leaves(&self) -> &'static [Leaf] {
        &LEAVES
    }

    fn clock(&self) -> Option<&'static str> {
        Some("lr_decay.time")
    }

    fn update<F: Real>(&self, step: &Step, value: &mut [F], gradient: &[F], state: Buffers<'_>) {
        let kernel = AdaGradKernel {
            factor: F::of(step.factor),
            decay: self.weight_decay.map(|decay| F::of(f64::from(decay.penalty))),
            epsilon: F::of(f64::from(self.epsilon)),
            lr: F::of(step.lr / (1.0 + (step.time as f64 - 1.0) * self.lr_decay)),
        };
        run(kernel, value, gradient, state.take());
    }
}
