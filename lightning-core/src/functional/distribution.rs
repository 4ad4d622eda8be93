//! Losses between probability distributions.

use burn::tensor::Tensor;

use super::dtype::{check_shapes, same_dtype};

/// Returns the Kullback-Leibler divergence of the predicted from the target distribution:
/// `Σ target·(log target − log_input) / batch`.
///
/// `log_input` holds logarithms of probabilities and `target` probabilities; both have the same
/// shape, with the batch as dimension 0. This is torch's `kl_div` with `reduction="batchmean"`,
/// which agrees with the definition (Kullback and Leibler, "On Information and Sufficiency", 1951),
/// and not torch's default. A target of 0 contributes nothing.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use lightning_core::functional::kl_div;
///
/// let device = Device::default();
/// let log_input = Tensor::<2>::from_data([[0.5, 0.5]], &device).log();
/// let loss: f32 = kl_div(log_input, Tensor::from_data([[1.0, 0.0]], &device)).into_scalar();
/// assert!((loss - 2.0_f32.ln()).abs() < 1e-6);
/// ```
///
/// # Panics
///
/// If the shapes differ.
pub fn kl_div<const D: usize>(log_input: Tensor<D>, target: Tensor<D>) -> Tensor<1> {
    check_shapes("kl_div", &log_input, &target);
    let (log_input, target) = same_dtype(log_input, target);
    let batch = log_input.dims().first().copied().unwrap_or(1);
    // The smallest normal number replaces 0: its logarithm is finite, and times 0 it is 0.
    let log_target = target.clone().clamp_min(f64::from(f32::MIN_POSITIVE)).log();
    // Burn's backward of a division by a scalar computes the reciprocal in float32.
    (target * (log_target - log_input)).sum() * (1.0 / batch as f64)
}
