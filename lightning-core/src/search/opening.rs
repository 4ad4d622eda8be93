//! Opens a study at its first use: checks the settings, and what the storage has.

use std::{
    path::PathBuf,
    process,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    core::{Core, Plan},
    outcome::Objective,
    pruner::NoPruner,
    sampler::Tpe,
    storage::{Log, Memory},
    study::Study,
};
use crate::{
    error::{ConfigErrors, Error, Result},
    module::LightningStruct,
    os::panics::catch_in,
    random::{Rng, global_seed},
};

impl<M: LightningStruct> Study<M> {
    /// The folder of the study.
    pub(super) fn root(&self) -> PathBuf {
        match (&self.folder, &self.journal) {
            (Some(folder), _) => folder.clone(),
            (None, Some(journal)) => {
                let mut name = journal.file_stem().unwrap_or_default().to_os_string();
                name.push("_files");
                journal.with_file_name(name)
            }
            (None, None) => PathBuf::from("search"),
        }
    }

    /// Opens the study at its first use.
    pub(super) fn open(&mut self) -> Result<MutexGuard<'_, Core>> {
        if let Some(fault) = &self.fault {
            return Err(Error::config(format!("the study cannot be opened: {fault}")));
        }
        if self.core.is_none() {
            let opened = self.opened();
            let core = opened.inspect_err(|error| self.fault = Some(error.to_string()))?;
            self.core = Some(Arc::new(Mutex::new(core)));
        }
        let core = self.core.as_ref().ok_or_else(|| Error::config("the study is not open"))?;
        Ok(core.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn opened(&mut self) -> Result<Core> {
        let mut errors = ConfigErrors::default();
        let space = errors.take(self.space.checked());
        let sampler = self.sampler.take().unwrap_or_else(|| Box::new(Tpe::new()));
        let pruner = self.pruner.take().unwrap_or_else(|| Box::new(NoPruner));
        if let Some(space) = &space {
            errors.take(catch_in(|| "Sampler::check".to_owned(), || Ok(sampler.check(&space.parameters)))?);
        }
        errors.take(catch_in(|| "Pruner::check".to_owned(), || Ok(pruner.check()))?);
        if self.workers > 1 && self.journal.is_none() {
            errors.add(
                format!("`workers({})` needs a storage that processes can share", self.workers),
                "write `.storage(Journal::new(\"study.log\"))`",
            );
        }
        #[cfg(feature = "ray")]
        if let Some(engine) = &self.engine {
            engine.check(&mut errors);
            if self.journal.is_none() {
                errors.add(
                    "`engine(RayJobs)` needs a storage that the nodes of the cluster can share",
                    "write `.storage(Journal::new(\"study.log\"))`, with a path that all of them have",
                );
            }
            if self.workers > 1 {
                errors.add(
                    format!("`workers({})` and `engine(RayJobs)` exclude each other", self.workers),
                    "write `.at_once(…)` of `RayJobs` for the number of jobs",
                );
            }
        }
        if self.workers == 0 {
            errors.add("`workers` must be at least 1, found 0", "write `.workers(1)`, or leave it out");
        }
        errors.finish()?;
        let Some(space) = space else { return Err(Error::config("the space cannot be searched")) };
        let seed = catch_in(|| "Sampler::seed".to_owned(), || Ok(sampler.seed()))?;
        let worker = format!("{}-{:016x}", process::id(), Rng::new(unique()).next_u64());
        let plan = Plan {
            name: self.name.clone(),
            directions: self.objectives.iter().map(Objective::direction).collect(),
            metrics: self.objectives.iter().map(Objective::name).collect(),
            space,
            sampler,
            pruner,
            seed: seed.unwrap_or_else(global_seed),
            is_seeded: seed.is_some(),
            retry: self.retry,
            lost_after: self.lost_after,
        };
        let storage = self.storage.take().unwrap_or_else(|| Box::new(Memory::new()));
        Core::open(plan, Log::new(storage), worker)
    }
}

/// A number that no other worker has.
fn unique() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one((process::id(), std::thread::current().id()))
}
