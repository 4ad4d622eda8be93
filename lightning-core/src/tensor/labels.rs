//! Labels of any integer type, and the check that they are classes.

use std::cell::RefCell;

use burn::tensor::{Bool, DType, Int, IntDType, Tensor, TensorData, Transaction};

use super::readback;
use crate::error::{Error, ErrorKind, Result};

/// The number of checks that wait on a device before it is waited for, so that a program that never
/// reads anything does not grow.
const WAITING_LIMIT: usize = 1024;

/// Casts integers of fewer than 32 bits, and unsigned ones, to the widest signed type of the device.
///
/// Counts and places are computed in the type of the labels, and 8 or 16 bits hold few of them; an
/// index to ignore may be negative.
pub(crate) fn wide<const D: usize>(labels: Tensor<D, Int>) -> Tensor<D, Int> {
    match labels.dtype() {
        DType::I64 | DType::I32 => labels,
        _ if labels.device().supports_dtype(DType::I64) => labels.cast(IntDType::I64),
        _ => labels.cast(IntDType::I32),
    }
}

/// Casts two rows of labels to one type, the wider of the two: an operation on both needs the same.
pub(crate) fn same_type(a: Tensor<1, Int>, b: Tensor<1, Int>) -> (Tensor<1, Int>, Tensor<1, Int>) {
    let (a, b) = (wide(a), wide(b));
    if a.dtype() == b.dtype() {
        return (a, b);
    }
    (a.cast(IntDType::I64), b.cast(IntDType::I64))
}

/// Returns which labels are not one of the classes.
pub(crate) fn no_class(labels: &Tensor<1, Int>, classes: usize) -> Tensor<1, Bool> {
    let negative = labels.clone().lower_scalar(0);
    negative.bool_or(labels.clone().greater_equal_scalar(classes as i64))
}

/// Returns which labels are the given one.
pub(crate) fn is_label(labels: &Tensor<1, Int>, label: i64) -> Tensor<1, Bool> {
    // A label beyond the type of the labels would be cast to another one.
    match labels.dtype() {
        DType::I32 if i32::try_from(label).is_err() => labels.clone().not_equal(labels.clone()),
        _ => labels.clone().equal_scalar(label),
    }
}

/// What the labels of one batch must be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Classes {
    /// The function that needs them.
    pub(crate) function: &'static str,
    pub(crate) classes: usize,
    /// A label that need not be a class.
    pub(crate) ignored: Option<i64>,
}

/// Labels that are on a device, and how many of them are not classes.
struct Waiting {
    classes: Classes,
    labels: Tensor<1, Int>,
    foreign: Tensor<1, Int>,
}

thread_local! {
    static WAITING: RefCell<Vec<Waiting>> = const { RefCell::new(Vec::new()) };
}

impl Classes {
    /// Checks the labels of one batch, of 32 or 64 bits.
    ///
    /// On a host device that is done at once. On any other device the labels that are not classes
    /// are counted there, and the count is read when the run reads values next: the mask that is
    /// returned says where they are until then.
    ///
    /// # Errors
    /// If a label is not a class.
    pub(crate) fn check(self, labels: &Tensor<1, Int>) -> Result<Option<Tensor<1, Bool>>> {
        if readback::at_once(&labels.device()) {
            // sync: none, the data of a host device is there.
            return self.check_data(&labels.clone().into_data()).map(|()| None);
        }
        let mut foreign = no_class(labels, self.classes);
        if let Some(ignored) = self.ignored {
            foreign = foreign.bool_and(is_label(labels, ignored).bool_not());
        }
        let count = foreign.clone().int().sum();
        let waiting = WAITING.with_borrow_mut(|waiting| {
            waiting.push(Waiting { classes: self, labels: labels.clone(), foreign: count });
            waiting.len()
        });
        if waiting >= WAITING_LIMIT {
            // sync: once in so many batches, and only if nothing else is read.
            readback::execute(Transaction::default())?;
        }
        Ok(Some(foreign))
    }

    fn check_data(self, labels: &TensorData) -> Result<()> {
        let is_foreign = |label: i64| {
            Some(label) != self.ignored && usize::try_from(label).map_or(true, |class| class >= self.classes)
        };
        match labels.iter::<i64>().enumerate().find(|(_, label)| is_foreign(*label)) {
            None => Ok(()),
            Some((place, label)) => Err(self.error(label, place)),
        }
    }

    /// The error for the label at a place of the batch, from 0.
    fn error(self, label: i64, place: usize) -> Error {
        let Self { function, classes, .. } = self;
        let last = classes.saturating_sub(1);
        let text = format!(
            "`{function}` needs targets from 0 to {last} for {classes} classes, \
             found {label} at index {place} of the batch"
        );
        let ignore = match function {
            "cross_entropy" => format!(
                ", or write `CrossEntropy::new().ignore_index({label})` for a target that marks what does not count"
            ),
            _ => String::new(),
        };
        Error::new(ErrorKind::Data, text).help(format!("give the last layer an output for every class{ignore}"))
    }
}

/// Takes the checks that wait, so that their counts are read together with other values.
pub(super) fn take_checks() -> Checks {
    Checks(WAITING.take())
}

/// Drops the checks that wait: those of an earlier run that failed are not errors of this one.
pub(crate) fn forget_checks() {
    WAITING.take();
}

/// Checks whose counts are about to be read.
pub(super) struct Checks(Vec<Waiting>);

impl Checks {
    /// Adds the counts to what is read.
    pub(super) fn register(&self, transaction: Transaction) -> Transaction {
        self.0.iter().fold(transaction, |all, waiting| all.register(waiting.foreign.clone()))
    }

    /// Removes the counts from the end of what was read.
    ///
    /// # Errors
    /// If a label is not a class.
    pub(super) fn finish(&self, data: &mut Vec<TensorData>) -> Result<()> {
        let counts = data.split_off(data.len().saturating_sub(self.0.len()));
        let failed = self.0.iter().zip(counts).find(|(_, count)| count.iter::<i64>().any(|count| count > 0));
        match failed {
            None => Ok(()),
            // sync: once, on the way to the error.
            Some((waiting, _)) => waiting.classes.check_data(&waiting.labels.clone().into_data()),
        }
    }
}
