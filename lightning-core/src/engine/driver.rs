//! The object-safe view of a module that the engine works with: the only code that is compiled for every module.

use std::{
    any::{Any, TypeId},
    cell::{Cell, RefCell},
    collections::BTreeSet,
};

use burn::{module::Module, tensor::Device};

use crate::{
    callbacks::{Callback, CallbackContext, CallbackOrder, call},
    checkpoint::{Checkpoint, RunRecord, metadata::DataRecord, names},
    data::{EpochOffset, NamedFetcher, RunData, StepCall},
    engine::{
        checkout::Checkout,
        loss_scaling::{Numerics, explain, loss_in_f32},
        resume::{compare, flat},
        run::RunState,
        snapshot::{self, Image, ParamName, Parts, Snapshot, callback_states, keyed},
    },
    error::{Error, Result},
    hooks::{Hook, HookSet},
    module::{
        FitContext, LightningModule, Optimizers, TrainingMode, TrainingOutput,
        context::{HookContext, StepContext, hook_label, record},
    },
    optim::{Optimizer, OptimizerSetup},
    os::panics::catch_panic,
    params::{
        ErasedVisitor, MapMode, ValueMapper, running_statistics,
        state::{StateReader, StateWriter},
        visit,
    },
    precision::{RunningStatistics, lowered},
    random::{Stream, derive_seed, with_generator},
    stage::Stage,
};

/// A feed of the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoaderId {
    Train,
    Eval(usize),
}

/// What the engine needs to know of an opened feed.
#[derive(Clone, Debug)]
pub(crate) struct LoaderInfo {
    pub(crate) name: Option<String>,
    pub(crate) len: Option<u64>,
}

/// The form a module is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Train,
    Eval,
}

/// A module with its callbacks and data, as the engine sees them.
pub(crate) trait Driver {
    fn prepare_data(&mut self, run: &mut RunState) -> Result<()>;
    fn setup(&mut self, run: &mut RunState) -> Result<()>;
    fn teardown(&mut self, run: &mut RunState) -> Result<()>;
    /// Runs the callbacks and then the module for a hook.
    fn hook(&mut self, hook: Hook, run: &mut RunState) -> Result<()>;
    /// Runs the monitoring and checkpoint callbacks for a hook whose turn for them is later.
    fn monitors(&mut self, hook: Hook, run: &mut RunState) -> Result<()>;
    fn open_train(&mut self) -> Result<Option<LoaderInfo>>;
    fn open_eval(&mut self) -> Result<Vec<LoaderInfo>>;
    fn start(&mut self, feed: LoaderId, from: EpochOffset) -> Result<()>;
    /// Makes the next batch ready; `false` at the end of the data.
    fn fetch(&mut self, feed: LoaderId, run: &mut RunState) -> Result<bool>;
    fn is_last(&mut self, feed: LoaderId) -> bool;
    /// Whether the loaders can be opened again.
    fn can_reload(&self) -> bool;
    /// Reads the open loaders in the order of their data.
    fn disable_shuffle(&mut self);
    fn end(&mut self, feed: LoaderId);
    /// Runs the step on the ready batch; what it logs is in the run's store afterwards.
    fn step(&mut self, feed: LoaderId, call: StepCall, run: &mut RunState) -> Result<Option<TrainingOutput>>;
    /// Runs the step of a module that optimizes by itself.
    fn manual_step(&mut self, run: &mut RunState) -> Result<Option<TrainingOutput>>;
    /// Takes the gradient away from what an optimizer does not train, and notes which parameters had one.
    fn freeze_others(&mut self, optimizer: &Optimizer, hidden: &mut Vec<usize>) -> Result<()>;
    /// Gives it back to them.
    fn unfreeze_others(&mut self, hidden: &[usize]) -> Result<()>;
    /// Takes a checkpoint of everything.
    fn image(&mut self, run: &mut RunState) -> Result<Image>;
    /// Gives the module, the callbacks and the data module what a checkpoint has of them.
    fn restore(&mut self, run: &mut RunState, checkpoint: &Checkpoint) -> Result<()>;
    /// The paths of what takes no gradient.
    fn frozen(&self) -> Result<Vec<String>>;
    /// Every float parameter.
    fn parameters(&self) -> Result<Vec<ParamName>>;
    fn configure_optimizers(&self, cx: &FitContext) -> Result<Vec<OptimizerSetup>>;
    fn set_mode(&mut self, mode: Mode) -> Result<()>;
    /// Puts a copy of the module and of the callbacks' states aside.
    fn save_rollback(&mut self) -> Result<()>;
    /// Brings the module's copy back. `with_states`: the next checkpoint has the copied states of the callbacks.
    fn rollback(&mut self, with_states: bool);
    /// Drops the copy.
    fn discard_rollback(&mut self);
    /// Lets the callbacks give the module its final weights; whether running statistics have to be computed anew.
    fn final_weights(&mut self, run: &mut RunState) -> Result<bool>;
    /// The places of running statistics among the float parameters, of a module in training form.
    fn running_statistics(&self) -> Result<BTreeSet<usize>>;
    fn visit(&self, visitor: &mut dyn ErasedVisitor) -> Result<()>;
    fn update(&mut self, mapper: &mut dyn ValueMapper) -> Result<()>;
}

