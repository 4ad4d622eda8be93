//! A checkpoint that is being read, and the module that gets it.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use burn::{
    module::ParamId,
    tensor::{TensorData, kind::BridgeTensor},
};
use serde_json::Value;

use super::{FIRST_HASHED, FORMAT_VERSION, container::Container, metadata::Metadata, names};
use crate::{
    error::{Error, Result},
    module::LightningModule,
    params::{
        BufferMapper, BufferVisitor, DynMapper, ErasedVisitor, FloatParam, MapMode, StateReader, ValueMapper,
        state::StoredTensors, visit,
    },
    tensor::handle::{Handle, with_data},
};

/// Problems listed in one error; the rest are counted.
const SHOWN_PROBLEMS: usize = 8;

/// No run gets as far; what is counted on from here cannot overflow.
const MOST_COUNTED: u64 = 1 << 53;

/// How a file begins that only says which file is the last.
const POINTER: &str = "lightning-checkpoint: ";
/// No pointer is longer.
const LONGEST_POINTER: u64 = 4096;

/// The text of a pointer to a file of the same folder.
pub(crate) fn pointer_text(file: &str) -> String {
    format!("{POINTER}{file}\n")
}

/// Where a pointer leads; `None` for a file that is none.
///
/// # Errors
/// When the file cannot be read, or leads out of its folder.
pub(crate) fn pointer_target(path: &Path) -> Result<Option<PathBuf>> {
    let cannot = |error| Error::io("read the checkpoint", path, error);
    let file = File::open(path).map_err(cannot)?;
    let metadata = file.metadata().map_err(cannot)?;
    if !metadata.is_file() || metadata.len() > LONGEST_POINTER {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(LONGEST_POINTER).read_to_end(&mut bytes).map_err(cannot)?;
    let Some(name) = std::str::from_utf8(&bytes).ok().and_then(|text| text.strip_prefix(POINTER)) else {
        return Ok(None);
    };
    let name = name.trim_end_matches('\n');
    let target = Path::new(name);
    if name.is_empty() || target.file_name().is_none_or(|file| file != target.as_os_str()) {
        return Err(Error::checkpoint(path, format!("the file points to `{name}`, which is no file of its folder")));
    }
    Ok(Some(path.with_file_name(name)))
}

/// A checkpoint file, checked.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    pub(crate) container: Container,
    pub(crate) metadata: Metadata,
}

impl Checkpoint {
    /// Opens a file and compares it with its hash; a pointer leads to the file it names.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or is no checkpoint of this library.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let checkpoint = Self::look(path)?;
        checkpoint.container.verify()?;
        Ok(checkpoint)
    }

    /// As [`open`](Self::open), but reads the header only.
    ///
    /// # Errors
    /// As [`open`](Self::open), except that damage to tensors is not noticed.
    pub(crate) fn look(path: &Path) -> Result<Self> {
        let target = pointer_target(path)?;
        let path = target.as_deref().unwrap_or(path);
        let container = Container::open(path)?;
        let text = container.text().ok_or_else(|| {
            Error::checkpoint(path, "the file is a safetensors file but no checkpoint of a trainer").help(
                "checkpoints are written by `ModelCheckpoint` and `save_checkpoint`; `load_weights` reads other files",
            )
        })?;
        let damaged = |what: String| Error::checkpoint(path, format!("the checkpoint's metadata is damaged: {what}"));
        let value: Value = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
        // Asked first: a newer format need not have the fields of this one.
        let format =
            value.get("format").and_then(Value::as_u64).ok_or_else(|| damaged("it has no format".to_owned()))?;
        if format > u64::from(FORMAT_VERSION) {
            return Err(Error::checkpoint(
                path,
                format!("the checkpoint has format {format}, newer than {FORMAT_VERSION}"),
            )
            .help("update lightning-core"));
        }
        if format >= u64::from(FIRST_HASHED) && !container.has_hash() {
            return Err(damaged("its hash is missing".to_owned()));
        }
        let metadata: Metadata = serde_json::from_value(value).map_err(|error| damaged(error.to_string()))?;
        if metadata.run.as_ref().is_some_and(|run| run.counts().any(|count| count > MOST_COUNTED)) {
            return Err(damaged("it counts more steps than any run has".to_owned()));
        }
        Ok(Self { container, metadata })
    }

    pub(crate) fn path(&self) -> &Path {
        self.container.path()
    }

    /// Gives the model's weights, buffers and state to `module`, which stays as it is when they do not fit.
    ///
    /// # Errors
    /// When the checkpoint is of another module, or does not fit this one.
    pub(crate) fn apply<M: LightningModule>(&self, module: &mut M) -> Result<()> {
        self.apply_from(names::MODEL, |_| true, module)
    }

    /// Gives the weights in training to `module`, which may not be those of the model. What an optimizer has stepped lies in memory as
    /// the step has left it, and the rest as it was declared: the order in which a product is summed up depends on it.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub(crate) fn apply_for_training<M: LightningModule>(&self, module: &mut M) -> Result<()> {
        let averaged = self.container.tensors().any(|(name, _)| name.starts_with(names::TRAINING));
        let prefix = if averaged { names::TRAINING } else { names::MODEL };
        let trainable = self.metadata.run.as_ref().map(|run| &run.trainable);
        let is_untouched = |path: &str| {
            let never_trained = trainable.is_some_and(|trainable| trainable.has_never_trained(path));
            self.metadata.global_step == 0 || never_trained
        };
        self.apply_from(prefix, is_untouched, module)
    }

    fn apply_from<M: LightningModule>(
        &self,
        prefix: &'static str,
        as_declared: impl Fn(&str) -> bool,
        module: &mut M,
    ) -> Result<()> {
        self.check_module(M::NAME)?;
        let mut places = Places { checkpoint: self, prefix, problems: Vec::new(), found: 0 };
        visit(module, &mut places)?;
        module.visit_buffers(&mut places);
        places.finish()?;
        let mut values = Values { tensors: self.tensors_below(prefix)?, as_declared: &as_declared };
        let located = |error: Error| error.at_path(self.path());
        let mut changed = module.clone();
        changed.map_buffers(&mut values)?;
        let user = self.tensors_below(names::USER)?;
        changed.load_state(&StateReader::new(&self.metadata.state)).map_err(located)?;
        changed.load_user_state(&StateReader::with_tensors(&self.metadata.user, &user)).map_err(located)?;
        // Last, since there is no way back: a module shares its running statistics with its clones.
        *module = changed.map(&mut DynMapper::new(MapMode::Values(&mut values)));
        Ok(())
    }

    fn check_module(&self, name: &str) -> Result<()> {
        let stored = &self.metadata.module;
        if stored == name {
            return Ok(());
        }
        Err(Error::checkpoint(self.path(), format!("the checkpoint is of a `{stored}`, and the model is a `{name}`")))
    }

    /// Every tensor whose name begins so, by the rest of its name.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(crate) fn tensors_below(&self, prefix: &str) -> Result<StoredTensors> {
        let mut tensors = StoredTensors::new();
        for (name, _) in self.container.tensors() {
            if let Some(rest) = name.strip_prefix(prefix)
                && let Some(data) = self.container.read(&name)?
            {
                tensors.insert(rest.to_owned(), data);
            }
        }
        Ok(tensors)
    }
}

