//! The typed part of the command line: what is compiled for each module and data module.

use lightning_config::Problems;
use serde_json::Value;

use super::{
    about::{self, About},
    command::Command,
    export, finders,
    include::ConfigFile,
    registry,
    runner::{Failure, Job, Runner, Stored, usage},
    save::SaveConfig,
    settings,
    stages::{FitsOn, PredictsOn, RunsOn, TestsOn, ValidatesOn},
};
use crate::{
    __private::build_module,
    checkpoint::Resume,
    data::{DataModule, DataStruct},
    error::Result,
    module::{BuiltModule, FieldRole, LightningImpl, LightningModule, LightningStruct},
    params::from_json,
    random,
    search::DefaultSpace,
    seed_everything,
    stage::Stage,
    trainer::{AnyBatch, Trainer, TrainerBuilder},
};

/// Changes the builder of a trainer.
type Configure<M> = Box<dyn Fn(TrainerBuilder<M>) -> TrainerBuilder<M>>;
/// Runs after a subcommand.
type After<M, D> = Box<dyn Fn(&mut Trainer<M>, &mut M, &mut D) -> Result<()>>;

/// The command line of a program that trains the module `M` on the data module `D`.
///
/// The values that are set here are the first layer of the configuration, below files, environment
/// and flags. See the [module](crate::cli).
///
/// ```no_run
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// use lightning_core::{cli::Cli, prelude::*};
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
/// # #[data_module]
/// # struct Points {
/// #     #[hparam(default = 8)]
/// #     batch_size: usize,
/// # }
/// # #[data_module]
/// # impl Points {
/// #     fn train_dataloader(&self) -> Vec<Tensor<2>> {
/// #         vec![Tensor::ones([self.batch_size, 4], &Device::default()); 4]
/// #     }
/// #     fn val_dataloader(&self) -> Vec<Tensor<2>> {
/// #         vec![Tensor::ones([self.batch_size, 4], &Device::default()); 4]
/// #     }
/// # }
///
/// fn main() -> lightning_core::Result<()> {
///     Cli::<Net, Points>::new()
///         .seed(42)
///         .model(NetHparams::default().with_lr(0.03))
///         .trainer(|trainer| trainer.max_epochs(10).callback(EarlyStopping::new(Net::VAL_LOSS)))
///         .run()
/// }
/// ```
#[must_use = "`run` runs it"]
pub struct Cli<M: LightningStruct, D: DataStruct> {
    configure: Vec<Configure<M>>,
    model: Option<M::Hparams>,
    data: Option<D::Hparams>,
    files: Vec<ConfigFile>,
    seed: Option<u64>,
    about: Option<String>,
    default_command: Option<Command>,
    after_fit: Vec<After<M, D>>,
}

impl<M: LightningStruct, D: DataStruct> std::fmt::Debug for Cli<M, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cli").field("module", &M::NAME).field("data", &D::NAME).finish_non_exhaustive()
    }
}

impl<M: LightningStruct, D: DataStruct> Default for Cli<M, D> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: LightningStruct, D: DataStruct> Cli<M, D> {
    /// Creates a command line whose settings have their defaults.
    pub fn new() -> Self {
        Self {
            configure: Vec::new(),
            model: None,
            data: None,
            files: Vec::new(),
            seed: None,
            about: None,
            default_command: None,
            after_fit: Vec::new(),
        }
    }

    /// Sets settings of the trainer, and adds callbacks and loggers. What a configuration sets has
    /// priority; its callbacks are added to these. May be called several times for one run, and
    /// several times in one process.
    pub fn trainer(mut self, configure: impl Fn(TrainerBuilder<M>) -> TrainerBuilder<M> + 'static) -> Self {
        self.configure.push(Box::new(configure));
        self
    }

    /// Sets the hyperparameters that a configuration starts from, in place of the defaults of
    /// `#[hparam(default = …)]`.
    pub fn model(mut self, hparams: M::Hparams) -> Self {
        self.model = Some(hparams);
        self
    }

    /// Sets the settings of the data module that a configuration starts from.
    pub fn data(mut self, hparams: D::Hparams) -> Self {
        self.data = Some(hparams);
        self
    }

