//! What one metric has come to in one scope.

use std::any::Any;

use serde_json::Value;

use crate::{
    error::{Error, Result},
    metrics::{AnyMetric, MetricValue, Reduce},
};

/// What one metric has come to in one scope: numbers that are reduced, or a metric with a state of its own.
#[derive(Debug, Default)]
pub(super) struct Cell {
    pub(super) numbers: Accumulator,
    /// There is one for every slot of a stateful metric, and the numbers stay empty.
    pub(super) meter: Option<Box<Meter>>,
}

impl Cell {
    /// Whether anything was logged since the epoch began.
    pub(super) fn is_filled(&self) -> bool {
        match &self.meter {
            Some(meter) => meter.updates > 0,
            None => self.numbers.count > 0,
        }
    }

    /// The value of the last step, where it is known.
    pub(super) fn last(&self) -> Option<MetricValue> {
        match &self.meter {
            Some(meter) => meter.last.clone(),
            None => (self.numbers.count > 0).then_some(MetricValue::Scalar(self.numbers.last)),
        }
    }

    /// Whether something was logged in the step just done.
    pub(super) fn is_fresh(&self) -> bool {
        self.meter.as_ref().map_or(self.numbers.fresh, |meter| meter.fresh)
    }

    /// Whether something was logged in the step just done; not so any more after this.
    pub(super) fn take_fresh(&mut self) -> bool {
        let fresh = match &mut self.meter {
            Some(meter) => &mut meter.fresh,
            None => &mut self.numbers.fresh,
        };
        std::mem::take(fresh)
    }

    /// The value of the epoch, which ends.
    ///
    /// # Errors
    /// When a metric has no value, or the device fails.
    pub(super) fn end(&mut self, reduce: Reduce) -> Result<Option<MetricValue>> {
        match &mut self.meter {
            Some(meter) => meter.end(),
            None => Ok(Some(MetricValue::Scalar(std::mem::take(&mut self.numbers).value(reduce)))),
        }
    }
}

/// Numbers, reduced as they come.
#[derive(Clone, Debug)]
pub(super) struct Accumulator {
    /// Of value times weight.
    pub(super) weighted: f64,
    pub(super) weight: f64,
    pub(super) sum: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) count: u64,
    pub(super) last: f64,
    /// The value of the step being logged; taken by the step record.
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
        // `f64::min` would drop a NaN, and a NaN has to be seen.
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
    /// Over the epoch; made with the first value.
    pub(super) epoch: Option<Box<dyn AnyMetric>>,
    /// Of the last step alone, where steps are logged.
    pub(super) step: Option<Box<dyn AnyMetric>>,
    /// Whether the last step's value is still to be computed.
    pub(super) waiting: bool,
    pub(super) last: Option<MetricValue>,
    pub(super) updates: u64,
    pub(super) fresh: bool,
    /// What a checkpoint has of it: the state, and the value for an epoch in which nothing more comes.
    pub(super) stored: Option<(Value, Option<MetricValue>)>,
}

impl Meter {
    /// Adds a value. A stored state that the metric refuses is given back as a warning: the epoch is then measured from here on.
    ///
    /// # Errors
    /// When the metric refuses the value, or the device fails.
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

    /// Computes the last step's value, where it is wanted and not known.
    pub(super) fn compute_step(&mut self) -> Result<Option<&MetricValue>> {
        let (true, Some(step)) = (std::mem::take(&mut self.waiting), &mut self.step) else { return Ok(None) };
        Ok(Some(self.last.insert(step.compute()?)))
    }

    fn end(&mut self) -> Result<Option<MetricValue>> {
        let value = match (self.stored.take(), &mut self.epoch) {
            // Nothing came after the checkpoint.
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
