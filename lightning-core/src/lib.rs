//! A Lightning-style trainer for [Burn](https://burn.dev): a model is an annotated struct with a
//! `training_step`, and `#[lightning_module]` makes the trainer's wiring of it at compile time.
//!
//! ```
//! use burn::{nn::*, optim::AdamConfig, prelude::*};
//! use lightning_core::prelude::*;
//!
//! #[derive(Batch, Clone, Debug)]
//! pub struct Points {
//!     x: Tensor<2>, // [batch, 2]
//!     y: Tensor<2>, // [batch, 1]
//! }
//!
//! #[lightning_module]
//! #[optimizer(AdamConfig::new(), lr = lr)]
//! pub struct Line {
//!     #[init(LinearConfig::new(2, 1).init(device))]
//!     linear: Linear,
//!     #[hparam(default = 1e-2)]
//!     lr: f64,
//! }
//!
//! #[lightning_module]
//! impl Line {
//!     fn training_step(&self, batch: Points) -> Tensor<1> {
//!         #[log(minimize, prog_bar)]
//!         let train_loss = mse_loss(self.linear.forward(batch.x), batch.y);
//!         train_loss
//!     }
//!     fn test_step(&self, batch: Points) {
//!         #[log(minimize)]
//!         let test_loss = mse_loss(self.linear.forward(batch.x), batch.y);
//!     }
//! }
//!
//! fn main() -> lightning_core::Result<()> {
//!     seed_everything(42);
//!     let device = Device::default();
//!     let x = Tensor::<2>::from_data([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]], &device);
//!     let y = x.clone().sum_dim(1);
//!     let data = DataLoader::from_batches(vec![Points { x, y }; 50])?;
//!
//!     let mut model = Line::new(LineHparams::default());
//!     let mut trainer = Line::trainer().max_epochs(20).no_logger().enable_checkpointing(false).build()?;
//!     trainer.fit(&mut model, data.clone())?;
//!     let report = trainer.test(&mut model, data)?;
//!     assert!(report.get(Line::TEST_LOSS) < Some(0.01));
//!     Ok(())
//! }
//! ```
//!
//! | to | see |
//! |---|---|
//! | declare a model: fields, steps, hooks, `#[log]` | [`lightning_module`] |
//! | declare its data | [`data_module`], [`DataLoader`], [`Batch`](macro@Batch) |
//! | run it | [`Trainer`], [`TrainerBuilder`](trainer::TrainerBuilder), [`FitReport`] |
//! | measure it over an epoch | [`metrics`]: accuracy, F-beta, AUROC, perplexity, … |
//! | watch it | [`EarlyStopping`], [`ModelCheckpoint`], [`Callback`], [`callbacks`], [`loggers`], [`report`] |
//! | average its weights, thaw a backbone, prune | [`EmaWeightAveraging`](callbacks::EmaWeightAveraging), [`StochasticWeightAveraging`](callbacks::StochasticWeightAveraging), [`BackboneFinetuning`](callbacks::BackboneFinetuning), [`Pruning`](callbacks::Pruning) |
//! | let its learning rate change | [`schedulers`] |
//! | train on several devices or machines | [`distributed`] |
//! | compute losses in f32 | [`functional`] |
//! | penalize a gradient | [`grad`] |
//! | test a step without a trainer | [`testing::capture`] |
//! | understand what the compiler says | [`mistakes`] |

// Generated code names this crate; inside its own tests and documentation it does so too.
extern crate self as lightning_core;

#[doc(hidden)]
pub mod __private;
mod batch;
pub mod callbacks;
pub mod checkpoint;
#[cfg(feature = "cli")]
pub mod cli;
mod console;
pub mod data;
pub mod distributed;
mod engine;
pub mod error;
pub mod functional;
pub mod grad;
mod graph;
pub mod hooks;
pub mod loggers;
pub mod metrics;
// Pages of documentation, nothing else.
#[cfg(any(doc, doctest))]
pub mod mistakes;
pub mod module;
pub mod nn;
pub mod optim;
mod os;
#[cfg(any(feature = "mlflow", feature = "trackio", feature = "remote"))]
mod outbox;
pub mod params;
pub mod precision;
mod progress;
pub mod random;
pub mod remote;
pub mod report;
pub mod search;
pub mod settings;
mod stage;
mod strategy;
mod tensor;
pub mod testing;
mod text;
mod trace;
pub mod trainer;

