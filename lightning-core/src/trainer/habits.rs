//! Methods of PyTorch Lightning's trainer that do not exist here. No type implements the trait that
//! one of them requires, so that the compiler prints what to write instead.
//!
//! They are written out, because the compiler would show a macro that defines them.

use super::{Trainer, TrainerBuilder};

macro_rules! habits {
    ($($trait:ident: $message:literal, $label:literal, $note:literal;)*) => {
        $(
            #[doc = $note]
            #[diagnostic::on_unimplemented(message = $message, label = $label, note = $note)]
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
impl<M> TrainerBuilder<M> {
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
