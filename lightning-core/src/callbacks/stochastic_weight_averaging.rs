//! Stochastic weight averaging: a constant rate at the end of training, and the mean of the weights it leads through.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use super::{AveragingCounts, Callback, CallbackContext, average::Average, weight_averaging::equally};
use crate::{
    error::{Error, Result},
    module::{LightningModule, TrainingMode},
    optim::schedulers::Annealing,
    params::{
        running_statistics,
        state::{StateReader, StateWriter, StoredTensors},
    },
    settings::Limit,
};

/// Ends training with a learning rate of its own and gives the module the mean of the weights after each of the last epochs.
///
/// From the epoch `swa_epoch_start` on, the rate goes from where it is to `swa_lrs` in `annealing_epochs` epochs, as torch's `SWALR` does: with
/// `t = min(1, k / annealing_epochs)` after `k` of these epochs it is `α·swa_lr + (1 − α)·lr`, where `α = (1 − cos πt) / 2`, or `α = t` for the
/// linear way. A schedule of the optimizer stops where it is. After each of these epochs the weights are averaged, all alike:
/// `a ← a + (θ − a) / (n + 1)`.
///
/// After the last epoch, before `on_train_end`, the module gets the average. The running statistics of its BatchNorm layers belong to other
/// weights: they are computed anew in one more pass over the training data, forward only, as plain means over its batches. No hook runs
/// in it, nothing is logged, and a signal lets it come to its end.
///
/// ```
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// use lightning_core::{callbacks::StochasticWeightAveraging, prelude::*};
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
/// // The last quarter of eight epochs.
/// let swa = StochasticWeightAveraging::new(0.05).swa_epoch_start(0.75).annealing_epochs(2);
/// let mut trainer = Net::trainer().max_epochs(8).callback(swa.clone())
/// #   .no_logger().enable_checkpointing(false)
/// #   .enable_progress_bar(false).enable_model_summary(false)
///     .build()?;
/// trainer.fit(&mut net, data)?;
/// assert_eq!(swa.counts().n_averaged, 3); // of the sixth, seventh and eighth
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// Validation and checkpoints have the weights in training; the average is beside them in the checkpoint, and a resumed run goes on with
/// it, bit by bit. For an average that validation and checkpoints show, see [`WeightAveraging`](super::WeightAveraging).
///
/// Otherwise than in PyTorch Lightning: the weights are averaged after an epoch, as in the paper, where Lightning takes those before it and
/// so never the last ones; and the pass for the statistics is no epoch with hooks and logs.
///
/// Source: P. Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", UAI 2018.
#[derive(Debug)]
pub struct StochasticWeightAveraging {
    rates: Vec<f64>,
    start: Limit,
    annealing_epochs: u64,
    annealing: Annealing,
    average: Average,
    /// The average of a checkpoint, until the module is there.
    stored: Option<(u64, StoredTensors)>,
    left_out: BTreeSet<usize>,
    /// The rates that it began with, once it has begun.
    first_rates: Option<Vec<f64>>,
    /// The epoch in which it began.
    began: u64,
    last_epoch: Option<u64>,
    is_copied: bool,
    counts: Arc<Mutex<AveragingCounts>>,
}

/// The learning rates of [`StochasticWeightAveraging`]: one, or one for each parameter group.
pub trait IntoSwaRates {
    /// Converts them.
    fn into_swa_rates(self) -> Vec<f64>;
}

impl IntoSwaRates for f64 {
    fn into_swa_rates(self) -> Vec<f64> {
        vec![self]
    }
}

impl IntoSwaRates for Vec<f64> {
    fn into_swa_rates(self) -> Vec<f64> {
        self
    }
}

impl<const N: usize> IntoSwaRates for [f64; N] {
    fn into_swa_rates(self) -> Vec<f64> {
        self.into()
    }
}

