//! What `#[lightning_module]` implements: the struct's half, the impl's half, and one trait for each step.

pub(crate) mod context;
pub(crate) mod erased;
pub(crate) mod optimizers;
pub(crate) mod python_hints;
pub(crate) mod weights;

pub use self::{
    context::{HookContext, LogValue, StepContext, log, log_dict},
    optimizers::{LossGradients, ManualSchedule, Optimizers},
    weights::{Weights, WeightsReport},
};

use std::{any::Any, ops::ControlFlow, path::Path};

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    __private::set_trainable,
    data::batch::StepBatch,
    error::{Error, Result},
    hooks::{Hook, HookSet, Step, StepSet},
    metrics::MetricDef,
    optim::{OptimizerSetup, Weight},
    params::{
        BufferMapper, BufferVisitor,
        state::{StateReader, StateWriter},
    },
    tensor::readback,
    trainer::{Trainer, TrainerBuilder},
};

/// What a field of a module is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldRole {
    /// A Burn module with parameters.
    Module,
    /// A Burn module that starts frozen.
    Frozen,
    /// A tensor that is moved and saved, never trained.
    Buffer,
    /// A hyperparameter.
    Hparam,
    /// Data kept in the checkpoint.
    State,
    /// Data that is not saved.
    Skipped,
}

/// One field of a module, as written.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FieldDef {
    /// The field's name, which is also the first part of its parameters' paths.
    pub name: &'static str,
    /// The type as written.
    pub type_name: &'static str,
    /// What the field is for.
    pub role: FieldRole,
    /// The source text of a hyperparameter's default.
    pub default: Option<&'static str>,
    /// The doc comment.
    pub doc: &'static str,
}

impl FieldDef {
    const fn new(name: &'static str, type_name: &'static str, role: FieldRole) -> Self {
        Self { name, type_name, role, default: None, doc: "" }
    }

    /// The hyperparameter's default, as written.
    #[must_use]
    pub const fn default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    /// The field's documentation.
    #[must_use]
    pub const fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }

    /// A trained module.
    pub const fn module(name: &'static str, type_name: &'static str) -> Self {
        Self::new(name, type_name, FieldRole::Module)
    }

    /// A module that starts frozen.
    pub const fn frozen(name: &'static str, type_name: &'static str) -> Self {
        Self::new(name, type_name, FieldRole::Frozen)
    }

    /// A buffer.
    pub const fn buffer(name: &'static str, type_name: &'static str) -> Self {
        Self::new(name, type_name, FieldRole::Buffer)
    }

    /// A hyperparameter.
    pub const fn hparam(name: &'static str, type_name: &'static str) -> Self {
        Self::new(name, type_name, FieldRole::Hparam)
    }

    /// Saved state.
    pub const fn state(name: &'static str, type_name: &'static str) -> Self {
        Self::new(name, type_name, FieldRole::State)
    }

    /// State that is not saved.
    pub const fn skipped(name: &'static str, type_name: &'static str) -> Self {
        Self::new(name, type_name, FieldRole::Skipped)
    }
}

/// The hyperparameters of a module or data module: plain serde data. What a command line or a configuration file needs to know of
/// each is in the module's [`FIELDS`](LightningStruct::FIELDS).
pub trait Hparams: Serialize + DeserializeOwned + Clone + std::fmt::Debug + 'static {}

impl<T: Serialize + DeserializeOwned + Clone + std::fmt::Debug + 'static> Hparams for T {}

/// The name of a module's field as a typed constant (`Net::BACKBONE`): for freezing, groups and weight loading. The key of
/// a field with an optimizer of its own is a `FieldKey<M, HasOptimizer>` and names the optimizer too.
pub struct FieldKey<M, O = ()> {
    name: &'static str,
    module: std::marker::PhantomData<fn() -> (M, O)>,
}

impl<M, O> FieldKey<M, O> {
    /// The key of the field with this name; emitted by the macro.
    #[doc(hidden)]
    pub const fn new(name: &'static str) -> Self {
        Self { name, module: std::marker::PhantomData }
    }

    /// The field's name.
    pub const fn name(self) -> &'static str {
        self.name
    }
}