/// How a trainer makes its module's optimizers; absent for entry points that need none.
pub(crate) type Configure<M> = fn(&M, &FitContext) -> Result<Vec<OptimizerSetup>>;

/// The state of every callback, by its key.
type CallbackStates = Vec<(String, StateWriter)>;

/// What was put aside.
struct Kept<M> {
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
            device: run.device.clone(),
            train: None,
            eval: Vec::new(),
        }
    }

    fn feed(&mut self, feed: LoaderId) -> Result<&mut NamedFetcher<M>> {
        match feed {
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
            run.clip = None;
        }
        let feed = match run.stage {
            _ if !M::BATCH_HOOKS.contains(hook) => None,
            Stage::Fit => self.train.as_ref(),
            _ => self.eval.get(run.loader_idx),
        };
        let batch = feed.and_then(|feed| feed.feed.ready());
        run_own_hook(self.module.get_mut()?, hook, batch, run)
    }
}

/// Runs the callbacks' and then the module's own hook.
pub(crate) fn run_hooks<M: LightningModule>(
    callbacks: &mut [Box<dyn Callback<M>>],
    module: &mut M,
    hook: Hook,
    run: &mut RunState,
) -> Result<()> {
    run_callbacks(callbacks, module, hook, run, |_| true)?;
    if M::HOOKS.contains(hook) { run_own_hook(module, hook, None, run) } else { Ok(()) }
}

fn run_callbacks<M: LightningModule>(
    callbacks: &mut [Box<dyn Callback<M>>],
    module: &mut M,
    hook: Hook,
    run: &mut RunState,
    wanted: fn(CallbackOrder) -> bool,
) -> Result<()> {
    let mut first = Ok(());
    let mut any = false;
    run.not_implemented.resize(callbacks.len(), HookSet::EMPTY);
    for (index, callback) in callbacks.iter_mut().enumerate() {
        if run.not_implemented.get(index).is_some_and(|hooks| hooks.contains(hook)) || !wanted(callback.order()) {
            continue;
        }
        any = true;
        let mut entries = std::mem::take(&mut run.entries);
        let (stage, host) = (run.stage, run.reads_at_once());
        let result =
            record(None, stage, host, &mut entries, || catch_panic(|| call(&mut **callback, hook, &mut *run, module)));
        run.entries = entries;
        match result {
            Ok(true) => {}
            Ok(false) => {
                if let Some(hooks) = run.not_implemented.get_mut(index) {
                    *hooks = hooks.with(hook);
                }
            }
            Err(error) => {
                let error = located(error, run, format!("a callback's {}", hook.name()), hook);
                if !hook.is_end() {
                    return Err(error);
                }
                first = first.and(Err(error));
            }
        }
    }
    first?;
    if !any {
        return Ok(());
    }
    run.drain_log().map_err(|error| located(error, run, hook.name().to_owned(), hook))
}

