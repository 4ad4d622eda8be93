//! A callback made of closures.

use std::fmt;

use super::{Callback, CallbackContext};
use crate::{error::Result, hooks::Hook};

/// A closure of [`LambdaCallback`].
type Closure<M> = Box<dyn FnMut(&mut CallbackContext<'_>, &mut M) -> Result<()> + Send>;

/// A callback made of closures, for the hooks that are needed.
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
/// Two closures for one hook both run, in order.
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
    /// Creates a callback without closures.
    pub fn new() -> Self {
        Self::default()
    }

    fn run(&mut self, hook: Hook, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        self.closures.iter_mut().filter(|(of, _)| *of == hook).try_for_each(|(_, closure)| closure(cx, module))
    }
}

macro_rules! define_closures {
    ($({ $name:ident = $variant:ident, $doc:literal, $($flags:tt)* })*) => {
        impl<M> LambdaCallback<M> {
            $(
                #[doc = concat!("Adds a closure for [`", stringify!($name), "`](Callback::", stringify!($name), ").")]
                #[must_use]
                pub fn $name(
                    mut self,
                    closure: impl FnMut(&mut CallbackContext<'_>, &mut M) -> Result<()> + Send + 'static,
                ) -> Self {
                    self.closures.push((Hook::$variant, Box::new(closure)));
                    self
                }
            )*
        }

        impl<M> Callback<M> for LambdaCallback<M> {
            $(
                fn $name(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
                    self.run(Hook::$variant, cx, module)
                }
            )*
        }
    };
}

lightning_macros::with_hooks!(define_closures, callbacks);
