//! Sizes that depend on the batch size, and on the length if it is free as well.

/// The batch sizes that a step with a free batch size is recorded with. The first two determine how
/// a size depends on the batch size. The last one shows whether it really does: `batch.min(2)` is 2
/// for the first two.
const BATCHES: [i64; 3] = [2, 7, 1];

/// A size as a function of the batch size `b` and the length `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Dim {
    pub(crate) constant: i64,
    /// The factor of `b`.
    pub(crate) batch: i64,
    /// The factor of `n`.
    pub(crate) length: i64,
    /// The factor of `b · n`.
    pub(crate) both: i64,
}

impl Dim {
    pub(crate) const BATCH: Self = Self { constant: 0, batch: 1, length: 0, both: 0 };
    pub(crate) const LENGTH: Self = Self { constant: 0, batch: 0, length: 1, both: 0 };

    pub(crate) const fn constant(constant: i64) -> Self {
        Self { constant, batch: 0, length: 0, both: 0 }
    }

    /// Returns the size, if it depends on nothing.
    pub(crate) fn as_constant(self) -> Option<i64> {
        (self == Self::constant(self.constant)).then_some(self.constant)
    }

    fn at(self, [batch, length]: [i64; 2]) -> i64 {
        self.constant + self.batch * batch + self.length * length + self.both * batch * length
    }
}

/// The sizes that a step is recorded with: one recording for each.
#[derive(Clone, Debug)]
pub(crate) struct Points {
    /// Batch size and length of each recording.
    points: Vec<[i64; 2]>,
    has_length: bool,
}

impl Points {
    /// One recording with the sizes of the example.
    pub(crate) fn fixed(batch: usize) -> Self {
        Self { points: vec![[batch as i64, 0]], has_length: false }
    }

    /// A free batch size.
    pub(crate) fn free_batch() -> Self {
        Self { points: BATCHES.map(|batch| [batch, 0]).to_vec(), has_length: false }
    }

    /// A free batch size and a free length, whose size is `length` in the example.
    pub(crate) fn free_batch_and_length(length: usize) -> Self {
        let length = length as i64;
        // Shorter than the example, because a position table has an end.
        let lengths = [length, length - 1, (length + 1) / 2];
        let points = lengths.iter().flat_map(|length| BATCHES.map(|batch| [batch, *length])).collect();
        Self { points, has_length: true }
    }

    /// The batch size and the length of each recording.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, usize)> {
        self.points.iter().map(|[batch, length]| (*batch as usize, *length as usize))
    }

    /// Returns a size at each point.
    pub(crate) fn sizes_of(&self, dim: Dim) -> Vec<usize> {
        self.points.iter().map(|point| usize::try_from(dim.at(*point)).unwrap_or_default()).collect()
    }

    /// The sizes in words, for a message about a value that has `values` at the points.
    pub(crate) fn told<T: std::fmt::Display>(&self, values: &[T]) -> String {
        let part = |([batch, length], value): (&[i64; 2], &T)| match self.has_length {
            true => format!("{value} for {batch} rows of length {length}"),
            false => format!("{value} for {batch} row{}", if *batch == 1 { "" } else { "s" }),
        };
        self.points.iter().zip(values).map(part).collect::<Vec<_>>().join(", ")
    }

    /// Returns the size that has `values` at the points; `None` if none has.
    pub(crate) fn fit(&self, values: &[i64]) -> Option<Dim> {
        let first = *values.first()?;
        if values.iter().all(|value| *value == first) {
            return Some(Dim::constant(first));
        }
        let (batch, both, length) = if self.has_length {
            // The slope over the batch size at the first two lengths.
            let rise = |at: usize| divide(values.get(at + 1)? - values.get(at)?, BATCHES[1] - BATCHES[0]);
            let second = BATCHES.len();
            let [_, from] = *self.points.first()?;
            let [_, to] = *self.points.get(second)?;
            let both = divide(rise(second)? - rise(0)?, to - from)?;
            let batch = rise(0)? - both * from;
            let change = values.get(second)? - first - both * BATCHES[0] * (to - from);
            (batch, both, divide(change, to - from)?)
        } else {
            (divide(values.get(1)? - first, BATCHES[1] - BATCHES[0])?, 0, 0)
        };
        let mut dim = Dim { constant: 0, batch, length, both };
        dim.constant = first - dim.at(*self.points.first()?);
        let fits = self.points.iter().zip(values).all(|(point, value)| dim.at(*point) == *value);
        fits.then_some(dim)
    }

    /// Returns a product of the free sizes to which `values` are proportional, with the factor.
    pub(crate) fn proportion(&self, values: &[f64]) -> Option<Proportion> {
        let both = Dim { constant: 0, batch: 0, length: 0, both: 1 };
        let candidates = [Dim::BATCH, Dim::LENGTH, both];
        for dim in candidates.into_iter().take(if self.has_length { 3 } else { 1 }) {
            let sizes = || self.points.iter().map(|point| dim.at(*point) as f64).zip(values);
            if let Some(factor) = one_of(sizes().map(|(size, value)| value / size)) {
                return Some(Proportion { dim, factor, inverse: false });
            }
            if let Some(factor) = one_of(sizes().map(|(size, value)| value * size)) {
                return Some(Proportion { dim, factor, inverse: true });
            }
        }
        None
    }
}

