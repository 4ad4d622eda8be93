//! Accumulators on the device of the data, read back when the value is computed or before a limit
//! is reached.
//!
//! On a host device a number is read at once, which is cheaper than further operations on scalars;
//! `readback::at_once` tells them apart.

use burn::tensor::{Int, Tensor};
use serde_json::Value;

use super::exact;
use crate::{
    error::{Error, ErrorKind, Result},
    tensor::readback,
};

/// The counts on a device before they are read: half of what 32-bit counters hold.
const COUNT_LIMIT: u64 = 1 << 30;
/// The rows on a device before they are read, so that an endless epoch does not grow.
const ROW_LIMIT: usize = 1024;

/// Exact counters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    host: Vec<u64>,
    /// The counts since the device was last read.
    device: Option<Tensor<1, Int>>,
    /// An upper bound of every count on the device.
    bound: u64,
}

impl Counts {
    /// Adds one count per counter, none of which is larger than `elements`.
    ///
    /// # Errors
    /// If the number of counters differs, or the device fails.
    pub(crate) fn add(&mut self, counts: Tensor<1, Int>, elements: usize) -> Result<()> {
        if readback::at_once(&counts.device()) {
            return self.fold(&readback::host_integers(counts));
        }
        if self.bound.saturating_add(elements as u64) > COUNT_LIMIT {
            self.flush()?;
        }
        self.bound += elements as u64;
        self.device = Some(match self.device.take() {
            Some(sum) => sum + counts,
            None => counts,
        });
        Ok(())
    }

    /// Adds counts that are in host memory.
    fn fold(&mut self, counts: &[u64]) -> Result<()> {
        if !self.host.is_empty() && self.host.len() != counts.len() {
            let (counters, found) = (self.host.len(), counts.len());
            let text = format!("every batch must have {counters} counts, found {found}");
            return Err(Error::new(ErrorKind::Metric, text));
        }
        self.host.resize(counts.len(), 0);
        for (sum, count) in self.host.iter_mut().zip(counts) {
            *sum = sum.saturating_add(*count);
        }
        Ok(())
    }

    /// Reads the counts that are on the device.
    fn flush(&mut self) -> Result<()> {
        self.bound = 0;
        match self.device.take() {
            Some(counts) => self.fold(&readback::read_integers(counts)?),
            None => Ok(()),
        }
    }

    /// Returns whether nothing is left on a device, so that the values cost nothing.
    pub(crate) fn is_known(&self) -> bool {
        self.device.is_none()
    }

    /// Returns the sums; empty before the first count.
    pub(crate) fn values(&mut self) -> Result<&[u64]> {
        self.flush()?;
        Ok(&self.host)
    }

    /// Adds other counts, which may be on another device.
    pub(crate) fn merge(&mut self, other: &Self) -> Result<()> {
        let mut other = other.clone();
        other.flush()?;
        if other.host.is_empty() { Ok(()) } else { self.fold(&other.host) }
    }

    pub(crate) fn state(&mut self) -> Result<Value> {
        Ok(Value::from(self.values()?.to_vec()))
    }

    /// Creates counters with the given counts.
    pub(crate) fn load(counts: Vec<u64>) -> Self {
        Self { host: counts, device: None, bound: 0 }
    }
}

/// Rows of numbers, one per update, on their way to sums on the host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    waiting: Vec<Tensor<1>>,
}

impl Rows {
    /// Adds one row, and passes the rows that are read to `fold`.
    pub(crate) fn push(&mut self, row: Tensor<1>, mut fold: impl FnMut(&[f64])) -> Result<()> {
        if readback::at_once(&row.device()) {
            fold(&readback::host_floats(row));
            return Ok(());
        }
        self.waiting.push(row);
        if self.waiting.len() >= ROW_LIMIT { self.flush(fold) } else { Ok(()) }
    }

    /// Reads all rows and passes them to `fold`, in order.
    pub(crate) fn flush(&mut self, mut fold: impl FnMut(&[f64])) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        for row in readback::read_floats(std::mem::take(&mut self.waiting))? {
            fold(&row);
        }
        Ok(())
    }
}

/// Sums over all samples, in double precision.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sums {
    host: Vec<f64>,
    rows: Rows,
}

impl Sums {
    /// Adds one row of sums.
    pub(crate) fn add(&mut self, row: Tensor<1>) -> Result<()> {
        let Self { host, rows } = self;
        rows.push(row, |row| add_to(host, row))
    }

    /// Returns the sums; empty before the first row.
    pub(crate) fn values(&mut self) -> Result<&[f64]> {
        let Self { host, rows } = self;
        rows.flush(|row| add_to(host, row))?;
        Ok(&self.host)
    }

    /// Adds other sums.
    pub(crate) fn merge(&mut self, other: &Self) -> Result<()> {
        let mut other = other.clone();
        self.values()?;
        add_to(&mut self.host, other.values()?);
        Ok(())
    }

    pub(crate) fn state(&mut self) -> Result<Value> {
        Ok(exact::numbers(self.values()?.iter().copied()))
    }

    /// Creates sums with the given values.
    pub(crate) fn load(sums: Vec<f64>) -> Self {
        Self { host: sums, rows: Rows::default() }
    }
}

fn add_to(sums: &mut Vec<f64>, row: &[f64]) {
    if sums.len() < row.len() {
        sums.resize(row.len(), 0.0);
    }
    for (sum, value) in sums.iter_mut().zip(row) {
        *sum += value;
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn counts(values: [i32; 3]) -> Tensor<1, Int> {
        Tensor::from_data(values, &Device::default())
    }

    #[test]
    fn counts_wait_on_the_device_and_are_read_before_they_overflow() -> Result<()> {
        let mut sums = Counts::default();
        readback::deferring(true, || -> Result<()> {
            let before = readback::waits();
            for _ in 0..3 {
                sums.add(counts([1, 2, 1 << 29]), 1 << 29)?;
            }
            assert_eq!(readback::waits() - before, 1, "the third would have been too many");
            assert_eq!(sums.values()?, [3, 6, 3 << 29]);
            assert_eq!(readback::waits() - before, 2);
            Ok(())
        })?;
        let waits = readback::waits();
        let mut other = Counts::default();
        other.add(counts([1, 0, 0]), 1)?;
        sums.merge(&other)?;
        assert_eq!(sums.values()?, [4, 6, 3 << 29]);
        assert_eq!(readback::waits(), waits, "the host's own memory is not waited for");
        assert!(sums.add(Tensor::from_data([1, 2], &Device::default()), 1).is_err());
        Ok(())
    }

    #[test]
    fn sums_wait_and_are_the_same_in_the_end() -> Result<()> {
        let row = |value: f64| Tensor::<1>::from_data([value, 1.0], &Device::default());
        let sum = |deferred| {
            readback::deferring(deferred, || {
                let mut sums = Sums::default();
                (0..ROW_LIMIT + 5).try_for_each(|value| sums.add(row(value as f64 * 0.125)))?;
                Ok::<_, Error>(sums.values()?.to_vec())
            })
        };
        let before = readback::waits();
        let deferred = sum(true)?;
        assert_eq!(readback::waits() - before, 2, "once at the limit and once at the end");
        assert_eq!(deferred, sum(false)?);
        assert_eq!(deferred[1], (ROW_LIMIT + 5) as f64);
        Ok(())
    }
}
