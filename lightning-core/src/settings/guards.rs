//! The guards of a run: the audit of its first step, and what is saved of a step that goes wrong.

use super::{
    SettingsRecord,
    builder::{NotBarebones, TrainerBuilder},
};

/// What is saved of a step that goes wrong; see [`TrainerBuilder::on_anomaly`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Anomaly {
    /// Nothing.
    #[default]
    Ignore,
    /// The batch, the seed and the state of the run before the step.
    Save,
}

/// The guards of a run.
#[derive(Clone, Debug)]
pub(crate) struct GuardSettings {
    pub(crate) on_anomaly: Anomaly,
    pub(crate) audit: bool,
}

impl Default for GuardSettings {
    fn default() -> Self {
        Self { on_anomaly: Anomaly::Ignore, audit: true }
    }
}

impl GuardSettings {
    /// Adds nothing: guards do not change the results.
    pub(super) fn record(&self, record: &mut SettingsRecord) {
        let Self { on_anomaly: _, audit: _ } = self;
        let _ = record;
    }
}

impl<M, K> TrainerBuilder<M, K> {
    /// Sets what is saved of the first step whose loss or gradient is not finite, of a spike that
    /// [`SpikeDetection`](crate::callbacks::SpikeDetection) finds, and of a panic in a step. With
    /// [`Anomaly::Save`], the batch, the seed and the state of the run before the step are written
    /// to `anomalies/` in the folder of the run, and
    /// [`Trainer::replay`](crate::Trainer::replay) runs the step again. The run continues; with
    /// [`detect_anomaly`](Self::detect_anomaly) it ends. Default: nothing is saved.
    ///
    /// It reads the loss and all gradients in each batch, which waits for the device, and copies
    /// the module: until the update, or with `SpikeDetection`, several optimizers or manual
    /// optimization until the end of the step.
    #[must_use]
    pub fn on_anomaly(mut self, anomaly: Anomaly) -> Self
    where
        K: NotBarebones,
    {
        self.settings.guards.on_anomaly = anomaly;
        self
    }

    /// Whether the first step of a run is audited: warnings name parameters without a gradient, a
    /// [`cross_entropy`](crate::functional::cross_entropy) far above that of a guess, batch tensors
    /// whose first dimensions differ, and a constant input. A resumed run is not audited. The audit
    /// reads the first batch and its loss, and changes no result. Default: yes.
    #[must_use]
    pub fn audit(mut self, audit: bool) -> Self {
        self.settings.guards.audit = audit;
        self
    }
}
