//! The moving averages of the gradient and of its square.

use super::super::float::{Float, SAFE_EPSILON, Setting};

/// The moving averages of the gradient (first moment) and of its square (second moment).
#[derive(Clone, Copy)]
pub(super) struct Moments<F> {
    beta_1: F,
    one_minus_beta_1: F,
    beta_2: F,
    one_minus_beta_2: F,
    /// Moments below these are flushed to zero.
    flush_1: F,
    flush_2: F,
    /// Gradients below these, whose contributions would be denormal, count as zero in the first and
    /// in the second moment.
    flush_gradient_1: F,
    flush_gradient_2: F,
}

impl<F: Float> Moments<F> {
    pub(super) fn new(beta_1: Setting, beta_2: Setting, epsilon: Setting) -> Self {
        let (beta_1, beta_2) = (F::setting(beta_1), F::setting(beta_2));
        let one_minus_beta_1 = F::ONE - beta_1;
        let one_minus_beta_2 = F::ONE - beta_2;
        let flush = if epsilon.single >= SAFE_EPSILON { F::MIN_POSITIVE } else { F::ZERO };
        Self {
            beta_1,
            one_minus_beta_1,
            beta_2,
            one_minus_beta_2,
            flush_1: flush,
            flush_2: flush,
            flush_gradient_1: if one_minus_beta_1 > F::ZERO { flush / one_minus_beta_1 } else { F::ZERO },
            flush_gradient_2: if one_minus_beta_2 > F::ZERO { (flush / one_minus_beta_2).sqrt() } else { F::ZERO },
        }
    }

    #[inline(always)]
    pub(super) fn update(&self, gradient: F, moment_1: F, moment_2: F) -> (F, F) {
        let moment_1 = moment_1 * self.beta_1 + gradient.flushed_below(self.flush_gradient_1) * self.one_minus_beta_1;
        let root = gradient.flushed_below(self.flush_gradient_2);
        let moment_2 = moment_2 * self.beta_2 + root * root * self.one_minus_beta_2;
        (moment_1.flushed_below(self.flush_1), moment_2.flushed_below(self.flush_2))
    }

    /// Keeps tiny first moments, for an update that depends on their sign.
    pub(super) fn with_exact_signs(self) -> Self {
        Self { flush_1: F::ZERO, flush_gradient_1: F::ZERO, ..self }
    }
}
