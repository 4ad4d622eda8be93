//! `on_anomaly(Anomaly::Save)`: saves the first step whose loss or gradient is not finite, a spike
//! and a panic, as they were before the step.
//!
//! At the start of a batch the module, the optimizers and the batch are copied; the tensors are
//! shared until the step changes them. What goes wrong is noted where it is seen, and saved from
//! the copies: before the update if it was seen by then, or at the end of the batch. The copies are
//! dropped before the update if nothing after it can find fault with the step, so that the update
//! changes the parameters in place.

pub(crate) mod state;

use std::path::PathBuf;

use burn::tensor::Tensor;

use self::state::{GuardMode, GuardState, StepStart};
use crate::{
    checkpoint::anomaly::{self, AnomalyRecord},
    engine::{driver::Driver, run::RunState},
    error::{Error, ErrorKind, Result},
    module::TrainingMode,
    optim::Optimizer,
    params::state::f64_to_json,
    progress::{AnomalyKind, AnomalyNote, RecentLosses},
    settings::Anomaly,
    tensor::readback,
};

/// The folder of saved steps in the folder of a run.
const FOLDER: &str = "anomalies";

/// Decides at the start of a `fit` whether its steps are guarded.
pub(super) fn start(run: &mut RunState) {
    let saves = run.settings.guards.on_anomaly == Anomaly::Save && run.settings.run.fast_dev_run.is_none();
    let updates_once = matches!(run.info.training, TrainingMode::Plain)
        && !run.train.optimizers.iter().any(Optimizer::is_lbfgs)
        && !run.callbacks.judges_steps;
    run.guard = GuardState {
        mode: if saves { GuardMode::Saves } else { GuardMode::Off },
        keeps_step: !updates_once,
        ..GuardState::default()
    };
}

/// Notes losses and gradients of a replayed step.
pub(super) fn start_replay(run: &mut RunState) {
    run.guard = GuardState { mode: GuardMode::Replays, ..GuardState::default() };
}

/// Copies the run at the start of a step.
///
/// # Errors
/// If the module was lost.
pub(super) fn begin(run: &mut RunState, driver: &mut dyn Driver, last: bool) -> Result<()> {
    run.progress.anomaly = None;
    if run.guard.mode != GuardMode::Saves {
        return Ok(());
    }
    driver.keep_start()?;
    run.guard.losses.clear();
    run.guard.start = Some(StepStart {
        optimizers: run.train.optimizers.clone(),
        accumulators: run.train.accumulators.clone(),
        scalers: run.train.scalers.clone(),
        counters: run.progress.counters,
        position: run.progress.position,
        // Those before the step are looked at by the run that goes on.
        losses: RecentLosses::known(run.progress.losses.last().cloned()),
        last,
    });
    Ok(())
}

/// Looks at the loss of a backward pass that is about to run or has run.
// sync: every batch with `on_anomaly(Anomaly::Save)`.
pub(super) fn see_loss(run: &mut RunState, loss: &Tensor<1>) {
    if run.guard.mode == GuardMode::Off {
        return;
    }
    run.guard.losses.push(loss.clone());
    if run.guard.looks_for(AnomalyKind::Loss) && run.progress.anomaly.is_none() {
        let value = readback::host_scalar(loss.clone());
        if !value.is_finite() {
            run.progress.anomaly = Some(AnomalyNote {
                kind: AnomalyKind::Loss,
                what: format!("the loss is {value}, which is not finite"),
            });
        }
    }
}

/// Looks at the gradients of an accumulation buffer after a backward pass. Loss scaling expects
/// gradients that are not finite: they lower the scale.
///
/// # Errors
/// If the module cannot be visited.
// sync: every batch with `on_anomaly(Anomaly::Save)`.
pub(super) fn see_gradients(run: &mut RunState, driver: &dyn Driver, buffer: usize) -> Result<()> {
    if run.guard.mode == GuardMode::Off {
        return Ok(());
    }
    let is_scaled = run.train.scalers.get(buffer).is_some();
    let Some(gradients) = run.train.accumulators.get(buffer) else { return Ok(()) };
    let guard = &mut run.guard;
    let note = guard.judge(gradients, is_scaled, run.progress.anomaly.is_none(), &|visitor| driver.visit(visitor))?;
    if let Some(note) = note {
        run.progress.anomaly = Some(note);
    }
    Ok(())
}

