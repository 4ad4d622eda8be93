//! The engine: the order of a run. It sees a module only through the [`Driver`](driver::Driver), so
//! that it is compiled once and not for each module; what is compiled for each is in
//! [`module_driver`], [`hooks`], [`checkout`] and [`manual`].
//!
//! | to read | see |
//! |---|---|
//! | the order of `fit` | [`fit`], [`train_epoch`], [`train_step`] |
//! | validation, testing, prediction | [`evaluate`], [`validate`] |
//! | what happens on errors and signals | [`events`] |
//! | what processes that train together agree on | [`ranks`] |
//! | the state of a run | [`run`] |
//! | the view of a module | [`driver`], [`module_driver`] |

mod audit;
pub(crate) mod checkout;
pub(crate) mod checkpoints;
pub(crate) mod driver;
pub(crate) mod evaluate;
pub(crate) mod events;
mod first_batch;
pub(crate) mod fit;
mod fit_plan;
pub(crate) mod guard;
mod hooks;
mod log_state;
pub(crate) mod loss_scaling;
mod losses;
mod manual;
pub(crate) mod module_driver;
pub(crate) mod norm_statistics;
pub(crate) mod ranks;
pub(crate) mod replay;
mod report;
pub(crate) mod resume;
mod roll_back;
pub(crate) mod run;
pub(crate) mod snapshot;
mod stop;
mod structure;
mod summary;
mod train_epoch;
pub(crate) mod train_step;
mod val_schedule;
mod validate;
