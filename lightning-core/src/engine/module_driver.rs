//! The driver of a module type: the only code that is compiled for every module.

use std::{
    any::TypeId,
    cell::{Cell, RefCell},
    collections::BTreeSet,
};

use burn::{module::Module, tensor::Device};

use super::driver::{CallbackStatesAfter, DriveHooks, DriveLoaders, DriveModel};
use crate::{
    callbacks::{Callback, CallbackOrder},
    checkpoint::{
        Checkpoint, RunRecord, Snapshot,
        differences::{compare, flat},
        metadata::DataRecord,
        names,
    },
    data::{EpochOffset, NamedFetcher, RunData, StepCall},
    engine::{
        checkout::Checkout,
        driver::{LoaderId, LoaderInfo, Mode},
        hooks::{run_callbacks, run_own_hook},
        loss_scaling::{explain, loss_in_f32},
        manual::ManualRun,
        run::RunState,
        snapshot::{Parts, callback_states, keyed},
    },
    error::{Error, Result},
    hooks::Hook,
    metrics::ambient::record,
    module::{
        FitContext, LightningModule, Optimizers, StepContext, TrainingMode, TrainingOutput, apply_for_training,
        erased::ErasedModule, hook_label,
    },
    optim::{Optimizer, OptimizerSetup},
    os::panics::catch_panic,
    params::{
        ErasedVisitor, MapMode, ParamName, StateReader, StateWriter, ValueMapper, frozen, parameters,
        running_statistics, visit,
    },
    precision::{Numerics, RunningStatistics, lowered},
    random::{Stream, derive_seed, with_generator},
    stage::Stage,
};

/// How a trainer makes its module's optimizers; absent for entry points that need none.
type Configure<M> = fn(&M, &FitContext) -> Result<Vec<OptimizerSetup>>;

/// The state of every callback, by its key.
type CallbackStates = Vec<(String, StateWriter)>;

/// What was put aside.
pub(super) struct Kept<M> {
    module: M,
    callbacks: CallbackStates,
    /// Of the module in training form.
    frozen: Vec<String>,
}

/// The driver of a module type.
pub(crate) struct ModuleDriver<'a, M: LightningModule> {
    module: Checkout<'a, M>,
    kept: Option<Kept<M>>,
    /// The callbacks' states of a copy that was brought back.
    kept_states: Option<CallbackStates>,
    callbacks: &'a mut [Box<dyn Callback<M>>],
    source: Box<dyn RunData<M> + 'a>,
    configure: Option<Configure<M>>,
    numerics: Numerics,
    device: Device,
    train: Option<NamedFetcher<M>>,
    eval: Vec<NamedFetcher<M>>,
}

impl<'a, M: LightningModule> ModuleDriver<'a, M> {
    pub(crate) fn new(
        module: Checkout<'a, M>,
        callbacks: &'a mut [Box<dyn Callback<M>>],
        source: Box<dyn RunData<M> + 'a>,
        configure: Option<Configure<M>>,
        run: &RunState,
    ) -> Self {
        Self {
            module,
            kept: None,
            kept_states: None,
            callbacks,
            source,
            configure,
            numerics: run.settings.numerics,
            device: run.progress.device.clone(),
            train: None,
            eval: Vec::new(),
        }
    }

    fn fetcher(&mut self, loader: LoaderId) -> Result<&mut NamedFetcher<M>> {
        match loader {
            LoaderId::Train => self.train.as_mut(),
            LoaderId::Eval(index) => self.eval.get_mut(index),
        }
        .ok_or_else(|| Error::data("the loader is not open"))
    }

    fn callbacks(&mut self, hook: Hook, run: &mut RunState, wanted: fn(CallbackOrder) -> bool) -> Result<()> {
        if self.callbacks.is_empty() {
            return Ok(());
        }
        run_callbacks(self.callbacks, self.module.get_mut()?, hook, run, wanted)
    }

    fn own_hook(&mut self, hook: Hook, run: &mut RunState) -> Result<()> {
        if !M::HOOKS.contains(hook) {
            return Ok(());
        }
        if hook == Hook::ConfigureGradientClipping {
            // What the module writes stands for what the trainer was set to.
            run.train.clip = None;
        }
        let feed = match run.progress.stage {
            _ if !M::BATCH_HOOKS.contains(hook) => None,
            Stage::Fit => self.train.as_ref(),
            _ => self.eval.get(run.progress.loader_idx),
        };
        let batch = feed.and_then(|feed| feed.feed.ready());
        run_own_hook(self.module.get_mut()?, hook, batch, run)
    }
}

