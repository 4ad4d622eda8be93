//! The optimizers of a run and the gradients for them.

use std::collections::BTreeMap;

use burn::tensor::FloatDType;

use super::{GradientStore, Optimizer, clip::Clip};
use crate::{
    console::table,
    error::{Error, Result},
    precision::LossScaler,
};

/// The optimizers of a run and the gradients for them.
#[derive(Debug, Default)]
pub(crate) struct TrainState {
    pub(crate) optimizers: Vec<Optimizer>,
    /// The optimizer of each of several bound training steps, as an index.
    pub(crate) bound: Vec<usize>,
    /// The accumulation buffers: one, or one for each of several training steps.
    pub(crate) accumulators: Vec<GradientStore>,
    /// The accumulation buffer of the update in progress.
    pub(crate) updating: usize,
    /// The loss scaler of each accumulation buffer, where losses are scaled.
    pub(crate) scalers: Vec<LossScaler>,
    /// The type of the parameter copies that steps compute with, in mixed precision.
    pub(crate) lowering: Option<FloatDType>,
    /// The parameters frozen during a bound step. Kept to reuse the memory.
    pub(crate) frozen_others: Vec<usize>,
    /// How the gradients of the current optimizer step are clipped.
    pub(crate) clip: Option<Clip>,
    /// The largest number of samples of a pass, where batches are divided; 0 where they are not.
    pub(crate) samples_of_pass: usize,
    /// Whether the current pass fills its accumulation buffer: an update follows.
    pub(crate) fills: bool,
    /// Whether manual optimization has stepped an optimizer in this batch.
    pub(crate) stepped: bool,
    /// Which elements of a parameter pruning callbacks leave, by the index of the parameter.
    pub(crate) unpruned: BTreeMap<usize, Vec<bool>>,
    /// The number of trainable elements by optimizer and group.
    pub(crate) trained: Vec<Vec<u64>>,
}

impl TrainState {
    /// Returns the learning rates, under `name`, or under `name/pgN` for an optimizer with groups.
    pub(crate) fn learning_rates(&self) -> Vec<(String, f64)> {
        let mut rates = Vec::new();
        for optimizer in &self.optimizers {
            let several = optimizer.rates().count() > 1;
            for (number, lr) in optimizer.rates().enumerate() {
                let group = if several { format!("/pg{}", number + 1) } else { String::new() };
                rates.push((format!("{}{group}", optimizer.name()), lr));
            }
        }
        rates
    }

    /// Returns the optimizer `name`.
    ///
    /// # Errors
    /// If there is no such optimizer.
    pub(crate) fn optimizer(&mut self, name: &str) -> Result<&mut Optimizer> {
        match self.optimizers.iter().position(|optimizer| optimizer.name() == name) {
            Some(at) => Ok(&mut self.optimizers[at]),
            None => {
                let names = table::listed(self.optimizers.iter().map(Optimizer::name));
                Err(Error::config(format!("unknown optimizer `{name}`")).help(format!("the optimizers are {names}")))
            }
        }
    }

    /// The number of micro-batches in all accumulation buffers.
    pub(crate) fn micro_batches(&self) -> u64 {
        self.accumulators.iter().map(GradientStore::micro_batches).sum()
    }
}
