//! A running average of a module's weights.

mod averaging;
mod visitors;

use std::collections::{BTreeMap, BTreeSet};

use burn::{
    module::Module,
    tensor::{Tensor, TensorData, kind::BridgeTensor},
};

pub(super) use self::averaging::Averaging;
use self::visitors::{Put, PutBack, Restore, Updater};
use crate::{
    error::Result,
    params::{DynMapper, MapMode, StateWriter, visit},
    tensor::any_rank::with_rank,
};

/// Computes a new average from the elements of the average, those of the weights, and the number
/// of models averaged so far.
pub(super) type Rule = dyn Fn(Tensor<1>, Tensor<1>, u64) -> Tensor<1> + Send + Sync;

/// The average of the parameters and running statistics of a module, by their index in it.
///
/// Each is kept as a tensor of rank 1. A rule then needs no rank parameter, and the memory layout
/// does not depend on where the values came from: a resumed run computes with the same layout.
#[derive(Debug, Default)]
pub(super) struct Average {
    values: BTreeMap<usize, Averaged>,
    count: u64,
}

/// The average of one parameter.
#[derive(Debug)]
struct Averaged {
    path: String,
    dims: Vec<usize>,
    elements: Tensor<1>,
}

impl Average {
    /// The number of models in the average.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Adds the weights of `module` to the average, except the parameters in `excluded`. The first
    /// weights become the average.
    ///
    /// # Errors
    /// If the rule returns a tensor of another size.
    pub(super) fn update<M: Module>(&mut self, module: &M, excluded: &BTreeSet<usize>, rule: &Rule) -> Result<()> {
        // `valid()`, since BatchNorm defers its last update of the running statistics until then.
        visit(&module.valid(), &mut Updater { average: self, excluded, rule })?;
        self.count += 1;
        Ok(())
    }

    /// Puts the average into `module` and returns the values that it replaces.
    pub(super) fn put_into<M: Module>(&self, module: &mut M) -> BTreeMap<usize, BridgeTensor> {
        let mut put = Put { values: &self.values, replaced: BTreeMap::new() };
        *module = module.clone().map(&mut DynMapper::new(MapMode::Values(&mut put)));
        put.replaced
    }

    /// Adds the average to the state of a callback, as tensors `name.<path>`.
    pub(super) fn save(&self, name: &str, state: &mut StateWriter) {
        for Averaged { path, dims, elements } in self.values.values() {
            let name = format!("{name}.{path}");
            with_rank!(dims.len(), D => {
                let mut sizes = [0; D];
                sizes.copy_from_slice(dims);
                state.put_tensor(&name, &elements.clone().reshape::<D, _>(sizes));
            }, ());
        }
    }

    /// Restores the average of `count` models from a checkpoint, by the paths of the parameters of
    /// `module`.
    ///
    /// # Errors
    /// If a tensor cannot be read or has another shape.
    pub(super) fn restore<M: Module>(
        &mut self,
        count: u64,
        module: &M,
        excluded: &BTreeSet<usize>,
        stored: &Stored<'_>,
    ) -> Result<()> {
        self.count = count;
        self.values.clear();
        visit(&module.valid(), &mut Restore { values: &mut self.values, excluded, stored })
    }
}

/// Looks up the stored tensor of a path.
type Stored<'a> = dyn Fn(&str) -> Result<Option<TensorData>> + 'a;

/// Puts replaced values back into a module, with their own memory layout.
fn put_back<M: Module>(module: &mut M, replaced: BTreeMap<usize, BridgeTensor>) {
    *module = module.clone().map(&mut DynMapper::new(MapMode::Values(&mut PutBack(replaced))));
}
