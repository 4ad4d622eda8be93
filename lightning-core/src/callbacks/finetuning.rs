//! What finetuning callbacks do: freeze fields, unfreeze them at an epoch, and give them rates of their own.

use std::collections::BTreeSet;

use burn::module::{Module, ParamId};

use super::{Callback, CallbackContext};
use crate::{
    engine::snapshot::parameters,
    error::{Error, Result},
    module::{FieldKey, LightningModule},
    optim::{AddedGroup, AddedRate, Optimizer},
    params::{
        DynMapper, ErasedVisitor, FloatParam, MapMode,
        select::is_below,
        state::{StateReader, StateWriter},
        visit,
    },
    stage::Stage,
};

/// The learning rate of a field that is unfrozen.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a rate is a number or depends on another")]
pub enum UnfrozenRate {
    /// The optimizer's rate divided by this; it keeps this ratio to the optimizer's rate, and so follows its schedule.
    Divided(f64),
    /// This rate, which nothing but [`FinetuningContext::set_lr`] changes.
    Fixed(f64),
}

impl Default for UnfrozenRate {
    /// A tenth of the optimizer's rate.
    fn default() -> Self {
        Self::Divided(10.0)
    }
}

/// A schedule of what is trained from which epoch on, and how fast; run by [`BaseFinetuning`].
///
/// ```
/// use burn::{nn::*, optim::AdamConfig, prelude::*};
/// use lightning_core::{callbacks::{BaseFinetuning, FinetuningContext, FinetuningSchedule, UnfrozenRate}, prelude::*};
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
/// /// From the head down, one layer after another.
/// struct Thaw;
///
/// impl FinetuningSchedule<Net> for Thaw {
///     fn freeze_before_training(&mut self, cx: &mut FinetuningContext<'_, '_, Net>) -> Result<()> {
///         cx.freeze(Net::EARLY, true)?;
///         cx.freeze(Net::LATE, true)
///     }
///     fn finetune(&mut self, epoch: u64, cx: &mut FinetuningContext<'_, '_, Net>) -> Result<()> {
///         match epoch {
///             1 => cx.unfreeze_and_add_param_group(Net::LATE, UnfrozenRate::default(), true).map(|_| ()),
///             2 => cx.unfreeze_and_add_param_group(Net::EARLY, UnfrozenRate::Fixed(1e-5), true).map(|_| ()),
///             _ => Ok(()),
///         }
///     }
/// }
///
/// # let mut net = Net::new(NetHparams::default());
/// # let data = DataLoader::from_batches(vec![Tensor::<2>::ones([2, 4], &Default::default()); 3])?;
/// let mut trainer = Net::trainer().max_epochs(4).callback(BaseFinetuning::new(Thaw))
/// #   .no_logger().enable_checkpointing(false)
/// #   .enable_progress_bar(false).enable_model_summary(false)
///     .build()?;
/// trainer.fit(&mut net, data)?;
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub trait FinetuningSchedule<M: LightningModule>: Send {
    /// Freezes what is not trained at first; called once, before the optimizers are made.
    ///
    /// # Errors
    /// An error ends the run.
    fn freeze_before_training(&mut self, cx: &mut FinetuningContext<'_, '_, M>) -> Result<()>;

    /// Called before every epoch, counted from 0: unfreezes, and sets rates.
    ///
    /// # Errors
    /// An error ends the run.
    fn finetune(&mut self, epoch: u64, cx: &mut FinetuningContext<'_, '_, M>) -> Result<()>;

    /// Writes what a resumed run needs of it. What is trained, the groups and their rates are in the checkpoint already.
    ///
    /// # Errors
    /// When something cannot be written.
    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        let _ = state;
        Ok(())
    }

    /// Takes up what [`save_state`](Self::save_state) wrote.
    ///
    /// # Errors
    /// When what is stored does not fit.
    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        let _ = state;
        Ok(())
    }
}

/// Runs a [`FinetuningSchedule`].
///
/// What was unfrozen, and the groups of parameters that came with it, are part of every checkpoint: a resumed run has them before its first
/// batch, without the schedule being asked again.
#[derive(Clone, Debug)]
pub struct BaseFinetuning<S> {
    schedule: S,
}

impl<S> BaseFinetuning<S> {
    /// A callback that runs this schedule.
    pub fn new(schedule: S) -> Self {
        Self { schedule }
    }
}

