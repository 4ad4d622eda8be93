//! The range test of learning rates.

use std::sync::{Arc, Mutex, PoisonError};

use super::lr_finder::LrFinder;
use crate::{
    callbacks::{Callback, CallbackContext},
    data::{FitData, RunData},
    error::{ConfigErrors, Error, Result},
    module::{ConfigureOptimizers, FitContext, LightningModule, TrainingMode, TrainingStep},
    optim::{OptimizerSetup, Rate},
    trainer::Trainer,
};

/// The learning rates that [`Trainer::find_lr_in`] tries, and when it ends.
///
/// ```
/// use lightning_core::trainer::LrRange;
///
/// let range = LrRange::linear(1e-4, 1e-1).steps(50).early_stop(None);
/// assert_eq!(range.rate(49), 1e-1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LrRange {
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) steps: u64,
    pub(super) is_linear: bool,
    pub(super) early_stop: Option<f64>,
}

impl Default for LrRange {
    /// From 1e-8 to 1 in 100 steps, each a fixed factor above the last one.
    fn default() -> Self {
        Self::exponential(1e-8, 1.0)
    }
}

impl LrRange {
    /// Rates from `min` to `max`, each a fixed factor above the last one.
    pub const fn exponential(min: f64, max: f64) -> Self {
        Self { min, max, steps: 100, is_linear: false, early_stop: Some(4.0) }
    }

    /// Rates from `min` to `max` at equal distances.
    pub const fn linear(min: f64, max: f64) -> Self {
        Self { is_linear: true, ..Self::exponential(min, max) }
    }

    /// Sets the number of optimizer steps, each with a rate of its own. Default 100.
    #[must_use]
    pub const fn steps(mut self, steps: u64) -> Self {
        self.steps = steps;
        self
    }

    /// Ends the test at a loss above `times` the best one, or that is not finite; `None`: never. Default
    /// 4.
    #[must_use]
    pub const fn early_stop(mut self, times: Option<f64>) -> Self {
        self.early_stop = times;
        self
    }

    /// Returns the rate of a step, counted from 0: `min` in the first, `max` in the last. As in PyTorch
    /// Lightning, step `i` has the share `(i + 1) / steps` of the way, except for the first.
    pub fn rate(&self, step: u64) -> f64 {
        if step == 0 {
            return self.min;
        }
        let share = (step + 1) as f64 / self.steps as f64;
        match self.is_linear {
            true => self.min + share * (self.max - self.min),
            false if step + 1 == self.steps => self.max,
            false => self.min * (self.max / self.min).powf(share),
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let Self { min, max, steps, is_linear: _, early_stop } = *self;
        let mut errors = ConfigErrors::default();
        if !(min.is_finite() && max.is_finite() && 0.0 < min && min < max) {
            errors.add(
                format!("`LrRange` must go from a positive rate to a larger one, found {min:?} and {max:?}"),
                "write `LrRange::exponential(1e-8, 1.0)`",
            );
        }
        if steps < 2 {
            errors.add(format!("`LrRange` must have at least 2 steps, found {steps}"), "write `.steps(100)`");
        }
        if let Some(times) = early_stop.filter(|times| !(times.is_finite() && *times > 1.0)) {
            errors.add(
                format!("`early_stop` must be a number above 1, found {times:?}"),
                "write `.early_stop(4.0)`, or `None`",
            );
        }
        errors.finish()
    }
}

/// The share of the mean that a new loss leaves.
const BETA: f64 = 0.98;

/// What was measured so far.
#[derive(Debug, Default)]
struct Sweep {
    rates: Vec<f64>,
    losses: Vec<f64>,
    batches: u64,
    stopped_early: bool,
}

/// Sets the rates, and records the losses.
struct Sweeper {
    range: LrRange,
    sweep: Arc<Mutex<Sweep>>,
    mean: f64,
    best: f64,
    steps: u64,
}

impl<M> Callback<M> for Sweeper {
    fn on_train_batch_start(&mut self, cx: &mut CallbackContext<'_>, _: &mut M) -> Result<()> {
        let rate = self.range.rate(cx.global_step());
        for optimizer in &mut cx.view.train.optimizers {
            optimizer.set_lr(rate)?;
        }
        Ok(())
    }

    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, _: &mut M) -> Result<()> {
        let loss = cx.loss()?;
        let mut sweep = self.sweep.lock().unwrap_or_else(PoisonError::into_inner);
        sweep.batches = cx.batch_step();
        // The other batches of an accumulated step have no rate of their own.
        if cx.global_step() == self.steps {
            return Ok(());
        }
        let rate = self.range.rate(self.steps);
        self.steps = cx.global_step();
        let Some(loss) = loss else { return Ok(()) };
        self.mean = BETA * self.mean + (1.0 - BETA) * loss;
        let count = i32::try_from(sweep.losses.len() + 1).unwrap_or(i32::MAX);
        let smoothed = self.mean / (1.0 - BETA.powi(count));
        let is_first = sweep.losses.is_empty();
        sweep.rates.push(rate);
        sweep.losses.push(smoothed);
        let is_far = self.range.early_stop.is_some_and(|times| !is_first && smoothed > times * self.best);
        let is_broken = self.range.early_stop.is_some() && !smoothed.is_finite();
        if is_first || smoothed < self.best {
            self.best = smoothed;
        }
        if is_far || is_broken {
            sweep.stopped_early = true;
            cx.stop("the loss diverges");
        }
        Ok(())
    }
}

