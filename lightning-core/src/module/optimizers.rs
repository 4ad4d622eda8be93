//! Optimization by hand: what a `training_step` with `#[manual_optimization]` works with.

use std::marker::PhantomData;

use burn::tensor::{Gradients, Tensor};

use crate::{
    callbacks::Callback,
    engine::{checkout::Checkout, driver::run_hooks, run::RunState, train_step::check_loss},
    error::{Error, Result},
    hooks::Hook,
    module::LightningModule,
    optim::{NamesOptimizer, Optimizer, Scaling, Weight, gradients::GradientStore},
    os::panics::catch_panic,
    params::{DynMapper, MapMode, visit},
    settings::ClipAlgorithm,
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
    run: &'a mut RunState,
    callbacks: &'a mut [Box<dyn Callback<M>>],
}

impl<M> std::fmt::Debug for Optimizers<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.run.optimizers).finish()
    }
}

/// The gradients of one loss, and how an optimizer is to clip them.
#[must_use = "gradients change nothing until `optimizers.step` gets them"]
pub struct LossGradients<M> {
    gradients: Gradients,
    clip: Option<(f64, ClipAlgorithm)>,
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
        Self { clip: Some((limit, ClipAlgorithm::Norm)), ..self }
    }

    /// Clips each element.
    pub fn clip_value(self, limit: f64) -> Self {
        Self { clip: Some((limit, ClipAlgorithm::Value)), ..self }
    }
}

impl<'a, M> Optimizers<'a, M> {
    pub(crate) fn new(run: &'a mut RunState, callbacks: &'a mut [Box<dyn Callback<M>>]) -> Self {
        Self { run, callbacks }
    }

    fn find(&mut self, name: &str) -> Result<&mut Optimizer> {
        self.run.optimizer(name)
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
        check_loss(&loss)?;
        self.run.loss = Some(loss.clone().inner());
        run_hooks(self.callbacks, module, Hook::OnBeforeBackward, self.run)?;
        let gradients = catch_panic(|| Ok(loss.backward()))?;
        drop(loss);
        run_hooks(self.callbacks, module, Hook::OnAfterBackward, self.run)?;
        Ok(LossGradients { gradients, clip: None, module: PhantomData })
    }

    /// Steps one optimizer with the gradients of its own parameters.
    ///
    /// # Errors
    /// When there is no such optimizer, or a hook or an update fails.
    pub fn step(&mut self, key: impl NamesOptimizer<M>, module: &mut M, gradients: LossGradients<M>) -> Result<()> {
        let name = key.optimizer_name();
        self.find(name)?;
        run_hooks(self.callbacks, module, Hook::OnBeforeOptimizerStep, self.run)?;
        let LossGradients { mut gradients, clip, .. } = gradients;
        let RunState { optimizers, host, device, saving, .. } = &mut *self.run;
        let Some(optimizer) = optimizers.iter_mut().find(|optimizer| optimizer.name() == name) else { return Ok(()) };
        let mut window = GradientStore::default();
        let own = std::slice::from_mut(optimizer);
        visit(module, &mut window.collector(&mut gradients, Weight::Number(1.0), own))?;
        drop(gradients);
        saving.writer.wait_for_memory();
        let scaling = Scaling::new(&mut window, optimizer, clip, *host);
        let mut update = optimizer.update(&mut window, scaling, device);
        Checkout::take(module, |module| module, true).update(&mut update)?;
        update.finish()?;
        self.run.stepped = true;
        Ok(())
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
        let mut hidden = Vec::new();
        let narrowed =
            module.clone().map(&mut DynMapper::new(MapMode::FreezeOthers { optimizer, hidden: &mut hidden }));
        *module = narrowed;
        let result = body(self, module);
        let widened = module.clone().map(&mut DynMapper::new(MapMode::Unfreeze { hidden: &hidden }));
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
