//! Finders: a good learning rate, and the largest batch that fits.
//!
//! Both train copies: the module, the trainer, its optimizers and its files are as before.

mod batch_size;
mod callbacks;
mod lr;
mod lr_finder;
mod plot;
mod search;

pub use self::{
    batch_size::BatchSizeSearch,
    callbacks::{BatchSizeFinder, LearningRateFinder},
    lr::LrRange,
    lr_finder::LrFinder,
    search::{BatchSizeMode, BatchSizeTrial, BatchSizes},
};

use serde_json::Value;

use crate::{
    callbacks::Callback,
    data::{NamedFetcher, RunData},
    engine::{
        self,
        checkout::Checkout,
        driver::{DriveModel, Mode},
        loss_scaling,
        module_driver::{ModuleDriver, for_training},
        run::RunState,
    },
    error::{Error, Result},
    hooks::Step,
    metrics::ambient::ActiveRun,
    module::{ConfigureOptimizers, FitContext, LightningModule, ModuleInfo, TrainingStep},
    optim::OptimizerSetup,
    os::panics::drop_caught,
    params::{StateReader, StateWriter},
    progress::Limit,
    settings::{Anomaly, LengthSettings, Settings, ValidationSettings},
    stage::Stage,
    trainer::{Trainer, begin},
};

/// Creates the optimizers of a finder's run.
type Configure<M> = fn(&M, &FitContext) -> Result<Vec<OptimizerSetup>>;

impl<M: LightningModule> Trainer<M> {
    /// # Errors
    /// If the finder `name` cannot work with this trainer or module.
    fn check_finder(&self, name: &str) -> Result<()> {
        if !self.run.strategy.rank().is_alone() {
            return Err(Error::config(format!("`{name}` needs one process, found several"))
                .help("run it before the training, in a program of its own"));
        }
        Ok(())
    }

    /// Trains a copy of `module` for some optimizer steps, without logs, files, validation and the
    /// trainer's callbacks. The state of the data module is as before, also after an error.
    fn try_out<'a>(
        &self,
        module: &'a M,
        mut source: Box<dyn RunData<M> + 'a>,
        steps: u64,
        callbacks: &'a mut [Box<dyn Callback<M>>],
        configure: Configure<M>,
    ) -> Result<()>
    where
        M: TrainingStep + ConfigureOptimizers,
    {
        let mut state = StateWriter::default();
        source.save_state(&mut state)?;
        let state = state.finish();
        let mut copy = module.clone();
        let device = self.run.progress.device.clone();
        let mut run = RunState::alone(ModuleInfo::of::<M>(), quiet(&self.run.settings, steps), device.clone());
        begin(&mut run, module, &*source, Stage::Fit)?;
        let _active = ActiveRun::start();
        let (seed, numerics) = (run.progress.seed, run.settings.numerics);
        let owned = Checkout::take(&mut copy, |module| for_training(module, &device, seed, numerics), true);
        loss_scaling::check_precision(&mut run, owned.get()?, true)?;
        let borrowed = Box::new(Borrowed(&mut *source));
        let mut driver = ModuleDriver::new(owned, callbacks, borrowed, Some(configure), &run);
        let result = engine::fit::fit(&mut run, &mut driver, M::STEPS.contains(Step::Validation));
        let evaluated = driver.set_mode(Mode::Eval);
        let dropped = drop_caught("the data", driver);
        let restored = source.load_state(&StateReader::new(&state));
        result?;
        evaluated.and(dropped).and(restored)
    }
}

/// Settings of a run that trains and does nothing else.
fn quiet(settings: &Settings, steps: u64) -> Settings {
    let mut settings = settings.clone();
    settings.length = LengthSettings { max_steps: Some(steps), ..LengthSettings::default() };
    settings.validation = ValidationSettings { sanity_steps: 0, ..ValidationSettings::default() };
    settings.limits.val = Limit::Batches(0);
    settings.output.leave_to_first();
    settings.output.model_summary = false;
    settings.output.checkpointing = false;
    settings.run.fast_dev_run = None;
    settings.run.profiler = None;
    settings.guards.audit = false;
    settings.guards.on_anomaly = Anomaly::Ignore;
    settings
}

/// The data of a run, which is used again after it.
struct Borrowed<'b, 's, M>(&'b mut (dyn RunData<M> + 's));

impl<M> RunData<M> for Borrowed<'_, '_, M> {
    fn name(&self) -> Option<&'static str> {
        self.0.name()
    }

    fn hparams(&self) -> Result<Option<Value>> {
        self.0.hparams()
    }

    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        self.0.save_state(state)
    }

    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        self.0.load_state(state)
    }

    fn prepare_data(&mut self) -> Result<()> {
        self.0.prepare_data()
    }

    fn setup(&mut self, stage: Stage) -> Result<()> {
        self.0.setup(stage)
    }

    fn teardown(&mut self, stage: Stage) -> Result<()> {
        self.0.teardown(stage)
    }

    fn can_reload(&self) -> bool {
        self.0.can_reload()
    }

    fn train(&mut self, module: &mut M) -> Result<Vec<NamedFetcher<M>>> {
        self.0.train(module)
    }

    fn eval(&mut self, module: &mut M) -> Result<Vec<NamedFetcher<M>>> {
        self.0.eval(module)
    }
}
