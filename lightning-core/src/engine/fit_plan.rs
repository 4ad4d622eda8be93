//! What a `fit` has to know about its loaders.

use crate::{
    engine::{
        driver::{self, Driver, LoaderInfo},
        events::opened,
        run::{self, RunState},
        val_schedule::ValSchedule,
    },
    error::{Error, Result},
    stage::Stage,
};

/// What a `fit` needs to know of its loaders.
pub(super) struct FitPlan {
    /// Training batches of the loader; `None` when it does not know.
    pub(super) loader_batches: Option<u64>,
    /// Training batches in an epoch, after limits; `None` when the loader does not know.
    pub(super) train_batches: Option<u64>,
    /// The same without `fast_dev_run`.
    pub(super) whole_batches: Option<u64>,
    pub(super) val: Vec<LoaderInfo>,
    pub(super) schedule: ValSchedule,
}

pub(super) fn open_fit(run: &mut RunState, driver: &mut dyn Driver, has_validation_step: bool) -> Result<FitPlan> {
    let limits = run.settings.limits.clone();
    let val = if limits.val.is_zero() { Vec::new() } else { opened(driver.open_eval(), run, Stage::Validate)? };
    if has_validation_step && val.is_empty() && !limits.val.is_zero() {
        return Err(Error::config("the module has a `validation_step`, and there is no validation loader")
            .help("pass `(train, val)` or write `val_dataloader`; `limit_val_batches(0)` says that none is wanted"));
    }
    run.progress.validation.enabled = !val.is_empty();
    if let (false, Some(metric)) = (run.progress.validation.enabled, &run.callbacks.validation_only) {
        return Err(Error::config(format!(
            "a callback monitors `{metric}`, which only validation gives, and there is none"
        ))
        .help("pass `(train, val)` or write `val_dataloader`, or monitor a training metric"));
    }
    let train = opened(driver.open_train(), run, Stage::Fit)?
        .ok_or_else(|| Error::data("there is no training loader").help("pass one, or write `train_dataloader`"))?;
    let train_batches = limits.train.of(train.len, "limit_train_batches")?;
    if train_batches == Some(0) && train.len == Some(0) {
        return Err(Error::data("the training loader has no batches").help("give it at least one batch of data"));
    }
    let whole_batches = run.settings.whole.train.of(train.len, "limit_train_batches")?;
    if limits.overfit.is_some() {
        driver.disable_shuffle();
    }
    let schedule = ValSchedule::new(&run.settings.validation, train_batches)?;
    Ok(FitPlan { loader_batches: train.len, train_batches, whole_batches, val, schedule })
}
