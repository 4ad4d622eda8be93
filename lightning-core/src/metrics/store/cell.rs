//! The value of one metric in one scope.

use std::any::Any;

use burn::tensor::Device;
use serde_json::Value;

use crate::{
    error::{Error, Result},
    metrics::{AnyMetric, MetricValue, Reduce, store::Place},
    os::panics::catch_panic,
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

    /// Whether the values are those of all processes that train together.
    pub(super) fn is_merged(&self) -> bool {
        self.meter.as_ref().map_or(self.numbers.is_merged, |meter| meter.is_merged)
    }

    /// Returns the value of the last step of the epoch, if it is known.
    pub(super) fn last(&self) -> Option<MetricValue> {
        match &self.meter {
            Some(meter) => meter.last.clone().filter(|_| meter.updates > 0),
            None => (self.numbers.count > 0).then_some(MetricValue::Scalar(self.numbers.last)),
        }
    }

    /// Whether a value was logged since the last row of the loggers.
    pub(super) fn is_fresh(&self) -> bool {
        self.meter.as_ref().map_or(self.numbers.fresh, |meter| meter.fresh)
    }

    /// Returns the last value that was logged since the last row of the loggers, if it is known.
    /// The next row has another one.
    pub(super) fn take_fresh(&mut self) -> Option<MetricValue> {
        match &mut self.meter {
            Some(meter) => std::mem::take(&mut meter.fresh).then(|| meter.last.clone()).flatten(),
            None => std::mem::take(&mut self.numbers.fresh).then_some(MetricValue::Scalar(self.numbers.last)),
        }
    }

    /// Returns the value of the epoch so far; `None` if a metric has none.
    pub(super) fn so_far(&mut self, reduce: Reduce) -> Option<MetricValue> {
        match &mut self.meter {
            Some(meter) => meter.so_far(),
            None => Some(MetricValue::Scalar(self.numbers.value(reduce))),
        }
    }

    /// Ends the epoch, and returns its value.
    ///
    /// # Errors
    /// If a metric has no value, or the device fails.
    pub(super) fn end(&mut self, reduce: Reduce) -> Result<Option<MetricValue>> {
        match &mut self.meter {
            Some(meter) => meter.end(),
            None => {
                let ended = std::mem::take(&mut self.numbers);
                // The last value stays for the next row of the loggers.
                (self.numbers.last, self.numbers.fresh) = (ended.last, ended.fresh);
                Ok(Some(MetricValue::Scalar(ended.value(reduce))))
            }
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
    /// The weight of `last`, and the batch that it is of while the batch is divided.
    pub(super) last_of: Option<(f64, Place)>,
    /// Whether the value was logged since the last row of the loggers.
    pub(super) fresh: bool,
    /// Whether these are the numbers of all processes that train together.
    pub(super) is_merged: bool,
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
            last_of: None,
            fresh: false,
            is_merged: false,
        }
    }
}

impl Accumulator {
    /// Adds the value of a part of a batch. The value of the step is that of all parts so far.
    pub(super) fn add_part(&mut self, value: f64, weight: f64, place: Place, reduce: Reduce) {
        let before = self.last_of.filter(|(_, of)| *of == place).map(|(weight, _)| (self.last, weight));
        self.add(value, weight);
        let mut together = weight;
        if let Some((last, before)) = before {
            together += before;
            self.last = match reduce {
                Reduce::Mean => (last * before + value * weight) / together,
                Reduce::Sum => last + value,
                Reduce::Min if value.is_nan() || value < last => value,
                Reduce::Max if value.is_nan() || value > last => value,
                Reduce::Min | Reduce::Max => last,
            };
        }
        self.last_of = Some((together, place));
    }

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
        self.is_merged = false;
    }

    /// Adds the numbers of another process.
    pub(super) fn merge(&mut self, other: &Self) {
        self.weighted += other.weighted;
        self.weight += other.weight;
        self.sum += other.sum;
        self.min = if other.min.is_nan() || other.min < self.min { other.min } else { self.min };
        self.max = if other.max.is_nan() || other.max > self.max { other.max } else { self.max };
        self.count = self.count.saturating_add(other.count);
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
    /// The batch that it is of, while the batch is divided.
    pub(super) step_of: Option<Place>,
    /// Whether the value of the last step was not computed yet.
    pub(super) waiting: bool,
    pub(super) last: Option<MetricValue>,
    pub(super) updates: u64,
    pub(super) fresh: bool,
    /// The state from a checkpoint, and the value for an epoch in which nothing more is logged. The
    /// metric is created with the next value, because only then its type is known.
    pub(super) stored: Option<(Value, Option<MetricValue>)>,
    /// The value of the epoch so far, if it was computed after the last update.
    pub(super) computed: Option<MetricValue>,
    /// Whether the epoch's state is that of all processes that train together.
    pub(super) is_merged: bool,
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
        device: &Device,
        part_of: Option<Place>,
    ) -> Result<Option<Error>> {
        let mut warning = None;
        if on_step {
            let step = self.step.get_or_insert_with(|| template.fresh());
            if part_of.is_none() || self.step_of != part_of {
                step.reset();
            }
            self.step_of = part_of;
            step.accumulate(input)?;
            (self.waiting, self.last) = (true, None);
        }
        if on_epoch {
            let epoch = self.epoch.get_or_insert_with(|| template.fresh());
            if let Some((state, _)) = self.stored.take()
                && let Err(error) = epoch.load_state(&state, device)
            {
                epoch.reset();
                warning = Some(error);
            }
            epoch.accumulate(input)?;
        }
        self.computed = None;
        self.is_merged = false;
        self.updates = self.updates.saturating_add(1);
        self.fresh = true;
        Ok(warning)
    }

    /// Computes the value of the last step, unless it is known.
    pub(super) fn compute_step(&mut self) -> Result<Option<&MetricValue>> {
        let (true, Some(step)) = (std::mem::take(&mut self.waiting), &mut self.step) else { return Ok(None) };
        Ok(Some(self.last.insert(catch_panic(|| step.compute())?)))
    }

    /// Returns the value of the epoch so far; `None` if the metric has none.
    fn so_far(&mut self) -> Option<MetricValue> {
        match (&self.stored, &mut self.epoch) {
            (Some((_, value)), _) => value.clone(),
            (None, Some(epoch)) => {
                if self.computed.is_none() {
                    // A failure is the error of the end of the epoch.
                    self.computed = catch_panic(|| epoch.compute()).ok();
                }
                self.computed.clone()
            }
            (None, None) => None,
        }
    }

    fn end(&mut self) -> Result<Option<MetricValue>> {
        let value = match (self.stored.take(), &mut self.epoch) {
            // Nothing was logged after the checkpoint.
            (Some((_, value)), _) => value,
            (None, Some(epoch)) => {
                let computed = catch_panic(|| {
                    let value = match self.computed.take() {
                        Some(value) => value,
                        None => epoch.compute()?,
                    };
                    epoch.reset();
                    Ok(value)
                });
                Some(computed?)
            }
            (None, None) => None,
        };
        (self.updates, self.is_merged) = (0, false);
        // Otherwise it stays for the next row of the loggers.
        if !self.fresh {
            self.last = None;
        }
        Ok(value)
    }
}
