//! Runs validation inside `fit`.

use std::time::Instant;

use crate::{
    engine::{
        checkpoints,
        driver::{CallbackStatesAfter, Driver, LoaderInfo, Mode},
        evaluate::evaluate,
        events::guarded,
        ranks,
        run::RunState,
    },
    error::{ErrorKind, Result},
    stage::Stage,
};

/// Runs validation inside `fit`, with the module in evaluation form.
pub(super) fn validate(
    run: &mut RunState,
    driver: &mut dyn Driver,
    loaders: &[LoaderInfo],
    limit: Option<u64>,
) -> Result<()> {
    let (scope, batch_idx) = (run.log.scope, run.progress.batch_idx);
    // The sanity check has made a copy itself, and rolls back to it.
    if !run.progress.sanity_checking {
        driver.save_rollback().map_err(|error| error.at(run.progress.location(None, false)))?;
    }
    ranks::average_statistics(run, driver)?;
    driver.set_mode(Mode::Eval)?;
    run.progress.stage = Stage::Validate;
    let since = Instant::now();
    let result = guarded(run, driver, |run, driver| evaluate(run, driver, loaders, limit).map(|_| ()));
    run.progress.stage = Stage::Fit;
    (run.log.scope, run.progress.batch_idx, run.progress.loader_idx) = (scope, batch_idx, 0);
    if run.progress.sanity_checking {
        let mode = driver.set_mode(Mode::Train);
        return result.and(mode);
    }
    run.report.validated(since.elapsed());
    if let Err(error) = &result
        && error.kind() == ErrorKind::Interrupted
    {
        // The checkpoint is one from before the validation, which a resumed run repeats as a whole.
        driver.rollback(CallbackStatesAfter::Saved);
        checkpoints::save_interrupted(run, driver)?;
        return result;
    }
    driver.discard_rollback();
    let mode = driver.set_mode(Mode::Train);
    run.progress.validation.ended = Some(Instant::now());
    result.and(mode)
}
