//! Measures the time of each stage and limits the time of training.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{Callback, CallbackContext};
use crate::{
    error::{Error, Result},
    optim::Interval,
    params::{StateReader, StateWriter},
    progress::{IntoMaxTime, StopReason},
    stage::Stage,
};

/// Measures the time of each stage, and ends training when a time limit is reached.
///
/// A clone shares the clocks, so that they can be read after the run:
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
/// # let limit = std::time::Duration::from_secs(12 * 3600);
/// # assert!(timer.time_remaining().is_some_and(|left| left < limit));
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// Training time includes validation runs. A resumed run continues with the time that remains.
/// `min_epochs` and `min_steps` take precedence over the limit. With a limit of zero, `fit` does
/// not train.
#[derive(Clone, Debug)]
pub struct Timer {
    clocks: Arc<Mutex<Clocks>>,
    /// The limit, or the error of a text that is not a duration, reported by `build`.
    duration: Option<Result<Duration, String>>,
    interval: Interval,
    verbose: bool,
}

/// The clocks of all stages, indexed by [`Stage`].
type Clocks = [Clock; 4];

#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    /// The sum of the finished intervals, those before a resume included.
    counted: Duration,
    /// The start of the interval in progress.
    running: Option<Instant>,
    /// The start of the first interval in this process.
    started: Option<Instant>,
    /// The end of the last interval in this process.
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
    /// Measures without a limit.
    fn default() -> Self {
        Self { clocks: Arc::default(), duration: None, interval: Interval::Step, verbose: true }
    }
}

impl Timer {
    /// Ends training after `duration`: a [`Duration`] or `"DD:HH:MM:SS"`.
    pub fn new(duration: impl IntoMaxTime) -> Self {
        let duration = duration.into_max_time().map_err(|error| error.message().to_owned());
        Self { duration: Some(duration), ..Self::default() }
    }

    /// Sets whether the limit is checked after every batch or after every epoch. Default
    /// [`Interval::Step`].
    #[must_use]
    pub fn interval(mut self, interval: Interval) -> Self {
        self.interval = interval;
        self
    }

    /// Sets whether a line is printed when the limit is reached. Default `true`.
    #[must_use]
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }

    /// Returns the time spent in a stage, up to now if it is in progress.
    pub fn time_elapsed(&self, stage: Stage) -> Duration {
        self.clock(stage).elapsed(Instant::now())
    }

    /// Returns the time that remains for training; `None` without a limit.
    pub fn time_remaining(&self) -> Option<Duration> {
        let limit = self.duration.as_ref()?.as_ref().ok()?;
        Some(limit.saturating_sub(self.time_elapsed(Stage::Fit)))
    }

    /// Returns when a stage started in this process.
    pub fn start_time(&self, stage: Stage) -> Option<Instant> {
        self.clock(stage).started
    }

    /// Returns when a stage last ended in this process.
    pub fn end_time(&self, stage: Stage) -> Option<Instant> {
        self.clock(stage).ended
    }

    fn clocks(&self) -> MutexGuard<'_, Clocks> {
        // A clock is a plain value, which is consistent even if a thread panicked with the lock.
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

    fn look(&self, cx: &mut CallbackContext<'_>) {
        let (Some(left), None) = (self.time_remaining(), &cx.view.progress.stop) else { return };
        if !left.is_zero() {
            return;
        }
        cx.view.progress.stop = Some(StopReason::TimeLimit);
        if self.verbose {
            let seconds = self.time_elapsed(Stage::Fit).as_secs();
            let (minutes, hours) = (seconds / 60 % 60, seconds / 3600);
            cx.print(format!("time limit reached after {hours}:{minutes:02}:{:02}: stopping", seconds % 60));
        }
    }
}

impl<M> Callback<M> for Timer {
    fn check(&self) -> Result<()> {
        match &self.duration {
            Some(Err(what)) => Err(Error::config(format!("`Timer`: {what}"))
                .help("write \"DD:HH:MM:SS\", as in \"00:01:30:00\", or pass a `Duration`")),
            _ => Ok(()),
        }
    }

    fn setup(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        // Each run measures its own time. A resumed run restores its clocks after this hook.
        let mut clocks = self.clocks();
        clocks[cx.stage() as usize] = Clock::default();
        if cx.stage() == Stage::Fit {
            clocks[Stage::Validate as usize] = Clock::default();
        }
        Ok(())
    }

    fn on_fit_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        // At any interval, since a resumed run may have no time left.
        self.look(cx);
        Ok(())
    }

    fn on_train_start(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.start(Stage::Fit);
        Ok(())
    }

    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if self.interval == Interval::Step {
            self.look(cx);
        }
        Ok(())
    }

    fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if self.interval == Interval::Epoch {
            self.look(cx);
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
    fn a_clock_adds_its_intervals() {
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
