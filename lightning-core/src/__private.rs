//! The items that generated code names. Not part of the public interface: they change without
//! notice.

pub use std::{
    assert,
    clone::Clone,
    convert::{AsRef, Into},
    default::Default,
    iter::Iterator,
    option::Option,
    path::Path,
    vec,
    vec::Vec,
};

pub use burn::{
    module::{Module, ModuleDisplay},
    tensor::{Device, FloatDType, TensorData},
};
pub use lightning_macros::without_bounds;
pub use serde::{self, Deserialize, Serialize};

#[cfg(feature = "cli")]
pub use crate::cli::{exit_code, include as config};
pub use crate::{
    __again as again, __assert_counted as assert_counted, __assert_not_result as assert_not_result,
    __assert_not_tensor as assert_not_tensor, __dims_of_call, __misplaced as misplaced,
    __misplaced_data_hooks as misplaced_data_hooks, __misplaced_hooks as misplaced_hooks,
    __module_methods as module_methods, __space as space,
};
pub use crate::{
    batch::{
        Batch, BatchLen, BatchReader, BatchWriter, Dim, Dims, FieldDims, HasDims, HostField, NoBatch, RefusesHost,
        SavesHost, StepBatch, WithStep, WithoutStep, dims_of_call, first_size,
    },
    data::{DataModule, DataParts, DataStruct, FromItems, Has, LoaderOutput, ModuleLoaders, NoLoader},
    error::{Error, Result},
    hooks::{Hook, HookSet, Step, StepSet},
    metrics::{LogValue, Maximize, MetricDef, MetricKey as Key, Minimize, N, Reduce, StageSet, Stages, Undirected, Y},
    module::{
        BoundStep, ConfigureOptimizers, DeclaresOptimizer, EpochOutputs, FallibleOutput, FieldDef, FitContext,
        FlowOutput, GivesOutput, HookContext as Cx, HookOutput, HparamFields, HparamFieldsOf, Hparams, InitModule,
        InitOutput, IntoTrainingOutput, LightningImpl, LightningModule, LightningStruct, Manual, ManualOutput,
        NoHparamFields, OptimizationOf, Optimizers, OutputOf, PredictStep, StepContext as StepCx, TestStep,
        TrainingMode, TrainingOutput, TrainingStep, TrainsOptimizer, ValidationStep, build_module,
        dims::bind_hparams,
        exported::{
            Exported, Exports, Parameter as StepParameter, RefusesExport, RefusesParameter, TakesPart, predicted,
        },
        generic::{
            DataField, DataParam, DeclaredModule, ModuleField, ModuleParam, assert_data_field, assert_data_param,
            assert_module_field, assert_module_param,
        },
        load_from_checkpoint,
        log::{log_per_stage, log_slot as log, log_weighted, log_weighted_per_stage},
        logged_metric,
        misplaced_hooks::{HookNames, ModuleOf, Probed, checks, data_checks, written},
        python_hints::{CurrentEpochField, DeviceField, GlobalStepField, LoggerField, PythonHints, TrainerField},
    },
    optim::{
        HasOptimizer, Interval, IntoOptimizers, OptimizerKey, OptimizerSetup, ParameterGroup, Schedule, WeightDecay,
        schedulers::{RateOf, Scheduled},
    },
    params::{Buffer, BufferMapper, BufferVisitor, FieldKey, StateReader, StateValue, StateWriter},
    precision::InF32,
    search::{
        DefaultSpace, IntoDistribution, Parameter, SearchSpace, Space, boolean, choice, int, log_uniform, uniform,
    },
    stage::Stage,
    trainer::{Trainer, TrainerBuilder},
};
#[cfg(feature = "cli")]
pub use lightning_macros::{include_config, include_hparams};

mod assertions;

pub use self::assertions::{BatchProbe, NotBatch, NotResult, NotTensor, ResultProbe, TensorProbe};

use std::ops::ControlFlow;

use crate::{
    metrics::LoggedValue,
    module::StartsTrainer,
    params::{DynMapper, MapMode},
};

/// Declared by `#[log(per_stage)]`, and logged in no stage.
pub type NNN = Stages<N, N, N>;
/// Logged in training.
pub type YNN = Stages<Y, N, N>;
/// Logged in validation.
pub type NYN = Stages<N, Y, N>;
/// Logged in testing.
pub type NNY = Stages<N, N, Y>;
/// Logged in training and validation.
pub type YYN = Stages<Y, Y, N>;
/// Logged in training and testing.
pub type YNY = Stages<Y, N, Y>;
/// Logged in validation and testing.
pub type NYY = Stages<N, Y, Y>;
/// Logged in training, validation and testing.
pub type YYY = Stages<Y, Y, Y>;

