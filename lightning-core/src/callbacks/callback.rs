//! The trait of callbacks.

use std::any::Any;

use super::{CallbackContext, CallbackInfo, context::Identity};
use crate::{
    error::Result,
    hooks::Hook,
    metrics::ambient::short_name,
    params::{StateReader, StateWriter},
};

/// The method of each hook that callbacks have.
macro_rules! define_methods {
    ($({ $name:ident = $variant:ident, $doc:literal, $($flags:tt)* })*) => {
        $(
            #[doc = $doc]
            ///
            /// # Errors
            /// An error ends the run; the end hooks still run.
            fn $name(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
                let _ = module;
                cx.not_implemented = Some(Identity::of(self));
                Ok(())
            }
        )*
    };
}

/// Code that runs at the points of a run, beside the module `M`.
///
/// A callback runs before the module's hook of the same name. All data comes through the context,
/// so that new data does not break existing callbacks.
///
/// ```
/// use lightning_core::{Callback, CallbackContext, Result};
///
/// struct PrintEpoch;
///
/// impl<M> Callback<M> for PrintEpoch {
///     fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, _: &mut M) -> Result<()> {
///         let epoch = cx.current_epoch();
///         let loss = cx.metrics()?.value("val_loss");
///         cx.print(format!("epoch {epoch} is done, val_loss {loss:?}"));
///         Ok(())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a callback for `{M}`",
    label = "not a callback of this trainer's module",
    note = "a metric key belongs to the module that logs the metric: monitor a metric of `{M}`",
    note = "a callback type of your own must implement `Callback<{M}>`",
    note = "C20 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait Callback<M>: Send {
    /// Returns what the trainer has to know about the callback before a run: when it is called,
    /// which metrics it reads, what it replaces. The default says nothing.
    ///
    /// ```
    /// use lightning_core::{Callback, callbacks::{CallbackInfo, CallbackOrder}};
    ///
    /// struct StopAtZero;
    ///
    /// impl<M> Callback<M> for StopAtZero {
    ///     fn info(&self) -> CallbackInfo {
    ///         CallbackInfo::new().order(CallbackOrder::Monitor).monitors(["val_loss"])
    ///     }
    /// }
    /// ```
    fn info(&self) -> CallbackInfo {
        CallbackInfo::new()
    }

    /// Checks its settings; `build` reports the error together with all other wrong settings.
    ///
    /// # Errors
    /// If the settings are invalid or contradict each other.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Returns the key of its state in a checkpoint, by default the type's name. A callback whose
    /// state depends on a setting adds it, as in `EarlyStopping(val_loss, minimize)`. Callbacks
    /// with equal keys are told apart by their order.
    fn state_key(&self) -> String {
        short_name::<Self>().to_owned()
    }

    /// Writes the state that a resumed run needs: counters, best values, tensors, modules. The
    /// default writes nothing.
    ///
    /// Settings are not state: a resumed run uses those of its own program.
    ///
    /// ```
    /// use lightning_core::{Callback, CallbackContext, Result, StateReader, StateWriter};
    ///
    /// #[derive(Default)]
    /// struct CountBatches(u64);
    ///
    /// impl<M> Callback<M> for CountBatches {
    ///     fn on_train_batch_end(&mut self, _: &mut CallbackContext<'_>, _: &mut M) -> Result<()> {
    ///         self.0 += 1;
    ///         Ok(())
    ///     }
    ///     fn save_state(&self, state: &mut StateWriter) -> Result<()> {
    ///         state.put("batches", &self.0)
    ///     }
    ///     fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
    ///         state.get("batches", &mut self.0)
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// If a value cannot be written.
    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        let _ = state;
        Ok(())
    }

    /// Restores what [`save_state`](Self::save_state) wrote, before `on_fit_start` of a resumed
    /// run.
    ///
    /// # Errors
    /// If the stored state does not fit.
    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        let _ = state;
        Ok(())
    }

    /// Returns the model to save in place of the one in training, such as the averaged model of a
    /// callback that averages weights. The checkpoint also keeps the weights in training, with
    /// which a resumed run continues. At most one callback of a trainer may do so; it sets
    /// [`CallbackInfo::averages_weights`].
    ///
    /// # Errors
    /// If the model cannot be created.
    fn model_to_save(&self, module: &M) -> Result<Option<M>> {
        let _ = module;
        Ok(None)
    }

    /// Gives the module its final weights, if they are not those of the last step: after the last
    /// epoch and before `on_train_end`, unless an error or a signal ends the run. A run that is
    /// resumed after its last epoch calls it again.
    ///
    /// Returns whether to recompute the running statistics of the module's normalization layers for
    /// these weights. This takes another forward pass over the training data, in which no hook runs
    /// and nothing is logged or counted.
    ///
    /// # Errors
    /// An error ends the run; the end hooks still run.
    fn final_weights(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<bool> {
        let _ = (cx, module);
        Ok(false)
    }

    /// What a finder does before `fit`: a `BeforeFit` of the trainer.
    #[doc(hidden)]
    fn before_fit(&mut self) -> Option<&mut dyn Any> {
        None
    }

    #[doc(hidden)]
    fn identity(&self) -> Identity {
        Identity::of(self)
    }

    lightning_macros::with_hooks!(define_methods, callbacks);
}

macro_rules! define_call {
    ($({ $name:ident = $variant:ident, $doc:literal, $($flags:tt)* })*) => {
        fn call_method<M>(
            callback: &mut dyn Callback<M>,
            hook: Hook,
            cx: &mut CallbackContext<'_>,
            module: &mut M,
        ) -> Result<()> {
            match hook {
                $(Hook::$variant => callback.$name(cx, module),)*
                // A hook of the module only.
                _ => {
                    cx.not_implemented = Some(callback.identity());
                    Ok(())
                }
            }
        }
    };
}

lightning_macros::with_hooks!(define_call, callbacks);

/// Calls the method of one hook. Returns whether the callback implements it: a default method
/// records the callback in the context and does not have to be called again.
pub(crate) fn call<M>(
    callback: &mut dyn Callback<M>,
    hook: Hook,
    cx: &mut CallbackContext<'_>,
    module: &mut M,
) -> Result<bool> {
    call_method(callback, hook, cx, module)?;
    // A callback may call the methods of callbacks that it holds: those record themselves.
    Ok(cx.not_implemented.is_none_or(|not_implemented| not_implemented != callback.identity()))
}
