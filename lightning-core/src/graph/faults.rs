//! Errors of recording and exporting: the operation, the field, and what to write instead.

use crate::error::{Error, ErrorKind};

/// What an error says of code that the recording cannot run: a part of Burn's message, the fault,
/// and what to write instead.
const FAULTS: &[(&str, &str, &str)] = &[
    (
        "has no concrete value",
        "reads the value of a tensor, and a graph has none while it is recorded",
        "`into_scalar`, `into_data`, `one_hot` and `nonzero` read values: write `mask_where` in place of an `if` on a \
         value, and compare with `arange` in place of `one_hot`",
    ),
    (
        "not on the same device",
        "computes with a tensor that was made on another device",
        "make tensors on the device of the input: `let device = x.device()` in place of `Device::default()`",
    ),
    (
        "Cannot move a tensor from a capture device",
        "moves a tensor to another device",
        "compute on the device of the input, and remove `to_device`",
    ),
    ("seeding is not supported", "seeds the random numbers of the device", "remove `device.seed` from the step"),
    (
        "capture tensors do not support autodiff",
        "computes gradients, and only a forward pass can be recorded",
        "export a step without `backward`, such as `predict_step`",
    ),
    (
        "autodiff",
        "needs a device with gradients, and only a forward pass can be recorded",
        "export a step without gradients, such as `predict_step`",
    ),
];

/// Explains an error of the recorded code. `step` is the name of the step, as written.
pub(super) fn explain(error: Error, step: &str) -> Error {
    // An error of the library says what to do about it.
    if error.kind() == ErrorKind::Export {
        return error;
    }
    let text = error.to_string();
    let lower = text.to_lowercase();
    match FAULTS.iter().find(|(part, ..)| lower.contains(&part.to_lowercase())) {
        Some((_, fault, help)) => {
            Error::new(ErrorKind::Export, format!("`{step}` {fault}")).help(*help).caused_by(error)
        }
        None => Error::new(ErrorKind::Export, format!("`{step}` failed while it was recorded as a graph"))
            .help("the step is run once on tensors without values, with 1, 2 and 7 rows")
            .caused_by(error),
    }
}

/// The error of a model whose sizes cannot be free.
pub(super) fn not_free(message: String) -> Error {
    Error::new(ErrorKind::Export, message).help("export with the sizes of the example: `.fixed_batch()`")
}

/// Why one operation cannot be exported.
#[derive(Debug)]
pub(crate) struct Fault {
    reason: String,
    help: &'static str,
}

impl Fault {
    pub(crate) fn new(reason: impl Into<String>, help: &'static str) -> Self {
        Self { reason: reason.into(), help }
    }
}

/// The fault of an operation that the format lacks.
pub(crate) fn no_operator(help: &'static str) -> Fault {
    Fault::new("ONNX has no operator for it", help)
}

/// The fault of a random number.
pub(crate) fn random() -> Fault {
    Fault::new(
        "it draws random numbers, and a graph must give one result for one input",
        "draw noise in `training_step` only, or pass it as a field of the batch; dropout is left out by itself",
    )
}

/// Adds the operation and its module.
pub(crate) fn at_operation(fault: Fault, operation: &str, owner: &str) -> Error {
    let place = if owner.is_empty() { String::new() } else { format!(" in `{owner}`") };
    let error = Error::new(ErrorKind::Export, format!("`{operation}`{place} cannot be exported: {}", fault.reason));
    if fault.help.is_empty() { error } else { error.help(fault.help) }
}
