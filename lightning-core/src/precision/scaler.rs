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
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// A sequence of finite and infinite gradients and the scales of `torch.amp.GradScaler` for it,
    /// from `tests/reference/grad_scaler.py`.
    #[derive(Deserialize)]
    struct Reference {
        /// Runs of equal steps: whether their gradients are finite, and their number.
        runs: Vec<(bool, u32)>,
        /// The scale and the growth tracker after each run.
        after: Vec<(f64, u32)>,
        /// The steps after which the scale changed, and the new scale.
        changes: Vec<(u32, f64)>,
    }

    #[test]
    fn the_scale_is_that_of_torch() {
        let text = include_str!("../../../tests/reference/grad_scaler.json");
        let reference: Reference = serde_json::from_str(text).unwrap();
        let mut scaler = LossScaler::default();
        let (mut step, mut changes, mut after) = (0, Vec::new(), Vec::new());
        for (finite, count) in &reference.runs {
            for _ in 0..*count {
                let before = scaler.scale();
                scaler.update(*finite);
                step += 1;
                if scaler.scale() != before {
                    changes.push((step, scaler.scale()));
                }
            }
            after.push((scaler.scale(), scaler.steps));
        }
        assert!(changes.len() > 100, "the sequence reaches both ends of the range");
        assert_eq!(changes, reference.changes);
        assert_eq!(after, reference.after);
    }

    #[test]
    fn a_stored_scaler_is_restored() {
        let mut scaler = LossScaler::default();
        scaler.update(false);
        scaler.update(true);
        let stored = serde_json::to_value(&scaler).unwrap();
        let restored: LossScaler = serde_json::from_value(stored).unwrap();
        assert_eq!(restored, scaler);
        assert!(restored.is_valid());
        assert!(!LossScaler { scale: 0.0, steps: 0 }.is_valid());
        assert!(!LossScaler { scale: f32::INFINITY, steps: 0 }.is_valid());
    }
}
