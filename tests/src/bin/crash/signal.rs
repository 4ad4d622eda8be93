//! A signal that the program sends itself in a given phase.

use lightning_core::{LightningModule, params::StateWriter, prelude::*};
use signal_hook::{consts::SIGTERM, low_level::raise};
use std::cell::Cell;

/// Sends SIGTERM when a hook is called for the n-th time.
pub(crate) struct SignalAt {
    hook: String,
    left: Cell<u64>,
}

impl SignalAt {
    /// Reads `hook:count`; `None` for no signal.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (hook, count) = text.split_once(':')?;
        Some(Self { hook: hook.to_owned(), left: Cell::new(count.parse().ok()?) })
    }

    fn reach(&self, hook: &str) -> Result<()> {
        if self.hook == hook {
            if self.left.get() == 0 {
                raise(SIGTERM)?;
            }
            self.left.set(self.left.get().wrapping_sub(1));
        }
        Ok(())
    }
}

/// Implements the hooks, and lists them with the largest number of calls that a signal waits for.
macro_rules! hooks {
    ($($hook:ident $calls:literal),* $(,)?) => {
        pub(crate) const PHASES: &[(&str, usize)] = &[$((stringify!($hook), $calls),)* ("save_state", 60)];

        impl<M: LightningModule> Callback<M> for SignalAt {
            $(fn $hook(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
                self.reach(stringify!($hook))
            })*

            fn save_state(&self, _state: &mut StateWriter) -> Result<()> {
                self.reach("save_state")
            }
        }
    };
}

hooks!(
    setup 1,
    on_fit_start 1,
    on_sanity_check_start 1,
    on_train_start 1,
    on_load_checkpoint 1,
    on_train_epoch_start 6,
    on_train_batch_start 110,
    on_before_zero_grad 40,
    on_before_backward 110,
    on_after_backward 110,
    on_before_optimizer_step 40,
    on_train_batch_end 110,
    on_validation_start 12,
    on_validation_batch_start 48,
    on_validation_batch_end 48,
    on_validation_epoch_end 12,
    on_validation_end 12,
    on_train_epoch_end 6,
    on_save_checkpoint 40,
    on_train_end 1,
    on_fit_end 1,
    teardown 2,
    on_predict_start 1,
    on_predict_batch_end 13,
    on_predict_end 1,
);