pub use crate::module::FitContext;
pub use crate::module::LightningModule;
pub use crate::module::Loss;
pub use crate::params::copy_of;
pub use callbacks::{Callback, CallbackContext, EarlyStopping, ModelCheckpoint};
pub use checkpoint::Resume;
pub use data::{Batch, DataLoader, from_loader, random_split};
pub use error::{Error, ErrorKind, Result};
/// Makes a struct, or an enum whose variants hold batches, what a loader hands to a step.
///
/// ```
/// # use burn::prelude::*;
/// # use lightning_core::prelude::*;
/// #[derive(Batch, Clone, Debug)]
/// pub struct Pairs {
///     #[batch(size)]
///     source: Tensor<2, Int>,
///     target: Tensor<2, Int>,
///     #[batch(host)]
///     references: Vec<String>,
/// }
/// ```
///
/// Shapes are compared at the first batch of each loader:
///
/// ```
/// # use burn::prelude::*;
/// # use lightning_core::prelude::*;
/// #[derive(Batch, Clone, Debug)]
/// pub struct Digits {
///     #[dims(batch, 1, 28, 28)]
///     images: Tensor<4>,
///     #[dims(batch)]
///     targets: Tensor<1, Int>,
/// }
/// ```
#[doc(inline)]
pub use lightning_macros::Batch;
/// Makes a struct and its impl the data of a run.
///
/// ```
/// use burn::prelude::*;
/// use lightning_core::prelude::*;
///
/// #[data_module]
/// pub struct DigitsData {
///     #[hparam(default = 64)]
///     batch_size: usize,
///     #[state(skip)]
///     train: Vec<[f32; 64]>,
/// }
///
/// #[data_module]
/// impl DigitsData {
///     fn setup(&mut self, _stage: Stage) -> Result<()> {
///         self.train = vec![[0.5; 64]; 1000]; // read from somewhere
///         Ok(())
///     }
///     fn train_dataloader(&self) -> Result<DataLoader<Tensor<2>>> {
///         DataLoader::builder(self.train.clone()).batch_size(self.batch_size).shuffle(true).collate(images).build()
///     }
/// }
///
/// fn images(items: Vec<[f32; 64]>) -> Result<Tensor<2>> {
///     Ok(Tensor::from_data(TensorData::new(items.concat(), [items.len(), 64]), &Device::default()))
/// }
/// ```
#[doc(inline)]
pub use lightning_macros::data_module;
/// Makes a struct and its impl a module that a [`Trainer`] runs.
///
/// ```
/// use burn::{nn::*, optim::AdamConfig, prelude::*, tensor::activation::relu};
/// use lightning_core::prelude::*;
///
/// #[derive(Batch, Clone, Debug)]
/// pub struct DigitBatch {
///     images: Tensor<2>,
///     targets: Tensor<1, Int>,
/// }
///
/// #[lightning_module]
/// #[optimizer(AdamConfig::new(), lr = lr)]
/// pub struct Digits {
///     #[init(LinearConfig::new(64, hidden).init(device))]
///     fc1: Linear,
///     #[init(LinearConfig::new(hidden, 10).init(device))]
///     fc2: Linear,
///     #[hparam(default = 128)]
///     hidden: usize,
///     #[hparam(default = 1e-3)]
///     lr: f64,
/// }
///
/// #[lightning_module]
/// impl Digits {
///     fn training_step(&self, batch: DigitBatch) -> Tensor<1> {
///         let logits = self.fc2.forward(relu(self.fc1.forward(batch.images)));
///         #[log(minimize, prog_bar)]
///         let train_loss = cross_entropy(logits, batch.targets);
///         train_loss
///     }
/// }
/// ```
///
/// A stateful metric is logged with `metric =`:
///
/// ```
/// # use burn::{nn::*, optim::AdamConfig, prelude::*};
/// # use lightning_core::{metrics::{ConfusionMatrix, FBeta}, prelude::*};
/// # #[derive(Batch, Clone, Debug)]
/// # pub struct DigitBatch {
/// #     images: Tensor<2>,
/// #     targets: Tensor<1, Int>,
/// # }
/// # #[lightning_module]
/// # pub struct Digits {
/// #     #[init(LinearConfig::new(64, classes).init(device))]
/// #     layer: Linear,
/// #     #[hparam(default = 10)]
/// #     classes: usize,
/// # }
/// #[lightning_module]
/// impl Digits {
///     fn validation_step(&self, batch: DigitBatch) {
///         let logits = self.layer.forward(batch.images);
///         #[log(maximize, prog_bar, metric = FBeta::f1().num_classes(self.classes))]
///         let val_f1 = (&logits, &batch.targets);
///         #[log(metric = ConfusionMatrix::new())]
///         let val_confusion = (&logits, &batch.targets);
///     }
/// }
/// ```
///
/// A hook can be called every n-th time, and a method can declare shapes:
///
/// ```
/// # use burn::{nn::*, optim::AdamConfig, prelude::*};
/// # use lightning_core::prelude::*;
/// # #[lightning_module]
/// # #[optimizer(AdamConfig::new(), lr = 1e-3)]
/// # pub struct Digits {
/// #     #[init(LinearConfig::new(64, classes).init(device))]
/// #     layer: Linear,
/// #     #[hparam(default = 10)]
/// #     classes: usize,
/// # }
/// #[lightning_module]
/// impl Digits {
///     #[dims(-> batch, classes)]
///     fn forward(&self, #[dims(batch, 64)] images: Tensor<2>) -> Tensor<2> {
///         self.layer.forward(images)
///     }
///     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
///         self.forward(batch).square().mean()
///     }
///     #[every(100)]
///     fn on_train_batch_end(&mut self, cx: &mut HookContext) {
///         cx.print(format!("{} batches", cx.batch_step()));
///     }
///     #[once(1)]
///     fn on_train_epoch_end(&mut self, cx: &mut HookContext) {
///         cx.print("the first epoch is done");
///     }
/// }
/// ```
#[doc(inline)]
pub use lightning_macros::lightning_module;
pub use lightning_macros::optimizer;
#[cfg(feature = "csv")]
pub use loggers::CsvLogger;
pub use loggers::Logger;
pub use metrics::{MetricKey, Metrics};
pub use module::{HookContext, Optimizers, StepContext, Weights, log, log_dict, log_with};
pub use optim::{OptimizerSetup, TorchDefaults, schedulers};
pub use params::{StateReader, StateWriter};
pub use precision::Precision;
pub use random::{Rng, seed_everything};
pub use stage::Stage;
#[doc(hidden)]
pub use tensor::readback;
pub use trainer::{FitReport, Trainer};

/// The names that nearly every program uses: `use lightning_core::prelude::*;`.
///
/// Everything else is reached through the modules that are exported here as well:
/// `schedulers::Noam::new(…)`, `metrics::FBeta::f1()`, `callbacks::Timer::new(…)`,
/// `data::k_fold(…)`.
pub mod prelude {
    #[cfg(feature = "csv")]
    #[doc(no_inline)]
    pub use crate::CsvLogger;
    #[doc(no_inline)]
    pub use crate::{
        Batch, Callback, CallbackContext, DataLoader, EarlyStopping, FitContext, HookContext, LightningModule, Loss,
        ModelCheckpoint, OptimizerSetup, Optimizers, Result, Resume, Stage, StepContext, Trainer,
        callbacks::{self, LearningRateMonitor},
        copy_of, data, data_module, from_loader,
        functional::{self, accuracy, cross_entropy, mse_loss},
        grad, lightning_module, log, loggers, metrics, optimizer, params, random_split,
        schedulers::{self, Cosine, OneCycle},
        seed_everything,
    };
    // Traits whose methods are called and whose names are not written.
    #[doc(no_inline)]
    pub use crate::{TorchDefaults as _, schedulers::IntoScheduler as _, trainer::habits::FitsModules as _};
}
