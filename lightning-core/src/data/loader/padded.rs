//! Sequences of different lengths in one tensor.

use burn::tensor::{Bool, Device, Element, Float, FloatDType, Int, Tensor, TensorData, kind::Basic};

use super::{FromItems, collate::tensor};
use crate::{
    batch::Batch,
    error::{Error, Result},
};

/// Sequences of different lengths, padded to the longest of the batch.
///
/// A loader makes it of items that are `Vec`s, padded with 0. For another padding value, call
/// [`Padded::new`] in `collate`:
///
/// ```
/// use lightning_core::data::{DataLoader, Padded, EpochOffset};
///
/// const PAD: i32 = 9;
/// let sentences = vec![vec![1, 2, 3], vec![4]];
/// let loader = DataLoader::builder(sentences)
///     .batch_size(2)
///     .collate(|items: Vec<Vec<i32>>| Padded::new(&items, PAD))
///     .build()?;
/// let batch: Padded = loader.resume(EpochOffset::default())?.next().ok_or("no batch")??;
/// assert_eq!(batch.values.into_data().try_to_vec::<i32>()?, [1, 2, 3, 4, 9, 9]);
/// assert_eq!(batch.lengths.into_data().try_to_vec::<i32>()?, [3, 1]);
/// let mask: Vec<bool> = batch.mask_pad.into_data().iter().collect();
/// assert_eq!(mask, [false, false, false, false, true, true]);
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Padded<K: Basic = Int> {
    /// The values, `[batch, longest]`.
    pub values: Tensor<2, K>,
    /// The length of each sequence without padding, `[batch]`.
    pub lengths: Tensor<1, Int>,
    /// True for padding, `[batch, longest]`: the `mask_pad` of Burn's attention.
    pub mask_pad: Tensor<2, Bool>,
}

impl<K: Basic> Padded<K> {
    /// Pads the sequences with `pad` to the length of the longest. A batch of empty sequences has
    /// length 1.
    ///
    /// # Errors
    /// If there is no sequence, or if one is longer than `i32::MAX`.
    pub fn new<E: SequenceElement<Kind = K>>(sequences: &[impl AsRef<[E]>], pad: E) -> Result<Self> {
        let count = sequences.len();
        let longest = sequences.iter().map(|sequence| sequence.as_ref().len()).max();
        let Some(longest) = longest.map(|longest| longest.max(1)) else {
            return Err(Error::data("a batch must have at least one sequence, found none"));
        };
        let mut values = Vec::with_capacity(count * longest);
        let mut mask = Vec::with_capacity(count * longest);
        let mut lengths = Vec::with_capacity(count);
        for sequence in sequences.iter().map(AsRef::as_ref) {
            let end = values.len() + longest;
            values.extend_from_slice(sequence);
            mask.resize(values.len(), false);
            values.resize(end, pad);
            mask.resize(end, true);
            lengths.push(i32::try_from(sequence.len())?);
        }
        Ok(Self {
            values: tensor(TensorData::new(values, [count, longest]))?,
            lengths: tensor(TensorData::new(lengths, [count]))?,
            mask_pad: tensor(TensorData::new(mask, [count, longest]))?,
        })
    }
}

/// An element of a sequence, with the kind of tensor that the sequences become.
pub trait SequenceElement: Element {
    /// `Float`, `Int` or `Bool`.
    type Kind: Basic;
}

macro_rules! sequences {
    ($($kind:ty: $($element:ty),+;)+) => {$($(
        impl SequenceElement for $element {
            type Kind = $kind;
        }

        /// Padded with 0.
        impl FromItems<Vec<$element>> for Padded<$kind> {
            fn from_items(items: Vec<Vec<$element>>) -> Result<Self> {
                Self::new(&items, <$element>::default())
            }
        }
    )+)+};
}

sequences!(
    Float: f32, f64;
    Int: i8, i16, i32, i64, u8, u16, u32;
    Bool: bool;
);

/// The size is the number of sequences.
impl<K: Basic + Send + 'static> Batch for Padded<K>
where
    Tensor<2, K>: Batch,
{
    const SIZED: bool = true;

    fn batch_size(&self) -> Option<usize> {
        self.values.batch_size()
    }

    fn to_device(self, device: &Device) -> Self {
        let Self { values, lengths, mask_pad } = self;
        Self {
            values: Batch::to_device(values, device),
            lengths: Batch::to_device(lengths, device),
            mask_pad: Batch::to_device(mask_pad, device),
        }
    }

    fn cast(self, dtype: FloatDType) -> Self {
        Self { values: Batch::cast(self.values, dtype), ..self }
    }

    fn stage(self, device: &Device) -> Self {
        let Self { values, lengths, mask_pad } = self;
        Self { values: values.stage(device), lengths: lengths.stage(device), mask_pad: mask_pad.stage(device) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn floats_with_their_lengths() {
        let batch = Padded::new(&[vec![1.0_f32], vec![], vec![2.0, 3.0]], -1.0).unwrap();
        assert_eq!(batch.values.clone().into_data(), TensorData::from([[1.0_f32, -1.0], [-1.0, -1.0], [2.0, 3.0]]));
        assert_eq!(batch.lengths.clone().into_data().convert::<i64>(), TensorData::from([1_i64, 0, 2]));
        let mask: Vec<bool> = batch.mask_pad.clone().into_data().iter().collect();
        assert_eq!(mask, [false, true, true, true, false, false]);
        assert_eq!(Batch::batch_size(&batch), Some(3));
        let half = Batch::cast(batch, FloatDType::F16);
        assert_eq!(half.values.dtype(), burn::tensor::DType::F16);
    }

    #[test]
    fn empty_sequences() {
        let batch = Padded::<Int>::new(&[Vec::<i64>::new()], 7).unwrap();
        assert_eq!(
            (batch.values.dims(), batch.lengths.into_data().convert::<i64>()),
            ([1, 1], TensorData::from([0_i64]))
        );
        let none: &[Vec<i64>] = &[];
        assert_eq!(Padded::new(none, 0).unwrap_err().message(), "a batch must have at least one sequence, found none");
    }
}
