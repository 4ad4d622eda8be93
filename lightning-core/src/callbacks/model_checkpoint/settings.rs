//! The settings of a [`ModelCheckpoint`]: builder methods, defaults and checks.

use std::{path::PathBuf, time::Duration};

use super::{
    TopK,
    file_name::{DEFAULT, FieldNames, Template, check_file_name},
    trigger::{CheckpointInterval, Clock, Trigger, since_start},
};
use crate::{
    error::{Error, Result},
    metrics::{Direction, KeyRef},
    remote,
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
    pub(super) every: Option<CheckpointInterval>,
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
            every: None,
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
        if let Some(every) = self.every {
            return every.trigger();
        }
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
        if let Some(folder) = &self.folder {
            remote::resolve(folder)?;
        }
        self.check_triggers()?;
        self.check_top_k()?;
        self.check_filename()
    }

    fn check_triggers(&self) -> Result<()> {
        let Self { every, epochs, steps, interval, .. } = self;
        every.map_or(Ok(()), CheckpointInterval::check)?;
        let set = [
            every.map(CheckpointInterval::setting),
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
            .help("write `every(…)` alone, or add a second `ModelCheckpoint`"))
    }

    fn check_top_k(&self) -> Result<()> {
        match (self.monitor, self.top_k) {
            (None, TopK::Best(count @ 2..)) => Err(Error::config(format!(
                "`save_top_k` of a `ModelCheckpoint` without a monitored metric must be 0, 1 or `TopK::All`, \
                 found `save_top_k({count})`"
            ))
            .help("monitor a metric, as in `ModelCheckpoint::new(Net::VAL_LOSS)`, or write 0, 1 or `TopK::All`")),
            _ => Ok(()),
        }
    }

    fn check_filename(&self) -> Result<()> {
        let template = self.template()?;
        let is_shown = self.field_names == FieldNames::Shown;
        match template.fields().find(|name| is_shown && name.contains(['/', '\\'])) {
            None => check_file_name("`ModelCheckpoint`", &template.fill(self.field_names, |_| None))
                .map_err(|error| error.help("pass the folder to `.dirpath(…)`, and a name to `.filename(…)`")),
            Some(name) => Err(Error::config(format!(
                "a file name must not contain `/` or `\\`, found `{name}` in the filename `{}`",
                self.template.as_deref().unwrap_or(DEFAULT)
            ))
            .help("call `.auto_insert_metric_name(false)` and write the text around the value yourself")),
        }
    }
}
