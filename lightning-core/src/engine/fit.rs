//! Runs `fit`: from the loaders to the last epoch.

use crate::{
    engine::{
        audit,
        driver::{CallbackStatesAfter, Driver},
        events::{safe_point, with_data, with_events},
        first_batch,
        fit_plan::{FitPlan, open_fit},
        guard, norm_statistics, ranks, resume,
        roll_back::roll_back,
        run::RunState,
        stop::{check_no_time, nothing_left},
        summary,
        train_epoch::train_epoch,
        train_step,
        validate::validate,
    },
    error::{ErrorKind, Result},
    hooks::Hook,
    metrics::ScopeId,
    module::FitContext,
    optim::Optimizer,
    progress::{Phase, StopReason},
    stage::Stage,
    trace::{self, Kind},
};

/// Trains, and returns why training ended.
///
/// # Errors
/// The first error of a step, hook, callback, loader or logger, with its location in the run.
pub(crate) fn fit(run: &mut RunState, driver: &mut dyn Driver, has_validation_step: bool) -> Result<StopReason> {
    with_data(run, driver, |run, driver| {
        resume::restore(run, driver)?;
        if run.settings.limits.train.is_zero() {
            return Ok(StopReason::NoTraining);
        }
        // A resumed run restores its optimizers even if nothing is left to do, so that its next
        // checkpoint contains them.
        if run.resume.checkpoint.is_none()
            && let Some(reason) = nothing_left(run)
        {
            return Ok(reason);
        }
        let mut plan = open_fit(run, driver, has_validation_step)?;
        let mut reload = false;
        if run.settings.limits.reload_every_n_epochs.is_some() && !driver.can_reload() {
            run.console.warn(
                "`reload_dataloaders_every_n_epochs` needs a data module, found loaders: they are not reloaded"
                    .to_owned(),
            );
        }
        ranks::share_weights(run, driver)?;
        configure(run, driver, plan.whole_batches)?;
        resume::restore_training_state(run, driver, plan.all_batches)?;
        plan_log(run, &plan);
        warn_of_resumed_end(run);
        if let Some(reason) = nothing_left(run) {
            // An epoch that a stop ended early counts as finished, as in the run that wrote the
            // checkpoint.
            run.progress.counters.epoch += u64::from(run.progress.position.phase != Phase::EpochStart);
            // The checkpoint of the last epoch was written before the callbacks set the final
            // weights.
            finish_weights(run, driver, &plan)?;
            return Ok(reason);
        }
        if !run.settings.whole.is_limited && run.settings.run.fast_dev_run.is_none() {
            run.console.warn(
                "`fit` trains for 1000 epochs, since no limit is set; write `max_epochs(…)`, `max_steps(…)` or `max_time(…)`"
                    .to_owned(),
            );
        }
        first_batch::announce(run, driver, plan.is_inline)?;
        guard::start(run);
        audit::start(run);
        let reason = with_events(run, driver, (Hook::OnFitStart, Hook::OnFitEnd), |run, driver| {
            check_no_time(run);
            sanity_check(run, driver, &plan)?;
            run.log.scope = run.log.metrics.reopen(Stage::Fit, 0, "");
            with_events(run, driver, (Hook::OnTrainStart, Hook::OnTrainEnd), |run, driver| {
                loop {
                    ranks::agree(run)?;
                    if let Some(reason) = nothing_left(run) {
                        run.log.scope = ScopeId::CLOSED;
                        finish_weights(run, driver, &plan)?;
                        return Ok(reason);
                    }
                    safe_point(run, driver, false)?;
                    if reload {
                        plan = open_fit(run, driver, has_validation_step)?;
                    }
                    train_epoch(run, driver, &plan)?;
                    if let Some(request) = run.progress.roll_back.take() {
                        roll_back(run, driver, &plan, request)?;
                        reload = false;
                        continue;
                    }
                    run.progress.counters.epoch += 1;
                    reload = is_time_to_reload(run, driver);
                }
            })
        });
        let shown = first_batch::end(run, driver);
        match reason.and_then(|reason| shown.map(|()| reason)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(StopReason::Interrupted),
            reason => reason,
        }
    })
}

/// Gives the module its final weights, such as an average, and recomputes running statistics if
/// these weights need it.
fn finish_weights(run: &mut RunState, driver: &mut dyn Driver, plan: &FitPlan) -> Result<()> {
    if driver.final_weights(run)? {
        norm_statistics::update_bn(run, driver, plan.train_batches)?;
    }
    ranks::average_statistics(run, driver)
}

