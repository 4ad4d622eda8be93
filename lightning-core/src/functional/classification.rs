//! Losses of classification.

use burn::tensor::{Int, Tensor};

use super::{
    BceWithLogits, CrossEntropy,
    dtype::at_least_f32,
    targets::{at, checked},
};
use crate::tensor::labels::wide;

/// Returns the cross entropy of a classification:
/// `mean_i( log Σ_c exp(logits[i, c]) − logits[i, targets[i]] )`.
///
/// `logits` is `[batch, classes]`, unnormalized; `targets` is `[batch]`, each in `0..classes`. The
/// largest logit of a row is subtracted first, so that no logit overflows. A class whose logit is
/// −∞ is masked: its probability is 0.
///
/// Class weights, targets to ignore and label smoothing are options of [`CrossEntropy`].
///
/// The formula is that of multinomial logistic regression (Bishop, "Pattern Recognition and Machine
/// Learning", 2006, equations 4.104 and 4.108) and of `torch.nn.functional.cross_entropy`.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::functional::cross_entropy;
///
/// let device = Device::default();
/// let logits = Tensor::<2>::from_data([[2.0, 0.0], [0.0, 0.0]], &device);
/// let targets = Tensor::<1, Int>::from_data([0, 1], &device);
/// let loss: f32 = cross_entropy(logits, targets).into_scalar();
/// let expected = ((1.0 + (-2.0_f32).exp()).ln() + 2.0_f32.ln()) / 2.0;
/// assert!((loss - expected).abs() < 1e-6);
/// ```
///
/// # Panics
///
/// If `targets` does not have one entry per row of `logits`, or if a target is not in `0..classes`;
/// on a device other than the CPU that makes the loss NaN, and the run fails when it reads values
/// next.
pub fn cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    CrossEntropy::new().forward(logits, targets)
}

/// Returns the negative log likelihood: `−mean_i( log_probs[i, targets[i]] )`.
///
/// `log_probs` is `[batch, classes]`, logarithms of probabilities; `targets` is `[batch]`, each in
/// `0..classes`. The formula is that of `torch.nn.functional.nll_loss`; after a `log_softmax` it
/// equals [`cross_entropy`].
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::functional::nll_loss;
///
/// let device = Device::default();
/// let log_probs = Tensor::<2>::from_data([[0.25, 0.75], [0.5, 0.5]], &device).log();
/// let loss: f32 = nll_loss(log_probs, Tensor::<1, Int>::from_data([1, 0], &device)).into_scalar();
/// assert!((loss + (0.75_f32.ln() + 0.5_f32.ln()) / 2.0).abs() < 1e-6);
/// ```
///
/// # Panics
///
/// If `targets` does not have one entry per row of `log_probs`, or if a target is not in
/// `0..classes`; on a device other than the CPU that makes the loss NaN, and the run fails when it
/// reads values next.
pub fn nll_loss(log_probs: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    let (log_probs, targets) = (at_least_f32(log_probs), wide(targets.without_autodiff()));
    let foreign = checked("nll_loss", log_probs.dims(), &targets, None);
    at(log_probs, targets, foreign).mean().neg()
}

/// Returns the cross entropy of independent binary decisions:
/// `mean( max(x, 0) − x·t + log(1 + exp(−|x|)) )` for logits `x` and targets `t`.
///
/// Both have the same shape; targets are probabilities in `[0, 1]`, usually 0 or 1. The formula is
/// `−mean( t·log σ(x) + (1 − t)·log(1 − σ(x)) )` (Bishop 2006, equation 4.90) in the form that
/// neither overflows nor cancels, as in `torch.nn.functional.binary_cross_entropy_with_logits`. Its
/// gradient is `(σ(x) − t) / n` everywhere, including at 0. A weight of positive targets is an option
/// of [`BceWithLogits`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use lightning_core::functional::bce_with_logits;
///
/// let device = Device::default();
/// let logits = Tensor::<1>::from_data([0.0, 1e4], &device);
/// let loss: f32 = bce_with_logits(logits, Tensor::from_data([1.0, 1.0], &device)).into_scalar();
/// assert!((loss - 2.0_f32.ln() / 2.0).abs() < 1e-6);
/// ```
///
/// # Panics
///
/// If the shapes differ.
pub fn bce_with_logits<const D: usize>(logits: Tensor<D>, targets: Tensor<D>) -> Tensor<1> {
    BceWithLogits::new().forward(logits, targets)
}
