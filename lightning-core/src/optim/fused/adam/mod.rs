//! Adam and AdamW.
//!
//! Kingma and Ba, *Adam: A Method for Stochastic Optimization*, 2015; Loshchilov and Hutter, *Decoupled Weight Decay
//! Regularization*, 2019; Reddi et al., *On the Convergence of Adam and Beyond*, 2018 (AMSGrad); Chen et al., *Cautious
//! Weight Decay*, 2025. Each operation is Burn's, in Burn's order, so that the results are Burn's bit by bit.

use serde::{Deserialize, de::IgnoredAny};

use super::{
    Penalty,
    optimizer::{Algorithm, Buffers, Leaf, Step},
    pass::{Kernel, Real, run},
};

const LEAVES: [Leaf; 3] =
    [Leaf::required("momentum.moment_1"), Leaf::required("momentum.moment_2"), Leaf::optional("momentum.max_moment_2")];

const CLOCK: &str = "momentum.time";

/// Flushing a second moment below the smallest normal number changes an update by less than one in a million as long as
/// ε is far above its root, which is 1e-19 in `f32`.
const SAFE_EPSILON: f32 = 1e-12;

/// The fields of Burn's `AdamConfig`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Adam {
    beta_1: f32,
    beta_2: f32,
    epsilon: f32,
    amsgrad: bool,
    weight_decay: Option<Penalty>,
    #[serde(rename = "grad_clipping")]
    _clipping: IgnoredAny,
}

/// The fields of Burn's `AdamWConfig`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AdamW {
    beta_1: f32,
    beta_2: f32,
    epsilon: f32,
    amsgrad: bool,
    weight_decay: f32,
    cautious_weight_decay: bool,
    #[serde(rename = "grad_clipping")]
    _clipping: IgnoredAny,
}

/// The moving averages of the gradient and of its square.
#[derive(Clone, Copy)]
struct Moments<F> {
    beta_1: F,
    rest_1: F,
    beta_2: F,
    rest_2: F,
    /// Averages smaller than these are zero.
    flush_1: F,
    flush_2: F,
    /// Gradients smaller than this would give denormal products, and count as zero in the average and in that of the squares.
    flush_gradient: F,
    flush_square: F,
}

impl<F: Real> Moments<F> {
    fn new(beta_1: f32, beta_2: f32, epsilon: f32) -> Self {
        let (rest_1, rest_2) = (F::of(f64::from(1.0 - beta_1)), F::of(f64::from(1.0 - beta_2)));
        let flush = if epsilon >= SAFE_EPSILON { F::MIN_POSITIVE } else { F::ZERO };
        Self {
            beta_1: F::of(f64::from(beta_1)),
            rest_1,
            beta_2: F::of(f64::from(beta_2)),
            rest_2,
            flush_1: flush,
            flush_2: flush,
            flush_gradient: if rest_1 > F::ZERO { flush / rest_1 } else { F::ZERO },
            flush_square: if rest_2 > F::ZERO { (flush / rest_2).root() } else { F::ZERO },
        }
    }

    #[inline(always)]
    fn update(&self, gradient: F, moment_1: F, moment_2: F) -> (F, F) {
        let moment_1 = moment_1 * self.beta_1 + gradient.flushed(self.flush_gradient) * self.rest_1;
        let root = gradient.flushed(self.flush_square);
        let moment_2 = moment_2 * self.beta_2 + root * root * self.rest_2;
        (moment_1.flushed(self.flush_1), moment_2.flushed(self.flush_2))
    }

    /// Keeps the sign of the smallest first moment.
    fn keeping_signs(self) -> Self {
        Self { flush_1: F::ZERO, flush_gradient: F::ZERO, ..self }
    }
}

/// How the two averages become a change of the value.
trait Change<F>: Copy + Send + Sync {
    /// The gradient that enters the averages.
    fn gradient(&self, value: F, gradient: F) -> F;
    /// The new value; `divisor` is the second moment that divides.
    fn value(&self, value: F, moment_1: F, divisor: F) -> F;
}

/// One step of either optimizer.
#[derive(Clone, Copy)]
struct AdamKernel<F, C> {
    factor: F,
    moments: Moments<F>,
    change: C,
}

impl<F: Real, C: Change<F>> AdamKernel<F, C> {
    fn run(self, amsgrad: bool, value: &mut [F], gradient: &[F], state: Buffers<'_>) {
        if amsgrad {
            run::<F, 3, _>(self, value, gradient, state.take());
        } else {
            run::<F, 2, _>(self, value, gradient, state.take());
        }
    }
}

impl<F: Real, C: Change<F>> Kernel<F, 2> for AdamKernel<F, C> {
    #[inline(always)]
    fn element(&self, value: F, gradient: F, [moment_1, moment_2]: [F; 2]) -> (F, [F; 2]) {
        let gradient = self.change.gradient(value, gradient * self.factor);
        let (moment_1, moment_2) = self.moments.update(gradient, moment_1, moment_2);
        (self.change.value(value, moment_1, moment_2), [moment_1, moment_2])
    }
}

