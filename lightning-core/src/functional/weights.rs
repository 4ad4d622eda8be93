//! Weights of classes in a loss.

use burn::tensor::{Device, FloatDType, Tensor, TensorData};

/// Weights of a loss, one per class: a list of numbers, or a `Tensor<1>`.
///
/// A tensor stays where it is; a list is copied to the device of the logits in every call.
///
/// ```
/// use lightning_core::functional::CrossEntropy;
///
/// // Class 1 is rare, and counts four times.
/// let loss = CrossEntropy::new().class_weights([1.0, 4.0]);
/// # let _ = loss;
/// ```
#[derive(Clone, Debug)]
pub struct ClassWeights(Source);

#[derive(Clone, Debug)]
enum Source {
    List(Vec<f64>),
    Tensor(Box<Tensor<1>>),
}

impl ClassWeights {
    /// Returns the weights as constants on a device.
    ///
    /// # Panics
    /// If there is not one weight per class.
    pub(super) fn on(&self, device: &Device, dtype: FloatDType, classes: usize, option: &str) -> Tensor<1> {
        let len = match &self.0 {
            Source::List(list) => list.len(),
            Source::Tensor(tensor) => tensor.dims()[0],
        };
        assert!(
            len == classes,
            "`{option}` must have one weight per class, found {len} weights for {classes} classes: \
             write one number for each column of the logits"
        );
        let weights = match &self.0 {
            Source::List(list) => Tensor::from_data(TensorData::new(list.clone(), [len]), (device, dtype.into())),
            Source::Tensor(tensor) => (**tensor).clone().to_device(device).cast(dtype),
        };
        weights.without_autodiff()
    }
}

impl From<Tensor<1>> for ClassWeights {
    fn from(weights: Tensor<1>) -> Self {
        Self(Source::Tensor(Box::new(weights)))
    }
}

impl From<&Tensor<1>> for ClassWeights {
    fn from(weights: &Tensor<1>) -> Self {
        Self(Source::Tensor(Box::new(weights.clone())))
    }
}

impl From<Vec<f64>> for ClassWeights {
    fn from(weights: Vec<f64>) -> Self {
        Self(Source::List(weights))
    }
}

impl From<&[f64]> for ClassWeights {
    fn from(weights: &[f64]) -> Self {
        Self(Source::List(weights.to_vec()))
    }
}

impl<const N: usize> From<[f64; N]> for ClassWeights {
    fn from(weights: [f64; N]) -> Self {
        Self(Source::List(weights.to_vec()))
    }
}