pub(super) fn step_context<'a>(run: &RunState, device: &'a Device) -> StepContext<'a> {
    StepContext {
        stage: run.progress.stage,
        epoch: run.progress.counters.epoch,
        batch_idx: run.progress.batch_idx as usize,
        dataloader_idx: run.progress.loader_idx,
        global_step: run.progress.counters.global_step,
        batch_step: run.progress.counters.batch_step,
        seed: run.progress.seed,
        device,
        draws: Cell::new(0),
        kept: RefCell::new(None),
    }
}

/// Whether a hook after the step takes the batch.
fn keeps_batch<M: LightningModule>(stage: Stage) -> bool {
    M::BATCH_HOOKS.contains(match stage {
        Stage::Fit => Hook::OnTrainBatchEnd,
        Stage::Validate => Hook::OnValidationBatchEnd,
        Stage::Test => Hook::OnTestBatchEnd,
        Stage::Predict => Hook::OnPredictBatchEnd,
    })
}

/// The method that is the step.
fn step_name(stage: Stage, training: TrainingMode, step: usize) -> &'static str {
    match (stage, training) {
        (Stage::Fit, TrainingMode::Bound(steps)) => steps.get(step).map_or("training_step", |step| step.name),
        _ => stage.step(),
    }
}

impl<M: LightningModule> DriveHooks for ModuleDriver<'_, M> {
    fn prepare_data(&mut self, run: &mut RunState) -> Result<()> {
        catch_panic(|| self.source.prepare_data())
            .map_err(|error| error.at(run.progress.location(Some("prepare_data".to_owned()), false)))?;
        self.own_hook(Hook::PrepareData, run)
    }

    fn setup(&mut self, run: &mut RunState) -> Result<()> {
        let stage = run.progress.stage;
        catch_panic(|| self.source.setup(stage))
            .map_err(|error| error.at(run.progress.location(Some("setup".to_owned()), false)))?;
        self.hook(Hook::Setup, run)
    }

    fn teardown(&mut self, run: &mut RunState) -> Result<()> {
        let stage = run.progress.stage;
        let data = catch_panic(|| self.source.teardown(stage))
            .map_err(|error| error.at(run.progress.location(Some("teardown".to_owned()), false)));
        self.train = None;
        self.eval.clear();
        self.hook(Hook::Teardown, run).and(data)
    }

    fn hook(&mut self, hook: Hook, run: &mut RunState) -> Result<()> {
        let since = run
            .console
            .clock()
            .filter(|_| M::HOOKS.contains(hook) || !(hook.is_for_module_alone() || self.callbacks.is_empty()));
        let callbacks = match hook {
            // Monitors follow in `monitors`, when the epoch's metrics are there.
            Hook::OnTrainEpochEnd => self.callbacks(hook, run, |order| order == CallbackOrder::Normal),
            _ if hook.is_for_module_alone() => Ok(()),
            _ => self.callbacks(hook, run, |_| true),
        };
        if callbacks.is_err() && !hook.is_end() {
            return callbacks;
        }
        let own = self.own_hook(hook, run);
        run.console.measured(hook.name(), since);
        callbacks.and(own)
    }

    fn monitors(&mut self, hook: Hook, run: &mut RunState) -> Result<()> {
        self.callbacks(hook, run, |order| order != CallbackOrder::Normal)
    }

    fn final_weights(&mut self, run: &mut RunState) -> Result<bool> {
        let module = self.module.get_mut()?;
        let mut stale = false;
        for callback in self.callbacks.iter_mut() {
            stale |= catch_panic(|| callback.final_weights(&mut run.callback_context(), module)).map_err(|error| {
                error.at(run.progress.location(Some("a callback's final_weights".to_owned()), false))
            })?;
        }
        Ok(stale)
    }
}

