//! Trains the rest of a module first, and a pretrained backbone from a given epoch.

use std::{fmt, marker::PhantomData, sync::Arc};

use super::{
    Callback, CallbackContext,
    finetuning::{FinetuningContext, UnfrozenRate, begins, freeze, optimizer_of, set_lr},
};
use crate::{
    error::{Error, Result},
    module::LightningModule,
    params::{FieldKey, StateReader, StateWriter},
};

/// Freezes a backbone for some epochs, then trains it with a growing learning rate of its own.
///
/// The backbone is frozen before the optimizers are made: it gets no gradient and behaves as in
/// evaluation. Before the epoch `unfreeze_backbone_at_epoch` it becomes a parameter group with the
/// learning rate `lr · backbone_initial_ratio_lr`, where `lr` is that of the optimizer. Before each
/// later epoch that learning rate is multiplied by `lambda_func(epoch)`, with the epoch counted
/// from 1. With `should_align` it is limited to the optimizer's learning rate.
///
/// ```
/// use burn::{nn::*, optim::AdamConfig, prelude::*};
/// use lightning_core::{callbacks::BackboneFinetuning, prelude::*};
///
/// #[lightning_module]
/// #[optimizer(AdamConfig::new(), lr = 1e-3)]
/// struct Net {
///     #[init(LinearConfig::new(4, 4).init(device))]
///     backbone: Linear,
///     #[init(LinearConfig::new(4, 1).init(device))]
///     head: Linear,
/// }
///
/// #[lightning_module]
/// impl Net {
///     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
///         self.head.forward(self.backbone.forward(batch)).mean()
///     }
/// }
///
/// # let mut net = Net::new(NetHparams::default());
/// # let data = DataLoader::from_batches(vec![Tensor::<2>::ones([2, 4], &Default::default()); 3])?;
/// // Frozen in epochs 0 and 1; learning rate 1e-4 in epoch 2, then 1.5e-4, 2.25e-4, … up to 1e-3.
/// let finetuning = BackboneFinetuning::new(Net::BACKBONE)
///     .unfreeze_backbone_at_epoch(2)
///     .lambda_func(|_epoch| 1.5);
/// let mut trainer = Net::trainer().max_epochs(4).callback(finetuning)
/// #   .no_logger().enable_checkpointing(false)
/// #   .enable_progress_bar(false).enable_model_summary(false)
///     .build()?;
/// trainer.fit(&mut net, data)?;
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// The optimizer's schedule does not change the learning rate of the backbone. The group and its
/// learning rate are part of a checkpoint: a resumed run continues with the same numbers. For other
/// schedules see [`FinetuningSchedule`](super::FinetuningSchedule).
///
/// Difference from PyTorch Lightning: the backbone is any field, named by its key, and the
/// optimizer may include it from the start. There the attribute must be called `backbone`, and its
/// parameters must be left out of the optimizer.
pub struct BackboneFinetuning<M> {
    field: &'static str,
    unfreeze_at: u64,
    lambda: Arc<dyn Fn(u64) -> f64 + Send + Sync>,
    ratio: f64,
    initial: Option<f64>,
    should_align: bool,
    train_bn: bool,
    verbose: bool,
    /// The learning rate of the backbone, once it is unfrozen.
    backbone_lr: Option<f64>,
    module: PhantomData<fn() -> M>,
}

impl<M> fmt::Debug for BackboneFinetuning<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackboneFinetuning")
            .field("field", &self.field)
            .field("unfreeze_backbone_at_epoch", &self.unfreeze_at)
            .finish_non_exhaustive()
    }
}

impl<M> BackboneFinetuning<M> {
    /// Freezes `backbone` for ten epochs; its learning rate then starts at a tenth of the
    /// optimizer's and doubles in each epoch.
    pub fn new<O>(backbone: FieldKey<M, O>) -> Self {
        Self {
            field: backbone.name(),
            unfreeze_at: 10,
            lambda: Arc::new(|_| 2.0),
            ratio: 0.1,
            initial: None,
            should_align: true,
            train_bn: true,
            verbose: false,
            backbone_lr: None,
            module: PhantomData,
        }
    }

