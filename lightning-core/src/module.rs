//! What `#[lightning_module]` implements: the struct's half, the impl's half, and one trait for each step.

use std::{any::Any, path::Path};

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    batch::StepBatch,
    context::{HookContext, StepContext},
    error::{Error, Result},
    hooks::{Hook, HookSet, StepSet},
    metrics::MetricDef,
    optim::OptimizerSetup,
    params::{BufferMapper, BufferVisitor},
    state::{StateReader, StateWriter},
    weights::{self, Weights, WeightsReport},
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
}

impl FieldDef {
    /// A trained module.
    pub const fn module(name: &'static str, type_name: &'static str) -> Self {
        Self { name, type_name, role: FieldRole::Module }
    }

    /// A module that starts frozen.
    pub const fn frozen(name: &'static str, type_name: &'static str) -> Self {
        Self { name, type_name, role: FieldRole::Frozen }
    }

    /// A buffer.
    pub const fn buffer(name: &'static str, type_name: &'static str) -> Self {
        Self { name, type_name, role: FieldRole::Buffer }
    }

    /// A hyperparameter.
    pub const fn hparam(name: &'static str, type_name: &'static str) -> Self {
        Self { name, type_name, role: FieldRole::Hparam }
    }

    /// Saved state.
    pub const fn state(name: &'static str, type_name: &'static str) -> Self {
        Self { name, type_name, role: FieldRole::State }
    }

    /// State that is not saved.
    pub const fn skipped(name: &'static str, type_name: &'static str) -> Self {
        Self { name, type_name, role: FieldRole::Skipped }
    }
}

/// One hyperparameter: what a command line or a configuration file needs to know of it.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs)]
pub struct HparamDef {
    /// The name.
    pub name: &'static str,
    /// The type as written.
    pub ty: &'static str,
    /// The default's source text.
    pub default: Option<&'static str>,
    /// The field's doc comment.
    pub doc: &'static str,
}

/// The hyperparameters of a module or data module: plain serde data with a schema.
pub trait Hparams: Serialize + DeserializeOwned + Clone + std::fmt::Debug + 'static {
    /// One row a field, in order.
    const SCHEMA: &'static [HparamDef];
}

/// The name of a module's field as a typed constant (`Net::BACKBONE`): for freezing, groups and weight loading.
pub struct FieldKey<M> {
    name: &'static str,
    module: std::marker::PhantomData<fn() -> M>,
}

impl<M> FieldKey<M> {
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

impl<M> Clone for FieldKey<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for FieldKey<M> {}

impl<M> std::fmt::Debug for FieldKey<M> {
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

/// A module with at least one optimizer.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no optimizer, so it cannot be trained",
    label = "no optimizer is declared on this module",
    note = "write `#[optimizer(AdamConfig::new(), lr = 1e-3)]` below `#[lightning_module]` on the struct"
)]
pub trait ConfigureOptimizers: LightningStruct {
    /// The optimizers' names, in order.
    const OPTIMIZERS: &'static [&'static str];

    /// The optimizers, evaluated once at the start of `fit`.
    fn configure_optimizers(&self, cx: &FitContext) -> Result<Vec<OptimizerSetup>>;
}

/// What is known at the start of `fit`, when optimizers are made.
#[derive(Clone, Debug)]
pub struct FitContext {
    pub(crate) max_epochs: Option<u64>,
    pub(crate) max_steps: Option<u64>,
    pub(crate) batches_per_epoch: Option<u64>,
    pub(crate) steps_per_epoch: Option<u64>,
    pub(crate) device: Device,
}