impl<M: LightningModule> DriveLoaders for ModuleDriver<'_, M> {
    fn open_train(&mut self) -> Result<Option<LoaderInfo>> {
        let (source, module) = (&mut self.source, self.module.get_mut()?);
        self.train = catch_panic(|| source.train(module))?.pop();
        Ok(self.train.as_ref().map(|feed| LoaderInfo { name: feed.name.clone(), len: feed.feed.len() }))
    }

    fn open_eval(&mut self) -> Result<Vec<LoaderInfo>> {
        let (source, module) = (&mut self.source, self.module.get_mut()?);
        self.eval = catch_panic(|| source.eval(module))?;
        Ok(self.eval.iter().map(|feed| LoaderInfo { name: feed.name.clone(), len: feed.feed.len() }).collect())
    }

    fn can_reload(&self) -> bool {
        self.source.can_reload()
    }

    fn disable_shuffle(&mut self) {
        self.train.iter_mut().chain(&mut self.eval).for_each(|feed| feed.feed.disable_shuffle());
    }

    fn start(&mut self, loader: LoaderId, from: EpochOffset) -> Result<()> {
        let feed = self.fetcher(loader)?;
        catch_panic(|| feed.feed.start(from))
    }

    fn fetch(&mut self, loader: LoaderId, run: &mut RunState) -> Result<bool> {
        let device = match loader {
            // Batches join the graph's backend, or BatchNorm and Dropout on the input would not notice the training.
            LoaderId::Train => run.settings.numerics.training_device(&run.progress.device),
            LoaderId::Eval(_) => run.progress.device.clone(),
        };
        let floats = run.settings.numerics.batches();
        let since = run.console.clock();
        let feed = self.fetcher(loader)?;
        let fetched = catch_panic(|| feed.feed.fetch(&device, floats))
            .map_err(|error| error.at(run.progress.location(Some(run.progress.stage.loader().to_owned()), true)))?;
        run.progress.batch_size = feed.feed.batch_size();
        run.console.measured(run.progress.stage.loader(), since);
        Ok(fetched)
    }

    fn is_last(&mut self, loader: LoaderId) -> bool {
        self.fetcher(loader).is_ok_and(|feed| feed.feed.is_last())
    }

    fn end(&mut self, loader: LoaderId) {
        if let Ok(feed) = self.fetcher(loader) {
            feed.feed.end();
        }
    }
}

