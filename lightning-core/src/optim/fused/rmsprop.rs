//! RMSprop: Hinton, *Neural Networks for Machine Learning*, lecture 6e, 2012; centered after Graves, *Generating Sequences
//! With Recurrent Neural Networks*, 2013.

use burn::tensor::{DType, TensorData};
use serde::{Deserialize, de::IgnoredAny};

use super::{
    Penalty,
    optimizer::{Algorithm, Buffers, Leaf, Step},
    pass::{Kernel, Real, run},
};

const SQUARE: Leaf = Leaf::required("square_avg.square_avg");
const GRADIENT: Leaf = Leaf::optional("centered.grad_avg");
const VELOCITY: Leaf = Leaf::optional("momentum.buf");
/// What Burn divides by, which is kept in its records too: the average square, or the variance.
const DIVISOR: &str = "centered.avg";

/// As Adam's.
const SAFE_EPSILON: f32 = 1e-12;

/// The fields of Burn's `RmsPropConfig`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RmsProp {
    alpha: f32,
    momentum: f32,
    epsilon: f32,
    centered: bool,
    weight_decay: Option<Penalty>,
    #[serde(rename = "grad_clipping")]
    _clipping: IgnoredAny,
}

impl RmsProp {
    fn has_momentum(&self) -> bool {
        self.momentum > 0.0
    }
}

#[derive(Clone, Copy)]
struct RmsPropKernel<F> {
    factor: F,
    decay: Option<F>,
    alpha: F,
    rest: F,
    epsilon: F,
    momentum: F,
    lr: F,
    flush: F,
    flush_square: F,
}

impl<F: Real> RmsPropKernel<F> {
    #[inline(always)]
    fn gradient(&self, value: F, gradient: F) -> F {
        let gradient = gradient * self.factor;
        match self.decay {
            Some(decay) => value * decay + gradient,
            None => gradient,
        }
    }

    #[inline(always)]
    fn square(&self, gradient: F, square: F) -> F {
        let gradient = gradient.flushed(self.flush_square);
        (square * self.alpha + gradient * gradient * self.rest).flushed(self.flush)
    }

    #[inline(always)]
    fn average(&self, gradient: F, average: F) -> F {
        average * self.alpha + gradient * self.rest
    }

    #[inline(always)]
    fn velocity(&self, direction: F, velocity: F) -> F {
        (velocity * self.momentum + direction).flushed(F::MIN_POSITIVE)
    }

    #[inline(always)]
    fn direction(&self, gradient: F, divisor: F) -> F {
        gradient / (divisor.root() + self.epsilon)
    }
}

/// The average square alone.
#[derive(Clone, Copy)]
struct Plain<F>(RmsPropKernel<F>);

impl<F: Real> Kernel<F, 1> for Plain<F> {
    #[inline(always)]
    fn element(&self, value: F, gradient: F, [square]: [F; 1]) -> (F, [F; 1]) {
        let gradient = self.0.gradient(value, gradient);
        let square = self.0.square(gradient, square);
        (value - self.0.direction(gradient, square) * self.0.lr, [square])
    }
}

/// The average square and a velocity.
impl<F: Real> Kernel<F, 2> for Plain<F> {
    #[inline(always)]
    fn element(&self, value: F, gradient: F, [square, velocity]: [F; 2]) -> (F, [F; 2]) {
        let gradient = self.0.gradient(value, gradient);
        let square = self.0.square(gradient, square);
        let velocity = self.0.velocity(self.0.direction(gradient, square), velocity);
        (value - velocity * self.0.lr, [square, velocity])
    }
}

/// The averages of the square and of the gradient.
#[derive(Clone, Copy)]
struct Centered<F>(RmsPropKernel<F>);

impl<F: Real> Kernel<F, 2> for Centered<F> {
    #[inline(always)]
    fn element(&self, value: F, gradient: F, [square, average]: [F; 2]) -> (F, [F; 2]) {
        let gradient = self.0.gradient(value, gradient);
        let (square, average) = (self.0.square(gradient, square), self.0.average(gradient, average));
        let direction = self.0.direction(gradient, square - average * average);
        (value - direction * self.0.lr, [square, average])
    }
}

/// The averages of the square and of the gradient, and a velocity.
impl<F: Real> Kernel<F, 3> for Centered<F> {
    #[inline(always)]
    fn element(&self, value: F, gradient: F, [square, average, velocity]: [F; 3]) -> (F, [F; 3]) {
        let gradient = self.0.gradient(value, gradient);
        let (square, average) = (self.0.square(gradient, square), self.0.average(gradient, average));
        let velocity = self.0.velocity(self.0.direction(gradient, square - average * average), velocity);
        (value - velocity * self.0.lr, [square, average, velocity])
    }
}

impl Algorithm for RmsProp {
    fn leaves(&self) -> &'static [Leaf] {
        match (self.centered, self.has_momentum()) {
            (false, false) => &[SQUARE],
            (false, true) => &[SQUARE, VELOCITY],
            (true, false) => &[SQUARE, GRADIENT],
            (true, true) => &[SQUARE, GRADIENT, VELOCITY],
        }
    }

    fn derived(&self, state: &[TensorData]) -> Option<(&'static str, TensorData)> {
        let square = state.first()?;
        let divisor = match (self.centered, square.dtype()) {
            (false, _) => square.clone(),
            (true, DType::F32) => variance::<f32>(square, state.get(1)?),
            (true, _) => variance::<f64>(square, state.get(1)?),
        };
        Some((DIVISOR, divisor))
    }

    fn update<F: Real>(&self, step: &Step, value: &mut [F], gradient: &[F], state: Buffers<'_>) {
        let rest = F::of(f64::from(1.0 - self.alpha));
        // A square that is flushed and an average that is not would make a negative variance.
        let flush = if self.epsilon >= SAFE_EPSILON && !self.centered { F::MIN_POSITIVE } else { F::ZERO };
        let kernel = RmsPropKernel {
            factor: F::of(step.factor),
            decay: self.weight_decay.map(|decay| F::of(f64::from(decay.penalty))),
            alpha: F::of(f64::from(self.alpha)),
            rest,
            epsilon: F::of(f64::from(self.epsilon)),
            momentum: F::of(f64::from(self.momentum)),
            lr: F::of(step.lr),
            flush,
            flush_square: if rest > F::ZERO { (flush / rest).root() } else { F::ZERO },
        };
        match (self.centered, self.has_momentum()) {
            (false, false) => run::<F, 1, _>(Plain(kernel), value, gradient, state.take()),
            (false, true) => run::<F, 2, _>(Plain(kernel), value, gradient, state.take()),
            (true, false) => run::<F, 2, _>(Centered(kernel), value, gradient, state.take()),
            (true, true) => run::<F, 3, _>(Centered(kernel), value, gradient, state.take()),
        }
    }
}

fn variance<F: Real>(square: &TensorData, average: &TensorData) -> TensorData {
    let values = square.iter::<F>().zip(average.iter::<F>()).map(|(square, average)| square - average * average);
    TensorData::new(values.collect(), square.shape().clone())
}
