//! Averages the weights over the course of training.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use burn::tensor::Tensor;

use super::{
    Callback, CallbackContext, CallbackInfo,
    average::{Averaging, Rule},
};
use crate::{
    error::Result,
    module::LightningModule,
    params::{StateReader, StateWriter},
};

/// A point of training after which the average may be updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a schedule matches on it")]
pub enum AveragingPoint {
    /// An optimizer step, counted from 0 over the whole run.
    Step(u64),
    /// A training epoch with its validation, counted from 0.
    Epoch(u64),
}

/// What an averaging callback has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AveragingCounts {
    /// The number of models in the average.
    pub n_averaged: u64,
    /// How often the weights and the average were swapped: twice for each validation.
    pub swaps: u64,
    /// How often the average became the module's final weights.
    pub copies: u64,
}

/// Maintains an average of the weights, which is validated, saved and returned in their place.
///
/// After every optimizer step, or as [`should_update`](Self::should_update) decides, the weights
/// `θ` are added to an average `a`. The first weights become the average. After `n` updates the
/// default rule is the arithmetic mean, `a ← a + (θ − a) / (n + 1)`, as in torch's
/// `get_swa_avg_fn`. For an exponential average see
/// [`EmaWeightAveraging`](super::EmaWeightAveraging).
///
/// - From this callback's `on_validation_start` to its `on_validation_end` the module holds the
///   average: `validation_step` and monitored metrics use it.
/// - The model of a checkpoint is the average, so that `load_from_checkpoint` and `load_best` load
///   it. The training weights are stored beside it as `training.…`, and a resumed run continues
///   with the same numbers.
/// - After the last epoch, before `on_train_end`, the module receives the average. A second `fit`
///   of the trainer starts from it. To continue with the training weights, resume from the last
///   epoch's checkpoint.
/// - After an error or a signal the module holds the training weights.
///
/// The running statistics of BatchNorm are averaged like weights, unless
/// [`use_buffers(false)`](Self::use_buffers) is set. `#[buffer]` and `#[state]` fields are not
/// averaged.
///
/// ```
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// use lightning_core::{callbacks::{AveragingPoint, WeightAveraging}, prelude::*};
/// # #[lightning_module]
/// # #[optimizer(SgdConfig::new(), lr = 0.1)]
/// # struct Net {
/// #     #[init(LinearConfig::new(4, 1).init(device))]
/// #     layer: Linear,
/// # }
/// # #[lightning_module]
/// # impl Net {
/// #     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
/// #         self.layer.forward(batch).mean()
/// #     }
/// # }
/// # let mut net = Net::new(NetHparams::default());
/// # let data = DataLoader::from_batches(vec![Tensor::<2>::ones([2, 4], &Default::default()); 3])?;
///
/// // The mean of the weights after epochs 2, 3 and 4.
/// let averaging =
///     WeightAveraging::new().should_update(|at| matches!(at, AveragingPoint::Epoch(2..)));
/// let mut trainer = Net::trainer().max_epochs(5).callback(averaging.clone())
/// #   .no_logger().enable_checkpointing(false)
/// #   .enable_progress_bar(false).enable_model_summary(false)
///     .build()?;
/// trainer.fit(&mut net, data)?;
/// assert_eq!(averaging.counts().n_averaged, 3);
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// Differences from PyTorch Lightning:
///
/// - Before the first update, validation and checkpoints use the training weights, not the initial
///   weights.
/// - The module's `on_validation_epoch_end` sees the average, and the sanity check does not.
/// - `should_update` is called once after each optimizer step, not after batches that only
///   accumulate gradients.
/// - A resumed run repeats no update.
///
/// Source: P. Izmailov et al., "Averaging Weights Leads to Wider Optima and Better
/// Generalization", UAI 2018.
pub struct WeightAveraging {
    rule: Arc<Rule>,
    schedule: Arc<dyn Fn(AveragingPoint) -> bool + Send + Sync>,
    /// The first epoch in which the average is updated.
    pub(super) from_epoch: u64,
    use_buffers: bool,
    averaging: Averaging,
    counts: Arc<Mutex<AveragingCounts>>,
}

impl fmt::Debug for WeightAveraging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeightAveraging").field("use_buffers", &self.use_buffers).finish_non_exhaustive()
    }
}