impl Clone for StochasticWeightAveraging {
    /// The same settings, with no average yet, and a handle on the same [`counts`](Self::counts).
    fn clone(&self) -> Self {
        Self {
            rates: self.rates.clone(),
            start: self.start,
            annealing_epochs: self.annealing_epochs,
            annealing: self.annealing,
            counts: Arc::clone(&self.counts),
            ..Self::new(0.0)
        }
    }
}

impl StochasticWeightAveraging {
    /// Begins after 80 % of the epochs and anneals for ten, along a cosine, to this rate: one for all parameters, or one for each parameter
    /// group of the optimizer.
    pub fn new(swa_lrs: impl IntoSwaRates) -> Self {
        Self {
            rates: swa_lrs.into_swa_rates(),
            start: Limit::Fraction(0.8),
            annealing_epochs: 10,
            annealing: Annealing::Cosine,
            average: Average::default(),
            stored: None,
            left_out: BTreeSet::new(),
            first_rates: None,
            began: 0,
            last_epoch: None,
            is_copied: false,
            counts: Arc::default(),
        }
    }

    /// The first epoch whose weights are averaged: an integer counts epochs from 1, a float is a share of `max_epochs`, rounded down
    /// to such a number.
    #[must_use]
    pub fn swa_epoch_start(self, start: impl Into<Limit>) -> Self {
        Self { start: start.into(), ..self }
    }

    /// In how many epochs the rate gets to its end; with 0 it is there at once.
    #[must_use]
    pub fn annealing_epochs(self, epochs: u64) -> Self {
        Self { annealing_epochs: epochs, ..self }
    }

    /// The way from one rate to the other.
    #[must_use]
    pub fn annealing_strategy(self, strategy: Annealing) -> Self {
        Self { annealing: strategy, ..self }
    }

    /// What has been done so far. A clone that was kept reads it after the run.
    pub fn counts(&self) -> AveragingCounts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, copies: u64) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.n_averaged = self.average.count();
        counts.copies += copies;
    }

    /// The epoch, from 0, in which it begins.
    fn start_epoch(&self, cx: &CallbackContext<'_>) -> Result<u64> {
        let counted = match self.start {
            Limit::Batches(epoch) => u64::try_from(epoch).unwrap_or(1),
            Limit::Fraction(share) => {
                let epochs = cx.run.settings.length.max_epochs.ok_or_else(|| {
                    Error::config(
                        "`StochasticWeightAveraging`: `swa_epoch_start` is a share of `max_epochs`, which is not set",
                    )
                    .help("set `max_epochs`, or give the epoch as an integer")
                })?;
                (epochs as f64 * share) as u64
            }
        };
        Ok(counted.saturating_sub(1))
    }

    /// Sets the rates for an epoch.
    fn set_rates(&self, cx: &mut CallbackContext<'_>, epoch: u64) {
        let Some(first) = &self.first_rates else { return };
        let (rates, done) = (&self.rates, epoch.saturating_sub(self.began));
        let share = match self.annealing_epochs {
            0 => 1.0,
            epochs => (done as f64 / epochs as f64).min(1.0),
        };
        let last = |group: usize| rates.get(group).or(rates.first()).copied().unwrap_or_default();
        let now: Vec<f64> =
            first.iter().enumerate().map(|(group, lr)| self.annealing.between(*lr, last(group), share)).collect();
        if let Some(optimizer) = cx.run.optimizers.first_mut() {
            optimizer.hold_schedule();
            optimizer.set_rates(&now);
        }
    }
}

impl<M: LightningModule> Callback<M> for StochasticWeightAveraging {
    fn check(&self) -> Result<()> {
        let wrong = |what: String, help: &str| {
            Err(Error::config(format!("`StochasticWeightAveraging`: {what}")).help(help.to_owned()))
        };
        if self.rates.is_empty() || !self.rates.iter().all(|lr| lr.is_finite() && *lr > 0.0) {
            return wrong(format!("`swa_lrs` are {:?}", self.rates), "give positive rates");
        }
        match self.start {
            Limit::Batches(epoch) if epoch < 1 => {
                wrong(format!("`swa_epoch_start({epoch})` is no epoch"), "epochs are counted from 1 here")
            }
            Limit::Fraction(share) if !(0.0..=1.0).contains(&share) => wrong(
                format!("`swa_epoch_start({share:?})` is no share of the epochs"),
                "give a float from 0.0 to 1.0, or an integer from 1",
            ),
            _ => Ok(()),
        }
    }

