//! A module with its type erased, for checkpoints.

use serde_json::Value;

use super::{
    restore::hparams_value,
    traits::{LightningImpl, LightningStruct},
};
use crate::{
    checkpoint::collect::Tensors,
    error::Result,
    params::{ParamName, StateWriter, parameters, visit},
};

/// A module with its type erased, so that the code that writes checkpoints is compiled once.
pub(crate) trait ErasedModule {
    fn name(&self) -> &'static str;
    /// Adds every parameter, running statistic and buffer to `tensors`.
    fn tensors(&self, tensors: &mut Tensors) -> Result<()>;
    /// Returns every float parameter.
    fn parameters(&self) -> Result<Vec<ParamName>>;
    fn state(&self) -> Result<Value>;
    fn hparams(&self) -> Result<Value>;
}

impl<M: LightningStruct + LightningImpl> ErasedModule for M {
    fn name(&self) -> &'static str {
        M::NAME
    }

    fn tensors(&self, tensors: &mut Tensors) -> Result<()> {
        // `valid()`, since BatchNorm defers the last update of its running statistics until then.
        visit(&self.valid(), tensors)?;
        self.visit_buffers(tensors);
        tensors.failed.take().map_or(Ok(()), Err)
    }

    fn parameters(&self) -> Result<Vec<ParamName>> {
        parameters(self)
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
