//! The value of one metric in one scope.

use std::any::Any;

use serde_json::Value;

use crate::{
    error::{Error, Result},
    metrics::{AnyMetric, MetricValue, Reduce},
};

/// The value of one metric in one scope: reduced numbers, or a stateful metric.
#[derive(Debug, Default)]
pub(super) struct Cell {
    pub(super) numbers: Accumulator,
    /// The stateful metric. If there is one, `numbers` is empty.
    pub(super) meter: Option<Box<Meter>>,
}

impl Cell {
    /// Whether anything was logged since the start of the epoch.
    pub(super) fn is_filled(&self) -> bool {
        match &self.meter {
            Some(meter) => meter.updates > 0,
            None => self.numbers.count > 0,
        }
    }

    /// Returns the value of the last step, if it is known.
    pub(super) fn last(&self) -> Option<MetricValue> {
        match &self.meter {
            Some(meter) => meter.last.clone(),
            None => (self.numbers.count > 0).then_some(MetricValue::Scalar(self.numbers.last)),
        }
    }

    /// Whether the last step logged a value.
    pub(super) fn is_fresh(&self) -> bool {
        self.meter.as_ref().map_or(self.numbers.fresh, |meter| meter.fresh)
    }

    /// Whether the last step logged a value. Resets the mark.
    pub(super) fn take_fresh(&mut self) -> bool {
        let fresh = match &mut self.meter {
            Some(meter) => &mut meter.fresh,
            None => &mut self.numbers.fresh,
        };
        std::mem::take(fresh)
    }

    /// Ends the epoch, and returns its value.
    ///
    /// # Errors
    /// If a metric has no value, or the device fails.
    pub(super) fn end(&mut self, reduce: Reduce) -> Result<Option<MetricValue>> {
        match &mut self.meter {
            Some(meter) => meter.end(),
            None => Ok(Some(MetricValue::Scalar(std::mem::take(&mut self.numbers).value(reduce)))),
        }
    }
}

/// Numbers, reduced as they are added.
#[derive(Clone, Debug)]
pub(super) struct Accumulator {
    /// The sum of value times weight.
    pub(super) weighted: f64,
    pub(super) weight: f64,
    pub(super) sum: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) count: u64,
    pub(super) last: f64,
    /// Whether the value belongs to the current step. Reset when the step ends.
    pub(super) fresh: bool,
}

impl Default for Accumulator {
    fn default() -> Self {
        Self {
            weighted: 0.0,
            weight: 0.0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            count: 0,
            last: f64::NAN,
            fresh: false,
        }
    }
}

impl Accumulator {
    pub(super) fn add(&mut self, value: f64, weight: f64) {
        self.weighted += value * weight;
        self.weight += weight;
        self.sum += value;
        // `f64::min` would ignore a NaN, which must show.
        self.min = if value.is_nan() || value < self.min { value } else { self.min };
        self.max = if value.is_nan() || value > self.max { value } else { self.max };
        self.count = self.count.saturating_add(1);
        self.last = value;
        self.fresh = true;
    }

    fn value(&self, reduce: Reduce) -> f64 {
        match reduce {
            Reduce::Mean => self.weighted / self.weight,
            Reduce::Sum => self.sum,
            Reduce::Min => self.min,
            Reduce::Max => self.max,
        }
    }
}

/// A stateful metric in one scope.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// The metric over the epoch, created with the first value.
    pub(super) epoch: Option<Box<dyn AnyMetric>>,
    /// The metric over the last step, if steps are logged.
    pub(super) step: Option<Box<dyn AnyMetric>>,
    /// Whether the value of the last step was not computed yet.
    pub(super) waiting: bool,
    pub(super) last: Option<MetricValue>,
    pub(super) updates: u64,
    pub(super) fresh: bool,
    /// The state from a checkpoint, and the value for an epoch in which nothing more is logged. The
    /// metric is created with the next value, because only then its type is known.
    pub(super) stored: Option<(Value, Option<MetricValue>)>,
}

impl Meter {
    /// Adds a value. Returns a warning if the metric cannot load the stored state; the epoch's
    /// value then starts here.
    ///
    /// # Errors
    /// If the metric rejects the value, or the device fails.
    pub(super) fn update(
        &mut self,
        template: &dyn AnyMetric,
        input: &(dyn Any + Send),
        on_step: bool,
        on_epoch: bool,
    ) -> Result<Option<Error>> {
        let mut warning = None;
        if on_step {
            let step = self.step.get_or_insert_with(|| template.fresh());
            step.reset();
            step.accumulate(input)?;
            (self.waiting, self.last) = (true, None);
        }
        if on_epoch {
            let epoch = self.epoch.get_or_insert_with(|| template.fresh());
            if let Some((state, _)) = self.stored.take()
                && let Err(error) = epoch.load_state(&state)
            {
                epoch.reset();
                warning = Some(error);
            }
            epoch.accumulate(input)?;
        }
        self.updates = self.updates.saturating_add(1);
        self.fresh = true;
        Ok(warning)
    }

    /// Computes the value of the last step, unless it is known.
    pub(super) fn compute_step(&mut self) -> Result<Option<&MetricValue>> {
        let (true, Some(step)) = (std::mem::take(&mut self.waiting), &mut self.step) else { return Ok(None) };
        Ok(Some(self.last.insert(step.compute()?)))
    }

    fn end(&mut self) -> Result<Option<MetricValue>> {
        let value = match (self.stored.take(), &mut self.epoch) {
            // Nothing was logged after the checkpoint.
            (Some((_, value)), _) => value,
            (None, Some(epoch)) => {
                let value = epoch.compute()?;
                epoch.reset();
                Some(value)
            }
            (None, None) => None,
        };
        self.updates = 0;
        self.last = None;
        Ok(value)
    }
}
