//! Searching hyperparameters: on one machine, and on many that share a file.
//!
//! A [`Study`] tries hyperparameters of a [`Space`] one trial after the other. A [`Sampler`]
//! chooses them, by default [`Tpe`]; a [`Pruner`] ends runs that do not look promising; a
//! [`Storage`] keeps what came of them, in memory or in a [`Journal`] that any number of processes
//! share, Optuna and its dashboard among them.
//!
//! | to | see |
//! |---|---|
//! | say what a hyperparameter may be | [`uniform`], [`log_uniform`], [`int`], [`choice`], [`boolean`] |
//! | choose hyperparameters | [`Tpe`], [`Random`], [`Sobol`], [`Grid`], [`Sampler`] |
//! | end runs early | [`Asha`], [`Hyperband`], [`Median`], [`Patient`], [`Pruner`] |
//! | keep trials | [`Memory`], [`Journal`], [`Storage`] |
//! | use several processes | [`Study::workers`], [`Study::optimize_until`], a SLURM array |
//! | use a Ray cluster | `RayJobs` (feature `ray`) |
//! | look at the result | [`Study::best`], [`Study::pareto_front`], [`Study::importances`], [`Study::report`] |

mod array;
mod best;
mod builders;
mod core;
mod distribution;
mod importance;
mod number;
mod opening;
mod outcome;
mod page;
mod parameter;
mod pareto;
mod pruner;
mod pruning;
#[cfg(feature = "ray")]
mod ray;
mod record;
mod records;
mod run;
mod sampler;
mod space;
mod storage;
mod study;
mod together;
mod trial;
mod worker;
mod workers;

#[cfg(feature = "ray")]
pub use self::ray::RayJobs;
pub use self::{
    best::BestTrial,
    builders::{
        Choice, Int, Integer, IntoDistribution, LogUniform, Real, Uniform, boolean, choice, int, log_uniform, uniform,
    },
    distribution::Distribution,
    outcome::{IntoOutcome, Objective, Outcome},
    parameter::{Condition, Parameter},
    pruner::{Asha, Hyperband, Median, NoPruner, Patient, Pruner, Reported},
    pruning::TrialPruning,
    record::{ParamValue, TrialRecord, TrialState},
    sampler::{Dimension, Grid, Past, Random, Sampler, Sobol, Tpe},
    space::{DefaultSpace, SearchSpace, Space},
    storage::{Journal, Memory, Storage},
    study::Study,
    trial::Trial,
};
