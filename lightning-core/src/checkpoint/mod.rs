//! Checkpoints: one safetensors file with the tensors under their paths and everything else as JSON metadata.
//!
//! The tensors are `model.<path>` for parameters and running statistics and `model.<field>` for buffers, in Burn's layout.
//! `__metadata__` holds one entry, `lightning`, a JSON object ([`Metadata`]). Nothing in the file depends on time, place or
//! random ids: equal states give equal bytes.

pub(crate) mod tensors;

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    fs,
    io::Write,
    path::Path,
};

use burn::{
    module::ParamId,
    tensor::{DType, TensorData, kind::BridgeTensor},
};
use safetensors::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    error::{Error, ErrorKind, Result},
    files,
    module::{InitModule, InitOutput, LightningModule, LightningStruct},
    params::{BufferMapper, BufferVisitor, DynMapper, ErasedVisitor, FloatParam, MapMode, ValueMapper, visit},
    run::RunState,
    state::{StateReader, StateWriter, number},
};
use tensors::{Handle, read_all, with_data};

/// The version of the format that this library writes, and the newest it reads.
pub const FORMAT_VERSION: u32 = 1;

const METADATA_KEY: &str = "lightning";
const MODEL_PREFIX: &str = "model.";

/// Problems listed in one error; the rest are counted.
const SHOWN_PROBLEMS: usize = 8;

/// What a checkpoint says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Metadata {
    /// The format's version.
    pub format: u32,
    /// The version of this library.
    pub lightning: String,
    /// The module's type name.
    pub module: String,
    /// The module's hyperparameters.
    pub hparams: Value,
    /// The `#[state]` fields.
    pub state: Value,
    /// Finished epochs.
    pub epoch: u64,
    /// Optimizer steps.
    pub global_step: u64,
    /// Training batches.
    pub batch_step: u64,
    /// The run's seed.
    pub seed: u64,
    /// The metrics known when it was written; numbers that are not finite are text.
    pub metrics: BTreeMap<String, Value>,
}

/// One tensor on its way into a file.
struct Stored {
    dtype: Dtype,
    data: TensorData,
}

impl View for Stored {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        self.data.shape().as_slice()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.data.as_bytes())
    }

    fn data_len(&self) -> usize {
        self.data.as_bytes().len()
    }
}

fn stored(name: &str, data: TensorData) -> Result<Stored> {
    let dtype = match data.dtype() {
        DType::F64 => Dtype::F64,
        DType::F32 | DType::Flex32 => Dtype::F32,
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
        DType::I64 => Dtype::I64,
        DType::I32 => Dtype::I32,
        DType::I16 => Dtype::I16,
        DType::I8 => Dtype::I8,
        DType::U64 => Dtype::U64,
        DType::U32 => Dtype::U32,
        DType::U16 => Dtype::U16,
        DType::U8 => Dtype::U8,
        DType::Bool(_) => {
            // One byte each, whatever the backend uses.
            let shape = data.shape().clone();
            let bytes: Vec<u8> = data.iter::<bool>().map(u8::from).collect();
            return Ok(Stored { dtype: Dtype::BOOL, data: TensorData::new(bytes, shape) });
        }
        other => {
            return Err(Error::new(
                ErrorKind::Checkpoint,
                format!("the tensor `{name}` of type {other:?} cannot be saved"),
            )
            .help("dequantize it before saving"));
        }
    };
    Ok(Stored { dtype, data })
}

/// The tensors of a module, on their way into a file.
#[derive(Default)]
pub(crate) struct Collector {
    tensors: Vec<(String, Stored)>,
    failed: Option<Error>,
}

impl Collector {
    fn add(&mut self, path: &str, data: Result<TensorData>) -> Result<()> {
        let name = format!("{MODEL_PREFIX}{path}");
        let stored = stored(&name, data?)?;
        self.tensors.push((name, stored));
        Ok(())
    }
}

impl ErasedVisitor for Collector {
    fn float(&mut self, _index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        self.add(path, read(param.handle()))
    }

    fn other(&mut self, path: &str, handle: &dyn Fn() -> Handle) -> Result<()> {
        self.add(path, read(handle()))
    }
}

fn read(handle: Handle) -> Result<TensorData> {
    read_all(vec![handle])?.pop().ok_or_else(|| Error::new(ErrorKind::Device, "the device gave no tensor back"))
}

impl BufferVisitor for Collector {
    fn buffer(&mut self, name: &str, _dims: &[usize], data: &dyn Fn() -> Result<TensorData>) {
        if let Err(error) = self.add(name, data()) {
            self.failed.get_or_insert(error);
        }
    }
}

