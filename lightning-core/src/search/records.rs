//! The records of a journal, as Optuna writes them.

use serde_json::{Map, Value, json};

use super::{
    distribution::Distribution,
    number,
    record::{FIXED, HISTORY, TrialRecord, TrialState},
};
use crate::{metrics::Direction, os::time};

/// Writes the records of one worker.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    worker: String,
}

impl Writer {
    pub(super) fn new(worker: String) -> Self {
        Self { worker }
    }

    fn record(&self, op_code: u64, fields: Value) -> Value {
        let mut record = json!({"op_code": op_code, "worker_id": self.worker});
        if let (Some(record), Value::Object(fields)) = (record.as_object_mut(), fields) {
            record.extend(fields);
        }
        record
    }

    pub(super) fn create_study(&self, name: &str, directions: &[Direction]) -> Value {
        let codes: Vec<u64> =
            directions.iter().map(|direction| if *direction == Direction::Maximize { 2 } else { 1 }).collect();
        self.record(0, json!({"study_name": name, "directions": codes}))
    }

    /// An attribute of a study that programs do not set.
    pub(super) fn study_attr(&self, study: usize, name: &str, value: Value) -> Value {
        self.record(3, json!({"study_id": study, "system_attr": {name: value}}))
    }

    /// A trial that this worker runs.
    pub(super) fn create_trial(&self, study: usize, system_attrs: &Map<String, Value>) -> Value {
        self.new_trial(study, TrialState::Running, &Map::new(), system_attrs)
    }

    /// A trial that any worker can take, with given values.
    pub(super) fn enqueue(&self, study: usize, params: Map<String, Value>, history: &[u64]) -> Value {
        let mut system = Map::new();
        system.insert(FIXED.to_owned(), Value::Object(params));
        if let Some(last) = history.last() {
            system.insert("failed_trial".to_owned(), json!(last));
            system.insert(HISTORY.to_owned(), json!(history));
        }
        self.new_trial(study, TrialState::Waiting, &Map::new(), &system)
    }

    fn new_trial(
        &self,
        study: usize,
        state: TrialState,
        user: &Map<String, Value>,
        system: &Map<String, Value>,
    ) -> Value {
        let start = (state == TrialState::Running).then(|| time::text(time::now()));
        self.record(
            4,
            json!({
                "study_id": study,
                "datetime_start": start,
                "state": state.code(),
                "value": null,
                "values": null,
                "distributions": {},
                "params": {},
                "user_attrs": user,
                "system_attrs": system,
                "intermediate_values": {},
            }),
        )
    }

    pub(super) fn param(&self, trial: u64, name: &str, distribution: &Distribution, stored: f64) -> Value {
        self.record(
            5,
            json!({"trial_id": trial, "param_name": name, "param_value_internal": stored, "distribution": distribution.to_journal()}),
        )
    }

    pub(super) fn state(&self, trial: &TrialRecord, state: TrialState, values: Option<&[f64]>) -> Value {
        let values = values.map(|values| values.iter().copied().map(number::value).collect::<Vec<_>>());
        let moment = if state.is_finished() { "datetime_complete" } else { "datetime_start" };
        self.record(
            6,
            json!({"trial_id": trial.id, "state": state.code(), "values": values, moment: time::text(time::now())}),
        )
    }

    pub(super) fn report(&self, trial: u64, step: i64, value: f64) -> Value {
        self.record(7, json!({"trial_id": trial, "step": step, "intermediate_value": number::value(value)}))
    }

    pub(super) fn user_attr(&self, trial: u64, name: &str, value: Value) -> Value {
        self.record(8, json!({"trial_id": trial, "user_attr": {name: value}}))
    }

    pub(super) fn system_attr(&self, trial: u64, name: &str, value: Value) -> Value {
        self.record(9, json!({"trial_id": trial, "system_attr": {name: value}}))
    }
}
