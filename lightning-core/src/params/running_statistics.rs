//! Running statistics of normalization layers among a module's parameters.

use std::collections::BTreeSet;

use burn::module::{Module, ParamId};

use super::{
    map::{DynMapper, MapMode},
    visit::{ErasedVisitor, FloatParam, visit},
};
use crate::error::Result;

/// The places of running statistics, such as BatchNorm's, among the float parameters of a module in training form.
///
/// Burn shows them as parameters that want no gradient, as frozen ones are. Unlike those they cannot be made to want one.
///
/// # Errors
/// When the module cannot be looked at.
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
    // Statistics of its own: a module shares them with its clones.
    let thawed = module.clone().train();
    let mode = MapMode::Exactly { freeze: &BTreeSet::new(), thaw: &untrained.paths };
    let thawed = thawed.map(&mut DynMapper::new(mode));
    let mut statistics = Untrained::default();
    visit(&thawed, &mut statistics)?;
    Ok(statistics.places)
}
