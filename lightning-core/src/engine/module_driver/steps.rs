//! Runs the steps of the module.

use std::{
    any::TypeId,
    cell::{Cell, RefCell},
};

use burn::tensor::Device;

use super::ModuleDriver;
use crate::{
    data::StepCall,
    engine::{
        driver::{DriveSteps, LoaderId},
        loss_scaling::{explain, loss_in_f32},
        manual::ManualRun,
        ranks,
        run::RunState,
    },
    error::{Error, Result},
    hooks::Hook,
    metrics::ambient::record,
    module::{LightningModule, Optimizers, StepContext, TrainingMode, TrainingOutput, hook_label},
    os::panics::catch_panic,
    params::{DynMapper, MapMode},
    precision::{RunningStatistics, lowered},
    stage::Stage,
    strategy::ambient,
    trace::Kind,
};

/// Returns what the step sees of the run.
fn step_context<'a>(run: &RunState, device: &'a Device) -> StepContext<'a> {
    StepContext {
        stage: run.progress.stage,
        epoch: run.progress.counters.epoch,
        batch_idx: run.progress.batch_idx as usize,
        dataloader_idx: run.progress.loader_idx,
        global_step: run.progress.counters.global_step,
        batch_step: match run.progress.stage {
            Stage::Fit => run.micro_batch(),
            _ => run.progress.counters.batch_step,
        },
        seed: run.progress.seed,
        rank: run.strategy.rank().global,
        world_size: run.strategy.rank().world_size,
        device,
        draws: Cell::new(0),
        kept: RefCell::new(None),
    }
}

/// Whether the module has a hook that takes the batch after the step.
fn keeps_batch<M: LightningModule>(stage: Stage) -> bool {
    M::BATCH_HOOKS.contains(match stage {
        Stage::Fit => Hook::OnTrainBatchEnd,
        Stage::Validate => Hook::OnValidationBatchEnd,
        Stage::Test => Hook::OnTestBatchEnd,
        Stage::Predict => Hook::OnPredictBatchEnd,
    })
}

/// Returns the name of the method that is the step.
fn step_name(stage: Stage, training: TrainingMode, step: usize) -> &'static str {
    match (stage, training) {
        (Stage::Fit, TrainingMode::Bound(steps)) => steps.get(step).map_or("training_step", |step| step.name),
        _ => stage.step(),
    }
}

impl<M: LightningModule> DriveSteps for ModuleDriver<'_, M> {
    fn step(&mut self, loader: LoaderId, call: StepCall, run: &mut RunState) -> Result<Option<TrainingOutput>> {
        let named = match loader {
            LoaderId::Train => self.train.as_mut(),
            LoaderId::Eval(index) => self.eval.get_mut(index),
        }
        .ok_or_else(|| Error::data("the loader is not open"))?;
        let module = self.module.get()?;
        // Taken out of the run, because the step context borrows the run while the step logs.
        let mut entries = std::mem::take(&mut run.log.inbox);
        let cx = step_context(run, &run.progress.device);
        let lowering = run.train.lowering;
        // In training the low-precision copy updates the running statistics of the module; in
        // evaluation it must not.
        let statistics = match run.progress.stage {
            Stage::Fit => RunningStatistics::Shared,
            Stage::Validate | Stage::Test | Stage::Predict => RunningStatistics::Copied,
        };
        // Without a later use the step gets the batch by value.
        let call = StepCall { keep: call.keep || keeps_batch::<M>(run.progress.stage), ..call };
        let action = run.console.start(Kind::Step, step_name(run.progress.stage, M::TRAINING, call.step));
        let (stage, host) = (run.progress.stage, run.log.reads_at_once());
        let taps = if stage == Stage::Fit && run.train.fills { run.strategy.taps(call.step) } else { None };
        let tapped = taps.map(|taps| {
            let change = |index, value| taps.on(index, value);
            module.clone().map(&mut DynMapper::new(MapMode::Inside { change: &change }))
        });
        let module = tapped.as_ref().unwrap_or(module);
        let at = ranks::point(run, "step");
        let result = record(Some(TypeId::of::<M>()), stage, host, &mut entries, || {
            ambient::lend(&mut run.strategy, at, || {
                catch_panic(|| match lowering {
                    Some(dtype) => named.fetcher.run(&lowered(module, dtype, statistics), call, &cx),
                    None => named.fetcher.run(module, call, &cx),
                })
            })
        });
        let kept = cx.kept.into_inner();
        run.outputs.evaluation.extend(kept);
        run.log.inbox = entries;
        run.console.measured(action);
        let output = result.map_err(|error| {
            let step = step_name(run.progress.stage, M::TRAINING, call.step);
            explain(error, run).at(run.progress.location(Some(hook_label::<M>(step)), true))
        })?;
        // Those of a part wait for its backward pass.
        if call.part.is_none() {
            run.log.drain(&run.progress, true).map_err(|error| error.at(run.progress.location(None, true)))?;
        }
        Ok(output.map(loss_in_f32))
    }

    fn manual_step(&mut self, run: &mut RunState) -> Result<Option<TrainingOutput>> {
        let named = self.train.as_mut().ok_or_else(|| Error::data("the loader is not open"))?;
        let module = self.module.get_mut()?;
        let mut entries = std::mem::take(&mut run.log.inbox);
        // A clone, because `ManualRun` borrows the whole run.
        let device = run.progress.device.clone();
        let cx = step_context(run, &device);
        let (stage, host) = (run.progress.stage, run.log.reads_at_once());
        let keep = keeps_batch::<M>(stage);
        let action = run.console.start(Kind::Step, "training_step");
        let at = ranks::point(run, "step");
        ambient::start(&mut run.strategy, at);
        let mut manual = ManualRun { run, callbacks: self.callbacks };
        let mut optimizers = Optimizers::new(&mut manual);
        let result = record(Some(TypeId::of::<M>()), stage, host, &mut entries, || {
            catch_panic(|| named.fetcher.run_manual(module, &mut optimizers, keep, &cx))
        });
        let result = ambient::end(&mut run.strategy).and(result);
        run.log.inbox = entries;
        run.console.measured(action);
        let output =
            result.map_err(|error| error.at(run.progress.location(Some(hook_label::<M>("training_step")), true)))?;
        run.log.drain(&run.progress, true).map_err(|error| error.at(run.progress.location(None, true)))?;
        Ok(output)
    }
}