impl<M: LightningModule> DriveModel for ModuleDriver<'_, M> {
    fn step(&mut self, loader: LoaderId, call: StepCall, run: &mut RunState) -> Result<Option<TrainingOutput>> {
        let feed = match loader {
            LoaderId::Train => self.train.as_mut(),
            LoaderId::Eval(index) => self.eval.get_mut(index),
        }
        .ok_or_else(|| Error::data("the loader is not open"))?;
        let module = self.module.get()?;
        let mut entries = std::mem::take(&mut run.log.inbox);
        let cx = step_context(run, &run.progress.device);
        let lowering = run.train.lowering;
        let statistics = match run.progress.stage {
            Stage::Fit => RunningStatistics::Shared,
            Stage::Validate | Stage::Test | Stage::Predict => RunningStatistics::Copied,
        };
        let call = StepCall { keep: call.keep || keeps_batch::<M>(run.progress.stage), ..call };
        let since = run.console.clock();
        let result = record(Some(TypeId::of::<M>()), run.progress.stage, run.log.host, &mut entries, || {
            catch_panic(|| match lowering {
                Some(dtype) => feed.feed.run(&lowered(module, dtype, statistics), call, &cx),
                None => feed.feed.run(module, call, &cx),
            })
        });
        let kept = cx.kept.into_inner();
        run.outputs.evaluation.extend(kept);
        run.log.inbox = entries;
        run.console.measured(step_name(run.progress.stage, M::TRAINING, call.step), since);
        let output = result.map_err(|error| {
            let step = step_name(run.progress.stage, M::TRAINING, call.step);
            explain(error, run).at(run.progress.location(Some(hook_label::<M>(step)), true))
        })?;
        run.log.drain(&run.progress).map_err(|error| error.at(run.progress.location(None, true)))?;
        Ok(output.map(loss_in_f32))
    }

    fn manual_step(&mut self, run: &mut RunState) -> Result<Option<TrainingOutput>> {
        let feed = self.train.as_mut().ok_or_else(|| Error::data("the loader is not open"))?;
        let module = self.module.get_mut()?;
        let mut entries = std::mem::take(&mut run.log.inbox);
        let device = run.progress.device.clone();
        let cx = step_context(run, &device);
        let (stage, host) = (run.progress.stage, run.log.reads_at_once());
        let keep = keeps_batch::<M>(stage);
        let since = run.console.clock();
        let mut manual = ManualRun { run, callbacks: self.callbacks };
        let mut optimizers = Optimizers::new(&mut manual);
        let result = record(Some(TypeId::of::<M>()), stage, host, &mut entries, || {
            catch_panic(|| feed.feed.run_manual(module, &mut optimizers, keep, &cx))
        });
        run.log.inbox = entries;
        run.console.measured("training_step", since);
        let output =
            result.map_err(|error| error.at(run.progress.location(Some(hook_label::<M>("training_step")), true)))?;
        run.log.drain(&run.progress).map_err(|error| error.at(run.progress.location(None, true)))?;
        Ok(output)
    }

    fn configure_optimizers(&self, cx: &FitContext) -> Result<Vec<OptimizerSetup>> {
        let module = self.module.get()?;
        match self.configure {
            Some(configure) => catch_panic(|| configure(module, cx)),
            None => Ok(Vec::new()),
        }
    }

    fn freeze_others(&mut self, optimizer: &Optimizer, hidden: &mut Vec<usize>) -> Result<()> {
        let trains = |index, id| optimizer.trains(index, id);
        self.module.apply(MapMode::FreezeOthers { trains: &trains, frozen: hidden })
    }

    fn unfreeze_others(&mut self, hidden: &[usize]) -> Result<()> {
        self.module.apply(MapMode::Unfreeze { frozen: hidden })
    }

    fn set_mode(&mut self, mode: Mode) -> Result<()> {
        let Self { numerics, device, .. } = &*self;
        let (numerics, device) = (*numerics, device.clone());
        self.module.transform(|module| match mode {
            Mode::Train => numerics.train(module, &device),
            Mode::Eval => module.valid(),
        })
    }

    fn save_rollback(&mut self) -> Result<()> {
        let module = self.module.get()?.clone();
        let frozen = frozen(&module)?;
        self.kept = Some(Kept { module, callbacks: callback_states(self.callbacks)?, frozen });
        Ok(())
    }

    fn rollback(&mut self, states: CallbackStatesAfter) {
        if let (Some(kept), Ok(module)) = (self.kept.take(), self.module.get_mut()) {
            *module = kept.module;
            self.kept_states = (states == CallbackStatesAfter::Saved).then_some(kept.callbacks);
        }
    }

    fn discard_rollback(&mut self) {
        self.kept = None;
    }

    fn snapshot(&mut self, run: &mut RunState) -> Result<Snapshot> {
        self.hook(Hook::OnSaveCheckpoint, run)?;
        let data = data_record(&*self.source)?;
        let frozen = self.kept.as_ref().map(|kept| kept.frozen.clone());
        let callbacks = match self.kept_states.take() {
            Some(states) => states,
            None => callback_states(self.callbacks)?,
        };
        take_snapshot(self.module.get_mut()?, self.callbacks, callbacks, data, frozen, run)
    }

    fn restore(&mut self, run: &mut RunState, checkpoint: &Checkpoint) -> Result<()> {
        let Some(record) = &checkpoint.metadata.run else { return Ok(()) };
        apply_for_training(checkpoint, self.module.get_mut()?)?;
        let now = frozen(self.module.get()?)?;
        let (freeze, thaw) = record.trainable.changes(&now, &mut run.resume.differences);
        if !(freeze.is_empty() && thaw.is_empty()) {
            self.module.apply(MapMode::Exactly { freeze: &freeze, thaw: &thaw })?;
        }
        restore_callbacks(self.callbacks, checkpoint, record, run)?;
        match &record.data {
            Some(stored) => restore_data(&mut *self.source, stored, &mut run.resume.differences),
            None => Ok(()),
        }
    }

    fn frozen(&self) -> Result<Vec<String>> {
        frozen(self.module.get()?)
    }

    fn parameters(&self) -> Result<Vec<ParamName>> {
        parameters(self.module.get()?)
    }

    fn running_statistics(&self) -> Result<BTreeSet<usize>> {
        running_statistics(self.module.get()?)
    }

    fn visit(&self, visitor: &mut dyn ErasedVisitor) -> Result<()> {
        visit(self.module.get()?, visitor)
    }

    fn update(&mut self, mapper: &mut dyn ValueMapper) -> Result<()> {
        self.module.update(mapper)
    }
}