impl<M, O> Clone for FieldKey<M, O> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M, O> Copy for FieldKey<M, O> {}

impl<M, O> std::fmt::Debug for FieldKey<M, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FieldKey({})", self.name)
    }
}

/// The struct's half of a lightning module. Implemented by `#[lightning_module]` on the struct.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not declared as a lightning module",
    label = "the struct has no `#[lightning_module]`",
    note = "write `#[lightning_module]` on `struct {Self}` as well as on its impl"
)]
pub trait LightningStruct: Module + 'static {
    /// The hyperparameters.
    type Hparams: Hparams;

    /// The struct's name.
    const NAME: &'static str;

    /// Every field, in order.
    const FIELDS: &'static [FieldDef];

    /// The hyperparameters as the fields hold them now.
    fn hparams(&self) -> Self::Hparams;

    /// Where no field says how it is built, this asks for `fn init` in the impl; it is never called.
    #[doc(hidden)]
    fn __lightning_built() {}

    /// Shows every buffer.
    fn visit_buffers(&self, visitor: &mut dyn BufferVisitor) {
        let _ = visitor;
    }

    /// Offers every buffer for replacement.
    fn map_buffers(&mut self, mapper: &mut dyn BufferMapper) -> Result<()> {
        let _ = mapper;
        Ok(())
    }

    /// Writes the saved state fields.
    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        let _ = state;
        Ok(())
    }

    /// Reads the saved state fields.
    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        let _ = state;
        Ok(())
    }
}

/// A module that can be built from its hyperparameters: by `#[init(…)]` on its fields or by `fn init` in its impl.
#[diagnostic::on_unimplemented(
    message = "nothing says how to build `{Self}`",
    label = "no `#[init(…)]` on a field and no `fn init` in the impl",
    note = "write `#[init(expression)]` on each module field, or `fn init(hparams: &…Hparams, device: &Device) -> Self` in the `#[lightning_module]` impl"
)]
pub trait InitModule: LightningStruct {
    /// The module, or a `Result` of it.
    type Built: InitOutput<Self>;

    /// Builds the module.
    fn init_module(hparams: Self::Hparams, device: &Device) -> Self::Built;
}

/// What `fn init` may return.
#[diagnostic::on_unimplemented(
    message = "`fn init` cannot return `{Self}`",
    label = "expected `Self`, or `Result<Self>`",
    note = "return the module itself, or `lightning_core::Result<Self>` when building it can fail"
)]
pub trait InitOutput<M>: Sized {
    /// Converts it.
    #[doc(hidden)]
    fn into_module(self) -> Result<M>;
}

impl<M> InitOutput<M> for M {
    fn into_module(self) -> Result<M> {
        Ok(self)
    }
}

impl<M, E: Into<Error>> InitOutput<M> for Result<M, E> {
    fn into_module(self) -> Result<M> {
        self.map_err(Into::into)
    }
}

/// A module with at least one optimizer: declared by `#[optimizer(…)]`, or made by `configure_optimizers`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no optimizer, so it cannot be trained",
    label = "no optimizer is declared on this module",
    note = "write `#[optimizer(AdamConfig::new(), lr = 1e-3)]` below `#[lightning_module]` on the struct, or `fn configure_optimizers(&self, cx: &FitContext) -> Result<Vec<OptimizerSetup>>` in the impl"
)]
pub trait ConfigureOptimizers: LightningStruct {
    /// The names of the declared optimizers, in order; empty where `configure_optimizers` makes them.
    const OPTIMIZERS: &'static [&'static str];

    /// The optimizers, evaluated once at the start of `fit`.
    fn configure_optimizers(&self, cx: &FitContext) -> Result<Vec<OptimizerSetup>>;

    /// Asks for a training step of each named optimizer; it is never called.
    #[doc(hidden)]
    fn __lightning_trained() {}
}

/// What is known at the start of `fit`, when optimizers are made.
#[derive(Clone, Debug)]
pub struct FitContext {
    pub(crate) max_epochs: Option<u64>,
    pub(crate) max_steps: Option<u64>,
    pub(crate) batches_per_epoch: Option<u64>,
    /// Optimizer steps in `max_epochs`.
    pub(crate) steps_by_epochs: Option<u64>,
    pub(crate) device: Device,
}

