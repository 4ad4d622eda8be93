//! Adam and AdamW.
//!
//! - Kingma and Ba, *Adam: A Method for Stochastic Optimization*, 2015.
//! - Loshchilov and Hutter, *Decoupled Weight Decay Regularization*, 2019 (AdamW).
//! - Reddi et al., *On the Convergence of Adam and Beyond*, 2018 (AMSGrad).
//! - Chen et al., *Cautious Weight Decay*, 2025.

mod adamw;
mod moments;
mod plain;

pub(super) use adamw::AdamW;
pub(super) use plain::Adam;

use moments::Moments;

use super::{
    float::Float,
    optimizer::{StateBuffers, StateTensor},
    pass::{Kernel, run},
};

const STATE: [StateTensor; 3] = [
    StateTensor::required("momentum.moment_1"),
    StateTensor::required("momentum.moment_2"),
    StateTensor::optional("momentum.max_moment_2"),
];

const STEP_COUNTER: &str = "momentum.time";

fn state_tensors(amsgrad: bool) -> &'static [StateTensor] {
    if amsgrad { &STATE } else { &STATE[..2] }
}

/// What Adam and AdamW do differently.
trait Variant<F>: Copy + Send + Sync {
    /// Returns the gradient that enters the moments.
    fn gradient(&self, value: F, gradient: F) -> F;

    /// Returns the new value; `divisor` is the second moment to divide by.
    fn value(&self, value: F, moment_1: F, divisor: F) -> F;
}

/// One step of Adam or AdamW.
#[derive(Clone, Copy)]
struct AdamKernel<F, V> {
    gradient_scale: F,
    moments: Moments<F>,
    variant: V,
}

impl<F: Float, V: Variant<F>> AdamKernel<F, V> {
    fn run(self, amsgrad: bool, value: &mut [F], gradient: &[F], state: StateBuffers<'_>) {
        if amsgrad {
            run::<F, 3, _>(self, value, gradient, state.take());
        } else {
            run::<F, 2, _>(self, value, gradient, state.take());
        }
    }
}

impl<F: Float, V: Variant<F>> Kernel<F, 2> for AdamKernel<F, V> {
    #[inline(always)]
    fn element(&self, value: F, gradient: F, [moment_1, moment_2]: [F; 2]) -> (F, [F; 2]) {
        let gradient = self.variant.gradient(value, gradient * self.gradient_scale);
        let (moment_1, moment_2) = self.moments.update(gradient, moment_1, moment_2);
        (self.variant.value(value, moment_1, moment_2), [moment_1, moment_2])
    }
}

/// AMSGrad, which divides by the largest second moment so far.
impl<F: Float, V: Variant<F>> Kernel<F, 3> for AdamKernel<F, V> {
    #[inline(always)]
    fn element(&self, value: F, gradient: F, [moment_1, moment_2, largest]: [F; 3]) -> (F, [F; 3]) {
        let gradient = self.variant.gradient(value, gradient * self.gradient_scale);
        let (moment_1, moment_2) = self.moments.update(gradient, moment_1, moment_2);
        // Like Burn's `max_pair`, this keeps the old one if either is NaN.
        let largest = if largest < moment_2 { moment_2 } else { largest };
        (self.variant.value(value, moment_1, largest), [moment_1, moment_2, largest])
    }
}
