//! Calls the hooks of callbacks and of the module.

use std::any::{Any, TypeId};

use crate::{
    callbacks::{Callback, CallbackOrder, call},
    engine::run::RunState,
    error::{Error, Result},
    hooks::{Hook, HookSet},
    metrics::ambient::{record, short},
    module::{HookContext, LightningModule, hook_label},
    os::panics::catch_panic,
    trace::{Kind, Span},
};

/// Runs a hook of the callbacks and then of the module.
pub(crate) fn run_hooks<M: LightningModule>(
    callbacks: &mut [Box<dyn Callback<M>>],
    module: &mut M,
    hook: Hook,
    run: &mut RunState,
) -> Result<()> {
    run_callbacks(callbacks, module, hook, run, |_| true)?;
    if M::HOOKS.contains(hook) { run_own_hook(module, hook, None, run) } else { Ok(()) }
}

/// Runs a hook of the callbacks whose order is `wanted`. At an end hook all of them run, and the
/// first error is returned.
pub(super) fn run_callbacks<M: LightningModule>(
    callbacks: &mut [Box<dyn Callback<M>>],
    module: &mut M,
    hook: Hook,
    run: &mut RunState,
    wanted: fn(CallbackOrder) -> bool,
) -> Result<()> {
    let mut first = Ok(());
    let mut any = false;
    run.callbacks.not_implemented.resize(callbacks.len(), HookSet::EMPTY);
    for (index, callback) in callbacks.iter_mut().enumerate() {
        if run.callbacks.not_implemented.get(index).is_some_and(|hooks| hooks.contains(hook))
            || !run.callbacks.orders.get(index).copied().is_none_or(wanted)
        {
            continue;
        }
        any = true;
        let mut entries = std::mem::take(&mut run.log.inbox);
        let (stage, host) = (run.progress.stage, run.log.reads_at_once());
        let span = run.console.records_spans().then(|| callback_span(&**callback, hook));
        let result = record(None, stage, host, &mut entries, || {
            catch_panic(|| {
                let mut cx = run.callback_context();
                cx.index = index;
                call(&mut **callback, hook, &mut cx, module)
            })
        });
        run.log.inbox = entries;
        match result.and_then(|called| run.log.metrics.check_keys().map(|()| called)) {
            Ok(true) => drop(span),
            // The default method ran: the callback need not be called for this hook again.
            Ok(false) => {
                if let Some(span) = span {
                    span.cancel();
                }
                if let Some(hooks) = run.callbacks.not_implemented.get_mut(index) {
                    *hooks = hooks.with(hook);
                }
            }
            Err(error) => {
                let error = located(error, run, format!("a callback's {}", hook.name()), hook);
                if !hook.is_end() {
                    return Err(error);
                }
                first = first.and(Err(error));
            }
        }
    }
    first?;
    if !any {
        return Ok(());
    }
    run.log.drain(&run.progress, hook.is_in_batch()).map_err(|error| located(error, run, hook.name().to_owned(), hook))
}

/// Runs a hook of the module.
pub(super) fn run_own_hook<M: LightningModule>(
    module: &mut M,
    hook: Hook,
    batch: Option<&dyn Any>,
    run: &mut RunState,
) -> Result<()> {
    let mut entries = std::mem::take(&mut run.log.inbox);
    let (stage, host) = (run.progress.stage, run.log.reads_at_once());
    let span = run.console.records_spans().then(|| Span::of(Kind::Hook, M::NAME, hook.name()));
    let result = record(Some(TypeId::of::<M>()), stage, host, &mut entries, || {
        catch_panic(|| module.run_hook(hook, &mut HookContext::new(run.view(), hook, batch)))
    });
    drop(span);
    run.log.inbox = entries;
    let result = result.and_then(|()| run.log.metrics.check_keys());
    result.map_err(|error| located(error, run, hook_label::<M>(hook.name()), hook))?;
    run.log.drain(&run.progress, hook.is_in_batch()).map_err(|error| located(error, run, hook.name().to_owned(), hook))
}

/// The span of one callback's part of a hook.
fn callback_span<M>(callback: &dyn Callback<M>, hook: Hook) -> Span {
    Span::of(Kind::Callback, short(callback.identity().type_name()), hook.name())
}

/// Adds to an error the hook in which it occurred.
fn located(error: Error, run: &RunState, hook: String, at: Hook) -> Error {
    error.at(run.progress.location(Some(hook), at.is_in_batch()))
}
