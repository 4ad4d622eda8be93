//! Gradient accumulation, clipping and the update.

use std::collections::BTreeMap;

use super::{
    MicroBatch, SettingsRecord,
    builder::{NotBarebones, TrainerBuilder},
    optional, put,
};
use crate::{
    error::ConfigErrors,
    module::OptimizationOf,
    optim::{Clip, ClipAlgorithm},
};

/// Gradient accumulation, clipping and the update.
#[derive(Clone, Debug)]
pub(crate) struct OptimizationSettings {
    /// The number of micro-batches of an optimizer step.
    pub(crate) accumulate: u64,
    /// The same by the first epoch it applies to, with `GradientAccumulationScheduler`.
    pub(crate) accumulation: BTreeMap<u64, u64>,
    pub(crate) clip: Option<f64>,
    pub(crate) clip_by: ClipAlgorithm,
    pub(crate) detect_anomaly: bool,
    /// Whether CPU optimizers use the fused kernels.
    pub(crate) fused: bool,
    /// How many samples a backward pass takes; `None` for the whole batch.
    pub(crate) micro_batch: Option<MicroBatch>,
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
            micro_batch: None,
        }
    }
}

impl OptimizationSettings {
    /// Returns how gradients are clipped.
    pub(crate) fn clip(&self) -> Option<Clip> {
        self.clip.map(|limit| Clip { limit, algorithm: self.clip_by })
    }

    /// Returns the number of micro-batches of an optimizer step in an epoch.
    pub(crate) fn micro_batches(&self, epoch: u64) -> u64 {
        self.accumulation.range(..=epoch).next_back().map_or(self.accumulate, |(_, batches)| *batches)
    }

    /// Whether an optimizer step has more than one micro-batch in any epoch.
    pub(crate) fn accumulates(&self) -> bool {
        self.accumulate > 1 || self.accumulation.values().any(|batches| *batches > 1)
    }

    /// Returns the number of optimizer steps in the first `epochs` epochs of `batches` batches
    /// each.
    pub(crate) fn steps(&self, epochs: u64, batches: u64) -> u64 {
        let mut steps: u64 = 0;
        let changes = std::iter::once(0).chain(self.accumulation.keys().copied().filter(|epoch| *epoch > 0));
        let ends = self.accumulation.keys().copied().filter(|epoch| *epoch > 0).chain(std::iter::once(epochs));
        for (from, to) in changes.zip(ends) {
            let to = to.min(epochs);
            let of_epoch = batches.div_ceil(self.micro_batches(from).max(1));
            steps = steps.saturating_add(to.saturating_sub(from).saturating_mul(of_epoch));
        }
        steps
    }

    /// Returns the accumulation as text, for the record.
    fn accumulation_text(&self) -> String {
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
            errors.add("`accumulate_grad_batches` must be at least 1, found 0", "use 1 for a step on every batch");
        }
        if let Some(problem) = self.micro_batch.as_ref().and_then(MicroBatch::problem) {
            errors.add(problem, "write `micro_batch(\"auto\")`, or leave it out for whole batches");
        }
        if let Some(clip) = self.clip
            && !(clip.is_finite() && clip > 0.0)
        {
            errors.add(
                format!("`gradient_clip_val` must be positive and finite, found {clip:?}"),
                "remove it to train without clipping",
            );
        }
    }

    pub(super) fn record(&self, record: &mut SettingsRecord) {
        // `accumulation` is part of `accumulation_text`; `detect_anomaly` does not change the
        // results.
        let Self { accumulate: _, accumulation: _, clip, clip_by, detect_anomaly: _, fused, micro_batch } = self;
        put(record, "accumulate_grad_batches", self.accumulation_text());
        put(record, "gradient_clip_val", optional(*clip));
        put(record, "gradient_clip_algorithm", format!("{clip_by:?}"));
        put(record, "fused_optimizers", fused);
        put(record, "micro_batch", optional(micro_batch.as_ref()));
    }
}

impl<M, K> TrainerBuilder<M, K> {
    /// Takes an optimizer step every `batches` batches, with the mean of their gradients. If fewer
    /// are left at the end of an epoch, their mean is taken. Default: 1.
    ///
    /// For a module with `#[manual_optimization]` it does not compile: such a module steps every
    /// n-th batch in its `training_step`. In a function that is generic over the module, it is an
    /// error of [`build`](Self::build).
    #[must_use]
    pub fn accumulate_grad_batches<NotAvailableWithManualOptimization>(mut self, batches: u64) -> Self
    where
        // The name of the parameter is part of the compiler's message, and so is the bound's line.
        M: OptimizationOf<NotAvailableWithManualOptimization>, // remove it: `training_step` decides when to step
    {
        self.settings.optimization.accumulate = batches;
        self
    }

