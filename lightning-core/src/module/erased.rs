//! A module as a checkpoint sees it.

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

/// A module as a checkpoint sees it, erased: what writes is compiled once.
pub(crate) trait ErasedModule {
    fn name(&self) -> &'static str;
    /// Every parameter, running statistic and buffer.
    fn tensors(&self, tensors: &mut Tensors) -> Result<()>;
    /// Every float parameter.
    fn parameters(&self) -> Result<Vec<ParamName>>;
    fn state(&self) -> Result<Value>;
    fn hparams(&self) -> Result<Value>;
}

impl<M: LightningStruct + LightningImpl> ErasedModule for M {
    fn name(&self) -> &'static str {
        M::NAME
    }

    fn tensors(&self, tensors: &mut Tensors) -> Result<()> {
        // BatchNorm holds its last update back until somebody asks: evaluation form has it.
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
