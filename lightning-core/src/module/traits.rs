//! The traits that `#[lightning_module]` implements on the struct and on the impl.

use burn::{module::Module, tensor::Device};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    context::HookContext,
    def::{FieldDef, TrainingMode},
    fit_context::FitContext,
};
use crate::{
    batch::{BatchReader, BatchWriter, StepBatch},
    error::{Error, Result},
    hooks::{Hook, HookSet, Step, StepSet},
    metrics::MetricDef,
    optim::OptimizerSetup,
    params::{BufferMapper, BufferVisitor, StateReader, StateWriter, materialize},
    random::building,
};

/// The hyperparameters of a module or data module: plain serde data. The module's
/// [`FIELDS`](LightningStruct::FIELDS) describe them, for example for a command line.
pub trait Hparams: Serialize + DeserializeOwned + Clone + std::fmt::Debug + 'static {}

impl<T: Serialize + DeserializeOwned + Clone + std::fmt::Debug + 'static> Hparams for T {}

/// The struct of a lightning module. Implemented by `#[lightning_module]` on the struct.
#[diagnostic::on_unimplemented(
    message = "the struct `{Self}` needs `#[lightning_module]`",
    label = "the struct has no `#[lightning_module]`",
    note = "write `#[lightning_module]` on `struct {Self}` and on its impl",
    note = "C17 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait LightningStruct: Module + 'static {
    /// The hyperparameters.
    type Hparams: Hparams;

    /// The struct's name.
    const NAME: &'static str;

    /// The fields, in order.
    const FIELDS: &'static [FieldDef];

    /// Returns the current values of the hyperparameters.
    fn hparams(&self) -> Self::Hparams;

    /// Freezes the `#[frozen]` fields of a module that `fn init` has built.
    #[doc(hidden)]
    fn __lightning_freeze(&mut self) {}

    /// Visits every buffer.
    fn visit_buffers(&self, visitor: &mut dyn BufferVisitor) {
        let _ = visitor;
    }

    /// Maps every buffer.
    fn map_buffers(&mut self, mapper: &mut dyn BufferMapper) -> Result<()> {
        let _ = mapper;
        Ok(())
    }

    /// Saves the `#[state]` fields.
    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        let _ = state;
        Ok(())
    }

    /// Restores the `#[state]` fields.
    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        let _ = state;
        Ok(())
    }
}

/// A module that can be built from its hyperparameters: by `#[init(…)]` on its fields or by
/// `fn init` in its impl.
#[diagnostic::on_unimplemented(
    message = "`{Self}` needs `#[init(…)]` or `fn init`",
    label = "no `#[init(…)]` on a field and no `fn init` in the impl",
    note = "write `#[init(expr)]` on each module field, or `fn init(hparams: &{Self}Hparams, device: \
            &Device) -> {Self}Fields` in the `#[lightning_module]` impl",
    note = "C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait InitModule: LightningStruct {
    /// The module, or a `Result` with it.
    type Built: BuiltModule<Self>;

    /// Builds the module, whose weights are not drawn yet.
    fn init_module(hparams: Self::Hparams, device: &Device) -> Self::Built;
}

/// A return type of `new`: the module, or a `Result` with it.
pub trait BuiltModule<M>: Sized {
    /// Converts it.
    #[doc(hidden)]
    fn into_module(self) -> Result<M>;

    /// Changes the module, if there is one.
    #[doc(hidden)]
    fn adjusted(self, change: impl FnOnce(&mut M)) -> Self;
}

impl<M> BuiltModule<M> for M {
    fn into_module(self) -> Result<M> {
        Ok(self)
    }

    fn adjusted(mut self, change: impl FnOnce(&mut M)) -> Self {
        change(&mut self);
        self
    }
}

impl<M, E: Into<Error>> BuiltModule<M> for std::result::Result<M, E> {
    fn into_module(self) -> Result<M> {
        self.map_err(Into::into)
    }

    fn adjusted(mut self, change: impl FnOnce(&mut M)) -> Self {
        if let Ok(module) = &mut self {
            change(module);
        }
        self
    }
}

