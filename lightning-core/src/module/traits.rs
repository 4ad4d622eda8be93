//! The traits of the struct's half and of the impl's half of a module.

use burn::{module::Module, tensor::Device};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    context::HookContext,
    def::{FieldDef, TrainingMode},
    fit_context::FitContext,
};
use crate::{
    batch::StepBatch,
    error::{Error, Result},
    hooks::{Hook, HookSet, Step, StepSet},
    metrics::MetricDef,
    optim::OptimizerSetup,
    params::{BufferMapper, BufferVisitor, StateReader, StateWriter, materialize},
    random::building,
};

/// The hyperparameters of a module or data module: plain serde data. What a command line or a configuration file needs to know of
/// each is in the module's [`FIELDS`](LightningStruct::FIELDS).
pub trait Hparams: Serialize + DeserializeOwned + Clone + std::fmt::Debug + 'static {}

impl<T: Serialize + DeserializeOwned + Clone + std::fmt::Debug + 'static> Hparams for T {}

/// The struct's half of a lightning module. Implemented by `#[lightning_module]` on the struct.
#[diagnostic::on_unimplemented(
    message = "the struct `{Self}` needs `#[lightning_module]`",
    label = "the struct has no `#[lightning_module]`",
    note = "write `#[lightning_module]` on `struct {Self}` and on its impl"
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

    /// Freezes the `#[frozen]` fields of a module that `fn init` has built.
    #[doc(hidden)]
    fn __lightning_freeze(&mut self) {}

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
    message = "`{Self}` needs `#[init(…)]` or `fn init`",
    label = "no `#[init(…)]` on a field and no `fn init` in the impl",
    note = "write `#[init(expr)]` on each module field, or `fn init(hparams: &…Hparams, device: \
            &Device) -> …Fields` in the `#[lightning_module]` impl"
)]
pub trait InitModule: LightningStruct {
    /// The module, or a `Result` of it.
    type Built: BuiltModule<Self>;

    /// Builds the module, whose weights are not drawn yet.
    fn init_module(hparams: Self::Hparams, device: &Device) -> Self::Built;
}

/// What `new` returns: the module, or a `Result` of it.
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
    label = "expected `Self`, `…Fields`, or a `Result` of one of them",
    note = "`#[lightning_module]` on `struct Net` declares `NetFields`, which has all fields of `Net` but the \
            hyperparameters"
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
    building(device, |draws| {
        M::init_module(hparams, device).adjusted(|module: &mut M| {
            module.__lightning_freeze();
            if draws {
                materialize(module);
            }
        })
    })
}

/// A module with at least one optimizer: declared by `#[optimizer(…)]`, or made by `configure_optimizers`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` needs an optimizer to be trained",
    label = "no optimizer is declared on this module",
    note = "write `#[optimizer(AdamConfig::new(), lr = 1e-3)]` below `#[lightning_module]` on \
            the struct, or `fn configure_optimizers(&self, cx: &FitContext) -> \
            Result<Vec<OptimizerSetup>>` in the impl"
)]
pub trait ConfigureOptimizers: LightningStruct {
    /// The names of the declared optimizers, in order; empty where `configure_optimizers` makes them.
    const OPTIMIZERS: &'static [&'static str];

    /// The optimizers, evaluated once at the start of `fit`.
    fn optimizer_setups(&self, cx: &FitContext) -> Result<Vec<OptimizerSetup>>;

    /// Asks for a training step of each named optimizer; it is never called.
    #[doc(hidden)]
    fn __lightning_trained() {}
}

/// The impl's half of a lightning module. Implemented by `#[lightning_module]` on the impl.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a lightning module",
    label = "no `#[lightning_module] impl` for this type",
    note = "write `#[lightning_module]` on the struct and on the impl with the steps"
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

    /// Asks that no other impl has a hook; it is never called.
    #[doc(hidden)]
    const __LIGHTNING_UNWRITTEN: fn() = || ();

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

/// The module declares an optimizer; `NAME` is a hash of its name. Implemented by the struct's half.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "unknown optimizer of `{Self}`",
    label = "not on a field or in an `#[optimizer(…)]` of `{Self}`",
    note = "an optimizer has the name of the field with `#[optimizer(…)]`, or its `name = …`"
)]
pub trait DeclaresOptimizer<const NAME: u64> {}

/// A training step of the module trains an optimizer; `NAME` is a hash of its name. Implemented by the impl's half.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the optimizer needs a training step",
    label = "declared, but never stepped",
    note = "write `#[training_step(optimizer = …)]` on a step for each optimizer, or one plain `training_step` for all"
)]
pub trait TrainsOptimizer<const NAME: u64> {}

/// What `Net::trainer()` gives.
#[doc(hidden)]
pub trait StartsTrainer {
    /// One with every setting at its default.
    fn start() -> Self;
}

/// The name of a step or hook of `M` in messages.
pub(crate) fn hook_label<M: LightningStruct>(hook: &str) -> String {
    format!("{}::{hook}", M::NAME)
}
