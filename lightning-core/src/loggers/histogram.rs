//! Distributions of values that are logged.

use burn::tensor::Tensor;

use super::floats;
use crate::error::Result;

/// Number of bins of a histogram that is made of a tensor or a list.
const BINS: usize = 64;

/// Counts of values in adjacent bins.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Histogram {
    /// The edges of the bins, ascending; one more than there are bins.
    pub edges: Vec<f64>,
    /// The number of values in each bin.
    pub counts: Vec<u64>,
    /// The number of NaN and infinite values, which are in no bin.
    pub non_finite: u64,
    /// The sum of the finite values.
    pub sum: f64,
    /// The sum of their squares.
    pub sum_of_squares: f64,
}

impl Histogram {
    /// Counts values in `bins` bins of equal width between the smallest and the largest finite one.
    ///
    /// ```
    /// use lightning_core::loggers::Histogram;
    ///
    /// let histogram = Histogram::of([0.0, 0.1, 0.9, 1.0, f64::NAN], 2);
    /// assert_eq!(histogram.counts, [2, 2]);
    /// assert_eq!(histogram.non_finite, 1);
    /// ```
    pub fn of(values: impl IntoIterator<Item = f64>, bins: usize) -> Self {
        let (mut finite, mut non_finite) = (Vec::new(), 0);
        for value in values {
            if value.is_finite() {
                finite.push(value);
            } else {
                non_finite += 1;
            }
        }
        let bins = bins.max(1);
        let low = finite.iter().copied().reduce(f64::min).unwrap_or(0.0);
        let high = finite.iter().copied().reduce(f64::max).unwrap_or(0.0);
        // Halved before the subtraction, so that the range of the largest doubles does not
        // overflow.
        let width = (high / 2.0 - low / 2.0) / bins as f64 * 2.0;
        let mut counts = vec![0; bins];
        for value in &finite {
            let distance = value / 2.0 - low / 2.0;
            let bin = if width > 0.0 { (distance / (width / 2.0)) as usize } else { 0 };
            // The largest value is on the last edge and belongs to the last bin.
            if let Some(count) = counts.get_mut(bin.min(bins - 1)) {
                *count += 1;
            }
        }
        let mut edges: Vec<_> = (0..bins).map(|bin| low + width * bin as f64).collect();
        edges.push(high);
        Self {
            edges,
            counts,
            non_finite,
            sum: finite.iter().sum(),
            sum_of_squares: finite.iter().map(|value| value * value).sum(),
        }
    }
}

/// The trait of values that `log_histogram` accepts.
#[diagnostic::on_unimplemented(
    message = "a histogram needs values, found `{Self}`",
    label = "expected values",
    note = "pass a float tensor of any rank, a `Vec<f64>` or a `Histogram`"
)]
pub trait ToHistogram {
    /// Converts the value to a histogram.
    ///
    /// # Errors
    /// If the device fails.
    fn to_histogram(&self) -> Result<Histogram>;
}

impl ToHistogram for Histogram {
    fn to_histogram(&self) -> Result<Histogram> {
        Ok(self.clone())
    }
}

impl<const D: usize> ToHistogram for Tensor<D> {
    fn to_histogram(&self) -> Result<Histogram> {
        Ok(Histogram::of(floats(self.clone().without_autodiff())?, BINS))
    }
}

impl ToHistogram for Vec<f64> {
    fn to_histogram(&self) -> Result<Histogram> {
        Ok(Histogram::of(self.iter().copied(), BINS))
    }
}

impl ToHistogram for [f64] {
    fn to_histogram(&self) -> Result<Histogram> {
        Ok(Histogram::of(self.iter().copied(), BINS))
    }
}

impl<T: ToHistogram + ?Sized> ToHistogram for &T {
    fn to_histogram(&self) -> Result<Histogram> {
        T::to_histogram(self)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn a_histogram_counts_every_finite_value_once() {
        let histogram = Histogram::of((0..100).map(f64::from), 10);
        assert_eq!(histogram.counts, [10; 10]);
        assert_eq!(histogram.edges.len(), 11);
        assert_eq!(histogram.sum, 4950.0);
        let same = Histogram::of([3.0; 4], 5);
        assert_eq!(same.counts, [4, 0, 0, 0, 0]);
        assert_eq!(Histogram::of([], 0).counts, [0]);
        let wide = Histogram::of([f64::MIN, f64::MAX, f64::INFINITY], 2);
        assert_eq!((wide.counts, wide.non_finite), (vec![1, 1], 1));
    }

    #[test]
    fn a_histogram_is_made_of_tensors_and_lists() -> Result<()> {
        let tensor = Tensor::<2>::from_data([[0.0, 1.0], [2.0, f32::INFINITY]], &Device::default());
        let histogram = tensor.to_histogram()?;
        assert_eq!((histogram.counts.iter().sum::<u64>(), histogram.non_finite), (3, 1));
        assert_eq!(vec![0.0, 1.0, 2.0, f64::INFINITY].to_histogram()?, histogram);
        Ok(())
    }
}
