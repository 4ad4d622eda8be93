//! Binary cross entropy with options.

use burn::tensor::{FloatDType, Tensor};

use super::{
    ClassWeights,
    dtype::{check_shapes, same_dtype},
};

/// The cross entropy of independent binary decisions with a weight for positive targets.
///
/// Without options it is the function [`bce_with_logits`](super::bce_with_logits()). With the weight
/// `p` it is `−mean( p·t·log σ(x) + (1 − t)·log(1 − σ(x)) )` for logits `x` and targets `t`, as in
/// `torch.nn.functional.binary_cross_entropy_with_logits`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use lightning_core::functional::BceWithLogits;
///
/// let device = Device::default();
/// let logits = Tensor::<2>::from_data([[0.0, 0.0]], &device);
/// let targets = Tensor::from_data([[1.0, 0.0]], &device);
/// let bce = BceWithLogits::new().pos_weight([3.0, 1.0]);
/// let loss: f32 = bce.forward(logits, targets).into_scalar();
/// assert!((loss - 2.0 * 2.0_f32.ln()).abs() < 1e-6);
/// ```
#[derive(Clone, Debug, Default)]
pub struct BceWithLogits {
    pos_weight: Option<ClassWeights>,
}

impl BceWithLogits {
    /// Creates the loss without any option.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts positive targets with a weight per label, which are the last dimension of the logits:
    /// a list or a `Tensor<1>` of `[labels]`. Default: 1.
    ///
    /// A common weight is the number of negative samples over that of positive ones.
    #[must_use]
    pub fn pos_weight(mut self, weights: impl Into<ClassWeights>) -> Self {
        self.pos_weight = Some(weights.into());
        self
    }

    /// Returns the loss of one batch: a scalar.
    ///
    /// Logits and targets have the same shape, `[batch, labels]` or any other whose last dimension
    /// is that of the weights; targets are probabilities in `[0, 1]`, usually 0 or 1.
    ///
    /// # Panics
    ///
    /// If the shapes differ, or there is not one weight per label.
    pub fn forward<const D: usize>(&self, logits: Tensor<D>, targets: Tensor<D>) -> Tensor<1> {
        check_shapes("bce_with_logits", &logits, &targets);
        let (logits, targets) = same_dtype(logits, targets);
        // max(x, 0) = x·p and −|x| = x·(1 − 2p) with p = 1 for x ≥ 0, else 0. With a constant p the
        // gradient is right at 0 as well, where those of max and |x| would both be 0.
        let positive = logits.clone().without_autodiff().greater_equal_scalar(0.0);
        let positive = positive.float().cast(logits.dtype());
        let flip = positive.clone() * -2.0 + 1.0;
        let log = (logits.clone() * flip).exp().log1p();
        let Some(weights) = &self.pos_weight else {
            return (logits * (positive - targets) + log).mean();
        };
        let dtype: FloatDType = logits.dtype().into();
        let labels = logits.dims().last().copied().unwrap_or(1);
        let weights = weights.on(&logits.device(), dtype, labels, "pos_weight").unsqueeze::<D>();
        // −log σ(x) = max(−x, 0) + log(1 + exp(−|x|)), and x more for a negative target.
        let softplus = logits.clone() * (positive - 1.0) + log;
        let factor = targets.clone() * (weights - 1.0) + 1.0;
        (logits * (targets.neg() + 1.0) + softplus * factor).mean()
    }
}
