//! The training loop behind `#[lightning_module]`: a Lightning-style trainer for [Burn](https://burn.dev).

// Generated code names this crate; inside its own tests and documentation it does so too.
extern crate self as lightning_core;

#[doc(hidden)]
pub mod __private;
mod batch;
pub mod callbacks;
pub mod checkpoint;
mod config;
mod context;
pub mod data;
mod driver;
mod engine;
pub mod error;
mod files;
pub mod functional;
mod guard;
mod hooks;
pub mod loggers;
mod metrics;
mod module;
mod optim;
mod owned;
mod params;
mod plan;
mod progress;
mod random;
mod rank;
#[doc(hidden)]
pub mod readback;
mod report;
mod run;
mod stage;
mod state;
mod summary;
mod table;
pub mod testing;
mod trainer;

pub use batch::{Batch, BatchLen, NoBatch};
pub use callbacks::{Callback, CallbackContext, CallbackOrder, EarlyStopping, ModelCheckpoint};
pub use config::{Accelerator, IntoAccelerator, Limit, ReadBack};
pub use context::{HookContext, LogValue, StepContext, log, log_dict};
pub use data::{DataLoader, DataModule, from_loader, random_split};
pub use error::{Error, ErrorKind, Location, Result};
pub use hooks::{Hook, HookSet, Step, StepSet};
pub use lightning_macros::{Batch, data_module, lightning_module};
pub use loggers::{CsvLogger, Logger};
pub use metrics::{
    AnyStage, Directed, Direction, InFit, InTest, InTraining, InValidation, Maximize, MetricDef, MetricKey, Metrics,
    Minimize, N, Reduce, StageSet, Stages, Undirected, Y,
};
pub use module::{
    ConfigureOptimizers, EvaluationOutput, FallibleOutput, FieldDef, FieldKey, FieldRole, FitContext, HookOutput,
    HparamDef, Hparams, InitModule, IntoTrainingOutput, LightningModule, LightningStruct, Loss, PredictStep, TestStep,
    TrainingStep, ValidationStep,
};
pub use optim::{IntoLearningRate, IntoOptimizer, OptimizerKind, OptimizerSetup};
pub use params::{Buffer, BufferMapper, BufferVisitor, copy_of};
pub use plan::Plan;
pub use random::{Rng, global_seed, seed_everything};
pub use report::{EvalReport, FitReport, StopReason};
pub use stage::Stage;
pub use state::{StateReader, StateWriter};
pub use trainer::{Trainer, TrainerBuilder};

/// What a program with `#[lightning_module]` needs: `use lightning_core::prelude::*;`.
pub mod prelude {
    #[doc(no_inline)]
    pub use crate::{
        Accelerator, Batch, Callback, CallbackContext, CsvLogger, DataLoader, EarlyStopping, FitContext, HookContext,
        Limit, Loss, MetricKey, ModelCheckpoint, Result, Stage, StepContext, Trainer, copy_of, data_module,
        from_loader,
        functional::{accuracy, bce_with_logits, cross_entropy, huber, kl_div, l1_loss, mse_loss, nll_loss},
        lightning_module, log, log_dict, random_split, seed_everything,
    };
}
