//! Makes the optimizers of a run, and finds out what each trains.

use crate::{
    console::table,
    engine::{driver::Driver, loss_scaling, run::RunState},
    error::{Error, Result},
    hooks::Hook,
    module::{BoundStep, TrainingMode},
    optim::{Binding, GradientStore, Optimizer, OptimizerSetup},
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