/// A module as a checkpoint sees it, erased: writing is compiled once.
pub(crate) trait Snapshot {
    fn name(&self) -> &'static str;
    fn tensors(&self, collector: &mut Collector) -> Result<()>;
    fn state(&self) -> Result<Value>;
    fn hparams(&self) -> Result<Value>;
}

impl<M: LightningModule> Snapshot for M {
    fn name(&self) -> &'static str {
        M::NAME
    }

    fn tensors(&self, collector: &mut Collector) -> Result<()> {
        // BatchNorm holds its last update back until somebody asks: evaluation form has it.
        visit(&self.valid(), collector)?;
        self.visit_buffers(collector);
        Ok(())
    }

    fn state(&self) -> Result<Value> {
        let mut state = StateWriter::default();
        self.save_state(&mut state)?;
        Ok(state.finish())
    }

    fn hparams(&self) -> Result<Value> {
        hparams_value(&LightningStruct::hparams(self))
    }
}

/// Writes a checkpoint of `module` and of the run; the file is there as a whole or not at all.
pub(crate) fn save(module: &dyn Snapshot, run: &mut RunState, path: &Path) -> Result<()> {
    let mut collector = Collector::default();
    module.tensors(&mut collector)?;
    let Collector { tensors, failed } = collector;
    if let Some(error) = failed {
        return Err(error.at_path(path));
    }
    let metrics = run.metrics.metrics()?.iter().map(|(name, value)| (name.to_owned(), number(value))).collect();
    let metadata = Metadata {
        format: FORMAT_VERSION,
        lightning: env!("CARGO_PKG_VERSION").to_owned(),
        module: module.name().to_owned(),
        hparams: module.hparams()?,
        state: module.state()?,
        epoch: run.progress.epoch,
        global_step: run.progress.global_step,
        batch_step: run.progress.batch_step,
        seed: run.seed,
        metrics,
    };
    let text = serde_json::to_string(&metadata)?;
    let bytes = safetensors::serialize(tensors, Some(HashMap::from([(METADATA_KEY.to_owned(), text)])))
        .map_err(|error| Error::checkpoint(path, "the checkpoint cannot be written").caused_by(error))?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| Error::io("create the folder", folder, error))?;
    }
    files::write_atomic(path, |writer| writer.write_all(&bytes))
}

/// Hyperparameters as JSON.
pub(crate) fn hparams_value(hparams: &impl Serialize) -> Result<Value> {
    serde_json::to_value(hparams).map_err(|error| {
        Error::new(ErrorKind::Checkpoint, "the hyperparameters cannot be written as JSON").caused_by(error)
    })
}

/// A checkpoint file in memory, checked.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    bytes: Vec<u8>,
    pub(crate) metadata: Metadata,
}

impl Checkpoint {
    /// # Errors
    /// When the file cannot be read, is damaged, or is no checkpoint of this library.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(|error| Error::io("read the checkpoint", path, error))?;
        let fault = |what: &str| {
            let what = what.to_owned();
            move |error: &dyn std::fmt::Display| Error::checkpoint(path, format!("{what}: {error}"))
        };
        let (_, header) = SafeTensors::read_metadata(&bytes)
            .map_err(|error| fault("the checkpoint is damaged or no safetensors file")(&error))?;
        SafeTensors::deserialize(&bytes).map_err(|error| fault("the checkpoint is damaged")(&error))?;
        let text = header.metadata().as_ref().and_then(|metadata| metadata.get(METADATA_KEY)).ok_or_else(|| {
            Error::checkpoint(path, "the file is a safetensors file but no checkpoint of a trainer")
                .help("checkpoints are written by `ModelCheckpoint` and `save_checkpoint`")
        })?;
        let metadata: Metadata =
            serde_json::from_str(text).map_err(|error| fault("the checkpoint's metadata is damaged")(&error))?;
        if metadata.format > FORMAT_VERSION {
            return Err(Error::checkpoint(
                path,
                format!("the checkpoint has format {}, newer than {FORMAT_VERSION}", metadata.format),
            )
            .help("update lightning-core"));
        }
        Ok(Self { bytes, metadata })
    }

    /// Gives the stored weights, buffers and state to `module`, which stays as it is when they do not fit.
    pub(crate) fn apply<M: LightningStruct>(&self, module: &mut M, path: &Path) -> Result<()> {
        self.check_module(M::NAME, path)?;
        let tensors = SafeTensors::deserialize(&self.bytes)
            .map_err(|error| Error::checkpoint(path, format!("the checkpoint is damaged: {error}")))?;
        let mut source = TensorSource { tensors: &tensors, problems: Vec::new(), used: 0 };
        let mut loaded = module.clone().map(&mut DynMapper::new(MapMode::Values(&mut source)));
        loaded.map_buffers(&mut source)?;
        source.finish(path, &self.metadata.hparams)?;
        loaded.load_state(&StateReader::new(&self.metadata.state)).map_err(|error| error.at_path(path))?;
        *module = loaded;
        Ok(())
    }

    fn check_module(&self, name: &str, path: &Path) -> Result<()> {
        let stored = &self.metadata.module;
        if stored == name {
            return Ok(());
        }
        Err(Error::checkpoint(path, format!("the checkpoint is of a `{stored}`, and the model is a `{name}`")))
    }
}

