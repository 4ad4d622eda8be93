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
        let mut finite: Vec<f64> = values.into_iter().collect();
        let all = finite.len();
        finite.retain(|value| value.is_finite());
        let non_finite = (all - finite.len()) as u64;
        let Totals { low, high, sum, sum_of_squares } = Totals::of(&finite);
        let bins = bins.max(1);
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
        Self { edges, counts, non_finite, sum, sum_of_squares }
    }
}

/// The range and the moments of finite values; zeros if there are none.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Totals {
    low: f64,
    high: f64,
    sum: f64,
    sum_of_squares: f64,
}

impl Totals {
    const LANES: usize = 8;

    /// One pass, in lanes that the processor computes side by side.
    fn of(values: &[f64]) -> Self {
        let Some(first) = values.first().copied() else {
            return Self { low: 0.0, high: 0.0, sum: 0.0, sum_of_squares: 0.0 };
        };
        let mut lanes = [Self { low: first, high: first, sum: 0.0, sum_of_squares: 0.0 }; Self::LANES];
        let (chunks, rest) = values.as_chunks::<{ Self::LANES }>();
        for chunk in chunks {
            for (lane, value) in lanes.iter_mut().zip(chunk) {
                lane.add(*value);
            }
        }
        for (lane, value) in lanes.iter_mut().zip(rest) {
            lane.add(*value);
        }
        lanes.into_iter().skip(1).fold(lanes[0], |total, lane| Self {
            low: total.low.min(lane.low),
            high: total.high.max(lane.high),
            sum: total.sum + lane.sum,
            sum_of_squares: total.sum_of_squares + lane.sum_of_squares,
        })
    }

    fn add(&mut self, value: f64) {
        self.low = if value < self.low { value } else { self.low };
        self.high = if value > self.high { value } else { self.high };
        self.sum += value;
        self.sum_of_squares += value * value;
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
    fn the_totals_are_those_of_all_values() {
        // 1 + … + n = n (n + 1) / 2 and 1² + … + n² = n (n + 1) (2n + 1) / 6.
        for count in [1_u32, 7, 8, 9, 1000] {
            let n = f64::from(count);
            let histogram = Histogram::of((1..=count).map(f64::from), 4);
            assert_eq!(histogram.edges[0], 1.0);
            assert_eq!(histogram.edges[4], n);
            assert_eq!(histogram.sum, n * (n + 1.0) / 2.0);
            assert_eq!(histogram.sum_of_squares, n * (n + 1.0) * (2.0 * n + 1.0) / 6.0);
        }
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