impl Clone for WeightAveraging {
    /// Copies the settings, without the average, and shares the [`counts`](Self::counts).
    fn clone(&self) -> Self {
        Self {
            rule: Arc::clone(&self.rule),
            schedule: Arc::clone(&self.schedule),
            from_epoch: self.from_epoch,
            use_buffers: self.use_buffers,
            averaging: Averaging::new(self.use_buffers, Arc::clone(&self.counts)),
            counts: Arc::clone(&self.counts),
        }
    }
}

impl Default for WeightAveraging {
    fn default() -> Self {
        Self::new()
    }
}

impl WeightAveraging {
    /// Averages the weights after every optimizer step, with equal weight.
    pub fn new() -> Self {
        let counts = Arc::default();
        Self {
            rule: Arc::new(arithmetic_mean),
            schedule: Arc::new(|at| matches!(at, AveragingPoint::Step(_))),
            from_epoch: 0,
            use_buffers: true,
            averaging: Averaging::new(true, Arc::clone(&counts)),
            counts,
        }
    }

    /// Sets the rule that computes a new average.
    ///
    /// It is called for each parameter with the elements of the average, the elements of the
    /// weights and the number of models averaged so far (at least 1), and must return as many
    /// elements.
    ///
    /// ```
    /// use lightning_core::{callbacks::WeightAveraging, prelude::*};
    ///
    /// let maximum =
    ///     WeightAveraging::new().avg_fn(|average, weights, _n| average.max_pair(weights));
    /// # let _ = maximum;
    /// ```
    #[must_use]
    pub fn avg_fn(mut self, rule: impl Fn(Tensor<1>, Tensor<1>, u64) -> Tensor<1> + Send + Sync + 'static) -> Self {
        self.rule = Arc::new(rule);
        self
    }

    /// Sets when the average is updated.
    ///
    /// `schedule` is called after every optimizer step (not after a batch that only accumulates
    /// gradients) and after every epoch.
    #[must_use]
    pub fn should_update(mut self, schedule: impl Fn(AveragingPoint) -> bool + Send + Sync + 'static) -> Self {
        self.schedule = Arc::new(schedule);
        self
    }

    /// Sets whether the running statistics of normalization layers are averaged. Default `true`.
    #[must_use]
    pub fn use_buffers(mut self, average: bool) -> Self {
        self.use_buffers = average;
        self.averaging = Averaging::new(average, Arc::clone(&self.counts));
        self
    }

    /// Returns what has been done so far. A clone of the callback reads it after the run.
    pub fn counts(&self) -> AveragingCounts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Updates the average after `point`, if it is due there.
    fn update_if_due<M: LightningModule>(&mut self, point: AveragingPoint, epoch: u64, module: &M) -> Result<()> {
        if epoch >= self.from_epoch && (self.schedule)(point) {
            self.averaging.update(point, module, &*self.rule)?;
        }
        Ok(())
    }
}

/// The arithmetic mean: `a + (θ − a) / (n + 1)`.
pub(super) fn arithmetic_mean(average: Tensor<1>, weights: Tensor<1>, averaged: u64) -> Tensor<1> {
    let difference = weights - average.clone();
    average + difference / (averaged + 1) as f64
}

impl<M: LightningModule> Callback<M> for WeightAveraging {
    fn info(&self) -> CallbackInfo {
        CallbackInfo::new().averages_weights()
    }

    fn on_fit_start(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        self.averaging.prepare(cx, module)
    }

    fn on_train_start(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.averaging.start();
        Ok(())
    }

    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        let Some(step) = self.averaging.new_step(cx) else { return Ok(()) };
        self.update_if_due(step, cx.current_epoch(), module)
    }

    fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        let Some(epoch) = self.averaging.new_epoch(cx) else { return Ok(()) };
        self.update_if_due(epoch, cx.current_epoch(), module)
    }

    fn on_validation_start(&mut self, _cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        self.averaging.swap_in(module);
        Ok(())
    }

    fn on_validation_end(&mut self, _cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        self.averaging.swap_out(module);
        Ok(())
    }

    fn on_exception(&mut self, _cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        // A checkpoint of the failed run must find the training weights in the module.
        self.averaging.swap_out(module);
        Ok(())
    }

    fn final_weights(&mut self, _cx: &mut CallbackContext<'_>, module: &mut M) -> Result<bool> {
        self.averaging.copy(module);
        Ok(false)
    }

    fn on_train_end(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.averaging.end();
        Ok(())
    }

    fn model_to_save(&self, module: &M) -> Result<Option<M>> {
        Ok(self.averaging.model(module))
    }

    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        self.averaging.save(state)
    }

    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        self.averaging.load(state)
    }

    fn on_load_checkpoint(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        self.averaging.resume(cx, module)
    }
}