    /// Sets the first epoch, counted from 0, in which the backbone is trained. Default 10.
    #[must_use]
    pub fn unfreeze_backbone_at_epoch(self, epoch: u64) -> Self {
        Self { unfreeze_at: epoch, ..self }
    }

    /// Sets the factor that the backbone's learning rate is multiplied by before an epoch, counted
    /// from 1. Default 2.
    #[must_use]
    pub fn lambda_func(self, factor: impl Fn(u64) -> f64 + Send + Sync + 'static) -> Self {
        Self { lambda: Arc::new(factor), ..self }
    }

    /// Sets the initial learning rate of the backbone as a fraction of the optimizer's. Default
    /// 0.1.
    #[must_use]
    pub fn backbone_initial_ratio_lr(self, ratio: f64) -> Self {
        Self { ratio, ..self }
    }

    /// Sets the initial learning rate of the backbone, in place of a fraction of the optimizer's.
    #[must_use]
    pub fn backbone_initial_lr(self, lr: f64) -> Self {
        Self { initial: Some(lr), ..self }
    }

    /// Sets whether the backbone's learning rate is limited to the optimizer's. Default `true`.
    #[must_use]
    pub fn should_align(self, align: bool) -> Self {
        Self { should_align: align, ..self }
    }

    /// Sets whether the BatchNorm layers of the backbone are trained, while it is frozen and after.
    /// Default `true`.
    #[must_use]
    pub fn train_bn(self, train: bool) -> Self {
        Self { train_bn: train, ..self }
    }

    /// Prints both learning rates before each epoch. Default `false`.
    #[must_use]
    pub fn verbose(self, verbose: bool) -> Self {
        Self { verbose, ..self }
    }
}

impl<M: LightningModule> Callback<M> for BackboneFinetuning<M> {
    fn state_key(&self) -> String {
        format!("BackboneFinetuning({})", self.field)
    }

    fn check(&self) -> Result<()> {
        let (setting, value) = match self.initial {
            Some(lr) => ("backbone_initial_lr", lr),
            None => ("backbone_initial_ratio_lr", self.ratio),
        };
        if value.is_finite() && value >= 0.0 {
            return Ok(());
        }
        Err(Error::config(format!("`BackboneFinetuning`: `{setting}` must be finite and at least 0, found {value}"))
            .help("write `.backbone_initial_lr(1e-4)` or `.backbone_initial_ratio_lr(0.1)`"))
    }

    fn setup(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        if !begins(cx) {
            return Ok(());
        }
        self.backbone_lr = None;
        freeze(module, self.field, self.train_bn)
    }

    fn on_train_epoch_start(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        let epoch = cx.current_epoch();
        if epoch < self.unfreeze_at {
            return Ok(());
        }
        let current = optimizer_of(cx, self.field)?.lr();
        let lr = match self.backbone_lr {
            None => {
                let lr = UnfrozenRate::Fixed(self.initial.unwrap_or(current * self.ratio));
                FinetuningContext { cx: &mut *cx, module }.unfreeze_as_group(self.field, lr, self.train_bn)?
            }
            Some(before) => {
                let next = (self.lambda)(epoch + 1) * before;
                let lr = if self.should_align { next.min(current) } else { next };
                set_lr(cx, self.field, lr)?;
                lr
            }
        };
        self.backbone_lr = Some(lr);
        if self.verbose {
            cx.print(format!("epoch {epoch}: learning rate {current}, of `{}` {lr}", self.field));
        }
        Ok(())
    }

    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        state.put("backbone_lr", &self.backbone_lr)
    }

    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        state.get("backbone_lr", &mut self.backbone_lr)
    }
}
