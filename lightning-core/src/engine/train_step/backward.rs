//! Runs backward passes, and adds the gradients to the accumulation buffers.

use std::ops::Range;

use burn::tensor::Tensor;

use super::anomaly::find_anomaly;
use crate::{
    engine::{audit, driver::Driver, guard, loss_scaling, ranks, run::RunState},
    error::{Error, Result},
    hooks::Hook,
    module::TrainingOutput,
    optim::{TrainState, Weight},
    os::panics::catch_panic,
    strategy::ambient,
    trace::Kind,
};

/// Returns the indices of the optimizers that an accumulation buffer is for.
pub(super) fn optimizers_of(run: &RunState, buffer: usize) -> Range<usize> {
    match run.train.bound.get(buffer) {
        Some(at) => *at..at + 1,
        None => 0..run.train.optimizers.len(),
    }
}

/// Runs the backward pass of one batch, and adds the gradients to an accumulation buffer. `share` is
/// that of the pass in the batch: it weights a loss that has no weight of its own.
///
/// # Errors
/// If the loss cannot be differentiated, a hook fails, or `detect_anomaly` finds a value that is
/// not finite.
pub(super) fn differentiate(
    run: &mut RunState,
    driver: &mut dyn Driver,
    buffer: usize,
    output: TrainingOutput,
    share: f64,
) -> Result<()> {
    let TrainingOutput { loss, weight, is_mean, output } = output;
    let (loss, weight) = match is_mean && share != 1.0 {
        true => (loss.mul_scalar(share), Weight::Number(share)),
        false => (loss, weight),
    };
    run.outputs.training = output;
    check_loss(&loss).map_err(|error| error.at(run.progress.location(Some("training_step".to_owned()), true)))?;
    let mean = weight.mean_of(loss.clone().inner());
    guard::see_loss(run, &mean);
    run.progress.set_loss(mean);
    if run.train.accumulators.get(buffer).is_none_or(|buffer| buffer.micro_batches() == 0) {
        driver.hook(Hook::OnBeforeZeroGrad, run)?;
    }
    driver.hook(Hook::OnBeforeBackward, run)?;
    let action = run.console.start(Kind::Step, "backward");
    let loss = loss_scaling::scaled(run, buffer, loss);
    ranks::begin_backward(run, buffer, true)?;
    let at = ranks::point(run, "backward pass");
    let mut gradients = ambient::lend(&mut run.strategy, at, || catch_panic(|| Ok(loss.backward())))
        .map_err(|error| error.at(run.progress.location(Some("backward".to_owned()), true)))?;
    // Dropped before the update, which can then reuse the memory of the graph.
    drop(loss);
    let range = optimizers_of(run, buffer);
    let TrainState { accumulators, optimizers, .. } = &mut run.train;
    if let (Some(buffer), Some(optimizers)) = (accumulators.get_mut(buffer), optimizers.get_mut(range.clone())) {
        driver.visit(&mut buffer.collector(&mut gradients, weight, optimizers))?;
    }
    drop(gradients);
    run.console.measured(action);
    if run.audit.is_pending() {
        let RunState { audit, train: TrainState { accumulators, optimizers, .. }, .. } = run;
        if let (Some(gradients), Some(optimizers)) = (accumulators.get(buffer), optimizers.get(range)) {
            audit::see_gradients(audit, gradients, optimizers, &|visitor| driver.visit(visitor))?;
        }
    }
    guard::see_gradients(run, driver, buffer)?;
    if run.settings.optimization.detect_anomaly {
        find_anomaly(run, driver, buffer)?;
    }
    driver.hook(Hook::OnAfterBackward, run)
}

/// Checks that a loss can be differentiated.
///
/// # Errors
/// If the loss has more than one element, or depends on no trainable parameter.
pub(crate) fn check_loss(loss: &Tensor<1>) -> Result<()> {
    let [elements] = loss.dims();
    if elements != 1 {
        return Err(Error::data(format!("the loss must have 1 element, found {elements}"))
            .help("return its mean: `loss.mean()`"));
    }
    if !loss.is_tracked() {
        return Err(Error::data("the loss depends on no trainable parameter")
            .help("compute it from the module's output without `detach` or `inner`, and leave a field unfrozen"));
    }
    Ok(())
}
