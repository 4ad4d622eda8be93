//! A study without the types of its module: the next trial, its parameters, its end.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Map, Value, json};

use super::{
    distribution::Distribution,
    parameter::{Condition, Parameter},
    pruner::{Pruner, Reported},
    record::{CONSTRAINT, ERROR, FIXED, ParamValue, TrialRecord, TrialState},
    records::Writer,
    sampler::{Dimension, Past, Sampler},
    space::Checked,
    storage::Log,
    worker,
};
use crate::{
    error::{Error, Result},
    metrics::Direction,
    os::{panics::catch_in, time},
};

/// The attribute of a study with the names of its objectives, as Optuna's.
const METRICS: &str = "study:metric_names";
/// The attribute of a study with the seed that its workers have in common.
const SEED: &str = "lightning:seed";

/// What a study is opened with.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) directions: Vec<Direction>,
    /// The names of the objectives.
    pub(super) metrics: Vec<String>,
    pub(super) space: Checked,
    pub(super) sampler: Box<dyn Sampler>,
    pub(super) pruner: Box<dyn Pruner>,
    /// The seed of a new study, and of one that has another program's trials.
    pub(super) seed: u64,
    /// Whether the sampler names it. Otherwise all workers take that of the storage.
    pub(super) is_seeded: bool,
    pub(super) retry: u32,
    pub(super) lost_after: Duration,
}

/// An open study.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) plan: Plan,
    pub(super) log: Log,
    pub(super) writer: Writer,
    pub(super) study: usize,
    /// The calls of `enqueue` so far.
    pub(super) enqueued: u64,
    /// The trials whose end another process tells this one.
    pub(super) followed: BTreeSet<u64>,
}

/// How a trial ended.
#[derive(Debug)]
pub(super) struct End {
    pub(super) state: TrialState,
    pub(super) values: Option<Vec<f64>>,
    pub(super) attributes: Vec<(&'static str, Value)>,
    /// Whether the trial may run again if it failed.
    pub(super) may_retry: bool,
}

impl End {
    pub(super) fn failed(why: impl Into<String>, may_retry: bool) -> Self {
        Self { state: TrialState::Failed, values: None, attributes: vec![(ERROR, json!(why.into()))], may_retry }
    }
}

impl Core {
    /// Opens the study of a name, or creates it.
    ///
    /// # Errors
    /// If the storage fails, or has a study of the name that does not fit.
    pub(super) fn open(mut plan: Plan, mut log: Log, worker: String) -> Result<Self> {
        let writer = Writer::new(worker);
        let study = log.update(|state| {
            let seeded = |study| writer.study_attr(study, SEED, json!(plan.seed));
            let Some(study) = state.find(&plan.name) else {
                let created = writer.create_study(&plan.name, &plan.directions);
                let study = state.next_study();
                let names = writer.study_attr(study, METRICS, json!(plan.metrics));
                return Ok((vec![created, names, seeded(study)], None));
            };
            let stored = state.study(study).map(|study| study.directions.clone()).unwrap_or_default();
            if stored != plan.directions {
                return Err(Error::config(format!(
                    "the study `{}` in the storage must have the objectives of the program, {}, found {}",
                    plan.name,
                    directions(&plan.directions),
                    directions(&stored)
                ))
                .help("give this study another `.name(…)`, or the file another path"));
            }
            for Parameter { path, distribution, .. } in &plan.space.parameters {
                let found = state.trials(study).find_map(|trial| trial.stored(path)).map(|found| &found.distribution);
                check_known(&plan.name, path, distribution, found)?;
            }
            let has_seed = state.study(study).is_some_and(|study| study.system_attrs.contains_key(SEED));
            Ok((if has_seed { Vec::new() } else { vec![seeded(study)] }, Some(study)))
        })?;
        let study = study.flatten().or_else(|| log.state.find(&plan.name)).unwrap_or_default();
        let stored = log.state.study(study).and_then(|study| study.system_attrs.get(SEED)?.as_u64());
        if let Some(seed) = stored.filter(|_| !plan.is_seeded) {
            plan.seed = seed;
        }
        Ok(Self { plan, log, writer, study, enqueued: 0, followed: BTreeSet::new() })
    }

    /// Returns all trials, in the order of their numbers.
    ///
    /// # Errors
    /// If the storage cannot be read.
    pub(super) fn trials(&mut self) -> Result<Vec<TrialRecord>> {
        self.log.sync()?;
        Ok(self.known())
    }

    fn known(&self) -> Vec<TrialRecord> {
        self.log.state.trials(self.study).cloned().collect()
    }

    pub(super) fn trial(&self, id: u64) -> Result<&TrialRecord> {
        let gone =
            || Error::data("a trial is not in its storage any more").help("do not delete a study that is in use");
        self.log.state.trial(id).ok_or_else(gone)
    }

