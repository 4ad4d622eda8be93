//! Finetuning schedules: fields that are frozen at first and unfrozen at some epoch.

mod context;
mod freeze;

pub use self::context::{FinetuningContext, UnfrozenRate};
pub(super) use self::{
    context::{optimizer_of, set_lr},
    freeze::freeze,
};
use super::{Callback, CallbackContext};
use crate::{
    error::Result,
    module::LightningModule,
    params::{StateReader, StateWriter},
    stage::Stage,
};

/// Decides which fields are trained in which epochs, and at which learning rates.
///
/// [`BaseFinetuning`] runs it.
///
/// ```
/// use burn::{nn::*, optim::AdamConfig, prelude::*};
/// use lightning_core::{
///     callbacks::{BaseFinetuning, FinetuningContext, FinetuningSchedule, UnfrozenRate},
///     prelude::*,
/// };
///
/// #[lightning_module]
/// #[optimizer(AdamConfig::new(), lr = 1e-2)]
/// struct Net {
///     #[init(LinearConfig::new(4, 4).init(device))]
///     early: Linear,
///     #[init(LinearConfig::new(4, 4).init(device))]
///     late: Linear,
///     #[init(LinearConfig::new(4, 1).init(device))]
///     head: Linear,
/// }
///
/// #[lightning_module]
/// impl Net {
///     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
///         self.head.forward(self.late.forward(self.early.forward(batch))).mean()
///     }
/// }
///
/// /// Unfreezes one layer after another, from the head down.
/// struct Gradual;
///
/// impl FinetuningSchedule<Net> for Gradual {
///     fn freeze_before_training(
///         &mut self,
///         cx: &mut FinetuningContext<'_, '_, Net>,
///     ) -> Result<()> {
///         cx.freeze(Net::EARLY, true)?;
///         cx.freeze(Net::LATE, true)
///     }
///
///     fn finetune(
///         &mut self,
///         epoch: u64,
///         cx: &mut FinetuningContext<'_, '_, Net>,
///     ) -> Result<()> {
///         let (field, rate) = match epoch {
///             1 => (Net::LATE, UnfrozenRate::default()),
///             2 => (Net::EARLY, UnfrozenRate::Fixed(1e-5)),
///             _ => return Ok(()),
///         };
///         cx.unfreeze_and_add_param_group(field, rate, true)?;
///         Ok(())
///     }
/// }
///
/// # let mut net = Net::new(NetHparams::default());
/// # let data = DataLoader::from_batches(vec![Tensor::<2>::ones([2, 4], &Default::default()); 3])?;
/// let mut trainer = Net::trainer().max_epochs(4).callback(BaseFinetuning::new(Gradual))
/// #   .no_logger().enable_checkpointing(false)
/// #   .enable_progress_bar(false).enable_model_summary(false)
///     .build()?;
/// trainer.fit(&mut net, data)?;
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub trait FinetuningSchedule<M: LightningModule>: Send {
    /// Freezes the fields that are not trained at first. It is called once, before the optimizers
    /// are made.
    ///
    /// # Errors
    /// An error ends the run.
    fn freeze_before_training(&mut self, cx: &mut FinetuningContext<'_, '_, M>) -> Result<()>;

    /// Unfreezes fields and sets learning rates. It is called before every epoch, counted from 0.
    ///
    /// # Errors
    /// An error ends the run.
    fn finetune(&mut self, epoch: u64, cx: &mut FinetuningContext<'_, '_, M>) -> Result<()>;

    /// Saves the state that a resumed run needs. By default nothing: checkpoints contain which
    /// fields are trained, the parameter groups and their learning rates.
    ///
    /// # Errors
    /// If a value cannot be serialized.
    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        let _ = state;
        Ok(())
    }

    /// Restores the state that [`save_state`](Self::save_state) saved.
    ///
    /// # Errors
    /// If a stored value has another type.
    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        let _ = state;
        Ok(())
    }
}

/// A callback that runs a [`FinetuningSchedule`].
///
/// Which fields are unfrozen, and the parameter groups added for them, are part of every
/// checkpoint. A resumed run restores them before its first batch, without calling the schedule.
#[derive(Clone, Debug)]
pub struct BaseFinetuning<S> {
    schedule: S,
}

impl<S> BaseFinetuning<S> {
    /// Creates a callback that runs `schedule`.
    pub fn new(schedule: S) -> Self {
        Self { schedule }
    }
}

impl<M: LightningModule, S: FinetuningSchedule<M>> Callback<M> for BaseFinetuning<S> {
    fn state_key(&self) -> String {
        format!("BaseFinetuning({})", crate::metrics::ambient::short_name::<S>())
    }

    fn setup(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        if !begins(cx) {
            return Ok(());
        }
        self.schedule.freeze_before_training(&mut FinetuningContext { cx, module })
    }

    fn on_train_epoch_start(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        let epoch = cx.current_epoch();
        self.schedule.finetune(epoch, &mut FinetuningContext { cx, module })
    }

    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        self.schedule.save_state(state)
    }

    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        self.schedule.load_state(state)
    }
}

/// Whether this is a `fit` from the start. A second `fit` of a trainer continues with the fields
/// that have been unfrozen.
pub(super) fn begins(cx: &CallbackContext<'_>) -> bool {
    cx.stage() == Stage::Fit && cx.batch_step() == 0
}
