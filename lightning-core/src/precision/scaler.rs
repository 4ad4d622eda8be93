//! Dynamic loss scaling.

use serde::{Deserialize, Serialize};

/// The scale that losses are multiplied by, so that float16 does not round small gradients to zero.
///
/// A step whose gradients are not finite is skipped and halves the scale. After 2000 steps without
/// one the scale is doubled.
///
/// The method is that of Micikevicius et al., "Mixed Precision Training", ICLR 2018, section 3.2,
/// with the constants of `torch.amp.GradScaler`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LossScaler {
    /// In `f32`, as in torch, which limits the scale to the largest `f32`.
    scale: f32,
    /// The steps since the last change of the scale.
    steps: u32,
}

impl LossScaler {
    const INITIAL: f32 = 65536.0;
    const GROWTH: f32 = 2.0;
    const BACKOFF: f32 = 0.5;
    const GROWTH_INTERVAL: u32 = 2000;
    /// The smallest useful scale, that of fairseq's `min_loss_scale`. Below it, gradients of
    /// ordinary size are rounded to zero, so the scale is not what makes gradients infinite.
    const SMALLEST: f32 = 1e-4;

    /// Returns what losses are multiplied by.
    pub(crate) fn scale(&self) -> f64 {
        f64::from(self.scale)
    }

    /// Returns whether the scale is too small to be useful.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.scale < Self::SMALLEST
    }

    /// Adjusts the scale after a step, depending on whether its gradients were `finite`.
    pub(crate) fn update(&mut self, finite: bool) {
        if !finite {
            self.scale *= Self::BACKOFF;
            self.steps = 0;
            return;
        }
        self.steps += 1;
        if self.steps >= Self::GROWTH_INTERVAL {
            let grown = self.scale * Self::GROWTH;
            if grown.is_finite() {
                self.scale = grown;
            }
            self.steps = 0;
        }
    }

    /// Returns whether the scale is a positive number, which a damaged checkpoint may violate.
    pub(crate) fn is_valid(&self) -> bool {
        self.scale.is_finite() && self.scale > 0.0
    }
}

impl Default for LossScaler {
    fn default() -> Self {
        Self { scale: Self::INITIAL, steps: 0 }
    }
}

#[cfg(test)]
mod tests;
