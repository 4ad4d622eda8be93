//! Ends training when a metric stops improving.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use super::{Callback, CallbackContext, CallbackInfo, CallbackOrder};
use crate::{
    error::{Error, Result},
    metrics::{Directed, Direction, KeyRef, Monitor},
    params::{StateReader, StateWriter},
    stage::Stage,
    text::format_metric,
};

/// Ends training when a metric has not improved for [`patience`](Self::patience) checks.
///
/// A check is a validation run, or the end of a training epoch if validation runs once an epoch. A
/// value is an improvement if it is better than the best one so far by more than
/// [`min_delta`](Self::min_delta). A value that is not finite ends training at once.
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
/// let stopping = EarlyStopping::new(Net::VAL_LOSS).patience(5).min_delta(0.01);
/// let trainer = Net::trainer().callback(stopping).build()?;
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
    /// Checks since the last improvement.
    waited: u32,
    /// Whether the metric had a value at any check of this process, and whether it had none.
    seen: bool,
    missed: bool,
    /// The reason of the first request to stop.
    stopped: Option<Stopped>,
    module: PhantomData<fn() -> M>,
}

/// Why training was asked to stop.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stopped {
    why: String,
    /// The patience, if it was exhausted.
    patience: Option<u32>,
}

impl<M> EarlyStopping<M> {
    /// Monitors a metric that was logged with `minimize` or `maximize`.
    ///
    /// The patience is 3 checks and `min_delta` is 0.
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
            seen: false,
            missed: false,
            module: PhantomData,
        }
    }

    /// Sets the number of checks without improvement after which training ends. Default 3.
    #[must_use]
    pub fn patience(mut self, checks: u32) -> Self {
        self.patience = checks;
        self
    }

    /// Sets the difference from the best value that an improvement must exceed, in the metric's
    /// unit. Default 0.
    #[must_use]
    pub fn min_delta(mut self, delta: f64) -> Self {
        self.min_delta = delta.abs();
        self
    }

    /// Sets whether a metric without a value is an error (`true`) or skips the check (`false`).
    /// Default `true`.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Sets whether a value that is not finite ends training. Default `true`.
    #[must_use]
    pub fn check_finite(mut self, check: bool) -> Self {
        self.check_finite = check;
        self
    }

    /// Ends training at a value strictly better than `threshold`.
    #[must_use]
    pub fn stopping_threshold(mut self, threshold: f64) -> Self {
        self.stopping_threshold = Some(threshold);
        self
    }

    /// Ends training at a value strictly worse than `threshold`.
    #[must_use]
    pub fn divergence_threshold(mut self, threshold: f64) -> Self {
        self.divergence_threshold = Some(threshold);
        self
    }

    /// Prints a line at each improvement. Default `false`.
    #[must_use]
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }

    fn look(&mut self, cx: &mut CallbackContext<'_>) -> Result<()> {
        let Some(value) = cx.monitored(self.key, self.strict)? else {
            self.missed = true;
            return Ok(());
        };
        self.seen = true;
        if let Some(why) = self.crossed_limit(value) {
            self.stop(cx, why, None);
        } else if self.improves(value) {
            if self.verbose {
                cx.print(format!("`{}` improved to {}", self.key.display(), format_metric(value)));
            }
            self.best = value;
            self.waited = 0;
        } else {
            self.wait(cx);
        }
        Ok(())
    }

    /// The reason to stop at this value, whatever came before.
    fn crossed_limit(&self, value: f64) -> Option<String> {
        let name = self.key.display();
        if self.check_finite && !value.is_finite() {
            return Some(format!("`{name}` is {value}, which is not finite"));
        }
        if let Some(threshold) = self.stopping_threshold
            && self.direction.is_better(value, threshold)
        {
            return Some(format!("`{name}` is {value}, better than the threshold {threshold}"));
        }
        if let Some(threshold) = self.divergence_threshold
            && self.direction.is_better(threshold, value)
        {
            return Some(format!("`{name}` is {value}, worse than the divergence threshold {threshold}"));
        }
        None
    }

    fn improves(&self, value: f64) -> bool {
        match self.direction {
            Direction::Minimize => value + self.min_delta < self.best,
            Direction::Maximize => value - self.min_delta > self.best,
        }
    }

    /// Counts a check without improvement.
    fn wait(&mut self, cx: &mut CallbackContext<'_>) {
        self.waited = self.waited.saturating_add(1);
        if self.waited >= self.patience {
            let Self { waited, best, .. } = self;
            let checks = if *waited == 1 { "check" } else { "checks" };
            let (name, best) = (self.key.display(), format_metric(*best));
            let why = format!("`{name}` did not improve in {waited} {checks}, best value {best}");
            self.stop(cx, why, Some(self.patience));
        }
    }

    fn stop(&mut self, cx: &mut CallbackContext<'_>, why: String, patience: Option<u32>) {
        cx.stop_early(why.clone());
        // Training may have to continue, for example until `min_epochs`. The first reason is kept.
        self.stopped.get_or_insert(Stopped { why, patience });
    }
}

impl<M> Callback<M> for EarlyStopping<M> {
    fn info(&self) -> CallbackInfo {
        CallbackInfo::new().order(CallbackOrder::Monitor).monitors([self.key.metric().to_owned()])
    }

    fn check(&self) -> Result<()> {
        if !self.min_delta.is_finite() {
            return Err(Error::config(format!(
                "`EarlyStopping`: `min_delta` must be finite, found {}",
                self.min_delta
            ))
            .help("write the smallest improvement in the unit of the metric, such as `.min_delta(0.001)`"));
        }
        for (name, threshold) in
            [("stopping_threshold", self.stopping_threshold), ("divergence_threshold", self.divergence_threshold)]
        {
            if threshold.is_some_and(f64::is_nan) {
                return Err(Error::config(format!("`EarlyStopping`: `{name}` must be a number, found NaN"))
                    .help("write a value of the metric, or remove the setting"));
            }
        }
        Ok(())
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
        // A run that was asked to stop remains so, even if the metric improved before it could
        // stop, unless the resumed program has set a larger patience.
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
        self.look(cx)
    }

    fn on_train_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if self.missed && !self.seen {
            cx.view.console.warn(format!(
                "`EarlyStopping` with `strict(false)` never stopped the run: the metric `{}` had no value at any check",
                self.key.display()
            ));
        }
        Ok(())
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
