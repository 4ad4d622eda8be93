//! Calls the hooks of the data module, the callbacks and the module.

use super::ModuleDriver;
use crate::{
    callbacks::CallbackOrder,
    engine::{
        driver::DriveHooks,
        hooks::{run_callbacks, run_own_hook},
        run::RunState,
    },
    error::Result,
    hooks::Hook,
    module::LightningModule,
    os::panics::{catch_panic, drop_caught},
    stage::Stage,
    trace::Kind,
};

impl<M: LightningModule> ModuleDriver<'_, M> {
    /// Runs the hook of the callbacks whose order is `wanted`.
    fn callbacks(&mut self, hook: Hook, run: &mut RunState, wanted: fn(CallbackOrder) -> bool) -> Result<()> {
        if self.callbacks.is_empty() {
            return Ok(());
        }
        run_callbacks(self.callbacks, self.module.get_mut()?, hook, run, wanted)
    }

    /// Runs the module's hook, if it implements it.
    fn own_hook(&mut self, hook: Hook, run: &mut RunState) -> Result<()> {
        if !M::HOOKS.contains(hook) {
            return Ok(());
        }
        if hook == Hook::ConfigureGradientClipping {
            // The module's `configure_gradient_clipping` replaces the settings of the trainer.
            run.train.clip = None;
        }
        let named = match run.progress.stage {
            // Most hooks do not take the batch, which need not be in memory any more.
            _ if !M::BATCH_HOOKS.contains(hook) => None,
            Stage::Fit => self.train.as_ref(),
            _ => self.eval.get(run.progress.loader_idx),
        };
        let batch = named.and_then(|named| named.fetcher.ready());
        run_own_hook(self.module.get_mut()?, hook, batch, run)
    }
}

impl<M: LightningModule> DriveHooks for ModuleDriver<'_, M> {
    fn prepare_data(&mut self, run: &mut RunState) -> Result<()> {
        catch_panic(|| self.source.prepare_data())
            .map_err(|error| error.at(run.progress.location(Some("prepare_data".to_owned()), false)))?;
        self.own_hook(Hook::PrepareData, run)
    }

    fn setup(&mut self, run: &mut RunState) -> Result<()> {
        let stage = run.progress.stage;
        catch_panic(|| self.source.setup(stage))
            .map_err(|error| error.at(run.progress.location(Some("setup".to_owned()), false)))?;
        self.hook(Hook::Setup, run)
    }

    fn teardown(&mut self, run: &mut RunState) -> Result<()> {
        let stage = run.progress.stage;
        // The module's hook runs and the loaders close even if the data module's teardown fails.
        let data = catch_panic(|| self.source.teardown(stage))
            .map_err(|error| error.at(run.progress.location(Some("teardown".to_owned()), false)));
        let closed = drop_caught("the loaders", (self.train.take(), std::mem::take(&mut self.eval)))
            .map_err(|error| error.at(run.progress.location(None, false)));
        self.hook(Hook::Teardown, run).and(data).and(closed)
    }

    fn hook(&mut self, hook: Hook, run: &mut RunState) -> Result<()> {
        // Only hooks that have something to call are measured.
        let is_called = M::HOOKS.contains(hook) || !(hook.is_for_module_alone() || self.callbacks.is_empty());
        let action = if is_called { run.console.start(Kind::Hook, hook.name()) } else { None };
        let callbacks = match hook {
            // The other callbacks follow in `monitors`, once the epoch's metrics are computed.
            Hook::OnTrainEpochEnd => self.callbacks(hook, run, |order| order == CallbackOrder::Normal),
            _ if hook.is_for_module_alone() => Ok(()),
            _ => self.callbacks(hook, run, |_| true),
        };
        // An end hook of the module runs even if a callback's has failed, so that what a start hook
        // acquired is released.
        if callbacks.is_err() && !hook.is_end() {
            return callbacks;
        }
        let own = self.own_hook(hook, run);
        run.console.measured(action);
        callbacks.and(own)
    }

    fn monitors(&mut self, hook: Hook, run: &mut RunState) -> Result<()> {
        self.callbacks(hook, run, |order| order != CallbackOrder::Normal)
    }

    fn final_weights(&mut self, run: &mut RunState) -> Result<bool> {
        let module = self.module.get_mut()?;
        let mut stale = false;
        for callback in self.callbacks.iter_mut() {
            stale |= catch_panic(|| callback.final_weights(&mut run.callback_context(), module)).map_err(|error| {
                error.at(run.progress.location(Some("a callback's final_weights".to_owned()), false))
            })?;
        }
        Ok(stale)
    }
}
