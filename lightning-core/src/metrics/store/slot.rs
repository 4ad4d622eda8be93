//! The options of one metric.

use std::borrow::Cow;

use crate::metrics::{AnyMetric, Direction, MetricDef, Reduce};

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
    pub(super) best: Option<(f64, u64)>,
    /// An empty stateful metric, from which those of the scopes are created.
    pub(super) template: Option<Box<dyn AnyMetric>>,
}

impl Slot {
    pub(super) fn declared(def: &MetricDef) -> Self {
        let MetricDef { name, stages: _, direction, prog_bar, on_step, on_epoch, logger, reduce, stateful: _ } = *def;
        let name = Cow::Borrowed(name);
        Self { name, direction, prog_bar, on_step, on_epoch, logger, reduce, best: None, template: None }
    }

    pub(super) fn named(name: String, on_step: bool, on_epoch: bool) -> Self {
        Self {
            name: Cow::Owned(name),
            direction: None,
            prog_bar: false,
            on_step,
            on_epoch,
            logger: true,
            reduce: Reduce::Mean,
            best: None,
            template: None,
        }
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
