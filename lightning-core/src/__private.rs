//! Everything that generated code may name. Not part of the public interface: it changes without notice.

pub use std::{
    assert, clone::Clone, convert::AsRef, default::Default, iter::Iterator, option::Option, path::Path, vec, vec::Vec,
};

pub use burn::{
    module::Module,
    tensor::{Device, FloatDType, TensorData},
};
pub use serde;

pub use crate::{__again as again, __assert_not_tensor as assert_not_tensor};
pub use crate::{
    batch::{Batch, BatchLen, NoBatch, first_size},
    checkpoint::load_from_checkpoint,
    context::{HookContext, StepContext, log_per_stage, log_slot as log, log_weighted},
    data::{DataModule, DataParts, DataStruct, FromItems, Has, LoaderOutput, ModuleLoaders, NoLoader},
    error::{Error, Result},
    hooks::{Hook, HookSet, Step, StepSet},
    metrics::{Maximize, MetricDef, MetricKey, Minimize, N, Reduce, StageSet, Stages, Undirected, Y},
    module::{
        BoundStep, ConfigureOptimizers, DeclaresOptimizer, FieldDef, FieldKey, FitContext, HparamDef, Hparams,
        InitModule, LightningImpl, LightningModule, LightningStruct, PredictStep, TestStep, TrainingMode,
        TrainingOutput, TrainingStep, TrainsOptimizer, ValidationStep,
    },
    module::{
        EpochOutputs, FallibleOutput, FlowOutput, GivesOutput, HookOutput, IntoTrainingOutput, ManualOutput, OutputOf,
    },
    optim::{
        HasOptimizer, Interval, IntoOptimizers, OptimizerKey, OptimizerSetup, Optimizers, ParameterGroup, Schedule,
        WeightDecay,
    },
    params::{Buffer, BufferMapper, BufferVisitor},
    random::seed_init,
    stage::Stage,
    state::{StateReader, StateWriter},
    trainer::{Trainer, TrainerBuilder},
};

use std::ops::ControlFlow;

use crate::params::{DynMapper, MapMode};

/// Converts what a `training_step` returned.
pub fn training_output<T: IntoTrainingOutput>(output: T) -> Result<Option<TrainingOutput>> {
    output.into_training_output()
}

/// Converts what a `training_step` with `#[manual_optimization]` returned.
pub fn manual_output<T: ManualOutput>(output: T) -> Result<Option<TrainingOutput>> {
    output.into_manual_output()
}

/// Converts what `configure_optimizers` returned.
pub fn optimizers<T: IntoOptimizers>(optimizers: T) -> Result<Vec<OptimizerSetup>> {
    optimizers.into_optimizers()
}

/// Asks for a training step of the optimizer.
pub fn trained<M: TrainsOptimizer<NAME>, const NAME: u64>() {}

/// Asks for an optimizer of the name.
pub fn bound<M: DeclaresOptimizer<NAME>, const NAME: u64>() {}

/// Converts what a `training_step` returned, for a module whose `on_train_batch_end` takes an `O`.
pub fn training_output_of<O, T: IntoTrainingOutput + GivesOutput<O>>(output: T) -> Result<Option<TrainingOutput>> {
    output.into_training_output()
}

/// As [`training_output_of`], with `#[manual_optimization]`.
pub fn manual_output_of<O, T: ManualOutput + GivesOutput<O>>(output: T) -> Result<Option<TrainingOutput>> {
    output.into_manual_output()
}

/// What an evaluation step returned: a `Result` under any name is taken as one, since an inherent method wins over a trait's.
#[derive(Debug)]
pub struct Evaluated<T>(pub T);

impl<T, E> Evaluated<std::result::Result<T, E>> {
    /// The `Result` itself.
    pub fn given(self) -> std::result::Result<T, E> {
        self.0
    }
}

/// The answer for everything that is no `Result`.
pub trait PlainOutput<T> {
    /// The value.
    fn given(self) -> Result<T>;
}

impl<T> PlainOutput<T> for Evaluated<T> {
    fn given(self) -> Result<T> {
        Ok(self.0)
    }
}

/// Drops what a `validation_step` or `test_step` returned, failures excepted.
pub fn evaluation_output<T: Send, E: Into<Error>>(output: std::result::Result<T, E>) -> Result<()> {
    output.map(drop).map_err(Into::into)
}