impl FitContext {
    /// Optimizer steps the whole run will take, for schedules that need to know their length. A `fast_dev_run` gives the number of the run
    /// that it tries.
    ///
    /// # Errors
    /// When neither the loader's length with `max_epochs` nor `max_steps` bounds the run.
    pub fn estimated_optimizer_steps(&self) -> Result<u64> {
        match (self.steps_by_epochs, self.max_steps) {
            (Some(epochs), Some(steps)) => Ok(epochs.min(steps)),
            (Some(steps), None) | (None, Some(steps)) => Ok(steps),
            (None, None) => Err(Error::config("the run has no known number of optimizer steps")
                .help("set `max_steps(…)`, or `max_epochs(…)` with a loader that knows its length")),
        }
    }

    /// The most epochs the run may take.
    pub fn max_epochs(&self) -> Option<u64> {
        self.max_epochs
    }

    /// Training batches in an epoch, when the loader knows.
    pub fn batches_per_epoch(&self) -> Option<u64> {
        self.batches_per_epoch
    }

    /// The device the run trains on.
    pub fn device(&self) -> &Device {
        &self.device
    }
}

/// The impl's half of a lightning module. Implemented by `#[lightning_module]` on the impl.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a lightning module",
    label = "no `#[lightning_module] impl` for this type",
    note = "write `#[lightning_module]` on the struct and on its `impl` with the steps"
)]
pub trait LightningImpl: Sized + 'static {
    /// What `training_step` takes; `NoBatch` without one.
    type TrainBatch: StepBatch;
    /// What `validation_step` takes; `NoBatch` without one.
    type ValBatch: StepBatch;
    /// What `test_step` takes; `NoBatch` without one.
    type TestBatch: StepBatch;
    /// What `predict_step` takes; `NoBatch` without one.
    type PredictBatch: StepBatch;

    /// Every metric logged with `#[log]`; the index is the slot.
    const METRICS: &'static [MetricDef] = &[];

    /// How a batch is trained on.
    #[doc(hidden)]
    const TRAINING: TrainingMode = TrainingMode::Plain;

    /// Asks for the optimizers that steps are bound to; it is never called.
    #[doc(hidden)]
    fn __lightning_bound() {}

    /// The hooks the module writes.
    const HOOKS: HookSet = HookSet::EMPTY;

    /// The steps the module writes.
    const STEPS: StepSet = StepSet::EMPTY
        .with_if(Step::Training, Self::TrainBatch::PRESENT)
        .with_if(Step::Validation, Self::ValBatch::PRESENT)
        .with_if(Step::Test, Self::TestBatch::PRESENT)
        .with_if(Step::Predict, Self::PredictBatch::PRESENT);

    /// The hooks that take the batch.
    #[doc(hidden)]
    const BATCH_HOOKS: HookSet = HookSet::EMPTY;

    /// Asks for the struct's half, at one place.
    #[doc(hidden)]
    const __LIGHTNING_DECLARED: ();

    /// What `trainer()` gives. That it is found here keeps a module without an `impl` from being reported again for each use of its
    /// trainer.
    #[doc(hidden)]
    type Builder: StartsTrainer;

    /// What `on_save_checkpoint` adds to a checkpoint.
    #[doc(hidden)]
    fn save_user_state(&mut self, state: &mut StateWriter) -> Result<()> {
        let _ = state;
        Ok(())
    }

    /// Gives it to `on_load_checkpoint`.
    #[doc(hidden)]
    fn load_user_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        let _ = state;
        Ok(())
    }

    /// Calls one hook.
    #[doc(hidden)]
    fn run_hook(&mut self, hook: Hook, cx: &mut HookContext<'_>) -> Result<()> {
        let _ = (hook, cx);
        Ok(())
    }
}

/// A module that a trainer takes: both halves of it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a lightning module",
    label = "no `#[lightning_module] impl` for this type",
    note = "write `#[lightning_module]` on the struct and on its `impl` with the steps"
)]
pub trait LightningModule: LightningStruct + LightningImpl {
    /// Stops training everything below the field, in place. Of an owned module `model.freeze(Net::BACKBONE)` gives the frozen
    /// module back, as Burn's own `freeze` does.
    fn freeze<O>(&mut self, field: FieldKey<Self, O>) {
        *self = set_trainable(self.clone(), field, false);
    }

