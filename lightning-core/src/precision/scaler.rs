//! Dynamic loss scaling.

use serde::{Deserialize, Serialize};

/// Multiplies losses so that gradients which float16 would round to zero stay in its range, and finds the multiplier by itself: a step
/// whose gradients are not finite is skipped and the scale halved; after 2000 steps without one it is doubled.
///
/// The method is that of Micikevicius et al., "Mixed Precision Training", ICLR 2018, section 3.2, with the numbers of
/// `torch.amp.GradScaler`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LossScaler {
    /// In `f32`, as torch has it: the largest scale is the largest `f32`.
    scale: f32,
    /// Steps since the scale was changed last.
    steps: u32,
}

impl LossScaler {
    const INITIAL: f32 = 65536.0;
    const GROWTH: f32 = 2.0;
    const BACKOFF: f32 = 0.5;
    const GROWTH_INTERVAL: u32 = 2000;
    /// Below it gradients of an ordinary size vanish, so what is not finite is not the scale's fault (fairseq's `min_loss_scale`).
    const SMALLEST: f32 = 1e-4;

    /// What losses are multiplied by.
    pub(crate) fn scale(&self) -> f64 {
        f64::from(self.scale)
    }

    /// Whether no scale helps any more.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.scale < Self::SMALLEST
    }

    /// Takes note of a step, after its gradients have been looked at.
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

    /// Whether it can be gone on with: a damaged file could say anything.
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

    /// A sequence of finite (`1`) and infinite (`0`) gradients, and what `torch.amp.GradScaler` makes of it: made by
    /// `tests/reference/grad_scaler.py`.
    #[derive(Deserialize)]
    struct Reference {
        /// Runs of equal steps: whether they are finite, and how many.
        runs: Vec<(bool, u32)>,
        /// Scale and growth tracker after each run.
        after: Vec<(f64, u32)>,
        /// After which steps the scale changed, and to what.
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
    fn a_stored_scaler_goes_on() {
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
