//! From the gradients of a batch to the update.

use std::collections::BTreeMap;

use super::{SettingsRecord, builder::TrainerBuilder, optional, put};
use crate::{
    error::ConfigErrors,
    optim::{Clip, ClipAlgorithm},
};

/// From a batch's gradients to the update.
#[derive(Clone, Debug)]
pub(crate) struct OptimizationSettings {
    pub(crate) accumulate: u64,
    /// The same by the epoch from which on it holds, where it changes.
    pub(crate) accumulation: BTreeMap<u64, u64>,
    pub(crate) clip: Option<f64>,
    pub(crate) clip_by: ClipAlgorithm,
    pub(crate) detect_anomaly: bool,
    /// Whether optimizers make one pass over the buffers where they can.
    pub(crate) fused: bool,
}

impl Default for OptimizationSettings {
    fn default() -> Self {
        Self {
            accumulate: 1,
            accumulation: BTreeMap::new(),
            clip: None,
            clip_by: ClipAlgorithm::Norm,
            detect_anomaly: false,
            fused: true,
        }
    }
}

impl OptimizationSettings {
    /// How gradients are clipped, if they are.
    pub(crate) fn clip(&self) -> Option<Clip> {
        self.clip.map(|limit| Clip { limit, algorithm: self.clip_by })
    }

    /// Batches in a window of an epoch.
    pub(crate) fn window(&self, epoch: u64) -> u64 {
        self.accumulation.range(..=epoch).next_back().map_or(self.accumulate, |(_, batches)| *batches)
    }

    /// Whether a window ever has more than one batch.
    pub(crate) fn accumulates(&self) -> bool {
        self.accumulate > 1 || self.accumulation.values().any(|batches| *batches > 1)
    }

    /// Optimizer steps in the first `epochs` epochs, each of so many batches.
    pub(crate) fn steps(&self, epochs: u64, batches: u64) -> u64 {
        let mut steps: u64 = 0;
        let changes = std::iter::once(0).chain(self.accumulation.keys().copied().filter(|epoch| *epoch > 0));
        let ends = self.accumulation.keys().copied().filter(|epoch| *epoch > 0).chain(std::iter::once(epochs));
        for (from, to) in changes.zip(ends) {
            let to = to.min(epochs);
            let of_epoch = batches.div_ceil(self.window(from).max(1));
            steps = steps.saturating_add(to.saturating_sub(from).saturating_mul(of_epoch));
        }
        steps
    }

    /// As a program writes it.
    pub(crate) fn accumulation_text(&self) -> String {
        if self.accumulation.is_empty() {
            return self.accumulate.to_string();
        }
        let rows: Vec<String> =
            self.accumulation.iter().map(|(epoch, batches)| format!("{batches} from epoch {epoch}")).collect();
        rows.join(", ")
    }
}

impl OptimizationSettings {
    pub(super) fn check(&self, errors: &mut ConfigErrors) {
        if self.accumulate == 0 {
            errors.add("`accumulate_grad_batches(0)` never steps", "use 1 for a step on every batch");
        }
        if let Some(clip) = self.clip
            && !(clip.is_finite() && clip > 0.0)
        {
            errors.add(
                format!("`gradient_clip_val` must be positive, found {clip:?}"),
                "give a positive number, or leave it out for no clipping",
            );
        }
    }

    pub(super) fn record(&self, record: &mut SettingsRecord) {
        // `accumulation` is part of `accumulation_text`; looking for anomalies changes no number.
        let Self { accumulate: _, accumulation: _, clip, clip_by, detect_anomaly: _, fused } = self;
        put(record, "accumulate_grad_batches", self.accumulation_text());
        put(record, "gradient_clip_val", optional(*clip));
        put(record, "gradient_clip_algorithm", format!("{clip_by:?}"));
        put(record, "fused_optimizers", fused);
    }
}

impl<M> TrainerBuilder<M> {
    /// Takes an optimizer step every n batches, with the mean of their gradients; a shorter last window of an epoch is
    /// divided by its own size. Default 1.
    #[must_use]
    pub fn accumulate_grad_batches(mut self, batches: u64) -> Self {
        self.settings.optimization.accumulate = batches;
        self
    }

    /// Clips gradients: their total norm, or each element with [`gradient_clip_algorithm`](Self::gradient_clip_algorithm).
    #[must_use]
    pub fn gradient_clip_val(mut self, limit: f64) -> Self {
        self.settings.optimization.clip = Some(limit);
        self
    }

    /// How gradients are clipped. Default: by their total norm.
    #[must_use]
    pub fn gradient_clip_algorithm(mut self, algorithm: ClipAlgorithm) -> Self {
        self.settings.optimization.clip_by = algorithm;
        self
    }

    /// Looks at the loss and at every gradient of every batch, and ends the run at the first that is not finite, with the
    /// parameter's name. It waits for the device in every batch. Default no.
    #[must_use]
    pub fn detect_anomaly(mut self, detect: bool) -> Self {
        self.settings.optimization.detect_anomaly = detect;
        self
    }

    /// Whether SGD, Adam, AdamW, RMSprop, AdaGrad and Lion update a parameter on the CPU in one pass over its memory instead of one
    /// for each of Burn's operations. The numbers are the same, except that averages too small for a normal number are zero.
    /// Parameters of other types than `f32` and `f64`, and other optimizers, are Burn's either way. Default yes.
    #[must_use]
    pub fn fused_optimizers(mut self, fused: bool) -> Self {
        self.settings.optimization.fused = fused;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_change_at_their_epochs() {
        let settings =
            OptimizationSettings { accumulation: BTreeMap::from([(2, 4), (5, 3)]), ..OptimizationSettings::default() };
        let windows: Vec<u64> = (0..8).map(|epoch| settings.window(epoch)).collect();
        assert_eq!(windows, [1, 1, 4, 4, 4, 3, 3, 3]);
        // Ten batches: 10 steps in each of the first two epochs, then 3 in each of three, then 4.
        let steps: Vec<u64> = [0, 1, 2, 3, 5, 6].map(|epochs| settings.steps(epochs, 10)).to_vec();
        assert_eq!(steps, [0, 10, 20, 23, 29, 33]);
        assert_eq!(OptimizationSettings { accumulate: 3, ..OptimizationSettings::default() }.steps(5, 10), 20);
    }
}