/// The module's optimizer without its schedule, at a rate that the callback replaces.
fn without_schedule<M: ConfigureOptimizers>(module: &M, cx: &FitContext) -> Result<Vec<OptimizerSetup>> {
    let mut setups = module.configure_optimizers(cx)?;
    if setups.len() != 1 {
        return Err(Error::config(format!("`find_lr` needs a module with one optimizer, found {}", setups.len()))
            .help("find the rate of each with a module that has it alone"));
    }
    for setup in &mut setups {
        setup.rate = Rate::Fixed(setup.learning_rate());
    }
    Ok(setups)
}

impl<M: LightningModule> Trainer<M> {
    /// Trains a copy of `module` with rising learning rates, from 1e-8 to 1 in 100 steps, and records
    /// the loss: the range test of L. N. Smith, "Cyclical Learning Rates for Training Neural Networks"
    /// (2017). [`LrFinder::suggestion`] is a rate to start with.
    ///
    /// The test uses the settings of this trainer, without its limits, validation, callbacks and loggers.
    /// Module and trainer are as before, nothing is written, and the next `fit` has the random numbers
    /// that it would have had. The hooks of the module and of the data run.
    ///
    /// ```
    /// # use burn::{nn::*, optim::SgdConfig, prelude::*};
    /// # use lightning_core::prelude::*;
    /// # #[lightning_module]
    /// # #[optimizer(SgdConfig::new(), lr = lr)]
    /// # struct Net {
    /// #     #[init(LinearConfig::new(4, 1).init(device))]
    /// #     layer: Linear,
    /// #     #[hparam(default = 0.1)]
    /// #     lr: f64,
    /// # }
    /// # #[lightning_module]
    /// # impl Net {
    /// #     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
    /// #         (self.layer.forward(batch) - 1.0).square().mean()
    /// #     }
    /// # }
    /// # let mut model = Net::new(NetHparams::default());
    /// # let data = vec![Tensor::<2>::ones([2, 4], &Device::default()); 8];
    /// let mut trainer = Net::trainer().max_epochs(5).no_logger().enable_checkpointing(false).build()?;
    /// let finder = trainer.find_lr(&model, data)?;
    /// if let Some(lr) = finder.suggestion() {
    ///     model.lr = lr;
    /// }
    /// println!("{finder}");
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the module has several optimizers or `#[manual_optimization]`, the trainer several processes,
    /// or a step fails.
    pub fn find_lr<D: FitData<M>>(&mut self, module: &M, data: D) -> Result<LrFinder>
    where
        M: TrainingStep + ConfigureOptimizers,
    {
        self.find_lr_in(module, data, LrRange::default())
    }

    /// As [`find_lr`](Self::find_lr), with other rates.
    ///
    /// # Errors
    /// As [`find_lr`](Self::find_lr), and if the range is not valid.
    pub fn find_lr_in<D: FitData<M>>(&mut self, module: &M, data: D, range: LrRange) -> Result<LrFinder>
    where
        M: TrainingStep + ConfigureOptimizers,
    {
        self.test_rates(module, data.into_run_data(), range)
    }

    pub(super) fn test_rates<'a>(
        &mut self,
        module: &'a M,
        data: Box<dyn RunData<M> + 'a>,
        range: LrRange,
    ) -> Result<LrFinder>
    where
        M: TrainingStep + ConfigureOptimizers,
    {
        self.check_finder("find_lr")?;
        range.check()?;
        if matches!(M::TRAINING, TrainingMode::Manual) {
            return Err(Error::config("`find_lr` is not available with manual optimization")
                .help("set the rate in `training_step`, or write one without `#[manual_optimization]`"));
        }
        let sweep = Arc::new(Mutex::new(Sweep::default()));
        let sweeper = Sweeper { range, sweep: Arc::clone(&sweep), mean: 0.0, best: f64::INFINITY, steps: 0 };
        let mut callbacks: [Box<dyn Callback<M>>; 1] = [Box::new(sweeper)];
        self.try_out(module, data, range.steps, &mut callbacks, without_schedule::<M>)?;
        drop(callbacks);
        let sweep = std::mem::take(&mut *sweep.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(LrFinder {
            range,
            curve: sweep.rates.into_iter().zip(sweep.losses).collect(),
            batches: sweep.batches,
            stopped_early: sweep.stopped_early,
        })
    }
}
