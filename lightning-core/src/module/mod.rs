//! The interface to the user's module: the traits behind `#[lightning_module]`, the contexts of
//! steps and hooks, manual optimization, and files of weights.

pub(crate) mod context;
mod def;
pub(crate) mod dims;
pub(crate) mod erased;
pub(crate) mod exported;
mod fit_context;
pub(crate) mod generic;
mod lightning_module;
pub(crate) mod log;
mod loss;
pub(crate) mod metric_slot;
pub(crate) mod misplaced_hooks;
mod onnx;
mod optimizers;
mod outputs;
pub(crate) mod python_hints;
mod recorded;
mod restore;
mod run_view;
mod step_context;
mod steps;
mod summary;
mod traits;
mod weights;

pub use self::{
    context::HookContext,
    def::{FieldDef, FieldRole},
    fit_context::FitContext,
    lightning_module::LightningModule,
    log::{log, log_dict, log_with},
    loss::{Loss, LossWeight},
    onnx::{Onnx, OnnxOutput, OnnxSample},
    optimizers::{LossGradients, ManualSchedule, Optimizers},
    outputs::{
        EpochOutputs, FallibleOutput, FlowOutput, GivesOutput, HookOutput, IntoTrainingOutput, ManualOutput, OutputOf,
    },
    run_view::RunView,
    step_context::StepContext,
    steps::{PredictStep, TestStep, TrainingStep, ValidationStep},
    summary::{LayerSummary, Summary},
    traits::{BuiltModule, ConfigureOptimizers, Hparams, InitModule, InitOutput, LightningImpl, LightningStruct},
    weights::{Weights, WeightsReport},
};
pub(crate) use self::{
    def::ModuleInfo,
    optimizers::ManualEngine,
    recorded::record_forward,
    restore::{apply, apply_for_training, hparams_value},
    traits::hook_label,
};
#[doc(hidden)]
pub use self::{
    def::{BoundStep, HparamFields, HparamFieldsOf, NoHparamFields, TrainingMode},
    metric_slot::{MetricSlot, logged_metric},
    outputs::TrainingOutput,
    restore::load_from_checkpoint,
    traits::{Automatic, DeclaresOptimizer, Manual, OptimizationOf, StartsTrainer, TrainsOptimizer, build_module},
};
pub use crate::{metrics::LogValue, params::FieldKey};
