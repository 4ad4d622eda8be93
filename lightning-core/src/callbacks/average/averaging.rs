//! An average that is swapped in for the weights during validation and in checkpoints.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use burn::{module::Module, tensor::kind::BridgeTensor};

use super::{Average, Rule, put_back};
use crate::{
    callbacks::{AveragingCounts, AveragingPoint, CallbackContext},
    checkpoint::names,
    error::Result,
    module::LightningModule,
    params::{StateReader, StateWriter, running_statistics},
};

/// An average that replaces the weights during validation, in checkpoints and after training. Its
/// methods are called by the hooks of the same meaning.
#[derive(Debug)]
pub(in crate::callbacks) struct Averaging {
    average: Average,
    use_buffers: bool,
    /// The indices of running statistics, unless they are averaged.
    excluded: BTreeSet<usize>,
    /// The number of models in the average of a checkpoint, until it is restored.
    stored: u64,
    /// The optimizer steps that have been considered for an update.
    steps: u64,
    /// The epoch after which the average was last updated.
    last_epoch: Option<u64>,
    /// Whether it is between `on_train_start` and `on_train_end`.
    is_training: bool,
    /// The training weights, while the average is swapped in.
    replaced: Option<BTreeMap<usize, BridgeTensor>>,
    /// Whether the module has received the average as its final weights.
    is_copied: bool,
    counts: Arc<Mutex<AveragingCounts>>,
}

impl Averaging {
    pub(in crate::callbacks) fn new(use_buffers: bool, counts: Arc<Mutex<AveragingCounts>>) -> Self {
        Self {
            average: Average::default(),
            use_buffers,
            excluded: BTreeSet::new(),
            stored: 0,
            steps: 0,
            last_epoch: None,
            is_training: false,
            replaced: None,
            is_copied: false,
            counts,
        }
    }

    fn count(&self, change: impl FnOnce(&mut AveragingCounts)) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut counts);
        counts.n_averaged = self.average.count();
    }

    /// `on_fit_start`
    pub(in crate::callbacks) fn prepare<M: Module>(&mut self, cx: &CallbackContext<'_>, module: &M) -> Result<()> {
        self.steps = cx.global_step();
        if !self.use_buffers {
            self.excluded = running_statistics(module)?;
        }
        self.count(|_| ());
        Ok(())
    }

    /// `on_train_start`
    pub(in crate::callbacks) fn start(&mut self) {
        (self.is_training, self.is_copied) = (true, false);
    }

    /// `on_train_end`
    pub(in crate::callbacks) fn end(&mut self) {
        self.is_training = false;
    }

    /// `on_train_batch_end`. Returns the optimizer step of the batch; `None` if the batch only
    /// accumulated gradients.
    pub(in crate::callbacks) fn new_step(&mut self, cx: &CallbackContext<'_>) -> Option<AveragingPoint> {
        let steps = cx.global_step();
        let has_stepped = steps > std::mem::replace(&mut self.steps, steps);
        has_stepped.then(|| AveragingPoint::Step(steps - 1))
    }

    /// `on_train_epoch_end`. Returns the epoch; `None` if it failed, or was averaged before the run
    /// was resumed.
    pub(in crate::callbacks) fn new_epoch(&self, cx: &CallbackContext<'_>) -> Option<AveragingPoint> {
        let epoch = cx.current_epoch();
        let is_new = !cx.is_failing() && self.last_epoch.is_none_or(|last| epoch > last);
        is_new.then_some(AveragingPoint::Epoch(epoch))
    }

    /// Updates the average after `point`.
    pub(in crate::callbacks) fn update<M: Module>(
        &mut self,
        point: AveragingPoint,
        module: &M,
        rule: &Rule,
    ) -> Result<()> {
        self.average.update(module, &self.excluded, rule)?;
        self.count(|_| ());
        if let AveragingPoint::Epoch(epoch) = point {
            self.last_epoch = Some(epoch);
        }
        Ok(())
    }

    /// `on_validation_start`. Before the first update the training weights stay in place.
    pub(in crate::callbacks) fn swap_in<M: Module>(&mut self, module: &mut M) {
        if self.is_training && self.replaced.is_none() {
            self.replaced = Some(self.average.put_into(module));
            self.count(|counts| counts.swaps += 1);
        }
    }

    /// `on_validation_end`, and when an error ends the validation
    pub(in crate::callbacks) fn swap_out<M: Module>(&mut self, module: &mut M) {
        if let Some(replaced) = self.replaced.take() {
            put_back(module, replaced);
            self.count(|counts| counts.swaps += 1);
        }
    }

    /// `final_weights`
    pub(in crate::callbacks) fn copy<M: Module>(&mut self, module: &mut M) {
        if self.average.count() > 0 && !self.is_copied {
            // BatchNorm applies its deferred update here. Later, it would overwrite the average.
            *module = module.clone().train();
            self.average.put_into(module);
            self.is_copied = true;
            self.count(|counts| counts.copies += 1);
        }
    }

    /// `model_to_save`
    pub(in crate::callbacks) fn model<M: Module>(&self, module: &M) -> Option<M> {
        (self.average.count() > 0 && !self.is_copied).then(|| {
            let mut model = module.valid();
            self.average.put_into(&mut model);
            model
        })
    }

    /// `save_state`. The average itself is saved as the checkpoint's model.
    pub(in crate::callbacks) fn save(&self, state: &mut StateWriter) -> Result<()> {
        state.put("n_averaged", &self.average.count())?;
        state.put("latest_update_epoch", &self.last_epoch)?;
        state.put("is_copied", &self.is_copied)
    }

    /// `load_state`
    pub(in crate::callbacks) fn load(&mut self, state: &StateReader<'_>) -> Result<()> {
        state.get("n_averaged", &mut self.stored)?;
        state.get("latest_update_epoch", &mut self.last_epoch)?;
        state.get("is_copied", &mut self.is_copied)
    }

    /// `on_load_checkpoint`. The checkpoint's model is the average.
    pub(in crate::callbacks) fn resume<M: LightningModule>(
        &mut self,
        cx: &CallbackContext<'_>,
        module: &M,
    ) -> Result<()> {
        self.prepare(cx, module)?;
        match &cx.resume.checkpoint {
            Some(checkpoint) if self.stored > 0 => {
                let stored = |path: &str| checkpoint.container.read(&format!("{}{path}", names::MODEL));
                self.average.restore(self.stored, module, &self.excluded, &stored)
            }
            _ => Ok(()),
        }
    }
}