/// Returns the key of the metric with a slot.
pub const fn key<M: LightningImpl, D, S>(slot: usize) -> Key<M, D, S> {
    Key::new(&M::METRICS[slot])
}

/// The key, which must be one of `M`.
pub const fn own_key<M, D, S>(key: Key<M, D, S>) -> Key<M, D, S> {
    key
}

/// Converts what a `training_step` returned.
pub fn training_output<T: IntoTrainingOutput>(output: T) -> Result<Option<TrainingOutput>> {
    output.into_training_output()
}

/// Converts what a `training_step` with `#[manual_optimization]` returned.
pub fn manual_output<T: ManualOutput>(output: T) -> Result<Option<TrainingOutput>> {
    output.into_manual_output()
}

/// The argument of a hook, for a parameter of type `Written`.
#[diagnostic::on_unimplemented(
    message = "the parameter must be `{Self}`, found `{Written}`",
    label = "expected `{Self}`",
    note = "the parameters of steps and hooks are recognized by name, and each name has one type",
    note = "C3 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait Argument<Written> {
    /// Converts the argument.
    fn written(self) -> Written;
}

#[diagnostic::do_not_recommend]
impl<T> Argument<T> for T {
    fn written(self) -> T {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<'a, T> Argument<&'a T> for &'a mut T {
    fn written(self) -> &'a T {
        self
    }
}

/// Converts the argument of a hook to the type of its parameter.
pub fn arg<Written>(given: impl Argument<Written>) -> Written {
    given.written()
}

/// Returns the name of a field of a batch in a file.
pub fn part(name: &str, field: &str) -> String {
    format!("{name}.{field}")
}

/// The result of a hook.
pub type Outcome = Result<()>;

/// The result of `configure_optimizers`.
pub type Setups = Result<Vec<OptimizerSetup>>;

/// Returns the optimizers that `#[optimizer(…)]` declares.
pub fn setups<const N: usize>(setups: [OptimizerSetup; N]) -> Setups {
    Ok(setups.into())
}

/// Returns the key of the optimizer with a name.
pub const fn optimizer_key<M>(name: &'static str) -> OptimizerKey<M> {
    OptimizerKey::new(name)
}

/// Converts what `configure_optimizers` returned.
pub fn optimizers<T: IntoOptimizers>(optimizers: T) -> Result<Vec<OptimizerSetup>> {
    optimizers.into_optimizers()
}

/// Requires a training step for an optimizer.
pub fn trained<M: TrainsOptimizer<NAME>, const NAME: u64>() {}

/// Requires a module whose schedules the trainer steps. `kind` is a literal.
pub fn stepped_by_the_trainer<M: OptimizationOf<Kind>, Kind>(_kind: Kind) {}

/// Requires an optimizer with a name.
pub fn bound<M: DeclaresOptimizer<NAME>, const NAME: u64>() {}

/// Converts what a `training_step` returned, for a module whose `on_train_batch_end` takes an `O`.
pub fn training_output_of<O, T: IntoTrainingOutput + GivesOutput<O>>(output: T) -> Result<Option<TrainingOutput>> {
    output.into_training_output()
}

/// As [`training_output_of`], with `#[manual_optimization]`.
pub fn manual_output_of<O, T: ManualOutput + GivesOutput<O>>(output: T) -> Result<Option<TrainingOutput>> {
    output.into_manual_output()
}

/// The return value of an evaluation step. A `Result` is recognized under any name, since inherent
/// methods take precedence over those of traits.
#[derive(Debug)]
pub struct Evaluated<T>(pub T);

impl<T, E> Evaluated<std::result::Result<T, E>> {
    /// Returns the `Result`.
    pub fn given(self) -> std::result::Result<T, E> {
        self.0
    }
}

/// The conversion of a value that is not a `Result`.
pub trait PlainOutput<T> {
    /// Returns the value.
    fn given(self) -> Result<T>;
}

impl<T> PlainOutput<T> for Evaluated<T> {
    fn given(self) -> Result<T> {
        Ok(self.0)
    }
}

/// Converts the return value of a `validation_step` or `test_step` without an output.
pub fn no_output((): ()) -> Result<()> {
    Ok(())
}

/// Drops the output of a `validation_step` or `test_step`, and returns its error.
pub fn evaluation_output<T: Send, E: Into<Error>>(output: std::result::Result<T, E>) -> Result<()> {
    output.map(drop).map_err(Into::into)
}

/// Stores the output of a `validation_step` or `test_step` for the hook that takes `O`.
pub fn kept_output<O, T: OutputOf<O>, E: Into<Error>>(
    cx: &StepCx<'_>,
    output: std::result::Result<T, E>,
) -> Result<()> {
    cx.kept.replace(Some(Box::new(output.map_err(Into::into)?)));
    Ok(())
}