    /// Adds a configuration file that is part of the program: a layer between the values that are set
    /// here and the files of `--config`. Of several files a later one has priority.
    ///
    /// [`include_config!`](crate::cli::include_config) reads the file when the program is compiled:
    /// `Cli::new().config(include_config!("digits.yaml" for Digits, DigitsData))`.
    pub fn config(mut self, file: ConfigFile) -> Self {
        self.files.push(file);
        self
    }

    /// Sets the default of `--seed`. Without one, a seed is drawn for each run.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets the first line of the help.
    pub fn about(mut self, text: impl Into<String>) -> Self {
        self.about = Some(text.into());
        self
    }

    /// Runs `fit` if the program is started without a subcommand. By default that is an error which
    /// lists the subcommands.
    pub fn fit_by_default(mut self) -> Self {
        self.default_command = Some(Command::Fit);
        self
    }

    /// Runs something after `fit` has trained the model and printed its report, such as a test with the
    /// best weights.
    pub fn after_fit(mut self, after: impl Fn(&mut Trainer<M>, &mut M, &mut D) -> Result<()> + 'static) -> Self {
        self.after_fit.push(Box::new(after));
        self
    }
}

impl<M: RunsOn<D>, D: DataModule + DataStruct> Cli<M, D> {
    /// Runs the subcommand that the arguments of the program ask for.
    ///
    /// Help, completions and a printed configuration end the process with exit code 0, and mistakes in
    /// arguments, configuration and checkpoint with 2, before anything is written.
    ///
    /// # Errors
    /// Those of the run.
    pub fn run(self) -> Result<()> {
        super::main::run(self.with_files().as_ref().map(|cli| cli as &dyn Runner))
    }

    /// As [`run`](Self::run), and returns the exit code after an error of the run was printed: 1.
    pub fn exit_code(self) -> std::process::ExitCode {
        match self.run() {
            Ok(()) => std::process::ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("Error: {error:?}");
                std::process::ExitCode::FAILURE
            }
        }
    }

    pub(super) fn builder(&self) -> TrainerBuilder<M> {
        self.configure.iter().fold(TrainerBuilder::new(), |builder, configure| configure(builder))
    }

    /// The builder with everything that the configuration says.
    pub(super) fn configured(&self, trainer: &Value) -> TrainerBuilder<M> {
        configure(self.builder(), trainer)
    }

    /// Sets what the files of the program say, which is then the program's.
    fn with_files(mut self) -> std::result::Result<Self, Problems> {
        for file in std::mem::take(&mut self.files) {
            let mut values = file.values(&Runner::about(&self))?;
            let mut part = |key: &str| values.get_mut(key).map(Value::take).unwrap_or_default();
            let read = |error: serde_json::Error| {
                let mut problems = Problems::default();
                problems.add(format!("`{}` cannot be read: {error}", file.name()), None, "");
                problems
            };
            self.model = Some(from_json(&part("model")).map_err(read)?);
            self.data = Some(from_json(&part("data")).map_err(read)?);
            self.seed = part("seed").as_u64();
            let trainer = part("trainer");
            self.configure.push(Box::new(move |builder| configure(builder, &trainer)));
        }
        Ok(self)
    }

    /// Builds the data module.
    pub(super) fn data_module(value: &Value) -> Result<D> {
        Ok(D::__lightning_new(from_json(value)?))
    }

    /// Why there is no export; `None` if there is.
    const EXPORT_MISSING: Option<&'static str> = match Self::EXAMPLE {
        _ if M::EXPORTED.is_empty() => Some("the module has neither `forward` nor `predict_step`"),
        None => Some("the data module has no loader for a step of the module"),
        Some(_) => None,
    };

    /// The stage whose first batch is the example of an export.
    const EXAMPLE: Option<Stage> = {
        let predicts = <M::Predict as PredictsOn<M, D>>::MISSING.is_none();
        // A `predict_step` is what is exported.
        if predicts {
            Some(Stage::Predict)
        } else if <M::Fit as FitsOn<M, D>>::MISSING.is_none() {
            Some(Stage::Fit)
        } else if <M::Validate as ValidatesOn<M, D>>::MISSING.is_none() {
            Some(Stage::Validate)
        } else if <M::Test as TestsOn<M, D>>::MISSING.is_none() {
            Some(Stage::Test)
        } else {
            None
        }
    };

    /// Returns the first batch of a loader.
    fn example(trainer: &Trainer<M>, model: &M, data: &mut D) -> Result<AnyBatch> {
        match Self::EXAMPLE {
            Some(Stage::Validate) => <M::Validate as ValidatesOn<M, D>>::example(trainer, model, data),
            Some(Stage::Test) => <M::Test as TestsOn<M, D>>::example(trainer, model, data),
            Some(Stage::Predict) => <M::Predict as PredictsOn<M, D>>::example(trainer, model, data),
            Some(Stage::Fit) | None => <M::Fit as FitsOn<M, D>>::example(trainer, model, data),
        }
    }

    fn prepare(&self, job: &Job) -> Result<(Trainer<M>, M, D)> {
        if let Some(seed) = job.seed {
            seed_everything(seed);
        }
        let mut builder = self.configured(&job.trainer);
        if job.command == Command::Fit {
            builder.resume = job.resume.clone();
            builder.callbacks.push(SaveConfig::callback(job));
        }
        let data = Self::data_module(&job.data)?;
        let trainer = builder.build()?;
        let model = build_module::<M>(from_json(&job.model)?, &burn::tensor::Device::default()).into_module()?;
        Ok((trainer, model, data))
    }

    /// Loads the checkpoint that is evaluated.
    fn load(trainer: &mut Trainer<M>, model: &mut M, job: &Job) -> Result<()> {
        match &job.path {
            Some(path) => trainer.load(model, path),
            None => {
                if trainer.is_global_zero() {
                    eprintln!("note: the weights are untrained; `--ckpt last`, `best` or a path loads a checkpoint");
                }
                Ok(())
            }
        }
    }
}

