//! The state of [`Pruning`] in a checkpoint: `mask.<path>` and `first.<path>`.

use burn::{
    module::ParamId,
    tensor::{Bool, Tensor, TensorData},
};

use super::{
    Pruning,
    mask::{Initial, Mask},
};
use crate::{
    error::{Error, ErrorKind, Result},
    params::{ErasedVisitor, FloatParam, StateReader, StateWriter, state::StoredTensors},
    tensor::{any_rank::with_rank, handle::with_data},
};

/// Tensors of a checkpoint, by the path of their parameter.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    masks: StoredTensors,
    initial: StoredTensors,
}

impl Pruning {
    pub(super) fn save(&self, state: &mut StateWriter) -> Result<()> {
        for Mask { path, pruned, .. } in self.masks.values() {
            let name = format!("mask.{path}");
            with_rank!(pruned.rank(), D => {
                state.put_tensor(&name, &Tensor::<D, Bool>::from_bridge(pruned.clone()).bool_not());
            }, ());
        }
        for Initial { path, value } in self.initial.values() {
            let name = format!("first.{path}");
            with_rank!(value.rank(), D => state.put_tensor(&name, &Tensor::<D>::from_bridge(value.clone())), ());
        }
        state.put("masked_at", &self.masked_at)
    }

    pub(super) fn load(&mut self, state: &StateReader<'_>) -> Result<()> {
        self.stored = Stored { masks: state.tensors_below("mask."), initial: state.tensors_below("first.") };
        state.get("masked_at", &mut self.masked_at)
    }
}

/// Restores the tensors of a checkpoint for the parameters of a module, by their paths.
pub(super) struct Restore<'a> {
    pub(super) pruning: &'a mut Pruning,
    pub(super) stored: Stored,
}

impl ErasedVisitor for Restore<'_> {
    fn float(&mut self, index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        if let Some(data) = self.stored.masks.remove(path) {
            check_shape(path, &data, param)?;
            let mask = Mask::new(path.to_owned(), data.iter::<bool>().collect(), &param.value());
            self.pruning.masks.insert(index, mask);
        }
        if let Some(data) = self.stored.initial.remove(path) {
            check_shape(path, &data, param)?;
            let value = with_data(param.value(), data);
            self.pruning.initial.insert(index, Initial { path: path.to_owned(), value });
        }
        Ok(())
    }
}

fn check_shape(path: &str, data: &TensorData, param: &dyn FloatParam) -> Result<()> {
    let (stored, needed) = (data.shape(), param.dims());
    if stored.as_slice() == needed {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Checkpoint,
        format!("`Pruning`: the stored tensor for `{path}` must have shape {needed:?}, found {:?}", stored.as_slice()),
    )
    .help("resume with the module that the checkpoint was saved from, or remove the callback"))
}
