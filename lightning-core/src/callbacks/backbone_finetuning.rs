//! Trains a head first, and the backbone below it from some epoch on.

use std::{fmt, marker::PhantomData, sync::Arc};

use super::{
    Callback, CallbackContext,
    finetuning::{FinetuningContext, UnfrozenRate, begins, optimizer_of, set_lr, set_trainable},
};
use crate::{
    error::{Error, Result},
    module::{FieldKey, LightningModule},
    params::state::{StateReader, StateWriter},
};

/// Trains everything but a backbone at first, and the backbone too from some epoch on, with a rate of its own that grows.
///
/// The backbone is frozen before the optimizers are made: no gradient, evaluation behaviour. Before the epoch
/// `unfreeze_backbone_at_epoch` it becomes a group of its own in the optimizer, with the rate `lr · backbone_initial_ratio_lr`, where `lr`
/// is the optimizer's. Before each epoch after that, its rate is multiplied by `lambda_func(epoch)`, the epoch counted from 1; with
/// `should_align` it ends at the optimizer's rate, which it follows from there on.
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
/// // Frozen in the epochs 0 and 1; a rate of 1e-4 in epoch 2, then 1.5e-4, 2.25e-4, … up to 1e-3.
/// let finetuning = BackboneFinetuning::new(Net::BACKBONE).unfreeze_backbone_at_epoch(2).lambda_func(|_epoch| 1.5);
/// let mut trainer = Net::trainer().max_epochs(4).callback(finetuning)
/// #   .no_logger().enable_checkpointing(false)
/// #   .enable_progress_bar(false).enable_model_summary(false)
///     .build()?;
/// trainer.fit(&mut net, data)?;
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// The field is any field of the module, named by its key, and the optimizer may be declared over all fields: PyTorch Lightning wants an
/// attribute called `backbone` and an optimizer without its parameters. The schedule of the optimizer does not touch the backbone's rate.
/// What is trained, the group and its rate are in the checkpoint: a resumed run goes on with them, bit by bit. For schedules of your own see
/// [`FinetuningSchedule`](super::FinetuningSchedule).
pub struct BackboneFinetuning<M> {
    field: &'static str,
    unfreeze_at: u64,
    lambda: Arc<dyn Fn(u64) -> f64 + Send + Sync>,
    ratio: f64,
    initial: Option<f64>,
    should_align: bool,
    train_bn: bool,
    verbose: bool,
    /// The backbone's rate, once it is trained.
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
    /// The field is frozen for ten epochs, begins with a tenth of the optimizer's rate, and doubles its rate in each epoch.
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

    /// The first epoch, from 0, in which the backbone is trained.
    #[must_use]
    pub fn unfreeze_backbone_at_epoch(self, epoch: u64) -> Self {
        Self { unfreeze_at: epoch, ..self }
    }

    /// What the backbone's rate is multiplied by before an epoch, which is counted from 1.
    #[must_use]
    pub fn lambda_func(self, factor: impl Fn(u64) -> f64 + Send + Sync + 'static) -> Self {
        Self { lambda: Arc::new(factor), ..self }
    }

    /// The share of the optimizer's rate that the backbone begins with.
    #[must_use]
    pub fn backbone_initial_ratio_lr(self, ratio: f64) -> Self {
        Self { ratio, ..self }
    }

    /// The rate that the backbone begins with, instead of a share.
    #[must_use]
    pub fn backbone_initial_lr(self, lr: f64) -> Self {
        Self { initial: Some(lr), ..self }
    }

    /// Whether the backbone's rate ends at the optimizer's; yes unless told.
    #[must_use]
    pub fn should_align(self, align: bool) -> Self {
        Self { should_align: align, ..self }
    }

    /// Whether the BatchNorm layers of the backbone train, while it is frozen and afterwards; yes unless told.
    #[must_use]
    pub fn train_bn(self, train: bool) -> Self {
        Self { train_bn: train, ..self }
    }

    /// Whether the two rates are printed before each epoch.
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
        let lr = self.initial.unwrap_or(self.ratio);
        if lr.is_finite() && lr >= 0.0 {
            return Ok(());
        }
        Err(Error::config(format!("`BackboneFinetuning` cannot begin with a rate of {lr}"))
            .help("give a finite rate of at least 0"))
    }

    fn setup(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        if !begins(cx) {
            return Ok(());
        }
        self.backbone_lr = None;
        set_trainable(module, self.field, false, self.train_bn)
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
                FinetuningContext { cx: &mut *cx, module }.unfreeze_below(self.field, lr, self.train_bn)?
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
            cx.print(format!("epoch {epoch}: the rate is {current}, of `{}` {lr}", self.field));
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
