//! Averages the weights over the course of training.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use burn::tensor::Tensor;

use super::{
    Callback, CallbackContext,
    average::{Averaging, Rule},
};
use crate::{
    error::Result,
    module::LightningModule,
    params::state::{StateReader, StateWriter},
};

/// After what the average may be updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a schedule matches on it")]
pub enum AveragingPoint {
    /// An optimizer step, counted from 0 over the whole run.
    Step(u64),
    /// A training epoch with its validation, counted from 0.
    Epoch(u64),
}

/// What an averaging callback has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AveragingCounts {
    /// Models in the average.
    pub n_averaged: u64,
    /// Exchanges of the weights and the average: two for each validation.
    pub swaps: u64,
    /// How often the module was given the average for good.
    pub copies: u64,
}

/// Trains on, and validates, saves and ends with an average of the weights.
///
/// After every optimizer step, or where [`should_update`](Self::should_update) says so, the weights `θ` are taken into an average `a`. The
/// first are the average; the default then weighs all alike, `a ← a + (θ − a) / (n + 1)` after `n` updates, as torch's `get_swa_avg_fn`
/// does. For an exponential average see [`EmaWeightAveraging`](super::EmaWeightAveraging).
///
/// - From this callback's `on_validation_start` to its `on_validation_end` the average stands in for the weights: `validation_step`, and
///   what is monitored, see it.
/// - A checkpoint's model is the average, so that `load_from_checkpoint` and `load_best` give it. The weights in training are beside it, as
///   `training.…`, and a resumed run goes on with both, bit by bit.
/// - After the last epoch, before `on_train_end`, the module gets the average. A second `fit` of the trainer starts from it; to train on with
///   the weights of the last step, resume from the last epoch's checkpoint.
/// - An error or a signal leaves the module with its weights in training.
///
/// The running statistics of BatchNorm are averaged like weights, unless [`use_buffers(false)`](Self::use_buffers) leaves them as training
/// has them. `#[buffer]` and `#[state]` fields are those of the module at any time.
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
/// // The mean of the weights after the epochs 2, 3 and 4.
/// let averaging = WeightAveraging::new().should_update(|at| matches!(at, AveragingPoint::Epoch(2..)));
/// let mut trainer = Net::trainer().max_epochs(5).callback(averaging.clone())
/// #   .no_logger().enable_checkpointing(false)
/// #   .enable_progress_bar(false).enable_model_summary(false)
///     .build()?;
/// trainer.fit(&mut net, data)?;
/// assert_eq!(averaging.counts().n_averaged, 3);
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// Otherwise than in PyTorch Lightning: before the first update validation and checkpoints have the weights in training, where Lightning's
/// have those that training began with; the module's `on_validation_epoch_end` sees the average too; the sanity check is left alone; and
/// an update is asked for once after each step, never again after a batch that
/// only adds to a window; and a resumed run makes no update twice.
///
/// Source of the running mean: P. Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", UAI 2018.
pub struct WeightAveraging {
    rule: Arc<Rule>,
    schedule: Arc<dyn Fn(AveragingPoint) -> bool + Send + Sync>,
    /// The first epoch with updates.
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
    /// The same settings, with no average yet, and a handle on the same [`counts`](Self::counts).
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
    /// The mean of the weights after every optimizer step.
    pub fn new() -> Self {
        let counts = Arc::default();
        Self {
            rule: Arc::new(equally),
            schedule: Arc::new(|at| matches!(at, AveragingPoint::Step(_))),
            from_epoch: 0,
            use_buffers: true,
            averaging: Averaging::new(true, Arc::clone(&counts)),
            counts,
        }
    }

    /// How a new average is computed: from the elements of the average, those of the weights, and how many models the average is of, at
    /// least 1. It is called for each parameter and must compute element by element.
    ///
    /// ```
    /// use lightning_core::{callbacks::WeightAveraging, prelude::*};
    ///
    /// let largest = WeightAveraging::new().avg_fn(|average, weights, _n| average.max_pair(weights));
    /// # let _ = largest;
    /// ```
    #[must_use]
    pub fn avg_fn(mut self, rule: impl Fn(Tensor<1>, Tensor<1>, u64) -> Tensor<1> + Send + Sync + 'static) -> Self {
        self.rule = Arc::new(rule);
        self
    }

    /// When the average is updated. It is asked after every optimizer step (not after a batch that only adds to an accumulation window)
    /// and after every epoch.
    #[must_use]
    pub fn should_update(mut self, schedule: impl Fn(AveragingPoint) -> bool + Send + Sync + 'static) -> Self {
        self.schedule = Arc::new(schedule);
        self
    }

    /// Whether the running statistics of normalisation layers are averaged as well; yes unless told.
    #[must_use]
    pub fn use_buffers(mut self, average: bool) -> Self {
        self.use_buffers = average;
        self.averaging = Averaging::new(average, Arc::clone(&self.counts));
        self
    }

    /// What has been done so far. A clone that was kept reads it after the run.
    pub fn counts(&self) -> AveragingCounts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The mean: `a + (θ − a) / (n + 1)`.
pub(super) fn equally(average: Tensor<1>, weights: Tensor<1>, averaged: u64) -> Tensor<1> {
    let difference = weights - average.clone();
    average + difference / (averaged + 1) as f64
}

impl<M: LightningModule> Callback<M> for WeightAveraging {
    fn averages_weights(&self) -> bool {
        true
    }

    fn on_fit_start(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        self.averaging.prepare(cx, module)
    }

    fn on_train_start(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.averaging.start();
        Ok(())
    }

    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        let has_begun = cx.current_epoch() >= self.from_epoch;
        let should_update = |step| has_begun && (self.schedule)(AveragingPoint::Step(step));
        self.averaging.after_batch(cx, module, should_update, &*self.rule)
    }

    fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        let should_update = |epoch| epoch >= self.from_epoch && (self.schedule)(AveragingPoint::Epoch(epoch));
        self.averaging.after_epoch(cx, module, should_update, &*self.rule)
    }

    fn on_validation_start(&mut self, _cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        self.averaging.stand_in(module);
        Ok(())
    }

    fn on_validation_end(&mut self, _cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        self.averaging.stand_back(module);
        Ok(())
    }

    fn on_exception(&mut self, _cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        // Before a checkpoint of what failed is taken.
        self.averaging.stand_back(module);
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
