//! Adapters for the metrics of burn-train.

use std::fmt;

use burn::{data::dataloader::Progress, tensor::Device};
use burn_train::metric::{Adaptor, Metric as TrainMetric, MetricMetadata, Numeric};
use serde_json::{Value, json};

use crate::{
    error::{Error, ErrorKind, Result},
    metrics::{Metric, MetricInput, MetricValue},
};

/// A numeric metric that implements burn-train's `Metric`, as a metric of this crate. It needs the
/// feature `burn-train`.
///
/// It takes the types that burn-train's `Adaptor` converts to the metric's input, such as
/// `ClassificationOutput`. [`input`](Self::input) accepts any other type.
///
/// The metric behaves as in burn-train: most of them read their tensors at every update, which
/// waits for the device, and shares are in percent. Two metrics cannot be merged, and the state is
/// not part of a checkpoint: after resuming in the middle of an epoch, the value is that of the
/// rest of the epoch, with a warning.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use burn_train::metric::{AccuracyInput, AccuracyMetric};
/// use lightning_core::metrics::{BurnMetric, Metric};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let scores = Tensor::<2>::from_data([[0.9, 0.1], [0.3, 0.7]], &device);
/// let targets = Tensor::<1, Int>::from_data([0, 0], &device);
/// let adapt = |(scores, targets): &(Tensor<2>, Tensor<1, Int>)| {
///     AccuracyInput::new(scores.clone(), targets.clone())
/// };
/// let mut accuracy = BurnMetric::new(AccuracyMetric::new()).input(adapt);
/// accuracy.update((scores, targets))?;
/// assert_eq!(accuracy.compute()?.scalar(), Some(50.0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct BurnMetric<T> {
    inner: Inner<T>,
}

impl<T> BurnMetric<T>
where
    T: TrainMetric + Numeric + 'static,
    T::Input: Send + 'static,
{
    /// Wraps a metric whose input is converted by burn-train's `Adaptor`.
    pub fn new(metric: T) -> Self {
        Self { inner: Inner { metric, updates: 0 } }
    }

    /// Takes values of type `V`, and converts them to the metric's input by this function.
    pub fn input<V: Clone + Send + 'static>(self, adapt: fn(&V) -> T::Input) -> AdaptedBurnMetric<T, V> {
        AdaptedBurnMetric { inner: self.inner, adapt }
    }
}

impl<T> fmt::Debug for BurnMetric<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BurnMetric<{}>", std::any::type_name::<T>())
    }
}

/// An input that burn-train's `Adaptor` created.
pub struct Adapted<I>(I);

impl<I> fmt::Debug for Adapted<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Adapted<{}>", std::any::type_name::<I>())
    }
}

impl<I, V: Adaptor<I>> MetricInput<Adapted<I>> for V {
    fn to_input(&self) -> Result<Adapted<I>> {
        Ok(Adapted(self.adapt()))
    }
}

impl<T> Metric for BurnMetric<T>
where
    T: TrainMetric + Numeric + 'static,
    T::Input: Send + 'static,
{
    type Input = Adapted<T::Input>;

    fn accumulate(&mut self, input: &Self::Input) -> Result<()> {
        self.inner.update(&input.0)
    }

    fn compute(&mut self) -> Result<MetricValue> {
        self.inner.value()
    }

    fn reset(&mut self) {
        self.inner.clear();
    }

    fn merge(&mut self, _other: &Self) -> Result<()> {
        Err(unmergeable::<T>())
    }

    fn state(&mut self) -> Result<Value> {
        Ok(self.inner.state())
    }

    fn load_state(&mut self, state: &Value, _device: &Device) -> Result<()> {
        self.inner.load(state)
    }
}

/// A [`BurnMetric`] with a function that converts values of type `V` to its input.
pub struct AdaptedBurnMetric<T: TrainMetric, V> {
    inner: Inner<T>,
    adapt: fn(&V) -> T::Input,
}

impl<T: TrainMetric, V> Clone for AdaptedBurnMetric<T, V> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), adapt: self.adapt }
    }
}

impl<T: TrainMetric, V> fmt::Debug for AdaptedBurnMetric<T, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AdaptedBurnMetric<{}>", std::any::type_name::<T>())
    }
}

impl<T, V> Metric for AdaptedBurnMetric<T, V>
where
    T: TrainMetric + Numeric + 'static,
    T::Input: 'static,
    V: Clone + Send + 'static,
{
    type Input = V;

    fn accumulate(&mut self, input: &V) -> Result<()> {
        self.inner.update(&(self.adapt)(input))
    }

    fn compute(&mut self) -> Result<MetricValue> {
        self.inner.value()
    }

    fn reset(&mut self) {
        self.inner.clear();
    }

    fn merge(&mut self, _other: &Self) -> Result<()> {
        Err(unmergeable::<T>())
    }

    fn state(&mut self) -> Result<Value> {
        Ok(self.inner.state())
    }

    fn load_state(&mut self, state: &Value, _device: &Device) -> Result<()> {
        self.inner.load(state)
    }
}

