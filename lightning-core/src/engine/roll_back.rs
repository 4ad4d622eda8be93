//! Continues a run from its last good checkpoint, without the batches of a spike.

use std::path::Path;

use crate::{
    checkpoint::{Checkpoint, ResumedFrom, find},
    engine::{driver::Driver, fit::configure, fit_plan::FitPlan, resume, run::RunState},
    error::{Error, ErrorKind, Result},
    metrics::ScopeId,
    progress::RollBack,
    stage::Stage,
};

/// Restores the run from the last checkpoint before the batches of the request, which are left out
/// from then on.
///
/// The checkpoint is searched for on the disk and not remembered, so that a run that was resumed in
/// the meantime finds the same one.
///
/// # Errors
/// If there is no such checkpoint, or it cannot be restored.
pub(super) fn roll_back(run: &mut RunState, driver: &mut dyn Driver, plan: &FitPlan, request: RollBack) -> Result<()> {
    let location = run.progress.location(None, true);
    restore(run, driver, plan, request).map_err(|error| error.at(location))
}

fn restore(run: &mut RunState, driver: &mut dyn Driver, plan: &FitPlan, request: RollBack) -> Result<()> {
    let RollBack { batches, why, limit } = request;
    // Those of the batch with the spike.
    run.checkpoints.queue.requests.clear();
    run.checkpoints.queue.writer.finish()?;
    let checkpoint = last_before(run, &batches, &why)?;
    let path = checkpoint.path().to_path_buf();
    let (batch_step, records) =
        (checkpoint.metadata.batch_step, checkpoint.metadata.run.as_ref().map_or(0, |record| record.log_records));
    // Some of them may be trained in the checkpoint, if there is none from before all of them.
    let batches: Vec<u64> = batches.into_iter().filter(|batch| *batch >= batch_step).collect();
    let mut left_out = std::mem::take(&mut run.progress.left_out);
    left_out.extend(&batches);
    left_out.sort_unstable();
    left_out.dedup();
    let roll_backs = run.progress.roll_backs + 1;
    // The differences between the program and this run's own checkpoint are none.
    let differences = run.resume.differences.clone();
    // What a checkpoint says of frozen parameters is relative to the start of the run.
    let declared = std::mem::take(&mut run.resume.declared_frozen);
    driver.set_frozen(&declared)?;
    run.log.inbox.clear();
    run.log.scope = ScopeId::CLOSED;
    run.log.metrics.reset();
    // What callbacks restore is relative to this file; the report names the one of the process.
    let from = ResumedFrom { path: path.clone(), named: false };
    let resumed_from = run.resume.resumed_from.replace(from);
    run.resume.checkpoint = Some(Box::new(checkpoint));
    let restored = resume::restore(run, driver);
    run.resume.resumed_from = resumed_from;
    restored?;
    // New optimizers: a checkpoint does not hold states that did not exist yet.
    run.train.optimizers.clear();
    configure(run, driver, plan.whole_batches)?;
    resume::restore_training_state(run, driver, plan.loader_batches)?;
    run.log.scope = run.log.metrics.reopen(Stage::Fit, 0, "");
    run.resume.differences = differences;
    run.log.loggers.rewind(batch_step, records)?;
    run.log.loggers.count_from(batch_step, records);
    (run.progress.left_out, run.progress.roll_backs) = (left_out, roll_backs);
    if let Some(folder) = path.parent() {
        resume::abandon_later(run, folder, &path, batch_step);
    }
    let batches = batches.iter().map(u64::to_string).collect::<Vec<_>>().join(" and ");
    run.console.warn(format!(
        "{why}: the run continues from {} without the training batches {batches} (roll-back {roll_backs} of at most {limit})",
        path.display()
    ));
    Ok(())
}

/// Returns the last checkpoint of this run from before all of the batches, or else from before the
/// last of them.
fn last_before(run: &RunState, batches: &[u64], why: &str) -> Result<Checkpoint> {
    let mut folders = run.callbacks.checkpoint_folders.clone();
    folders.push(run.log_dir().join("checkpoints"));
    folders.sort();
    folders.dedup();
    let is_own = |checkpoint: &Checkpoint| {
        checkpoint.metadata.module == run.info.name && checkpoint.metadata.seed == run.progress.seed
    };
    for batch in [batches.first(), batches.last()].into_iter().flatten() {
        let mut found = find::last_until(&folders, *batch).into_iter();
        if let Some(checkpoint) = found.find_map(|path| Checkpoint::open(&path).ok().filter(is_own)) {
            return Ok(checkpoint);
        }
    }
    let listed = folders.iter().map(|folder| show(folder)).collect::<Vec<_>>().join(", ");
    let last = batches.last().copied().unwrap_or_default();
    Err(Error::new(
        ErrorKind::Checkpoint,
        format!("{why}; a roll-back needs a checkpoint from before training batch {last}, found none in {listed}"),
    )
    .help("save more often: `ModelCheckpoint::latest().every(Steps(…))`, or start later with `.warmup(…)`"))
}

fn show(folder: &Path) -> String {
    format!("`{}`", folder.display())
}
