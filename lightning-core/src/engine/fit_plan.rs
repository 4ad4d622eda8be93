//! Opens the loaders of a `fit`, and plans its epochs.

use crate::{
    engine::{
        driver::{Driver, LoaderInfo},
        events::opened,
        ranks,
        run::RunState,
        val_schedule::ValSchedule,
    },
    error::{Error, Result},
    module::TrainingMode,
    stage::Stage,
};

/// The loaders and epochs of a `fit`.
pub(super) struct FitPlan {
    /// The number of batches of the training loader; `None` if the loader does not know it.
    pub(super) loader_batches: Option<u64>,
    /// The same of all processes together.
    pub(super) all_batches: Option<u64>,
    /// The number of training batches in an epoch, after limits.
    pub(super) train_batches: Option<u64>,
    /// The same without `fast_dev_run`, for schedules.
    pub(super) whole_batches: Option<u64>,
    pub(super) val: Vec<LoaderInfo>,
    /// Whether training batches are made of a dataset by the thread that trains.
    pub(super) is_inline: bool,
    pub(super) schedule: ValSchedule,
}

/// Opens the loaders.
///
/// # Errors
/// If a loader is missing, cannot be opened or is empty, or a setting does not fit its length.
pub(super) fn open_fit(run: &mut RunState, driver: &mut dyn Driver, has_validation_step: bool) -> Result<FitPlan> {
    let limits = run.settings.limits.clone();
    let val = if limits.val.is_zero() { Vec::new() } else { opened(driver.open_eval(), run, Stage::Validate)? };
    if has_validation_step && val.is_empty() && !limits.val.is_zero() {
        return Err(Error::config("the module has a `validation_step`, and `fit` has no validation loader").help(
            "pass `(train, val)` or implement `val_dataloader`; write `limit_val_batches(0)` to train without validation",
        ));
    }
    check_validation_loaders(run, &val)?;
    run.progress.validation.enabled = !val.is_empty();
    if let (false, Some(metric)) = (run.progress.validation.enabled, &run.callbacks.validation_only) {
        return Err(Error::config(format!(
            "a callback monitors `{metric}`, which only validation logs, and `fit` has no validation"
        ))
        .help("pass `(train, val)` or implement `val_dataloader`, or monitor a training metric"));
    }
    let train = opened(driver.open_train(), run, Stage::Fit)?
        .ok_or_else(|| Error::data("`fit` has no training loader").help("pass one, or implement `train_dataloader`"))?;
    ranks::check_lengths(run, "training data", std::slice::from_ref(&train))?;
    ranks::check_lengths(run, "validation data", &val)?;
    let world_size = run.strategy.rank().world_size as u64;
    if let (TrainingMode::Manual, Some(batches)) = (run.info.training, train.all)
        && !batches.is_multiple_of(world_size)
    {
        return Err(Error::data(format!(
            "with manual optimization each of {world_size} processes must have as many batches, found {batches} in all"
        ))
        .help("write `drop_last(true)` or another `batch_size`, or set `limit_train_batches`"));
    }
    let train_batches = limits.train.of(train.len, "limit_train_batches")?;
    if train_batches == Some(0) && train.len == Some(0) {
        return Err(Error::data("the training loader must have at least one batch, found none")
            .help("check the dataset, `batch_size` and `drop_last`"));
    }
    let whole_batches = run.settings.whole.train.of(train.len, "limit_train_batches")?;
    if limits.overfit.is_some() {
        driver.disable_shuffle();
    }
    // Without validation its interval need not fit the epoch.
    let schedule = match val.is_empty() {
        true => ValSchedule::EpochEnd,
        false => ValSchedule::new(&run.settings.validation, train_batches)?,
    };
    Ok(FitPlan {
        loader_batches: train.len,
        all_batches: train.all,
        train_batches,
        whole_batches,
        val,
        is_inline: train.is_inline,
        schedule,
    })
}

/// Warns of validation loaders that shuffle.
///
/// # Errors
/// If one has no batch.
fn check_validation_loaders(run: &mut RunState, loaders: &[LoaderInfo]) -> Result<()> {
    for (index, loader) in loaders.iter().enumerate() {
        let which = match (&loader.name, loaders.len()) {
            (Some(name), _) => format!("the validation loader `{name}`"),
            (None, 1) => "the validation loader".to_owned(),
            (None, _) => format!("validation loader {index}"),
        };
        if loader.len == Some(0) {
            return Err(Error::data(format!("{which} must have at least one batch, found none"))
                .help("check the dataset, or write `limit_val_batches(0)` to train without validation"));
        }
        if loader.shuffles {
            let text = format!(
                "{which} shuffles: each validation reads its items in one shuffled order, of which `limit_val_batches` \
                 takes the first; remove `.shuffle(true)`"
            );
            // Once, if the loaders are opened again for later epochs.
            if !run.console.warnings.contains(&text) {
                run.console.warn(text);
            }
        }
    }
    Ok(())
}
