//! Error rates of transcripts.

mod distance;
mod transcripts;

use std::{fmt, marker::PhantomData};

use burn::tensor::Device;
use serde_json::{Value, json};

use self::distance::edit_distance;
pub(super) use self::transcripts::Text;
pub use self::transcripts::Transcripts;
use super::exact;
use crate::{
    error::Result,
    metrics::{Metric, MetricValue},
};

/// An error rate of transcripts: the edits (replaced, missing and surplus units) that turn the
/// predicted texts into the references, over the units of the references.
///
/// It takes [`Transcripts`], and sums over the epoch. It may be larger than 1. Without any unit of a
/// reference it is NaN, or ∞ if something was predicted. `U` is the unit.
#[derive(Clone, Debug)]
pub struct ErrorRate<U> {
    edits: u64,
    units: u64,
    unit: PhantomData<U>,
}

/// The word error rate: an [`ErrorRate`] of words, which are split at white space.
///
/// The number is that of torchmetrics' `WordErrorRate`.
///
/// ```
/// use lightning_core::metrics::{Metric, WordErrorRate};
///
/// # fn main() -> lightning_core::Result<()> {
/// let mut wer = WordErrorRate::new();
/// wer.update((["the cat sit"], ["the cat sat down"]))?;
/// assert_eq!(wer.compute()?.scalar(), Some(0.5));
/// # Ok(())
/// # }
/// ```
#[doc(alias = "WER")]
pub type WordErrorRate = ErrorRate<Words>;

/// The character error rate: an [`ErrorRate`] of characters, which are Unicode scalar values, white
/// space included.
///
/// The number is that of torchmetrics' `CharErrorRate`.
///
/// ```
/// use lightning_core::metrics::{CharErrorRate, Metric};
///
/// # fn main() -> lightning_core::Result<()> {
/// let mut cer = CharErrorRate::new();
/// cer.update((["cat"], ["cart"]))?;
/// assert_eq!(cer.compute()?.scalar(), Some(0.25));
/// # Ok(())
/// # }
/// ```
#[doc(alias = "CER")]
pub type CharErrorRate = ErrorRate<Characters>;

/// The unit of a [`WordErrorRate`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Words;

/// The unit of a [`CharErrorRate`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Characters;

/// A unit of an [`ErrorRate`].
pub trait TextUnit: Clone + fmt::Debug + Send + 'static {
    /// Returns the edits between two texts, and the units of the second.
    #[doc(hidden)]
    fn edits(predicted: &Text, reference: &Text) -> (usize, usize);
}

impl TextUnit for Words {
    fn edits(predicted: &Text, reference: &Text) -> (usize, usize) {
        let (predicted, reference) = (predicted.words(), reference.words());
        (edit_distance(&predicted, &reference), reference.len())
    }
}

impl TextUnit for Characters {
    fn edits(predicted: &Text, reference: &Text) -> (usize, usize) {
        match (predicted, reference) {
            (Text::Raw(predicted), Text::Raw(reference)) => {
                let [predicted, reference] = [predicted, reference].map(|text| text.chars().collect::<Vec<_>>());
                (edit_distance(&predicted, &reference), reference.len())
            }
            // Tokens have no characters: each is a unit.
            _ => Words::edits(predicted, reference),
        }
    }
}

impl<U: TextUnit> ErrorRate<U> {
    /// Creates the metric.
    pub fn new() -> Self {
        Self { edits: 0, units: 0, unit: PhantomData }
    }
}

impl<U: TextUnit> Default for ErrorRate<U> {
    fn default() -> Self {
        Self::new()
    }
}

impl<U: TextUnit> Metric for ErrorRate<U> {
    type Input = Transcripts;

    fn accumulate(&mut self, input: &Transcripts) -> Result<()> {
        for (predicted, reference) in &input.pairs {
            let (edits, units) = U::edits(predicted, reference);
            self.edits += edits as u64;
            self.units += units as u64;
        }
        Ok(())
    }

    fn compute(&mut self) -> Result<MetricValue> {
        Ok(MetricValue::Scalar(self.edits as f64 / self.units as f64))
    }

    fn reset(&mut self) {
        *self = Self::new();
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        self.edits += other.edits;
        self.units += other.units;
        Ok(())
    }

    fn state(&mut self) -> Result<Value> {
        Ok(json!({ "counts": [self.edits, self.units] }))
    }

    fn load_state(&mut self, state: &Value, _device: &Device) -> Result<()> {
        let [edits, units] = exact::counts_of(state, "counts")?.try_into().map_err(|_| exact::foreign("counts"))?;
        *self = Self { edits, units, unit: PhantomData };
        Ok(())
    }
}
