//! Burn's own schedules.

use std::fmt;

use burn::lr_scheduler::{
    LrSchedulerConfig,
    composed::ComposedLrSchedulerConfig,
    constant::ConstantLr,
    cosine::CosineAnnealingLrSchedulerConfig,
    exponential::ExponentialLrSchedulerConfig,
    linear::LinearLrSchedulerConfig,
    module_lr_scheduler::{ModuleLrScheduler, ModuleLrSchedulerConfig},
    noam::NoamLrSchedulerConfig,
    sequential::SequentialLrSchedulerConfig,
    step::StepLrSchedulerConfig,
};
use serde_json::Value;

use super::{IntoScheduler, LrScheduler, checks::check_rate, state};
use crate::error::{Error, Result};

macro_rules! burn_configs {
    ($($config:ident),* $(,)?) => {
        $(impl IntoScheduler for $config {
            fn into_scheduler(self) -> Result<Box<dyn LrScheduler>> {
                from_config(self.into())
            }
        })*
    };
}

burn_configs!(
    LrSchedulerConfig,
    LinearLrSchedulerConfig,
    CosineAnnealingLrSchedulerConfig,
    ExponentialLrSchedulerConfig,
    NoamLrSchedulerConfig,
    StepLrSchedulerConfig,
    ComposedLrSchedulerConfig,
    SequentialLrSchedulerConfig,
);

impl IntoScheduler for ConstantLr {
    fn into_scheduler(self) -> Result<Box<dyn LrScheduler>> {
        let text = format!("{self:?}");
        BurnScheduler::start(ModuleLrScheduler::new(self), text, None)
    }
}

fn from_config(config: LrSchedulerConfig) -> Result<Box<dyn LrScheduler>> {
    let text = describe(&config);
    let peak = match &config {
        LrSchedulerConfig::Noam(config) => noam_peak(config),
        _ => None,
    };
    let schedule = ModuleLrSchedulerConfig::new(config).init().map_err(|reason| {
        Error::config(format!("`{text}`: {reason}")).help("correct the numbers of the configuration")
    })?;
    BurnScheduler::start(schedule, text, peak)
}

/// Returns a configuration as text, without the enum variant around it.
fn describe(config: &LrSchedulerConfig) -> String {
    let text = format!("{config:?}");
    text.split_once('(')
        .and_then(|(_, inner)| inner.strip_suffix(')'))
        .filter(|inner| inner.contains("Config"))
        .map_or(text.clone(), str::to_owned)
}

/// Returns the highest rate of a Noam schedule, which is its base rate.
///
/// The first rate of other schedules is their base rate, but Noam's is close to 0 and says little
/// about the rates of the run.
fn noam_peak(config: &NoamLrSchedulerConfig) -> Option<f64> {
    let numbers = serde_json::to_value(config).ok()?;
    let number = |name| numbers.get(name).and_then(Value::as_f64);
    Some(number("factor")? / (number("model_size")? * number("warmup_steps")?).sqrt())
}

/// A schedule of Burn as an [`LrScheduler`].
///
/// Burn returns the rate of a step while it takes the step, so `running` is one step ahead.
///
/// The state is the number of steps, which are repeated on resume. Burn's records hold rates that
/// were computed with the settings of the run that saved them, and those of the program take
/// precedence.
#[derive(Clone)]
struct BurnScheduler {
    text: String,
    fresh: ModuleLrScheduler,
    running: ModuleLrScheduler,
    base_lr: f64,
    lr: f64,
    step: u64,
}

/// Some of Burn's schedules count steps in `i32` and panic after the last.
const MAX_STEPS: u64 = i32::MAX as u64;

impl BurnScheduler {
    fn start(fresh: ModuleLrScheduler, text: String, base_lr: Option<f64>) -> Result<Box<dyn LrScheduler>> {
        let mut running = fresh.clone();
        let lr = running.step().base();
        check_rate(&text, lr, 0)?;
        let base_lr = base_lr.unwrap_or(lr);
        if !(base_lr.is_finite() && base_lr > 0.0) {
            return Err(Error::config(format!("`{text}`: the first rate must be above 0, found {base_lr}"))
                .help("write a first rate such as 1e-3"));
        }
        Ok(Box::new(Self { text, fresh, running, base_lr, lr, step: 0 }))
    }
}

impl fmt::Debug for BurnScheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at step {}", self.text, self.step)
    }
}

impl LrScheduler for BurnScheduler {
    fn base_lr(&self) -> f64 {
        self.base_lr
    }

    fn lr(&self) -> f64 {
        self.lr
    }

    fn step(&mut self, _monitored: Option<f64>) -> Result<()> {
        if self.step == MAX_STEPS {
            return Err(Error::config(format!("`{}` has at most {MAX_STEPS} steps", self.text))
                .help("use a schedule of `lightning_core::schedulers`, which have no such limit"));
        }
        self.lr = self.running.step().base();
        self.step += 1;
        check_rate(&self.text, self.lr, self.step)
    }

    fn state(&self) -> Value {
        state::of_step(self.step)
    }

    fn load_state(&mut self, state: &Value) -> Result<()> {
        let step = state::step(state, &self.text)?;
        if step > MAX_STEPS {
            let reason = format!("Burn's schedules have at most {MAX_STEPS} steps, found step {step}");
            return Err(state::mismatch(&self.text, &reason));
        }
        let mut running = self.fresh.clone();
        let mut lr = running.step().base();
        for _ in 0..step {
            lr = running.step().base();
        }
        check_rate(&self.text, lr, step)?;
        (self.running, self.lr, self.step) = (running, lr, step);
        Ok(())
    }

    fn describe(&self) -> String {
        self.text.clone()
    }

    fn boxed_clone(&self) -> Box<dyn LrScheduler> {
        Box::new(self.clone())
    }
}
