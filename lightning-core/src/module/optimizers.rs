//! Manual optimization: the parameter of a `training_step` with `#[manual_optimization]`.

use std::marker::PhantomData;

use burn::tensor::{Gradients, Tensor};

use super::lightning_module::LightningModule;
use crate::{
    error::{Error, Result},
    optim::{Clip, ClipAlgorithm, NamesOptimizer, Optimizer},
    params::{DynMapper, MapMode},
};

/// The optimizers of a module with manual optimization.
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
/// Gradients are in the value that [`backward`](Self::backward) returns, so that nothing has to be
/// zeroed.
pub struct Optimizers<'a, M> {
    engine: &'a mut dyn ManualEngine<M>,
}

/// The methods of the engine that manual optimization calls.
pub(crate) trait ManualEngine<M> {
    fn optimizers(&self) -> &[Optimizer];

    /// Returns the optimizer with a name.
    fn optimizer(&mut self, name: &str) -> Result<&mut Optimizer>;

    /// Differentiates a loss, with the hooks before and after the backward pass.
    fn backward(&mut self, module: &mut M, loss: Tensor<1>) -> Result<Gradients>;

    /// Steps an optimizer with the gradients of its own parameters.
    fn step(&mut self, name: &str, module: &mut M, gradients: Gradients, clip: Option<Clip>) -> Result<()>;
}

impl<M> std::fmt::Debug for Optimizers<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.engine.optimizers()).finish()
    }
}

/// The gradients of a loss, with the clipping to apply before a step.
#[must_use = "gradients have no effect until they are passed to `optimizers.step`"]
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
    /// Clips the total norm over the parameters of the optimizer that is stepped.
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

    /// Returns the learning rate of an optimizer.
    ///
    /// # Errors
    /// If there is no such optimizer.
    pub fn lr(&mut self, key: impl NamesOptimizer<M>) -> Result<f64> {
        self.find(key.optimizer_name()).map(|optimizer| optimizer.lr())
    }

    /// Sets the learning rate of an optimizer. Its groups keep their ratio to it.
    ///
    /// # Errors
    /// If `lr` is not a valid rate, the optimizer follows a schedule, or there is no such
    /// optimizer.
    pub fn set_lr(&mut self, key: impl NamesOptimizer<M>, lr: f64) -> Result<()> {
        self.find(key.optimizer_name())?.set_lr(lr)
    }

    /// Returns the number of steps that an optimizer has taken.
    ///
    /// # Errors
    /// If there is no such optimizer.
    pub fn steps(&mut self, key: impl NamesOptimizer<M>) -> Result<u64> {
        self.find(key.optimizer_name()).map(|optimizer| optimizer.steps)
    }

    /// Returns the schedule of an optimizer, for manual steps.
    ///
    /// # Errors
    /// If the optimizer has no schedule, or there is no such optimizer.
    pub fn scheduler(&mut self, key: impl NamesOptimizer<M>) -> Result<ManualSchedule<'_>> {
        let optimizer = self.find(key.optimizer_name())?;
        if optimizer.schedule().is_none() {
            return Err(Error::config(format!("`{}` must have a schedule, found a fixed rate", optimizer.name()))
                .help("declare one: `lr = Cosine::new(lr, steps), interval = step`"));
        }
        Ok(ManualSchedule { optimizer })
    }
}

impl<M: LightningModule> Optimizers<'_, M> {
    /// Differentiates a loss, and runs the hooks before and after the backward pass.
    ///
    /// # Errors
    /// If the loss does not have one element or depends on no trainable parameter, or a hook fails.
    pub fn backward(&mut self, module: &mut M, loss: Tensor<1>) -> Result<LossGradients<M>> {
        let gradients = self.engine.backward(module, loss)?;
        Ok(LossGradients { gradients, clip: None, module: PhantomData })
    }

    /// Steps an optimizer with the gradients of its own parameters.
    ///
    /// # Errors
    /// If there is no such optimizer, or a hook or an update fails.
    pub fn step(&mut self, key: impl NamesOptimizer<M>, module: &mut M, gradients: LossGradients<M>) -> Result<()> {
        let LossGradients { gradients, clip, .. } = gradients;
        self.engine.step(key.optimizer_name(), module, gradients, clip)
    }

    /// Runs `body` on a module in which only the parameters of this optimizer are trainable, like
    /// `toggle_optimizer` of PyTorch Lightning. Frozen parameters stay frozen.
    ///
    /// # Errors
    /// Those of `body`, and if there is no such optimizer.
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

/// A schedule that the module steps.
#[derive(Debug)]
pub struct ManualSchedule<'a> {
    optimizer: &'a mut Optimizer,
}

impl ManualSchedule<'_> {
    /// Advances the schedule by one step.
    ///
    /// # Errors
    /// If the next rate is not valid, or the schedule monitors a metric.
    pub fn step(self) -> Result<()> {
        self.optimizer.with_schedule(|schedule| schedule.advance(None)).map(|_| ())
    }

    /// Advances the schedule by one step with the value of the metric that a `ReduceLROnPlateau`
    /// monitors.
    ///
    /// # Errors
    /// If the next rate is not valid.
    pub fn step_with(self, value: f64) -> Result<()> {
        self.optimizer.with_schedule(|schedule| schedule.advance(Some(value))).map(|_| ())
    }
}