/// A number that is `factor · dim`, or `factor / dim`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Proportion {
    pub(crate) dim: Dim,
    pub(crate) factor: f64,
    pub(crate) inverse: bool,
}

/// Returns the quotient, if it is an integer.
fn divide(value: i64, by: i64) -> Option<i64> {
    (by != 0 && value % by == 0).then(|| value / by)
}

/// Returns the first value if all are equal but for rounding.
fn one_of(mut values: impl Iterator<Item = f64>) -> Option<f64> {
    let first = values.next()?;
    let equal = |value: f64| (value - first).abs() <= 1e-6 * first.abs().max(value.abs());
    (first.is_finite() && values.all(equal)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_of_the_batch_is_found() {
        let points = Points::free_batch();
        let of = |size: fn(i64) -> i64| points.fit(&BATCHES.map(size));
        assert_eq!(of(|_| 5), Some(Dim::constant(5)));
        assert_eq!(of(|b| b), Some(Dim::BATCH));
        assert_eq!(of(|b| 3 * b + 4), Some(Dim { constant: 4, batch: 3, length: 0, both: 0 }));
        assert_eq!(of(|b| b - 1), Some(Dim { constant: -1, batch: 1, length: 0, both: 0 }));
        assert_eq!(of(|b| b * b), None);
        assert_eq!(of(|b| b / 2), None);
        assert_eq!(of(|b| b.min(2)), None, "2 for the first two, and not for the third");
    }

    #[test]
    fn a_size_of_batch_and_length_is_found() {
        let points = Points::free_batch_and_length(8);
        let of = |size: fn(usize, usize) -> usize| {
            let values: Vec<i64> = points.iter().map(|(b, n)| size(b, n) as i64).collect();
            points.fit(&values)
        };
        assert_eq!(of(|_, n| n), Some(Dim::LENGTH));
        assert_eq!(of(|b, n| 4 * b * n), Some(Dim { constant: 0, batch: 0, length: 0, both: 4 }));
        assert_eq!(of(|b, n| 2 * b + 3 * n + b * n + 5), Some(Dim { constant: 5, batch: 2, length: 3, both: 1 }));
        assert_eq!(of(|_, n| n * n), None);
        assert_eq!(of(|_, n| n.min(5)), None);
    }

    #[test]
    fn a_number_in_proportion_to_a_size_is_found() {
        let points = Points::free_batch();
        let of = |value: fn(f64) -> f64| points.proportion(&BATCHES.map(|b| value(b as f64)));
        assert_eq!(of(|b| 0.5 * b), Some(Proportion { dim: Dim::BATCH, factor: 0.5, inverse: false }));
        assert_eq!(of(|b| 3.0 / b), Some(Proportion { dim: Dim::BATCH, factor: 3.0, inverse: true }));
        assert_eq!(of(f64::sqrt), None);
    }
}
