//! Losses of regression.

use burn::tensor::Tensor;

use super::dtype::{check_shapes, same_dtype};

/// Returns the mean squared error, `mean( (pred − target)² )`, as `torch.nn.functional.mse_loss`.
///
/// Both tensors have the same shape.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use lightning_core::functional::mse_loss;
///
/// let device = Device::default();
/// let pred = Tensor::<1>::from_data([1.0, 2.0], &device);
/// let loss: f32 = mse_loss(pred, Tensor::from_data([1.0, 4.0], &device)).into_scalar();
/// assert_eq!(loss, 2.0);
/// ```
///
/// # Panics
///
/// If the shapes differ.
pub fn mse_loss<const D: usize>(pred: Tensor<D>, target: Tensor<D>) -> Tensor<1> {
    check_shapes("mse_loss", &pred, &target);
    let (pred, target) = same_dtype(pred, target);
    (pred - target).square().mean()
}

/// Returns the mean absolute error, `mean( |pred − target| )`, as `torch.nn.functional.l1_loss`.
///
/// Both tensors have the same shape. The gradient is 0 where they are equal.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use lightning_core::functional::l1_loss;
///
/// let device = Device::default();
/// let pred = Tensor::<1>::from_data([1.0, 2.0], &device);
/// let loss: f32 = l1_loss(pred, Tensor::from_data([1.0, 4.0], &device)).into_scalar();
/// assert_eq!(loss, 1.0);
/// ```
///
/// # Panics
///
/// If the shapes differ.
pub fn l1_loss<const D: usize>(pred: Tensor<D>, target: Tensor<D>) -> Tensor<1> {
    check_shapes("l1_loss", &pred, &target);
    let (pred, target) = same_dtype(pred, target);
    (pred - target).abs().mean()
}

/// Returns Huber's loss: the mean of `d²/2` where `|d| ≤ delta` and of `delta·(|d| − delta/2)`
/// elsewhere, for `d = pred − target`.
///
/// Both tensors have the same shape. The loss is quadratic for small errors and linear for large
/// ones (Peter J. Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical
/// Statistics 35, 1964), as in `torch.nn.functional.huber_loss`. A `delta` that is not positive
/// gives NaN.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use lightning_core::functional::huber;
///
/// let device = Device::default();
/// let pred = Tensor::<1>::from_data([0.5, 3.0], &device);
/// let loss: f32 = huber(pred, Tensor::from_data([0.0, 0.0], &device), 1.0).into_scalar();
/// assert_eq!(loss, (0.125 + 2.5) / 2.0);
/// ```
///
/// # Panics
///
/// If the shapes differ.
pub fn huber<const D: usize>(pred: Tensor<D>, target: Tensor<D>, delta: f64) -> Tensor<1> {
    check_shapes("huber", &pred, &target);
    let (pred, target) = same_dtype(pred, target);
    let error = pred - target;
    if delta.is_nan() || delta <= 0.0 {
        return (error * f64::NAN).mean();
    }
    // With c = d clamped to ±delta, both branches are c·(d − c/2), whose gradient is c. So c may be
    // a constant of the graph.
    let clamped = error.clone().without_autodiff().clamp(-delta, delta);
    let half = clamped.clone() * 0.5;
    ((error - half) * clamped).mean()
}
