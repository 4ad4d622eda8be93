//! What a training batch does to the module: backward passes, accumulation windows, updates and schedules.

use std::ops::Range;

use burn::{
    module::ParamId,
    tensor::{Tensor, kind::BridgeTensor},
};

use crate::{
    console::table,
    data::StepCall,
    engine::{
        driver::{Driver, LoaderId},
        loss_scaling,
        run::RunState,
    },
    error::{Error, ErrorKind, Result},
    hooks::Hook,
    module::{BoundStep, TrainingMode, TrainingOutput},
    optim::{Binding, FlatParams, GradientStore, Interval, Optimizer, OptimizerSetup, Scaling, TrainState},
    os::panics::catch_panic,
    params::{ErasedVisitor, FloatParam},
    tensor::{any_rank::with_rank, readback},
};

/// Makes the optimizers of a run and finds out what each trains.
///
/// # Errors
/// Everything that LIGHTNING's users find out after an hour: a group that matches nothing, a parameter with two
/// optimizers, a step for an optimizer that does not exist.
pub(crate) fn configure(run: &mut RunState, driver: &dyn Driver, setups: Vec<OptimizerSetup>) -> Result<()> {
    let mut optimizers: Vec<Optimizer> = Vec::with_capacity(setups.len());
    for setup in setups {
        let optimizer = Optimizer::new(setup)?;
        if optimizers.iter().any(|known| known.name() == optimizer.name()) {
            return Err(Error::config(format!("two optimizers are called `{}`", optimizer.name()))
                .help("give one of them another name"));
        }
        optimizers.push(optimizer);
    }
    run.train.optimizers = optimizers;
    check(run)?;
    bind(run, driver)
}

/// Finds out again what each optimizer trains, at the start of every `fit`.
///
/// # Errors
/// As [`configure`].
pub(crate) fn bind(run: &mut RunState, driver: &dyn Driver) -> Result<()> {
    let mut binding = Binding::new(&mut run.train.optimizers);
    driver.visit(&mut binding)?;
    let (counts, idle) = binding.finish()?;
    run.train.trained = counts;
    if !idle.is_empty() {
        let paths = table::listed(idle.iter().map(String::as_str));
        run.console.warn(format!(
            "no optimizer trains {paths}: mark the field `#[frozen]`, or give it to an optimizer with `fields(…)`"
        ));
    }
    let steps: Vec<&BoundStep> = match run.info.training {
        TrainingMode::Bound(steps) => steps.iter().collect(),
        TrainingMode::Plain | TrainingMode::Manual => Vec::new(),
    };
    run.train.bound = steps.iter().map(|step| position(run, step)).collect::<Result<_>>()?;
    let windows = steps.len().max(1);
    run.train.accumulators.clear();
    run.train.accumulators.resize_with(windows, GradientStore::default);
    loss_scaling::start(run)
}

fn position(run: &RunState, step: &BoundStep) -> Result<usize> {
    let known = run.train.optimizers.iter().position(|optimizer| optimizer.name() == step.optimizer);
    known.ok_or_else(|| {
        let names = table::listed(run.train.optimizers.iter().map(Optimizer::name));
        Error::config(format!("`{}` trains `{}`, and there is no optimizer of this name", step.name, step.optimizer))
            .help(format!("the optimizers are {names}"))
    })
}

fn check(run: &RunState) -> Result<()> {
    for optimizer in &run.train.optimizers {
        if optimizer.is_lbfgs() {
            let alone = run.train.optimizers.len() == 1 && matches!(run.info.training, TrainingMode::Plain);
            if !alone {
                return Err(Error::config(format!("`{}` is L-BFGS, which trains alone", optimizer.name()))
                    .help("give it all fields and one plain `training_step`, or use another optimizer"));
            }
            if run.settings.optimization.accumulates() || run.settings.optimization.clip.is_some() {
                return Err(Error::config(format!(
                    "`{}` is L-BFGS, which evaluates the loss several times a step",
                    optimizer.name()
                ))
                .help("leave `accumulate_grad_batches` and `gradient_clip_val` out, and use larger batches"));
            }
            if run.info.hooks.contains(Hook::ConfigureGradientClipping) {
                return Err(Error::config(format!(
                    "`{}` is L-BFGS, which never calls `configure_gradient_clipping`",
                    optimizer.name()
                ))
                .help("leave the hook out, or use another optimizer"));
            }
        }
        let watched = optimizer.schedule().and_then(|schedule| schedule.monitored());
        if let Some(name) = watched
            && !run.progress.validation.enabled
            && run.info.is_validation_only(name)
        {
            return Err(Error::config(format!(
                "the schedule of `{}` watches `{name}`, which only validation gives, and there is none",
                optimizer.name()
            ))
            .help("pass `(train, val)` or write `val_dataloader`, or watch a training metric"));
        }
    }
    Ok(())
}

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

