//! What processes that search together agree on: how many trials they run, who runs which.

use serde_json::{Map, Value, json};

use super::{
    core::{Core, End, counts},
    record::TrialState,
    storage::Replay,
    worker,
};
use crate::error::{Error, Result};

impl Core {
    /// Returns the number of trials at which a search ends that runs `trials` more. Trials that have
    /// started count, but not those that repeat others. `budget` is the attribute in which those that
    /// search together keep it: the first of them decides.
    pub(super) fn target(&mut self, trials: usize, budget: Option<&str>) -> Result<usize> {
        let Self { log, writer, study, .. } = self;
        let count = |state: &Replay| state.trials(*study).filter(|trial| counts(trial)).count().saturating_add(trials);
        let Some(budget) = budget else {
            log.sync()?;
            return Ok(count(&log.state));
        };
        let target = log.update(|state| {
            let known = state.study(*study).and_then(|study| study.system_attrs.get(budget)?.as_u64());
            let target = known.and_then(|known| usize::try_from(known).ok());
            Ok(match target {
                Some(target) => (Vec::new(), target),
                None => (vec![writer.study_attr(*study, budget, json!(count(state)))], count(state)),
            })
        })?;
        Ok(target.unwrap_or(trials))
    }

    /// Takes over a trial that another process has created for this one, unless it has ended.
    ///
    /// # Errors
    /// If there is no such trial, or the storage fails.
    pub(super) fn adopt(&mut self, id: u64) -> Result<bool> {
        let Self { log, writer, study, plan, .. } = self;
        let adopted = log.update(|state| {
            let Some(trial) = state.trial(id).filter(|trial| trial.study == *study) else {
                return Err(Error::data(format!(
                    "the storage of this process must have the trial of the study `{}` that it was started for (id {id}), \
                     found none",
                    plan.name
                ))
                .help("all nodes need the same journal: give `Journal::new` an absolute path on a common file system"));
            };
            let is_free = trial.state == TrialState::Running;
            let taken = writer.system_attr(id, worker::WORKER, worker::identity());
            Ok((if is_free { vec![taken] } else { Vec::new() }, is_free))
        })?;
        Ok(adopted.unwrap_or_default())
    }

    /// Takes note of a trial whose end another process tells this one, or of its end.
    #[cfg(feature = "ray")]
    pub(super) fn follow(&mut self, id: u64, is_running: bool) {
        if is_running {
            self.followed.insert(id);
        } else {
            self.followed.remove(&id);
        }
    }

    /// Returns whether another process than this one runs a trial.
    #[cfg(feature = "ray")]
    pub(super) fn is_adopted(&self, id: u64) -> Result<bool> {
        Ok(self.trial(id)?.system_attrs.get(worker::WORKER).is_some_and(|worker| *worker != worker::identity()))
    }

    /// Reads what others have written.
    #[cfg(feature = "ray")]
    pub(super) fn sync(&mut self) -> Result<()> {
        self.log.sync()
    }

    /// Counts a call of `enqueue` and returns how many were before it.
    pub(super) fn count_enqueued(&mut self) -> u64 {
        self.enqueued += 1;
        self.enqueued - 1
    }

    /// Adds a trial with given values. `once` is the attribute in which those that search together
    /// note that one of them has done so.
    pub(super) fn enqueue(&mut self, params: Map<String, Value>, once: Option<&str>) -> Result<()> {
        let Self { log, writer, study, .. } = self;
        let update = log.update(|state| {
            let is_done = |once: &str| state.study(*study).is_some_and(|study| study.system_attrs.contains_key(once));
            if once.is_some_and(is_done) {
                return Ok((Vec::new(), ()));
            }
            let mut records = vec![writer.enqueue(*study, params.clone(), &[])];
            records.extend(once.map(|once| writer.study_attr(*study, once, json!(true))));
            Ok((records, ()))
        });
        update.map(drop)
    }

    /// Ends the trials of workers that are not there any more.
    pub(super) fn fail_lost(&mut self) -> Result<()> {
        self.log.sync()?;
        let running = self.log.state.trials(self.study).filter(|trial| trial.state == TrialState::Running);
        let others = running.filter(|trial| !self.followed.contains(&trial.id));
        let lost: Vec<(u64, String)> =
            others.filter_map(|trial| Some((trial.id, worker::lost(trial, self.plan.lost_after)?))).collect();
        lost.into_iter().try_for_each(|(id, why)| self.end(id, &End::failed(why, true)))
    }
}
