//! An exponential moving average of the weights.

use burn::tensor::Tensor;

use super::{AveragingCounts, AveragingPoint, Callback, CallbackContext, CallbackInfo, WeightAveraging};
use crate::{
    error::{Error, Result},
    module::LightningModule,
    params::{StateReader, StateWriter},
};

/// Maintains an exponential moving average of the weights, which is validated, saved and returned
/// in their place.
///
/// After an optimizer step the weights `θ` are added to the average `a`:
/// `a ← a + (1 − decay) · (θ − a)`. This equals torch's `decay · a + (1 − decay) · θ`, in a form
/// that leaves constant weights, such as frozen ones, exactly as they are. The first weights become
/// the average. [`WeightAveraging`] describes where the average replaces the weights and how
/// checkpoints contain it.
///
/// ```
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// use lightning_core::{callbacks::EmaWeightAveraging, prelude::*};
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
/// # let data = DataLoader::from_batches(vec![Tensor::<2>::ones([2, 4], &Default::default()); 8])?;
///
/// let ema = EmaWeightAveraging::new().decay(0.99).update_starting_at_step(10);
/// let mut trainer = Net::trainer().max_epochs(2).callback(ema.clone())
/// #   .no_logger().enable_checkpointing(false)
/// #   .enable_progress_bar(false).enable_model_summary(false)
///     .build()?;
/// trainer.fit(&mut net, data)?;
/// assert_eq!(ema.counts().n_averaged, 6); // after steps 10 to 15
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// Difference from PyTorch Lightning:
/// [`update_starting_at_epoch`](Self::update_starting_at_epoch) delays the first update. There the
/// average is updated from the first step in any case, and once more at the end of each epoch.
///
/// Sources: B. T. Polyak, A. B. Juditsky, "Acceleration of Stochastic Approximation by Averaging",
/// SIAM J. Control Optim. 30, 1992; exponential form: A. Tarvainen, H. Valpola, "Mean teachers are
/// better role models", NeurIPS 2017.
#[derive(Clone, Debug)]
#[doc(alias = "EMAWeightAveraging")]
pub struct EmaWeightAveraging {
    decay: f64,
    every: u64,
    from_step: u64,
    averaging: WeightAveraging,
}

impl Default for EmaWeightAveraging {
    fn default() -> Self {
        Self { decay: 0.999, every: 1, from_step: 0, averaging: WeightAveraging::new() }.with_rules()
    }
}

impl EmaWeightAveraging {
    /// Updates the average after every optimizer step, with a decay of 0.999.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the fraction of the average that an update retains, from 0 to 1. Default 0.999.
    #[must_use]
    pub fn decay(self, decay: f64) -> Self {
        Self { decay, ..self }.with_rules()
    }

    /// Updates the average after the optimizer steps 0, n, 2n, … of the run. Default 1.
    ///
    /// `decay` is not adjusted: it applies once every n steps.
    #[must_use]
    pub fn update_every_n_steps(self, steps: u64) -> Self {
        Self { every: steps, ..self }.with_rules()
    }

    /// Sets the first optimizer step, counted from 0, after which the average is updated. Default
    /// 0.
    #[must_use]
    pub fn update_starting_at_step(self, step: u64) -> Self {
        Self { from_step: step, ..self }.with_rules()
    }

    /// Sets the first epoch, counted from 0, in which the average is updated. Default 0.
    #[must_use]
    pub fn update_starting_at_epoch(mut self, epoch: u64) -> Self {
        self.averaging.from_epoch = epoch;
        self
    }

    /// Sets whether the running statistics of normalization layers are averaged. Default `true`.
    #[must_use]
    pub fn use_buffers(mut self, average: bool) -> Self {
        self.averaging = self.averaging.use_buffers(average);
        self
    }

    /// Returns what has been done so far. A clone of the callback reads it after the run.
    pub fn counts(&self) -> AveragingCounts {
        self.averaging.counts()
    }

    fn with_rules(mut self) -> Self {
        let Self { decay, every, from_step, .. } = self;
        let blend = move |average: Tensor<1>, weights: Tensor<1>, _| {
            let difference = weights - average.clone();
            average + difference * (1.0 - decay)
        };
        let is_due =
            move |at| matches!(at, AveragingPoint::Step(step) if step >= from_step && step.is_multiple_of(every));
        self.averaging = self.averaging.avg_fn(blend).should_update(is_due);
        self
    }
}

impl<M: LightningModule> Callback<M> for EmaWeightAveraging {
    fn info(&self) -> CallbackInfo {
        CallbackInfo::new().averages_weights()
    }

    fn check(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.decay) {
            let what = format!("`EmaWeightAveraging`: `decay` must be from 0.0 to 1.0, found {:?}", self.decay);
            return Err(Error::config(what).help("write `.decay(0.999)`"));
        }
        if self.every == 0 {
            return Err(Error::config("`EmaWeightAveraging`: `update_every_n_steps` must be at least 1, found 0")
                .help("write `.update_every_n_steps(1)` to update after every optimizer step"));
        }
        Ok(())
    }

    fn on_fit_start(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        self.averaging.on_fit_start(cx, module)
    }

    fn on_train_start(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        self.averaging.on_train_start(cx, module)
    }

    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        self.averaging.on_train_batch_end(cx, module)
    }

    fn on_validation_start(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        self.averaging.on_validation_start(cx, module)
    }

    fn on_validation_end(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        self.averaging.on_validation_end(cx, module)
    }

    fn on_exception(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        self.averaging.on_exception(cx, module)
    }

    fn final_weights(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<bool> {
        self.averaging.final_weights(cx, module)
    }

    fn on_train_end(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        self.averaging.on_train_end(cx, module)
    }

    fn model_to_save(&self, module: &M) -> Result<Option<M>> {
        self.averaging.model_to_save(module)
    }

    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        Callback::<M>::save_state(&self.averaging, state)
    }

    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        Callback::<M>::load_state(&mut self.averaging, state)
    }

    fn on_load_checkpoint(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        self.averaging.on_load_checkpoint(cx, module)
    }
}
