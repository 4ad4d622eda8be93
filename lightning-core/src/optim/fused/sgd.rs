//! Stochastic gradient descent, with momentum after Sutskever et al., *On the importance of initialization and momentum in
//! deep learning*, 2013, in torch's form: the learning rate is not part of the velocity.

use serde::{Deserialize, de::IgnoredAny};

use super::{
    Penalty,
    optimizer::{Algorithm, Buffers, Leaf, Step},
    pass::{Kernel, Real, run},
};

const LEAVES: [Leaf; 1] = [Leaf::optional("momentum.velocity")];

/// The fields of Burn's `SgdConfig`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sgd {
    weight_decay: Option<Penalty>,
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
    factor: F,
    decay: Option<F>,
    lr: F,
}

impl<F: Real> SgdKernel<F> {
    #[inline(always)]
    fn gradient(&self, value: F, gradient: F) -> F {
        let gradient = gradient * self.factor;
        match self.decay {
            Some(decay) => value * decay + gradient,
            None => gradient,
        }
    }
}

impl<F: Real> Kernel<F, 0> for SgdKernel<F> {
    #[inline(always)]
    fn element(&self, value: F, gradient: F, _: [F; 0]) -> (F, [F; 0]) {
        (value - self.gradient(value, gradient) * self.lr, [])
    }
}

#[derive(Clone, Copy)]
struct MomentumKernel<F> {
    sgd: SgdKernel<F>,
    momentum: F,
    /// What of a gradient enters the velocity.
    share: F,
    nesterov: bool,
}

impl<F: Real> Kernel<F, 1> for MomentumKernel<F> {
    #[inline(always)]
    fn element(&self, value: F, gradient: F, [velocity]: [F; 1]) -> (F, [F; 1]) {
        let gradient = self.sgd.gradient(value, gradient);
        let velocity = (gradient * self.share + velocity * self.momentum).flushed(F::MIN_POSITIVE);
        let direction = if self.nesterov { velocity * self.momentum + gradient } else { velocity };
        (value - direction * self.sgd.lr, [velocity])
    }
}

impl Algorithm for Sgd {
    fn leaves(&self) -> &'static [Leaf] {
        if self.momentum.is_some() { &LEAVES } else { &[] }
    }

    fn update<F: Real>(&self, step: &Step, value: &mut [F], gradient: &[F], state: Buffers<'_>) {
        let sgd = SgdKernel {
            factor: F::of(step.factor),
            decay: self.weight_decay.map(|decay| F::of(f64::from(decay.penalty))),
            lr: F::of(step.lr),
        };
        let Some(Momentum { momentum, dampening, nesterov }) = self.momentum else {
            return run(sgd, value, gradient, []);
        };
        let kernel = MomentumKernel {
            sgd,
            momentum: F::of(f64::from(momentum as f32)),
            // The first gradient is the velocity, undampened.
            share: F::of(if step.fresh { 1.0 } else { 1.0 - dampening }),
            nesterov,
        };
        run(kernel, value, gradient, state.take());
    }
}
