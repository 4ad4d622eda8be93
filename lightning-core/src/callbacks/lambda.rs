//! A callback made of closures.

use std::fmt;

use super::{Callback, CallbackContext};
use crate::{error::Result, hooks::Hook};

/// What a closure of [`LambdaCallback`] is.
type Closure<M> = Box<dyn FnMut(&mut CallbackContext<'_>, &mut M) -> Result<()> + Send>;

/// A callback made of closures, one for each hook that is wanted.
///
/// ```
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// use lightning_core::{callbacks::LambdaCallback, prelude::*};
/// # #[lightning_module]
/// # #[optimizer(SgdConfig::new(), lr = 0.1)]
/// # struct Net {
/// #     #[init(LinearConfig::new(4, 1).init(device))]
/// #     layer: Linear,
/// # }
/// # #[lightning_module]
/// # impl Net {
/// #     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
/// #         self.layer.forward(batch).mean()
/// #     }
/// # }
///
/// let trainer = Net::trainer().callback(
///     LambdaCallback::new()
///         .on_train_start(|cx, _net| {
///             cx.print("here we go");
///             Ok(())
///         })
///         .on_train_epoch_end(|cx, _net| {
///             cx.print(format!("{} steps", cx.global_step()));
///             Ok(())
///         }),
/// );
/// # let _ = trainer;
/// ```
///
/// A hook that is given twice runs both closures, in order.
pub struct LambdaCallback<M> {
    closures: Vec<(Hook, Closure<M>)>,
}

impl<M> Default for LambdaCallback<M> {
    fn default() -> Self {
        Self { closures: Vec::new() }
    }
}

impl<M> fmt::Debug for LambdaCallback<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.closures.iter().map(|(hook, _)| hook.name())).finish()
    }
}

impl<M> LambdaCallback<M> {
    /// Does nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn run(&mut self, hook: Hook, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        self.closures.iter_mut().filter(|(of, _)| *of == hook).try_for_each(|(_, closure)| closure(cx, module))
    }
}

macro_rules! closures {
    ($($method:ident = $hook:ident),* $(,)?) => {
        impl<M> LambdaCallback<M> {
            $(
                #[doc = concat!("Runs the closure at [`", stringify!($method), "`](Callback::", stringify!($method), ").")]
                #[must_use]
                pub fn $method(
                    mut self,
                    closure: impl FnMut(&mut CallbackContext<'_>, &mut M) -> Result<()> + Send + 'static,
                ) -> Self {
                    self.closures.push((Hook::$hook, Box::new(closure)));
                    self
                }
            )*
        }

        impl<M> Callback<M> for LambdaCallback<M> {
            $(
                fn $method(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
                    self.run(Hook::$hook, cx, module)
                }
            )*
        }

        #[cfg(test)]
        const HOOKS: &[Hook] = &[$(Hook::$hook),*];
    };
}

closures!(
    setup = Setup,
    teardown = Teardown,
    on_fit_start = OnFitStart,
    on_fit_end = OnFitEnd,
    on_sanity_check_start = OnSanityCheckStart,
    on_sanity_check_end = OnSanityCheckEnd,
    on_train_start = OnTrainStart,
    on_train_end = OnTrainEnd,
    on_train_epoch_start = OnTrainEpochStart,
    on_train_epoch_end = OnTrainEpochEnd,
    on_train_batch_start = OnTrainBatchStart,
    on_train_batch_end = OnTrainBatchEnd,
    on_before_zero_grad = OnBeforeZeroGrad,
    on_before_backward = OnBeforeBackward,
    on_after_backward = OnAfterBackward,
    on_before_optimizer_step = OnBeforeOptimizerStep,
    on_validation_start = OnValidationStart,
    on_validation_end = OnValidationEnd,
    on_validation_epoch_start = OnValidationEpochStart,
    on_validation_epoch_end = OnValidationEpochEnd,
    on_validation_batch_start = OnValidationBatchStart,
    on_validation_batch_end = OnValidationBatchEnd,
    on_test_start = OnTestStart,
    on_test_end = OnTestEnd,
    on_test_epoch_start = OnTestEpochStart,
    on_test_epoch_end = OnTestEpochEnd,
    on_test_batch_start = OnTestBatchStart,
    on_test_batch_end = OnTestBatchEnd,
    on_predict_start = OnPredictStart,
    on_predict_end = OnPredictEnd,
    on_predict_epoch_start = OnPredictEpochStart,
    on_predict_epoch_end = OnPredictEpochEnd,
    on_predict_batch_start = OnPredictBatchStart,
    on_predict_batch_end = OnPredictBatchEnd,
    on_exception = OnException,
    on_save_checkpoint = OnSaveCheckpoint,
    on_load_checkpoint = OnLoadCheckpoint,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_closure_for_every_hook_a_callback_has() {
        let wanted: Vec<_> = Hook::ALL.iter().filter(|hook| !hook.is_for_module_alone()).collect();
        assert_eq!(HOOKS.iter().collect::<Vec<_>>(), wanted);
    }
}
