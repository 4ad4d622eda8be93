//! One recording of a step.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

use burn::{
    backend::{DispatchKindConversion, DispatchTensor},
    module::Module,
    tensor::{Device, DeviceSettings, TensorData, kind::BridgeTensor},
};
use burn_capture::CaptureBackend;
use burn_ir::{OperationIr, TensorId, TensorIr};

use super::{
    faults::explain,
    hollow::{HollowBatch, HollowParams},
    linear,
};
use crate::{
    batch::{BatchReader, BatchTensor, BatchWriter, field},
    error::{Error, ErrorKind, Result},
    os::panics::catch_panic,
    params::{DynMapper, MapMode},
};

/// The operations of one forward pass.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    /// The operations on which the outputs depend, in order. Each has new tensors.
    pub(crate) ops: Vec<OperationIr>,
    /// The tensors of the batch that the operations read, with their names.
    pub(crate) inputs: Vec<(String, TensorIr)>,
    /// The names of the inputs in the batch.
    pub(crate) parts: Vec<String>,
    /// The results, with their names.
    pub(crate) outputs: Vec<(String, TensorIr)>,
    /// The paths of the parameters.
    pub(crate) params: HashMap<TensorId, String>,
    /// The values of tensors that were made from host data.
    pub(crate) values: BTreeMap<TensorId, TensorData>,
}

impl Recording {
    /// Returns whether a tensor is a parameter or an input.
    fn has(&self, id: TensorId) -> bool {
        self.params.contains_key(&id) || self.inputs.iter().any(|(_, tensor)| tensor.id == id)
    }
}

