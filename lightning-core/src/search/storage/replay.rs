//! The studies and trials that records describe.
//!
//! The operations and their rules are those of Optuna's `JournalStorage`: numbers of studies and
//! trials are counted, records that do not fit are passed over by everybody, and a finished trial
//! does not change. Source: `optuna/storages/journal/_storage.py` of Optuna 5.0.0.

use serde_json::{Map, Value};

use crate::{
    metrics::Direction,
    os::time,
    search::{
        distribution::Distribution,
        number,
        record::{ParamValue, TrialRecord, TrialState},
    },
};

/// A study of a storage.
#[derive(Clone, Debug)]
pub(in crate::search) struct StudyRecord {
    pub(in crate::search) name: String,
    pub(in crate::search) directions: Vec<Direction>,
    pub(in crate::search) user_attrs: Map<String, Value>,
    pub(in crate::search) system_attrs: Map<String, Value>,
    is_deleted: bool,
}

/// All studies of a storage.
#[derive(Clone, Debug, Default)]
pub(in crate::search) struct Replay {
    applied: usize,
    studies: Vec<StudyRecord>,
    trials: Vec<TrialRecord>,
}

impl Replay {
    /// The number of records.
    pub(in crate::search) fn applied(&self) -> usize {
        self.applied
    }

    /// The number of a study by its name.
    pub(in crate::search) fn find(&self, name: &str) -> Option<usize> {
        self.studies.iter().position(|study| !study.is_deleted && study.name == name)
    }

    pub(in crate::search) fn study(&self, study: usize) -> Option<&StudyRecord> {
        self.studies.get(study)
    }

    /// The trials of a study, in the order of their numbers.
    pub(in crate::search) fn trials(&self, study: usize) -> impl Iterator<Item = &TrialRecord> {
        self.trials.iter().filter(move |trial| trial.study == study)
    }

    pub(in crate::search) fn trial(&self, id: u64) -> Option<&TrialRecord> {
        self.trials.get(usize::try_from(id).ok()?)
    }

    /// The number that the next study gets.
    pub(in crate::search) fn next_study(&self) -> usize {
        self.studies.len()
    }

    /// The number that the next trial gets.
    pub(in crate::search) fn next_trial(&self) -> u64 {
        self.trials.len() as u64
    }

    pub(in crate::search) fn apply_all(&mut self, records: &[Value]) {
        for record in records {
            self.applied += 1;
            // A record that does not fit is passed over.
            let _ = self.apply(record);
        }
    }

    fn apply(&mut self, record: &Value) -> Option<()> {
        match record["op_code"].as_u64()? {
            0 => self.create_study(record),
            1 => {
                let study = usize::try_from(record["study_id"].as_u64()?).ok()?;
                self.studies.get_mut(study)?.is_deleted = true;
                Some(())
            }
            2 => {
                let study = usize::try_from(record["study_id"].as_u64()?).ok()?;
                merge(&mut self.studies.get_mut(study)?.user_attrs, &record["user_attr"]);
                Some(())
            }
            3 => {
                let study = usize::try_from(record["study_id"].as_u64()?).ok()?;
                merge(&mut self.studies.get_mut(study)?.system_attrs, &record["system_attr"]);
                Some(())
            }
            4 => self.create_trial(record),
            5 => self.set_param(record),
            6 => self.set_state(record),
            7 => {
                let step = record["step"].as_i64()?;
                let value = number::read(&record["intermediate_value"])?;
                self.unfinished(record)?.reports.insert(step, value);
                Some(())
            }
            8 => {
                merge(&mut self.unfinished(record)?.user_attrs, &record["user_attr"]);
                Some(())
            }
            9 => {
                merge(&mut self.unfinished(record)?.system_attrs, &record["system_attr"]);
                Some(())
            }
            _ => None,
        }
    }

