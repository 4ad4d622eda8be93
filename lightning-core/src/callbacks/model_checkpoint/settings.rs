//! The settings of a [`ModelCheckpoint`]: builder methods, defaults and checks.

use std::{path::PathBuf, time::Duration};

use super::{
    ModelCheckpoint, TopK,
    file_name::{DEFAULT, FieldNames, Template},
    trigger::{Clock, Trigger, since_start},
};
use crate::{
    error::{Error, Result},
    metrics::{Direction, KeyRef},
};

#[derive(Debug)]
pub(super) struct Settings {
    pub(super) monitor: Option<(KeyRef, Direction)>,
    pub(super) folder: Option<PathBuf>,
    pub(super) template: Option<String>,
    pub(super) field_names: FieldNames,
    pub(super) count_versions: bool,
    pub(super) top_k: TopK,
    pub(super) save_last: bool,
    pub(super) weights_only: bool,
    pub(super) epochs: Option<u64>,
    pub(super) steps: Option<u64>,
    pub(super) interval: Option<Duration>,
    pub(super) at_epoch_end: Option<bool>,
    pub(super) on_exception: bool,
    pub(super) strict: bool,
    pub(super) verbose: bool,
    pub(super) clock: Clock,
}

impl Settings {
    pub(super) fn new(monitor: Option<(KeyRef, Direction)>) -> Self {
        Self {
            monitor,
            folder: None,
            template: None,
            field_names: FieldNames::Shown,
            count_versions: true,
            top_k: TopK::Best(1),
            save_last: false,
            weights_only: false,
            epochs: None,
            steps: None,
            interval: None,
            at_epoch_end: None,
            on_exception: false,
            strict: true,
            verbose: false,
            clock: since_start,
        }
    }

    pub(super) fn trigger(&self) -> Trigger {
        match (self.steps, self.interval) {
            (Some(steps), _) => Trigger::Steps(steps),
            (None, Some(interval)) => Trigger::Time(interval),
            (None, None) => Trigger::Epochs(self.epochs.unwrap_or(1)),
        }
    }

    pub(super) fn direction(&self) -> Option<Direction> {
        self.monitor.map(|(_, direction)| direction)
    }

    /// Parses the file name.
    ///
    /// # Errors
    /// If it is not a template.
    pub(super) fn template(&self) -> Result<Template> {
        let text = self.template.as_deref().unwrap_or(DEFAULT);
        Template::parse(text).map_err(|(what, help)| Error::config(what).help(help))
    }

    /// The key of the callback's state: what it monitors and when it saves.
    pub(super) fn state_key(&self) -> String {
        let monitor = self.monitor.map_or_else(
            || "latest".to_owned(),
            |(key, direction)| format!("{}, {}", key.display(), format!("{direction:?}").to_lowercase()),
        );
        let trigger = match self.trigger() {
            Trigger::Epochs(epochs) => format!("every {epochs} epochs"),
            Trigger::Steps(steps) => format!("every {steps} steps"),
            Trigger::Time(interval) => format!("every {interval:?}"),
        };
        format!("ModelCheckpoint({monitor}, {trigger})")
    }

    /// # Errors
    /// If the settings contradict each other.
    pub(super) fn check(&self) -> Result<()> {
        self.check_triggers()?;
        self.check_top_k()?;
        self.check_filename()
    }

    fn check_triggers(&self) -> Result<()> {
        let Self { epochs, steps, interval, .. } = self;
        let set = [
            epochs.map(|epochs| format!("every_n_epochs({epochs})")),
            steps.map(|steps| format!("every_n_train_steps({steps})")),
            interval.map(|interval| format!("train_time_interval({interval:?})")),
        ];
        let set: Vec<String> = set.into_iter().flatten().map(|setting| format!("`{setting}`")).collect();
        if set.len() <= 1 {
            return Ok(());
        }
        let found = set.join(" and ");
        Err(Error::config(format!("a `ModelCheckpoint` must have one trigger, found {found}"))
            .help("keep one of them, or add a second `ModelCheckpoint`"))
    }

    fn check_top_k(&self) -> Result<()> {
        match (self.monitor, self.top_k) {
            (None, TopK::Best(count @ 2..)) => Err(Error::config(format!(
                "`save_top_k` of a `ModelCheckpoint` that monitors nothing must be 0, 1 or `TopK::All`, \
                 found `save_top_k({count})`"
            ))
            .help("name a metric, as in `ModelCheckpoint::new(Net::VAL_LOSS)`, or keep 0, 1 or `TopK::All`")),
            _ => Ok(()),
        }
    }

