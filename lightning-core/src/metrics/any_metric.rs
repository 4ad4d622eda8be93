//! Stateful metrics behind one object-safe trait.

use std::{any::Any, fmt};

use burn::tensor::Device;
use serde_json::Value;

use super::{Metric, MetricValue};
use crate::error::{Error, ErrorKind, Result};

/// A metric of any type, as the store keeps it.
pub(crate) trait AnyMetric: Send {
    fn accumulate(&mut self, input: &(dyn Any + Send)) -> Result<()>;
    fn compute(&mut self) -> Result<MetricValue>;
    fn reset(&mut self);
    fn state(&mut self) -> Result<Value>;
    fn load_state(&mut self, state: &Value, device: &Device) -> Result<()>;
    /// Adds a state that [`state`](Self::state) of the same metric returned.
    fn merge_state(&mut self, state: &Value, device: &Device) -> Result<()>;
    /// Returns a metric with the same options and no state.
    fn fresh(&self) -> Box<dyn AnyMetric>;
    fn type_name(&self) -> &'static str;
}

impl<X: Metric> AnyMetric for X {
    fn accumulate(&mut self, input: &(dyn Any + Send)) -> Result<()> {
        match input.downcast_ref() {
            Some(input) => Metric::accumulate(self, input),
            None => {
                // The store finds metrics by name: the name was logged with two metrics.
                let text =
                    format!("the input must be that of `{}`, found the input of another metric", self.type_name());
                Err(Error::new(ErrorKind::Metric, text).help("log each metric under its own name"))
            }
        }
    }

    fn compute(&mut self) -> Result<MetricValue> {
        Metric::compute(self)
    }

    fn reset(&mut self) {
        Metric::reset(self);
    }

    fn state(&mut self) -> Result<Value> {
        Metric::state(self)
    }

    fn load_state(&mut self, state: &Value, device: &Device) -> Result<()> {
        Metric::load_state(self, state, device)
    }

    fn merge_state(&mut self, state: &Value, device: &Device) -> Result<()> {
        let mut other = self.clone();
        Metric::reset(&mut other);
        Metric::load_state(&mut other, state, device)?;
        Metric::merge(self, &other)
    }

    fn fresh(&self) -> Box<dyn AnyMetric> {
        let mut fresh = self.clone();
        Metric::reset(&mut fresh);
        Box::new(fresh)
    }

    fn type_name(&self) -> &'static str {
        std::any::type_name::<X>()
    }
}

impl fmt::Debug for dyn AnyMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.type_name())
    }
}
