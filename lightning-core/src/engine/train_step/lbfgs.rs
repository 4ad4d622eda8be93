//! A training step with L-BFGS.

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

/// A step of L-BFGS, which evaluates the loss until it has found a better place.
pub(super) fn search(run: &mut RunState, driver: &mut dyn Driver) -> Result<bool> {
    driver.hook(Hook::OnBeforeZeroGrad, run)?;
    driver.hook(Hook::OnBeforeOptimizerStep, run)?;
    let mut flat = FlatParams::default();
    driver.visit(&mut flat)?;
    let Some(mut lbfgs) = run.train.optimizers.first_mut().and_then(Optimizer::take_lbfgs) else { return Ok(false) };
    let lr = run.train.optimizers.first().map_or(0.0, Optimizer::lr);
    let cell = std::cell::RefCell::new((&mut *run, &mut *driver));
    let mut evaluate = |values: &mut dyn ValueMapper| {
        let (run, driver) = &mut *cell.borrow_mut();
        driver.update(values)?;
        let call = StepCall { step: 0, keep: true };
        let Some(output) = driver.step(LoaderId::Train, call, run)? else {
            return Err(Error::data("`training_step` returned `None` in a search of L-BFGS")
                .help("return a loss for every batch, or use another optimizer"));
        };
        let loss = output.weight.mean_of(output.loss.clone().inner());
        differentiate(run, *driver, 0, output)?;
        let window = run.train.accumulators.first_mut().map(std::mem::take).unwrap_or_default();
        Ok((readback::host_scalar(loss), window))
    };
    let mut write = |values: &mut dyn ValueMapper| cell.borrow_mut().1.update(values);
    let result = flat.step(&mut lbfgs, lr, &mut evaluate, &mut write);
    if let Some(optimizer) = run.train.optimizers.first_mut() {
        optimizer.put_lbfgs(lbfgs);
        result?;
        step_schedule(optimizer)?;
    }
    Ok(true)
}
