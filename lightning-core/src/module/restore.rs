//! Restores a module from a checkpoint.

use std::path::Path;

use burn::{
    module::ParamId,
    tensor::{TensorData, kind::BridgeTensor},
};
use serde_json::Value;

use super::traits::{LightningImpl, LightningStruct, hook_label};
use crate::{
    checkpoint::{Checkpoint, names},
    error::{Error, Result},
    module::{BuiltModule, InitModule},
    os::panics::{catch_in, catch_panic},
    params::{
        BufferMapper, BufferVisitor, DynMapper, ErasedVisitor, FloatParam, MapMode, StateReader, ValueMapper,
        from_json, json::with_null_hint, state::StoredTensors, to_json, visit,
    },
    random::building_for_loading,
    remote,
    tensor::handle::{Handle, with_data},
};

/// The number of problems that a message lists.
const SHOWN_PROBLEMS: usize = 8;

/// Builds a module from the stored hyperparameters of a checkpoint, and restores its weights and
/// state.
#[doc(hidden)]
pub fn load_from_checkpoint<M: InitModule + LightningStruct + LightningImpl>(path: &Path) -> Result<M> {
    let checkpoint = Checkpoint::open(&remote::fetch(path)?)?;
    let hparams = from_json(&checkpoint.metadata.hparams).map_err(|error| {
        let error = Error::checkpoint(path, "the stored hyperparameters do not fit the module").caused_by(error);
        with_null_hint(error, &checkpoint.metadata.hparams)
    })?;
    let device = burn::tensor::Device::default();
    building_for_loading(|| {
        // `init` may panic for hyperparameters that no program would pass.
        let mut module =
            catch_panic(|| M::init_module(hparams, &device).into_module()).map_err(|error| error.at_path(path))?;
        module.__lightning_freeze();
        apply(&checkpoint, &mut module)?;
        Ok(module.valid())
    })
}

/// Returns hyperparameters as JSON.
pub(crate) fn hparams_value(hparams: &impl serde::Serialize) -> Result<Value> {
    to_json(hparams).map_err(|error| {
        Error::new(crate::ErrorKind::Checkpoint, "the hyperparameters cannot be written as JSON").caused_by(error)
    })
}

/// Restores the weights, buffers and state of a module.
///
/// # Errors
/// If the checkpoint belongs to another module or does not fit this one. The module is then
/// unchanged.
pub(crate) fn apply<M: LightningStruct + LightningImpl>(checkpoint: &Checkpoint, module: &mut M) -> Result<()> {
    apply_from(checkpoint, names::MODEL, |_| true, module)
}

/// Restores the training weights of a module. They differ from the weights of the model if a
/// callback averages weights.
///
/// Parameters that an optimizer has stepped get the memory layout that the step produced, and the
/// others the declared layout: the order in which a matrix product is summed depends on it.
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
    catch_in(
        || format!("the state of {}", M::NAME),
        || changed.load_state(&StateReader::new(&checkpoint.metadata.state)),
    )
    .map_err(located)?;
    let stored = StateReader::with_tensors(&checkpoint.metadata.user, &user);
    catch_in(|| hook_label::<M>("on_load_checkpoint"), || changed.load_user_state(&stored)).map_err(located)?;
    // Last, because it cannot be undone: a module shares its running statistics with its clones.
    *module = changed.map(&mut DynMapper::new(MapMode::Values(&mut values)));
    Ok(())
}

/// Compares the shapes of the stored tensors with those of a module.
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

    /// Returns the result of the comparison.
    ///
    /// # Errors
    /// If anything does not fit: one error with a list.
    fn finish(self) -> Result<()> {
        let Self { checkpoint, prefix, mut problems, found } = self;
        let stored = checkpoint.container.tensors().filter(|(name, _)| name.starts_with(prefix)).count();
        let unused = stored.saturating_sub(found);
        if unused > 0 {
            problems.push(format!("{unused} tensors of the file are not in the model"));
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
            "the model of the checkpoint was built with {hparams}; build the model with them, and with the code of that time"
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
    /// Creates values for parameters in their declared memory layout.
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