/// Takes the outputs of the steps of an evaluation.
pub fn epoch_outputs<O: EpochOutputs>(cx: &mut Cx<'_>) -> Result<O> {
    O::take(std::mem::take(&mut cx.outputs_mut().evaluation))
}

/// Runs a hook with the output of the training step. Without an output the hook is not run.
pub fn with_outputs<O: 'static, T: HookOutput>(cx: &mut Cx<'_>, hook: impl FnOnce(&O, &mut Cx<'_>) -> T) -> Result<()> {
    let Some(output) = cx.outputs_mut().training.take() else { return Ok(()) };
    let result = match output.downcast_ref() {
        Some(outputs) => hook(outputs, cx).into_hook_output(),
        None => Ok(()),
    };
    cx.outputs_mut().training = Some(output);
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

/// Requires `#[lightning_module]` on the struct of a module.
pub const fn declared<M: LightningStruct>() {}

/// Requires a way to build a module.
pub fn built<M: InitModule>() {}

/// Returns the parts that the struct of a data module declares.
pub fn data_declared<D: DataStruct>() -> DataParts<D> {
    DataParts::of_struct()
}

/// Freezes the module of a `#[frozen]` field: no gradients, and evaluation form.
pub fn frozen<M: Module>(module: M) -> M {
    module.freeze()
}

/// Freezes a field in place.
pub fn freeze_field<M: Module>(field: &mut M) {
    *field = frozen(field.clone());
}

/// Freezes or unfreezes everything below a field of a module.
pub fn set_trainable<M: Module, O>(module: M, field: FieldKey<M, O>, on: bool) -> M {
    module.map(&mut DynMapper::new(MapMode::Trainable { below: field.name(), on }))
}

/// Starts the builder that `Net::trainer()` returns.
pub fn trainer_of<M: LightningImpl>() -> M::Builder {
    M::Builder::start()
}

/// What the spaces of all modules have in common: [`SearchSpace`], `new` with the declared values, and
/// `hparams`. The variable of `new` has the name `$space`, by which `$defaults` name it.
#[doc(hidden)]
#[macro_export]
macro_rules! __space {
    ($vis:vis $name:ident, $hparams:ident, $space:ident, [$($fields:tt)*], { $($defaults:tt)* }, { $($methods:tt)* }) => {
        impl $crate::__private::HparamFields for $hparams {
            const FIELDS: &'static [$crate::__private::FieldDef] = &[$($fields)*];
        }
        impl $crate::__private::DefaultSpace for $hparams {
            fn search_space() -> $crate::__private::Space<Self> {
                $crate::__private::SearchSpace::into_space($name::new())
            }
        }
        impl $name {
            /// What the attributes `#[hparam(search = …)]` say; the other hyperparameters keep their
            /// defaults.
            $vis fn new() -> Self {
                let $space = Self($crate::__private::Space::new());
                $($defaults)*
                $space
            }
            /// Sets the hyperparameters that are not searched, in place of their defaults.
            $vis fn hparams(self, hparams: $hparams) -> Self {
                Self(self.0.base(hparams))
            }
            $($methods)*
        }
        impl $crate::__private::SearchSpace for $name {
            type Hparams = $hparams;
            fn into_space(self) -> $crate::__private::Space<$hparams> {
                self.0
            }
        }
        impl $crate::__private::IntoDistribution<$hparams> for $name {
            fn into_parameters(self) -> $crate::__private::Vec<$crate::__private::Parameter> {
                $crate::__private::IntoDistribution::into_parameters(self.0)
            }
        }
    };
}

/// The functions that every module has. They depend only on the name and the generics of the
/// struct.
#[doc(hidden)]
#[macro_export]
macro_rules! __module_methods {
    ($name:ident, [$($generics:tt)*], [$($this:tt)*], [$($bounds:tt)*] $(, $empty:ident)?) => {
        // A module without hyperparameters has no struct of its space.
        $(
            impl $crate::__private::DefaultSpace for $empty {
                fn search_space() -> $crate::__private::Space<Self> {
                    $crate::__private::Space::new()
                }
            }
        )?
        impl $($generics)* $($this)* $($bounds)* {
            #[doc = ::core::concat!("Builds a `", ::core::stringify!($name), "` on the default device.")]
            #[must_use]
            pub fn new(
                hparams: <Self as $crate::__private::LightningStruct>::Hparams,
            ) -> <Self as $crate::__private::InitModule>::Built
            where
                for<'lightning> Self: $crate::__private::InitModule,
            {
                Self::new_on(hparams, &$crate::__private::Device::default())
            }
            #[doc = ::core::concat!("Builds a `", ::core::stringify!($name), "` on the device.")]
            #[must_use]
            pub fn new_on(
                hparams: <Self as $crate::__private::LightningStruct>::Hparams,
                device: &$crate::__private::Device,
            ) -> <Self as $crate::__private::InitModule>::Built
            where
                for<'lightning> Self: $crate::__private::InitModule,
            {
                $crate::__private::build_module::<Self>(hparams, device)
            }
            #[doc = ::core::concat!("Configures a trainer for `", ::core::stringify!($name), "`.")]
            pub fn trainer() -> <Self as $crate::__private::LightningImpl>::Builder
            where
                for<'lightning> Self: $crate::__private::LightningImpl,
            {
                $crate::__private::trainer_of::<Self>()
            }
            /// Returns the current values of the hyperparameters.
            pub fn hparams(&self) -> <Self as $crate::__private::LightningStruct>::Hparams {
                <Self as $crate::__private::LightningStruct>::hparams(self)
            }
            /// Returns the module with a field frozen. For a `&mut` module,
            /// `LightningModule::freeze` works in place.
            #[must_use = "for an owned module it returns the frozen module: write `model = model.freeze(…)`"]
            pub fn freeze<O>(self, field: $crate::__private::FieldKey<Self, O>) -> Self {
                $crate::__private::set_trainable(self, field, false)
            }
            /// Returns the module with a field unfrozen. For a `&mut` module,
            /// `LightningModule::unfreeze` works in place.
            #[must_use = "for an owned module it returns the unfrozen module: write `model = model.unfreeze(…)`"]
            pub fn unfreeze<O>(self, field: $crate::__private::FieldKey<Self, O>) -> Self {
                $crate::__private::set_trainable(self, field, true)
            }
            /// Builds the module from the hyperparameters of a checkpoint, and restores its weights
            /// and state.
            ///
            /// # Errors
            /// If the file cannot be read, or is of another module.
            pub fn load_from_checkpoint(
                path: impl $crate::__private::AsRef<$crate::__private::Path>,
            ) -> $crate::__private::Result<Self>
            where
                for<'lightning> Self: $crate::__private::InitModule + $crate::__private::LightningModule,
            {
                $crate::__private::load_from_checkpoint::<Self>(path.as_ref())
            }
        }
    };
}

/// Copies a batch, if its type is `Clone`.
pub type Again<B> = fn(&B) -> Option<B>;

/// A batch that is used again after a step took it: by a hook, or by the next step.
#[diagnostic::on_unimplemented(
    message = "a batch that is used after a step must be `Clone`, found `{Self}`",
    label = "the step before takes the batch",
    note = "write `#[derive(Clone)]` on `{Self}`; a hook can also do without its parameter `batch`"
)]
pub trait KeptBatch: Sized {
    /// Returns a copy.
    fn kept(&self) -> Self;
}