impl FitContext {
    /// Optimizer steps the whole run will take, for schedules that need to know their length.
    ///
    /// # Errors
    /// When neither the loader's length with `max_epochs` nor `max_steps` bounds the run.
    pub fn estimated_optimizer_steps(&self) -> Result<u64> {
        let by_epochs = self.max_epochs.zip(self.steps_per_epoch).map(|(epochs, steps)| epochs * steps);
        match (by_epochs, self.max_steps) {
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
    const METRICS: &'static [MetricDef];

    /// The hooks the module writes.
    const HOOKS: HookSet;

    /// The steps the module writes.
    const STEPS: StepSet;

    /// Asks for the struct's half, at one place; it is never called.
    #[doc(hidden)]
    fn __lightning_declared();

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
pub trait LightningModule: LightningStruct + LightningImpl {
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

/// A module with a `training_step`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `training_step`, so it cannot be fitted",
    label = "this module has no `training_step`",
    note = "write `fn training_step(&self, batch: B) -> Tensor<1>` in the `#[lightning_module]` impl"
)]
pub trait TrainingStep: LightningImpl {
    /// Runs the step; `None` skips the batch.
    #[doc(hidden)]
    fn run_training_step(&self, batch: Self::TrainBatch, cx: &StepContext<'_>) -> Result<Option<TrainingOutput>>;
}

/// A module with a `validation_step`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `validation_step`",
    label = "this module has no `validation_step`",
    note = "write `fn validation_step(&self, batch: B)` in the `#[lightning_module]` impl, or give no validation loader"
)]
pub trait ValidationStep: LightningImpl {
    /// Runs the step.
    #[doc(hidden)]
    fn run_validation_step(&self, batch: Self::ValBatch, cx: &StepContext<'_>) -> Result<()>;
}

/// A module with a `test_step`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `test_step`",
    label = "this module has no `test_step`",
    note = "write `fn test_step(&self, batch: B)` in the `#[lightning_module]` impl"
)]
pub trait TestStep: LightningImpl {
    /// Runs the step.
    #[doc(hidden)]
    fn run_test_step(&self, batch: Self::TestBatch, cx: &StepContext<'_>) -> Result<()>;
}

/// A module with a `predict_step`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `predict_step`",
    label = "this module has no `predict_step`",
    note = "write `fn predict_step(&self, batch: B) -> T` in the `#[lightning_module]` impl"
)]
pub trait PredictStep: LightningImpl {
    /// What one batch gives.
    type Output: Send;

    /// Runs the step.
    #[doc(hidden)]
    fn run_predict_step(&self, batch: Self::PredictBatch, cx: &StepContext<'_>) -> Result<Self::Output>;
}

/// What a training step hands to the loop: the loss, and whatever it wants its batch-end hook to see.
#[derive(Debug)]
pub struct Loss<T = ()> {
    pub(crate) loss: Tensor<1>,
    pub(crate) output: T,
}

impl Loss {
    /// The mean loss of the batch.
    pub fn new(mean: Tensor<1>) -> Self {
        Self { loss: mean, output: () }
    }
}

impl<T> Loss<T> {
    /// Adds an output for `on_train_batch_end`.
    pub fn output<U: Send + 'static>(self, output: U) -> Loss<U> {
        Loss { loss: self.loss, output }
    }
}

/// A training step's result, erased.
#[doc(hidden)]
#[derive(Debug)]
pub struct TrainingOutput {
    pub(crate) loss: Tensor<1>,
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
        Ok(Some(TrainingOutput { loss: self, output: None }))
    }
}

impl<T: Send + 'static> IntoTrainingOutput for Loss<T> {
    fn into_training_output(self) -> Result<Option<TrainingOutput>> {
        Ok(Some(TrainingOutput { loss: self.loss, output: Some(Box::new(self.output)) }))
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

/// What `validation_step` and `test_step` may return.
#[diagnostic::on_unimplemented(
    message = "this step cannot return `{Self}`",
    label = "expected nothing, or `Result<()>`",
    note = "log what the step computes with `#[log]`, and return nothing"
)]
pub trait EvaluationOutput {
    /// Converts it.
    #[doc(hidden)]
    fn into_evaluation_output(self) -> Result<()>;
}

impl EvaluationOutput for () {
    fn into_evaluation_output(self) -> Result<()> {
        Ok(())
    }
}

impl<E: Into<Error>> EvaluationOutput for Result<(), E> {
    fn into_evaluation_output(self) -> Result<()> {
        self.map_err(Into::into)
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
