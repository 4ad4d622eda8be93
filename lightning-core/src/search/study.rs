//! The typed study: settings, and the trials one after the other.

use std::{
    marker::PhantomData,
    path::{Path, PathBuf},
    process,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool, atomic::Ordering},
    time::{Duration, Instant},
};

use serde_json::Map;

use super::{
    best::BestTrial,
    core::{Core, End, Plan},
    importance,
    outcome::{IntoOutcome, Objective, Outcome},
    page, pareto,
    pruner::{NoPruner, Pruner},
    record::{TrialRecord, TrialState},
    sampler::{Sampler, Tpe},
    space::{SearchSpace, Space, find},
    storage::{Log, Memory, Storage},
    trial::{Handle, Trial},
    worker::Heartbeat,
    workers::{self, Part, Workers},
};
use crate::{
    error::{ConfigErrors, Error, ErrorKind, Result},
    metrics::{Directed, Monitor},
    module::LightningStruct,
    os::panics::catch_panic,
    params::{from_json, to_json},
    random::{Rng, global_seed},
};

/// Searches the hyperparameters of the module `M`.
///
/// Settings are chained, and then [`optimize`](Self::optimize) runs trials. The default is
/// [`Tpe`] without pruning, in memory.
///
/// ```
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// # use lightning_core::{prelude::*, search::{Asha, Space, Study, Tpe, log_uniform}};
/// # #[lightning_module]
/// # #[optimizer(SgdConfig::new(), lr = lr)]
/// # struct Net {
/// #     #[init(LinearConfig::new(4, 1).init(device))]
/// #     layer: Linear,
/// #     #[hparam(default = 0.1)]
/// #     lr: f64,
/// # }
/// # #[lightning_module]
/// # impl Net {
/// #     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
/// #         self.layer.forward(batch).square().mean()
/// #     }
/// #     fn validation_step(&self, batch: Tensor<2>) {
/// #         #[log(minimize)]
/// #         let val_loss = self.layer.forward(batch).square().mean();
/// #     }
/// # }
/// # let data = || vec![Tensor::<2>::ones([2, 4], &Device::default()); 2];
/// let space = Space::new().set("lr", log_uniform(1e-4..1e-1));
/// let mut study = Study::new(Net::VAL_LOSS, space).sampler(Tpe::new().seed(1)).pruner(Asha::new());
/// study.optimize(3, |trial| {
///     seed_everything(trial.seed());
///     let mut model = Net::new(trial.hparams());
///     let trainer = Net::trainer().max_epochs(2).callback(trial.pruning());
/// #   let trainer = trainer.no_logger().enable_checkpointing(false).enable_model_summary(false);
///     trainer.build()?.fit(&mut model, (data(), data()))
/// })?;
/// println!("{}", study.best()?);
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Study<M: LightningStruct> {
    objectives: Vec<Objective>,
    space: Space<M::Hparams>,
    name: String,
    sampler: Option<Box<dyn Sampler>>,
    pruner: Option<Box<dyn Pruner>>,
    storage: Option<Box<dyn Storage>>,
    /// The file that processes share.
    journal: Option<PathBuf>,
    folder: Option<PathBuf>,
    timeout: Option<Duration>,
    retry: u32,
    workers: usize,
    lost_after: Duration,
    verbose: bool,
    core: Option<Arc<Mutex<Core>>>,
    /// Why it could not be opened.
    fault: Option<String>,
    module: PhantomData<fn() -> M>,
}

impl<M: LightningStruct> Study<M> {
    /// Creates a study that optimizes a metric, in the direction of its `#[log]`.
    pub fn new<K: Monitor<M>>(objective: K, space: impl SearchSpace<Hparams = M::Hparams>) -> Self {
        Self {
            objectives: vec![objective_of(objective)],
            space: space.into_space(),
            name: M::NAME.to_owned(),
            sampler: Some(Box::new(Tpe::new())),
            pruner: Some(Box::new(NoPruner)),
            storage: Some(Box::new(Memory::new())),
            journal: None,
            folder: None,
            timeout: None,
            retry: 0,
            workers: 1,
            lost_after: Duration::from_secs(120),
            verbose: false,
            core: None,
            fault: None,
            module: PhantomData,
        }
    }

    /// Adds another objective: the study then looks for the Pareto front.
    #[must_use]
    pub fn and<K: Monitor<M>>(mut self, objective: K) -> Self {
        self.objectives.push(objective_of(objective));
        self
    }

    /// Sets the name in the storage. Default: the name of the module.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets what chooses hyperparameters. Default [`Tpe`].
    #[must_use]
    pub fn sampler(mut self, sampler: impl Sampler + 'static) -> Self {
        self.sampler = Some(Box::new(sampler));
        self
    }

    /// Sets what ends trials early. Default [`NoPruner`].
    #[must_use]
    pub fn pruner(mut self, pruner: impl Pruner + 'static) -> Self {
        self.pruner = Some(Box::new(pruner));
        self
    }

