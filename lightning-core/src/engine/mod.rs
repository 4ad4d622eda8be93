//! The engine: the order of a run, compiled once. It sees a module only through the
//! [`Driver`](driver::Driver).
//!
//! | to read | see |
//! |---|---|
//! | the order of `fit` | [`fit`], [`train_epoch`], [`train_step`] |
//! | validation, testing, prediction | [`evaluate`], [`validate`] |
//! | what happens on errors and signals | [`events`] |
//! | what a run knows | [`run`] |
//! | what a module is to the engine | [`driver`], [`module_driver`] |

pub(crate) mod checkout;
pub(crate) mod checkpoints;
pub(crate) mod driver;
pub(crate) mod evaluate;
pub(crate) mod events;
pub(crate) mod fit;
mod fit_plan;
mod hooks;
mod log_state;
pub(crate) mod loss_scaling;
mod manual;
pub(crate) mod module_driver;
pub(crate) mod norm_statistics;
pub(crate) mod resume;
pub(crate) mod run;
pub(crate) mod snapshot;
mod stop;
pub(crate) mod summary;
mod train_epoch;
pub(crate) mod train_step;
mod val_schedule;
mod validate;
