//! Batches whose tensors have shapes and no values, for recording a step as a graph.

use std::cell::RefCell;

use burn::tensor::{
    DType, Device, Tensor,
    kind::{Basic, BridgeTensor},
};

use crate::error::{Error, ErrorKind, Result};

/// The tensors of a batch without values: what [`BatchReader`](super::BatchReader) reads in place of a saved batch.
#[derive(Debug)]
pub(crate) struct HollowTensors {
    /// Name, shape and type of each tensor.
    tensors: Vec<(String, Vec<usize>, DType)>,
    /// What the step was handed, in the order in which it was read.
    made: RefCell<Vec<(String, BridgeTensor)>>,
    /// Parts that a parameter of the step takes, each with the parameter's name.
    parameters: RefCell<Vec<(String, String)>>,
}

impl HollowTensors {
    pub(crate) fn new(tensors: Vec<(String, Vec<usize>, DType)>) -> Self {
        Self { tensors, made: RefCell::default(), parameters: RefCell::default() }
    }

    /// Returns the tensors that were made since the last call: each with its name in the batch, and
    /// with that of the parameter which takes it, if there is one.
    pub(crate) fn take_made(&self) -> Vec<(String, String, BridgeTensor)> {
        let parameters = self.parameters.take();
        let named = |(part, tensor): (String, BridgeTensor)| {
            let parameter = parameters.iter().find(|(known, _)| *known == part).map(|(_, name)| name.clone());
            (part.clone(), parameter.unwrap_or(part), tensor)
        };
        self.made.take().into_iter().map(named).collect()
    }

    /// Notes that a parameter of the step takes a part.
    pub(super) fn taken(&self, part: &str, parameter: String) {
        self.parameters.borrow_mut().push((part.to_owned(), parameter));
    }

    /// Returns the names of all tensors.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.iter().map(|(name, ..)| name.as_str())
    }

    pub(super) fn tensor<const D: usize, K: Basic>(&self, name: &str, device: &Device) -> Result<Tensor<D, K>> {
        let found = self.tensors.iter().find(|(known, ..)| known == name);
        let (_, shape, dtype) = found.ok_or_else(|| self.missing(name))?;
        let kind = kind_of(*dtype);
        if shape.len() != D || kind != K::name() {
            return Err(Error::new(
                ErrorKind::Export,
                format!(
                    "`{}` must be a tensor of {D} dimensions of kind {}, found {} of kind {kind}",
                    field(name),
                    K::name(),
                    shape.len()
                ),
            )
            .help("pass an example of the batch that the step takes"));
        }
        let tensor = match dtype.is_bool() {
            // Each backend stores booleans in a type of its own.
            true => Tensor::<D, K>::empty(shape.clone(), device),
            false => Tensor::<D, K>::empty(shape.clone(), (device, *dtype)),
        };
        self.made.borrow_mut().push((name.to_owned(), tensor.clone().into_bridge()));
        Ok(tensor)
    }

    /// The error of a step that takes what the example does not have.
    fn missing(&self, name: &str) -> Error {
        let names: Vec<String> = self.names().map(|name| format!("`{}`", field(name))).collect();
        let found = if names.is_empty() { "no tensor".to_owned() } else { names.join(", ") };
        Error::new(ErrorKind::Export, format!("the example must have `{}`, found {found}", field(name)))
            .help("pass an example of what the step takes, or name the step: `.step(|model, batch| model.forward(batch.images))`")
    }
}

/// The name of a part of a batch as a user knows it.
pub(crate) fn field(name: &str) -> &str {
    name.strip_prefix("batch.").unwrap_or(name)
}

fn kind_of(dtype: DType) -> &'static str {
    if dtype.is_bool() {
        "Bool"
    } else if dtype.is_int() || dtype.is_uint() {
        "Int"
    } else {
        "Float"
    }
}
