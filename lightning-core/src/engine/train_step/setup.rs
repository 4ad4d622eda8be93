//! Creates the optimizers of a run, and assigns the parameters to them.

use crate::{
    console::table,
    engine::{driver::Driver, loss_scaling, ranks, run::RunState},
    error::{Error, Result},
    hooks::Hook,
    module::{BoundStep, TrainingMode},
    optim::{Binding, GradientStore, Optimizer, OptimizerSetup},
    os::panics::catch_panic,
    settings::MicroBatch,
};

/// Creates the optimizers of a run, and assigns the parameters to them.
///
/// # Errors
/// If a parameter group matches no parameter, a parameter has two optimizers, two optimizers have
/// one name, a step names an optimizer that does not exist, or the settings do not fit an
/// optimizer.
pub(crate) fn configure(run: &mut RunState, driver: &dyn Driver, setups: Vec<OptimizerSetup>) -> Result<()> {
    let mut optimizers: Vec<Optimizer> = Vec::with_capacity(setups.len());
    for setup in setups {
        let name = setup.name().to_owned();
        let made = catch_panic(|| Ok(Optimizer::new(setup)));
        let optimizer =
            made.map_err(|error| error.at(run.progress.location(Some(format!("the schedule of {name}")), false)))??;
        optimizer.check_module((run.info.type_name)())?;
        if optimizers.iter().any(|known| known.name() == optimizer.name()) {
            return Err(Error::config(format!("two optimizers have the name `{}`", optimizer.name()))
                .help("give one of them another name"));
        }
        optimizers.push(optimizer);
    }
    run.train.optimizers = optimizers;
    check(run)?;
    let max_epochs = run.settings.whole.length.max_epochs.map(|epochs| epochs as u64);
    for optimizer in &run.train.optimizers {
        let warning = optimizer.schedule().and_then(|schedule| schedule.check_length(optimizer.name(), max_epochs));
        warning.into_iter().for_each(|text| run.console.warn(text));
    }
    bind(run, driver)
}

/// Assigns the parameters to the optimizers, at the start of every `fit`: fields may have been
/// frozen or replaced since the last one.
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
            "no optimizer trains {paths}: mark the field `#[frozen]`, or add it to an optimizer with `fields(…)`"
        ));
    }
    let steps: Vec<&BoundStep> = match run.info.training {
        TrainingMode::Bound(steps) => steps.iter().collect(),
        TrainingMode::Plain | TrainingMode::Manual => Vec::new(),
    };
    run.train.bound = steps.iter().map(|step| optimizer_of(run, step)).collect::<Result<_>>()?;
    let buffers = steps.len().max(1);
    let micro_batch = run.settings.optimization.micro_batch.as_ref();
    if micro_batch.is_some_and(MicroBatch::is_auto) && !run.strategy.rank().is_alone() {
        return Err(Error::config("`micro_batch(\"auto\")` cannot be combined with several processes")
            .help("write the number of samples that fits on each: `micro_batch(8)`"));
    }
    run.train.samples_of_pass = micro_batch.map_or(0, MicroBatch::first_limit);
    run.train.accumulators.clear();
    run.train.accumulators.resize_with(buffers, GradientStore::default);
    ranks::divide_states(run, driver)?;
    loss_scaling::start(run)
}

/// Returns the index of the optimizer that a bound step trains.
fn optimizer_of(run: &RunState, step: &BoundStep) -> Result<usize> {
    let known = run.train.optimizers.iter().position(|optimizer| optimizer.name() == step.optimizer);
    known.ok_or_else(|| {
        let names = table::listed(run.train.optimizers.iter().map(Optimizer::name));
        Error::config(format!("`{}` trains the optimizer `{}`, which does not exist", step.name, step.optimizer))
            .help(format!("the optimizers are {names}"))
    })
}

/// Checks what only the optimizers, the settings and the module show together.
fn check(run: &RunState) -> Result<()> {
    for optimizer in &run.train.optimizers {
        if optimizer.is_lbfgs() {
            let alone = run.train.optimizers.len() == 1 && matches!(run.info.training, TrainingMode::Plain);
            if !alone {
                return Err(Error::config(format!(
                    "`{}` is L-BFGS, which must be the only optimizer of one plain `training_step`",
                    optimizer.name()
                ))
                .help("let it train all fields, or use another optimizer"));
            }
            if !run.strategy.rank().is_alone() {
                return Err(Error::config(format!(
                    "`{}` is L-BFGS, which evaluates the loss of one batch several times, and the run has several processes",
                    optimizer.name()
                ))
                .help("train in one process, or use another optimizer"));
            }
            if run.settings.optimization.accumulates() || run.settings.optimization.clip.is_some() {
                return Err(Error::config(format!(
                    "`{}` is L-BFGS, which evaluates the loss several times a step and supports neither accumulation nor \
                     clipping",
                    optimizer.name()
                ))
                .help("remove `accumulate_grad_batches` and `gradient_clip_val`, and use larger batches"));
            }
            if run.info.hooks.contains(Hook::ConfigureGradientClipping) {
                return Err(Error::config(format!(
                    "`{}` is L-BFGS, which never calls `configure_gradient_clipping`",
                    optimizer.name()
                ))
                .help("remove the hook, or use another optimizer"));
            }
        }
        let watched = optimizer.schedule().and_then(|schedule| schedule.monitored());
        if let Some(name) = watched
            && !run.progress.validation.enabled
            && run.info.is_validation_only(name)
        {
            return Err(Error::config(format!(
                "the schedule of `{}` monitors `{name}`, which only validation logs, and `fit` has no validation",
                optimizer.name()
            ))
            .help("pass `(train, val)` or implement `val_dataloader`, or monitor a training metric"));
        }
    }
    Ok(())
}