    /// Trains everything below the field again, in place.
    fn unfreeze<O>(&mut self, field: FieldKey<Self, O>) {
        *self = set_trainable(self.clone(), field, true);
    }

    /// Writes the parameters, running statistics and buffers to a safetensors file, under their paths and in Burn's layout.
    ///
    /// # Errors
    /// When the file cannot be written, with its path.
    fn save_weights(&self, path: impl AsRef<Path>) -> Result<()> {
        weights::save(self, path.as_ref())
    }

    /// Gives the module weights of a file: all, those of one field, or some under other names. Says what was applied, skipped, missing and
    /// left over. The module stays as it is when a shape does not fit.
    ///
    /// # Errors
    /// When the file cannot be read, a shape does not fit, or nothing in it has a place in the module.
    fn load_weights(&mut self, weights: Weights<Self>) -> Result<WeightsReport> {
        weights::load(self, &weights)
    }
}

impl<M: LightningStruct + LightningImpl> LightningModule for M {}

/// What `Net::trainer()` gives.
#[doc(hidden)]
pub trait StartsTrainer {
    /// One with every setting at its default.
    fn start() -> Self;
}

impl<M> StartsTrainer for TrainerBuilder<M> {
    fn start() -> Self {
        Trainer::builder()
    }
}

/// How a batch is trained on.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "the macro writes one of them")]
pub enum TrainingMode {
    /// By one `training_step`, whose loss trains every optimizer.
    Plain,
    /// By several steps, each for one optimizer.
    Bound(&'static [BoundStep]),
    /// By the module itself, with `#[manual_optimization]`.
    Manual,
}

/// A `#[training_step(optimizer = …)]`.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the macro writes it")]
pub struct BoundStep {
    /// The method.
    pub name: &'static str,
    /// The optimizer it trains.
    pub optimizer: &'static str,
    /// After how many batches each time.
    pub every: u64,
    /// How many times on the same batch.
    pub repeat: u64,
}

/// The module declares an optimizer; `NAME` is a hash of its name. Implemented by the struct's half.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no optimizer of this name",
    label = "no field and no `#[optimizer(…)]` of `{Self}` declares it",
    note = "an optimizer is named after the field that `#[optimizer(…)]` stands on, or by its `name = …`"
)]
pub trait DeclaresOptimizer<const NAME: u64> {}

/// A training step of the module trains an optimizer; `NAME` is a hash of its name. Implemented by the impl's half.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "no training step of `{Self}` trains this optimizer",
    label = "declared here, and never stepped",
    note = "write `#[training_step(optimizer = …)] fn …_step(&self, batch: B) -> Tensor<1>` for each optimizer, or one plain `training_step` for all of them"
)]
pub trait TrainsOptimizer<const NAME: u64> {}

/// A module with a `training_step`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `training_step`, so it cannot be fitted",
    label = "this module has no `training_step`",
    note = "write `fn training_step(&self, batch: B) -> Tensor<1>` in an `impl` with `#[lightning_module]`"
)]
pub trait TrainingStep: LightningImpl {
    /// Runs the step; `None` skips the batch.
    #[doc(hidden)]
    fn run_training_step(
        &self,
        step: usize,
        batch: Self::TrainBatch,
        cx: &StepContext<'_>,
    ) -> Result<Option<TrainingOutput>> {
        let _ = (step, batch, cx);
        Err(Error::config("the module optimizes by itself, and was asked for a loss")
            .help("run it with a trainer, which hands it its optimizers"))
    }

    /// Runs the step of a module that optimizes by itself.
    #[doc(hidden)]
    fn run_manual_step(
        &mut self,
        batch: Self::TrainBatch,
        optimizers: &mut Optimizers<'_, Self>,
        cx: &StepContext<'_>,
    ) -> Result<Option<TrainingOutput>> {
        let _ = optimizers;
        self.run_training_step(0, batch, cx)
    }

    /// The batch once more, where several steps share it.
    #[doc(hidden)]
    const AGAIN: fn(&Self::TrainBatch) -> Option<Self::TrainBatch> = |_| None;
}

