//! A trial that runs.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{builders::IntoDistribution, core::Core, outcome::Objective, pruning::TrialPruning};
use crate::{
    error::{Error, Result},
    module::LightningStruct,
    params::{from_json, to_json},
    random::{Rng, Stream},
};

/// A running trial, as its callback and the program share it.
#[derive(Clone, Debug)]
pub(super) struct Handle {
    pub(super) core: Arc<Mutex<Core>>,
    pub(super) id: u64,
    /// Whether the pruner has asked the trial to end.
    pub(super) is_pruned: Arc<AtomicBool>,
}

impl Handle {
    pub(super) fn core(&self) -> MutexGuard<'_, Core> {
        // A panic leaves nothing half done: what is stored is one record after the other.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn report(&self, step: i64, value: f64) -> Result<()> {
        self.core().report(self.id, step, value)
    }

    pub(super) fn should_prune(&self) -> Result<bool> {
        let prune = self.core().should_prune(self.id)?;
        if prune {
            self.is_pruned.store(true, Ordering::Relaxed);
        }
        Ok(prune)
    }
}

/// One trial: the hyperparameters to try, and the way to report how it goes.
#[derive(Debug)]
pub struct Trial<M: LightningStruct> {
    pub(super) handle: Handle,
    pub(super) number: u64,
    pub(super) history: Vec<u64>,
    pub(super) hparams: M::Hparams,
    pub(super) objective: Objective,
    /// The folder of the study.
    pub(super) root: PathBuf,
    pub(super) seed: u64,
}

impl<M: LightningStruct> Trial<M> {
    /// Returns the hyperparameters to try.
    pub fn hparams(&self) -> M::Hparams {
        self.hparams.clone()
    }

    /// Returns the number of the trial in the study, counted from 0.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns the numbers of the failed trials that it repeats, the oldest first.
    pub fn retries(&self) -> &[u64] {
        &self.history
    }

    /// Returns a seed that follows from the seed of the study and the number of the trial, so that a
    /// trial does not depend on the worker that runs it: `seed_everything(trial.seed())`.
    pub fn seed(&self) -> u64 {
        Rng::derived(self.seed, Stream::Search, self.number, 1).next_u64()
    }

    /// Returns the callback that reports the objective after each validation, and ends the run if
    /// the pruner says so. The first validation is step 1.
    pub fn pruning(&self) -> TrialPruning<M> {
        TrialPruning::new(self.handle.clone(), self.objective)
    }

    /// Reports a value of the objective for the pruner, as [`pruning`](Self::pruning) does by itself.
    ///
    /// # Errors
    /// If the storage cannot be written.
    pub fn report(&mut self, step: u64, value: f64) -> Result<()> {
        self.handle.report(i64::try_from(step).unwrap_or(i64::MAX), value)
    }

    /// Returns whether the trial should end here. From then on it counts as pruned, whatever it
    /// returns.
    ///
    /// # Errors
    /// If the study has several objectives, or the storage cannot be read.
    pub fn should_prune(&mut self) -> Result<bool> {
        self.handle.should_prune()
    }

    /// Chooses a value that is no hyperparameter of the module, such as the strength of an
    /// augmentation. The same name has the same value in the whole trial.
    ///
    /// # Errors
    /// If no value can be drawn, if other trials have another kind of parameter under the name, or
    /// if the storage fails.
    pub fn suggest<T: DeserializeOwned>(&mut self, name: &str, distribution: impl IntoDistribution<T>) -> Result<T> {
        let parameters = distribution.into_parameters();
        let [parameter] = parameters.as_slice() else {
            return Err(Error::config(format!("`{name}`: `suggest` takes one parameter, found {}", parameters.len()))
                .help("suggest each parameter of a nested space by itself"));
        };
        if let Some(fault) = &parameter.fault {
            return Err(Error::config(format!("`{name}`: {fault}")).help("write values of plain data"));
        }
        let value = self.handle.core().suggest(self.handle.id, name, &parameter.distribution)?;
        from_json(&value).map_err(|error| {
            Error::config(format!("`{name}`: {value} is not of the type that is asked for")).caused_by(error)
        })
    }

    /// Adds a note to the trial, which the report, the journal and the dashboard of Optuna show.
    ///
    /// # Errors
    /// If the value cannot be written as JSON, or the storage cannot be written.
    pub fn set_attr(&mut self, name: &str, value: impl Serialize) -> Result<()> {
        let value: Value = to_json(&value)?;
        self.handle.core().set_user_attr(self.handle.id, name, value)
    }

    /// Sets how far the trial is from keeping a constraint: 0 or less keeps it. Trials that do not
    /// are worse than all that do.
    ///
    /// # Errors
    /// If the value is NaN, or the storage cannot be written.
    pub fn set_constraint(&mut self, name: &str, value: f64) -> Result<()> {
        if value.is_nan() {
            return Err(Error::config(format!("the constraint `{name}` must be a number, found NaN"))
                .help("pass by how much the limit is exceeded, such as `seconds - 60.0`"));
        }
        self.handle.core().set_constraint(self.handle.id, name, value)
    }

    /// Returns the folder of the trial, which is created: for `default_root_dir` and checkpoints. A
    /// trial that repeats one whose worker was lost has the folder of that one, and can resume from
    /// its checkpoint.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn folder(&self) -> Result<PathBuf> {
        let first = self.history.first().copied().unwrap_or(self.number);
        let folder = self.root.join(format!("trial_{first}"));
        create_folder(&folder)?;
        Ok(folder)
    }
}

pub(super) fn create_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| Error::io("create the folder", folder, error))
}
