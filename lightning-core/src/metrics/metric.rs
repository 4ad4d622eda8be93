//! The trait of stateful metrics, and of the values that update them.

use burn::tensor::Device;
use serde_json::Value;

use super::MetricValue;
use crate::error::Result;

/// A stateful metric: one that keeps a state over the batches of an epoch, because it is not the
/// mean of the values of the batches.
///
/// With `#[log(metric = Accuracy::new())]` on a `let`, the trainer updates the metric with the
/// value, computes it at the end of the epoch, and resets it. It can also be used without a
/// trainer:
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::metrics::{Accuracy, Metric};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let scores = Tensor::<2>::from_data([[0.9, 0.1], [0.3, 0.7], [0.6, 0.4]], &device);
/// let targets = Tensor::<1, Int>::from_data([0, 1, 1], &device);
/// let mut accuracy = Accuracy::new();
/// accuracy.update((&scores, &targets))?;
/// assert_eq!(accuracy.compute()?.scalar(), Some(2.0 / 3.0));
/// # Ok(())
/// # }
/// ```
///
/// # Implementing a metric
///
/// If the value is computed from sums over the batches, implement
/// [`SumMetric`](super::SumMetric) instead: it has two methods.
///
/// The six methods without a body are required. Keep the state on the device of the data and read
/// it in [`compute`](Metric::compute) only: an update that reads a tensor makes every step wait for
/// the device.
///
/// ```
/// use burn::tensor::Device;
/// use lightning_core::{Error, Result, metrics::{Metric, MetricValue}};
/// use serde_json::{Value, json};
///
/// /// The share of updates with `true`.
/// #[derive(Clone, Debug, Default)]
/// struct Share {
///     yes: u64,
///     all: u64,
/// }
///
/// impl Metric for Share {
///     type Input = bool;
///
///     fn accumulate(&mut self, input: &bool) -> Result<()> {
///         self.yes += u64::from(*input);
///         self.all += 1;
///         Ok(())
///     }
///     fn compute(&mut self) -> Result<MetricValue> {
///         Ok(MetricValue::Scalar(self.yes as f64 / self.all as f64))
///     }
///     fn reset(&mut self) {
///         *self = Self::default();
///     }
///     fn merge(&mut self, other: &Self) -> Result<()> {
///         self.yes += other.yes;
///         self.all += other.all;
///         Ok(())
///     }
///     fn state(&mut self) -> Result<Value> {
///         Ok(json!([self.yes, self.all]))
///     }
///     fn load_state(&mut self, state: &Value, _device: &Device) -> Result<()> {
///         let counts = serde_json::from_value(state.clone());
///         (self.yes, self.all) = counts.map_err(|error| Error::msg(error.to_string()))?;
///         Ok(())
///     }
/// }
///
/// # fn main() -> Result<()> {
/// let mut share = Share::default();
/// share.update(true)?;
/// share.update(false)?;
/// assert_eq!(share.compute()?.scalar(), Some(0.5));
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`metric` must be a stateful metric, found `{Self}`",
    label = "expected a metric such as `Accuracy::new()`",
    note = "the metrics are in `lightning_core::metrics`; implement `Metric` for your own",
    note = "C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait Metric: Clone + Send + 'static {
    /// The input of one update. [`MetricInput`] converts other values to it.
    type Input: Send + 'static;

    /// Adds one batch to the state.
    ///
    /// # Errors
    /// If the input does not fit the metric or the batches before, or the device fails.
    fn accumulate(&mut self, input: &Self::Input) -> Result<()>;

    /// Computes the value of all batches since the last reset. It may be called at any time, and
    /// does not change the value.
    ///
    /// # Errors
    /// If the state has no value, or the device fails.
    fn compute(&mut self) -> Result<MetricValue>;

    /// Removes the state, and keeps the options.
    fn reset(&mut self);

    /// Adds the state of another metric with the same options: the value is then that of the
    /// batches of both.
    ///
    /// # Errors
    /// If the two states do not fit each other, or the device fails.
    fn merge(&mut self, other: &Self) -> Result<()>;

    /// Returns the state as JSON, for a checkpoint in the middle of an epoch.
    ///
    /// # Errors
    /// If the device fails.
    fn state(&mut self) -> Result<Value>;

    /// Replaces the state by one that [`state`](Self::state) returned. `device` is that of the run:
    /// a state that consists of tensors is created there.
    ///
    /// # Errors
    /// If it is the state of another metric.
    fn load_state(&mut self, state: &Value, device: &Device) -> Result<()>;

    /// Adds one batch, in any form that can be converted to the input.
    ///
    /// # Errors
    /// If the value cannot be converted, or as [`accumulate`](Self::accumulate).
    fn update<V: MetricInput<Self::Input>>(&mut self, value: V) -> Result<()> {
        self.accumulate(&value.to_input()?)
    }
}

/// The trait of values that can be converted to the input `I` of a metric.
///
/// Every cloneable value is its own input, so an implementation of [`Metric`] needs no more. The
/// metrics of this crate take tuples of tensors, owned or borrowed: see
/// [`Classification`](super::Classification), [`Regression`](super::Regression),
/// [`ImagePair`](super::ImagePair), [`Rankings`](super::Rankings),
/// [`TokenScores`](super::TokenScores), [`Translations`](super::Translations) and
/// [`Transcripts`](super::Transcripts).
#[diagnostic::on_unimplemented(
    message = "the input of the metric must be `{I}`, found `{Self}`",
    label = "expected `{I}`, or values that convert to it",
    note = "write a tuple: (scores or labels, targets) for `Classification`, (predictions, targets) of \
            the same shape for `Regression`, (logits, tokens) for `TokenScores`, (candidates, \
            references) for `Translations`",
    note = "C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait MetricInput<I> {
    /// Converts the value; tensors are detached.
    ///
    /// # Errors
    /// If the shapes do not fit each other.
    fn to_input(&self) -> Result<I>;
}

impl<T: Clone> MetricInput<T> for T {
    fn to_input(&self) -> Result<T> {
        Ok(self.clone())
    }
}

impl<T: Clone> MetricInput<T> for &T {
    fn to_input(&self) -> Result<T> {
        Ok((*self).clone())
    }
}

/// A tuple of borrowed values for one of owned ones.
impl<A: Clone, B: Clone> MetricInput<(A, B)> for (&A, &B) {
    fn to_input(&self) -> Result<(A, B)> {
        Ok((self.0.clone(), self.1.clone()))
    }
}
