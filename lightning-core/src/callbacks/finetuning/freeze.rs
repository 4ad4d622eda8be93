//! Freezes and unfreezes fields, with or without their BatchNorm layers.

use std::collections::BTreeSet;

use burn::module::{Module, ParamId};

use crate::{
    error::Result,
    params::{DynMapper, ErasedVisitor, FloatParam, MapMode, is_below, visit},
};

/// Freezes what is below a path; with `train_bn` all but its BatchNorm layers.
pub(in crate::callbacks) fn freeze<M: Module>(module: &mut M, below: &str, train_bn: bool) -> Result<()> {
    map(module, MapMode::Trainable { below, on: false });
    if train_bn {
        let norms = BatchNorms::below(module, below)?;
        map(module, MapMode::Exactly { freeze: &BTreeSet::new(), thaw: &norms });
    }
    Ok(())
}

/// Unfreezes what is below a path; without `train_bn` all but its BatchNorm layers.
pub(in crate::callbacks) fn unfreeze<M: Module>(module: &mut M, below: &str, train_bn: bool) -> Result<()> {
    map(module, MapMode::Trainable { below, on: true });
    if !train_bn {
        let norms = BatchNorms::below(module, below)?;
        map(module, MapMode::Exactly { freeze: &norms, thaw: &BTreeSet::new() });
    }
    Ok(())
}

fn map<M: Module>(module: &mut M, mode: MapMode<'_>) {
    *module = module.clone().map(&mut DynMapper::new(mode));
}

/// Collects the paths of the parameters and flags of BatchNorm layers.
struct BatchNorms<'a> {
    below: &'a str,
    /// For each level entered, whether it is a BatchNorm.
    inside: Vec<bool>,
    paths: BTreeSet<String>,
}

impl<'a> BatchNorms<'a> {
    fn below<M: Module>(module: &M, below: &'a str) -> Result<BTreeSet<String>> {
        let mut norms = Self { below, inside: Vec::new(), paths: BTreeSet::new() };
        visit(module, &mut norms)?;
        Ok(norms.paths)
    }

    fn note(&mut self, path: &str) {
        if self.inside.last() == Some(&true) && is_below(path, self.below) {
            self.paths.insert(path.to_owned());
        }
    }
}

impl ErasedVisitor for BatchNorms<'_> {
    fn enter(&mut self, _path: &str, container: &str) {
        // The name that Burn's derive gives to the struct.
        self.inside.push(container == "Struct:BatchNorm");
    }

    fn exit(&mut self) {
        self.inside.pop();
    }

    fn float(&mut self, _index: usize, _id: ParamId, path: &str, _param: &dyn FloatParam) -> Result<()> {
        self.note(path);
        Ok(())
    }

    fn flag(&mut self, path: &str, _on: bool) {
        self.note(path);
    }
}