/// A module with a `validation_step`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `validation_step`",
    label = "this module has no `validation_step`",
    note = "write `fn validation_step(&self, batch: B)` in an `impl` with `#[lightning_module]`, or give no validation loader"
)]
pub trait ValidationStep: LightningImpl {
    /// Runs the step.
    #[doc(hidden)]
    fn run_validation_step(&self, batch: Self::ValBatch, cx: &StepContext<'_>) -> Result<()>;

    /// The batch once more, for the hook after it.
    #[doc(hidden)]
    const AGAIN: fn(&Self::ValBatch) -> Option<Self::ValBatch> = |_| None;
}

/// A module with a `test_step`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `test_step`",
    label = "this module has no `test_step`",
    note = "write `fn test_step(&self, batch: B)` in an `impl` with `#[lightning_module]`"
)]
pub trait TestStep: LightningImpl {
    /// Runs the step.
    #[doc(hidden)]
    fn run_test_step(&self, batch: Self::TestBatch, cx: &StepContext<'_>) -> Result<()>;

    /// The batch once more, for the hook after it.
    #[doc(hidden)]
    const AGAIN: fn(&Self::TestBatch) -> Option<Self::TestBatch> = |_| None;
}

/// A module with a `predict_step`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `predict_step`",
    label = "this module has no `predict_step`",
    note = "write `fn predict_step(&self, batch: B) -> T` in an `impl` with `#[lightning_module]`"
)]
pub trait PredictStep: LightningImpl {
    /// What one batch gives.
    type Output: Send;

    /// Runs the step.
    #[doc(hidden)]
    fn run_predict_step(&self, batch: Self::PredictBatch, cx: &StepContext<'_>) -> Result<Self::Output>;

    /// The batch once more, for the hook after it.
    #[doc(hidden)]
    const AGAIN: fn(&Self::PredictBatch) -> Option<Self::PredictBatch> = |_| None;
}

/// What a training step hands to the loop: the loss, and whatever it wants its batch-end hook to see.
#[derive(Debug)]
pub struct Loss<T = ()> {
    /// The mean loss, or the sum that `weight` divides.
    loss: Tensor<1>,
    weight: Weight,
    output: T,
}

impl Loss {
    /// The mean loss of the batch.
    pub fn new(mean: Tensor<1>) -> Self {
        Self { loss: mean, weight: Weight::Number(1.0), output: () }
    }

    /// A loss that is a sum over `weight` samples or tokens. The gradient of an accumulation window is then that of
    /// Σ sum / Σ weight: every token counts the same, whichever batch it came in.
    ///
    /// ```
    /// use burn::prelude::*;
    /// use lightning_core::Loss;
    ///
    /// let device = Device::default();
    /// let (sum, tokens) = (Tensor::<1>::from_floats([12.0], &device), Tensor::<1>::from_floats([4.0], &device));
    /// let loss = Loss::weighted(sum, tokens);
    /// # let _ = loss;
    /// ```
    pub fn weighted(sum: Tensor<1>, weight: impl LossWeight) -> Self {
        Self { loss: sum, weight: weight.into_weight().0, output: () }
    }
}

impl<T> Loss<T> {
    /// Adds an output for `on_train_batch_end`.
    pub fn output<U: Send + 'static>(self, output: U) -> Loss<U> {
        Loss { loss: self.loss, weight: self.weight, output }
    }

    /// The mean loss, outside of any graph.
    pub(crate) fn mean(&self) -> Tensor<1> {
        self.weight.mean_of(self.loss.clone().inner())
    }
}

/// A number of samples or tokens that a loss is the sum of.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no weight of a loss",
    label = "expected a number of samples or tokens",
    note = "give a number, or a `Tensor<1>` of one element"
)]
pub trait LossWeight {
    /// Converts it.
    #[doc(hidden)]
    fn into_weight(self) -> LossWeightValue;
}

/// A weight, opaque.
#[doc(hidden)]
#[derive(Debug)]
pub struct LossWeightValue(Weight);

