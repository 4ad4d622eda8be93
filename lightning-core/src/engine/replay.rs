//! Runs a saved step again.

use crate::{
    data::EpochOffset,
    engine::{
        driver::{Driver, LoaderId},
        events::{opened, with_data, with_events},
        fit::configure,
        guard, resume,
        run::RunState,
        train_epoch::seed_for_batch,
        train_step,
    },
    error::{Error, ErrorKind, Result},
    hooks::Hook,
    stage::Stage,
};

/// Restores the run before a step, and runs the step on the ready batch. Returns the error of the
/// step. `last` is whether the batch was the last of its epoch.
///
/// # Errors
/// If the run cannot be restored, or a hook around the step fails.
pub(crate) fn replay(run: &mut RunState, driver: &mut dyn Driver, last: bool) -> Result<Option<Error>> {
    with_data(run, driver, |run, driver| {
        let batches =
            run.resume.checkpoint.as_ref().and_then(|checkpoint| checkpoint.metadata.run.as_ref()?.train_batches);
        resume::restore(run, driver)?;
        opened(driver.open_train(), run, Stage::Fit)?;
        let whole = match batches {
            Some(_) => run.settings.whole.train.of(batches, "limit_train_batches")?,
            None => None,
        };
        configure(run, driver, whole)?;
        resume::restore_training_state(run, driver, batches)?;
        guard::start_replay(run);
        with_events(run, driver, (Hook::OnFitStart, Hook::OnFitEnd), |run, driver| {
            run.log.scope = run.log.metrics.reopen(Stage::Fit, 0, "");
            with_events(run, driver, (Hook::OnTrainStart, Hook::OnTrainEnd), |run, driver| step(run, driver, last))
        })
    })
}

/// Seeds the generator, reads the batch and runs the step, in the order of an epoch.
fn step(run: &mut RunState, driver: &mut dyn Driver, last: bool) -> Result<Option<Error>> {
    let position = run.progress.position;
    (run.progress.counters.epoch, run.progress.last_epoch) = (position.epoch, position.epoch);
    run.progress.batch_idx = position.batch;
    driver.start(LoaderId::Train, EpochOffset::default())?;
    seed_for_batch(run);
    if !driver.fetch(LoaderId::Train, run)? {
        return Err(Error::new(ErrorKind::Data, "a saved step must have a batch, found none"));
    }
    run.progress.micro_batches_before = run.train.micro_batches();
    let trained =
        driver.hook(Hook::OnTrainBatchStart, run).and_then(|()| train_step::train(run, driver, last).map(|_| ()));
    run.log.inbox.clear();
    Ok(trained.err())
}
