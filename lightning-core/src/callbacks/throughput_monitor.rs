//! Logs how fast a run is.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{Callback, CallbackContext, logged_steps::LoggedSteps};
use crate::{
    error::{Error, Result},
    stage::Stage,
};

/// Logs batches and samples per second, over the last batches.
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
/// The names begin with the stage, `train`, `validate`, `test` or `predict`:
///
/// | name | what |
/// |---|---|
/// | `train/time`, `train/batches`, `train/samples` | seconds, batches and samples since the stage began |
/// | `train/lengths` | items since then, when [`items_per_sample`](Self::items_per_sample) is set |
/// | `train/device/batches_per_sec`, `train/device/samples_per_sec` | over the last `window_size` batches |
/// | `train/device/items_per_sec` | the same of items |
/// | `train/device/flops_per_sec`, `train/device/mfu` | when [`flops_per_sample`](Self::flops_per_sample) and [`available_flops`](Self::available_flops) are set |
///
/// The rates come once the window is full. In training they are in the records of the steps that are logged, and validation runs in
/// between do not count; of other stages there is a row at the end. A batch counts when the host is done with it: a device may lag
/// behind by the work it has queued, which evens out over a window. A run without a logger is an error.
#[derive(Clone, Debug)]
pub struct ThroughputMonitor {
    window_size: usize,
    separator: String,
    items_per_sample: Option<f64>,
    flops_per_sample: Option<f64>,
    available_flops: Option<f64>,
    steps: LoggedSteps,
    /// Training, and whichever evaluation is going on.
    training: Meter,
    evaluation: Meter,
    /// When the validation in progress inside training began.
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

/// What has been done since a stage began.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Totals {
    time: Duration,
    batches: u64,
    samples: u64,
}

/// The totals now and after each of the last batches.
#[derive(Clone, Debug, Default)]
struct Meter {
    started: Option<Instant>,
    totals: Totals,
    window: VecDeque<Totals>,
}

impl Meter {
    fn start(&mut self, now: Instant) {
        *self = Self { started: Some(now), ..Self::default() };
    }

    /// Takes time out that was spent on something else.
    fn skip(&mut self, time: Duration) {
        self.started = self.started.map(|started| started + time);
    }

    fn batch(&mut self, now: Instant, samples: u64, window: usize) {
        let Some(started) = self.started else { return };
        self.totals.time = now.saturating_duration_since(started);
        self.totals.batches += 1;
        self.totals.samples += samples;
        if self.window.len() == window {
            self.window.pop_front();
        }
        self.window.push_back(self.totals);
    }

    /// Batches and samples per second, once the window is full.
    fn rates(&self, window: usize) -> Option<(f64, f64)> {
        let (first, last) = (self.window.front()?, self.window.back()?);
        let seconds = (last.time - first.time).as_secs_f64();
        let full = self.window.len() == window && seconds > 0.0;
        full.then(|| ((last.batches - first.batches) as f64 / seconds, (last.samples - first.samples) as f64 / seconds))
    }
}

impl ThroughputMonitor {
    /// Over the last 100 batches.
    pub fn new() -> Self {
        Self::default()
    }

    /// Over how many batches the rates are taken; at least 2.
    #[must_use]
    pub fn window_size(mut self, batches: usize) -> Self {
        self.window_size = batches;
        self
    }

    /// What separates the parts of a name.
    #[must_use]
    pub fn separator(mut self, separator: impl Into<String>) -> Self {
        self.separator = separator.into();
        self
    }

    /// Items in a sample, such as the tokens of a sequence.
    #[must_use]
    pub fn items_per_sample(mut self, items: f64) -> Self {
        self.items_per_sample = Some(items);
        self
    }

    /// Floating-point operations that one sample takes, the backward pass included.
    #[must_use]
    pub fn flops_per_sample(mut self, flops: f64) -> Self {
        self.flops_per_sample = Some(flops);
        self
    }

    /// Floating-point operations per second that the device could do: with it, the share that is used is logged as `mfu`.
    #[must_use]
    pub fn available_flops(mut self, per_second: f64) -> Self {
        self.available_flops = Some(per_second);
        self
    }

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
    fn setup(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if self.window_size < 2 {
            return Err(Error::config(format!("`ThroughputMonitor`: `window_size` is {}", self.window_size))
                .help("give at least 2: a rate is taken between the first batch of the window and the last"));
        }
        if cx.stage() == Stage::Fit {
            self.training = Meter::default();
        }
        Ok(())
    }

    fn on_train_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        cx.check_logger("ThroughputMonitor")?;
        self.steps.start(cx);
        self.training.start(Instant::now());
        Ok(())
    }

    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.training.batch(Instant::now(), samples(cx), self.window_size);
        // Only when the window of accumulation is over, so that the update's time is in it.
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
mod tests {
    use super::*;

    fn value(row: &[(String, f64)], name: &str) -> Option<f64> {
        row.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// A batch of 4 samples every half second, a window of 3 batches: it spans one second and two batches.
    #[test]
    fn rates_are_taken_over_a_full_window() {
        let start = Instant::now();
        let monitor =
            ThroughputMonitor::new().window_size(3).items_per_sample(10.0).flops_per_sample(1e9).available_flops(32e9);
        let mut meter = Meter::default();
        meter.start(start);
        for batch in 1..=2 {
            meter.batch(start + Duration::from_millis(500 * batch), 4, 3);
        }
        let row = monitor.row("train", &meter);
        assert_eq!(value(&row, "train/samples"), Some(8.0));
        assert_eq!(value(&row, "train/lengths"), Some(80.0));
        assert_eq!(value(&row, "train/device/batches_per_sec"), None);

        meter.batch(start + Duration::from_millis(1500), 4, 3);
        let row = monitor.row("train", &meter);
        assert_eq!(value(&row, "train/time"), Some(1.5));
        assert_eq!(value(&row, "train/batches"), Some(3.0));
        assert_eq!(value(&row, "train/device/batches_per_sec"), Some(2.0));
        assert_eq!(value(&row, "train/device/samples_per_sec"), Some(8.0));
        assert_eq!(value(&row, "train/device/items_per_sec"), Some(80.0));
        assert_eq!(value(&row, "train/device/flops_per_sec"), Some(8e9));
        assert_eq!(value(&row, "train/device/mfu"), Some(0.25));
    }

    #[test]
    fn a_window_forgets_and_a_pause_does_not_count() {
        let start = Instant::now();
        let mut meter = Meter::default();
        meter.start(start);
        // Two slow batches, a pause of ten seconds, then a batch of 6 samples each second.
        meter.batch(start + Duration::from_secs(5), 1, 2);
        meter.batch(start + Duration::from_secs(10), 1, 2);
        meter.skip(Duration::from_secs(10));
        meter.batch(start + Duration::from_secs(21), 6, 2);
        assert_eq!(meter.rates(2), Some((1.0, 6.0)));
        assert_eq!(meter.totals, Totals { time: Duration::from_secs(11), batches: 3, samples: 8 });
    }
}