/// The metric, and the number of updates since it was cleared.
#[derive(Clone)]
struct Inner<T> {
    metric: T,
    updates: usize,
}

impl<T: TrainMetric> Inner<T> {
    fn update(&mut self, input: &T::Input) -> Result<()> {
        self.updates += 1;
        let updates = self.updates;
        let metadata =
            MetricMetadata { progress: Progress::new(updates, updates, None), iteration: Some(updates), lr: None };
        self.metric.update(input, &metadata).map(drop).map_err(read_error::<T>)
    }

    fn clear(&mut self) {
        self.updates = 0;
        self.metric.clear();
    }

    fn state(&self) -> Value {
        json!({ "updates": self.updates })
    }

    fn load(&mut self, state: &Value) -> Result<()> {
        self.clear();
        match state.get("updates").and_then(Value::as_u64) {
            Some(0) => Ok(()),
            _ => {
                let text = "the state of a metric of burn-train is not part of a checkpoint";
                Err(Error::new(ErrorKind::Checkpoint, text).help(
                    "save checkpoints at the end of an epoch, or use a metric of \
                     `lightning_core::metrics`",
                ))
            }
        }
    }
}

impl<T: TrainMetric + Numeric> Inner<T> {
    fn value(&mut self) -> Result<MetricValue> {
        self.metric.compute().map_err(read_error::<T>)?;
        Ok(MetricValue::Scalar(self.metric.final_value().current()))
    }
}

/// The error of a device, which burn-train does not type.
fn read_error<T>(error: impl fmt::Debug) -> Error {
    let metric = std::any::type_name::<T>();
    Error::new(ErrorKind::Device, format!("`{metric}` cannot read its tensors: {error:?}"))
}

/// The error of merging two metrics of burn-train.
fn unmergeable<T>() -> Error {
    let text = format!("two `{}` cannot be merged", std::any::type_name::<T>());
    Error::new(ErrorKind::Metric, text)
        .help("metrics of burn-train have no mergeable state: use one of `lightning_core::metrics`")
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Int, Tensor};
    use burn_train::{
        ClassificationOutput,
        metric::{AccuracyInput, AccuracyMetric, LossMetric, TopKAccuracyMetric},
    };

    use super::*;
    use crate::metrics::Accuracy;

    type Pair = (Tensor<2>, Tensor<1, Int>);

    fn batches() -> [Pair; 2] {
        let device = Device::default();
        let scores = Tensor::<2>::from_data([[0.9, 0.05, 0.05], [0.3, 0.6, 0.1], [0.2, 0.3, 0.5]], &device);
        let more = Tensor::<2>::from_data([[0.1, 0.7, 0.2]], &device);
        let targets = |classes: &[i32]| Tensor::<1, Int>::from_data(classes, &device);
        [(scores, targets(&[0, 0, 2])), (more, targets(&[2]))]
    }

    #[test]
    fn an_adaptor_of_burn_train_makes_the_input() -> Result<()> {
        let mut top_two = BurnMetric::new(TopKAccuracyMetric::new(2));
        let mut loss = BurnMetric::new(LossMetric::new());
        for (scores, targets) in batches() {
            let output = || ClassificationOutput::new(scores.clone().mean(), scores.clone(), targets.clone());
            top_two.update(output())?;
            loss.update(output())?;
        }
        assert_eq!(top_two.compute()?, MetricValue::Scalar(100.0));
        assert!(loss.compute()?.scalar().is_some_and(|loss| (loss - 1.0 / 3.0).abs() < 1e-6));
        top_two.reset();
        assert_eq!(top_two.state()?, json!({ "updates": 0 }));
        Ok(())
    }

    #[test]
    fn a_function_makes_the_input_of_anything() -> Result<()> {
        let adapt = |(scores, targets): &Pair| AccuracyInput::new(scores.clone(), targets.clone());
        let mut theirs = BurnMetric::new(AccuracyMetric::new()).input(adapt);
        let mut ours = Accuracy::new();
        for pair in batches() {
            theirs.update(&pair)?;
            ours.update(pair)?;
        }
        let (theirs_says, ours_says) = (theirs.compute()?.scalar(), ours.compute()?.scalar());
        // burn-train's value is a running mean of the percentages of the batches.
        let apart = theirs_says.zip(ours_says).map(|(percent, share)| (percent - share * 100.0).abs());
        assert!(apart.is_some_and(|apart| apart < 1e-9), "{theirs_says:?} percent, {ours_says:?}");
        let state = theirs.state()?;
        assert!(
            theirs.load_state(&state, &Device::default()).is_err_and(|error| error.to_string().contains("burn-train"))
        );
        let other = theirs.clone();
        assert!(theirs.merge(&other).is_err());
        Ok(())
    }
}
