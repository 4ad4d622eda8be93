//! Logs throughput.

mod meter;

use std::time::Instant;

use self::meter::{Meter, Totals};
use super::{Callback, CallbackContext, CallbackInfo, logged_steps::LoggedSteps};
use crate::{
    error::{Error, Result},
    stage::Stage,
};

/// Logs batches and samples per second, over a window of the last batches.
///
/// ```
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// use lightning_core::{callbacks::ThroughputMonitor, prelude::*};
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
/// let monitor = ThroughputMonitor::new().window_size(50).items_per_sample(1024.0);
/// let trainer = Net::trainer().callback(monitor);
/// # let _ = trainer;
/// ```
///
/// The names start with the stage, `train`, `validate`, `test` or `predict`:
///
/// | name | value |
/// |---|---|
/// | `train/time` | seconds since the stage started |
/// | `train/batches`, `train/samples` | batches and samples since the stage started |
/// | `train/lengths` | items since the stage started, if `items_per_sample` is set |
/// | `train/device/batches_per_sec` | batches per second over the last `window_size` batches |
/// | `train/device/samples_per_sec` | samples per second over the same window |
/// | `train/device/items_per_sec` | items per second, if `items_per_sample` is set |
/// | `train/device/flops_per_sec` | FLOP per second, if `flops_per_sample` or `flops` is set |
/// | `train/device/mfu` | used fraction of the available FLOP per second, with [`flops`](Self::flops) |
///
/// Rates are logged once the window is full. In training they are part of the records of logged
/// steps, and the time of validation runs is excluded. Other stages log one row at their end.
///
/// A batch counts when the host has finished with it. A device can lag behind by the work that is
/// queued, which averages out over the window. `build` rejects the callback without
/// a logger.
#[derive(Clone, Debug)]
pub struct ThroughputMonitor {
    window_size: usize,
    separator: String,
    items_per_sample: Option<f64>,
    flops_per_sample: Option<f64>,
    available_flops: Option<f64>,
    steps: LoggedSteps,
    training: Meter,
    /// The validation, test or prediction in progress.
    evaluation: Meter,
    /// When the validation in progress interrupted training.
    paused: Option<Instant>,
}

impl Default for ThroughputMonitor {
    fn default() -> Self {
        Self {
            window_size: 100,
            separator: "/".to_owned(),
            items_per_sample: None,
            flops_per_sample: None,
            available_flops: None,
            steps: LoggedSteps::default(),
            training: Meter::default(),
            evaluation: Meter::default(),
            paused: None,
        }
    }
}

impl ThroughputMonitor {
    /// Computes rates over the last 100 batches.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of batches that rates are computed over; at least 2. Default 100.
    #[must_use]
    pub fn window_size(mut self, batches: usize) -> Self {
        self.window_size = batches;
        self
    }

    /// Sets the separator between the parts of a name. Default `/`.
    #[must_use]
    pub fn separator(mut self, separator: impl Into<String>) -> Self {
        self.separator = separator.into();
        self
    }

    /// Sets the number of items in a sample, such as the tokens of a sequence.
    #[must_use]
    pub fn items_per_sample(mut self, items: f64) -> Self {
        self.items_per_sample = Some(items);
        self
    }

    /// Sets the number of floating-point operations that a sample takes, backward pass included.
    #[must_use]
    pub fn flops_per_sample(mut self, flops: f64) -> Self {
        self.flops_per_sample = Some(flops);
        self
    }

    /// Sets the number of floating-point operations that a sample takes, backward pass included,
    /// and the peak number per second of the device, to log `mfu` (model FLOPs utilization) too.
    ///
    /// ```
    /// use lightning_core::callbacks::ThroughputMonitor;
    ///
    /// let monitor = ThroughputMonitor::new().flops(2.5e9, 989e12);
    /// # let _ = monitor;
    /// ```
    #[must_use]
    pub fn flops(mut self, per_sample: f64, available: f64) -> Self {
        self.flops_per_sample = Some(per_sample);
        self.available_flops = Some(available);
        self
    }

