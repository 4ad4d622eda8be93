//! A tensor on its way into a file.

use std::io;

use burn::tensor::{DType, Tensor, TensorData};
use safetensors::Dtype;

use super::dtype::stored_as;
use crate::{
    error::{Error, ErrorKind, Result},
    optim::fused::SharedTensor,
};

/// A tensor on its way into a file.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(super) name: String,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    values: Values,
}

/// Where a tensor's values are. What is shared stays as it is: whoever goes on working with it changes a copy.
#[derive(Debug)]
enum Values {
    Host(TensorData),
    /// On a device whose memory is the host's, in one dimension.
    Shared(Tensor<1>),
    /// In the state of a fused optimizer.
    State(SharedTensor),
}

/// How many elements of a shared tensor are copied at a time: few enough to be still in a core's cache when they are hashed and written.
pub(super) const PIECE: usize = 1 << 16;

impl Stored {
    /// # Errors
    /// When the file format has no such type of element.
    pub(crate) fn new(name: String, data: TensorData) -> Result<Self> {
        let shape = data.shape().as_slice().to_vec();
        if let DType::Bool(_) = data.dtype() {
            // One byte each, whatever the backend uses.
            let bytes: Vec<u8> = data.iter::<bool>().map(u8::from).collect();
            let values = Values::Host(TensorData::new(bytes, shape.as_slice()));
            return Ok(Self { name, dtype: Dtype::BOOL, shape, values });
        }
        Ok(Self { dtype: stored_as(&name, data.dtype())?, name, shape, values: Values::Host(data) })
    }

    /// A float tensor of a device whose memory is the host's.
    ///
    /// # Errors
    /// As [`Stored::new`].
    pub(crate) fn shared(name: String, shape: Vec<usize>, flat: Tensor<1>) -> Result<Self> {
        Ok(Self { dtype: stored_as(&name, flat.dtype())?, name, shape, values: Values::Shared(flat) })
    }

    /// A tensor of an optimizer's state.
    ///
    /// # Errors
    /// As [`Stored::new`].
    pub(crate) fn state(name: String, leaf: SharedTensor) -> Result<Self> {
        let none = || Error::new(ErrorKind::Checkpoint, format!("the optimizer's state has no `{name}`"));
        let data = leaf.data().ok_or_else(none)?;
        let (dtype, shape) = (stored_as(&name, data.dtype())?, data.shape().as_slice().to_vec());
        Ok(Self { name, dtype, shape, values: Values::State(leaf) })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether somebody else works with its memory.
    pub(crate) fn is_shared(&self) -> bool {
        !matches!(self.values, Values::Host(_))
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> usize {
        match &self.values {
            Values::Host(data) => data.as_bytes().len(),
            Values::Shared(flat) => flat.shape().num_elements() * flat.dtype().size(),
            Values::State(leaf) => leaf.data().map_or(0, |data| data.as_bytes().len()),
        }
    }

    /// Gives the bytes in one or several pieces.
    pub(super) fn for_each_piece(&self, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        match &self.values {
            Values::Host(data) => each(data.as_bytes()),
            Values::State(leaf) => leaf.data().map_or(Ok(()), |data| each(data.as_bytes())),
            Values::Shared(flat) => {
                let [elements] = flat.dims();
                (0..elements).step_by(PIECE).try_for_each(|from| {
                    let piece = flat.clone().slice(from..elements.min(from + PIECE));
                    // sync: none, the memory is the host's.
                    let data = piece.try_into_data().map_err(|error| io::Error::other(format!("{error:?}")))?;
                    each(data.as_bytes())
                })
            }
        }
    }
}
