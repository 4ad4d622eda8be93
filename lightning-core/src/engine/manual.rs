//! Manual optimization: the engine's side of [`Optimizers`](crate::Optimizers).

use burn::tensor::{Gradients, Tensor};

use super::{checkout::Checkout, run::RunState, train_step::check_loss};
use crate::{
    callbacks::Callback,
    engine::hooks::run_hooks,
    error::Result,
    hooks::Hook,
    module::{LightningModule, ManualEngine},
    optim::{Clip, GradientStore, Optimizer, Scaling, Weight},
    os::panics::catch_panic,
    params::visit,
};

/// The engine of a batch that the module optimizes manually.
pub(super) struct ManualRun<'a, M> {
    pub(super) run: &'a mut RunState,
    pub(super) callbacks: &'a mut [Box<dyn Callback<M>>],
}

impl<M: LightningModule> ManualEngine<M> for ManualRun<'_, M> {
    fn optimizers(&self) -> &[Optimizer] {
        &self.run.train.optimizers
    }

    fn optimizer(&mut self, name: &str) -> Result<&mut Optimizer> {
        self.run.train.optimizer(name)
    }

    fn backward(&mut self, module: &mut M, loss: Tensor<1>) -> Result<Gradients> {
        check_loss(&loss)?;
        self.run.progress.loss = Some(loss.clone().inner());
        run_hooks(self.callbacks, module, Hook::OnBeforeBackward, self.run)?;
        let gradients = catch_panic(|| Ok(loss.backward()))?;
        // Dropped before the hook, which can then reuse the memory of the graph.
        drop(loss);
        run_hooks(self.callbacks, module, Hook::OnAfterBackward, self.run)?;
        Ok(gradients)
    }

    fn step(&mut self, name: &str, module: &mut M, mut gradients: Gradients, clip: Option<Clip>) -> Result<()> {
        self.run.train.optimizer(name)?;
        run_hooks(self.callbacks, module, Hook::OnBeforeOptimizerStep, self.run)?;
        let RunState { train, log, progress, checkpoints, .. } = &mut *self.run;
        let optimizer = train.optimizer(name)?;
        let mut own = GradientStore::default();
        let collected = std::slice::from_mut(optimizer);
        visit(module, &mut own.collector(&mut gradients, Weight::Number(1.0), collected))?;
        drop(gradients);
        // A checkpoint that is being written shares the memory of the parameters: changing them now
        // would copy them.
        checkpoints.queue.writer.wait_for_memory();
        let scaling = Scaling::new(&mut own, optimizer, clip, log.host);
        let mut update = optimizer.update(&mut own, scaling, &progress.device);
        Checkout::take(module, |module| module, true).update(&mut update)?;
        update.finish()?;
        train.stepped = true;
        Ok(())
    }
}