/// AMSGrad: the largest second moment so far divides.
impl<F: Real, C: Change<F>> Kernel<F, 3> for AdamKernel<F, C> {
    #[inline(always)]
    fn element(&self, value: F, gradient: F, [moment_1, moment_2, largest]: [F; 3]) -> (F, [F; 3]) {
        let gradient = self.change.gradient(value, gradient * self.factor);
        let (moment_1, moment_2) = self.moments.update(gradient, moment_1, moment_2);
        // As Burn's `max_pair`: the old one stays where the two do not compare.
        let largest = if largest < moment_2 { moment_2 } else { largest };
        (self.change.value(value, moment_1, largest), [moment_1, moment_2, largest])
    }
}

/// Adam's change.
#[derive(Clone, Copy)]
struct AdamChange<F> {
    decay: Option<F>,
    /// Both bias corrections.
    correction: F,
    epsilon: F,
    lr: F,
}

impl<F: Real> Change<F> for AdamChange<F> {
    #[inline(always)]
    fn gradient(&self, value: F, gradient: F) -> F {
        match self.decay {
            Some(decay) => value * decay + gradient,
            None => gradient,
        }
    }

    #[inline(always)]
    fn value(&self, value: F, moment_1: F, divisor: F) -> F {
        value - moment_1 * self.correction / (divisor.root() + self.epsilon) * self.lr
    }
}

impl Algorithm for Adam {
    fn leaves(&self) -> &'static [Leaf] {
        leaves(self.amsgrad)
    }

    fn clock(&self) -> Option<&'static str> {
        Some(CLOCK)
    }

    fn update<F: Real>(&self, step: &Step, value: &mut [F], gradient: &[F], state: Buffers<'_>) {
        let time = step.time as i32;
        let root_2 = (1.0 - self.beta_2.powi(time)).sqrt();
        let change = AdamChange {
            decay: self.weight_decay.map(|decay| F::of(f64::from(decay.penalty))),
            correction: F::of(f64::from(root_2 / (1.0 - self.beta_1.powi(time)))),
            epsilon: F::of(f64::from(self.epsilon * root_2)),
            lr: F::of(step.lr),
        };
        let moments = Moments::new(self.beta_1, self.beta_2, self.epsilon);
        let kernel = AdamKernel { factor: F::of(step.factor), moments, change };
        kernel.run(self.amsgrad, value, gradient, state);
    }
}

/// AdamW's change.
#[derive(Clone, Copy)]
struct AdamWChange<F> {
    decay: Decay<F>,
    correction_1: F,
    correction_2: F,
    epsilon: F,
    lr: F,
}

/// What decoupled weight decay does to a value.
#[derive(Clone, Copy)]
enum Decay<F> {
    /// Multiplies it with this.
    All(F),
    /// Takes this share of it where the update goes the same way.
    Cautious(F),
}

impl<F: Real> Change<F> for AdamWChange<F> {
    #[inline(always)]
    fn gradient(&self, _value: F, gradient: F) -> F {
        gradient
    }

    #[inline(always)]
    fn value(&self, value: F, moment_1: F, divisor: F) -> F {
        let decayed = match self.decay {
            Decay::All(kept) => value * kept,
            Decay::Cautious(share) => {
                let agree = (value >= F::ZERO) == (moment_1 >= F::ZERO);
                value - if agree { value * share } else { F::ZERO }
            }
        };
        let delta = moment_1 / self.correction_1 / ((divisor / self.correction_2).root() + self.epsilon);
        decayed - delta * self.lr
    }
}

impl Algorithm for AdamW {
    fn leaves(&self) -> &'static [Leaf] {
        leaves(self.amsgrad)
    }

    fn clock(&self) -> Option<&'static str> {
        Some(CLOCK)
    }

    fn update<F: Real>(&self, step: &Step, value: &mut [F], gradient: &[F], state: Buffers<'_>) {
        let time = step.time as i32;
        let share = step.lr * f64::from(self.weight_decay);
        let moments = Moments::new(self.beta_1, self.beta_2, self.epsilon);
        let (decay, moments) = match self.cautious_weight_decay && share != 0.0 {
            true => (Decay::Cautious(F::of(share)), moments.keeping_signs()),
            false => (Decay::All(F::of(1.0 - share)), moments),
        };
        let change = AdamWChange {
            decay,
            correction_1: F::of(f64::from(1.0 - self.beta_1.powi(time))),
            correction_2: F::of(f64::from(1.0 - self.beta_2.powi(time))),
            epsilon: F::of(f64::from(self.epsilon)),
            lr: F::of(step.lr),
        };
        let kernel = AdamKernel { factor: F::of(step.factor), moments, change };
        kernel.run(self.amsgrad, value, gradient, state);
    }
}

fn leaves(amsgrad: bool) -> &'static [Leaf] {
    if amsgrad { &LEAVES } else { &LEAVES[..2] }
}