fn run_own_hook<M: LightningModule>(
    module: &mut M,
    hook: Hook,
    batch: Option<&dyn Any>,
    run: &mut RunState,
) -> Result<()> {
    let mut entries = std::mem::take(&mut run.entries);
    let (stage, host) = (run.stage, run.reads_at_once());
    let result = record(Some(TypeId::of::<M>()), stage, host, &mut entries, || {
        catch_panic(|| module.run_hook(hook, &mut HookContext::new(run, hook, batch)))
    });
    run.entries = entries;
    result.map_err(|error| located(error, run, hook_label::<M>(hook.name()), hook))?;
    run.drain_log().map_err(|error| located(error, run, hook.name().to_owned(), hook))
}

fn step_context<'a>(run: &RunState, device: &'a Device) -> StepContext<'a> {
    StepContext {
        stage: run.stage,
        epoch: run.progress.epoch,
        batch_idx: run.batch_idx as usize,
        dataloader_idx: run.loader_idx,
        global_step: run.progress.global_step,
        batch_step: run.progress.batch_step,
        seed: run.seed,
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

fn located(error: Error, run: &RunState, hook: String, at: Hook) -> Error {
    error.at(run.location(Some(hook), at.is_in_batch()))
}

impl<M: LightningModule> Driver for ModuleDriver<'_, M> {
    fn prepare_data(&mut self, run: &mut RunState) -> Result<()> {
        catch_panic(|| self.source.prepare_data())
            .map_err(|error| error.at(run.location(Some("prepare_data".to_owned()), false)))?;
        self.own_hook(Hook::PrepareData, run)
    }

    fn setup(&mut self, run: &mut RunState) -> Result<()> {
        let stage = run.stage;
        catch_panic(|| self.source.setup(stage))
            .map_err(|error| error.at(run.location(Some("setup".to_owned()), false)))?;
        self.hook(Hook::Setup, run)
    }

    fn teardown(&mut self, run: &mut RunState) -> Result<()> {
        let stage = run.stage;
        let data = catch_panic(|| self.source.teardown(stage))
            .map_err(|error| error.at(run.location(Some("teardown".to_owned()), false)));
        self.train = None;
        self.eval.clear();
        self.hook(Hook::Teardown, run).and(data)
    }

    fn hook(&mut self, hook: Hook, run: &mut RunState) -> Result<()> {
        let since = run
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
        run.measured(hook.name(), since);
        callbacks.and(own)
    }

    fn monitors(&mut self, hook: Hook, run: &mut RunState) -> Result<()> {
        self.callbacks(hook, run, |order| order != CallbackOrder::Normal)
    }

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

    fn start(&mut self, feed: LoaderId, from: EpochOffset) -> Result<()> {
        let feed = self.feed(feed)?;
        catch_panic(|| feed.feed.start(from))
    }

    fn fetch(&mut self, feed: LoaderId, run: &mut RunState) -> Result<bool> {
        let device = match feed {
            // Batches join the graph's backend, or BatchNorm and Dropout on the input would not notice the training.
            LoaderId::Train => run.settings.numerics.training_device(&run.device),
            LoaderId::Eval(_) => run.device.clone(),
        };
        let floats = run.settings.numerics.batches();
        let since = run.clock();
        let feed = self.feed(feed)?;
        let fetched = catch_panic(|| feed.feed.fetch(&device, floats))
            .map_err(|error| error.at(run.location(Some(run.stage.loader().to_owned()), true)))?;
        run.batch_size = feed.feed.batch_size();
        run.measured(run.stage.loader(), since);
        Ok(fetched)
    }

    fn is_last(&mut self, feed: LoaderId) -> bool {
        self.feed(feed).is_ok_and(|feed| feed.feed.is_last())
    }

    fn can_reload(&self) -> bool {
        self.source.can_reload()
    }

    fn disable_shuffle(&mut self) {
        self.train.iter_mut().chain(&mut self.eval).for_each(|feed| feed.feed.disable_shuffle());
    }

    fn end(&mut self, feed: LoaderId) {
        if let Ok(feed) = self.feed(feed) {
            feed.feed.end();
        }
    }

    fn step(&mut self, feed: LoaderId, call: StepCall, run: &mut RunState) -> Result<Option<TrainingOutput>> {
        let feed = match feed {
            LoaderId::Train => self.train.as_mut(),
            LoaderId::Eval(index) => self.eval.get_mut(index),
        }
        .ok_or_else(|| Error::data("the loader is not open"))?;
        let module = self.module.get()?;
        let mut entries = std::mem::take(&mut run.entries);
        let cx = step_context(run, &run.device);
        let lowering = run.lowering;
        let statistics = match run.stage {
            Stage::Fit => RunningStatistics::Shared,
            _ => RunningStatistics::Copied,
        };
        let call = StepCall { keep: call.keep || keeps_batch::<M>(run.stage), ..call };
        let since = run.clock();
        let result = record(Some(TypeId::of::<M>()), run.stage, run.host, &mut entries, || {
            catch_panic(|| match lowering {
                Some(dtype) => feed.feed.run(&lowered(module, dtype, statistics), call, &cx),
                None => feed.feed.run(module, call, &cx),
            })
        });
        let kept = cx.kept.into_inner();
        run.kept.extend(kept);
        run.entries = entries;
        run.measured(step_name(run.stage, M::TRAINING, call.step), since);
        let output = result.map_err(|error| {
            let step = step_name(run.stage, M::TRAINING, call.step);
            explain(error, run).at(run.location(Some(hook_label::<M>(step)), true))
        })?;
        run.drain_log().map_err(|error| error.at(run.location(None, true)))?;
        Ok(output.map(loss_in_f32))
    }

    fn manual_step(&mut self, run: &mut RunState) -> Result<Option<TrainingOutput>> {
        let feed = self.train.as_mut().ok_or_else(|| Error::data("the loader is not open"))?;
        let module = self.module.get_mut()?;
        let mut entries = std::mem::take(&mut run.entries);
        let device = run.device.clone();
        let cx = step_context(run, &device);
        let (stage, host) = (run.stage, run.reads_at_once());
        let keep = keeps_batch::<M>(stage);
        let since = run.clock();
        let mut optimizers = Optimizers::new(run, self.callbacks);
        let result = record(Some(TypeId::of::<M>()), stage, host, &mut entries, || {
            catch_panic(|| feed.feed.run_manual(module, &mut optimizers, keep, &cx))
        });
        run.entries = entries;
        run.measured("training_step", since);
        let output = result.map_err(|error| error.at(run.location(Some(hook_label::<M>("training_step")), true)))?;
        run.drain_log().map_err(|error| error.at(run.location(None, true)))?;
        Ok(output)
    }

    fn freeze_others(&mut self, optimizer: &Optimizer, hidden: &mut Vec<usize>) -> Result<()> {
        self.module.apply(MapMode::FreezeOthers { optimizer, hidden })
    }

    fn unfreeze_others(&mut self, hidden: &[usize]) -> Result<()> {
        self.module.apply(MapMode::Unfreeze { hidden })
    }

    fn image(&mut self, run: &mut RunState) -> Result<Image> {
        self.hook(Hook::OnSaveCheckpoint, run)?;
        let data = data_record(&*self.source)?;
        let frozen = self.kept.as_ref().map(|kept| kept.frozen.clone());
        let callbacks = match self.kept_states.take() {
            Some(states) => states,
            None => callback_states(self.callbacks)?,
        };
        take_image(self.module.get_mut()?, self.callbacks, callbacks, data, frozen, run)
    }

    fn restore(&mut self, run: &mut RunState, checkpoint: &Checkpoint) -> Result<()> {
        let Some(record) = &checkpoint.metadata.run else { return Ok(()) };
        checkpoint.apply_for_training(self.module.get_mut()?)?;
        let now = snapshot::frozen(self.module.get()?)?;
        let (freeze, thaw) = record.trainable.changes(&now, &mut run.differences);
        if !(freeze.is_empty() && thaw.is_empty()) {
            self.module.apply(MapMode::Exactly { freeze: &freeze, thaw: &thaw })?;
        }
        restore_callbacks(self.callbacks, checkpoint, record, run)?;
        match &record.data {
            Some(stored) => restore_data(&mut *self.source, stored, &mut run.differences),
            None => Ok(()),
        }
    }

    fn frozen(&self) -> Result<Vec<String>> {
        snapshot::frozen(self.module.get()?)
    }

    fn parameters(&self) -> Result<Vec<ParamName>> {
        snapshot::parameters(self.module.get()?)
    }

    fn configure_optimizers(&self, cx: &FitContext) -> Result<Vec<OptimizerSetup>> {
        let module = self.module.get()?;
        match self.configure {
            Some(configure) => catch_panic(|| configure(module, cx)),
            None => Ok(Vec::new()),
        }
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
        let frozen = snapshot::frozen(&module)?;
        self.kept = Some(Kept { module, callbacks: callback_states(self.callbacks)?, frozen });
        Ok(())
    }

    fn rollback(&mut self, with_states: bool) {
        if let (Some(kept), Ok(module)) = (self.kept.take(), self.module.get_mut()) {
            *module = kept.module;
            self.kept_states = with_states.then_some(kept.callbacks);
        }
    }

    fn discard_rollback(&mut self) {
        self.kept = None;
    }

    fn final_weights(&mut self, run: &mut RunState) -> Result<bool> {
        let module = self.module.get_mut()?;
        let mut stale = false;
        for callback in self.callbacks.iter_mut() {
            stale |=
                catch_panic(|| callback.final_weights(&mut CallbackContext { run, not_implemented: None }, module))
                    .map_err(|error| error.at(run.location(Some("a callback's final_weights".to_owned()), false)))?;
        }
        Ok(stale)
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
pub(crate) fn take_image<M: LightningModule>(
    module: &mut M,
    callbacks: &[Box<dyn Callback<M>>],
    states: CallbackStates,
    data: Option<DataRecord>,
    frozen: Option<Vec<String>>,
    run: &mut RunState,
) -> Result<Image> {
    let mut user = StateWriter::default();
    catch_panic(|| module.save_user_state(&mut user))
        .map_err(|error| error.at(run.location(Some(hook_label::<M>("on_save_checkpoint")), false)))?;
    let mut shown = None;
    for callback in callbacks {
        shown = shown.or(callback.model_to_save(module)?);
    }
    let frozen = frozen.map_or_else(|| snapshot::frozen(module), Ok)?;
    let parts = Parts {
        module,
        shown: shown.as_ref().map(|shown| shown as &dyn Snapshot),
        user,
        callbacks: states,
        data,
        frozen,
    };
    Image::take(parts, run)
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
                run.differences.push(format!("the callback `{key}` is not in the checkpoint: it starts anew"));
            }
            continue;
        };
        callback
            .load_state(&StateReader::with_tensors(state, &tensors))
            .map_err(|error| error.at(run.location(Some(format!("load_state of {key}")), false)))?;
    }
    for key in record.callbacks.keys().filter(|key| !keys.contains(key)) {
        run.differences.push(format!("the checkpoint's callback `{key}` is not in the program"));
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
