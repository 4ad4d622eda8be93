//! Modules and batches without values.

use std::collections::HashMap;

use burn::{
    module::ParamId,
    tensor::{
        Bool, DType, Device, Float, Int, Tensor,
        kind::{Basic, BridgeTensor},
    },
};
use serde_json::{Map, Value};

use super::recording::tensor_of;
use crate::{
    batch::{BatchReader, BatchWriter, HollowTensors, StepBatch, field},
    error::{Error, ErrorKind, Result},
    params::ValueMapper,
    tensor::any_rank::with_rank,
};

/// Replaces every parameter by one of its shape and type on the capture device, without values.
pub(super) struct HollowParams<'a> {
    device: &'a Device,
    /// The path of each parameter, by the tensor that stands for it.
    pub(super) paths: HashMap<burn_ir::TensorId, String>,
    /// A parameter that cannot be recorded.
    pub(super) fault: Option<Error>,
}

impl<'a> HollowParams<'a> {
    pub(super) fn new(device: &'a Device) -> Self {
        Self { device, paths: HashMap::new(), fault: None }
    }
}

impl ValueMapper for HollowParams<'_> {
    fn wants(&self, _index: usize, _id: ParamId) -> bool {
        true
    }

    fn map(&mut self, _index: usize, path: &str, value: BridgeTensor) -> BridgeTensor {
        let Some(hollow) = hollow_like(&value, self.device) else {
            self.fault.get_or_insert_with(|| {
                Error::new(
                    ErrorKind::Export,
                    format!("the parameter `{path}` must be a plain tensor, found {:?}", value.dtype()),
                )
                .help("export the model before its weights are quantized")
            });
            return value;
        };
        if let Some(tensor) = tensor_of(&hollow) {
            self.paths.insert(tensor.id, path.to_owned());
        }
        hollow
    }

    fn wants_others(&self) -> bool {
        true
    }
}

/// A tensor of the shape and the type of another, without values; `None` for a quantized one.
fn hollow_like(value: &BridgeTensor, device: &Device) -> Option<BridgeTensor> {
    fn empty<const D: usize, K: Basic>(value: &BridgeTensor, device: &Device) -> BridgeTensor {
        match value.dtype().is_bool() {
            // Each backend stores booleans in a type of its own.
            true => Tensor::<D, K>::empty(value.shape(), device).into_bridge(),
            false => Tensor::<D, K>::empty(value.shape(), (device, value.dtype())).into_bridge(),
        }
    }
    let dtype = value.dtype();
    if matches!(dtype, DType::QFloat(_)) {
        return None;
    }
    with_rank!(value.rank(), D => Some({
        if dtype.is_bool() {
            empty::<D, Bool>(value, device)
        } else if dtype.is_int() || dtype.is_uint() {
            empty::<D, Int>(value, device)
        } else {
            empty::<D, Float>(value, device)
        }
    }), None)
}

/// What a recording needs to know of a batch: the shapes and types of its tensors, and its host
/// values.
#[derive(Debug)]
pub(crate) struct Example {
    tensors: Vec<Part>,
    values: Map<String, Value>,
    /// The batch size.
    pub(crate) batch: usize,
    /// The size of the axes that are free besides the batch.
    pub(crate) length: Option<usize>,
}

#[derive(Debug)]
struct Part {
    name: String,
    shape: Vec<usize>,
    dtype: DType,
    /// The axis whose size is the length.
    length_axis: Option<usize>,
}

/// A batch without values.
#[derive(Debug)]
pub(crate) struct HollowBatch<'a> {
    pub(crate) tensors: HollowTensors,
    values: &'a Map<String, Value>,
}

impl HollowBatch<'_> {
    /// Reads the batch on the capture device.
    pub(crate) fn reader<'b>(&'b self, device: &'b Device) -> BatchReader<'b> {
        BatchReader::hollow(self.values, &self.tensors, device)
    }
}