/// Compares what is stored with the places that a module has for it.
struct Places<'a> {
    checkpoint: &'a Checkpoint,
    prefix: &'static str,
    problems: Vec<String>,
    found: usize,
}

impl Places<'_> {
    fn check(&mut self, path: &str, dims: &[usize]) {
        match self.checkpoint.container.info(&format!("{}{path}", self.prefix)) {
            None => self.problems.push(format!("`{path}` is not in the file")),
            Some(info) => {
                self.found += 1;
                if info.shape != dims {
                    self.problems
                        .push(format!("`{path}` has shape {:?} in the file and {dims:?} in the model", info.shape));
                }
            }
        }
    }

    /// # Errors
    /// When anything does not fit: one error that lists it.
    fn finish(self) -> Result<()> {
        let Self { checkpoint, prefix, mut problems, found } = self;
        let stored = checkpoint.container.tensors().filter(|(name, _)| name.starts_with(prefix)).count();
        let unused = stored.saturating_sub(found);
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
        let hparams = &checkpoint.metadata.hparams;
        Err(Error::checkpoint(checkpoint.path(), text).help(format!(
            "the checkpoint's model was built with {hparams}; a program that has changed since needs the one of then"
        )))
    }
}

impl ErasedVisitor for Places<'_> {
    fn float(&mut self, _index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        self.check(path, &param.dims());
        Ok(())
    }

    fn other(&mut self, path: &str, handle: &dyn Fn() -> Handle) -> Result<()> {
        self.check(path, &handle().dims());
        Ok(())
    }
}

impl BufferVisitor for Places<'_> {
    fn buffer(&mut self, name: &str, dims: &[usize], _data: &dyn Fn() -> Result<TensorData>) {
        self.check(name, dims);
    }
}

/// The stored values of a module, by path.
pub(crate) struct Values<'a> {
    tensors: StoredTensors,
    as_declared: &'a dyn Fn(&str) -> bool,
}

impl Values<'static> {
    /// Values that lie in memory as the parameters were declared.
    pub(crate) fn as_declared(tensors: StoredTensors) -> Self {
        Self { tensors, as_declared: &|_| true }
    }
}

impl BufferMapper for Values<'_> {
    fn buffer(&mut self, name: &str, _dims: &[usize]) -> Result<Option<TensorData>> {
        Ok(self.tensors.remove(name))
    }
}

impl ValueMapper for Values<'_> {
    fn wants(&self, _index: usize, _id: ParamId) -> bool {
        true
    }

    fn wants_others(&self) -> bool {
        true
    }

    fn is_as_declared(&self, path: &str) -> bool {
        (self.as_declared)(path)
    }

    fn map(&mut self, _index: usize, path: &str, value: BridgeTensor) -> BridgeTensor {
        match self.tensors.remove(path) {
            Some(data) => with_data(value, data),
            None => value,
        }
    }
}
