//! Optimization by hand: what a `training_step` with `#[manual_optimization]` works with.

use std::marker::PhantomData;

use burn::tensor::{Gradients, Tensor};

use super::lightning_module::LightningModule;
use crate::{
    error::{Error, Result},
    optim::{Clip, ClipAlgorithm, NamesOptimizer, Optimizer},
    params::{DynMapper, MapMode},
};

/// The optimizers of a module that optimizes by itself.
///
/// ```text
/// #[manual_optimization]
/// fn training_step(&mut self, batch: ImageBatch, optimizers: &mut Optimizers<Self>) -> Result<()> {
///     let loss = self.critic_loss(&batch);
///     let gradients = optimizers.backward(self, loss)?;
///     optimizers.step(Self::CRITIC, self, gradients.clip_norm(1.0))?;
///     optimizers.scheduler(Self::CRITIC)?.step()
/// }
/// ```
///
/// Gradients live in the value that [`backward`](Self::backward) returns: there is nothing to set to zero.
pub struct Optimizers<'a, M> {
    engine: &'a mut dyn ManualEngine<M>,
}

/// What manual optimization asks of the engine.
pub(crate) trait ManualEngine<M> {
    fn optimizers(&self) -> &[Optimizer];

    /// The optimizer with the name.
    fn optimizer(&mut self, name: &str) -> Result<&mut Optimizer>;

    /// Differentiates a loss, with the hooks before and after the backward pass.
    fn backward(&mut self, module: &mut M, loss: Tensor<1>) -> Result<Gradients>;

    /// Steps the optimizer with the gradients of its own parameters.
    fn step(&mut self, name: &str, module: &mut M, gradients: Gradients, clip: Option<Clip>) -> Result<()>;
}

impl<M> std::fmt::Debug for Optimizers<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.engine.optimizers()).finish()
    }
}

/// The gradients of one loss, and how an optimizer is to clip them.
#[must_use = "gradients change nothing until `optimizers.step` gets them"]
pub struct LossGradients<M> {
    gradients: Gradients,
    clip: Option<Clip>,
    module: PhantomData<fn() -> M>,
}

impl<M> std::fmt::Debug for LossGradients<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LossGradients").field("clip", &self.clip).finish_non_exhaustive()
    }
}

impl<M> LossGradients<M> {
    /// Clips the total norm over the parameters of the optimizer that takes them.
    pub fn clip_norm(self, limit: f64) -> Self {
        Self { clip: Some(Clip { limit, algorithm: ClipAlgorithm::Norm }), ..self }
    }

    /// Clips each element.
    pub fn clip_value(self, limit: f64) -> Self {
        Self { clip: Some(Clip { limit, algorithm: ClipAlgorithm::Value }), ..self }
    }
}

impl<'a, M> Optimizers<'a, M> {
    pub(crate) fn new(engine: &'a mut dyn ManualEngine<M>) -> Self {
        Self { engine }
    }

    fn find(&mut self, name: &str) -> Result<&mut Optimizer> {
        self.engine.optimizer(name)
    }

    /// The learning rate of an optimizer.
    ///
    /// # Errors
    /// When `configure_optimizers` made none of this name.
    pub fn lr(&mut self, key: impl NamesOptimizer<M>) -> Result<f64> {
        self.find(key.optimizer_name()).map(|optimizer| optimizer.lr())
    }

    /// Sets the learning rate of an optimizer; its groups keep their ratio to it.
    ///
    /// # Errors
    /// When it is no rate, or the optimizer follows a schedule.
    pub fn set_lr(&mut self, key: impl NamesOptimizer<M>, lr: f64) -> Result<()> {
        self.find(key.optimizer_name())?.set_lr(lr)
    }

    /// Steps an optimizer has taken.
    ///
    /// # Errors
    /// When `configure_optimizers` made none of this name.
    pub fn steps(&mut self, key: impl NamesOptimizer<M>) -> Result<u64> {
        self.find(key.optimizer_name()).map(|optimizer| optimizer.steps)
    }

    /// The schedule of an optimizer, to be stepped by hand.
    ///
    /// # Errors
    /// When the optimizer has none.
    pub fn scheduler(&mut self, key: impl NamesOptimizer<M>) -> Result<ManualSchedule<'_>> {
        let optimizer = self.find(key.optimizer_name())?;
        if optimizer.schedule().is_none() {
            return Err(Error::config(format!("`{}` has no schedule", optimizer.name()))
                .help("declare one: `lr = Cosine::new(lr, steps), interval = step`"));
        }
        Ok(ManualSchedule { optimizer })
    }
}

impl<M: LightningModule> Optimizers<'_, M> {
    /// Differentiates a loss; the hooks before and after the backward pass run.
    ///
    /// # Errors
    /// When the loss is no single number or depends on no trainable parameter, or a hook fails.
    pub fn backward(&mut self, module: &mut M, loss: Tensor<1>) -> Result<LossGradients<M>> {
        let gradients = self.engine.backward(module, loss)?;
        Ok(LossGradients { gradients, clip: None, module: PhantomData })
    }

    /// Steps one optimizer with the gradients of its own parameters.
    ///
    /// # Errors
    /// When there is no such optimizer, or a hook or an update fails.
    pub fn step(&mut self, key: impl NamesOptimizer<M>, module: &mut M, gradients: LossGradients<M>) -> Result<()> {
        let LossGradients { gradients, clip, .. } = gradients;
        self.engine.step(key.optimizer_name(), module, gradients, clip)
    }

    /// Runs `body` on a module in which only this optimizer's parameters take a gradient: PyTorch Lightning's
    /// `toggle_optimizer`. What was frozen stays frozen.
    ///
    /// # Errors
    /// Those of `body`, or when there is no such optimizer.
    pub fn toggled<T>(
        &mut self,
        key: impl NamesOptimizer<M>,
        module: &mut M,
        body: impl FnOnce(&mut Self, &mut M) -> Result<T>,
    ) -> Result<T> {
        let optimizer = self.find(key.optimizer_name())?;
        let mut frozen = Vec::new();
        let trains = |index, id| optimizer.trains(index, id);
        let mode = MapMode::FreezeOthers { trains: &trains, frozen: &mut frozen };
        let narrowed = module.clone().map(&mut DynMapper::new(mode));
        *module = narrowed;
        let result = body(self, module);
        let widened = module.clone().map(&mut DynMapper::new(MapMode::Unfreeze { frozen: &frozen }));
        *module = widened;
        result
    }
}

/// A schedule that a module steps by itself.
#[derive(Debug)]
pub struct ManualSchedule<'a> {
    optimizer: &'a mut Optimizer,
}

impl ManualSchedule<'_> {
    /// Goes one step on.
    ///
    /// # Errors
    /// When the schedule ends here, or wants a metric.
    pub fn step(self) -> Result<()> {
        self.optimizer.with_schedule(|schedule| schedule.advance(None)).map(|_| ())
    }

    /// Goes one step on by the value of what a `ReduceLROnPlateau` watches.
    ///
    /// # Errors
    /// When the schedule ends here.
    pub fn step_with(self, value: f64) -> Result<()> {
        self.optimizer.with_schedule(|schedule| schedule.advance(Some(value))).map(|_| ())
    }
}