    /// Starts the next trial: an enqueued one, or a new one if fewer than `target` have started.
    /// Returns its id.
    ///
    /// # Errors
    /// If the storage fails, or the sampler.
    pub(super) fn next(&mut self, target: usize) -> Result<Option<u64>> {
        self.fail_lost()?;
        let Self { plan, log, writer, study, .. } = self;
        let limit = catch_in(|| "Sampler::limit".to_owned(), || Ok(plan.sampler.limit(&plan.space.parameters)))?;
        let identity = worker::identity();
        let started = log.update(|state| {
            let trials = || state.trials(*study);
            let is_free = trials().filter(|trial| counts(trial)).count() < target;
            let waits =
                |trial: &&TrialRecord| trial.state == TrialState::Waiting && (is_free || !trial.history().is_empty());
            if let Some(trial) = trials().find(waits) {
                let records = vec![
                    writer.state(trial, TrialState::Running, None),
                    writer.system_attr(trial.id, worker::WORKER, identity.clone()),
                ];
                return Ok((records, Some(trial.id)));
            }
            let is_exhausted = limit.is_some_and(|limit| trials().filter(|trial| !trial.is_fixed()).count() >= limit);
            if !is_free || is_exhausted {
                return Ok((Vec::new(), None));
            }
            let mut attributes = Map::new();
            attributes.insert(worker::WORKER.to_owned(), identity.clone());
            Ok((vec![writer.create_trial(*study, &attributes)], Some(state.next_trial())))
        })?;
        let Some(id) = started.flatten() else { return Ok(None) };
        if let Err(error) = self.choose(id) {
            let _ = self.end(id, &End::failed(error.to_string(), false));
            return Err(error);
        }
        Ok(Some(id))
    }

    /// Chooses the parameters of a trial, group after group.
    fn choose(&mut self, id: u64) -> Result<()> {
        let trial = self.trial(id)?.clone();
        let others: Vec<TrialRecord> = self.known().into_iter().filter(|other| other.id != id).collect();
        let past = self.past(&trial, &others);
        let parameters = &self.plan.space.parameters;
        let fixed = trial.system_attrs.get(FIXED);
        let mut groups: Vec<&Option<Condition>> = Vec::new();
        for Parameter { condition, .. } in parameters {
            if !groups.contains(&condition) {
                groups.push(condition);
            }
        }
        let mut chosen: Vec<ParamValue> = Vec::new();
        for condition in groups {
            let value = |path: &str| {
                let found = chosen.iter().find(|chosen| chosen.name == path)?;
                Some(found.distribution.value(found.stored))
            };
            let group = parameters.iter().enumerate().filter(|(_, parameter)| parameter.condition == *condition);
            let group: Vec<(usize, &Parameter)> =
                group.filter(|(_, parameter)| self.plan.space.holds(parameter, value)).collect();
            let given = |parameter: &Parameter| parameter.distribution.stored(fixed?.get(&parameter.path)?);
            let free: Vec<Dimension<'_>> = group
                .iter()
                .filter(|(_, parameter)| given(parameter).is_none())
                .map(|(index, Parameter { path, distribution, .. })| Dimension {
                    name: path,
                    distribution,
                    index: Some(*index),
                })
                .collect();
            let mut drawn = draw(&*self.plan.sampler, &free, &past)?.into_iter();
            for (_, parameter) in group {
                let Some(stored) = given(parameter).or_else(|| drawn.next()) else { continue };
                let Parameter { path, distribution, .. } = parameter;
                chosen.push(ParamValue { name: path.clone(), distribution: distribution.clone(), stored });
            }
        }
        let records: Vec<Value> =
            chosen.iter().map(|one| self.writer.param(id, &one.name, &one.distribution, one.stored)).collect();
        self.log.append(&records)
    }

    fn past<'a>(&'a self, trial: &TrialRecord, others: &'a [TrialRecord]) -> Past<'a> {
        let is_earlier = |other: &&TrialRecord| other.number < trial.number && !other.is_fixed();
        Past {
            trials: others,
            directions: &self.plan.directions,
            space: &self.plan.space.parameters,
            number: trial.number,
            sampled: others.iter().filter(is_earlier).count() as u64,
            seed: self.plan.seed,
        }
    }

    /// Chooses a parameter that the program names while the trial runs. Returns the one that was
    /// chosen before, if there is one.
    pub(super) fn suggest(&mut self, id: u64, name: &str, distribution: &Distribution) -> Result<Value> {
        distribution.check(name)?;
        self.log.sync()?;
        let trial = self.trial(id)?.clone();
        if let Some(known) = trial.stored(name) {
            check_known(&self.plan.name, name, distribution, Some(&known.distribution))?;
            return Ok(distribution.value(known.stored));
        }
        let others: Vec<TrialRecord> = self.known().into_iter().filter(|other| other.id != id).collect();
        let found = others.iter().find_map(|trial| trial.stored(name)).map(|found| &found.distribution);
        check_known(&self.plan.name, name, distribution, found)?;
        let given = trial.system_attrs.get(FIXED).and_then(|fixed| distribution.stored(fixed.get(name)?));
        let stored = match given {
            Some(stored) => stored,
            None => {
                let dimension = Dimension { name, distribution, index: None };
                let drawn = draw(&*self.plan.sampler, &[dimension], &self.past(&trial, &others))?;
                drawn.first().copied().unwrap_or_default()
            }
        };
        let record = self.writer.param(id, name, distribution, stored);
        self.log.append(&[record])?;
        Ok(distribution.value(stored))
    }

