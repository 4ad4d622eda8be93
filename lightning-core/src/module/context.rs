//! What the hooks of a module are handed.

use std::{
    any::Any,
    cell::Cell,
    ops::{ControlFlow, Deref, DerefMut},
};

use super::run_view::RunView;
use crate::{
    error::{Error, Result},
    hooks::Hook,
    optim::{Clip, ClipAlgorithm},
    random::{Rng, Stream, derive_seed},
};

/// What the hook of a module can see of the run and do to it: a parameter `cx: &mut HookContext`.
///
/// The methods that hooks share with callbacks are those of [`RunView`].
#[derive(Debug)]
pub struct HookContext<'a> {
    view: RunView<'a>,
    /// The batch, for a hook that takes it.
    batch: Option<&'a dyn Any>,
    hook: Hook,
    /// The number of random streams that were handed out.
    draws: Cell<u64>,
}

impl<'a> Deref for HookContext<'a> {
    type Target = RunView<'a>;

    fn deref(&self) -> &Self::Target {
        &self.view
    }
}

impl DerefMut for HookContext<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.view
    }
}

impl<'a> HookContext<'a> {
    pub(crate) fn new(view: RunView<'a>, hook: Hook, batch: Option<&'a dyn Any>) -> Self {
        Self { view, batch, hook, draws: Cell::new(0) }
    }

    /// Returns a source of host randomness.
    ///
    /// The stream depends only on the seed of the run, the hook and the number of training batches
    /// before it, and in a hook of a batch on that batch, so that a resumed run draws the same
    /// numbers. Each call returns another stream.
    pub fn rng(&self) -> Rng {
        let draw = self.draws.get();
        self.draws.set(draw + 1);
        let progress = &*self.view.progress;
        // Outside of a batch `batch_idx` is that of an earlier batch, which a resumed run does not know.
        let (loader, batch) = match self.hook.is_in_batch() {
            true => (progress.loader_idx as u64, progress.batch_idx),
            false => (0, 0),
        };
        // The streams of steps count up from 0: see `StepContext::rng`.
        let words = [u64::MAX - self.hook as u64, progress.counters.batch_step, loader, batch];
        let seed = words.into_iter().fold(progress.seed, |seed, word| derive_seed(seed, Stream::Host, word, 0));
        Rng::derived(seed, Stream::Host, 0, draw)
    }

    /// The batch, for a hook that takes it.
    #[doc(hidden)]
    pub fn batch<B: 'static>(&self) -> Result<&'a B> {
        let batch = self.batch.and_then(|batch| batch.downcast_ref());
        batch.ok_or_else(|| Error::data("there is no batch here for the hook"))
    }

    /// Clips the gradients of the current optimizer step, in place of the trainer's
    /// `gradient_clip_val`. Only available in `configure_gradient_clipping`.
    ///
    /// # Errors
    /// When `limit` is not positive, and in every other hook.
    pub fn clip_gradients(&mut self, limit: f64, algorithm: ClipAlgorithm) -> Result<()> {
        if self.hook != Hook::ConfigureGradientClipping {
            return Err(Error::config(format!(
                "`clip_gradients` belongs into `configure_gradient_clipping`, found in `{}`",
                self.hook.name()
            ))
            .help("call it in `configure_gradient_clipping`"));
        }
        if !(limit.is_finite() && limit > 0.0) {
            return Err(Error::config(format!("the limit of `clip_gradients` must be positive, found {limit:?}"))
                .help("give a positive number, or do not call it for no clipping"));
        }
        self.view.train.clip = Some(Clip { limit, algorithm });
        Ok(())
    }

    /// Follows what `on_train_batch_start` returned about the rest of the epoch.
    #[doc(hidden)]
    pub fn follow(&mut self, flow: ControlFlow<()>) {
        self.view.progress.skip_epoch |= flow.is_break();
    }
}