/// Prints a report in one of several processes.
fn print<M>(trainer: &Trainer<M>, text: &dyn std::fmt::Display) {
    if trainer.is_global_zero() {
        println!("{text}");
    }
}

/// Sets everything that a configuration says of the trainer.
fn configure<M: LightningModule>(mut builder: TrainerBuilder<M>, trainer: &Value) -> TrainerBuilder<M> {
    for (name, error) in settings::apply(&mut builder.settings, trainer) {
        let remedy = error.remedy().unwrap_or_default().to_owned();
        builder.errors.add(format!("`trainer.{name}`: {}", error.message()), remedy);
    }
    match trainer.get("logger") {
        Some(Value::Bool(false)) => {
            builder.loggers.clear();
            builder.settings.output.default_logger = false;
        }
        Some(Value::Bool(true)) if builder.loggers.is_empty() => builder.settings.output.default_logger = true,
        Some(Value::Array(loggers)) => {
            let root = builder.settings.output.root.clone();
            builder.loggers = loggers.iter().filter_map(|logger| registry::logger(logger, &root)).collect();
            builder.settings.output.default_logger = false;
        }
        _ => {}
    }
    let callbacks = trainer.get("callbacks").and_then(Value::as_array).into_iter().flatten();
    builder.callbacks.extend(callbacks.filter_map(registry::callback::<M>));
    builder
}

impl<M: RunsOn<D>, D: DataModule + DataStruct> Runner for Cli<M, D> {
    fn about(&self) -> About {
        let builder = self.builder();
        let mut model = about::hparams(<M as LightningStruct>::FIELDS, self.model.as_ref());
        for parameter in <M::Hparams as DefaultSpace>::search_space().parameters() {
            let mut table = Some(&mut model);
            for part in parameter.path.split('.') {
                let Some(entry) = table.and_then(|table| table.entries.iter_mut().find(|entry| entry.key == part))
                else {
                    break;
                };
                entry.search = Some(parameter.distribution.describe());
                table = match &mut entry.shape {
                    super::shape::Shape::Table(inner) => Some(inner),
                    _ => None,
                };
            }
        }
        let data = about::hparams(<D as DataStruct>::FIELDS, self.data.as_ref());
        let fit = <M::Fit as FitsOn<M, D>>::MISSING;
        let missing = [
            (Command::Fit, fit),
            (Command::Validate, <M::Validate as ValidatesOn<M, D>>::MISSING),
            (Command::Test, <M::Test as TestsOn<M, D>>::MISSING),
            (Command::Predict, <M::Predict as PredictsOn<M, D>>::MISSING),
            (Command::Tune, fit),
            (Command::FindLr, fit),
            (Command::FindBatchSize, fit),
            (Command::Plan, fit),
            (Command::Export, Self::EXPORT_MISSING),
        ];
        let own_modules = <M as LightningStruct>::FIELDS
            .iter()
            .filter(|def| matches!(def.role, FieldRole::Module | FieldRole::Frozen));
        About {
            module: <M as LightningStruct>::NAME,
            data: <D as DataStruct>::NAME,
            doc: self.about.clone(),
            metrics: <M as LightningImpl>::METRICS,
            modules: own_modules.map(|def| def.name).collect(),
            root: about::root(model, data, &builder.settings, self.seed),
            missing: missing.into_iter().filter_map(|(command, why)| Some((command, why?))).collect(),
            default_command: self.default_command,
            callbacks: builder.callbacks.iter().map(|callback| callback.state_key()).collect(),
            loggers: builder.loggers.len(),
        }
    }

