//! The options of one metric.

use std::borrow::Cow;

use crate::{
    error::{Error, ErrorKind, Result},
    metrics::{AnyMetric, Direction, LogOptions, MetricDef, Reduce},
};

/// The options of one metric: declared by the module, or of a name that was logged at run time.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) name: Cow<'static, str>,
    pub(super) direction: Option<Direction>,
    pub(super) prog_bar: bool,
    pub(super) on_step: bool,
    pub(super) on_epoch: bool,
    pub(super) logger: bool,
    pub(super) reduce: Reduce,
    /// Whether the values are those of batches of training. A name of run time has another slot for
    /// those logged elsewhere.
    pub(super) in_batches: bool,
    /// The options of a name of run time.
    pub(super) options: LogOptions,
    /// Whether this program has logged the name: the options may be those of a checkpoint.
    pub(super) is_given: bool,
    pub(super) best: Option<(f64, u64)>,
    /// An empty stateful metric, from which those of the scopes are created.
    pub(super) template: Option<Box<dyn AnyMetric>>,
}

impl Slot {
    pub(super) fn declared(def: &MetricDef) -> Self {
        let MetricDef { name, stages: _, direction, prog_bar, on_step, on_epoch, logger, reduce, stateful: _ } = *def;
        let name = Cow::Borrowed(name);
        Self {
            name,
            direction,
            prog_bar,
            on_step,
            on_epoch,
            logger,
            reduce,
            in_batches: on_step,
            options: LogOptions::new(),
            is_given: false,
            best: None,
            template: None,
        }
    }

    pub(super) fn named(name: String, in_batches: bool) -> Self {
        let mut slot = Self {
            name: Cow::Owned(name),
            direction: None,
            prog_bar: false,
            on_step: false,
            on_epoch: false,
            logger: true,
            reduce: Reduce::Mean,
            in_batches,
            options: LogOptions::new(),
            is_given: false,
            best: None,
            template: None,
        };
        slot.set(LogOptions::new());
        slot
    }

    /// Sets the options that a name of run time is logged with.
    ///
    /// # Errors
    /// If it has been logged with others, or neither its steps nor its epochs are logged.
    pub(super) fn give(&mut self, options: LogOptions) -> Result<()> {
        if self.is_given && self.options == options {
            return Ok(());
        }
        if self.is_given {
            return Err(Error::new(
                ErrorKind::Metric,
                format!("the metric `{}` must be logged with the same options everywhere in a step", self.name),
            )
            .help("use one `LogOptions` for all its calls, or two names"));
        }
        if options.views(self.in_batches) == (false, false) {
            return Err(Error::new(
                ErrorKind::Metric,
                format!("the metric `{}` must be logged for its steps or for its epochs, found neither", self.name),
            )
            .help("write `on_epoch(true)`, or remove `on_step(false)` and `on_epoch(false)`"));
        }
        self.is_given = true;
        self.set(options);
        Ok(())
    }

    /// Sets options, for the place where it is logged.
    pub(super) fn set(&mut self, options: LogOptions) {
        self.options = options;
        let LogOptions { prog_bar, hidden, on_step: _, on_epoch: _, reduce } = options;
        (self.on_step, self.on_epoch) = options.views(self.in_batches);
        (self.prog_bar, self.logger, self.reduce) = (prog_bar, !hidden, reduce);
    }

    /// Whether the metric has both a step and an epoch value, which then have different names.
    const fn forks(&self) -> bool {
        self.on_step && self.on_epoch
    }

    /// Returns the ending of the name of a step value.
    pub(super) const fn step_view(&self) -> &'static str {
        if self.forks() { "_step" } else { "" }
    }

    /// Returns the ending of the name of an epoch value.
    pub(super) const fn epoch_view(&self) -> &'static str {
        if self.forks() { "_epoch" } else { "" }
    }
}
