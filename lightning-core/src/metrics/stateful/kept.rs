//! Columns of numbers that are kept until the end of the epoch, for metrics that need all of them at
//! once.

use burn::tensor::{Int, Tensor, TensorData, Transaction};
use serde_json::Value;

use super::exact;
use crate::{error::Result, tensor::readback};

/// The number of numbers on a device before they move to the host, so that the device does not fill
/// up.
const KEPT_ON_DEVICE: usize = 1 << 22;

/// One column of a batch.
#[derive(Clone, Debug)]
pub enum Column {
    Real(Tensor<1>),
    Whole(Tensor<1, Int>),
}

impl Column {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Real(values) => values.dims()[0],
            Self::Whole(values) => values.dims()[0],
        }
    }

    fn is_on_host(&self) -> bool {
        match self {
            Self::Real(values) => readback::at_once(&values.device()),
            Self::Whole(values) => readback::at_once(&values.device()),
        }
    }

    fn into_data(self) -> TensorData {
        // sync: none, it is called for a host device only.
        match self {
            Self::Real(values) => values.into_data(),
            Self::Whole(values) => values.into_data(),
        }
    }

    fn register(self, transaction: Transaction) -> Transaction {
        match self {
            Self::Real(values) => transaction.register(values),
            Self::Whole(values) => transaction.register(values),
        }
    }
}

/// `N` columns of numbers, one row per sample: eight bytes a number.
#[derive(Clone, Debug)]
pub(crate) struct Kept<const N: usize> {
    host: [Vec<f64>; N],
    /// What is still on the device.
    waiting: Vec<[Column; N]>,
    waiting_numbers: usize,
}

impl<const N: usize> Default for Kept<N> {
    fn default() -> Self {
        Self { host: [const { Vec::new() }; N], waiting: Vec::new(), waiting_numbers: 0 }
    }
}

impl<const N: usize> Kept<N> {
    /// Adds one batch of columns of the same length.
    ///
    /// # Errors
    /// If the device fails.
    pub(crate) fn push(&mut self, columns: [Column; N]) -> Result<()> {
        if columns.iter().all(Column::is_on_host) {
            for (host, column) in self.host.iter_mut().zip(columns) {
                host.extend(column.into_data().iter::<f64>());
            }
            return Ok(());
        }
        self.waiting_numbers += columns.iter().map(Column::len).sum::<usize>();
        self.waiting.push(columns);
        if self.waiting_numbers >= KEPT_ON_DEVICE { self.flush() } else { Ok(()) }
    }

    /// Reads what is left on the device.
    fn flush(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.waiting_numbers = 0;
        let transaction = std::mem::take(&mut self.waiting)
            .into_iter()
            .flatten()
            .fold(Transaction::default(), |all, column| column.register(all));
        // sync: once per epoch, or when the limit is reached.
        for (index, data) in readback::execute(transaction)?.iter().enumerate() {
            if let Some(host) = self.host.get_mut(index % N) {
                host.extend(data.iter::<f64>());
            }
        }
        Ok(())
    }

    /// Returns all columns.
    ///
    /// # Errors
    /// If the device fails.
    pub(crate) fn columns(&mut self) -> Result<&[Vec<f64>; N]> {
        self.flush()?;
        Ok(&self.host)
    }

    /// Adds the rows of another metric, which may be on another device.
    ///
    /// # Errors
    /// If the device fails.
    pub(crate) fn merge(&mut self, other: &Self) -> Result<()> {
        let mut other = other.clone();
        self.flush()?;
        other.flush()?;
        for (own, theirs) in self.host.iter_mut().zip(other.host) {
            own.extend(theirs);
        }
        Ok(())
    }

    /// Returns the columns as JSON.
    ///
    /// # Errors
    /// If the device fails.
    pub(crate) fn state(&mut self) -> Result<Value> {
        let columns = self.columns()?.iter().map(|column| exact::numbers(column.iter().copied()));
        Ok(Value::Array(columns.collect()))
    }

    /// Creates the columns from JSON.
    ///
    /// # Errors
    /// If it was not written by [`state`](Self::state).
    pub(crate) fn load(state: &Value) -> Result<Self> {
        let foreign = || exact::foreign("columns");
        let lists = state.as_array().filter(|lists| lists.len() == N).ok_or_else(foreign)?;
        let mut host = [const { Vec::new() }; N];
        for (column, list) in host.iter_mut().zip(lists) {
            *column = exact::numbers_in(list).ok_or_else(foreign)?;
        }
        let [first, rest @ ..] = host.as_slice() else { return Err(foreign()) };
        if rest.iter().any(|column| column.len() != first.len()) {
            return Err(foreign());
        }
        Ok(Self { host, ..Self::default() })
    }
}
