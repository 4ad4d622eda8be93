//! Runs validation, testing and prediction: every batch of every loader.

use crate::{
    data::{EpochOffset, StepCall},
    engine::{
        driver::{Driver, LoaderId, LoaderInfo},
        events::{check_signals, with_events},
        ranks,
        run::RunState,
    },
    error::Result,
    hooks::Hook,
    metrics::ScopeId,
    progress::Limit,
    stage::Stage,
    trace::{self, Kind},
};

/// The hooks of one evaluation stage.
struct EvalHooks {
    start: Hook,
    end: Hook,
    epoch_start: Hook,
    epoch_end: Hook,
    batch_start: Hook,
    batch_end: Hook,
}

impl EvalHooks {
    const fn of(stage: Stage) -> Self {
        match stage {
            Stage::Test => Self {
                start: Hook::OnTestStart,
                end: Hook::OnTestEnd,
                epoch_start: Hook::OnTestEpochStart,
                epoch_end: Hook::OnTestEpochEnd,
                batch_start: Hook::OnTestBatchStart,
                batch_end: Hook::OnTestBatchEnd,
            },
            Stage::Predict => Self {
                start: Hook::OnPredictStart,
                end: Hook::OnPredictEnd,
                epoch_start: Hook::OnPredictEpochStart,
                epoch_end: Hook::OnPredictEpochEnd,
                batch_start: Hook::OnPredictBatchStart,
                batch_end: Hook::OnPredictBatchEnd,
            },
            Stage::Fit | Stage::Validate => Self {
                start: Hook::OnValidationStart,
                end: Hook::OnValidationEnd,
                epoch_start: Hook::OnValidationEpochStart,
                epoch_end: Hook::OnValidationEpochEnd,
                batch_start: Hook::OnValidationBatchStart,
                batch_end: Hook::OnValidationBatchEnd,
            },
        }
    }
}

/// Validates, tests or predicts on every batch of every loader, and returns the number of batches.
/// `limit` is a further limit on the batches of each loader.
pub(crate) fn evaluate(
    run: &mut RunState,
    driver: &mut dyn Driver,
    loaders: &[LoaderInfo],
    limit: Option<u64>,
) -> Result<u64> {
    let stage = run.progress.stage;
    let _span = trace::span(Kind::Loop, stage.name());
    let hooks = EvalHooks::of(stage);
    let suffixes = suffixes(loaders);
    // What epoch hooks log belongs to no loader, and has a scope of its own behind the loaders'.
    let own_scope = run.log.metrics.open(stage, loaders.len(), "");
    let mut scopes = Vec::with_capacity(loaders.len());
    for (index, suffix) in suffixes.iter().enumerate() {
        scopes.push(run.log.metrics.open(stage, index, suffix));
    }
    run.log.scope = own_scope;
    run.outputs.evaluation.clear();
    run.outputs.predicted.clear();
    with_events(run, driver, (hooks.start, hooks.end), |run, driver| {
        let batches = with_events(run, driver, (hooks.epoch_start, hooks.epoch_end), |run, driver| {
            let mut batches = 0;
            for (index, (info, scope)) in loaders.iter().zip(&scopes).enumerate() {
                run.log.scope = *scope;
                run.progress.loader_idx = index;
                batches += evaluate_loader(run, driver, info, index, limit, &hooks)?;
            }
            run.log.scope = own_scope;
            ranks::merge_metrics(run, stage)?;
            run.log.metrics.begin_epoch_end(stage)?;
            Ok(batches)
        })?;
        run.log.scope = ScopeId::CLOSED;
        ranks::merge_metrics(run, stage)?;
        if !run.progress.sanity_checking {
            run.progress.counters.validation_runs += u64::from(stage == Stage::Validate);
            let ended = run.log.metrics.end_epoch(stage, run.progress.counters.epoch);
            let values = ended.map_err(|error| error.at(run.progress.location(None, false)))?;
            run.log.log_epoch(&values, &run.progress, &mut run.console)?;
        }
        Ok(batches)
    })
}

/// Returns the limit on the batches of each evaluation loader, and the name of its setting.
pub(crate) fn evaluation_limit(run: &RunState) -> (Limit, &'static str) {
    let limits = &run.settings.limits;
    match run.progress.stage {
        Stage::Fit | Stage::Validate => (limits.val, "limit_val_batches"),
        Stage::Test => (limits.test, "limit_test_batches"),
        Stage::Predict => (limits.predict, "limit_predict_batches"),
    }
}

/// Returns the endings of the metrics' names for each loader; empty for a single loader.
fn suffixes(loaders: &[LoaderInfo]) -> Vec<String> {
    let several = loaders.len() > 1;
    loaders
        .iter()
        .enumerate()
        .map(|(index, loader)| match &loader.name {
            _ if !several => String::new(),
            Some(name) => format!("/{name}"),
            None => format!("/dataloader_idx_{index}"),
        })
        .collect()
}

fn evaluate_loader(
    run: &mut RunState,
    driver: &mut dyn Driver,
    info: &LoaderInfo,
    index: usize,
    limit: Option<u64>,
    hooks: &EvalHooks,
) -> Result<u64> {
    let loader = LoaderId::Eval(index);
    let (setting, name) = evaluation_limit(run);
    let batches = setting.of(info.len, name)?;
    let batches = match (batches, limit) {
        (Some(batches), Some(limit)) => Some(batches.min(limit)),
        (batches, limit) => batches.or(limit),
    };
    run.progress.batch_idx = 0;
    // Always epoch 0: a loader that shuffles reads the same order in every evaluation.
    driver.start(loader, EpochOffset { seed: run.progress.seed, epoch: 0, batch: 0 })?;
    // The sanity check has no progress bar.
    let shown = !run.progress.sanity_checking;
    if shown {
        run.console.bar.start_evaluation(run.progress.stage, batches);
    }
    let (mut own, mut samples) = (0, 0);
    while batches.is_none_or(|limit| run.progress.batch_idx < limit) {
        let fetched = driver.fetch(loader, run)?;
        if !ranks::round(run, info.len, info.all, fetched)? {
            break;
        }
        if run.progress.stage == Stage::Predict {
            samples = ranks::count_samples(run, samples)?;
        }
        if fetched {
            own += 1;
            driver.hook(hooks.batch_start, run)?;
            driver.step(loader, StepCall::default(), run)?;
            driver.hook(hooks.batch_end, run)?;
        }
        run.progress.batch_size = None;
        run.log.log_evaluated_batch(&run.progress)?;
        if shown {
            run.console.bar.eval_batch(run.progress.batch_idx);
        }
        ranks::agree_on_signals(run)?;
        check_signals(run, true)?;
        run.progress.batch_idx += 1;
    }
    if shown {
        run.console.bar.end_evaluation();
    }
    driver.end(loader);
    run.outputs.predicted.push(own);
    ranks::total(run, own)
}