/// Keeps what a `validation_step` or `test_step` returned for the hook that takes `O`.
pub fn kept_output<O, T: OutputOf<O>, E: Into<Error>>(
    cx: &StepContext<'_>,
    output: std::result::Result<T, E>,
) -> Result<()> {
    cx.kept.replace(Some(Box::new(output.map_err(Into::into)?)));
    Ok(())
}

/// What the steps of an evaluation returned.
pub fn epoch_outputs<O: EpochOutputs>(cx: &mut HookContext<'_>) -> Result<O> {
    O::take(std::mem::take(&mut cx.run.kept))
}

/// Runs a hook on what the training step handed on; where there is no such thing the hook is left out.
pub fn with_outputs<O: 'static, T: HookOutput>(
    cx: &mut HookContext<'_>,
    hook: impl FnOnce(&O, &mut HookContext<'_>) -> T,
) -> Result<()> {
    let Some(output) = cx.run.output.take() else { return Ok(()) };
    let result = match output.downcast_ref() {
        Some(outputs) => hook(outputs, cx).into_hook_output(),
        None => Ok(()),
    };
    cx.run.output = Some(output);
    result
}

/// Converts what `on_train_batch_start` returned.
pub fn flow_output<T: FlowOutput>(output: T) -> Result<ControlFlow<()>> {
    output.into_flow()
}

/// Converts what a hook returned.
pub fn hook_output<T: HookOutput>(output: T) -> Result<()> {
    output.into_hook_output()
}

/// Asks for the struct's half of a module.
pub fn declared<M: LightningStruct>() {}

/// Asks for a way to build a module.
pub fn built<M: InitModule>() {}

/// The struct's half of a data module.
pub fn data_declared<D: DataStruct>() -> DataParts<D> {
    DataParts::of_struct()
}

/// The module of a `#[frozen]` field: no gradient, evaluation behaviour.
pub fn frozen<M: Module>(module: M) -> M {
    module.freeze()
}

/// What `freeze` and `unfreeze` of a module do: everything below the field.
pub fn set_trainable<M: Module, O>(module: &mut M, field: FieldKey<M, O>, on: bool) {
    let changed = module.clone().map(&mut DynMapper::new(MapMode::Trainable { below: field.name(), on }));
    *module = changed;
}

/// A batch that may be wanted twice: an inherent method, for what is `Clone`, wins over a trait's.
#[derive(Debug)]
pub struct Again<'a, B>(pub &'a B);

impl<B: Clone> Again<'_, B> {
    /// The batch once more.
    pub fn again(&self) -> Option<B> {
        Some(self.0.clone())
    }
}

/// The answer for a batch that is not `Clone`.
pub trait Once<B> {
    /// Nothing.
    fn again(&self) -> Option<B> {
        None
    }
}

impl<B> Once<B> for Again<'_, B> {}

/// The batch once more, where its type is `Clone`.
#[doc(hidden)]
#[macro_export]
macro_rules! __again {
    ($batch:expr) => {{
        #[allow(unused_imports, reason = "a batch that is `Clone` has the method itself")]
        use $crate::__private::Once as _;
        $crate::__private::Again($batch).again()
    }};
}

/// Says at compile time whether a type is a bare tensor, without judging it by its name: an inherent constant wins over
/// a trait's.
#[derive(Debug)]
pub struct TensorProbe<T>(std::marker::PhantomData<T>);

impl<const D: usize, K> TensorProbe<burn::tensor::Tensor<D, K>>
where
    K: burn::tensor::kind::Basic,
{
    /// A bare tensor.
    pub const IS_TENSOR: bool = true;
}

/// The answer for everything that is no bare tensor.
pub trait NotTensor {
    /// No tensor.
    const IS_TENSOR: bool = false;
}

impl<T> NotTensor for TensorProbe<T> {}

/// A module field must not be a bare tensor.
#[doc(hidden)]
#[macro_export]
macro_rules! __assert_not_tensor {
    ($ty:ty, $field:literal) => {{
        #[allow(unused_imports, reason = "a tensor has the constant itself")]
        use $crate::__private::NotTensor as _;
        ::core::assert!(
            !<$crate::__private::TensorProbe<$ty>>::IS_TENSOR,
            ::core::concat!(
                "field `",
                $field,
                "` is a bare tensor, which is neither trained nor saved\n= help: write `#[buffer(expression)]` for a tensor that is kept, or use `Param<Tensor<D>>`"
            )
        );
    }};
}
