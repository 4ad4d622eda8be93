//! Trains on one batch: the backward passes, the accumulation buffers, the updates and the
//! schedules.

use crate::{
    console::output::Console,
    data::StepCall,
    engine::{
        driver::{Driver, LoaderId},
        guard, loss_scaling, ranks,
        run::RunState,
        stop::count_skipped,
    },
    error::Result,
    hooks::Hook,
    metrics::{MetricStore, NotFinite},
    module::{BoundStep, TrainingMode, TrainingOutput},
    optim::{GradientStore, Optimizer, Scaling, TrainState},
    progress::LoopState,
    trace::Kind,
};

mod anomaly;
mod backward;
mod lbfgs;
mod parts;
mod schedules;
mod setup;

pub(super) use self::{
    backward::check_loss,
    schedules::watch,
    setup::{bind, configure},
};
use self::{
    backward::{differentiate, optimizers_of},
    lbfgs::lbfgs_step,
    schedules::{end_of_epoch_schedules, step_schedule},
};

/// Trains on the ready batch, and returns whether an optimizer stepped. After the `last` batch of
/// an epoch, partly filled accumulation buffers are stepped too.
///
/// # Errors
/// The first error of a step, a hook or an update.
pub(crate) fn train(run: &mut RunState, driver: &mut dyn Driver, last: bool) -> Result<bool> {
    let stepped = match run.info.training {
        TrainingMode::Plain if run.train.optimizers.iter().any(Optimizer::is_lbfgs) => lbfgs_step(run, driver)?,
        TrainingMode::Plain => {
            count_round(run, 0);
            run.train.fills = fills(run, 0, last);
            pass(run, driver, 0, StepCall::default())?;
            update_if_due(run, driver, 0, last)?
        }
        TrainingMode::Bound(steps) => bound_steps(run, driver, steps, last)?,
        TrainingMode::Manual => manual_step(run, driver)?,
    };
    // Steps of several optimizers on one batch count once.
    if stepped {
        run.progress.counters.global_step += 1;
    }
    if last && !matches!(run.info.training, TrainingMode::Manual) {
        end_of_epoch_schedules(run)?;
    }
    Ok(stepped)
}

/// Counts a batch that is left out. After the `last` batch of an epoch, partly filled accumulation
/// buffers are stepped, and the schedules that count epochs advance, as in [`train`].
///
/// # Errors
/// As [`train`].
pub(crate) fn leave_out(run: &mut RunState, driver: &mut dyn Driver, last: bool) -> Result<bool> {
    run.progress.counters.skipped_batches += 1;
    let before = run.progress.counters.global_step;
    if last {
        update_all(run, driver)?;
    }
    Ok(run.progress.counters.global_step > before)
}

/// Ends an epoch before its last batch: steps partly filled accumulation buffers, and advances the
/// schedules that count epochs.
///
/// # Errors
/// As [`train`].
pub(crate) fn update_all(run: &mut RunState, driver: &mut dyn Driver) -> Result<()> {
    if matches!(run.info.training, TrainingMode::Manual) {
        return Ok(());
    }
    let mut stepped = false;
    for buffer in 0..run.train.accumulators.len() {
        stepped |= update_if_due(run, driver, buffer, true)?;
    }
    if stepped {
        run.progress.counters.global_step += 1;
    }
    end_of_epoch_schedules(run)
}

/// Runs the steps of several optimizers on one batch, in order. Each has its own accumulation
/// buffer.
fn bound_steps(run: &mut RunState, driver: &mut dyn Driver, steps: &[BoundStep], last: bool) -> Result<bool> {
    // Of several processes each trains on a batch of the round, and all run the same steps.
    let batch = run.progress.counters.batch_step.div_ceil(run.strategy.rank().world_size as u64) + 1;
    // Which steps are due is settled first, so that the last of them can take the batch by value.
    let due: Vec<usize> =
        steps.iter().enumerate().filter(|(_, step)| batch.is_multiple_of(step.every)).map(|(at, _)| at).collect();
    let mut calls_left: u64 = due.iter().filter_map(|at| steps.get(*at)).map(|step| step.repeat).sum();
    let mut stepped = false;
    let mut frozen = std::mem::take(&mut run.train.frozen_others);
    for (buffer, step) in steps.iter().enumerate() {
        if due.contains(&buffer) {
            for _ in 0..step.repeat {
                calls_left -= 1;
                let call = StepCall { step: buffer, keep: calls_left > 0, part: None };
                count_round(run, buffer);
                run.train.fills = fills(run, buffer, last && step.repeat == 1);
                // The parameters of the other optimizers take no gradient, so that their part of
                // the graph is not built.
                frozen.clear();
                if let Some(optimizer) = run.train.bound.get(buffer).and_then(|at| run.train.optimizers.get(*at)) {
                    driver.freeze_others(optimizer, &mut frozen)?;
                }
                let passed = pass(run, driver, buffer, call);
                driver.unfreeze_others(&frozen)?;
                passed?;
                // A repetition does not step a partly filled buffer; what the last one leaves is
                // stepped below.
                stepped |= update_if_due(run, driver, buffer, last && step.repeat == 1)?;
            }
        }
        if last {
            stepped |= update_if_due(run, driver, buffer, true)?;
        }
    }
    run.train.frozen_others = frozen;
    Ok(stepped)
}

