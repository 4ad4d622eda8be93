//! Prunes a module.

use std::collections::BTreeMap;

use burn::{
    module::{Module, ParamId},
    tensor::kind::BridgeTensor,
};

use super::{
    Pruning,
    choice::{Importance, Layer, choose},
    mask::{Initial, Mask, magnitudes},
};
use crate::{
    callbacks::{
        CallbackContext,
        select::{self, Selected},
    },
    error::Result,
    params::{DynMapper, MapMode, ValueMapper},
    random::{Rng, Stream},
};

impl Pruning {
    /// Prunes after the current epoch, if it is due, and applies the masks to the module.
    pub(super) fn prune<M: Module>(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        let epoch = cx.current_epoch();
        let amount = (self.settings.amount)(epoch);
        if !(self.settings.applies)(epoch) || amount.is_zero() {
            return Ok(());
        }
        let importance = self.settings.importance;
        // Counted down from the largest number: other users of `Stream::Host` count up from 0.
        let mut rng = Rng::derived(cx.view.progress.seed, Stream::Host, u64::MAX - epoch, 0);
        let mut layers = self.layers(module, &cx.view.train.unpruned)?;
        let total: usize = layers.iter().map(|layer| layer.keep.len()).sum();
        let left_before: usize = layers.iter().map(Layer::left).sum();
        if self.settings.is_global {
            choose(&mut layers, amount, importance, &mut rng)?;
        } else {
            for layer in &mut layers {
                choose(std::slice::from_mut(layer), amount, importance, &mut rng)?;
            }
        }
        let left: usize = layers.iter().map(Layer::left).sum();
        for Layer { index, path, value, keep, .. } in layers {
            self.masks.insert(index, Mask::new(path, keep, &value));
        }
        self.share(cx);
        let rewinds = self.settings.wants_ticket && (self.settings.lottery_ticket)(epoch);
        self.apply(module, rewinds.then_some(&self.initial));
        if self.settings.verbose {
            let (pruned, before) = (total - left, total - left_before);
            cx.print(format!("epoch {epoch}: {pruned} of {total} weights are pruned, {before} before"));
        }
        Ok(())
    }

    /// Tells other pruning callbacks which weights this one leaves.
    pub(super) fn share(&self, cx: &mut CallbackContext<'_>) {
        for (index, mask) in &self.masks {
            let left = cx.view.train.unpruned.entry(*index).or_insert_with(|| mask.keep.clone());
            left.iter_mut().zip(&mask.keep).for_each(|(left, keep)| *left &= *keep);
        }
    }

    /// The parameters to prune, with the masks so far: its own and, as `unpruned`, those of all.
    fn layers<M: Module>(&mut self, module: &M, unpruned: &BTreeMap<usize, Vec<bool>>) -> Result<Vec<Layer>> {
        let mut layers = Vec::new();
        for Selected { index, path, value } in select::values(module, &self.indices)? {
            let importance = match self.settings.importance {
                // sync: once for each parameter, each time it prunes.
                Importance::Magnitude => magnitudes(value.clone()),
                Importance::Random => vec![0.0; value.shape().num_elements()],
            };
            let mut keep = match self.masks.remove(&index) {
                Some(mask) if mask.keep.len() == importance.len() => mask.keep,
                _ => vec![true; importance.len()],
            };
            for (keep, left) in keep.iter_mut().zip(unpruned.get(&index).into_iter().flatten()) {
                *keep &= *left;
            }
            layers.push(Layer { index, path, value, importance, keep });
        }
        Ok(layers)
    }

    /// Sets pruned weights to zero, after rewinding the others to `rewind_to`.
    pub(super) fn apply<M: Module>(&self, module: &mut M, rewind_to: Option<&BTreeMap<usize, Initial>>) {
        let mut apply = Apply { masks: &self.masks, rewind_to };
        *module = module.clone().map(&mut DynMapper::new(MapMode::Values(&mut apply)));
    }
}

struct Apply<'a> {
    masks: &'a BTreeMap<usize, Mask>,
    rewind_to: Option<&'a BTreeMap<usize, Initial>>,
}

impl ValueMapper for Apply<'_> {
    fn wants(&self, index: usize, _id: ParamId) -> bool {
        self.masks.contains_key(&index)
    }

    fn map(&mut self, index: usize, _path: &str, value: BridgeTensor) -> BridgeTensor {
        let value = match self.rewind_to.and_then(|initial| initial.get(&index)) {
            Some(initial) => initial.value.clone(),
            None => value,
        };
        match self.masks.get(&index) {
            Some(mask) => mask.apply_to(value),
            None => value,
        }
    }
}
