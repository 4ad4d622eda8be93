//! A callback that does not look at the module, for a module of any type: it is compiled once.

use crate::{
    callbacks::{Callback, CallbackContext, CallbackInfo, Identity},
    error::Result,
    params::{StateReader, StateWriter},
};

/// The module of callbacks that do not look at it.
#[derive(Debug)]
pub(in crate::cli) struct NoModule;

/// A callback that does not look at the module.
pub(super) struct Untyped(pub(super) Box<dyn Callback<NoModule>>);

macro_rules! define_methods {
    ($({ $name:ident = $variant:ident, $doc:literal, $($flags:tt)* })*) => {
        $(
            fn $name(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
                self.0.$name(cx, &mut NoModule)
            }
        )*
    };
}

impl<M> Callback<M> for Untyped {
    fn info(&self) -> CallbackInfo {
        self.0.info()
    }

    fn check(&self) -> Result<()> {
        self.0.check()
    }

    fn state_key(&self) -> String {
        self.0.state_key()
    }

    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        self.0.save_state(state)
    }

    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        self.0.load_state(state)
    }

    fn final_weights(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<bool> {
        self.0.final_weights(cx, &mut NoModule)
    }

    // That of the callback, which tells the trainer the hooks that it does not implement.
    fn identity(&self) -> Identity {
        self.0.identity()
    }

    lightning_macros::with_hooks!(define_methods, callbacks);
}

/// A callback that does not look at the module, for a trainer of any.
pub(in crate::cli) fn untyped<M, C: Callback<NoModule> + 'static>(callback: C) -> Box<dyn Callback<M>> {
    Box::new(Untyped(Box::new(callback)))
}