/// What a checkpoint keeps of a data module.
fn data_record<M>(source: &dyn RunData<M>) -> Result<Option<DataRecord>> {
    let (Some(name), Some(hparams)) = (source.name(), source.hparams()?) else { return Ok(None) };
    let mut state = StateWriter::default();
    source.save_state(&mut state)?;
    Ok(Some(DataRecord { name: name.to_owned(), hparams, state: state.finish() }))
}

fn restore_data<M>(source: &mut dyn RunData<M>, stored: &DataRecord, differences: &mut Vec<String>) -> Result<()> {
    let (Some(name), Some(hparams)) = (source.name(), source.hparams()?) else { return Ok(()) };
    if stored.name != name {
        differences.push(format!("the data was that of `{}`, and is that of `{name}`", stored.name));
        return Ok(());
    }
    compare("data hyperparameter", &flat(&stored.hparams), &flat(&hparams), differences);
    source.load_state(&StateReader::new(&stored.state))
}

/// Takes a checkpoint of a module and the run. `frozen` is known where the module is not in training form.
pub(crate) fn take_snapshot<M: LightningModule>(
    module: &mut M,
    callbacks: &[Box<dyn Callback<M>>],
    states: CallbackStates,
    data: Option<DataRecord>,
    frozen: Option<Vec<String>>,
    run: &mut RunState,
) -> Result<Snapshot> {
    let mut user = StateWriter::default();
    catch_panic(|| module.save_user_state(&mut user))
        .map_err(|error| error.at(run.progress.location(Some(hook_label::<M>("on_save_checkpoint")), false)))?;
    let mut shown = None;
    for callback in callbacks {
        shown = shown.or(callback.model_to_save(module)?);
    }
    let frozen = frozen.map_or_else(|| crate::params::frozen(module), Ok)?;
    let parts = Parts {
        module,
        shown: shown.as_ref().map(|shown| shown as &dyn ErasedModule),
        user,
        callbacks: states,
        data,
        frozen,
    };
    super::snapshot::take(parts, run)
}

fn restore_callbacks<M>(
    callbacks: &mut [Box<dyn Callback<M>>],
    checkpoint: &Checkpoint,
    record: &RunRecord,
    run: &mut RunState,
) -> Result<()> {
    let keys = keyed(callbacks.iter().map(|callback| callback.state_key()));
    for (key, callback) in keys.iter().zip(callbacks) {
        let tensors = checkpoint.tensors_below(&format!("{}{key}.", names::CALLBACKS))?;
        let Some(state) = record.callbacks.get(key) else {
            let mut own = StateWriter::default();
            callback.save_state(&mut own)?;
            if !own.is_empty() {
                run.resume.differences.push(format!("the callback `{key}` is not in the checkpoint: it starts anew"));
            }
            continue;
        };
        callback
            .load_state(&StateReader::with_tensors(state, &tensors))
            .map_err(|error| error.at(run.progress.location(Some(format!("load_state of {key}")), false)))?;
    }
    for key in record.callbacks.keys().filter(|key| !keys.contains(key)) {
        run.resume.differences.push(format!("the checkpoint's callback `{key}` is not in the program"));
    }
    Ok(())
}

/// Puts a module on the run's device in training form. Lazy parameters come into being here, from the run's seed.
pub(crate) fn for_training<M: Module>(module: M, device: &Device, seed: u64, numerics: Numerics) -> M {
    with_generator(device, derive_seed(seed, Stream::Init, u64::MAX, 0), || {
        numerics.begin_training(module.fork(&device.clone().autodiff()), device)
    })
}

/// Puts a module on the run's device in evaluation form.
pub(crate) fn for_evaluation<M: Module>(module: M, device: &Device, seed: u64) -> M {
    with_generator(device, derive_seed(seed, Stream::Init, u64::MAX, 0), || module.to_device(device).valid())
}
