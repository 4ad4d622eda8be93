//! Validation inside `fit`.

use std::time::Instant;

use crate::{
    engine::{
        checkpoints,
        driver::{self, CallbackStatesAfter, Driver, LoaderInfo, Mode},
        evaluate::evaluate,
        run::{self, RunState},
    },
    error::{ErrorKind, Result},
    stage::Stage,
};

/// Validation inside `fit`: the module is in evaluation form meanwhile.
pub(super) fn validate(
    run: &mut RunState,
    driver: &mut dyn Driver,
    feeds: &[LoaderInfo],
    limit: Option<u64>,
) -> Result<()> {
    let (scope, batch_idx) = (run.log.scope, run.progress.batch_idx);
    if !run.progress.sanity_checking {
        driver.save_rollback()?;
    }
    driver.set_mode(Mode::Eval)?;
    run.progress.stage = Stage::Validate;
    let result = evaluate(run, driver, feeds, limit).map(|_| ());
    run.progress.stage = Stage::Fit;
    (run.log.scope, run.progress.batch_idx, run.progress.loader_idx) = (scope, batch_idx, 0);
    if run.progress.sanity_checking {
        let mode = driver.set_mode(Mode::Train);
        return result.and(mode);
    }
    if let Err(error) = &result
        && error.kind() == ErrorKind::Interrupted
    {
        // A validation that is cut short has not been: the checkpoint is of what was before it.
        driver.rollback(CallbackStatesAfter::Saved);
        checkpoints::save_interrupted(run, driver)?;
        return result;
    }
    driver.discard_rollback();
    let mode = driver.set_mode(Mode::Train);
    run.progress.validation.ended = Some(Instant::now());
    result.and(mode)
}