    fn on_fit_start(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        self.start_epoch(cx)?;
        if cx.run.optimizers.len() != 1 {
            return Err(Error::config(format!(
                "`StochasticWeightAveraging` works with one optimizer, and there are {}",
                cx.run.optimizers.len()
            ))
            .help("`WeightAveraging` averages the weights of any number of optimizers"));
        }
        let groups = cx.run.optimizers.first().map_or(0, |optimizer| optimizer.rates().count());
        if self.rates.len() > 1 && self.rates.len() != groups {
            return Err(Error::config(format!(
                "`StochasticWeightAveraging` has {} rates, and the optimizer {groups} groups of parameters",
                self.rates.len()
            ))
            .help("give one rate for all, or one for each group, those that are in no group first"));
        }
        self.left_out = running_statistics(module)?;
        // A resumed run may be in the middle of an epoch.
        let epoch = cx.current_epoch();
        self.set_rates(cx, epoch);
        self.count(0);
        Ok(())
    }

    fn on_train_start(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.is_copied = false;
        Ok(())
    }

    fn on_train_epoch_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        let epoch = cx.current_epoch();
        if self.first_rates.is_none() && epoch >= self.start_epoch(cx)? {
            self.first_rates = cx.run.optimizers.first().map(|optimizer| optimizer.rates().collect());
            self.began = epoch;
        }
        self.set_rates(cx, epoch);
        Ok(())
    }

    fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        let epoch = cx.current_epoch();
        if cx.is_failing() || self.first_rates.is_none() || self.last_epoch.is_some_and(|last| epoch <= last) {
            return Ok(());
        }
        self.average.update(module, &self.left_out, &equally)?;
        self.last_epoch = Some(epoch);
        self.set_rates(cx, epoch + 1);
        self.count(0);
        Ok(())
    }

    fn final_weights(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<bool> {
        // A run resumed after its last epoch comes here at once.
        let epoch = cx.current_epoch();
        self.set_rates(cx, epoch);
        if self.average.count() == 0 || self.is_copied {
            return Ok(false);
        }
        self.average.put_into(module);
        self.is_copied = true;
        self.count(1);
        if running_statistics(module)?.is_empty() {
            return Ok(false);
        }
        if matches!(cx.run.training, TrainingMode::Manual) {
            cx.run.warn(
                "`StochasticWeightAveraging` leaves the running statistics as they are: the module optimizes by itself, and \
                 cannot be run without"
                    .to_owned(),
            );
            return Ok(false);
        }
        Ok(true)
    }

    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        state.put("n_averaged", &self.average.count())?;
        state.put("first_rates", &self.first_rates)?;
        state.put("began", &self.began)?;
        state.put("latest_update_epoch", &self.last_epoch)?;
        state.put("is_copied", &self.is_copied)?;
        self.average.save("average", state);
        Ok(())
    }

    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        let mut count = 0;
        state.get("n_averaged", &mut count)?;
        state.get("first_rates", &mut self.first_rates)?;
        state.get("began", &mut self.began)?;
        state.get("latest_update_epoch", &mut self.last_epoch)?;
        state.get("is_copied", &mut self.is_copied)?;
        self.stored = (count > 0).then(|| (count, state.tensors_below("average.")));
        Ok(())
    }

    fn on_load_checkpoint(&mut self, _cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        let Some((count, stored)) = self.stored.take() else { return Ok(()) };
        self.left_out = running_statistics(module)?;
        self.average.restore(count, module, &self.left_out, &|path| Ok(stored.get(path).cloned()))
    }
}