/// Runs `step` on `module` without values, and returns its operations.
///
/// `module` is in evaluation form, and shares nothing with the user's but values that are not read.
/// `name` is the step's, for messages.
///
/// # Errors
/// If the step fails, panics, reads a value, or uses a tensor of another device.
pub(crate) fn record<M: Module>(
    module: &M,
    batch: &HollowBatch<'_>,
    name: &str,
    step: &dyn Fn(&M, &BatchReader<'_>, &mut BatchWriter) -> Result<()>,
) -> Result<Recording> {
    let settings = module.devices().first().map_or_else(|| Device::default().settings(), Device::settings);
    record_on(settings, name, batch, &mut |device, params, out| {
        // With running statistics of its own: a clone shares them.
        let hollow = module.valid().map(&mut DynMapper::new(MapMode::Values(params)));
        if let Some(fault) = params.fault.take() {
            return Err(fault);
        }
        // Buffers, which are not parameters, keep their values.
        let hollow = hollow.to_device(device);
        step(&hollow, &batch.reader(device), out)
    })
}

/// Runs a step on the capture device: the part that no module's type is needed for.
fn record_on(
    settings: DeviceSettings,
    name: &str,
    batch: &HollowBatch<'_>,
    run: &mut dyn FnMut(&Device, &mut HollowParams<'_>, &mut BatchWriter) -> Result<()>,
) -> Result<Recording> {
    let device = CaptureDevice::take(settings);
    let mut out = BatchWriter::default();
    let mut params = HashMap::new();
    let mut ran = Ok(());
    let mut ids = Vec::new();
    let graph = device.device.capture_scope(|scope| {
        ran = catch_panic(|| {
            let mut target = device.device.clone();
            if !device.is_configured {
                // Only inside of a scope, and before the first tensor.
                target.configure((settings.float_dtype, settings.int_dtype)).map_err(|error| device_fault(&error))?;
            }
            let mut hollow = HollowParams::new(&device.device);
            let result = run(&target, &mut hollow, &mut out);
            params = hollow.paths;
            result
        });
        ids = out.tensors.iter().filter_map(id_of).collect();
        let mut unique = HashSet::new();
        let outputs: Vec<TensorId> = ids.iter().copied().filter(|id| unique.insert(*id)).collect();
        scope.complete([], if ran.is_ok() { outputs } else { Vec::new() })
    });
    let made = batch.tensors.take_made();
    ran.map_err(|error| explain(error, name))?;
    let graph = graph.map_err(|error| device_fault(&error))?;
    device.give_back();
    let named = outputs_of(out, name)?;
    // Aliases are resolved in the graph, in the order of the outputs.
    let mut recorded = graph.graph.outputs.iter().copied();
    let mut resolved: HashMap<TensorId, TensorId> = HashMap::new();
    for (_, tensor) in &named {
        resolved.entry(tensor.id).or_insert_with(|| recorded.next().unwrap_or(tensor.id));
    }
    let resolve = |tensor: TensorIr| TensorIr { id: resolved.get(&tensor.id).copied().unwrap_or(tensor.id), ..tensor };
    let outputs: Vec<_> = named.into_iter().map(|(name, tensor)| (name, resolve(tensor))).collect();
    let ids: Vec<TensorId> = outputs.iter().map(|(_, tensor)| tensor.id).collect();
    let ops = linear::fuse(live(graph.graph.operations, &ids), &ids);
    let mut recording = Recording { ops, outputs, params, values: graph.values, ..Recording::default() };
    recording.enter_inputs(&made);
    // The placeholders of parameters and of tensors of the batch are not operations.
    let ops = std::mem::take(&mut recording.ops);
    recording.ops = ops.into_iter().filter(|op| !op.outputs().any(|tensor| recording.has(tensor.id))).collect();
    Ok(recording)
}

/// The operations on which `outputs` depend. Initializations are left out: their values are known.
pub(super) fn live(ops: Vec<OperationIr>, outputs: &[TensorId]) -> Vec<OperationIr> {
    let mut needed: HashSet<TensorId> = outputs.iter().copied().collect();
    let mut kept: Vec<OperationIr> = Vec::with_capacity(ops.len());
    for op in ops.into_iter().rev() {
        if !matches!(op, OperationIr::Init(_)) && op.outputs().any(|tensor| needed.contains(&tensor.id)) {
            needed.extend(op.inputs().map(|tensor| tensor.id));
            kept.push(op);
        }
    }
    kept.reverse();
    kept
}

impl Recording {
    /// Takes the tensors of the batch that the operations read or return.
    fn enter_inputs(&mut self, made: &[(String, String, BridgeTensor)]) {
        let read: HashSet<TensorId> = self
            .ops
            .iter()
            .flat_map(|op| op.inputs())
            .chain(self.outputs.iter().map(|(_, tensor)| tensor))
            .map(|tensor| tensor.id)
            .collect();
        for (part, name, tensor) in made {
            if let Some(tensor) = tensor_of(tensor).filter(|tensor| read.contains(&tensor.id)) {
                self.inputs.push((field(name).to_owned(), tensor));
                self.parts.push(part.clone());
            }
        }
    }
}

/// The results of a step.
fn outputs_of(out: BatchWriter, name: &str) -> Result<Vec<(String, TensorIr)>> {
    let BatchWriter { tensors, refused, .. } = out;
    if !refused.is_empty() || tensors.is_empty() {
        let found = if refused.is_empty() { "no tensor".to_owned() } else { refused.join(", ").replace("batch.", "") };
        return Err(Error::new(ErrorKind::Export, format!("`{name}` must return tensors, found {found}"))
            .help("return a tensor, a tuple or `Vec` of tensors, or a struct with `#[derive(Batch)]`"));
    }
    tensors
        .into_iter()
        .map(|tensor| {
            let output = field(&tensor.name).to_owned();
            let found = tensor.handle.as_device().and_then(tensor_of);
            found.map(|tensor| (output.clone(), tensor)).ok_or_else(|| {
                Error::new(ErrorKind::Export, format!("the result `{output}` of `{name}` must depend on the batch or the parameters, found a tensor of another device"))
                    .help("make tensors on the device of the input: `let device = x.device()`")
            })
        })
        .collect()
}

fn id_of(tensor: &BatchTensor) -> Option<TensorId> {
    tensor.handle.as_device().and_then(tensor_of).map(|tensor| tensor.id)
}

/// The recorded tensor; `None` for one on another device.
pub(super) fn tensor_of(tensor: &BridgeTensor) -> Option<TensorIr> {
    use burn::backend::BackendTensor;
    let (shape, dtype) = (tensor.shape(), tensor.dtype());
    let dispatch = DispatchTensor::from(tensor.clone());
    let id = match <DispatchTensor as DispatchKindConversion<CaptureBackend>>::try_into_backend(dispatch).ok()? {
        BackendTensor::Float(tensor) => tensor.id(),
        BackendTensor::Int(tensor) => tensor.id(),
        BackendTensor::Bool(tensor) => tensor.id(),
        _ => return None,
    };
    Some(TensorIr::uninit(id, shape, dtype))
}

fn device_fault(error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Export, format!("the forward pass cannot be recorded: {error}"))
}

/// A capture device. A process can make 65,536 of them, so they are used again; and each can be
/// configured once, so there are some for each setting.
struct CaptureDevice {
    device: Device,
    settings: DeviceSettings,
    is_configured: bool,
}

static FREE: Mutex<Vec<CaptureDevice>> = Mutex::new(Vec::new());

impl CaptureDevice {
    fn take(settings: DeviceSettings) -> Self {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        match free.iter().position(|device| same_types(&device.settings, &settings)) {
            Some(at) => free.swap_remove(at),
            None => Self { device: Device::capture(), settings, is_configured: false },
        }
    }

    /// Keeps the device for the next recording. One whose recording failed is not kept.
    fn give_back(self) {
        FREE.lock().unwrap_or_else(PoisonError::into_inner).push(Self { is_configured: true, ..self });
    }
}

fn same_types(a: &DeviceSettings, b: &DeviceSettings) -> bool {
    a.float_dtype == b.float_dtype && a.int_dtype == b.int_dtype
}