    fn create_study(&mut self, record: &Value) -> Option<()> {
        let name = record["study_name"].as_str()?;
        if self.find(name).is_some() {
            return None;
        }
        let direction = |code: &Value| match code.as_u64()? {
            2 => Some(Direction::Maximize),
            _ => Some(Direction::Minimize),
        };
        let directions = record["directions"].as_array()?.iter().map(direction).collect::<Option<_>>()?;
        self.studies.push(StudyRecord {
            name: name.to_owned(),
            directions,
            user_attrs: Map::new(),
            system_attrs: Map::new(),
            is_deleted: false,
        });
        Some(())
    }

    fn create_trial(&mut self, record: &Value) -> Option<()> {
        let study = usize::try_from(record["study_id"].as_u64()?).ok()?;
        self.studies.get(study).filter(|study| !study.is_deleted)?;
        let moment = |name: &str| record[name].as_str().and_then(time::read);
        let values = match &record["values"] {
            Value::Array(values) => values.iter().map(number::read).collect::<Option<Vec<f64>>>(),
            _ => number::read(&record["value"]).map(|value| vec![value]),
        };
        let mut params = Vec::new();
        for (name, stored) in record["params"].as_object().into_iter().flatten() {
            let distribution = Distribution::from_journal(record["distributions"][name].as_str()?)?;
            params.push(ParamValue { name: name.clone(), distribution, stored: number::read(stored)? });
        }
        let reports = record["intermediate_values"].as_object().into_iter().flatten();
        self.trials.push(TrialRecord {
            number: self.trials(study).count() as u64,
            state: TrialState::from_code(record["state"].as_u64().unwrap_or(0)).unwrap_or(TrialState::Running),
            values,
            params,
            reports: reports.filter_map(|(step, value)| Some((step.parse().ok()?, number::read(value)?))).collect(),
            user_attrs: record["user_attrs"].as_object().cloned().unwrap_or_default(),
            system_attrs: record["system_attrs"].as_object().cloned().unwrap_or_default(),
            started: moment("datetime_start"),
            ended: moment("datetime_complete"),
            id: self.next_trial(),
            study,
            worker: record["worker_id"].as_str().unwrap_or_default().to_owned(),
        });
        Some(())
    }

    /// The trial of a record, if it can change.
    fn unfinished(&mut self, record: &Value) -> Option<&mut TrialRecord> {
        let id = usize::try_from(record["trial_id"].as_u64()?).ok()?;
        self.trials.get_mut(id).filter(|trial| !trial.state.is_finished())
    }

    fn set_param(&mut self, record: &Value) -> Option<()> {
        let name = record["param_name"].as_str()?;
        let stored = number::read(&record["param_value_internal"])?;
        let distribution = Distribution::from_journal(record["distribution"].as_str()?)?;
        let study = self.unfinished(record)?.study;
        let earlier = self.trials(study).find_map(|trial| trial.stored(name));
        if earlier.is_some_and(|earlier| !earlier.distribution.is_compatible(&distribution)) {
            return None;
        }
        let trial = self.unfinished(record)?;
        trial.params.retain(|param| param.name != name);
        trial.params.push(ParamValue { name: name.to_owned(), distribution, stored });
        Some(())
    }

    fn set_state(&mut self, record: &Value) -> Option<()> {
        let state = TrialState::from_code(record["state"].as_u64()?)?;
        let moment = |name: &str| record[name].as_str().and_then(time::read);
        let trial = self.unfinished(record)?;
        if state == TrialState::Running && trial.state == TrialState::Running {
            return None;
        }
        match state {
            TrialState::Running => trial.started = moment("datetime_start"),
            state if state.is_finished() => trial.ended = moment("datetime_complete"),
            _ => {}
        }
        trial.state = state;
        record["worker_id"].as_str().unwrap_or_default().clone_into(&mut trial.worker);
        if let Some(values) = record["values"].as_array() {
            trial.values = values.iter().map(number::read).collect();
        }
        Some(())
    }
}

fn merge(attributes: &mut Map<String, Value>, new: &Value) {
    for (name, value) in new.as_object().into_iter().flatten() {
        attributes.insert(name.clone(), value.clone());
    }
}
