//! Finds the running statistics of normalization layers among the parameters of a module.

use std::collections::BTreeSet;

use burn::module::{Module, ParamId};

use super::{
    map::{DynMapper, MapMode},
    visit::{ErasedVisitor, FloatParam, visit},
};
use crate::error::Result;

/// Returns the indices of running statistics, such as those of BatchNorm, among the float
/// parameters of a module in training form.
///
/// Burn visits them like frozen parameters. Unlike frozen parameters, they cannot be unfrozen,
/// which is how they are found.
///
/// # Errors
/// If the module cannot be visited.
pub(crate) fn running_statistics<M: Module>(module: &M) -> Result<BTreeSet<usize>> {
    #[derive(Default)]
    struct Untrained {
        paths: BTreeSet<String>,
        places: BTreeSet<usize>,
    }

    impl ErasedVisitor for Untrained {
        fn float(&mut self, index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
            if !param.is_trainable() {
                self.paths.insert(path.to_owned());
                self.places.insert(index);
            }
            Ok(())
        }
    }

    let mut untrained = Untrained::default();
    visit(module, &mut untrained)?;
    if untrained.paths.is_empty() {
        return Ok(untrained.places);
    }
    // `train()` copies the running statistics, which a module otherwise shares with its clones.
    let thawed = module.clone().train();
    let mode = MapMode::Exactly { freeze: &BTreeSet::new(), thaw: &untrained.paths };
    let thawed = thawed.map(&mut DynMapper::new(mode));
    let mut statistics = Untrained::default();
    visit(&thawed, &mut statistics)?;
    Ok(statistics.places)
}