    pub(super) fn report(&mut self, id: u64, step: i64, value: f64) -> Result<()> {
        let record = self.writer.report(id, step, value);
        self.log.append(&[record])
    }

    pub(super) fn should_prune(&mut self, id: u64) -> Result<bool> {
        if self.plan.directions.len() > 1 {
            return Err(Error::config(format!(
                "a trial can only be pruned by one objective, found {}",
                self.plan.directions.len()
            ))
            .help("leave out `trial.pruning()` and `trial.should_prune()`, or the objectives of `.and(…)`"));
        }
        self.log.sync()?;
        let trial = self.trial(id)?;
        let Some((step, value)) = trial.last_report() else { return Ok(false) };
        let others: Vec<TrialRecord> = self.known().into_iter().filter(|other| other.id != id).collect();
        let direction = self.plan.directions.first().copied().unwrap_or(Direction::Minimize);
        let reported = Reported { trial, step, value, others: &others, direction };
        catch_in(|| "Pruner::prune".to_owned(), || Ok(self.plan.pruner.prune(&reported)))
    }

    pub(super) fn set_user_attr(&mut self, id: u64, name: &str, value: Value) -> Result<()> {
        let record = self.writer.user_attr(id, name, value);
        self.log.append(&[record])
    }

    pub(super) fn set_constraint(&mut self, id: u64, name: &str, value: f64) -> Result<()> {
        let record = self.writer.system_attr(id, &format!("{CONSTRAINT}{name}"), super::number::value(value));
        self.log.append(&[record])
    }

    #[cfg(feature = "ray")]
    pub(super) fn set_system_attr(&mut self, id: u64, name: &str, value: Value) -> Result<()> {
        let record = self.writer.system_attr(id, name, value);
        self.log.append(&[record])
    }

    /// Gives a sign of life.
    pub(super) fn beat(&mut self, id: u64) -> Result<()> {
        let record = self.writer.system_attr(id, worker::HEARTBEAT, json!(time::now()));
        self.log.append(&[record])
    }

    /// Ends a trial, unless another worker has already done so. A failed trial that may run again is
    /// enqueued again.
    pub(super) fn end(&mut self, id: u64, end: &End) -> Result<()> {
        let Self { plan, log, writer, study, .. } = self;
        let End { state, values, attributes, may_retry } = end;
        let update = log.update(|stored| {
            let Some(trial) = stored.trial(id).filter(|trial| !trial.state.is_finished()) else {
                return Ok((Vec::new(), ()));
            };
            let mut records: Vec<Value> =
                attributes.iter().map(|(name, value)| writer.user_attr(id, name, value.clone())).collect();
            records.push(writer.state(trial, *state, values.as_deref()));
            let mut history = trial.history();
            if *may_retry && *state == TrialState::Failed && history.len() < plan.retry as usize {
                history.push(trial.number);
                let param = |param: &ParamValue| (param.name.clone(), param.distribution.value(param.stored));
                records.push(writer.enqueue(*study, trial.params.iter().map(param).collect(), &history));
            }
            Ok((records, ()))
        });
        update.map(drop)
    }
}

/// Whether a trial is one of the number to run.
pub(super) fn counts(trial: &TrialRecord) -> bool {
    trial.state != TrialState::Waiting && trial.history().is_empty()
}

/// Asks the sampler, whose answer may be anything.
fn draw(sampler: &dyn Sampler, group: &[Dimension<'_>], past: &Past<'_>) -> Result<Vec<f64>> {
    if group.is_empty() {
        return Ok(Vec::new());
    }
    let drawn = catch_in(|| "Sampler::sample".to_owned(), || sampler.sample(group, past))?;
    for (at, one) in group.iter().enumerate() {
        if !drawn.get(at).is_some_and(|stored| one.distribution.contains(*stored)) {
            let found = drawn.get(at).map_or("nothing".to_owned(), f64::to_string);
            return Err(Error::config(format!(
                "`{}`: a sampler must return one of {}, found {found}",
                one.name,
                one.distribution.describe()
            ))
            .help("return `one.distribution.nearest(…)` for each parameter of the group"));
        }
    }
    Ok(drawn)
}

fn check_known(study: &str, name: &str, distribution: &Distribution, found: Option<&Distribution>) -> Result<()> {
    match found {
        Some(found) if !found.is_compatible(distribution) => Err(Error::config(format!(
            "`{name}` must be the same kind of parameter in all trials of the study `{study}`, found {} and before {}",
            distribution.describe(),
            found.describe()
        ))
        .help("ranges may change, but not kinds and choices: give this study another `.name(…)`, or the file another path")),
        _ => Ok(()),
    }
}

fn directions(directions: &[Direction]) -> String {
    directions.iter().map(|direction| format!("{direction:?}").to_lowercase()).collect::<Vec<_>>().join(", ")
}
