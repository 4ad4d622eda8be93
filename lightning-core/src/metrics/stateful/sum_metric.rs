//! Metrics that are computed from sums over all batches.

use burn::tensor::{Device, Tensor};
use serde_json::{Value, json};

use super::{accumulate::Sums, exact};
use crate::{
    error::{Error, ErrorKind, Result},
    functional::at_least_f32,
    metrics::{Metric, MetricValue},
};

/// A metric that is computed from `N` sums over all batches: most of your own.
///
/// [`update`](Self::update) returns what one batch adds to the sums, and [`compute`](Self::compute)
/// makes the value of them. [`Summed`] makes a [`Metric`] of it, whose reset, merge, state and
/// resuming follow from the sums.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use lightning_core::{Result, metrics::{Metric, MetricValue, Sum, SumMetric, Summed}};
///
/// /// The share of predictions that are at most `0` away from their targets.
/// #[derive(Clone, Debug)]
/// struct Within(f64);
///
/// impl SumMetric<2> for Within {
///     type Input = (Tensor<1>, Tensor<1>);
///
///     fn update(&self, (predictions, targets): &Self::Input) -> Result<[Tensor<1>; 2]> {
///         let hits = (predictions.clone() - targets.clone()).abs().lower_equal_scalar(self.0).float();
///         Ok([hits.clone().sum(), hits.ones_like().sum()])
///     }
///     fn compute(&self, [hits, samples]: [Sum; 2]) -> Result<MetricValue> {
///         Ok(MetricValue::Scalar(hits.total() / samples.total()))
///     }
/// }
///
/// # fn main() -> Result<()> {
/// let device = Device::default();
/// let mut within = Summed::new(Within(0.5));
/// let predictions = Tensor::<1>::from_data([1.0, 2.0, 3.0, 4.0], &device);
/// within.update((predictions, Tensor::<1>::from_data([1.25, 2.0, 4.0, 4.0], &device)))?;
/// assert_eq!(within.compute()?.scalar(), Some(0.75));
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`Summed` needs a metric of sums, found `{Self}`",
    label = "expected an implementation of `SumMetric`",
    note = "write `impl SumMetric<2> for …` with the number of sums, or implement `Metric` itself",
    note = "C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait SumMetric<const N: usize>: Clone + Send + 'static {
    /// The input of one update. A tuple of tensors may be logged as a tuple of borrowed tensors.
    type Input: Send + 'static;

    /// Returns what one batch adds to each sum, on the device of the batch: `[1]` for a number, or
    /// one number for each class or output. The shapes are the same in every batch.
    ///
    /// Do not read a tensor here: every step would wait for the device.
    ///
    /// # Errors
    /// If the input does not fit the metric.
    fn update(&self, input: &Self::Input) -> Result<[Tensor<1>; N]>;

    /// Computes the value from the sums of all batches since the last reset.
    ///
    /// It is not called before the first batch: the value is then NaN.
    ///
    /// # Errors
    /// If the sums have no value.
    fn compute(&self, sums: [Sum; N]) -> Result<MetricValue>;
}

/// A sum over all batches, in double precision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sum(Vec<f64>);

impl Sum {
    /// Returns the number of a sum of `[1]`; of a longer one, the total of its entries.
    pub fn total(&self) -> f64 {
        self.0.iter().sum()
    }

    /// Returns the entries, such as one per class.
    pub fn values(&self) -> &[f64] {
        &self.0
    }
}

/// The [`Metric`] of a [`SumMetric`]: `#[log(metric = Summed::new(Within(0.5)))]`.
#[derive(Clone, Debug)]
pub struct Summed<M, const N: usize> {
    metric: M,
    sums: [Sums; N],
    /// The lengths of the sums, known from the first batch.
    lengths: Option<[usize; N]>,
}

impl<const N: usize, M: SumMetric<N>> Summed<M, N> {
    /// Creates the metric without any sums.
    pub fn new(metric: M) -> Self {
        Self { metric, sums: std::array::from_fn(|_| Sums::default()), lengths: None }
    }

    /// # Errors
    /// If the lengths of the sums are known and others.
    fn check_lengths(&self, found: [usize; N]) -> Result<()> {
        let Some(known) = self.lengths.filter(|known| *known != found) else { return Ok(()) };
        let text = format!("the sums of every batch must have the same lengths, found {found:?} after {known:?}");
        Err(Error::new(ErrorKind::Metric, text).help("return `[1]` for a number, or one number for each class"))
    }
}

impl<const N: usize, M: SumMetric<N>> Metric for Summed<M, N> {
    type Input = M::Input;

    fn accumulate(&mut self, input: &M::Input) -> Result<()> {
        // Outside of any graph, which the sum would keep alive.
        let rows = self.metric.update(input)?.map(|row| at_least_f32(row.without_autodiff()));
        let lengths = rows.each_ref().map(|row| row.dims()[0]);
        self.check_lengths(lengths)?;
        self.lengths = Some(lengths);
        self.sums.iter_mut().zip(rows).try_for_each(|(sum, row)| sum.add(row))
    }

