//! Methods of PyTorch Lightning's trainer that do not exist here. No type implements the trait that
//! one of them requires, so that the compiler prints what to write instead.
//!
//! They are written out, because the compiler would show a macro that defines them.

use super::{Trainer, TrainerBuilder};
use crate::error::Result;

macro_rules! habits {
    ($($trait:ident: $message:literal, $label:literal, $note:literal;)*) => {
        $(
            #[doc = $note]
            #[diagnostic::on_unimplemented(message = $message, label = $label, note = $note,
                note = "C20 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`")]
            pub trait $trait {}
        )*
    };
}

habits! {
    BuiltByNew:
        "`Trainer` has no function `new`",
        "a trainer is built for its module",
        "write `{Self}::trainer().max_epochs(10).build()?`";
    HasCallbackMetrics:
        "`Trainer` has no metrics",
        "the report of `fit` has them",
        "write `let report = trainer.fit(…)?;` and `report.metrics.get({Self}::VAL_LOSS)`";
    TakesCkptPath:
        "`TrainerBuilder` has no setting for `ckpt_path`",
        "the setting is `resume_from`",
        "write `.resume_from(\"last.ckpt\")` to continue a run, or `trainer.load(&mut model, path)?` for the weights";
    TakesGpus:
        "`TrainerBuilder` has no setting for the number of GPUs",
        "the settings are `accelerator` and `devices`",
        "write `.accelerator(\"cuda\").devices([0])`";
    TakesCallbacks:
        "`TrainerBuilder` has no setting `callbacks`",
        "each callback is added with `callback`",
        "write `.callback(a).callback(b)`";
    TakesLoggers:
        "`TrainerBuilder` has no setting `loggers`",
        "each logger is added with `logger`",
        "write `.logger(a).logger(b)`";
    BuildsBarebones:
        "`barebones` is not a setting",
        "a barebones trainer has a builder of its own",
        "write `Trainer::<{Self}>::barebones()` in place of `{Self}::trainer()`";
    TakesLr:
        "`TrainerBuilder` has no setting for the learning rate",
        "it belongs to the optimizer of the module",
        "write `#[optimizer(AdamConfig::new(), lr = 1e-3)]` below `#[lightning_module]` on `{Self}`";
}

#[doc(hidden)]
impl<M> Trainer<M> {
    #[allow(clippy::new_without_default, reason = "it is never called")]
    pub fn new() -> Self
    where
        M: BuiltByNew,
    {
        unreachable!("no module is `BuiltByNew`")
    }

    #[allow(clippy::should_implement_trait, reason = "it is never called")]
    pub fn default() -> Self
    where
        M: BuiltByNew,
    {
        unreachable!("no module is `BuiltByNew`")
    }

    pub fn callback_metrics(&self)
    where
        M: HasCallbackMetrics,
    {
    }

    pub fn logged_metrics(&self)
    where
        M: HasCallbackMetrics,
    {
    }

    pub fn progress_bar_metrics(&self)
    where
        M: HasCallbackMetrics,
    {
    }
}

#[doc(hidden)]
#[allow(clippy::needless_pass_by_value, reason = "they are never called")]
impl<M, K> TrainerBuilder<M, K> {
    #[must_use]
    pub fn ckpt_path<T>(self, _path: T) -> Self
    where
        M: TakesCkptPath,
    {
        self
    }

    #[must_use]
    pub fn resume_from_checkpoint<T>(self, _path: T) -> Self
    where
        M: TakesCkptPath,
    {
        self
    }

    #[must_use]
    pub fn barebones<T>(self, _barebones: T) -> Self
    where
        M: BuildsBarebones,
    {
        self
    }

    #[must_use]
    pub fn gpus<T>(self, _gpus: T) -> Self
    where
        M: TakesGpus,
    {
        self
    }

    #[must_use]
    pub fn callbacks<T>(self, _callbacks: T) -> Self
    where
        M: TakesCallbacks,
    {
        self
    }

    #[must_use]
    pub fn loggers<T>(self, _loggers: T) -> Self
    where
        M: TakesLoggers,
    {
        self
    }

    #[must_use]
    pub fn learning_rate<T>(self, _rate: T) -> Self
    where
        M: TakesLr,
    {
        self
    }

    #[must_use]
    pub fn lr<T>(self, _rate: T) -> Self
    where
        M: TakesLr,
    {
        self
    }
}

/// The methods of [`Trainer`] for a type that is not a module. The trainer's own have priority, but
/// exist only for a complete module: without its impl the compiler finds these, which say what is
/// missing.
pub trait FitsModules<M> {
    /// Never called.
    #[doc(hidden)]
    fn fit<D>(&mut self, _module: &mut M, _data: D) -> Result<M::Report>
    where
        M: Complete,
    {
        unreachable!("the trainer's own method has priority")
    }

    /// Never called.
    #[doc(hidden)]
    fn validate<D>(&mut self, _module: &mut M, _data: D) -> Result<M::Report>
    where
        M: Complete,
    {
        unreachable!("the trainer's own method has priority")
    }

    /// Never called.
    #[doc(hidden)]
    fn test<D>(&mut self, _module: &mut M, _data: D) -> Result<M::Report>
    where
        M: Complete,
    {
        unreachable!("the trainer's own method has priority")
    }
}

impl<M> FitsModules<M> for Trainer<M> {}

/// A module with its struct and its impl.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a lightning module",
    label = "no `#[lightning_module] impl` for this type",
    note = "write `#[lightning_module]` on the struct and on the impl with the steps"
)]
#[doc(hidden)]
pub trait Complete {
    /// A report.
    type Report;
}
