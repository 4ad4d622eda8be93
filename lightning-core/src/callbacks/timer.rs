//! Measures the time of a run, and ends it when that is up.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{Callback, CallbackContext};
use crate::{
    error::{Error, Result},
    optim::Interval,
    params::state::{StateReader, StateWriter},
    settings::IntoMaxTime,
    stage::Stage,
    trainer::report::StopReason,
};

/// Measures the time of each stage, and ends training when a given time is up.
///
/// A clone is a handle on the same clocks, to read them after the run:
///
/// ```
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// use lightning_core::{callbacks::Timer, prelude::*};
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
/// let timer = Timer::new("00:12:00:00"); // twelve hours
/// let mut trainer = Net::trainer().max_epochs(2).callback(timer.clone())
/// #   .no_logger().enable_checkpointing(false)
/// #   .enable_progress_bar(false).enable_model_summary(false)
///     .build()?;
/// trainer.fit(&mut net, data)?;
/// println!("trained for {:?}", timer.time_elapsed(Stage::Fit));
/// # assert!(timer.time_remaining().is_some_and(|left| left < std::time::Duration::from_secs(12 * 3600)));
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// The time of validation runs counts as training time as well, and a resumed run goes on with what is left. `min_epochs` and
/// `min_steps` come first. With a duration of zero nothing is trained.
#[derive(Clone, Debug)]
pub struct Timer {
    clocks: Arc<Mutex<Clocks>>,
    /// A text that is no time is reported when the run begins.
    duration: Option<Result<Duration, String>>,
    interval: Interval,
    verbose: bool,
}

/// The clocks of all stages, in the order of [`Stage`].
type Clocks = [Clock; 4];

#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    /// The time of the stretches that are over, those before a resume included.
    counted: Duration,
    /// When the stretch in progress began.
    running: Option<Instant>,
    started: Option<Instant>,
    ended: Option<Instant>,
}

impl Clock {
    fn start(&mut self, now: Instant) {
        self.started.get_or_insert(now);
        self.running = Some(now);
    }

    fn stop(&mut self, now: Instant) {
        if let Some(since) = self.running.take() {
            self.counted += now - since;
            self.ended = Some(now);
        }
    }

    fn elapsed(&self, now: Instant) -> Duration {
        self.counted + self.running.map_or(Duration::ZERO, |since| now - since)
    }
}

impl Default for Timer {
    /// Measures, and ends nothing.
    fn default() -> Self {
        Self { clocks: Arc::default(), duration: None, interval: Interval::Step, verbose: true }
    }
}

impl Timer {
    /// Ends training after this time: a [`Duration`] or `"DD:HH:MM:SS"`.
    pub fn new(duration: impl IntoMaxTime) -> Self {
        let duration = duration.into_max_time().map_err(|error| error.message().to_owned());
        Self { duration: Some(duration), ..Self::default() }
    }

    /// Whether the time is looked at after every batch (the default) or after every epoch.
    #[must_use]
    pub fn interval(mut self, interval: Interval) -> Self {
        self.interval = interval;
        self
    }

    /// Whether a line is printed when the time is up (the default).
    #[must_use]
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }

    /// The time spent in a stage, up to now while it is going on.
    pub fn time_elapsed(&self, stage: Stage) -> Duration {
        self.clock(stage).elapsed(Instant::now())
    }

    /// What is left for training; `None` without a limit.
    pub fn time_remaining(&self) -> Option<Duration> {
        let limit = self.duration.as_ref()?.as_ref().ok()?;
        Some(limit.saturating_sub(self.time_elapsed(Stage::Fit)))
    }

    /// When a stage began in this process.
    pub fn start_time(&self, stage: Stage) -> Option<Instant> {
        self.clock(stage).started
    }

    /// When a stage last ended in this process.
    pub fn end_time(&self, stage: Stage) -> Option<Instant> {
        self.clock(stage).ended
    }

    fn clocks(&self) -> MutexGuard<'_, Clocks> {
        // A clock is a plain value: a thread that panicked while holding it left it whole.
        self.clocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clock(&self, stage: Stage) -> Clock {
        self.clocks()[stage as usize]
    }

    fn start(&self, stage: Stage) {
        self.clocks()[stage as usize].start(Instant::now());
    }

    fn stop(&self, stage: Stage) {
        self.clocks()[stage as usize].stop(Instant::now());
    }

    fn check(&self, cx: &mut CallbackContext<'_>) {
        let (Some(left), None) = (self.time_remaining(), &cx.run.stop) else { return };
        if !left.is_zero() {
            return;
        }
        cx.run.stop = Some(StopReason::TimeLimit);
        if self.verbose {
            let seconds = self.time_elapsed(Stage::Fit).as_secs();
            let (minutes, hours) = (seconds / 60 % 60, seconds / 3600);
            cx.print(format!("the time is up after {hours}:{minutes:02}:{:02}: stopping", seconds % 60));
        }
    }
}

impl<M> Callback<M> for Timer {
    fn setup(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if let Some(Err(what)) = &self.duration {
            return Err(Error::config(format!("the duration of `Timer`: {what}"))
                .help("write \"DD:HH:MM:SS\", as in \"00:01:30:00\", or give a `Duration`"));
        }
        // A run counts its own time; what a resumed one takes over comes after this.
        let mut clocks = self.clocks();
        clocks[cx.stage() as usize] = Clock::default();
        if cx.stage() == Stage::Fit {
            clocks[Stage::Validate as usize] = Clock::default();
        }
        Ok(())
    }

    fn on_fit_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        // Whatever the interval: a resumed run may have none left.
        self.check(cx);
        Ok(())
    }

    fn on_train_start(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.start(Stage::Fit);
        Ok(())
    }

    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if self.interval == Interval::Step {
            self.check(cx);
        }
        Ok(())
    }

    fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if self.interval == Interval::Epoch {
            self.check(cx);
        }
        Ok(())
    }

    fn on_train_end(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.stop(Stage::Fit);
        Ok(())
    }

    fn on_validation_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if !cx.is_sanity_checking() {
            self.start(Stage::Validate);
        }
        Ok(())
    }

    fn on_validation_end(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.stop(Stage::Validate);
        Ok(())
    }

    fn on_test_start(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.start(Stage::Test);
        Ok(())
    }

    fn on_test_end(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.stop(Stage::Test);
        Ok(())
    }

    fn on_predict_start(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.start(Stage::Predict);
        Ok(())
    }

    fn on_predict_end(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.stop(Stage::Predict);
        Ok(())
    }

    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        state.put("fit", &self.time_elapsed(Stage::Fit))?;
        state.put("validate", &self.time_elapsed(Stage::Validate))
    }

    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        let mut clocks = self.clocks();
        state.get("fit", &mut clocks[Stage::Fit as usize].counted)?;
        state.get("validate", &mut clocks[Stage::Validate as usize].counted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_adds_its_stretches() {
        let at = |seconds| Instant::now() + Duration::from_secs(seconds);
        let (zero, one, three, six, ten) = (at(0), at(1), at(3), at(6), at(10));
        let mut clock = Clock { counted: Duration::from_secs(100), ..Clock::default() };
        clock.stop(zero);
        assert_eq!(clock.elapsed(one), Duration::from_secs(100));
        clock.start(one);
        assert_eq!(clock.elapsed(three).as_secs(), 102);
        clock.stop(three);
        clock.start(six);
        clock.stop(ten);
        assert_eq!(clock.elapsed(ten).as_secs(), 106);
        assert_eq!((clock.started, clock.ended), (Some(one), Some(ten)));
    }
}
