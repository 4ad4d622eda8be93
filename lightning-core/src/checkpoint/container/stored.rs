//! Tensors to be written.

use std::io;

use burn::tensor::{DType, Tensor, TensorData};
use safetensors::Dtype;

use super::dtype::stored_as;
use crate::{
    error::{Error, ErrorKind, Result},
    optim::fused::SharedTensor,
};

/// A tensor to be written.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(super) name: String,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    values: Values,
}

/// The values of a tensor. Shared values do not change while they are written: an operation that
/// would change them in place copies them first.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "the size of a tensor depends on the backends of the build")]
enum Values {
    Host(TensorData),
    /// A tensor of rank 1 on a device that computes in host memory.
    Shared(Tensor<1>),
    /// A tensor in the state of a fused optimizer.
    State(SharedTensor),
}

/// The number of elements of a shared tensor that are copied at a time: few enough to be in the
/// cache of a core when they are hashed and written.
pub(super) const PIECE: usize = 1 << 16;

impl Stored {
    /// Creates a tensor from values on the host.
    ///
    /// # Errors
    /// If the format has no such element type.
    pub(crate) fn new(name: String, data: TensorData) -> Result<Self> {
        let shape = data.shape().as_slice().to_vec();
        if let DType::Bool(_) = data.dtype() {
            // Backends store booleans in different types; the format has one byte for each.
            let bytes: Vec<u8> = data.iter::<bool>().map(u8::from).collect();
            let values = Values::Host(TensorData::new(bytes, shape.as_slice()));
            return Ok(Self { name, dtype: Dtype::BOOL, shape, values });
        }
        Ok(Self { dtype: stored_as(&name, data.dtype())?, name, shape, values: Values::Host(data) })
    }

    /// Creates a float tensor whose values stay shared with the device, which computes in host
    /// memory.
    ///
    /// # Errors
    /// As [`Stored::new`].
    pub(crate) fn shared(name: String, shape: Vec<usize>, flat: Tensor<1>) -> Result<Self> {
        Ok(Self { dtype: stored_as(&name, flat.dtype())?, name, shape, values: Values::Shared(flat) })
    }

    /// Creates a tensor of the state of an optimizer, whose values stay shared with it.
    ///
    /// # Errors
    /// As [`Stored::new`].
    pub(crate) fn state(name: String, leaf: SharedTensor) -> Result<Self> {
        let none = || Error::new(ErrorKind::Checkpoint, format!("the optimizer state has no tensor `{name}`"));
        let data = leaf.data().ok_or_else(none)?;
        let (dtype, shape) = (stored_as(&name, data.dtype())?, data.shape().as_slice().to_vec());
        Ok(Self { name, dtype, shape, values: Values::State(leaf) })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether the run shares the memory of the values.
    pub(crate) fn is_shared(&self) -> bool {
        !matches!(self.values, Values::Host(_))
    }

    /// Returns the size of the values in bytes.
    pub(crate) fn len(&self) -> usize {
        match &self.values {
            Values::Host(data) => data.as_bytes().len(),
            Values::Shared(flat) => flat.shape().num_elements() * flat.dtype().size(),
            Values::State(leaf) => leaf.data().map_or(0, |data| data.as_bytes().len()),
        }
    }

    /// Calls `each` with the bytes, in one or several pieces.
    pub(super) fn for_each_piece(&self, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        match &self.values {
            Values::Host(data) => each(data.as_bytes()),
            Values::State(leaf) => leaf.data().map_or(Ok(()), |data| each(data.as_bytes())),
            Values::Shared(flat) => {
                let [elements] = flat.dims();
                (0..elements).step_by(PIECE).try_for_each(|from| {
                    let piece = flat.clone().slice(from..elements.min(from + PIECE));
                    // sync: none, the tensor is in host memory.
                    let data = piece.try_into_data().map_err(|error| io::Error::other(format!("{error:?}")))?;
                    each(data.as_bytes())
                })
            }
        }
    }
}
