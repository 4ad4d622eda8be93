//! What a training batch does to the module: backward passes, accumulation windows, updates and schedules.

use crate::{
    data::StepCall,
    engine::{
        driver::{Driver, LoaderId},
        loss_scaling,
        run::RunState,
    },
    error::Result,
    hooks::Hook,
    module::{BoundStep, TrainingMode, TrainingOutput},
    optim::{GradientStore, Optimizer, Scaling, TrainState},
};

mod anomaly;
mod backward;
mod lbfgs;
mod schedules;
mod setup;

pub(super) use self::{
    backward::check_loss,
    schedules::watch,
    setup::{bind, configure},
};
use self::{
    backward::{differentiate, range},
    lbfgs::search,
    schedules::{end_of_epoch_schedules, step_schedule},
};

/// Trains on the ready batch; whether an optimizer stepped. `last` ends the accumulation window.
///
/// # Errors
/// Those of the steps, the hooks and the updates.
pub(crate) fn train(run: &mut RunState, driver: &mut dyn Driver, last: bool) -> Result<bool> {
    let stepped = match run.info.training {
        TrainingMode::Plain if run.train.optimizers.iter().any(Optimizer::is_lbfgs) => search(run, driver)?,
        TrainingMode::Plain => {
            pass(run, driver, 0, StepCall::default())?;
            close(run, driver, 0, last)?
        }
        TrainingMode::Bound(steps) => take_turns(run, driver, steps, last)?,
        TrainingMode::Manual => by_hand(run, driver)?,
    };
    if stepped {
        run.progress.counters.global_step += 1;
    }
    if last && !matches!(run.info.training, TrainingMode::Manual) {
        end_of_epoch_schedules(run)?;
    }
    Ok(stepped)
}

/// Ends an epoch before its last batch: windows that were begun are stepped, and schedules count the epoch.
///
/// # Errors
/// As [`train`].
pub(crate) fn close_all(run: &mut RunState, driver: &mut dyn Driver) -> Result<()> {
    if matches!(run.info.training, TrainingMode::Manual) {
        return Ok(());
    }
    let mut stepped = false;
    for window in 0..run.train.accumulators.len() {
        stepped |= close(run, driver, window, true)?;
    }
    if stepped {
        run.progress.counters.global_step += 1;
    }
    end_of_epoch_schedules(run)
}

/// The steps of several optimizers, in order, on one batch.
fn take_turns(run: &mut RunState, driver: &mut dyn Driver, steps: &[BoundStep], last: bool) -> Result<bool> {
    let batch = run.progress.counters.batch_step + 1;
    let due: Vec<usize> =
        steps.iter().enumerate().filter(|(_, step)| batch.is_multiple_of(step.every)).map(|(at, _)| at).collect();
    let mut turns: u64 = due.iter().filter_map(|at| steps.get(*at)).map(|step| step.repeat).sum();
    let mut stepped = false;
    let mut hidden = std::mem::take(&mut run.train.frozen_others);
    for (window, step) in steps.iter().enumerate() {
        if due.contains(&window) {
            for _ in 0..step.repeat {
                turns -= 1;
                let call = StepCall { step: window, keep: turns > 0 };
                hidden.clear();
                if let Some(optimizer) = run.train.bound.get(window).and_then(|at| run.train.optimizers.get(*at)) {
                    driver.freeze_others(optimizer, &mut hidden)?;
                }
                let passed = pass(run, driver, window, call);
                driver.unfreeze_others(&hidden)?;
                passed?;
                stepped |= close(run, driver, window, last && step.repeat == 1)?;
            }
        }
        if last {
            stepped |= close(run, driver, window, true)?;
        }
    }
    run.train.frozen_others = hidden;
    Ok(stepped)
}

fn by_hand(run: &mut RunState, driver: &mut dyn Driver) -> Result<bool> {
    run.train.stepped = false;
    if let Some(TrainingOutput { loss, weight, output }) = driver.manual_step(run)? {
        run.progress.loss = Some(weight.mean_of(loss.inner()));
        run.outputs.training = output;
    }
    Ok(run.train.stepped)
}

/// One step and its backward pass.
fn pass(run: &mut RunState, driver: &mut dyn Driver, window: usize, call: StepCall) -> Result<()> {
    match driver.step(LoaderId::Train, call, run)? {
        Some(output) => differentiate(run, driver, window, output),
        None => {
            run.progress.counters.skipped_batches += 1;
            Ok(())
        }
    }
}

/// # Errors
/// When a window is full and its update fails.
fn close(run: &mut RunState, driver: &mut dyn Driver, window: usize, last: bool) -> Result<bool> {
    let passes = run.train.accumulators.get(window).map_or(0, GradientStore::micro_batches);
    if passes == 0 || !(last || passes >= run.settings.optimization.window(run.progress.counters.epoch)) {
        return Ok(false);
    }
    if let Some(gradients) = run.train.accumulators.get_mut(window) {
        run.strategy.reduce(gradients)?;
    }
    driver.hook(Hook::OnBeforeOptimizerStep, run)?;
    run.train.clip = run.settings.optimization.clip();
    driver.hook(Hook::ConfigureGradientClipping, run)?;
    run.checkpoints.queue.writer.wait_for_memory();
    let since = run.console.clock();
    let range = range(run, window);
    let usable = loss_scaling::may_step(run, window, range.clone())?;
    let TrainState { accumulators, optimizers, clip, .. } = &mut run.train;
    let Some(gradients) = accumulators.get_mut(window) else { return Ok(false) };
    if !usable {
        gradients.clear();
        return Ok(false);
    }
    for optimizer in optimizers.get_mut(range).unwrap_or_default() {
        let scaling = Scaling::new(gradients, optimizer, *clip, run.log.host);
        let mut update = optimizer.update(gradients, scaling, &run.progress.device);
        driver.update(&mut update)?;
        update.finish()?;
        step_schedule(optimizer)?;
    }
    gradients.clear();
    run.console.measured("optimizer_step", since);
    Ok(true)
}
