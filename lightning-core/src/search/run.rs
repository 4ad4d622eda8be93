//! Runs the trials of a study: here, or as a part of a search that another process was called for.

use std::{
    process,
    sync::{Arc, atomic::AtomicBool, atomic::Ordering},
    time::Instant,
};

#[cfg(feature = "ray")]
use super::core::Core;
use super::{
    array::Task,
    core::End,
    outcome::{IntoOutcome, Objective, Outcome},
    record::{TrialRecord, TrialState},
    study::Study,
    trial::{Handle, Trial},
    worker::Heartbeat,
    workers::{self, Part, Workers},
};
use crate::{
    error::{ErrorKind, Result},
    module::LightningStruct,
    os::panics::catch_panic,
    params::from_json,
};

impl<M: LightningStruct> Study<M> {
    /// Runs `trials` more trials, enqueued ones first.
    ///
    /// In a SLURM array with a [`Journal`](super::Journal) these are the trials of all tasks together:
    /// each task is a worker of the study, and one that SLURM starts again goes on with the rest.
    ///
    /// A trial that returns an error, panics, or has NaN as a value is a failed trial with the reason
    /// ([`TrialRecord::error`]), and the study goes on.
    ///
    /// # Errors
    /// If a setting or the space is wrong, the study in the storage does not fit, the storage fails,
    /// or a trial is interrupted by a signal.
    pub fn optimize<O: IntoOutcome<M>>(
        &mut self,
        trials: usize,
        objective: impl FnMut(&mut Trial<M>) -> Result<O>,
    ) -> Result<()> {
        let part = workers::part();
        let Part::Caller { search } = part else { return self.run(part, 0, objective) };
        let task = Task::current().filter(|_| self.journal.is_some()).map(|task| task.budget(search));
        let target = self.open()?.target(trials, task.as_deref())?;
        self.run(part, target, objective)
    }

    /// Runs trials until `total` have been started in the study, by any process: for processes that
    /// are started several times on one journal.
    ///
    /// # Errors
    /// As [`optimize`](Self::optimize).
    pub fn optimize_until<O: IntoOutcome<M>>(
        &mut self,
        total: usize,
        objective: impl FnMut(&mut Trial<M>) -> Result<O>,
    ) -> Result<()> {
        self.run(workers::part(), total, objective)
    }

    fn run<O: IntoOutcome<M>>(
        &mut self,
        part: Part,
        total: usize,
        mut objective: impl FnMut(&mut Trial<M>) -> Result<O>,
    ) -> Result<()> {
        let started = Instant::now();
        let (others, target) = match part {
            Part::None => return Ok(()),
            Part::Trial { id } => return self.run_given(id, &mut objective),
            Part::Worker { target } => (None, target),
            #[cfg(feature = "ray")]
            Part::Caller { search } if self.engine.is_some() => return self.run_jobs(search, total),
            Part::Caller { search } => {
                drop(self.open()?);
                (Some(Workers::start(self.workers, search, total, &self.root())?), total)
            }
        };
        while self.timeout.is_none_or(|time| started.elapsed() < time) {
            let Some(trial) = self.open()?.next(target)? else { break };
            self.run_trial(trial, &mut objective, false)?;
        }
        match others {
            Some(others) => others.wait(&self.root()),
            // The rest of the program belongs to the process that was called.
            None => process::exit(0),
        }
        self.open()?.fail_lost()
    }

    /// Runs the one trial that this process was started for, and ends the process.
    fn run_given<O: IntoOutcome<M>>(
        &mut self,
        id: u64,
        objective: &mut impl FnMut(&mut Trial<M>) -> Result<O>,
    ) -> Result<()> {
        if !self.open()?.adopt(id)? {
            eprintln!("the trial has ended already: nothing is left to do");
            process::exit(1);
        }
        self.verbose = true;
        self.run_trial(id, objective, true)?;
        let has_failed = self.open()?.trial(id)?.state == TrialState::Failed;
        process::exit(i32::from(has_failed))
    }

    /// Has the trials run as jobs of a cluster.
    #[cfg(feature = "ray")]
    fn run_jobs(&mut self, search: u64, total: usize) -> Result<()> {
        drop(self.open()?);
        let (Some(core), Some(engine)) = (self.core.clone(), self.engine.clone()) else { return Ok(()) };
        let objectives = self.objectives.clone();
        let verbose = self.verbose;
        let ended = move |core: &Core, id: u64| {
            if verbose {
                print_line(core.trial(id).ok(), &objectives);
            }
        };
        super::ray::run(&engine, &core, &super::ray::Search { number: search, total, time: self.timeout }, &ended)
    }

    fn run_trial<O: IntoOutcome<M>>(
        &mut self,
        id: u64,
        objective: &mut impl FnMut(&mut Trial<M>) -> Result<O>,
        is_followed: bool,
    ) -> Result<()> {
        let (record, hparams, seed) = {
            let core = self.open()?;
            let record = core.trial(id)?.clone();
            let params =
                record.params.iter().map(|param| (param.name.as_str(), param.distribution.value(param.stored)));
            let hparams = core.plan.space.hparams(params);
            (record, hparams, core.plan.seed)
        };
        let Some(core) = self.core.clone() else { return Ok(()) };
        let handle = Handle { core, id, is_pruned: Arc::new(AtomicBool::new(false)) };
        let first = self.objectives[0];
        let _heartbeat = self.journal.is_some().then(|| Heartbeat::start(&handle.core, id, self.lost_after / 4));
        let outcome = catch_panic(|| {
            let hparams = from_json(&hparams)?;
            let root = self.root();
            let (number, history) = (record.number, record.history());
            let mut trial = Trial { handle: handle.clone(), number, history, hparams, objective: first, root, seed };
            objective(&mut trial).map(|outcome| outcome.into_outcome(&self.objectives))
        });
        let mut core = handle.core();
        let (end, interrupted) = match outcome {
            Ok(outcome) if handle.is_pruned.load(Ordering::Relaxed) => {
                let last = core.trial(id)?.last_report().map(|(_, value)| value);
                (outcome.pruned(last), None)
            }
            Ok(outcome) => (Outcome::end(outcome, &self.objectives), None),
            // Whoever follows this process knows why it was interrupted.
            Err(error) if is_followed && error.kind() == ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                let is_interrupted = error.kind() == ErrorKind::Interrupted;
                (End::failed(error.to_string(), is_interrupted), is_interrupted.then_some(error))
            }
        };
        core.end(id, &end)?;
        if self.verbose {
            print_line(core.trial(id).ok(), &self.objectives);
        }
        interrupted.map_or(Ok(()), Err)
    }
}

fn print_line(trial: Option<&TrialRecord>, objectives: &[Objective]) {
    let Some(trial) = trial else { return };
    let values: Vec<String> = objectives
        .iter()
        .zip(trial.values.iter().flatten())
        .map(|(objective, value)| format!("{} {}", objective.name(), crate::text::significant(*value, 6)))
        .collect();
    let what = trial.error().map_or_else(|| values.join(", "), str::to_owned);
    eprintln!("trial {} {}: {what}", trial.number, trial.state.name());
}