    fn check_model(&self, value: &Value) -> Result<()> {
        from_json::<<M as LightningStruct>::Hparams>(value)?;
        Ok(())
    }

    fn check_data(&self, value: &Value) -> Result<()> {
        from_json::<<D as DataStruct>::Hparams>(value)?;
        Ok(())
    }

    fn locate(&self, trainer: &Value, resume: &Resume) -> Result<Option<Stored>> {
        let found = self.configured(trainer).locate(resume)?;
        Ok(found.map(|checkpoint| Stored {
            path: checkpoint.path().to_path_buf(),
            module: checkpoint.metadata.module.clone(),
            hparams: checkpoint.metadata.hparams.clone(),
            resumable: checkpoint.metadata.run.is_some(),
        }))
    }

    fn run(&self, job: &Job) -> Result<(), Failure> {
        if job.command == Command::Tune {
            return super::tune::tune(self, job);
        }
        let (mut trainer, mut model, mut data) = self.prepare(job).map_err(usage)?;
        match job.command {
            Command::Fit => {
                let report = <M::Fit as FitsOn<M, D>>::fit(&mut trainer, &mut model, &mut data)?;
                print(&trainer, &report);
                for after in &self.after_fit {
                    after(&mut trainer, &mut model, &mut data)?;
                }
            }
            Command::Validate => {
                Self::load(&mut trainer, &mut model, job).map_err(usage)?;
                let report = <M::Validate as ValidatesOn<M, D>>::validate(&mut trainer, &mut model, &mut data)?;
                print(&trainer, &report);
            }
            Command::Test => {
                Self::load(&mut trainer, &mut model, job).map_err(usage)?;
                let report = <M::Test as TestsOn<M, D>>::test(&mut trainer, &mut model, &mut data)?;
                print(&trainer, &report);
            }
            Command::Predict => {
                Self::load(&mut trainer, &mut model, job).map_err(usage)?;
                let batches = <M::Predict as PredictsOn<M, D>>::predict(&mut trainer, &mut model, &mut data)?;
                print(&trainer, &format!("predicted {batches} batches"));
            }
            Command::FindLr => {
                let (range, plot) = finders::range(&job.options);
                let found = <M::Fit as FitsOn<M, D>>::find_lr(&mut trainer, &model, &mut data, range).map_err(usage)?;
                print(&trainer, &found);
                if let Some(path) = plot {
                    found.save_plot(&path)?;
                    print(&trainer, &path.display());
                }
            }
            Command::FindBatchSize => {
                let search = finders::search(&job.options);
                let found =
                    <M::Fit as FitsOn<M, D>>::find_batch_size(&mut trainer, &model, &data, search).map_err(usage)?;
                print(&trainer, &found);
            }
            Command::Plan => {
                let plan = <M::Fit as FitsOn<M, D>>::plan(&trainer, &model, &mut data)?;
                print(&trainer, &plan);
            }
            Command::Export => {
                Self::load(&mut trainer, &mut model, job).map_err(usage)?;
                if trainer.is_global_zero() {
                    let example = Self::example(&trainer, &model, &mut data)?;
                    let path = export::export(&model, &example, &job.options, job.path.as_ref())?;
                    println!("wrote {}", path.display());
                }
            }
            Command::Tune | Command::Completions => {}
        }
        Ok(())
    }

    fn drawn_seed(&self) -> u64 {
        random::global_seed()
    }
}
