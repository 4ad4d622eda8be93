//! Logs learning rates.

use super::{Callback, CallbackContext, CallbackInfo};
use crate::{error::Result, optim::Interval};

/// Logs the learning rate of every optimizer and parameter group.
///
/// ```
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// use lightning_core::{optim::Interval, prelude::*};
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
/// let trainer = Net::trainer().callback(LearningRateMonitor::new().interval(Interval::Step));
/// # let _ = trainer;
/// ```
///
/// The only optimizer of a module is logged by its kind, as `lr-Adam`; the optimizer of a field by
/// its name, as `lr-generator`. Parameter groups append `/pg1`, `/pg2`, ….
///
/// At a step, the learning rate of the update is part of the step's record, as often as
/// `log_every_n_steps` says. At an epoch, the learning rate at its start is a row of its own. Both
/// are logged, unless [`interval`](Self::interval) selects one. `build` rejects it without a logger.
///
/// The last rates are also among the metrics of the run, where callbacks can monitor them:
/// `EarlyStopping::new(MetricKey::named("lr-Adam").minimize())`.
#[derive(Clone, Debug, Default)]
pub struct LearningRateMonitor {
    interval: Option<Interval>,
    prefix: String,
}

impl LearningRateMonitor {
    /// Logs both at steps and at epochs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Logs only at steps or only at epochs.
    #[must_use]
    pub fn interval(mut self, interval: Interval) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Sets a prefix of all names. Default: none.
    #[must_use]
    pub fn log_key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Returns the current learning rates with their names.
    fn rates(&self, cx: &CallbackContext<'_>) -> Vec<(String, f64)> {
        let named = |name: &str| format!("{}lr-{name}", self.prefix);
        match cx.view.train.optimizers.as_slice() {
            // The name of an only optimizer says nothing, so its kind is shown in place of it.
            [only] => {
                let (name, kind) = (only.name(), kind(only.describe()));
                let rates = cx.learning_rates().into_iter();
                rates.map(|(key, lr)| (named(&key.replacen(name, kind, 1)), lr)).collect()
            }
            _ => cx.learning_rates().into_iter().map(|(key, lr)| (named(&key), lr)).collect(),
        }
    }
}

/// Returns `Adam` for `AdamConfig { … }`.
fn kind(description: &str) -> &str {
    let end = description.find(|c: char| !c.is_alphanumeric()).unwrap_or(description.len());
    let name = description.get(..end).unwrap_or(description);
    name.strip_suffix("Config").unwrap_or(name)
}

impl<M> Callback<M> for LearningRateMonitor {
    fn info(&self) -> CallbackInfo {
        CallbackInfo::new().needs_logger("LearningRateMonitor")
    }

    fn on_train_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        // A step is logged later, or in no epoch.
        let rates = self.rates(cx);
        cx.set_current(&rates);
        Ok(())
    }

    fn on_train_epoch_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if self.interval == Some(Interval::Step) {
            return Ok(());
        }
        let rates = self.rates(cx);
        cx.set_current(&rates);
        cx.log_row(rates)
    }

    fn on_before_optimizer_step(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if self.interval == Some(Interval::Epoch) || !cx.logs_step(cx.global_step() + 1) {
            return Ok(());
        }
        for (name, lr) in self.rates(cx) {
            cx.log(&name, &lr);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::kind;

    #[test]
    fn the_kind_is_the_name_of_the_configuration() {
        assert_eq!(kind("AdamConfig { beta_1: 0.9 }"), "Adam");
        assert_eq!(kind("Sgd"), "Sgd");
        assert_eq!(kind(""), "");
    }
}