/// What `fn init` may return: the module itself, or its fields without the hyperparameters, which
/// the macro on the struct declares as `<Name>Fields`; or a `Result` of either.
#[diagnostic::on_unimplemented(
    message = "`fn init` must return the module or its fields, found `{Self}`",
    label = "expected `Self`, `{M}Fields`, or a `Result` of one of them",
    note = "`#[lightning_module]` on the struct declares `{M}Fields`, which has all fields of `{M}` but the \
            hyperparameters",
    note = "C4 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait InitOutput<M: LightningStruct>: Sized {
    /// What `new` returns.
    type Built: BuiltModule<M>;

    /// Adds the hyperparameters, if they are missing.
    #[doc(hidden)]
    fn built(self, hparams: M::Hparams) -> Self::Built;
}

impl<M: LightningStruct> InitOutput<M> for M {
    type Built = M;

    fn built(self, _hparams: M::Hparams) -> M {
        self
    }
}

impl<M: LightningStruct, E: Into<Error>> InitOutput<M> for std::result::Result<M, E> {
    type Built = Self;

    fn built(self, _hparams: M::Hparams) -> Self {
        self
    }
}

/// What `new_on` of a module does: builds it, and draws its weights from the seed.
#[doc(hidden)]
pub fn build_module<M: InitModule>(hparams: M::Hparams, device: &Device) -> M::Built {
    let init = || M::init_module(hparams, device);
    building(device, init, |built, draws| {
        built.adjusted(|module: &mut M| {
            if draws {
                materialize(module);
            }
            module.__lightning_freeze();
        })
    })
}

/// A module with at least one optimizer, from `#[optimizer(…)]` or `configure_optimizers`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` needs an optimizer to be trained",
    label = "no optimizer is declared on this module",
    note = "write `#[optimizer(AdamConfig::new(), lr = 1e-3)]` below `#[lightning_module]` on \
            the struct, or `fn configure_optimizers(&self, cx: &FitContext) -> \
            Result<Vec<OptimizerSetup>>` in the impl",
    note = "C5 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait ConfigureOptimizers: LightningStruct {
    /// The names of the declared optimizers, in order; empty with `configure_optimizers`.
    const OPTIMIZERS: &'static [&'static str];

    /// Creates the optimizers, once at the start of `fit`.
    fn configure_optimizers(&self, cx: &FitContext) -> Result<Vec<OptimizerSetup>>;

    /// Requires a training step for each named optimizer. It is never called.
    #[doc(hidden)]
    fn __lightning_trained() {}
}

