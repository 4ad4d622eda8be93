//! Ends the run when a metric stops improving.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use super::{Callback, CallbackContext, CallbackInfo, CallbackOrder};
use crate::{
    error::Result,
    metrics::{Directed, Direction, KeyRef, Monitor},
    params::{StateReader, StateWriter},
    stage::Stage,
};

/// Ends the run when a metric has not improved for a number of checks.
///
/// A check is a validation run, or the end of a training epoch when validation runs once an epoch. An improvement is
/// strictly better than the best value so far by more than `min_delta`. A value that is not finite ends the run at once.
///
/// ```
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// # use lightning_core::prelude::*;
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
/// #     fn validation_step(&self, batch: Tensor<2>) {
/// #         #[log(minimize)]
/// #         let val_loss = self.layer.forward(batch).mean();
/// #     }
/// # }
/// let trainer = Net::trainer().callback(EarlyStopping::new(Net::VAL_LOSS).patience(3).min_delta(0.01)).build()?;
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Debug)]
pub struct EarlyStopping<M> {
    key: KeyRef,
    direction: Direction,
    patience: u32,
    min_delta: f64,
    strict: bool,
    check_finite: bool,
    stopping_threshold: Option<f64>,
    divergence_threshold: Option<f64>,
    verbose: bool,
    best: f64,
    waited: u32,
    /// Why it has asked for the end of the run.
    stopped: Option<Stopped>,
    module: PhantomData<fn() -> M>,
}

/// Why a run was asked to end.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stopped {
    why: String,
    /// The patience that was at its end, where that was the reason.
    patience: Option<u32>,
}

impl<M> EarlyStopping<M> {
    /// Watches a metric that says which way is better. Patience 3, no minimal difference.
    pub fn new<K: Monitor<M>>(monitor: K) -> Self {
        Self {
            key: monitor.key().into(),
            direction: <K::Direction as Directed>::DIRECTION,
            patience: 3,
            min_delta: 0.0,
            strict: true,
            check_finite: true,
            stopping_threshold: None,
            divergence_threshold: None,
            verbose: false,
            best: <K::Direction as Directed>::DIRECTION.worst(),
            waited: 0,
            stopped: None,
            module: PhantomData,
        }
    }

    /// Checks without an improvement after which the run ends.
    #[must_use]
    pub fn patience(mut self, checks: u32) -> Self {
        self.patience = checks;
        self
    }

    /// How much better a value has to be to count.
    #[must_use]
    pub fn min_delta(mut self, delta: f64) -> Self {
        self.min_delta = delta.abs();
        self
    }

    /// Whether a missing value is an error (the default) or skips the check.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Whether a value that is not finite ends the run (the default).
    #[must_use]
    pub fn check_finite(mut self, check: bool) -> Self {
        self.check_finite = check;
        self
    }

    /// A value strictly better than this ends the run: it is good enough.
    #[must_use]
    pub fn stopping_threshold(mut self, threshold: f64) -> Self {
        self.stopping_threshold = Some(threshold);
        self
    }

    /// A value strictly worse than this ends the run: it has diverged.
    #[must_use]
    pub fn divergence_threshold(mut self, threshold: f64) -> Self {
        self.divergence_threshold = Some(threshold);
        self
    }

    /// Prints a line at each improvement.
    #[must_use]
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }

    fn check(&mut self, cx: &mut CallbackContext<'_>) -> Result<()> {
        let Some(value) = cx.monitored(self.key, self.strict)? else { return Ok(()) };
        let name = self.key.display();
        if self.check_finite && !value.is_finite() {
            self.stop(cx, format!("`{name}` is {value}, which is not finite"), None);
            return Ok(());
        }
        let better = |a: f64, b: f64| self.direction.is_better(a, b);
        if let Some(threshold) = self.stopping_threshold
            && better(value, threshold)
        {
            self.stop(cx, format!("`{name}` is {value}, better than the threshold {threshold}"), None);
            return Ok(());
        }
        if let Some(threshold) = self.divergence_threshold
            && better(threshold, value)
        {
            self.stop(cx, format!("`{name}` is {value}, worse than the divergence threshold {threshold}"), None);
            return Ok(());
        }
        let improved = match self.direction {
            Direction::Minimize => value + self.min_delta < self.best,
            Direction::Maximize => value - self.min_delta > self.best,
        };
        if improved {
            if self.verbose {
                cx.print(format!("`{name}` improved to {value}"));
            }
            self.best = value;
            self.waited = 0;
            return Ok(());
        }
        self.waited = self.waited.saturating_add(1);
        if self.waited >= self.patience {
            let Self { waited, best, .. } = self;
            let checks = if *waited == 1 { "check" } else { "checks" };
            let why = format!("`{name}` did not improve in {waited} {checks}, best value {best}");
            self.stop(cx, why, Some(self.patience));
        }
        Ok(())
    }

    fn stop(&mut self, cx: &mut CallbackContext<'_>, why: String, patience: Option<u32>) {
        cx.stop_early(why.clone());
        // A run goes on for a while where it has to; the first reason is the one that ends it.
        self.stopped.get_or_insert(Stopped { why, patience });
    }
}

impl<M> Callback<M> for EarlyStopping<M> {
    fn info(&self) -> CallbackInfo {
        CallbackInfo::new().order(CallbackOrder::Monitor).monitors([self.key.metric().to_owned()])
    }

    fn state_key(&self) -> String {
        format!("EarlyStopping({}, {})", self.key.display(), format!("{:?}", self.direction).to_lowercase())
    }

    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        state.put_number("best", self.best);
        state.put("waited", &self.waited)?;
        state.put("stopped", &self.stopped)
    }

    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        state.get_number("best", &mut self.best)?;
        state.get("waited", &mut self.waited)?;
        state.get("stopped", &mut self.stopped)
    }

    fn on_load_checkpoint(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        // A run that had been asked to end stays so, whatever the metric did until it could, unless the program has more patience.
        let now = self.patience;
        self.stopped = self.stopped.take().filter(|stopped| stopped.patience.is_none_or(|then| now <= then));
        if let Some(stopped) = &self.stopped {
            cx.stop_early(stopped.why.clone());
        }
        Ok(())
    }

    fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if cx.is_quiet() || !cx.monitors_at_epoch_end() {
            return Ok(());
        }
        self.check(cx)
    }

    fn on_validation_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if cx.is_quiet()
            || cx.monitors_at_epoch_end()
            || cx.stage() != Stage::Validate
            || !cx.view.progress.validation.enabled
        {
            return Ok(());
        }
        self.check(cx)
    }
}
