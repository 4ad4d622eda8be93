//! Cross entropy with options.

use burn::tensor::{Bool, FloatDType, Int, Tensor};

use super::{
    ClassWeights, chance,
    dtype::at_least_f32,
    targets::{at, checked},
};
use crate::tensor::labels::{is_label, wide};

/// The cross entropy of a classification with class weights, ignored targets and label smoothing.
///
/// Without options it is the function [`cross_entropy`](super::cross_entropy()). With the weight
/// `w` of each class and the smoothing `ε` it is
/// `Σ_i [ (1 − ε)·w[tᵢ]·ℓ[i, tᵢ] + ε/C·Σ_c w[c]·ℓ[i, c] ] / Σ_i w[tᵢ]` for the negative log
/// probabilities `ℓ` of `C` classes, over all rows whose target is not ignored, as in
/// `torch.nn.functional.cross_entropy`.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::functional::CrossEntropy;
///
/// let device = Device::default();
/// let logits = Tensor::<2>::from_data([[2.0, 0.0], [0.0, 0.0], [9.0, 9.0]], &device);
/// let targets = Tensor::<1, Int>::from_data([0, 1, -100], &device);
/// let cross_entropy = CrossEntropy::new().class_weights([1.0, 3.0]).ignore_index(-100);
/// let loss: f32 = cross_entropy.forward(logits, targets).into_scalar();
/// let expected = ((1.0 + (-2.0_f32).exp()).ln() + 3.0 * 2.0_f32.ln()) / 4.0;
/// assert!((loss - expected).abs() < 1e-6);
/// ```
#[derive(Clone, Debug, Default)]
pub struct CrossEntropy {
    class_weights: Option<ClassWeights>,
    ignore_index: Option<i64>,
    label_smoothing: f64,
}

impl CrossEntropy {
    /// Creates the loss without any option.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts each class with its own weight: a list or a `Tensor<1>` of `[classes]`. Default: 1.
    ///
    /// The sum is divided by the weights of the targets, as in PyTorch, so the loss of a batch with
    /// one class only does not depend on its weight.
    #[must_use]
    pub fn class_weights(mut self, weights: impl Into<ClassWeights>) -> Self {
        self.class_weights = Some(weights.into());
        self
    }

    /// Leaves out rows with this target, such as padding. Default: none.
    ///
    /// PyTorch ignores −100 by default. A batch in which every target is ignored has the loss NaN.
    #[must_use]
    pub fn ignore_index(mut self, index: i64) -> Self {
        self.ignore_index = Some(index);
        self
    }

    /// Mixes the target with the uniform distribution over all classes: the target has the
    /// probability `1 − smoothing + smoothing/C`, and every other class `smoothing/C`. Default: 0.
    ///
    /// `smoothing` is from 0 to 1 (Szegedy and others, "Rethinking the Inception Architecture for
    /// Computer Vision", 2016).
    #[must_use]
    pub fn label_smoothing(mut self, smoothing: f64) -> Self {
        self.label_smoothing = smoothing;
        self
    }

    /// Returns the loss of one batch: a scalar.
    ///
    /// `logits` is `[batch, classes]`, unnormalized; `targets` is `[batch]`, each in `0..classes` or
    /// ignored.
    ///
    /// # Panics
    ///
    /// If there is not one target per row of `logits` or not one weight per class, if the smoothing
    /// is not from 0 to 1, or if a target is neither a class nor ignored; on a device other than the
    /// CPU that makes the loss NaN, and the run fails when it reads values next.
    pub fn forward(&self, logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
        let smoothing = self.label_smoothing;
        assert!(
            (0.0..=1.0).contains(&smoothing),
            "`label_smoothing` must be from 0 to 1, found {smoothing}: write `.label_smoothing(0.1)`"
        );
        let logits = at_least_f32(logits);
        // Burn's `log_softmax` would subtract the normalizer from every class, forward and backward,
        // where only one class per row is used. The largest logit cancels in the gradient, so it is
        // computed outside the graph. Forward and backward of 64 rows of 10 take 16 µs instead of 21.
        let largest = logits.clone().without_autodiff().max_dim(1);
        let shifted = logits - largest;
        let normalizer = shifted.clone().exp().sum_dim(1).log();
        let targets = wide(targets.without_autodiff());
        let foreign = checked("cross_entropy", shifted.dims(), &targets, self.ignore_index);
        if self.class_weights.is_none() && self.ignore_index.is_none() && smoothing == 0.0 {
            let [_, classes] = shifted.dims();
            return chance::note(classes, (normalizer - at(shifted, targets, foreign)).mean());
        }

        let [rows, classes] = shifted.dims();
        let dtype: FloatDType = shifted.dtype().into();
        let device = shifted.device();
        let weights = self.class_weights.as_ref().map(|weights| weights.on(&device, dtype, classes, "class_weights"));
        let ignored = self.ignore_index.map(|index| is_label(&targets, index));
        let targets = match &ignored {
            Some(ignored) => targets.mask_fill(ignored.clone(), 0),
            None => targets,
        };
        let safe = match &foreign {
            Some(foreign) => targets.clone().mask_fill(foreign.clone(), 0),
            None => targets.clone(),
        };
        // The weight of each row.
        let row_weights = match &weights {
            Some(weights) => weights.clone().gather(0, safe),
            None => Tensor::ones([rows], (&device, shifted.dtype())),
        };
        let counted = |values: Tensor<1>, ignored: &Option<Tensor<1, Bool>>| match ignored {
            Some(ignored) => values.mask_fill(ignored.clone(), 0.0),
            None => values,
        };
        let row_weights = counted(row_weights, &ignored);
        let all_weights = row_weights.clone().sum();
        let likelihoods = (at(shifted.clone(), targets, foreign) - normalizer.clone()).reshape([rows]);
        let hard = (counted(likelihoods, &ignored) * row_weights).sum().neg();
        if smoothing == 0.0 {
            return hard / all_weights;
        }
        // Σ_c w[c]·(log Σ exp − x[c]).
        let soft = match weights {
            Some(weights) => {
                let weights = weights.reshape([1, classes]);
                normalizer * weights.clone().sum().reshape([1, 1]) - (shifted * weights).sum_dim(1)
            }
            None => normalizer * classes as f64 - shifted.sum_dim(1),
        };
        let soft = counted(soft.reshape([rows]), &ignored).sum();
        (hard * (1.0 - smoothing) + soft * (smoothing / classes as f64)) / all_weights
    }
}
