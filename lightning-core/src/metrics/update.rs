//! What `#[log(metric = …)]` becomes.

use std::any::Any;

use super::AnyMetric;
use crate::error::Result;

/// One update of a stateful metric on its way to the store.
pub(crate) struct MetricUpdate {
    /// In the metric's own form; what did not fit is an error of the step.
    pub(crate) input: Result<Box<dyn Any + Send>>,
    /// The metric itself, where the store may not have it yet.
    pub(crate) template: Option<Box<dyn AnyMetric>>,
}

impl std::fmt::Debug for MetricUpdate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetricUpdate").field("template", &self.template).finish_non_exhaustive()
    }
}
