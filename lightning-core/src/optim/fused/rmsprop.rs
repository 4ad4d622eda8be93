//! RMSprop.
//!
//! Hinton, *Neural Networks for Machine Learning*, lecture 6e, 2012; the centered form after
//! Graves, *Generating Sequences With Recurrent Neural Networks*, 2013.

use burn::tensor::{DType, TensorData};
use serde::{Deserialize, de::IgnoredAny};

use super::{
    float::{Float, SAFE_EPSILON, Setting},
    optimizer::{FusedOptimizer, StateBuffers, StateTensor, Step},
    pass::{Kernel, run},
    penalty::{L2Penalty, WeightDecayFields},
};

const SQUARE: StateTensor = StateTensor::required("square_avg.square_avg");
const GRADIENT: StateTensor = StateTensor::optional("centered.grad_avg");
const VELOCITY: StateTensor = StateTensor::optional("momentum.buf");

/// What Burn divides by and also writes into its records: the mean square or, if centered, the
/// variance.
const DIVISOR: &str = "centered.avg";

/// The fields of Burn's `RmsPropConfig`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RmsProp {
    alpha: Setting,
    momentum: Setting,
    epsilon: Setting,
    centered: bool,
    weight_decay: Option<WeightDecayFields>,
    #[serde(rename = "grad_clipping")]
    _clipping: IgnoredAny,
}

impl RmsProp {
    fn has_momentum(&self) -> bool {
        self.momentum.single > 0.0
    }

    fn kernel<F: Float>(&self, step: &Step) -> RmsPropKernel<F> {
        let alpha = F::setting(self.alpha);
        let one_minus_alpha = F::ONE - alpha;
        // A flushed square and an average that is not flushed would make the variance negative.
        let flush = if self.epsilon.single >= SAFE_EPSILON && !self.centered { F::MIN_POSITIVE } else { F::ZERO };
        RmsPropKernel {
            gradient_scale: F::from_f64(step.gradient_scale),
            penalty: L2Penalty::new(self.weight_decay),
            alpha,
            one_minus_alpha,
            epsilon: F::setting(self.epsilon),
            momentum: F::setting(self.momentum),
            lr: F::from_f64(step.lr),
            flush,
            flush_gradient: if one_minus_alpha > F::ZERO { (flush / one_minus_alpha).sqrt() } else { F::ZERO },
        }
    }
}

/// The operations that all four forms of RMSprop are made of.
#[derive(Clone, Copy)]
struct RmsPropKernel<F> {
    gradient_scale: F,
    penalty: L2Penalty<F>,
    alpha: F,
    one_minus_alpha: F,
    epsilon: F,
    momentum: F,
    lr: F,
    /// Mean squares below this are flushed to zero.
    flush: F,
    /// Gradients below this, whose squares would be denormal, count as zero in the mean square.
    flush_gradient: F,
}

impl<F: Float> RmsPropKernel<F> {
    #[inline(always)]
    fn gradient(&self, value: F, gradient: F) -> F {
        self.penalty.add_to(gradient * self.gradient_scale, value)
    }

    #[inline(always)]
    fn square(&self, gradient: F, square: F) -> F {
        let gradient = gradient.flushed_below(self.flush_gradient);
        (square * self.alpha + gradient * gradient * self.one_minus_alpha).flushed_below(self.flush)
    }

    #[inline(always)]
    fn average(&self, gradient: F, average: F) -> F {
        average * self.alpha + gradient * self.one_minus_alpha
    }

    #[inline(always)]
    fn velocity(&self, direction: F, velocity: F) -> F {
        (velocity * self.momentum + direction).flushed_below(F::MIN_POSITIVE)
    }

    #[inline(always)]
    fn direction(&self, gradient: F, divisor: F) -> F {
        gradient / (divisor.sqrt() + self.epsilon)
    }
}

/// Divides by the root of the mean square.
#[derive(Clone, Copy)]
struct Plain<F>(RmsPropKernel<F>);

impl<F: Float> Kernel<F, 1> for Plain<F> {
    #[inline(always)]
    fn element(&self, value: F, gradient: F, [square]: [F; 1]) -> (F, [F; 1]) {
        let gradient = self.0.gradient(value, gradient);
        let square = self.0.square(gradient, square);
        (value - self.0.direction(gradient, square) * self.0.lr, [square])
    }
}

/// The same with momentum.
impl<F: Float> Kernel<F, 2> for Plain<F> {
    #[inline(always)]
    fn element(&self, value: F, gradient: F, [square, velocity]: [F; 2]) -> (F, [F; 2]) {
        let gradient = self.0.gradient(value, gradient);
        let square = self.0.square(gradient, square);
        let velocity = self.0.velocity(self.0.direction(gradient, square), velocity);
        (value - velocity * self.0.lr, [square, velocity])
    }
}

/// Divides by the root of the variance: the mean square less the square of the mean gradient.
#[derive(Clone, Copy)]
struct Centered<F>(RmsPropKernel<F>);

impl<F: Float> Kernel<F, 2> for Centered<F> {
    #[inline(always)]
    fn element(&self, value: F, gradient: F, [square, average]: [F; 2]) -> (F, [F; 2]) {
        let gradient = self.0.gradient(value, gradient);
        let (square, average) = (self.0.square(gradient, square), self.0.average(gradient, average));
        let direction = self.0.direction(gradient, square - average * average);
        (value - direction * self.0.lr, [square, average])
    }
}

/// The same with momentum.
impl<F: Float> Kernel<F, 3> for Centered<F> {
    #[inline(always)]
    fn element(&self, value: F, gradient: F, [square, average, velocity]: [F; 3]) -> (F, [F; 3]) {
        let gradient = self.0.gradient(value, gradient);
        let (square, average) = (self.0.square(gradient, square), self.0.average(gradient, average));
        let velocity = self.0.velocity(self.0.direction(gradient, square - average * average), velocity);
        (value - velocity * self.0.lr, [square, average, velocity])
    }
}

impl FusedOptimizer for RmsProp {
    fn state_tensors(&self) -> &'static [StateTensor] {
        match (self.centered, self.has_momentum()) {
            (false, false) => &[SQUARE],
            (false, true) => &[SQUARE, VELOCITY],
            (true, false) => &[SQUARE, GRADIENT],
            (true, true) => &[SQUARE, GRADIENT, VELOCITY],
        }
    }

    fn derived_tensor(&self, state: &[TensorData]) -> Option<(&'static str, TensorData)> {
        let square = state.first()?;
        let divisor = match (self.centered, square.dtype()) {
            (false, _) => square.clone(),
            (true, DType::F32) => variance::<f32>(square, state.get(1)?),
            (true, _) => variance::<f64>(square, state.get(1)?),
        };
        Some((DIVISOR, divisor))
    }

    fn update<F: Float>(&self, step: &Step, value: &mut [F], gradient: &[F], state: StateBuffers<'_>) {
        let kernel = self.kernel(step);
        match (self.centered, self.has_momentum()) {
            (false, false) => run::<F, 1, _>(Plain(kernel), value, gradient, state.take()),
            (false, true) => run::<F, 2, _>(Plain(kernel), value, gradient, state.take()),
            (true, false) => run::<F, 2, _>(Centered(kernel), value, gradient, state.take()),
            (true, true) => run::<F, 3, _>(Centered(kernel), value, gradient, state.take()),
        }
    }
}

fn variance<F: Float>(square: &TensorData, average: &TensorData) -> TensorData {
    let values = square.iter::<F>().zip(average.iter::<F>()).map(|(square, average)| square - average * average);
    TensorData::new(values.collect(), square.shape().clone())
}