    fn compute(&mut self) -> Result<MetricValue> {
        if self.lengths.is_none() {
            return Ok(MetricValue::Scalar(f64::NAN));
        }
        let mut sums = [const { Sum(Vec::new()) }; N];
        for (sum, of_batches) in sums.iter_mut().zip(&mut self.sums) {
            of_batches.values()?.clone_into(&mut sum.0);
        }
        self.metric.compute(sums)
    }

    fn reset(&mut self) {
        *self = Self::new(self.metric.clone());
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        let Some(lengths) = other.lengths else { return Ok(()) };
        self.check_lengths(lengths)?;
        self.lengths = Some(lengths);
        self.sums.iter_mut().zip(&other.sums).try_for_each(|(own, theirs)| own.merge(theirs))
    }

    fn state(&mut self) -> Result<Value> {
        if self.lengths.is_none() {
            return Ok(Value::Null);
        }
        let sums: Vec<Value> = self.sums.iter_mut().map(Sums::state).collect::<Result<_>>()?;
        Ok(json!({ "sums": sums }))
    }

    fn load_state(&mut self, state: &Value, _device: &Device) -> Result<()> {
        self.reset();
        if state.is_null() {
            return Ok(());
        }
        let foreign = || exact::foreign("sums");
        let lists = state.get("sums").and_then(Value::as_array).filter(|lists| lists.len() == N).ok_or_else(foreign)?;
        let mut lengths = [0; N];
        for ((sum, length), list) in self.sums.iter_mut().zip(&mut lengths).zip(lists) {
            let values = exact::numbers_in(list).ok_or_else(foreign)?;
            *length = values.len();
            *sum = Sums::load(values);
        }
        self.lengths = Some(lengths);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::readback;

    /// The mean and the sum of squares of each column.
    #[derive(Clone, Debug)]
    struct Columns;

    impl SumMetric<3> for Columns {
        type Input = (Tensor<2>, Tensor<1>);

        fn update(&self, (rows, weights): &Self::Input) -> Result<[Tensor<1>; 3]> {
            let [_, columns] = rows.dims();
            let sum = |rows: Tensor<2>| rows.sum_dim(0).reshape([columns]);
            Ok([sum(rows.clone()), sum(rows.clone().square()), weights.clone().sum()])
        }

        fn compute(&self, [sum, squares, weight]: [Sum; 3]) -> Result<MetricValue> {
            let means = sum.values().iter().map(|sum| sum / weight.total());
            let parts = means.chain(squares.values().iter().copied()).enumerate();
            Ok(MetricValue::Named(parts.map(|(index, value)| (index.to_string(), value)).collect()))
        }
    }

    fn batch(first: f32) -> (Tensor<2>, Tensor<1>) {
        let device = Device::default();
        (Tensor::from_data([[first, 2.0], [1.0, 0.5]], &device), Tensor::ones([2], &device))
    }

    fn parts(metric: &mut Summed<Columns, 3>) -> Result<Vec<f64>> {
        let MetricValue::Named(parts) = metric.compute()? else { panic!("parts") };
        Ok(parts.into_iter().map(|(_, value)| value).collect())
    }

    #[test]
    fn sums_are_merged_resumed_and_reset() -> Result<()> {
        let device = Device::default();
        let expected = [1.25, 1.25, 11.0, 8.5];
        let mut whole = Summed::new(Columns);
        assert!(whole.compute()?.scalar().is_some_and(f64::is_nan));
        let (rows, weights) = batch(3.0);
        whole.update((&rows, &weights))?;
        let state = whole.state()?;
        let mut other = readback::deferring(true, || {
            let mut other = Summed::new(Columns);
            other.update(batch(0.0)).map(|()| other)
        })?;
        let mut resumed = Summed::new(Columns);
        resumed.load_state(&state, &device)?;
        resumed.update(batch(0.0))?;
        whole.merge(&other)?;
        assert_eq!(parts(&mut whole)?, expected);
        assert_eq!(parts(&mut resumed)?, expected);
        other.reset();
        whole.merge(&other)?;
        assert_eq!(parts(&mut whole)?, expected);
        assert!(whole.load_state(&json!({ "sums": [[1.0]] }), &device).is_err());
        Ok(())
    }

    #[test]
    fn sums_of_other_lengths_are_an_error() -> Result<()> {
        let mut metric = Summed::new(Columns);
        metric.update(batch(1.0))?;
        let device = Device::default();
        let error = metric.update((Tensor::<2>::ones([1, 3], &device), Tensor::<1>::ones([1], &device)));
        assert!(error.is_err_and(|error| error.to_string().contains("found [3, 3, 1] after [2, 2, 1]")));
        Ok(())
    }

    #[test]
    fn sums_have_no_graph() -> Result<()> {
        let device = Device::default().autodiff();
        let rows = Tensor::<2>::ones([2, 2], &device).require_grad() * 2.0;
        let mut metric = Summed::new(Columns);
        readback::deferring(true, || metric.update((rows, Tensor::ones([2], &device))))?;
        assert_eq!(parts(&mut metric)?, [2.0, 2.0, 8.0, 8.0]);
        Ok(())
    }
}