/// Saves what was seen before the update, and drops the copies if nothing needs them after it.
pub(super) fn before_update(run: &mut RunState, driver: &mut dyn Driver) {
    if run.guard.start.is_none() || run.guard.keeps_step {
        return;
    }
    finish(run, driver);
}

/// Saves the step if something was wrong with it, and drops the copies.
pub(super) fn end(run: &mut RunState, driver: &mut dyn Driver, error: Option<&Error>) {
    if run.guard.start.is_none() {
        return;
    }
    if let Some(error) = error
        && run.progress.anomaly.is_none()
    {
        let kind = match error.kind() {
            ErrorKind::Panic => Some(AnomalyKind::Panic),
            // Gradients that are not finite at any loss scale.
            ErrorKind::Anomaly => Some(AnomalyKind::Gradient),
            _ => None,
        };
        run.progress.anomaly = kind.map(|kind| AnomalyNote { kind, what: error.message().to_owned() });
    }
    finish(run, driver);
}

fn finish(run: &mut RunState, driver: &mut dyn Driver) {
    if let Some(note) = run.progress.anomaly.take()
        && run.guard.looks_for(note.kind)
    {
        run.guard.saved.push(note.kind);
        match save(run, driver, &note) {
            Ok(text) => {
                // The same loss is not warned of twice.
                run.progress.losses.told |= note.kind == AnomalyKind::Loss;
                run.console.warn(text);
            }
            Err(error) => run.console.warn(format!("{}; the step could not be saved: {error}", note.what)),
        }
    }
    run.guard.start = None;
    driver.drop_start();
}

/// Writes the folder of a step, and returns the message for the user.
fn save(run: &mut RunState, driver: &mut dyn Driver, note: &AnomalyNote) -> Result<String> {
    let losses = run.guard.losses();
    let Some(mut start) = run.guard.start.take() else { return Ok(note.what.clone()) };
    let record = AnomalyRecord {
        format: anomaly::FORMAT,
        kind: note.kind,
        what: note.what.clone(),
        epoch: start.counters.epoch,
        batch: run.progress.batch_idx,
        batch_step: start.counters.batch_step,
        global_step: start.counters.global_step,
        seed: run.progress.seed,
        last: start.last,
        losses: losses.iter().copied().map(f64_to_json).collect(),
        loss_bits: losses.iter().map(|loss| loss.to_bits()).collect(),
        not_saved: Vec::new(),
    };
    let folder = folder(run, &record);
    swap(run, driver, &mut start)?;
    let location = run.progress.location(None, true);
    let snapshot = driver.snapshot_start(run);
    swap(run, driver, &mut start)?;
    let batch = driver.kept_batch().unwrap_or_default();
    if !run.strategy.rank().is_global_zero() {
        return Ok(note.what.clone());
    }
    let record = anomaly::write(&folder, record, snapshot?, batch)?;
    let shown = folder.display();
    let how = if record.not_saved.is_empty() {
        format!("`trainer.replay(\"{shown}\", &mut model)` runs the step again")
    } else {
        let parts = record.not_saved.join(", ");
        let step = anomaly::step_of(&folder);
        format!(
            "it lacks the batch, because {parts} cannot be saved: `.resume_from(\"{}\")` reads the batch from the loader",
            step.display()
        )
    };
    Ok(format!("{} ({location}): the step is saved in {shown}; {how}", note.what))
}

/// Exchanges the run and its copies.
fn swap(run: &mut RunState, driver: &mut dyn Driver, start: &mut StepStart) -> Result<()> {
    let RunState { train, progress, .. } = run;
    std::mem::swap(&mut train.optimizers, &mut start.optimizers);
    std::mem::swap(&mut train.accumulators, &mut start.accumulators);
    std::mem::swap(&mut train.scalers, &mut start.scalers);
    std::mem::swap(&mut progress.counters, &mut start.counters);
    std::mem::swap(&mut progress.position, &mut start.position);
    std::mem::swap(&mut progress.losses, &mut start.losses);
    driver.swap_start()
}

/// Returns a folder that does not exist.
fn folder(run: &RunState, record: &AnomalyRecord) -> PathBuf {
    let parent = run.log_dir().join(FOLDER);
    let name = format!("epoch={}-batch={}-{}", record.epoch, record.batch, record.kind.name());
    let mut folder = parent.join(&name);
    let mut number = 1;
    while folder.exists() {
        folder = parent.join(format!("{name}-v{number}"));
        number += 1;
    }
    folder
}
