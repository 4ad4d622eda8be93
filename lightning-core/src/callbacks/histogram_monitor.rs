//! Logs histograms of parameters and gradients, and how far each update moves a parameter.

mod taken;

use self::taken::Taken;
use super::{Callback, CallbackContext, CallbackInfo, select};
use crate::{
    console::table,
    error::{Error, Result},
    loggers::{Histogram, Record},
    module::LightningModule,
    params::{IntoParamSelector, ParamSelector, visit},
};

/// Logs histograms of weights and gradients, and the ratio of update to weight, of every parameter.
///
/// ```
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// use lightning_core::{callbacks::HistogramMonitor, params, prelude::*};
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
///
/// let monitor = HistogramMonitor::new().every_n_steps(200).parameters(params::regex("weight$"));
/// let trainer = Net::trainer().callback(monitor);
/// # let _ = trainer;
/// ```
///
/// At every `every_n_steps`-th optimizer step, for each parameter with its path in the module:
///
/// | name | value |
/// |---|---|
/// | `weights/<path>` | a histogram of the values after the update |
/// | `gradients/<path>` | a histogram of the gradient of the update, before clipping |
/// | `update_ratio/<path>` | the Euclidean norm of the update, divided by that of the old values |
///
/// A gradient is the mean over the batches of an accumulation, without the loss scale of
/// `16-mixed`. Ratios are one row for the loggers, and callbacks can monitor the last ones. Around
/// 1e-3 is usual: much more hints at a learning rate that is too high, much less at one that is too
/// low. A parameter whose values were all 0 has no ratio.
///
/// NaN and infinite values are counted in [`Histogram::non_finite`], in no bin. A step that is
/// skipped because its gradients are not finite is not logged; the next one is. With several
/// optimizers a gradient is that of the last update in the step. L-BFGS has no gradients here.
///
/// Everything of a step is read in one transaction. The values before the update are kept until
/// then, which takes the memory of the parameters once more. Other steps cost nothing. `build`
/// rejects the callback without a logger.
#[derive(Clone, Debug)]
pub struct HistogramMonitor {
    every_n_steps: u64,
    bins: usize,
    weights: bool,
    gradients: bool,
    update_ratio: bool,
    selectors: Vec<ParamSelector>,
    /// What was taken before the update of the step in progress.
    taken: Option<Taken>,
}

impl Default for HistogramMonitor {
    fn default() -> Self {
        Self {
            every_n_steps: 100,
            bins: 64,
            weights: true,
            gradients: true,
            update_ratio: true,
            selectors: Vec::new(),
            taken: None,
        }
    }
}

impl HistogramMonitor {
    /// Logs everything at every 100th optimizer step.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of optimizer steps from one log to the next; at least 1. Default 100.
    #[must_use]
    pub fn every_n_steps(mut self, steps: u64) -> Self {
        self.every_n_steps = steps;
        self
    }

    /// Sets the number of bins of each histogram; at least 1. Default 64.
    #[must_use]
    pub fn bins(mut self, bins: usize) -> Self {
        self.bins = bins;
        self
    }

    /// Sets whether weights are logged. Default `true`.
    #[must_use]
    pub fn weights(mut self, logged: bool) -> Self {
        self.weights = logged;
        self
    }

    /// Sets whether gradients are logged. Default `true`.
    #[must_use]
    pub fn gradients(mut self, logged: bool) -> Self {
        self.gradients = logged;
        self
    }

    /// Sets whether the ratios of update to weight are logged. Default `true`.
    #[must_use]
    pub fn update_ratio(mut self, logged: bool) -> Self {
        self.update_ratio = logged;
        self
    }

    /// Adds parameters to log: a field (`Net::BODY`), `params::regex("weight$")` or
    /// `params::below("blocks.0")`.
    ///
    /// Default: all parameters that are trainable in the step.
    #[must_use]
    pub fn parameters(mut self, selector: impl IntoParamSelector) -> Self {
        self.selectors.push(selector.into_selector());
        self
    }

    fn is_due(&self, step: u64) -> bool {
        step.is_multiple_of(self.every_n_steps)
    }
}

impl<M: LightningModule> Callback<M> for HistogramMonitor {
    fn info(&self) -> CallbackInfo {
        CallbackInfo::new().needs_logger("HistogramMonitor")
    }

    fn check(&self) -> Result<()> {
        for (name, found, default) in [("every_n_steps", self.every_n_steps, 100), ("bins", self.bins as u64, 64)] {
            if found == 0 {
                let what = format!("`HistogramMonitor`: `{name}` must be at least 1, found 0");
                return Err(Error::config(what).help(format!("write `.{name}({default})`")));
            }
        }
        if !(self.weights || self.gradients || self.update_ratio) {
            let what = "`HistogramMonitor` must have something to log, found weights, gradients and ratios turned off";
            return Err(Error::config(what).help("leave one of them on, or remove the callback"));
        }
        self.selectors.iter().try_for_each(ParamSelector::check)
    }

    fn on_fit_start(&mut self, _cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        self.taken = None;
        if !self.selectors.is_empty() && select::indices(module, &self.selectors)?.is_empty() {
            let selectors: Vec<String> = self.selectors.iter().map(ToString::to_string).collect();
            let found = table::listed(selectors.iter().map(String::as_str));
            return Err(Error::config(format!(
                "`HistogramMonitor` needs at least one parameter, found none in {found}"
            ))
            .help("name fields with parameters, or remove `.parameters(…)` to log all trainable parameters"));
        }
        Ok(())
    }

    fn on_before_optimizer_step(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        let step = cx.global_step() + 1;
        if !self.is_due(step) {
            return Ok(());
        }
        // What a skipped step has left is of no use; the first of several updates of a step has the
        // values before all of them.
        let mut taken = self
            .taken
            .take()
            .filter(|taken| taken.is_of(step, cx.batch_step()))
            .unwrap_or_else(|| Taken::new(step, cx.batch_step()));
        let indices = select::indices(module, &self.selectors)?;
        let gradients = self.gradients.then(|| cx.view.train.accumulators.get(cx.view.train.updating)).flatten();
        visit(module, &mut taken.before(&indices, gradients))?;
        self.taken = Some(taken);
        Ok(())
    }

    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        let Some(mut taken) = self.taken.take().filter(|taken| taken.has_ended(cx.global_step())) else {
            return Ok(());
        };
        visit(module, &mut taken.after())?;
        let read = taken.read(self.weights, self.update_ratio)?;
        for (name, values) in read.histograms {
            cx.log_histogram(&name, Histogram::of(values, self.bins));
        }
        if !read.ratios.is_empty() {
            cx.set_current(&read.ratios);
            let (epoch, batch) = (cx.current_epoch(), cx.view.progress.batch_idx);
            let (batches, step) = (cx.batch_step(), cx.global_step());
            cx.loggers.log(Record::new(cx.view.stage(), epoch, Some(batch), batches, step, read.ratios))?;
        }
        Ok(())
    }
}