    /// Returns the values to log for a stage.
    fn row(&self, stage: &str, meter: &Meter) -> Vec<(String, f64)> {
        let separator = &self.separator;
        let total = |name: &str| format!("{stage}{separator}{name}");
        let rate = |name: &str| format!("{stage}{separator}device{separator}{name}");
        let Totals { time, batches, samples } = meter.totals;
        let mut row = vec![
            (total("time"), time.as_secs_f64()),
            (total("batches"), batches as f64),
            (total("samples"), samples as f64),
        ];
        if let Some(items) = self.items_per_sample {
            row.push((total("lengths"), samples as f64 * items));
        }
        if let Some((batches, samples)) = meter.rates(self.window_size) {
            row.extend([(rate("batches_per_sec"), batches), (rate("samples_per_sec"), samples)]);
            if let Some(items) = self.items_per_sample {
                row.push((rate("items_per_sec"), samples * items));
            }
            if let Some(flops) = self.flops_per_sample.map(|flops| samples * flops) {
                row.push((rate("flops_per_sec"), flops));
                row.extend(self.available_flops.map(|available| (rate("mfu"), flops / available)));
            }
        }
        row
    }

    fn start(&mut self, cx: &CallbackContext<'_>) {
        if !cx.is_sanity_checking() {
            let now = Instant::now();
            self.evaluation.start(now);
            self.paused = Some(now);
        }
    }

    fn batch(&mut self, cx: &CallbackContext<'_>) {
        if !cx.is_sanity_checking() {
            self.evaluation.batch(Instant::now(), samples(cx), self.window_size);
        }
    }

    fn end(&mut self, cx: &mut CallbackContext<'_>, stage: &str) -> Result<()> {
        if cx.is_sanity_checking() || cx.is_failing() {
            return Ok(());
        }
        let row = self.row(stage, &self.evaluation);
        cx.log_row(row)
    }
}

fn samples(cx: &CallbackContext<'_>) -> u64 {
    cx.view.progress.batch_size.unwrap_or(0) as u64
}

impl<M> Callback<M> for ThroughputMonitor {
    fn info(&self) -> CallbackInfo {
        CallbackInfo::new().needs_logger("ThroughputMonitor")
    }

    fn check(&self) -> Result<()> {
        for (name, value) in [
            ("items_per_sample", self.items_per_sample),
            ("flops_per_sample", self.flops_per_sample),
            ("flops(…, available)", self.available_flops),
        ] {
            if let Some(found) = value.filter(|value| !(value.is_finite() && *value > 0.0)) {
                let what = format!("`ThroughputMonitor`: `{name}` must be positive and finite, found {found:?}");
                return Err(Error::config(what).help("write a positive number, or remove the setting"));
            }
        }
        if self.window_size < 2 {
            let found = self.window_size;
            return Err(Error::config(format!("`ThroughputMonitor`: `window_size` must be at least 2, found {found}"))
                .help("write `.window_size(100)`: a rate needs the first and the last batch of a window"));
        }
        Ok(())
    }

    fn setup(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if cx.stage() == Stage::Fit {
            self.training = Meter::default();
        }
        Ok(())
    }

    fn on_train_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.steps.start(cx);
        self.training.start(Instant::now());
        Ok(())
    }

    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.training.batch(Instant::now(), samples(cx), self.window_size);
        // Only after the last batch of an accumulation, so that the time of the update is included.
        if self.steps.is_due(cx) {
            for (name, value) in self.row("train", &self.training) {
                cx.log(&name, &value);
            }
        }
        Ok(())
    }

    fn on_validation_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.start(cx);
        Ok(())
    }

    fn on_validation_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.batch(cx);
        Ok(())
    }

    fn on_validation_epoch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.end(cx, "validate")
    }

    fn on_validation_end(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if let Some(paused) = self.paused.take() {
            self.training.skip(paused.elapsed());
        }
        Ok(())
    }

    fn on_test_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.start(cx);
        Ok(())
    }

    fn on_test_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.batch(cx);
        Ok(())
    }

    fn on_test_epoch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.end(cx, "test")
    }

    fn on_predict_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.start(cx);
        Ok(())
    }

    fn on_predict_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.batch(cx);
        Ok(())
    }

    fn on_predict_epoch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.end(cx, "predict")
    }
}

#[cfg(test)]
mod tests;
