//! Putting a module on the autodiff graph.

use burn::{module::Module, tensor::Device};

use crate::params::{DynMapper, MapMode};

/// Puts a module on the autodiff graph of `device`.
///
/// Burn rejects operations between tensors of different gradient-checkpointing strategies, and its
/// `train` gives every tensor the default strategy. With `checkpointing`, only parameters and
/// running statistics join the graph. Other tensors of the module, such as a table or a buffer,
/// stay constants, which every strategy accepts.
pub(crate) fn train<M: Module>(module: M, device: &Device, checkpointing: bool) -> M {
    if checkpointing { module.valid().map(&mut DynMapper::new(MapMode::Train { device })) } else { module.train() }
}