/// The impl of a lightning module. Implemented by `#[lightning_module]` on the impl.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a lightning module",
    label = "no `#[lightning_module] impl` for this type",
    note = "write `#[lightning_module]` on the struct and on the impl with the steps",
    note = "C17 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait LightningImpl: Sized + 'static {
    /// The batch of `training_step`; `NoBatch` without the step.
    type TrainBatch: StepBatch;
    /// The batch of `validation_step`; `NoBatch` without the step.
    type ValBatch: StepBatch;
    /// The batch of `test_step`; `NoBatch` without the step.
    type TestBatch: StepBatch;
    /// The batch of `predict_step`; `NoBatch` without the step.
    type PredictBatch: StepBatch;

    /// The metrics logged with `#[log]`, by slot.
    const METRICS: &'static [MetricDef] = &[];

    /// The way in which a batch is trained on.
    #[doc(hidden)]
    const TRAINING: TrainingMode = TrainingMode::Plain;

    /// Requires the optimizers that steps are bound to. It is never called.
    #[doc(hidden)]
    fn __lightning_bound() {}

    /// The hooks that the module implements.
    const HOOKS: HookSet = HookSet::EMPTY;

    /// The steps that the module implements.
    const STEPS: StepSet = StepSet::EMPTY
        .with_if(Step::Training, Self::TrainBatch::PRESENT)
        .with_if(Step::Validation, Self::ValBatch::PRESENT)
        .with_if(Step::Test, Self::TestBatch::PRESENT)
        .with_if(Step::Predict, Self::PredictBatch::PRESENT);

    /// The hooks that take the batch.
    #[doc(hidden)]
    const BATCH_HOOKS: HookSet = HookSet::EMPTY;

    /// Requires `#[lightning_module]` on the struct, so that its absence is reported once.
    #[doc(hidden)]
    const __LIGHTNING_DECLARED: ();

    /// The return type of `trainer()`. As an associated type it prevents that a missing impl is
    /// reported again for each use of the trainer.
    #[doc(hidden)]
    type Builder: StartsTrainer;

    /// Whether the module has a `forward` that can be called with values.
    #[doc(hidden)]
    const FORWARD: bool = false;

    /// Runs `forward` on the parts of an example.
    #[doc(hidden)]
    fn forward_step(&self, example: &BatchReader<'_>, results: &mut BatchWriter) -> Result<()> {
        let _ = (example, results);
        Ok(())
    }

    /// The step that is exported unless another is named: `predict_step` or `forward`; empty without
    /// either.
    #[doc(hidden)]
    const EXPORTED: &'static str = if Self::FORWARD { "forward" } else { "" };

    /// Runs that step on the parts of an example.
    #[doc(hidden)]
    fn exported_step(&self, example: &BatchReader<'_>, results: &mut BatchWriter) -> Result<()> {
        self.forward_step(example, results)
    }

    /// Runs `on_save_checkpoint`.
    #[doc(hidden)]
    fn save_user_state(&mut self, state: &mut StateWriter) -> Result<()> {
        let _ = state;
        Ok(())
    }

    /// Runs `on_load_checkpoint`.
    #[doc(hidden)]
    fn load_user_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        let _ = state;
        Ok(())
    }

    /// Runs a hook.
    #[doc(hidden)]
    fn run_hook(&mut self, hook: Hook, cx: &mut HookContext<'_>) -> Result<()> {
        let _ = (hook, cx);
        Ok(())
    }
}

/// A module that declares an optimizer. `NAME` is a hash of its name. Implemented on the struct.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "unknown optimizer of `{Self}`",
    label = "no `#[optimizer(…)]` of `{Self}` has this name",
    note = "an optimizer has the name of the field with `#[optimizer(…)]`, or its `name = …`",
    note = "C12 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait DeclaresOptimizer<const NAME: u64> {}

/// A module with a training step for an optimizer. `NAME` is a hash of its name. Implemented by the
/// macro on the impl.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the optimizer needs a training step",
    label = "declared, but never stepped",
    note = "write `#[training_step(optimizer = …)]` on a step for each optimizer, or one plain `training_step` for all",
    note = "C12 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait TrainsOptimizer<const NAME: u64> {}

/// The ways in which a module can be optimized, for the settings that only automatic optimization
/// has.
///
/// A method of the trainer's builder infers `Kind`, which is [`Automatic`] for a generic module. A
/// module with `#[manual_optimization]` implements the trait a second time, so that the method is
/// ambiguous: a bound would ask for itself in every function over `M: LightningModule`. Both kinds
/// are integers: where generated code gives a literal, an ambiguous kind becomes `i32`, which is
/// neither, and the message below is reported.
#[diagnostic::on_unimplemented(
    message = "`frequency` has no effect with `#[manual_optimization]`",
    label = "`{Self}` steps its schedules itself",
    note = "remove `frequency`, and call `optimizers.scheduler(KEY)?.step()` as often as the schedule takes a step"
)]
pub trait OptimizationOf<Kind> {}

/// The kind of [`OptimizationOf`] that every module has.
pub type Automatic = u64;

/// The kind of [`OptimizationOf`] of a module with `#[manual_optimization]`.
pub type Manual = i8;

#[diagnostic::do_not_recommend]
impl<M> OptimizationOf<Automatic> for M {}

/// The return type of `Net::trainer()`.
#[doc(hidden)]
pub trait StartsTrainer {
    /// Returns a builder with default settings.
    fn start() -> Self;
}

/// Returns the name of a step or hook of `M` for messages.
pub(crate) fn hook_label<M: LightningStruct>(hook: &str) -> String {
    format!("{}::{hook}", M::NAME)
}