/// The stored tensors, on their way into a module.
struct TensorSource<'a> {
    tensors: &'a SafeTensors<'a>,
    problems: Vec<String>,
    used: usize,
}

impl TensorSource<'_> {
    fn find(&mut self, path: &str, dims: &[usize]) -> Option<TensorData> {
        let name = format!("{MODEL_PREFIX}{path}");
        let Ok(view) = self.tensors.tensor(&name) else {
            self.problems.push(format!("`{path}` is not in the file"));
            return None;
        };
        self.used += 1;
        if view.shape() != dims {
            self.problems.push(format!("`{path}` has shape {:?} in the file and {dims:?} in the model", view.shape()));
            return None;
        }
        let data = tensor_data(view.dtype(), view.shape(), view.data());
        if data.is_none() {
            self.problems.push(format!("`{path}` has the type {:?}, which is not known", view.dtype()));
        }
        data
    }

    /// # Errors
    /// When anything did not fit: one error that lists it.
    fn finish(self, path: &Path, hparams: &Value) -> Result<()> {
        let Self { tensors, mut problems, used } = self;
        let unused = tensors.len().saturating_sub(used);
        if unused > 0 {
            problems.push(format!("{unused} stored tensors have no place in the model"));
        }
        if problems.is_empty() {
            return Ok(());
        }
        let mut text = "the checkpoint does not fit the model:".to_owned();
        for problem in problems.iter().take(SHOWN_PROBLEMS) {
            text.push_str(&format!("\n  - {problem}"));
        }
        if problems.len() > SHOWN_PROBLEMS {
            text.push_str(&format!("\n  - and {} more", problems.len() - SHOWN_PROBLEMS));
        }
        Err(Error::checkpoint(path, text).help(format!(
            "the checkpoint's model was built with {hparams}; a program that has changed since needs the one of then"
        )))
    }
}

impl ValueMapper for TensorSource<'_> {
    fn wants(&self, _index: usize, _id: ParamId) -> bool {
        true
    }

    fn wants_others(&self) -> bool {
        true
    }

    fn map(&mut self, _index: usize, path: &str, value: BridgeTensor) -> BridgeTensor {
        match self.find(path, value.shape().as_slice()) {
            Some(data) => with_data(value, data),
            None => value,
        }
    }
}

impl BufferMapper for TensorSource<'_> {
    fn buffer(&mut self, name: &str, dims: &[usize]) -> Result<Option<TensorData>> {
        Ok(self.find(name, dims))
    }
}

fn tensor_data(dtype: Dtype, shape: &[usize], bytes: &[u8]) -> Option<TensorData> {
    let dtype = match dtype {
        Dtype::F64 => DType::F64,
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::I64 => DType::I64,
        Dtype::I32 => DType::I32,
        Dtype::I16 => DType::I16,
        Dtype::I8 => DType::I8,
        Dtype::U64 => DType::U64,
        Dtype::U32 => DType::U32,
        Dtype::U16 => DType::U16,
        Dtype::U8 => DType::U8,
        Dtype::BOOL => {
            return Some(TensorData::new(bytes.iter().map(|byte| *byte != 0).collect::<Vec<_>>(), shape.to_vec()));
        }
        _ => return None,
    };
    Some(TensorData::from_bytes_vec(bytes.to_vec(), shape.to_vec(), dtype))
}

/// Rebuilds a module from a checkpoint: its stored hyperparameters, then its weights and state.
#[doc(hidden)]
pub fn load_from_checkpoint<M: InitModule + LightningModule>(path: &Path) -> Result<M> {
    let checkpoint = Checkpoint::open(path)?;
    let hparams = serde_json::from_value(checkpoint.metadata.hparams.clone()).map_err(|error| {
        Error::checkpoint(path, "the stored hyperparameters do not fit the program's").caused_by(error)
    })?;
    let mut module = M::init_module(hparams, &burn::tensor::Device::default()).into_module()?;
    checkpoint.apply(&mut module, path)?;
    Ok(module.valid())
}