#[diagnostic::do_not_recommend]
impl<B: StepBatch + Clone> KeptBatch for B {
    fn kept(&self) -> Self {
        self.clone()
    }
}

/// Copies a batch for its next use.
pub fn kept_batch<B: KeptBatch>(batch: &B) -> Option<B> {
    Some(batch.kept())
}

/// A weight of a logged value.
#[diagnostic::on_unimplemented(
    message = "`batch_size` must be one number, found `{Self}`",
    label = "expected one number",
    note = "write the number of samples, such as `batch_size = images.dims()[0]`"
)]
pub trait LogWeight: LogValue {}

#[diagnostic::do_not_recommend]
impl<T: LogValue> LogWeight for T {}

/// Converts the weight of a logged value.
pub fn log_weight<W: LogWeight>(weight: W) -> LoggedValue {
    weight.to_logged()
}

/// A batch that may be needed twice. The inherent method, for a type that is `Clone`, takes
/// precedence over that of the trait.
#[derive(Debug)]
pub struct Wanted<'a, B>(pub &'a B);

impl<B: Clone> Wanted<'_, B> {
    /// Returns a copy of the batch.
    pub fn again(&self) -> Option<B> {
        Some(self.0.clone())
    }
}

/// The method for a batch that is not `Clone`.
pub trait Once<B> {
    /// Returns `None`.
    fn again(&self) -> Option<B> {
        None
    }
}

impl<B> Once<B> for Wanted<'_, B> {}

/// The function [`Again`] for the expected batch type.
#[doc(hidden)]
#[macro_export]
macro_rules! __again {
    () => {
        |batch| {
            #[allow(unused_imports, reason = "a batch that is `Clone` has the method itself")]
            use $crate::__private::Once as _;
            $crate::__private::Wanted(batch).again()
        }
    };
}
