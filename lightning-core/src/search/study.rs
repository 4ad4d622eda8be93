//! The typed study: settings, and the trials one after the other.

use std::{
    marker::PhantomData,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Map;

use super::{
    array::Task,
    best::BestTrial,
    core::Core,
    importance,
    outcome::Objective,
    page, pareto,
    pruner::{NoPruner, Pruner},
    record::{TrialRecord, TrialState},
    sampler::{Sampler, Tpe},
    space::{SearchSpace, Space, find},
    storage::{Memory, Storage},
    workers,
};
use crate::{
    error::{ConfigErrors, Error, ErrorKind, Result},
    metrics::{Directed, Monitor},
    module::LightningStruct,
    params::{from_json, to_json},
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
    pub(super) objectives: Vec<Objective>,
    pub(super) space: Space<M::Hparams>,
    pub(super) name: String,
    pub(super) sampler: Option<Box<dyn Sampler>>,
    pub(super) pruner: Option<Box<dyn Pruner>>,
    pub(super) storage: Option<Box<dyn Storage>>,
    /// The file that processes share.
    pub(super) journal: Option<PathBuf>,
    pub(super) folder: Option<PathBuf>,
    pub(super) timeout: Option<Duration>,
    pub(super) retry: u32,
    pub(super) workers: usize,
    pub(super) lost_after: Duration,
    #[cfg(feature = "ray")]
    pub(super) engine: Option<super::ray::RayJobs>,
    pub(super) verbose: bool,
    pub(super) core: Option<Arc<Mutex<Core>>>,
    /// Why it could not be opened.
    pub(super) fault: Option<String>,
    pub(super) module: PhantomData<fn() -> M>,
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
            #[cfg(feature = "ray")]
            engine: None,
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

    /// Runs each trial as a job of a Ray cluster, in place of this process. Needs a
    /// [`Journal`](super::Journal) that the nodes of the cluster share.
    #[cfg(feature = "ray")]
    #[must_use]
    pub fn engine(mut self, engine: super::ray::RayJobs) -> Self {
        self.engine = Some(engine);
        self
    }

    /// Prints a line after each trial. Default `false`.
    #[must_use]
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }

    /// Tries known hyperparameters before others. Those that are not in the space must have the
    /// values of its base. All processes of a search enqueue them once, those of
    /// [`workers`](Self::workers), of jobs and of a SLURM array.
    ///
    /// # Errors
    /// If a value is not in the space, or the study cannot be opened.
    pub fn enqueue(&mut self, hparams: M::Hparams) -> Result<()> {
        let hparams = to_json(&hparams)?;
        let is_shared = self.journal.is_some();
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
        if workers::is_started_by_another() {
            return Ok(());
        }
        let call = core.count_enqueued();
        let task = Task::current().filter(|_| is_shared).map(|task| task.enqueued(call));
        core.enqueue(params, task.as_deref())
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
}

fn objective_of<M, K: Monitor<M>>(key: K) -> Objective {
    Objective { direction: <K::Direction as Directed>::DIRECTION, key: key.key().into() }
}
