//! A module in training form.

use burn::{module::Module, tensor::Device};

use crate::params::{DynMapper, MapMode};

/// Puts a module in training form, on the graph of `device`.
///
/// Burn refuses operations between tensors of different checkpointing strategies, and gives every tensor of a module that it puts in
/// training form the default one. With another strategy only parameters and running statistics join the graph: what else
/// a module keeps, a table or a buffer, is a constant, which goes with every strategy.
pub(crate) fn train<M: Module>(module: M, device: &Device, checkpointing: bool) -> M {
    if checkpointing { module.valid().map(&mut DynMapper::new(MapMode::Train { device })) } else { module.train() }
}
