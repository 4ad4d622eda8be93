//! Trains on one batch with L-BFGS.

use super::{backward::differentiate, schedules::step_schedule};
use crate::{
    data::StepCall,
    engine::{
        driver::{Driver, LoaderId},
        run::RunState,
    },
    error::{Error, Result},
    hooks::Hook,
    optim::{FlatParams, Optimizer},
    params::ValueMapper,
    tensor::readback,
};

/// Runs a step of L-BFGS, whose line search evaluates the loss several times on the same batch.
///
/// # Errors
/// The first error of an evaluation, a hook or the schedule; also if `training_step` returns
/// `None`.
pub(super) fn lbfgs_step(run: &mut RunState, driver: &mut dyn Driver) -> Result<bool> {
    driver.hook(Hook::OnBeforeZeroGrad, run)?;
    driver.hook(Hook::OnBeforeOptimizerStep, run)?;
    let mut flat = FlatParams::default();
    driver.visit(&mut flat)?;
    let Some(mut lbfgs) = run.train.optimizers.first_mut().and_then(Optimizer::take_lbfgs) else { return Ok(false) };
    let lr = run.train.optimizers.first().map_or(0.0, Optimizer::lr);
    // Both closures need the run and the driver; the search calls one at a time.
    let cell = std::cell::RefCell::new((&mut *run, &mut *driver));
    let mut evaluate = |values: &mut dyn ValueMapper| {
        let (run, driver) = &mut *cell.borrow_mut();
        driver.update(values)?;
        let call = StepCall { step: 0, keep: true, part: None };
        let Some(output) = driver.step(LoaderId::Train, call, run)? else {
            return Err(Error::data("`training_step` must return a loss in a step of L-BFGS, found `None`")
                .help("return a loss for every batch, or use another optimizer"));
        };
        let loss = output.weight.mean_of(output.loss.clone().inner());
        differentiate(run, *driver, 0, output, 1.0)?;
        // The search may try a point where the loss is not finite, and leaves it again.
        run.progress.losses.is_known = true;
        let gradients = run.train.accumulators.first_mut().map(std::mem::take).unwrap_or_default();
        // sync: every evaluation; the line search compares losses.
        Ok((readback::host_scalar(loss), gradients))
    };
    let mut write = |values: &mut dyn ValueMapper| cell.borrow_mut().1.update(values);
    let result = flat.step(&mut lbfgs, lr, &mut evaluate, &mut write);
    // Put back before an error returns: the state is not lost with a failed search.
    if let Some(optimizer) = run.train.optimizers.first_mut() {
        optimizer.put_lbfgs(lbfgs);
        result?;
        optimizer.steps += 1;
        step_schedule(optimizer).map_err(|error| error.at(run.progress.location(None, true)))?;
    }
    run.progress.losses.is_known = false;
    Ok(true)
}