    /// Sets where trials are kept. A study that is there under the name goes on. Default [`Memory`].
    #[must_use]
    pub fn storage(mut self, storage: impl Storage + 'static) -> Self {
        self.journal = storage.path().map(Path::to_path_buf);
        self.storage = Some(Box::new(storage));
        self
    }

    /// Sets the folder of the trials' folders and the workers' output. Default: `study_files` for a
    /// journal `study.log`, otherwise `search`.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Sets the time after which no further trial starts. A running one is not ended.
    #[must_use]
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }

    /// Sets how often a trial is repeated whose worker was killed or interrupted. Default 0: it is a
    /// failed trial.
    #[must_use]
    pub fn retry(mut self, times: u32) -> Self {
        self.retry = times;
        self
    }

    /// Sets the number of processes that run trials on this machine: this one, and others that start
    /// the program again with its arguments. Needs a [`Journal`](super::Journal). Default 1.
    ///
    /// The other processes run the program up to this search, take part in it, and end. What they
    /// print is in `worker_1.log` and so on, in the [`folder`](Self::folder).
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Sets after what time without a sign of life a worker on another machine is lost. Workers on
    /// this machine are lost when their process has ended. Default 2 minutes.
    #[must_use]
    pub fn lost_after(mut self, time: Duration) -> Self {
        self.lost_after = time;
        self
    }

    /// Prints a line after each trial. Default `false`.
    #[must_use]
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }

    /// Tries known hyperparameters before others. Those that are not in the space must have the
    /// values of its base.
    ///
    /// # Errors
    /// If a value is not in the space, or the study cannot be opened.
    pub fn enqueue(&mut self, hparams: M::Hparams) -> Result<()> {
        let hparams = to_json(&hparams)?;
        let mut core = self.open()?;
        let space = &core.plan.space;
        let mut errors = ConfigErrors::default();
        let mut params = Map::new();
        for parameter in &space.parameters {
            if !space.holds(parameter, |path| find(&hparams, path).cloned()) {
                continue;
            }
            let Some(value) = find(&hparams, &parameter.path) else { continue };
            if parameter.distribution.stored(value).is_none() {
                errors.add(
                    format!(
                        "`enqueue`: `{}` must be in the space, {}, found {value}",
                        parameter.path,
                        parameter.distribution.describe()
                    ),
                    "write a value of the space, or make the space larger",
                );
            }
            params.insert(parameter.path.clone(), value.clone());
        }
        let placed = space.hparams(params.iter().map(|(path, value)| (path.as_str(), value.clone())));
        let placed: M::Hparams = from_json(&placed)?;
        if errors.is_empty() && to_json(&placed)? != hparams {
            errors.add(
                "`enqueue`: hyperparameters that are not searched must have the values of the base",
                "start from the base of the space and change what is searched, or search the others as well",
            );
        }
        errors.finish()?;
        core.enqueue(params)
    }

    /// Runs `trials` more trials, enqueued ones first.
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
        if part == Part::None {
            return Ok(());
        }
        let known = self.open()?.counted()?;
        self.run(part, known.saturating_add(trials), objective)
    }

    /// Runs trials until `total` have been started in the study, by any process: for processes that
    /// are started several times on one journal, such as those of a SLURM array.
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
        drop(self.open()?);
        let (others, target) = match part {
            Part::None => return Ok(()),
            Part::Worker { target } => (None, target),
            Part::Caller { search } => (Some(Workers::start(self.workers, search, total, &self.root())?), total),
        };
        while self.timeout.is_none_or(|time| started.elapsed() < time) {
            let Some(trial) = self.open()?.next(target)? else { break };
            self.run_trial(trial, &mut objective)?;
        }
        match others {
            Some(others) => others.wait(&self.root()),
            // The rest of the program belongs to the process that was called.
            None => process::exit(0),
        }
        self.open()?.fail_lost()
    }

    fn run_trial<O: IntoOutcome<M>>(
        &mut self,
        id: u64,
        objective: &mut impl FnMut(&mut Trial<M>) -> Result<O>,
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
            Err(error) => {
                let is_interrupted = error.kind() == ErrorKind::Interrupted;
                (End::failed(error.to_string(), is_interrupted), is_interrupted.then_some(error))
            }
        };
        core.end(id, &end)?;
        if self.verbose {
            print_line(&core.trials()?, id, &self.objectives);
        }
        interrupted.map_or(Ok(()), Err)
    }

    /// Returns the best complete trial that keeps all constraints.
    ///
    /// # Errors
    /// If there is none, if the study has several objectives, or if the storage cannot be read.
    pub fn best(&mut self) -> Result<BestTrial<M>> {
        if self.objectives.len() > 1 {
            return Err(Error::config(format!(
                "a study with {} objectives has no single best trial",
                self.objectives.len()
            ))
            .help("ask for `study.pareto_front()`"));
        }
        let best = self.pareto_front()?.into_iter().next();
        let trials = self.trials()?;
        best.ok_or_else(|| {
            let last = trials.iter().rev().find_map(|trial| Some((trial.number, trial.error()?)));
            let error = Error::new(ErrorKind::Metric, format!("no trial of the study `{}` has a value", self.name));
            match last {
                Some((number, why)) => error.help(format!("the last one that failed is trial {number}: {why}")),
                None => error.help("run trials: `study.optimize(50, …)`"),
            }
        })
    }

    /// Returns the complete trials that keep all constraints and that no other one dominates, with
    /// the best value of the first objective first. With one objective these are the best ones, the
    /// earliest first.
    ///
    /// # Errors
    /// If the storage cannot be read.
    pub fn pareto_front(&mut self) -> Result<Vec<BestTrial<M>>> {
        let objectives: Vec<String> = self.objectives.iter().map(Objective::name).collect();
        let mut core = self.open()?;
        let mut trials = core.trials()?;
        let directions = core.plan.directions.clone();
        trials.retain(|trial| trial.state == TrialState::Complete && trial.violation() == 0.0);
        let losses: Vec<Vec<f64>> = trials.iter().map(|trial| pareto::losses(trial, &directions)).collect();
        let mut front = pareto::front(&losses);
        front.sort_by(|a, b| losses[*a][0].total_cmp(&losses[*b][0]));
        let best = |at: usize| {
            let record = trials[at].clone();
            let params =
                record.params.iter().map(|param| (param.name.as_str(), param.distribution.value(param.stored)));
            let hparams = from_json(&core.plan.space.hparams(params))?;
            Ok(BestTrial { hparams, objectives: objectives.clone(), record })
        };
        front.into_iter().map(best).collect()
    }

    /// Returns all trials of the study, in the order of their numbers.
    ///
    /// # Errors
    /// If the storage cannot be read.
    pub fn trials(&mut self) -> Result<Vec<TrialRecord>> {
        self.open()?.trials()
    }

    /// Returns how much of the variance of the first objective each parameter explains by itself,
    /// the most important one first. The sum of all is 1.
    ///
    /// Computed by a functional analysis of variance of a forest of 64 trees, over the complete
    /// trials and the parameters that all of them have. Source: F. Hutter, H. Hoos, K. Leyton-Brown,
    /// "An Efficient Approach for Assessing Hyperparameter Importance", ICML 2014.
    ///
    /// # Errors
    /// If fewer than two trials are complete, or the storage cannot be read.
    pub fn importances(&mut self) -> Result<Vec<(String, f64)>> {
        importance::importances(&self.trials()?)
    }

    /// Writes a page about the study: its values, parameters, importances and trials. It is one file
    /// that a browser opens without a server or network.
    ///
    /// # Errors
    /// If the storage cannot be read or the page not be written.
    pub fn report(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let names: Vec<String> = self.objectives.iter().map(Objective::name).collect();
        let mut core = self.open()?;
        let trials = core.trials()?;
        page::write(path.as_ref(), &core.plan, &names, &trials)
    }

    /// The folder of the study.
    fn root(&self) -> PathBuf {
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
    fn open(&mut self) -> Result<MutexGuard<'_, Core>> {
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
            errors.take(sampler.check(&space.parameters));
        }
        errors.take(pruner.check());
        if self.workers > 1 && self.journal.is_none() {
            errors.add(
                format!("`workers({})` needs a storage that processes can share", self.workers),
                "write `.storage(Journal::new(\"study.log\"))`",
            );
        }
        if self.workers == 0 {
            errors.add("`workers` must be at least 1, found 0", "write `.workers(1)`, or leave it out");
        }
        errors.finish()?;
        let Some(space) = space else { return Err(Error::config("the space cannot be searched")) };
        let seed = sampler.seed().unwrap_or_else(global_seed);
        let worker = format!("{}-{:016x}", process::id(), Rng::new(unique()).next_u64());
        let plan = Plan {
            name: self.name.clone(),
            directions: self.objectives.iter().map(Objective::direction).collect(),
            space,
            sampler,
            pruner,
            seed,
            retry: self.retry,
            lost_after: self.lost_after,
        };
        let storage = self.storage.take().unwrap_or_else(|| Box::new(Memory::new()));
        Core::open(plan, Log::new(storage), worker)
    }
}

fn objective_of<M, K: Monitor<M>>(key: K) -> Objective {
    Objective { direction: <K::Direction as Directed>::DIRECTION, key: key.key().into() }
}

/// A number that no other worker has.
fn unique() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one((process::id(), std::thread::current().id()))
}

fn print_line(trials: &[TrialRecord], id: u64, objectives: &[Objective]) {
    let Some(trial) = trials.iter().find(|trial| trial.id == id) else { return };
    let values: Vec<String> = objectives
        .iter()
        .zip(trial.values.iter().flatten())
        .map(|(objective, value)| format!("{} {}", objective.name(), crate::text::significant(*value, 6)))
        .collect();
    let what = trial.error().map_or_else(|| values.join(", "), str::to_owned);
    eprintln!("trial {} {}: {what}", trial.number, trial.state.name());
}
