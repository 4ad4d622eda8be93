//! What a study knows of a trial.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value};

use super::distribution::Distribution;
use crate::os::time;

/// The attribute with the reason of a failed trial.
pub(super) const ERROR: &str = "error";
/// The attribute with the best checkpoint of a trial.
pub(super) const CHECKPOINT: &str = "checkpoint";
/// The start of the attributes of constraints, as Optuna's.
pub(super) const CONSTRAINT: &str = "constraints:";
/// The attribute with the numbers of the failed trials that a trial repeats, as Optuna's.
pub(super) const HISTORY: &str = "retry_history";
/// The attribute with the values that an enqueued trial must have, as Optuna's.
pub(super) const FIXED: &str = "fixed_params";

/// How far a trial is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrialState {
    /// A worker runs it.
    Running,
    /// It has values.
    Complete,
    /// A pruner has ended it.
    Pruned,
    /// It ended with an error, a panic or without a usable value, or its worker was lost.
    Failed,
    /// It is enqueued.
    Waiting,
}

impl TrialState {
    /// The number in a journal.
    pub(super) const fn code(self) -> u64 {
        match self {
            Self::Running => 0,
            Self::Complete => 1,
            Self::Pruned => 2,
            Self::Failed => 3,
            Self::Waiting => 4,
        }
    }

    pub(super) fn from_code(code: u64) -> Option<Self> {
        [Self::Running, Self::Complete, Self::Pruned, Self::Failed, Self::Waiting]
            .into_iter()
            .find(|s| s.code() == code)
    }

    /// Returns whether the trial does not change any more.
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Complete | Self::Pruned | Self::Failed)
    }

    /// Returns the name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Pruned => "pruned",
            Self::Failed => "failed",
            Self::Waiting => "waiting",
        }
    }
}

/// The value of a parameter in a trial.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ParamValue {
    /// The path of the hyperparameter.
    pub name: String,
    /// Its distribution.
    pub distribution: Distribution,
    /// The value as a number: that of a categorical parameter is the index of the choice.
    pub stored: f64,
}

/// A trial of a study: its parameters, what it reported, and what became of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TrialRecord {
    /// The number in the study, counted from 0.
    pub number: u64,
    /// How far it is.
    pub state: TrialState,
    /// A value for each objective, if it has ended with values.
    pub values: Option<Vec<f64>>,
    /// The parameters, in the order in which they were chosen.
    pub params: Vec<ParamValue>,
    /// The reported values by step.
    pub reports: BTreeMap<i64, f64>,
    /// The attributes that the program has set.
    pub user_attrs: Map<String, Value>,
    /// The attributes of the study: constraints, retries.
    pub system_attrs: Map<String, Value>,
    /// When it started and ended, in seconds since 1970.
    pub(super) started: Option<f64>,
    pub(super) ended: Option<f64>,
    /// Its number among the trials of all studies of the storage.
    pub(super) id: u64,
    pub(super) study: usize,
    /// The worker that runs or has finished it.
    pub(super) worker: String,
}

impl TrialRecord {
    /// Returns the value of the first objective.
    pub fn value(&self) -> Option<f64> {
        self.values.as_ref()?.first().copied()
    }

    /// Returns the value of a parameter, if the trial has it.
    pub fn param(&self, name: &str) -> Option<Value> {
        self.stored(name).map(|param| param.distribution.value(param.stored))
    }

    pub(super) fn stored(&self, name: &str) -> Option<&ParamValue> {
        self.params.iter().find(|param| param.name == name)
    }

    /// Returns the last report: its step and value.
    pub fn last_report(&self) -> Option<(i64, f64)> {
        self.reports.last_key_value().map(|(step, value)| (*step, *value))
    }

    /// Returns why the trial failed.
    pub fn error(&self) -> Option<&str> {
        self.user_attrs.get(ERROR)?.as_str()
    }

    /// Returns the best checkpoint of the trial's run.
    pub fn checkpoint(&self) -> Option<&str> {
        self.user_attrs.get(CHECKPOINT)?.as_str()
    }

    /// Returns the sum of all constraints above 0; 0 for a trial that keeps them.
    pub fn violation(&self) -> f64 {
        let constraints = self.system_attrs.iter().filter(|(name, _)| name.starts_with(CONSTRAINT));
        constraints.filter_map(|(_, value)| super::number::read(value)).filter(|value| *value > 0.0).sum()
    }

    /// Returns how long the trial ran, or runs.
    pub fn duration(&self) -> Option<Duration> {
        let ended = self.ended.unwrap_or_else(time::now);
        Duration::try_from_secs_f64((ended - self.started?).max(0.0)).ok()
    }

    /// The numbers of the failed trials that it repeats.
    pub(super) fn history(&self) -> Vec<u64> {
        let numbers = self.system_attrs.get(HISTORY).and_then(Value::as_array);
        numbers.into_iter().flatten().filter_map(Value::as_u64).collect()
    }

    /// Whether its values were given, wholly or in part.
    pub(super) fn is_fixed(&self) -> bool {
        self.system_attrs.contains_key(FIXED)
    }
}
