//! The callback that connects a run to its trial.

use std::marker::PhantomData;

use super::{outcome::Objective, trial::Handle};
use crate::{
    callbacks::{Callback, CallbackContext, CallbackInfo, CallbackOrder},
    error::Result,
    params::{StateReader, StateWriter},
    stage::Stage,
};

/// Reports the objective of a study after each validation, and ends the run if the pruner says so;
/// from [`Trial::pruning`](super::Trial::pruning).
///
/// A report is made when [`EarlyStopping`](crate::EarlyStopping) would check the metric.
#[derive(Debug)]
pub struct TrialPruning<M> {
    trial: Handle,
    objective: Objective,
    /// The number of reports.
    step: u64,
    module: PhantomData<fn() -> M>,
}

impl<M> TrialPruning<M> {
    pub(super) fn new(trial: Handle, objective: Objective) -> Self {
        Self { trial, objective, step: 0, module: PhantomData }
    }

    fn look(&mut self, cx: &mut CallbackContext<'_>) -> Result<()> {
        let Some(value) = cx.monitored(self.objective.key, true)? else { return Ok(()) };
        self.step += 1;
        let step = self.step;
        self.trial.report(i64::try_from(step).unwrap_or(i64::MAX), value)?;
        if self.trial.should_prune()? {
            cx.stop(format!("pruned at validation {step}"));
        }
        Ok(())
    }
}

impl<M> Callback<M> for TrialPruning<M> {
    fn info(&self) -> CallbackInfo {
        CallbackInfo::new().order(CallbackOrder::Monitor).monitors([self.objective.key.metric().to_owned()])
    }

    fn state_key(&self) -> String {
        format!("TrialPruning({})", self.objective.name())
    }

    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        state.put("step", &self.step)
    }

    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        state.get("step", &mut self.step)
    }

    fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if cx.is_quiet() || !cx.monitors_at_epoch_end() {
            return Ok(());
        }
        self.look(cx)
    }

    fn on_validation_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if cx.is_quiet()
            || cx.monitors_at_epoch_end()
            || cx.stage() != Stage::Validate
            || !cx.view.progress.validation.enabled
        {
            return Ok(());
        }
        self.look(cx)
    }
}