    /// Clips gradients: their total norm, or each element with
    /// [`gradient_clip_algorithm`](Self::gradient_clip_algorithm). Default: no clipping.
    ///
    /// A norm that is NaN or infinite cannot be clipped. On the CPU such an optimizer step is
    /// skipped, counted in [`FitReport::skipped_steps`](crate::FitReport::skipped_steps), and
    /// warned of. On other devices the norm is not read: the weights become NaN, and the next loss
    /// is warned of.
    ///
    /// For a module with `#[manual_optimization]` it does not compile: such a module writes
    /// `optimizers.step(KEY, self, gradients.clip_norm(limit))`. In a function that is generic over
    /// the module, it is an error of [`build`](Self::build).
    #[must_use]
    pub fn gradient_clip_val<NotAvailableWithManualOptimization>(mut self, limit: f64) -> Self
    where
        M: OptimizationOf<NotAvailableWithManualOptimization>, // write `gradients.clip_norm(limit)` in its place
    {
        self.settings.optimization.clip = Some(limit);
        self
    }

    /// Divides each training batch into parts of at most so many samples, which pass one after the other:
    /// the optimizer step is that of the whole batch, and needs the memory of a part. `"auto"` starts
    /// with whole batches, and halves the parts whenever the device reports that memory does not
    /// suffice. Default: whole batches.
    ///
    /// The parts are of equal size, or differ by one sample, and count by their numbers of samples: the
    /// gradient is that of the mean over the batch, up to rounding, for a loss that is a mean over
    /// samples. Values that a step logs are put together again. Batch normalization sees the parts.
    /// The rows of each tensor whose first dimension is the batch size are divided, and lists of that
    /// length; everything else in the batch is given to each part whole. A step of L-BFGS is not
    /// divided. On the CPU no backend reports that memory does not suffice: write a number there.
    ///
    /// For a module with `#[manual_optimization]` it does not compile: such a module divides its batch
    /// itself.
    #[must_use]
    pub fn micro_batch<NotAvailableWithManualOptimization>(mut self, samples: impl Into<MicroBatch>) -> Self
    where
        M: OptimizationOf<NotAvailableWithManualOptimization>, // divide the batch in `training_step`
    {
        self.settings.optimization.micro_batch = Some(samples.into());
        self
    }

    /// Sets how gradients are clipped. Default: by their total norm.
    #[must_use]
    pub fn gradient_clip_algorithm(mut self, algorithm: ClipAlgorithm) -> Self {
        self.settings.optimization.clip_by = algorithm;
        self
    }

    /// Whether to check the loss and every gradient in every batch. The run ends with an error at
    /// the first value that is not finite; the error names the parameter. The check waits for the
    /// device in every batch. Default: no.
    #[must_use]
    pub fn detect_anomaly(mut self, detect: bool) -> Self
    where
        K: NotBarebones,
    {
        self.settings.optimization.detect_anomaly = detect;
        self
    }

    /// Whether SGD, Adam, AdamW, Adan, RMSprop, AdaGrad and Lion update a parameter on the CPU in
    /// one pass over its memory, and not in one for each operation of Burn. The results are the same,
    /// except that averages below the smallest normal number are zero, and that in `f64` the betas,
    /// the bias corrections and the other numbers of the configuration are `f64` too, as in
    /// PyTorch. Parameters of other types than `f32` and `f64`, and other optimizers, always use
    /// Burn's implementation. Default: yes.
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
    fn micro_batches_change_at_their_epochs() {
        let settings =
            OptimizationSettings { accumulation: BTreeMap::from([(2, 4), (5, 3)]), ..OptimizationSettings::default() };
        let micro_batches: Vec<u64> = (0..8).map(|epoch| settings.micro_batches(epoch)).collect();
        assert_eq!(micro_batches, [1, 1, 4, 4, 4, 3, 3, 3]);
        // Ten batches: 10 steps in each of the first two epochs, then 3 in each of three, then 4.
        let steps: Vec<u64> = [0, 1, 2, 3, 5, 6].map(|epochs| settings.steps(epochs, 10)).to_vec();
        assert_eq!(steps, [0, 10, 20, 23, 29, 33]);
        assert_eq!(OptimizationSettings { accumulate: 3, ..OptimizationSettings::default() }.steps(5, 10), 20);
    }
}
