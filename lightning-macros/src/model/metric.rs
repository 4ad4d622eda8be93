//! The metrics that all `#[log]`s of an impl define together.

use proc_macro2::Span;
use syn::Attribute;

use super::log_options::MetricOptions;
use crate::hooks::StageDef;

/// One slot of `METRICS`.
pub(crate) struct Metric {
    /// The metric's name in logs.
    pub(crate) name: String,
    /// The variable, without `r#`, from which the name of the constant is derived.
    pub(crate) variable: String,
    /// The span of the first binding of the variable.
    pub(crate) span: Span,
    /// The stages that log it.
    pub(crate) stages: Vec<StageDef>,
    /// Its options.
    pub(crate) options: MetricOptions,
    /// Whether it is from `per_stage`, with adjacent slots for the other stages.
    pub(crate) per_stage: bool,
    /// Whether no step or hook of the stage of `per_stage` calls the method.
    pub(crate) unreached: bool,
    /// The methods that log it.
    pub(crate) methods: Vec<String>,
    /// The `#[cfg]`s of each place that logs it.
    pub(crate) cfgs: Vec<Vec<Attribute>>,
}

impl Metric {
    /// The name of the metric's constant.
    pub(crate) fn constant_name(&self) -> String {
        self.variable.to_uppercase()
    }
}
