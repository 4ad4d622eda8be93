//! Finds the parameters of a callback, such as those to prune.

use std::collections::BTreeSet;

use burn::{
    module::{Module, ParamId},
    tensor::kind::BridgeTensor,
};

use crate::{
    error::Result,
    params::{ErasedVisitor, FloatParam, ParamInfo, ParamSelector, running_statistics, visit},
};

/// A parameter of a callback.
pub(super) struct Selected {
    pub(super) index: usize,
    pub(super) path: String,
    pub(super) value: BridgeTensor,
}

/// Returns the indices of the parameters of a callback: those that a selector matches or, without
/// selectors, all that are trainable; never running statistics.
pub(super) fn indices<M: Module>(module: &M, selectors: &[ParamSelector]) -> Result<BTreeSet<usize>> {
    let mut select = Select { selectors, found: BTreeSet::new() };
    visit(module, &mut select)?;
    let statistics = running_statistics(module)?;
    Ok(select.found.difference(&statistics).copied().collect())
}

/// Returns the parameters with these indices.
pub(super) fn values<M: Module>(module: &M, indices: &BTreeSet<usize>) -> Result<Vec<Selected>> {
    let mut values = Values { indices, found: Vec::new() };
    visit(module, &mut values)?;
    Ok(values.found)
}

struct Select<'a> {
    selectors: &'a [ParamSelector],
    found: BTreeSet<usize>,
}

impl ErasedVisitor for Select<'_> {
    fn float(&mut self, index: usize, id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        let info = ParamInfo { index, id, path, rank: param.rank() };
        let is_selected = match self.selectors {
            [] => param.is_trainable(),
            selectors => selectors.iter().any(|selector| selector.matches(&info)),
        };
        if is_selected {
            self.found.insert(index);
        }
        Ok(())
    }
}

struct Values<'a> {
    indices: &'a BTreeSet<usize>,
    found: Vec<Selected>,
}

impl ErasedVisitor for Values<'_> {
    fn float(&mut self, index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        if self.indices.contains(&index) {
            self.found.push(Selected { index, path: path.to_owned(), value: param.value() });
        }
        Ok(())
    }
}
