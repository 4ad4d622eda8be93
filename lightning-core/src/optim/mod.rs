//! Optimizers: what the user declares, and the updates of the parameters.

mod config;
mod keys;
mod lbfgs;
mod manual;
mod optimizer;
pub mod params;
mod scaling;
mod schedule;
mod setup;

pub use config::{IntoLearningRate, IntoOptimizer, OptimizerKind, TorchDefaults, WeightDecay};
pub use keys::{HasOptimizer, NamesOptimizer, OptimizerKey};
pub use manual::{LossGradients, ManualSchedule, Optimizers};
pub use schedule::{Interval, Schedule};
pub use setup::{IntoOptimizers, OptimizerSetup, ParameterGroup};

pub(crate) use lbfgs::FlatParams;
pub(crate) use optimizer::{AddedGroup, AddedRate, Binding, Optimizer, ParamInfo};
pub(crate) use scaling::{Scaling, Weight};