/// The optimizers that a window is for.
fn range(run: &RunState, window: usize) -> Range<usize> {
    match run.train.bound.get(window) {
        Some(at) => *at..at + 1,
        None => 0..run.train.optimizers.len(),
    }
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

/// The backward pass of one batch, into the window's gradients.
fn differentiate(run: &mut RunState, driver: &mut dyn Driver, window: usize, output: TrainingOutput) -> Result<()> {
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
/// When a window is full and its update fails.
fn close(run: &mut RunState, driver: &mut dyn Driver, window: usize, last: bool) -> Result<bool> {
    let passes = run.train.accumulators.get(window).map_or(0, GradientStore::micro_batches);
    if passes == 0 || !(last || passes >= run.settings.optimization.window(run.progress.counters.epoch)) {
        return Ok(false);
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

/// A step of L-BFGS, which evaluates the loss until it has found a better place.
fn search(run: &mut RunState, driver: &mut dyn Driver) -> Result<bool> {
    driver.hook(Hook::OnBeforeZeroGrad, run)?;
    driver.hook(Hook::OnBeforeOptimizerStep, run)?;
    let mut flat = FlatParams::default();
    driver.visit(&mut flat)?;
    let Some(mut lbfgs) = run.train.optimizers.first_mut().and_then(Optimizer::take_lbfgs) else { return Ok(false) };
    let lr = run.train.optimizers.first().map_or(0.0, Optimizer::lr);
    let cell = std::cell::RefCell::new((&mut *run, &mut *driver));
    let mut evaluate = |values: &mut dyn crate::params::ValueMapper| {
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
    let mut write = |values: &mut dyn crate::params::ValueMapper| cell.borrow_mut().1.update(values);
    let result = flat.step(&mut lbfgs, lr, &mut evaluate, &mut write);
    if let Some(optimizer) = run.train.optimizers.first_mut() {
        optimizer.put_lbfgs(lbfgs);
        result?;
        step_schedule(optimizer)?;
    }
    Ok(true)
}

/// Counts a step for the schedule. One that watches a metric goes on after the batch's validation.
fn step_schedule(optimizer: &mut Optimizer) -> Result<()> {
    let Some(schedule) = optimizer.schedule_mut().filter(|schedule| schedule.interval() == Interval::Step) else {
        return Ok(());
    };
    if !schedule.is_due() {
        return Ok(());
    }
    if schedule.watches() {
        optimizer.watch_due = true;
        return Ok(());
    }
    optimizer.with_schedule(|schedule| schedule.advance(None)).map(|_| ())
}

/// Counts an epoch for the schedules that do not watch a metric, as PyTorch Lightning does: at its last batch, before the
/// validation.
fn end_of_epoch_schedules(run: &mut RunState) -> Result<()> {
    for optimizer in &mut run.train.optimizers {
        let counts = |schedule: &&mut crate::optim::Schedule| schedule.interval() == Interval::Epoch;
        let Some(schedule) = optimizer.schedule_mut().filter(counts) else { continue };
        if !schedule.is_due() {
            continue;
        }
        if schedule.watches() {
            optimizer.watch_due = true;
        } else {
            optimizer.with_schedule(|schedule| schedule.advance(None))?;
        }
    }
    Ok(())
}

/// Lets the schedules of an interval that watch a metric, and are due, go on.
///
/// # Errors
/// When a watched metric has no value.
pub(crate) fn watch(run: &mut RunState, interval: Interval) -> Result<()> {
    let due = |optimizer: &Optimizer| {
        optimizer.watch_due && optimizer.schedule().is_some_and(|schedule| schedule.interval() == interval)
    };
    if !run.train.optimizers.iter().any(due) {
        return Ok(());
    }
    let metrics = run.log.metrics.metrics()?.clone();
    let validations = run.progress.counters.validation_runs;
    let mut warnings = Vec::new();
    let mut optimizers = std::mem::take(&mut run.train.optimizers);
    let mut result = Ok(());
    for optimizer in optimizers.iter_mut().filter(|optimizer| due(optimizer)) {
        optimizer.watch_due = false;
        let name = optimizer.schedule().and_then(|schedule| schedule.monitored());
        let validation = name.filter(|name| run.info.is_validation_only(name)).map(|_| validations);
        match optimizer.with_schedule(|schedule| schedule.advance_by(&metrics, validation)) {
            Ok(warning) => warnings.extend(warning.flatten()),
            Err(error) => result = result.and(Err(error)),
        }
    }
    run.train.optimizers = optimizers;
    for warning in warnings {
        if !run.console.warnings.contains(&warning) {
            run.console.warn(warning);
        }
    }
    result.map_err(|error| error.at(run.progress.location(None, interval == Interval::Step)))
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

/// # Errors
/// When the loss or a gradient is not finite: the first of them by name.
fn find_anomaly(run: &mut RunState, driver: &dyn Driver, window: usize) -> Result<()> {
    struct Path {
        index: usize,
        path: Option<String>,
    }

    impl ErasedVisitor for Path {
        fn float(&mut self, index: usize, _id: ParamId, path: &str, _param: &dyn FloatParam) -> Result<()> {
            if index == self.index {
                self.path = Some(path.to_owned());
            }
            Ok(())
        }
    }

    let error = |run: &RunState, what: String| {
        Err(Error::new(ErrorKind::Anomaly, what)
            .help("look at the batch and at what divides, takes a root or a logarithm; `detect_anomaly(false)` goes on")
            .at(run.progress.location(Some("backward".to_owned()), true)))
    };
    // sync: every batch, which is what `detect_anomaly` asks for.
    if let Some(loss) = run.progress.loss.clone()
        && !readback::host_scalar(loss).is_finite()
    {
        return error(run, "the loss is not finite".to_owned());
    }
    if run.train.scalers.get(window).is_some() {
        // Gradients that are not finite are how the scale is found.
        return Ok(());
    }
    let broken = run.train.accumulators.get(window).and_then(|window| {
        window.iter().find(|(_, gradient)| !is_finite(gradient.value.clone())).map(|(index, _)| index)
    });
    let Some(index) = broken else { return Ok(()) };
    let mut path = Path { index, path: None };
    driver.visit(&mut path)?;
    let path = path.path.unwrap_or_default();
    error(run, format!("the gradient of `{path}` is not finite, and the loss is"))
}

fn is_finite(value: BridgeTensor) -> bool {
    with_rank!(value.rank(), D => {
        let value = Tensor::<D>::from_bridge(value);
        let broken = value.clone().is_nan().bool_or(value.is_inf()).int().sum();
        broken.into_data().iter::<i64>().next() == Some(0)
    }, true)
}
