//! The accuracy of one batch.

use burn::tensor::{FloatDType, Int, Tensor};

use super::targets::checked;
use crate::tensor::labels::{same_type, wide};

/// Returns the share of rows whose largest logit is that of the target, as a float32 scalar without
/// gradient.
///
/// `logits` is `[batch, classes]` (probabilities or their logarithms work as well), `targets` is
/// `[batch]`. If several logits are equally large, the first counts. The mean over an epoch whose
/// batches differ in size is [`metrics::Accuracy`](crate::metrics::Accuracy).
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::functional::accuracy;
///
/// let device = Device::default();
/// let logits = Tensor::<2>::from_data([[2.0, 0.0], [0.0, 1.0], [3.0, 1.0]], &device);
/// let targets = Tensor::<1, Int>::from_data([0, 1, 1], &device);
/// let share: f32 = accuracy(&logits, &targets).into_scalar();
/// assert!((share - 2.0 / 3.0).abs() < 1e-6);
/// ```
///
/// # Panics
///
/// If `targets` does not have one entry per row of `logits`, or if a target is not in `0..classes`;
/// on a device other than the CPU the run fails when it reads values next.
pub fn accuracy(logits: &Tensor<2>, targets: &Tensor<1, Int>) -> Tensor<1> {
    let [batch, _] = logits.dims();
    let targets = wide(targets.clone().without_autodiff());
    checked("accuracy", logits.dims(), &targets, None);
    let best = logits.clone().without_autodiff().argmax(1).reshape([batch]);
    let (best, targets) = same_type(best, targets);
    best.equal(targets).float().cast(FloatDType::F32).mean()
}
