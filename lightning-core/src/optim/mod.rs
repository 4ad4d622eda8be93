//! Optimizers: what the user declares, and the updates of the parameters.

mod config;
pub(crate) mod fused;
pub(crate) mod gradients;
mod keys;
mod lbfgs;
mod optimizer;
mod scaling;
mod schedule;
pub mod schedulers;
mod setup;

pub use config::{IntoLearningRate, IntoOptimizer, OptimizerKind, TorchDefaults, WeightDecay};
pub use keys::{HasOptimizer, NamesOptimizer, OptimizerKey};
pub use schedule::{Interval, Schedule};
pub use setup::{IntoOptimizers, OptimizerSetup, ParameterGroup};

pub(crate) use crate::params::ParamInfo;
pub(crate) use lbfgs::FlatParams;
pub(crate) use optimizer::{AddedGroup, AddedRate, Binding, Optimizer};
pub(crate) use scaling::{Scaling, Weight};