impl Example {
    /// # Errors
    /// If the batch has no size or no tensors, or holds what cannot be copied.
    pub(crate) fn of<B: StepBatch>(batch: &B) -> Result<Self> {
        let size = batch.samples().ok_or_else(|| {
            Error::new(ErrorKind::Export, "an example must have a batch size, found none")
                .help("pass a batch with at least one tensor, as the loader returns it")
        })?;
        let mut parts = BatchWriter::default();
        batch.save(&mut parts);
        Self::of_parts(parts, size)
    }

    /// The same for a batch that is in parts already.
    ///
    /// # Errors
    /// If it has no tensors, or holds what cannot be copied.
    pub(crate) fn of_parts(parts: BatchWriter, size: usize) -> Result<Self> {
        let BatchWriter { tensors, values, refused, .. } = parts;
        if !refused.is_empty() {
            return Err(Error::new(
                ErrorKind::Export,
                format!(
                    "an example must be copied for the recording, and these fields cannot be: {}",
                    refused.join(", ")
                ),
            )
            .help(
                "derive `Batch` for the types, or `Serialize` and `Deserialize` if a field is marked `#[batch(host)]`",
            ));
        }
        if tensors.is_empty() {
            return Err(Error::new(ErrorKind::Export, "an example must have a tensor, found none")
                .help("pass a batch with tensors, as the loader returns it"));
        }
        let part = |tensor: crate::batch::BatchTensor| Part {
            shape: tensor.handle.dims(),
            dtype: tensor.handle.dtype(),
            name: tensor.name,
            length_axis: None,
        };
        Ok(Self { tensors: tensors.into_iter().map(part).collect(), values, batch: size, length: None })
    }

    /// Makes an axis of a tensor free. All free axes have one size.
    ///
    /// # Errors
    /// If the batch has no such tensor or axis, or the sizes differ.
    pub(crate) fn free_axis(&mut self, name: &str, axis: usize) -> Result<()> {
        let names: Vec<String> = self.tensors.iter().map(|part| format!("`{}`", field(&part.name))).collect();
        let part = self.tensors.iter_mut().find(|part| field(&part.name) == name).ok_or_else(|| {
            Error::new(
                ErrorKind::Export,
                format!("a free axis must be of a tensor of the example, found `{name}`; it has {}", names.join(", ")),
            )
        })?;
        let size = part.shape.get(axis).copied().filter(|_| axis > 0).ok_or_else(|| {
            Error::new(
                ErrorKind::Export,
                format!(
                    "a free axis of `{name}` must be from 1 to {}, found {axis}",
                    part.shape.len().saturating_sub(1)
                ),
            )
            .help("axis 0 is the batch, which is free by itself")
        })?;
        let known = *self.length.get_or_insert(size);
        if known != size {
            return Err(Error::new(
                ErrorKind::Export,
                format!("all free axes must have one size in the example, found {known}, and {size} for `{name}`"),
            ));
        }
        if size < 4 {
            return Err(Error::new(
                ErrorKind::Export,
                format!("a free axis must have a size of at least 4 in the example, found {size} for `{name}`"),
            )
            .help("the step is recorded with the size, with one less, and with half of it"));
        }
        part.length_axis = Some(axis);
        Ok(())
    }

    /// The batch with another number of rows and another length.
    pub(crate) fn with_sizes(&self, rows: usize, length: usize) -> HollowBatch<'_> {
        let tensor = |part: &Part| {
            let mut shape = part.shape.clone();
            if let Some(first) = shape.first_mut()
                && *first == self.batch
            {
                *first = rows;
            }
            if let Some(size) = part.length_axis.and_then(|axis| shape.get_mut(axis)) {
                *size = length;
            }
            (part.name.clone(), shape, part.dtype)
        };
        HollowBatch { tensors: HollowTensors::new(self.tensors.iter().map(tensor).collect()), values: &self.values }
    }
}