impl LossWeight for Tensor<1> {
    fn into_weight(self) -> LossWeightValue {
        let weight = self.inner();
        LossWeightValue(match readback::is_host(&weight.device()) {
            true => Weight::Number(readback::host_scalar(weight)),
            false => Weight::OnDevice(weight),
        })
    }
}

impl LossWeight for Tensor<1, Int> {
    fn into_weight(self) -> LossWeightValue {
        self.float().into_weight()
    }
}

impl<T: LossWeight + Clone> LossWeight for &T {
    fn into_weight(self) -> LossWeightValue {
        self.clone().into_weight()
    }
}

macro_rules! number_weights {
    ($($number:ty),*) => {
        $(impl LossWeight for $number {
            fn into_weight(self) -> LossWeightValue {
                LossWeightValue(Weight::Number(self as f64))
            }
        })*
    };
}

number_weights!(f32, f64, u32, u64, usize, i32, i64);

/// A training step's result, erased.
#[doc(hidden)]
#[derive(Debug)]
pub struct TrainingOutput {
    /// The mean loss, or the sum that `weight` divides.
    pub(crate) loss: Tensor<1>,
    pub(crate) weight: Weight,
    /// Read by the batch-end hooks.
    pub(crate) output: Option<Box<dyn Any + Send>>,
}

/// What `training_step` may return.
#[diagnostic::on_unimplemented(
    message = "`training_step` cannot return `{Self}`",
    label = "expected the loss: `Tensor<1>`",
    note = "return the mean loss as `Tensor<1>`, or `Option<Tensor<1>>` (`None` skips the batch), `Result<Tensor<1>>`, `Loss`"
)]
pub trait IntoTrainingOutput {
    /// Converts it.
    #[doc(hidden)]
    fn into_training_output(self) -> Result<Option<TrainingOutput>>;
}

impl IntoTrainingOutput for Tensor<1> {
    fn into_training_output(self) -> Result<Option<TrainingOutput>> {
        Ok(Some(TrainingOutput { loss: self, weight: Weight::Number(1.0), output: None }))
    }
}

impl<T: Send + 'static> IntoTrainingOutput for Loss<T> {
    fn into_training_output(self) -> Result<Option<TrainingOutput>> {
        let Self { loss, weight, output } = self;
        Ok(Some(TrainingOutput { loss, weight, output: Some(Box::new(output)) }))
    }
}

impl<T: IntoTrainingOutput> IntoTrainingOutput for Option<T> {
    fn into_training_output(self) -> Result<Option<TrainingOutput>> {
        match self {
            Some(output) => output.into_training_output(),
            None => Ok(None),
        }
    }
}

impl<T: IntoTrainingOutput, E: Into<Error>> IntoTrainingOutput for Result<T, E> {
    fn into_training_output(self) -> Result<Option<TrainingOutput>> {
        self.map_err(Into::into)?.into_training_output()
    }
}

/// What a `training_step` with `#[manual_optimization]` may return.
#[diagnostic::on_unimplemented(
    message = "a `training_step` with `#[manual_optimization]` cannot return `{Self}`",
    label = "expected nothing, the loss, or a `Result` of either",
    note = "it steps the optimizers itself; a `Tensor<1>` that it returns is shown as the loss and not differentiated"
)]
pub trait ManualOutput {
    /// Converts it.
    #[doc(hidden)]
    fn into_manual_output(self) -> Result<Option<TrainingOutput>>;
}

impl ManualOutput for () {
    fn into_manual_output(self) -> Result<Option<TrainingOutput>> {
        Ok(None)
    }
}

impl ManualOutput for Tensor<1> {
    fn into_manual_output(self) -> Result<Option<TrainingOutput>> {
        self.into_training_output()
    }
}

impl<T: Send + 'static> ManualOutput for Loss<T> {
    fn into_manual_output(self) -> Result<Option<TrainingOutput>> {
        self.into_training_output()
    }
}

impl<T: ManualOutput, E: Into<Error>> ManualOutput for Result<T, E> {
    fn into_manual_output(self) -> Result<Option<TrainingOutput>> {
        self.map_err(Into::into)?.into_manual_output()
    }
}

