//! The macros of `lightning-core`, which re-exports them: depend on that crate, not on this one.
//!
//! | macro | on | gives |
//! |---|---|---|
//! | [`macro@lightning_module`] | a struct and its impl | a module that a `Trainer` can fit, validate, test and predict with |
//! | [`macro@data_module`] | a struct and its impl | the loaders of a run, made when it starts |
//! | [`macro@Batch`] | a struct or an enum | what a loader hands to a step |
//!
//! Each runs the same pipeline, in one direction: `parse` reads attributes, `model` sorts what was
//! written by meaning, `validate` reports every mistake, `expand` emits. Where there was a mistake
//! `fallback` emits the item with bodies that never run, so that one mistake prints one error.
//! `hooks` is the table of all methods that mean something.
//!
//! The examples are in `lightning-core`, above what it re-exports: a test here that needs Burn
//! would compile it once more, since what a procedural macro is made of is built for the compiler's
//! own use.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::unreachable)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

mod diagnostics;
mod entry;
mod expand;
mod fallback;
mod hooks;
mod model;
mod parse;
mod paths;
mod python_hints;
mod spans;
#[cfg(test)]
mod tests;
mod text;
mod validate;

use proc_macro::TokenStream;

/// # On the struct
///
/// The struct derives `Debug`, `Clone` and Burn's `Module`. Every field has one role:
///
/// | attribute of a field | the field is |
/// |---|---|
/// | `#[init(expr)]` | a Burn module; the device, every hyperparameter and the fields above are in scope |
/// | `#[buffer(expr)]` | a tensor that is moved and saved, never trained |
/// | `#[hparam]`, `#[hparam(default = expr)]` | a hyperparameter: a field of `<Name>Hparams` as well |
/// | `#[state]`, `#[state(skip)]` | data kept in the checkpoint, or not; it starts as its `Default` |
/// | `#[frozen]` beside `#[init(expr)]` | not trained until `unfreeze` |
/// | `#[precision(f32)]` beside `#[init(expr)]` | an `InF32<T>`: in float32 where the run computes in 16 bits |
///
/// Where no field has an expression, `fn init` in the impl builds the struct, and a field without
/// attribute is a module.
///
/// | attribute of the struct | meaning |
/// |---|---|
/// | `#[lightning_module(crate = path)]` | where `lightning_core` is, when it has another name |
/// | `#[optimizer(config, lr = expr)]` | the optimizer; hyperparameters and `cx: &FitContext` are in scope |
///
/// Generated: `<Name>Hparams`, `new`, `new_on`, `trainer`, `hparams`, `freeze`, `unfreeze`, a
/// `FieldKey` constant for each module field.
///
/// # On the impl
///
/// A method with one of these names is checked against its row and called by the trainer. After the
/// batch of a step, and in all other methods, parameters are optional, in any order, and recognised
/// by name. A step also takes `batch_idx: usize`, `dataloader_idx: usize` and `cx: &StepContext`.
/// Where a row shows no output, `Result<()>` is allowed too. `#[not_a_hook]` keeps a name that
/// looks like a hook.
///
#[doc = include_str!("../docs/module_hooks.md")]
///
/// # `#[log]`
///
/// On a `let`: the variable's name is the metric's name, and `Digits::TRAIN_LOSS` its key.
///
/// | option | meaning |
/// |---|---|
/// | `minimize`, `maximize` | which values are better |
/// | `prog_bar` | shown in the progress bar |
/// | `on_step`, `on_epoch` | log each step, the epoch, or both; the default is in the table above |
/// | `logger = false` | kept from the loggers |
/// | `reduce = mean` | how an epoch's values become one: `mean`, `sum`, `min`, `max` |
/// | `name = "val/loss"` | another name in the logs |
/// | `batch_size = expr` | the weight of the value |
/// | `metric = Accuracy::new()` | a stateful metric: see below |
/// | `per_stage` | in a helper of several steps: one metric for each stage |
///
/// With `metric` the value is what a metric of `lightning_core::metrics` takes, such as a tuple of
/// references to scores and targets. The metric is made once a run, with `self` and the step's
/// variables in scope, updated with the value wherever it is logged, computed at the end of the
/// epoch for each loader, and reset. That is the default in training as well; `on_step` gives the
/// value of each step's batch alone.
#[proc_macro_attribute]
pub fn lightning_module(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::lightning_module(args.into(), item.into()).into()
}

/// | attribute of a field | the field is |
/// |---|---|
/// | `#[hparam]`, `#[hparam(default = expr)]` | a hyperparameter: a field of `<Name>Hparams` as well |
/// | `#[state]`, `#[state(skip)]` | data kept in the checkpoint, or not; it starts as its `Default` |
///
/// Generated: `<Name>Hparams`, `new`, `hparams`. The methods, all optional; `&mut self` is allowed
/// where `&self` is shown:
///
#[doc = include_str!("../docs/data_hooks.md")]
#[proc_macro_attribute]
pub fn data_module(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::data_module(args.into(), item.into()).into()
}

/// The batch size is the first dimension of the first tensor field.
///
/// | attribute of a field | meaning |
/// |---|---|
/// | `#[batch(size)]` | the field that the batch size is taken from |
/// | `#[batch(host)]` | stays as it is: any type, never moved or cast |
///
/// `#[batch(crate = path)]` on the type says where `lightning_core` is, when it has another name.
#[proc_macro_derive(Batch, attributes(batch))]
pub fn derive_batch(input: TokenStream) -> TokenStream {
    entry::derive_batch(input.into()).into()
}

/// Calls a `macro_rules!` with the rows of the table of hooks, for the core's own use.
///
/// `with_hooks!(name)` expands to `name! { … }` with one row for each variant of `Hook`, in order;
/// `with_hooks!(name, callbacks)` leaves out the hooks that callbacks do not have. A row reads
///
/// ```text
/// { on_fit_end = OnFitEnd, "At the end of `fit`.", module: true, callbacks: true, end: true, in_batch: false }
/// ```
///
/// and says whether `run_hook` of a module is called, whether the callbacks are, whether the hook
/// runs whatever failed before, and whether it runs for each batch.
#[doc(hidden)]
#[proc_macro]
pub fn with_hooks(input: TokenStream) -> TokenStream {
    hooks::with_hooks(input.into()).into()
}

/// The optimizer of a module: `#[optimizer(config, lr = expr)]`, written below
/// `#[lightning_module]` on the struct.
///
/// See [`macro@lightning_module`], which reads it. This macro is what runs when it is written
/// above, and puts it below.
#[proc_macro_attribute]
pub fn optimizer(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::optimizer(args.into(), item.into()).into()
}
