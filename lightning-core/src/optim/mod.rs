//! Optimizers: what the user declares, and the updates of the parameters.

mod clip;
mod config;
pub(crate) mod fused;
mod gradients;
mod keys;
mod lbfgs;
mod optimizer;
mod scaling;
mod schedule;
pub mod schedulers;
mod setup;
mod shard;
mod train_state;

pub(crate) use clip::Clip;
pub use clip::ClipAlgorithm;
pub use config::{IntoLearningRate, IntoOptimizer, OptimizerKind, TorchDefaults, WeightDecay};
pub use keys::{HasOptimizer, NamesOptimizer, OptimizerKey};
pub use schedule::{Interval, Schedule};
pub(crate) use setup::Rate;
pub use setup::{IntoOptimizers, OptimizerSetup, ParameterGroup};

pub(crate) use gradients::{GradientStore, add};
pub(crate) use lbfgs::FlatParams;
pub(crate) use optimizer::{AddedGroup, AddedRate, Binding, Optimizer};
pub(crate) use scaling::{Scaling, Weight};
pub(crate) use shard::{Shard, Sharded};
pub(crate) use train_state::TrainState;
