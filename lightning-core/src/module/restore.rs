//! Giving a module what a checkpoint has of it.

use std::path::Path;

use burn::{
    module::ParamId,
    tensor::{TensorData, kind::BridgeTensor},
};
use serde_json::Value;

use super::traits::{LightningImpl, LightningStruct};
use crate::{
    checkpoint::{Checkpoint, names},
    error::{Error, Result},
    module::{BuiltModule, InitModule},
    os::panics::catch_panic,
    params::{
        BufferMapper, BufferVisitor, DynMapper, ErasedVisitor, FloatParam, MapMode, StateReader, ValueMapper,
        state::StoredTensors, visit,
    },
    random::building_unseeded,
    tensor::handle::{Handle, with_data},
};

/// ConfigErrors that a message shows before it only counts them.
const SHOWN_PROBLEMS: usize = 8;
/// Rebuilds a module from a checkpoint: its stored hyperparameters, then its weights and state.
#[doc(hidden)]
pub fn load_from_checkpoint<M: InitModule + LightningStruct + LightningImpl>(path: &Path) -> Result<M> {
    let checkpoint = Checkpoint::open(path)?;
    let hparams = serde_json::from_value(checkpoint.metadata.hparams.clone()).map_err(|error| {
        Error::checkpoint(path, "the stored hyperparameters do not fit the program's").caused_by(error)
    })?;
    let device = burn::tensor::Device::default();
    building_unseeded(&device, || {
        // The numbers are those of a file, and `init` is written for those of a program.
        let mut module =
            catch_panic(|| M::init_module(hparams, &device).into_module()).map_err(|error| error.at_path(path))?;
        module.__lightning_freeze();
        apply(&checkpoint, &mut module)?;
        Ok(module.valid())
    })
}

/// Hyperparameters as JSON.
pub(crate) fn hparams_value(hparams: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(hparams).map_err(|error| {
        Error::new(crate::ErrorKind::Checkpoint, "the hyperparameters cannot be written as JSON").caused_by(error)
    })
}

/// Gives the model's weights, buffers and state to `module`, which stays as it is if they do not fit.
///
/// # Errors
/// When the checkpoint belongs to another module or does not fit this one.
pub(crate) fn apply<M: LightningStruct + LightningImpl>(checkpoint: &Checkpoint, module: &mut M) -> Result<()> {
    apply_from(checkpoint, names::MODEL, |_| true, module)
}

/// Gives the weights in training to `module`. They differ from the model's where a callback averages weights.
///
/// What an optimizer has stepped is laid out in memory as the step left it, and the rest as it was declared: the order in
/// which a matrix product is summed depends on it.
///
/// # Errors
/// As [`apply`].
pub(crate) fn apply_for_training<M: LightningStruct + LightningImpl>(
    checkpoint: &Checkpoint,
    module: &mut M,
) -> Result<()> {
    let averaged = checkpoint.container.tensors().any(|(name, _)| name.starts_with(names::TRAINING));
    let prefix = if averaged { names::TRAINING } else { names::MODEL };
    let trainable = checkpoint.metadata.run.as_ref().map(|run| &run.trainable);
    let is_untouched = |path: &str| {
        let never_trained = trainable.is_some_and(|trainable| trainable.has_never_trained(path));
        checkpoint.metadata.global_step == 0 || never_trained
    };
    apply_from(checkpoint, prefix, is_untouched, module)
}

fn apply_from<M: LightningStruct + LightningImpl>(
    checkpoint: &Checkpoint,
    prefix: &'static str,
    as_declared: impl Fn(&str) -> bool,
    module: &mut M,
) -> Result<()> {
    checkpoint.check_module(M::NAME)?;
    let mut places = Places { checkpoint, prefix, problems: Vec::new(), found: 0 };
    visit(module, &mut places)?;
    module.visit_buffers(&mut places);
    places.finish()?;
    let mut values = StoredValues { tensors: checkpoint.tensors_below(prefix)?, as_declared: &as_declared };
    let located = |error: Error| error.at_path(checkpoint.path());
    let mut changed = module.clone();
    changed.map_buffers(&mut values)?;
    let user = checkpoint.tensors_below(names::USER)?;
    changed.load_state(&StateReader::new(&checkpoint.metadata.state)).map_err(located)?;
    changed.load_user_state(&StateReader::with_tensors(&checkpoint.metadata.user, &user)).map_err(located)?;
    // Last, because it cannot be undone: a module shares its running statistics with its clones.
    *module = changed.map(&mut DynMapper::new(MapMode::Values(&mut values)));
    Ok(())
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
pub(crate) struct StoredValues<'a> {
    tensors: StoredTensors,
    as_declared: &'a dyn Fn(&str) -> bool,
}

impl StoredValues<'static> {
    /// Values that lie in memory as the parameters were declared.
    pub(crate) fn as_declared(tensors: StoredTensors) -> Self {
        Self { tensors, as_declared: &|_| true }
    }
}

impl BufferMapper for StoredValues<'_> {
    fn buffer(&mut self, name: &str, _dims: &[usize]) -> Result<Option<TensorData>> {
        Ok(self.tensors.remove(name))
    }
}

impl ValueMapper for StoredValues<'_> {
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
