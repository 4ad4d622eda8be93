//! The page about a study.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    core::Plan,
    distribution::Distribution,
    importance,
    parameter::Parameter,
    pareto,
    record::{TrialRecord, TrialState},
};
use crate::{
    error::Result,
    metrics::Direction,
    os::time,
    params::state::f64_to_json,
    report::{Kind, Page},
};

/// The largest number of trials of a page: the last ones.
const MOST_TRIALS: usize = 2000;
/// The largest number of reports of a trial.
const MOST_REPORTS: usize = 200;

/// Writes the page.
pub(super) fn write(path: &Path, plan: &Plan, objectives: &[String], trials: &[TrialRecord]) -> Result<()> {
    let left_out = trials.len().saturating_sub(MOST_TRIALS);
    let complete: Vec<&TrialRecord> =
        trials.iter().filter(|trial| trial.state == TrialState::Complete && trial.violation() == 0.0).collect();
    let losses: Vec<Vec<f64>> = complete.iter().map(|trial| pareto::losses(trial, &plan.directions)).collect();
    let front: Vec<u64> = pareto::front(&losses).into_iter().map(|at| complete[at].number).collect();
    let direction = |direction: &Direction| if *direction == Direction::Maximize { "maximize" } else { "minimize" };
    let objectives: Vec<Value> = objectives
        .iter()
        .zip(&plan.directions)
        .map(|(name, of)| json!({"name": name, "direction": direction(of)}))
        .collect();
    let data = json!({
        "kind": "search",
        "version": env!("CARGO_PKG_VERSION"),
        "title": plan.name,
        "written": time::now() as u64,
        "objectives": objectives,
        "parameters": parameters(plan, trials),
        "trials": trials[left_out..].iter().map(trial).collect::<Vec<_>>(),
        "trials_left_out": left_out,
        "front": front,
        "importances": importance::importances(trials).unwrap_or_default(),
    });
    Page { kind: Kind::Search, path: path.to_path_buf(), title: plan.name.clone(), data, is_running: false }.write()
}

/// The parameters of the space, and those that only trials name.
fn parameters(plan: &Plan, trials: &[TrialRecord]) -> Vec<Value> {
    let space = plan.space.parameters.iter().map(|Parameter { path, distribution, .. }| (path.as_str(), distribution));
    let mut all: Vec<(&str, &Distribution)> = space.collect();
    for param in trials.iter().flat_map(|trial| &trial.params) {
        if !all.iter().any(|(name, _)| *name == param.name) {
            all.push((&param.name, &param.distribution));
        }
    }
    let parameter = |(name, distribution): (&str, &Distribution)| match distribution {
        Distribution::Float { low, high, log, .. } => json!({"name": name, "low": low, "high": high, "log": log}),
        Distribution::Int { low, high, log, .. } => {
            json!({"name": name, "low": low, "high": high, "log": log, "whole": true})
        }
        Distribution::Categorical { choices } => json!({"name": name, "choices": choices}),
    };
    all.into_iter().map(parameter).collect()
}

fn trial(trial: &TrialRecord) -> Value {
    let params = trial.params.iter().map(|param| (param.name.clone(), param.distribution.value(param.stored)));
    let skip = trial.reports.len().div_ceil(MOST_REPORTS).max(1);
    let last = trial.reports.len().saturating_sub(1);
    let reports = trial.reports.iter().enumerate().filter(|(at, _)| at % skip == 0 || *at == last);
    json!({
        "number": trial.number,
        "state": trial.state.name(),
        "values": trial.values.iter().flatten().map(|value| f64_to_json(*value)).collect::<Vec<_>>(),
        "params": params.collect::<serde_json::Map<_, _>>(),
        "reports": reports.map(|(_, (step, value))| json!([step, f64_to_json(*value)])).collect::<Vec<_>>(),
        "seconds": trial.duration().map(|time| time.as_secs_f64()),
        "violation": trial.violation(),
        "error": trial.error(),
        "checkpoint": trial.checkpoint(),
    })
}
