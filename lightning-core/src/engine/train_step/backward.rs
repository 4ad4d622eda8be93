//! Backward passes, into the accumulation buffers.

use std::ops::Range;

use burn::tensor::Tensor;

use super::anomaly::find_anomaly;
use crate::{
    engine::{driver::Driver, loss_scaling, run::RunState},
    error::{Error, Result},
    hooks::Hook,
    module::TrainingOutput,
    optim::TrainState,
    os::panics::catch_panic,
};

/// The optimizers that a window is for.
pub(super) fn range(run: &RunState, window: usize) -> Range<usize> {
    match run.train.bound.get(window) {
        Some(at) => *at..at + 1,
        None => 0..run.train.optimizers.len(),
    }
}

/// The backward pass of one batch, into the window's gradients.
pub(super) fn differentiate(
    run: &mut RunState,
    driver: &mut dyn Driver,
    window: usize,
    output: TrainingOutput,
) -> Result<()> {
    let TrainingOutput { loss, weight, output } = output;
    run.outputs.training = output;
    check_loss(&loss).map_err(|error| error.at(run.progress.location(Some("training_step".to_owned()), true)))?;
    run.progress.loss = Some(weight.mean_of(loss.clone().inner()));
    if run.train.accumulators.get(window).is_none_or(|window| window.micro_batches() == 0) {
        driver.hook(Hook::OnBeforeZeroGrad, run)?;
    }
    driver.hook(Hook::OnBeforeBackward, run)?;
    let since = run.console.clock();
    let loss = loss_scaling::scaled(run, window, loss);
    let mut gradients = catch_panic(|| Ok(loss.backward()))
        .map_err(|error| error.at(run.progress.location(Some("backward".to_owned()), true)))?;
    // The graph's root goes before the update, or its buffers could not be reused there.
    drop(loss);
    let range = range(run, window);
    let TrainState { accumulators, optimizers, .. } = &mut run.train;
    if let (Some(window), Some(optimizers)) = (accumulators.get_mut(window), optimizers.get_mut(range)) {
        driver.visit(&mut window.collector(&mut gradients, weight, optimizers))?;
    }
    drop(gradients);
    run.console.measured("backward", since);
    if run.settings.optimization.detect_anomaly {
        find_anomaly(run, driver, window)?;
    }
    driver.hook(Hook::OnAfterBackward, run)
}

/// # Errors
/// When the loss is no single number, or depends on nothing that is trained.
pub(crate) fn check_loss(loss: &Tensor<1>) -> Result<()> {
    let [elements] = loss.dims();
    if elements != 1 {
        return Err(Error::data(format!("the loss has {elements} elements")).help("return one number: `loss.mean()`"));
    }
    if !loss.is_tracked() {
        return Err(Error::data("the loss depends on no trainable parameter")
            .help("compute it from the module's output without `detach` or `inner`, and leave a field unfrozen"));
    }
    Ok(())
}
