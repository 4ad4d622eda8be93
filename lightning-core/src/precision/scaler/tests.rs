//! The scale compared with that of `torch.amp.GradScaler`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

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
    let text = include_str!("../../../../tests/reference/grad_scaler.json");
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