/// Runs the step of a module with manual optimization, which steps the optimizers itself.
fn manual_step(run: &mut RunState, driver: &mut dyn Driver) -> Result<bool> {
    run.train.stepped = false;
    if let Some(TrainingOutput { loss, weight, output, .. }) = driver.manual_step(run)? {
        let loss = weight.mean_of(loss.inner());
        // Most often the loss of the last `backward`, which is then counted once.
        run.progress.losses.replace(run.progress.place(), loss);
        run.outputs.training = output;
    }
    Ok(run.train.stepped)
}

/// Runs one step and its backward pass.
fn pass(run: &mut RunState, driver: &mut dyn Driver, buffer: usize, call: StepCall) -> Result<()> {
    if run.progress.absent {
        return ranks::begin_backward(run, buffer, false);
    }
    if run.train.samples_of_pass > 0
        && let Some(samples) = run.progress.batch_size
    {
        return parts::pass_in_parts(run, driver, buffer, call, samples);
    }
    match driver.step(LoaderId::Train, call, run)? {
        Some(output) => differentiate(run, driver, buffer, output, 1.0),
        None => {
            count_skipped(run);
            ranks::begin_backward(run, buffer, false)
        }
    }
}

/// Whether an update follows the current pass, of this process or of another one.
fn fills(run: &RunState, buffer: usize, last: bool) -> bool {
    let rounds = run.train.accumulators.get(buffer).map_or(0, GradientStore::rounds);
    last || rounds >= run.settings.optimization.micro_batches(run.progress.counters.epoch)
}

/// Counts a pass of this process, or one that only others run.
fn count_round(run: &mut RunState, buffer: usize) {
    if let Some(buffer) = run.train.accumulators.get_mut(buffer) {
        buffer.count_round();
    }
}

/// Updates the parameters from an accumulation buffer, if the buffer is full or `last` and not
/// empty. Returns whether an optimizer stepped.
fn update_if_due(run: &mut RunState, driver: &mut dyn Driver, buffer: usize, last: bool) -> Result<bool> {
    // Several processes close a buffer by rounds: how many have a loss in a round, none of them
    // knows.
    let filled = match run.strategy.rank().is_alone() {
        true => GradientStore::micro_batches,
        false => GradientStore::rounds,
    };
    let filled = run.train.accumulators.get(buffer).map_or(0, filled);
    let full = filled >= run.settings.optimization.micro_batches(run.progress.counters.epoch);
    if filled == 0 || !(last || full) {
        return Ok(false);
    }
    // Once an update, not once a batch: between updates the processes need not exchange anything.
    ranks::reduce(run, driver, buffer)?;
    if run.train.accumulators.get(buffer).is_none_or(|buffer| buffer.micro_batches() == 0) {
        // No process has a loss.
        run.train.accumulators.get_mut(buffer).into_iter().for_each(GradientStore::clear);
        return Ok(false);
    }
    guard::before_update(run, driver);
    run.train.updating = buffer;
    driver.hook(Hook::OnBeforeOptimizerStep, run)?;
    // Before the hook, in which the module may set another clipping for this step.
    run.train.clip = run.settings.optimization.clip();
    driver.hook(Hook::ConfigureGradientClipping, run)?;
    // A checkpoint that is being written shares the memory of the parameters: changing them now
    // would copy them.
    run.checkpoints.queue.writer.wait_for_memory();
    let action = run.console.start(Kind::Step, "optimizer_step");
    let range = optimizers_of(run, buffer);
    let usable = loss_scaling::may_step(run, buffer, range.clone())?;
    let TrainState { accumulators, optimizers, clip, .. } = &mut run.train;
    let Some(gradients) = accumulators.get_mut(buffer) else { return Ok(false) };
    if !usable {
        run.log.metrics.suspect();
        gradients.clear();
        return Ok(false);
    }
    let mut stepped = false;
    let mut updated = ranks::Updated::default();
    for optimizer in optimizers.get_mut(range).unwrap_or_default() {
        let scaling = Scaling::new(gradients, optimizer, *clip, run.log.host);
        if let Some(norm) = scaling.broken_norm() {
            skip_step(optimizer.name(), norm, &mut run.progress, &mut run.log.metrics, &mut run.console);
            continue;
        }
        stepped = true;
        updated.add(optimizer, gradients);
        let mut update = optimizer.update(gradients, scaling, &run.progress.device);
        driver.update(&mut update)?;
        update.finish()?;
        step_schedule(optimizer).map_err(|error| error.at(run.progress.location(None, true)))?;
    }
    gradients.clear();
    ranks::share_updates(run, driver, updated)?;
    run.progress.skipped_in_row = 0;
    run.console.measured(action);
    Ok(stepped)
}

/// Counts an optimizer step that is skipped because the norm of the gradients is not finite, and
/// warns of the first one.
pub(super) fn skip_step(
    optimizer: &str,
    norm: f64,
    progress: &mut LoopState,
    metrics: &mut MetricStore,
    console: &mut Console,
) {
    progress.counters.skipped_steps += 1;
    // The loss may be the cause, and does not show in the weights, which stay finite.
    metrics.suspect();
    if !std::mem::replace(&mut progress.told_norm, true) {
        let what = NotFinite::describe(norm, progress.place());
        console.warn(format!(
            "the norm of the gradients of `{optimizer}` {what}, and cannot be clipped: such steps are skipped; check the batch \
             and the learning rate, or write `detect_anomaly(true)` to name the parameter"
        ));
    }
}
