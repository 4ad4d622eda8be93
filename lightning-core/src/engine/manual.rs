//! Manual optimization: the engine's side of [`Optimizers`](crate::Optimizers).

use burn::tensor::{Gradients, Tensor};

use super::{
    audit,
    checkout::Checkout,
    guard, ranks,
    run::RunState,
    train_step::{check_loss, skip_step},
};
use crate::{
    callbacks::Callback,
    engine::hooks::run_hooks,
    error::{Error, Result},
    hooks::Hook,
    module::{LightningModule, ManualEngine},
    optim::{Clip, GradientStore, Optimizer, Scaling, Weight},
    os::panics::catch_panic,
    params::{parameters, visit},
    strategy::{Parameters, Point, ambient},
};

/// The buffer of manual optimization, whose gradients are not summed during backward passes.
const MANUAL: usize = usize::MAX;

/// The engine of a batch that the module optimizes manually.
pub(super) struct ManualRun<'a, M> {
    pub(super) run: &'a mut RunState,
    pub(super) callbacks: &'a mut [Box<dyn Callback<M>>],
}

impl<M: LightningModule> ManualRun<'_, M> {
    /// The point of an exchange for an optimizer.
    fn point(&self, what: &'static str, name: &str) -> Point {
        let mut at = ranks::point(self.run, what);
        at.part ^= self.run.train.optimizers.iter().position(|optimizer| optimizer.name() == name).unwrap_or(0) as u64;
        at
    }

    /// Sums the gradients of an optimizer over the processes.
    fn reduce(&mut self, name: &str, module: &M, gradients: &mut GradientStore) -> Result<()> {
        if self.run.strategy.rank().is_alone() {
            return Ok(());
        }
        let at = self.point("gradients of an optimizer", name);
        let names = || parameters(module);
        let RunState { strategy, progress, .. } = &mut *self.run;
        strategy.reduce(at, gradients, &Parameters { buffer: MANUAL, device: &progress.device, names: &names })
    }
}

impl<M: LightningModule> ManualEngine<M> for ManualRun<'_, M> {
    fn optimizers(&self) -> &[Optimizer] {
        &self.run.train.optimizers
    }

    fn optimizer(&mut self, name: &str) -> Result<&mut Optimizer> {
        self.run.train.optimizer(name)
    }

    fn backward(&mut self, module: &mut M, loss: Tensor<1>) -> Result<Gradients> {
        let reclaimed = ambient::reclaim(&mut self.run.strategy);
        let gradients = self.differentiate(module, loss);
        reclaimed.lend_again(&mut self.run.strategy);
        gradients
    }

    fn step(&mut self, name: &str, module: &mut M, gradients: Gradients, clip: Option<Clip>) -> Result<()> {
        let reclaimed = ambient::reclaim(&mut self.run.strategy);
        let stepped = self.step_optimizer(name, module, gradients, clip);
        reclaimed.lend_again(&mut self.run.strategy);
        stepped
    }
}

impl<M: LightningModule> ManualRun<'_, M> {
    fn differentiate(&mut self, module: &mut M, loss: Tensor<1>) -> Result<Gradients> {
        check_loss(&loss)?;
        let detached = loss.clone().inner();
        guard::see_loss(self.run, &detached);
        self.run.progress.set_loss(detached);
        run_hooks(self.callbacks, module, Hook::OnBeforeBackward, self.run)?;
        let at = ranks::point(self.run, "backward pass");
        let gradients = ambient::lend(&mut self.run.strategy, at, || catch_panic(|| Ok(loss.backward())))?;
        // Dropped before the hook, which can then reuse the memory of the graph.
        drop(loss);
        run_hooks(self.callbacks, module, Hook::OnAfterBackward, self.run)?;
        Ok(gradients)
    }

    fn step_optimizer(
        &mut self,
        name: &str,
        module: &mut M,
        mut gradients: Gradients,
        clip: Option<Clip>,
    ) -> Result<()> {
        if let Some(Clip { limit, .. }) = clip.filter(|clip| !(clip.limit.is_finite() && clip.limit > 0.0)) {
            return Err(Error::config(format!(
                "the limit of `clip_norm` and `clip_value` must be positive and finite, found {limit:?}"
            ))
            .help("pass a positive number, or step with the gradients themselves to train without clipping"));
        }
        let optimizer = self.run.train.optimizer(name)?;
        let mut own = GradientStore::default();
        let collected = std::slice::from_mut(optimizer);
        visit(module, &mut own.collector(&mut gradients, Weight::Number(1.0), collected))?;
        drop(gradients);
        self.reduce(name, module, &mut own)?;
        // In the buffer, which is otherwise empty, so that callbacks see these gradients as well.
        self.run.train.accumulators = vec![own];
        let hooks = run_hooks(self.callbacks, module, Hook::OnBeforeOptimizerStep, self.run);
        let buffer = self.run.train.accumulators.first_mut();
        let mut own = buffer.map(std::mem::take).unwrap_or_default();
        hooks?;
        let RunState { train, log, progress, checkpoints, console, guard, audit, .. } = &mut *self.run;
        let optimizer = train.optimizer(name)?;
        let collected = std::slice::from_mut(optimizer);
        if audit.is_pending() {
            audit::see_gradients(audit, &own, collected, &|visitor| visit(&*module, visitor))?;
        }
        if !guard.is_off()
            && let Some(note) =
                guard.judge(&own, false, progress.anomaly.is_none(), &|visitor| visit(&*module, visitor))?
        {
            progress.anomaly = Some(note);
        }
        // A checkpoint that is being written shares the memory of the parameters: changing them now
        // would copy them.
        checkpoints.queue.writer.wait_for_memory();
        let scaling = Scaling::new(&mut own, optimizer, clip, log.host);
        if let Some(norm) = scaling.broken_norm() {
            skip_step(name, norm, progress, &mut log.metrics, console);
            return Ok(());
        }
        let mut updated = ranks::Updated::default();
        updated.add(optimizer, &own);
        let mut update = optimizer.update(&mut own, scaling, &progress.device);
        Checkout::take(module, |module| module, true).update(&mut update)?;
        update.finish()?;
        let at = self.point("updated parameters", name);
        let values = updated.exchange(&mut *self.run.strategy, at, &|visitor| visit(&*module, visitor))?;
        if let Some(mut values) = values {
            Checkout::take(module, |module| module, true).update(&mut values)?;
        }
        self.run.train.stepped = true;
        Ok(())
    }
}
