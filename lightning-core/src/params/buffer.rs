//! Tensors that are moved and saved, but not trained.

use burn::tensor::{Tensor, TensorData};

use crate::error::{Error, ErrorKind, Result};

pub(super) fn read_tensor<const D: usize, K: burn::tensor::kind::Basic>(tensor: Tensor<D, K>) -> Result<TensorData> {
    // sync: once per saved tensor, when a checkpoint is written.
    tensor
        .try_into_data()
        .map_err(|error| Error::new(ErrorKind::Device, format!("the device failed while a tensor was read: {error:?}")))
}

/// A tensor that a module holds but does not train.
#[diagnostic::on_unimplemented(
    message = "a buffer must be a tensor, found `{Self}`",
    label = "expected `Tensor<D>`, `Tensor<D, Int>` or `Tensor<D, Bool>`",
    note = "write `#[state]` for data that is not a tensor",
    note = "C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait Buffer: Sized {
    /// Reads the values.
    #[doc(hidden)]
    fn buffer_data(&self) -> Result<TensorData>;
    /// Returns a buffer of the same kind with other values, on the same device.
    #[doc(hidden)]
    fn with_data(&self, data: TensorData) -> Self;
    /// The shape.
    #[doc(hidden)]
    fn buffer_dims(&self) -> Vec<usize>;
    /// Passes the buffer to a visitor.
    #[doc(hidden)]
    fn visit(&self, name: &str, visitor: &mut dyn BufferVisitor) {
        visitor.buffer(name, &self.buffer_dims(), &|| self.buffer_data());
    }
    /// Replaces the buffer if the mapper has values for it.
    #[doc(hidden)]
    fn replace(&mut self, name: &str, mapper: &mut dyn BufferMapper) -> Result<()> {
        if let Some(data) = mapper.buffer(name, &self.buffer_dims())? {
            *self = self.with_data(data);
        }
        Ok(())
    }
}

impl<const D: usize, K: burn::tensor::kind::Basic> Buffer for Tensor<D, K> {
    fn buffer_data(&self) -> Result<TensorData> {
        read_tensor(self.clone())
    }

    fn with_data(&self, data: TensorData) -> Self {
        Self::from_data(data, &self.device())
    }

    fn buffer_dims(&self) -> Vec<usize> {
        self.dims().to_vec()
    }
}

/// Visits every buffer of a module.
pub trait BufferVisitor {
    /// Visits a buffer with its name and shape; `data` reads its values.
    fn buffer(&mut self, name: &str, dims: &[usize], data: &dyn Fn() -> Result<TensorData>);
}

/// Replaces buffers of a module.
pub trait BufferMapper {
    /// Returns the new values of the buffer; `None` leaves it unchanged.
    ///
    /// # Errors
    /// If the new values do not fit.
    fn buffer(&mut self, name: &str, dims: &[usize]) -> Result<Option<TensorData>>;
}
