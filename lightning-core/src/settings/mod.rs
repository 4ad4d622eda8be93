//! Every setting of a trainer: its default, builder methods, check and record for resuming, in one
//! file for each group.

mod accelerator;
mod builder;
mod guards;
mod length;
mod limits;
mod micro_batch;
mod numerics;
mod optimization;
mod output;
mod run;
mod strategy;
mod validation;

use std::{collections::BTreeMap, fmt};

use self::optimization::OptimizationSettings;
use crate::{
    error::{ConfigErrors, Result},
    precision::Numerics,
};

#[doc(hidden)]
pub use self::run::ReadBack;
pub use self::{
    accelerator::{Accelerator, IntoAccelerator},
    builder::{Barebones, NotBarebones, Standard, TrainerBuilder},
    guards::Anomaly,
    micro_batch::MicroBatch,
    strategy::{Devices, IntoStrategy},
    validation::{Every, ValCheckInterval},
};
pub(crate) use self::{
    guards::GuardSettings,
    length::{LengthSettings, WholeRun},
    limits::LimitSettings,
    output::OutputSettings,
    run::RunSettings,
    strategy::{StrategySettings, device_at},
    validation::ValidationSettings,
};
pub use crate::{
    optim::ClipAlgorithm,
    progress::{Epochs, IntoMaxTime, Limit, Steps},
};

/// Everything that can be set, grouped by what it configures.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) length: LengthSettings,
    pub(crate) optimization: OptimizationSettings,
    pub(crate) limits: LimitSettings,
    pub(crate) validation: ValidationSettings,
    pub(crate) output: OutputSettings,
    pub(crate) numerics: Numerics,
    pub(crate) accelerator: Accelerator,
    pub(crate) strategy: StrategySettings,
    pub(crate) run: RunSettings,
    pub(crate) guards: GuardSettings,
    /// The run that `fast_dev_run` tries out. Filled by [`check`](Self::check).
    pub(crate) whole: WholeRun,
}

/// The settings that decide what a run computes, by name, as text: what a checkpoint stores and a
/// resumed run compares.
pub(crate) type SettingsRecord = BTreeMap<String, String>;

/// Adds a setting to a record.
fn put(record: &mut SettingsRecord, name: &str, value: impl fmt::Display) {
    record.insert(name.to_owned(), value.to_string());
}

/// The text of a setting that may be absent.
fn optional<T: fmt::Display>(value: Option<T>) -> String {
    value.map_or_else(|| "not set".to_owned(), |value| value.to_string())
}

impl Settings {
    /// Checks everything together and applies what one setting implies for another.
    ///
    /// # Errors
    /// One error with every problem found.
    pub(crate) fn check(mut self, mut errors: ConfigErrors) -> Result<Self> {
        self.limits.check(&mut errors);
        self.strategy.check(&mut errors);
        self.validation.check(&mut errors);
        self.output.check(&mut errors);
        self.optimization.check(&mut errors);
        self.length.check(&mut errors);
        self.run.check(&mut errors);
        self.check_micro_batch(&mut errors);
        self.check_deterministic(&mut errors);
        errors.finish()?;
        self.limits.apply_overfit();
        if self.run.barebones {
            self.validation.sanity_steps = 0;
            self.output.silence();
            self.guards.audit = false;
        }
        let is_limited = self.length.apply_default();
        self.whole = WholeRun { length: self.length.clone(), train: self.limits.train, is_limited };
        if let Some(batches) = self.run.fast_dev_run {
            self.shorten(batches);
        }
        Ok(self)
    }

    /// Rejects what a batch that is tried again would disturb.
    fn check_micro_batch(&self, errors: &mut ConfigErrors) {
        if !self.optimization.micro_batch.as_ref().is_some_and(MicroBatch::is_auto) {
            return;
        }
        if self.guards.on_anomaly == Anomaly::Save {
            errors.add(
                "`micro_batch(\"auto\")` cannot be combined with `on_anomaly(Anomaly::Save)`",
                "write the number of samples that fits: `micro_batch(8)`",
            );
        }
    }

    /// Shortens the run to the `batches` of a `fast_dev_run`.
    fn shorten(&mut self, batches: u64) {
        self.limits.shorten(batches);
        self.length = LengthSettings { max_epochs: Some(1), max_steps: Some(batches), ..LengthSettings::default() };
        self.validation = ValidationSettings { sanity_steps: 0, ..ValidationSettings::default() };
        self.output.checkpointing = false;
        self.output.default_logger = false;
        self.output.report = false;
    }

    /// The settings that decide what the run computes. Every group is named here and destructures
    /// itself, so that a new setting cannot be forgotten in the comparison on resuming.
    pub(crate) fn record(&self) -> SettingsRecord {
        let Self {
            length,
            optimization,
            limits,
            validation,
            output,
            numerics,
            // Another device may round differently, which `fit` cannot rule out; the device is not
            // compared.
            accelerator: _,
            strategy,
            run,
            guards,
            whole: _,
        } = self;
        let mut record = SettingsRecord::new();
        length.record(&mut record);
        optimization.record(&mut record);
        limits.record(&mut record);
        validation.record(&mut record);
        output.record(&mut record);
        numerics::record(*numerics, &mut record);
        strategy.record(&mut record);
        run.record(&mut record);
        guards.record(&mut record);
        record
    }

    /// Rejects the settings that depend on the clock in a deterministic run.
    fn check_deterministic(&self, errors: &mut ConfigErrors) {
        if !self.run.deterministic {
            return;
        }
        let time = self.length.max_time.map(|_| "max_time");
        let interval = matches!(self.validation.interval, ValCheckInterval::Time(_));
        for asked in time.into_iter().chain(interval.then_some("val_check_interval(Every(…))")) {
            errors.add(
                format!("`deterministic(true)` is set and `{asked}` depends on the clock"),
                "count epochs, batches or steps instead",
            );
        }
    }
}
