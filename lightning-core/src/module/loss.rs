//! A loss with a weight and an output.

use burn::tensor::{Int, Tensor};

use super::outputs::{GivesOutput, IntoTrainingOutput, ManualOutput, TrainingOutput};
use crate::{
    error::Result,
    metrics::{LogValue, ambient::LoggedValue},
    optim::Weight,
    tensor::readback,
};

/// The result of a training step: the loss, with an optional weight and an output for
/// `on_train_batch_end`.
#[derive(Debug)]
pub struct Loss<T = ()> {
    /// The mean loss, or the sum that `weight` divides.
    loss: Tensor<1>,
    weight: Weight,
    /// Whether the loss is a mean, and its weight is one.
    is_mean: bool,
    output: T,
}

impl Loss {
    /// Creates a loss from the mean over the batch.
    pub fn new(mean: Tensor<1>) -> Self {
        Self { loss: mean, weight: Weight::Number(1.0), is_mean: true, output: () }
    }

    /// Creates a loss from the sum over `weight` samples or tokens. With gradient accumulation, the
    /// gradient is then that of Σ sum / Σ weight: every token counts the same, in whichever batch
    /// it was.
    ///
    /// ```
    /// use burn::prelude::*;
    /// use lightning_core::Loss;
    ///
    /// let device = Device::default();
    /// let (sum, tokens) = (Tensor::<1>::from_floats([12.0], &device), Tensor::<1>::from_floats([4.0], &device));
    /// let loss = Loss::weighted(sum, tokens);
    /// # let _ = loss;
    /// ```
    pub fn weighted(sum: Tensor<1>, weight: impl LossWeight) -> Self {
        Self { loss: sum, weight: weight.into_weight().0, is_mean: false, output: () }
    }
}

impl<T> Loss<T> {
    /// Adds an output for `on_train_batch_end`.
    pub fn output<U: Send + 'static>(self, output: U) -> Loss<U> {
        Loss { loss: self.loss, weight: self.weight, is_mean: self.is_mean, output }
    }

    /// Returns the mean loss, outside the autodiff graph.
    pub(crate) fn mean(&self) -> Tensor<1> {
        self.weight.mean_of(self.loss.clone().inner())
    }
}

/// The number of samples or tokens that a loss is the sum of.
#[diagnostic::on_unimplemented(
    message = "the weight of a loss must be a number, found `{Self}`",
    label = "expected a number of samples or tokens",
    note = "write a number, or a `Tensor<1>` of one element",
    note = "C4 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait LossWeight {
    /// Converts it.
    #[doc(hidden)]
    fn into_weight(self) -> LossWeightValue;
}

/// An opaque weight.
#[doc(hidden)]
#[derive(Debug)]
pub struct LossWeightValue(Weight);

impl LossWeight for Tensor<1> {
    fn into_weight(self) -> LossWeightValue {
        let weight = self.inner();
        LossWeightValue(match readback::is_host(&weight.device()) {
            true => Weight::Number(readback::host_scalar(weight)),
            false => Weight::OnDevice(weight),
        })
    }
}

impl LossWeight for Tensor<1, Int> {
    fn into_weight(self) -> LossWeightValue {
        self.float().into_weight()
    }
}

impl<T: LossWeight + Clone> LossWeight for &T {
    fn into_weight(self) -> LossWeightValue {
        self.clone().into_weight()
    }
}

macro_rules! number_weights {
    ($($number:ty),*) => {
        $(impl LossWeight for $number {
            fn into_weight(self) -> LossWeightValue {
                LossWeightValue(Weight::Number(self as f64))
            }
        })*
    };
}

number_weights!(f32, f64, u32, u64, usize, i32, i64);

impl<T: Send + 'static> IntoTrainingOutput for Loss<T> {
    fn into_training_output(self) -> Result<Option<TrainingOutput>> {
        let Self { loss, weight, is_mean, output } = self;
        Ok(Some(TrainingOutput { loss, weight, is_mean, output: Some(Box::new(output)) }))
    }
}

impl<T: Send + 'static> ManualOutput for Loss<T> {
    fn into_manual_output(self) -> Result<Option<TrainingOutput>> {
        self.into_training_output()
    }
}

impl<O> GivesOutput<O> for Loss<O> {}

impl<T> LogValue for Loss<T> {
    fn to_logged(&self) -> LoggedValue {
        self.mean().to_logged()
    }
}