/// A training step that hands `O` on to `on_train_batch_end`.
#[diagnostic::on_unimplemented(
    message = "the training step returns `{Self}`, and `on_train_batch_end` takes `outputs: &{O}`",
    label = "hands on no `{O}`",
    note = "return `Loss<{O}>`: `Loss::new(loss).output(value)`"
)]
pub trait GivesOutput<O> {}

impl<O> GivesOutput<O> for Loss<O> {}

impl<O, T: GivesOutput<O>> GivesOutput<O> for Option<T> {}

impl<O, T: GivesOutput<O>, E> GivesOutput<O> for Result<T, E> {}

/// What the parameter `outputs` of a hook after an evaluation may be: `Vec<T>`.
#[diagnostic::on_unimplemented(
    message = "`outputs` cannot be `{Self}`",
    label = "expected `Vec<T>`",
    note = "the hook gets what the step returned for every batch: `outputs: Vec<T>`, where the step returns `T` or `Result<T>`"
)]
pub trait EpochOutputs: Sized {
    /// Takes what was kept.
    #[doc(hidden)]
    fn take(kept: Vec<Box<dyn Any + Send>>) -> Result<Self>;
}

impl<T: Send + 'static> EpochOutputs for Vec<T> {
    fn take(kept: Vec<Box<dyn Any + Send>>) -> Result<Self> {
        let outputs = kept.into_iter().map(|output| output.downcast::<T>().map(|output| *output));
        outputs.collect::<Result<_, _>>().map_err(|_| Error::msg("a step returned another type than its hook takes"))
    }
}

/// What an evaluation step returns where the hook after it takes `O`.
#[diagnostic::on_unimplemented(
    message = "the step returns `{Self}`, and the hook after it takes `outputs: {O}`",
    label = "expected the element of `{O}`",
    note = "write `outputs: Vec<{Self}>` in the hook, or return its element from the step"
)]
pub trait OutputOf<O>: Send + 'static {}

impl<T: Send + 'static> OutputOf<Vec<T>> for T {}

/// What `on_train_batch_start` may return.
#[diagnostic::on_unimplemented(
    message = "`on_train_batch_start` cannot return `{Self}`",
    label = "expected nothing, `ControlFlow<()>`, or a `Result` of either",
    note = "`ControlFlow::Break(())` leaves the rest of the epoch out"
)]
pub trait FlowOutput {
    /// Converts it.
    #[doc(hidden)]
    fn into_flow(self) -> Result<ControlFlow<()>>;
}

impl FlowOutput for () {
    fn into_flow(self) -> Result<ControlFlow<()>> {
        Ok(ControlFlow::Continue(()))
    }
}

impl FlowOutput for ControlFlow<()> {
    fn into_flow(self) -> Result<ControlFlow<()>> {
        Ok(self)
    }
}

impl<T: FlowOutput, E: Into<Error>> FlowOutput for Result<T, E> {
    fn into_flow(self) -> Result<ControlFlow<()>> {
        self.map_err(Into::into)?.into_flow()
    }
}

/// What a hook may return.
#[diagnostic::on_unimplemented(
    message = "a hook cannot return `{Self}`",
    label = "expected nothing, or `Result<()>`",
    note = "return nothing, or `lightning_core::Result<()>` when the hook can fail"
)]
pub trait HookOutput {
    /// Converts it.
    #[doc(hidden)]
    fn into_hook_output(self) -> Result<()>;
}

impl HookOutput for () {
    fn into_hook_output(self) -> Result<()> {
        Ok(())
    }
}

impl<E: Into<Error>> HookOutput for Result<(), E> {
    fn into_hook_output(self) -> Result<()> {
        self.map_err(Into::into)
    }
}

/// A `Result`, seen by its two halves: for steps and constructors whose written return type ends in `Result`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is named `Result` but is none",
    label = "expected `Result<T, E>`",
    note = "a return type whose last segment is `Result` is taken to be fallible"
)]
pub trait FallibleOutput {
    /// What it gives when all is well.
    type Output;

    /// Converts it.
    #[doc(hidden)]
    fn into_fallible_output(self) -> Result<Self::Output>;
}

impl<T, E: Into<Error>> FallibleOutput for Result<T, E> {
    type Output = T;

    fn into_fallible_output(self) -> Result<T> {
        self.map_err(Into::into)
    }
}