/// Warns if a run resumes beyond the end that its settings give, where it trains nothing.
fn warn_of_resumed_end(run: &mut RunState) {
    let (counters, length) = (run.progress.counters, &run.settings.length);
    let Some(from) = &run.resume.resumed_from else { return };
    let passed = match (length.max_epochs, length.max_steps) {
        (Some(epochs), _) if counters.epoch > epochs as u64 => {
            format!("{} epochs, more than `max_epochs({epochs})`", counters.epoch)
        }
        (_, Some(steps)) if counters.global_step > steps => {
            format!("{} optimizer steps, more than `max_steps({steps})`", counters.global_step)
        }
        _ => return,
    };
    run.console.warn(format!(
        "the run resumes from {} after {passed}: nothing is trained; write a larger limit to continue",
        from.path.display()
    ));
}

/// Warns if an epoch has fewer optimizer steps than the interval of the log, and decides whether
/// the last step of an epoch is logged as well.
fn plan_log(run: &mut RunState, plan: &FitPlan) {
    let every = run.log.every_n_steps;
    let optimization = &run.settings.optimization;
    let steps = |epochs: usize| Some(optimization.steps(epochs as u64, plan.train_batches?));
    let length = &run.settings.length;
    let ends = [length.max_steps, length.max_epochs.and_then(steps)];
    // Of a resumed run the whole is decided on, so that its log is that of an undisturbed run.
    let start = if run.resume.resumed_from.is_some() { 0 } else { run.progress.counters.global_step };
    let next = (start / every).saturating_add(1).saturating_mul(every);
    let is_reached = ends.into_iter().flatten().min().is_some_and(|end| end >= next);
    run.log.last_steps_below = if is_reached { 0 } else { next };
    let Some(an_epoch) = steps(1).filter(|steps| *steps < every) else { return };
    if run.log.enabled && !run.log.loggers.is_empty() {
        run.console.warn(format!(
            "`log_every_n_steps({every})` is more than the {an_epoch} optimizer steps of an epoch, so that step values are \
             logged less than once an epoch; write `log_every_n_steps({an_epoch})` or less"
        ));
    }
}

/// Whether the loaders are opened again before the next epoch.
fn is_time_to_reload(run: &RunState, driver: &dyn Driver) -> bool {
    let every = run.settings.limits.reload_every_n_epochs;
    driver.can_reload() && every.is_some_and(|every| run.progress.counters.epoch.is_multiple_of(every as u64))
}

/// Checks the parameters, and creates the optimizers or assigns the parameters to existing ones.
/// `batches` is the number of batches in an epoch, for schedules.
///
/// # Errors
/// If a parameter or an optimizer is not valid, or the module's `configure_optimizers` fails.
pub(super) fn configure(run: &mut RunState, driver: &mut dyn Driver, batches: Option<u64>) -> Result<()> {
    summary::check_parameters(driver)?;
    let whole = &run.settings.whole.length;
    let max_epochs = whole.max_epochs.map(|epochs| epochs as u64);
    let cx = FitContext {
        max_epochs,
        max_steps: whole.max_steps,
        steps_by_epochs: max_epochs
            .zip(batches)
            .map(|(epochs, batches)| run.settings.optimization.steps(epochs, batches)),
        batches_per_epoch: batches,
        device: run.progress.device.clone(),
    };
    // A second `fit` of the same trainer continues with the optimizers of the first, and their
    // states.
    if run.train.optimizers.is_empty() {
        let setups = driver
            .configure_optimizers(&cx)
            .map_err(|error| error.at(run.progress.location(Some("configure_optimizers".to_owned()), false)))?;
        let fused = run.settings.optimization.fused;
        let setups = setups.into_iter().map(|setup| if fused { setup } else { setup.unfused() }).collect();
        return train_step::configure(run, driver, setups);
    }
    train_step::bind(run, driver)
}

/// Runs a few validation batches before training, to find an error in `validation_step` now rather
/// than after an epoch. It changes nothing: the module is rolled back, the metrics are dropped, and
/// random numbers depend only on the step.
fn sanity_check(run: &mut RunState, driver: &mut dyn Driver, plan: &FitPlan) -> Result<()> {
    let steps = run.settings.validation.sanity_steps;
    if plan.val.is_empty() || steps == 0 || run.progress.counters.batch_step > 0 || run.resume.resumed_from.is_some() {
        return Ok(());
    }
    let _span = trace::span(Kind::Loop, "sanity_check");
    driver.save_rollback().map_err(|error| error.at(run.progress.location(None, false)))?;
    run.progress.sanity_checking = true;
    let hooks = (Hook::OnSanityCheckStart, Hook::OnSanityCheckEnd);
    let result = with_events(run, driver, hooks, |run, driver| {
        validate(run, driver, &plan.val, Some(steps))?;
        let known = run.log.metrics.known();
        let mut schedules = run.train.optimizers.iter().filter_map(Optimizer::schedule);
        schedules.try_for_each(|schedule| schedule.check_loader(known))
    });
    run.progress.sanity_checking = false;
    driver.rollback(CallbackStatesAfter::Current);
    run.log.metrics.reset();
    result
}