impl<M: LightningModule, S: FinetuningSchedule<M>> Callback<M> for BaseFinetuning<S> {
    fn state_key(&self) -> String {
        format!("BaseFinetuning({})", crate::module::context::short_name::<S>())
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

/// Whether this is a `fit` that begins: a second one of a trainer goes on with what has been unfrozen.
pub(super) fn begins(cx: &CallbackContext<'_>) -> bool {
    cx.stage() == Stage::Fit && cx.batch_step() == 0
}

/// What a finetuning schedule may do.
#[derive(Debug)]
pub struct FinetuningContext<'a, 'r, M> {
    pub(super) cx: &'a mut CallbackContext<'r>,
    /// The module.
    pub module: &'a mut M,
}

impl<M: LightningModule> FinetuningContext<'_, '_, M> {
    /// Freezes a field: no gradient and evaluation behaviour. With `train_bn` its BatchNorm layers go on training.
    ///
    /// # Errors
    /// When the module cannot be looked at.
    pub fn freeze<O>(&mut self, field: FieldKey<M, O>, train_bn: bool) -> Result<()> {
        set_trainable(self.module, field.name(), false, train_bn)
    }

    /// Unfreezes a field, without a rate of its own; without `train_bn` its BatchNorm layers stay frozen.
    ///
    /// # Errors
    /// When the module cannot be looked at.
    pub fn unfreeze<O>(&mut self, field: FieldKey<M, O>, train_bn: bool) -> Result<()> {
        set_trainable(self.module, field.name(), true, train_bn)
    }

    /// Unfreezes a field and trains it with a rate of its own, which is given back: as a new group of the optimizer that the field belongs to,
    /// or of the first optimizer where it belongs to none. What the optimizer keeps of its parameters stays.
    ///
    /// # Errors
    /// When the rate is none, or the field holds no parameters.
    pub fn unfreeze_and_add_param_group<O>(
        &mut self,
        field: FieldKey<M, O>,
        rate: UnfrozenRate,
        train_bn: bool,
    ) -> Result<f64> {
        self.unfreeze_below(field.name(), rate, train_bn)
    }

    pub(super) fn unfreeze_below(&mut self, field: &str, rate: UnfrozenRate, train_bn: bool) -> Result<f64> {
        let names = parameters(self.module)?;
        let optimizer = optimizer_of(self.cx, field)?;
        let rate = match rate {
            UnfrozenRate::Divided(by) => AddedRate::Share(1.0 / by),
            UnfrozenRate::Fixed(lr) => AddedRate::ByHand(lr),
        };
        optimizer.add_group(AddedGroup { below: field.to_owned(), rate }, &names)?;
        let lr = optimizer.rates().last().unwrap_or_default();
        set_trainable(self.module, field, true, train_bn)?;
        Ok(lr)
    }

    /// The rate of the optimizer that a field belongs to, of the parameters that are in no group of their own.
    ///
    /// # Errors
    /// When there is no optimizer.
    pub fn lr<O>(&mut self, field: FieldKey<M, O>) -> Result<f64> {
        optimizer_of(self.cx, field.name()).map(|optimizer| optimizer.lr())
    }

    /// Sets the rate of a field that was unfrozen with one of its own.
    ///
    /// # Errors
    /// When it was not, or this is no rate.
    pub fn set_lr<O>(&mut self, field: FieldKey<M, O>, lr: f64) -> Result<()> {
        set_lr(self.cx, field.name(), lr)
    }

    /// Prints a line without tearing the progress bar.
    pub fn print(&mut self, text: impl AsRef<str>) {
        self.cx.print(text);
    }
}

/// The optimizer that a field belongs to, else the first.
pub(super) fn optimizer_of<'a>(cx: &'a mut CallbackContext<'_>, field: &str) -> Result<&'a mut Optimizer> {
    let optimizers = &mut cx.run.optimizers;
    let owner = optimizers.iter().position(|optimizer| optimizer.owns(field)).unwrap_or(0);
    optimizers.get_mut(owner).ok_or_else(|| {
        Error::config(format!("there is no optimizer yet to train `{field}`"))
            .help("unfreeze in `finetune`, which is called before every epoch")
    })
}

pub(super) fn set_lr(cx: &mut CallbackContext<'_>, field: &str, lr: f64) -> Result<()> {
    if !(lr.is_finite() && lr >= 0.0) {
        return Err(Error::config(format!("the learning rate of `{field}` cannot be set to {lr}"))
            .help("give a finite rate of at least 0"));
    }
    if optimizer_of(cx, field)?.set_added_rate(field, lr) {
        return Ok(());
    }
    Err(Error::config(format!("`{field}` has no learning rate of its own"))
        .help("unfreeze it with `unfreeze_and_add_param_group` first"))
}

/// Freezes or unfreezes what lies below a path. Its BatchNorm layers train if `train_bn` says so.
pub(super) fn set_trainable<M: Module>(module: &mut M, below: &str, on: bool, train_bn: bool) -> Result<()> {
    *module = module.clone().map(&mut DynMapper::new(MapMode::Trainable { below, on }));
    if on == train_bn {
        return Ok(());
    }
    let mut norms = Norms { below, inside: Vec::new(), paths: BTreeSet::new() };
    visit(module, &mut norms)?;
    let (norms, none) = (norms.paths, BTreeSet::new());
    let mode = if train_bn {
        MapMode::Exactly { freeze: &none, thaw: &norms }
    } else {
        MapMode::Exactly { freeze: &norms, thaw: &none }
    };
    *module = module.clone().map(&mut DynMapper::new(mode));
    Ok(())
}

/// The paths of the parameters and flags of BatchNorm layers.
struct Norms<'a> {
    below: &'a str,
    /// For each field entered, whether it is one of a BatchNorm.
    inside: Vec<bool>,
    paths: BTreeSet<String>,
}

impl Norms<'_> {
    fn note(&mut self, path: &str) {
        if self.inside.last() == Some(&true) && is_below(path, self.below) {
            self.paths.insert(path.to_owned());
        }
    }
}

impl ErasedVisitor for Norms<'_> {
    fn enter(&mut self, _path: &str, container: &str) {
        self.inside.push(container == "Struct:BatchNorm");
    }

    fn exit(&mut self) {
        self.inside.pop();
    }

    fn float(&mut self, _index: usize, _id: ParamId, path: &str, _param: &dyn FloatParam) -> Result<()> {
        self.note(path);
        Ok(())
    }

    fn flag(&mut self, path: &str, _on: bool) {
        self.note(path);
    }
}
