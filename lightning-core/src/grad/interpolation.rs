//! Points between real and fake samples.

use burn::tensor::{Distribution, Tensor};

use super::constant;

/// Returns random points between real and fake samples, `εᵢ realᵢ + (1 − εᵢ) fakeᵢ` with one `εᵢ`
/// per row, uniform in [0, 1].
///
/// These are the points at which WGAN-GP penalizes the gradient of the critic (Gulrajani et al.
/// 2017, algorithm 1, line 6). Both tensors have the same shape, with the batch as dimension 0. The
/// result is a constant: no gradient reaches a generator through it.
///
/// ```
/// use burn::prelude::*;
/// use lightning_core::grad;
///
/// let device = Device::default();
/// let (real, fake) = (Tensor::<2>::ones([8, 3], &device), Tensor::zeros([8, 3], &device));
/// let weights: Vec<f32> = grad::interpolate(&real, &fake).into_data().try_to_vec()?;
/// // All values of a row have the same weight, and rows have different ones.
/// assert!(weights.chunks(3).all(|row| (0.0..=1.0).contains(&row[0])));
/// assert!(weights.chunks(3).all(|row| row.iter().all(|weight| *weight == row[0])));
/// assert_ne!(weights[0], weights[3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
///
/// If the shapes differ.
pub fn interpolate<const D: usize>(real: &Tensor<D>, fake: &Tensor<D>) -> Tensor<D> {
    let (shape, other) = (real.dims(), fake.dims());
    assert!(
        shape == other,
        "`interpolate` needs two tensors of the same shape, found {shape:?} and {other:?}: pass \
         the same number of real and fake samples"
    );
    let (real, fake) = (constant(real.clone()), constant(fake.clone()));
    let mut weights = [1; D];
    weights[0] = shape[0];
    let uniform = Distribution::Uniform(0.0, 1.0);
    let weight = Tensor::random(weights, uniform, (&real.device(), real.dtype()));
    fake.clone() + (real - fake) * weight
}