    fn check_filename(&self) -> Result<()> {
        let template = self.template()?;
        let is_shown = self.field_names == FieldNames::Shown;
        match template.fields().find(|name| is_shown && name.contains(['/', '\\'])) {
            None => Ok(()),
            Some(name) => Err(Error::config(format!(
                "a file name must not contain `/` or `\\`, found `{name}` in the filename `{}`",
                self.template.as_deref().unwrap_or(DEFAULT)
            ))
            .help("call `.auto_insert_metric_name(false)` and write the text around the value yourself")),
        }
    }
}

impl<M> ModelCheckpoint<M> {
    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.saver.settings);
        self
    }

    /// Sets how many checkpoints are kept: a number, or [`TopK::All`]. Default 1.
    ///
    /// Without a monitored metric it must be 0, 1 or all.
    #[must_use]
    pub fn save_top_k(self, count: impl Into<TopK>) -> Self {
        self.set(|settings| settings.top_k = count.into())
    }

    /// Also keeps the checkpoint that was due last, whether or not it is among the best, and a
    /// small file `last.ckpt` that points to it. Default `false`.
    ///
    /// With `save_top_k(0)` the checkpoint is `last.ckpt` itself.
    #[must_use]
    pub fn save_last(self, save: bool) -> Self {
        self.set(|settings| settings.save_last = save)
    }

    /// Saves the module without optimizers and progress: smaller files, from which a run cannot be
    /// resumed. Default `false`.
    #[must_use]
    pub fn save_weights_only(self, only: bool) -> Self {
        self.set(|settings| settings.weights_only = only)
    }

    /// Sets the folder. Default: `checkpoints` in the folder of the logger.
    #[must_use]
    pub fn dirpath(self, folder: impl Into<PathBuf>) -> Self {
        self.set(|settings| settings.folder = Some(folder.into()))
    }

    /// Sets the name of the files, without `.ckpt`. Default `{epoch}-{step}`.
    ///
    /// A field in braces is `epoch`, `step` or a metric, with a format specification of Python:
    /// `{epoch:03d}-{val_loss:.2f}`. A metric without a value is shown as 0.
    #[must_use]
    pub fn filename(self, template: impl Into<String>) -> Self {
        self.set(|settings| settings.template = Some(template.into()))
    }

    /// Sets whether a field's name is written before its value, as in `epoch=3`. Default `true`.
    ///
    /// Turn it off for metrics whose names contain `/`.
    #[must_use]
    pub fn auto_insert_metric_name(self, insert: bool) -> Self {
        self.set(|settings| settings.field_names = if insert { FieldNames::Shown } else { FieldNames::Hidden })
    }

    /// Sets whether `-v1`, `-v2`, … is appended to a name that is taken. If not, the old file is
    /// replaced. Default `true`.
    #[must_use]
    pub fn enable_version_counter(self, count: bool) -> Self {
        self.set(|settings| settings.count_versions = count)
    }

    /// Sets the number of epochs between checkpoints; 0 for none. Default 1.
    #[must_use]
    pub fn every_n_epochs(self, epochs: u64) -> Self {
        self.set(|settings| settings.epochs = Some(epochs))
    }

    /// Sets the number of optimizer steps between checkpoints, in place of epochs.
    ///
    /// If the metric is computed by a validation that follows the step, the checkpoint is saved
    /// after that validation.
    #[must_use]
    pub fn every_n_train_steps(self, steps: u64) -> Self {
        self.set(|settings| settings.steps = Some(steps))
    }

    /// Sets the time between checkpoints, in place of epochs. It is checked after each batch.
    #[must_use]
    pub fn train_time_interval(self, interval: Duration) -> Self {
        self.set(|settings| settings.interval = Some(interval))
    }

    /// Sets whether checkpoints by epochs are due at the end of the training epoch (`true`) or
    /// after validation (`false`). Default: `true` if validation runs once an epoch or never.
    #[must_use]
    pub fn save_on_train_epoch_end(self, save: bool) -> Self {
        self.set(|settings| settings.at_epoch_end = Some(save))
    }

    /// Also saves a checkpoint when an error, a panic or a signal ends the run. Default `false`.
    #[must_use]
    pub fn save_on_exception(self, save: bool) -> Self {
        self.set(|settings| settings.on_exception = save)
    }

    /// Sets whether a monitored metric without a value is an error (`true`) or skips the
    /// checkpoint (`false`). Default `true`.
    #[must_use]
    pub fn strict(self, strict: bool) -> Self {
        self.set(|settings| settings.strict = strict)
    }

    /// Prints a line for each checkpoint. Default `false`.
    #[must_use]
    pub fn verbose(self, verbose: bool) -> Self {
        self.set(|settings| settings.verbose = verbose)
    }

    /// Sets the clock of `train_time_interval`; for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn clock(self, clock: fn() -> Duration) -> Self {
        self.set(|settings| settings.clock = clock)
    }
}
