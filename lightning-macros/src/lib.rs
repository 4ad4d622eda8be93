//! The macros of `lightning-core`, which re-exports them: depend on that crate, not on this one.
//!
//! | macro | on | result |
//! |---|---|---|
//! | [`macro@lightning_module`] | a struct and its impl | a module for a `Trainer` |
//! | [`macro@data_module`] | a struct and its impl | the loaders of a run |
//! | [`macro@Batch`] | a struct or an enum | the batch type of a loader |
//! | [`macro@lightning_main`] | `fn main` | a program with a command line |
//! | `include_config!`, `include_hparams!` | a file | a configuration that is part of the program |
//!
//! All macros run the same pipeline, in one direction: `parse` reads attributes, `model` sorts the
//! user's item by meaning, `validate` reports all mistakes, `expand` emits code. After a mistake
//! `fallback` emits the item with bodies that are never called, so that one mistake prints one
//! error. `hooks` is the table of all methods with a meaning.
//!
//! The examples are in `lightning-core`, at the re-exports. The dependencies of a procedural macro
//! are built for the host, so an example with Burn in this crate would compile Burn twice.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::unreachable)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

mod diagnostics;
mod entry;
mod expand;
mod fallback;
mod hooks;
#[cfg(feature = "config")]
mod include;
mod main_fn;
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
/// The struct derives `Debug`, `Clone` and Burn's `Module`. Each field has one role:
///
/// | attribute of a field | role |
/// |---|---|
/// | `#[init(expr)]` | a Burn module |
/// | `#[buffer(expr)]` | a tensor that is moved and saved, but not trained |
/// | `#[hparam]`, `#[hparam(default = expr)]` | a hyperparameter, also a field of `<Name>Hparams` |
/// | `#[state]` | data that is saved in the checkpoint; starts as its `Default` |
/// | `#[state(skip)]` | data that is not saved; starts as its `Default` |
///
/// The expressions of `#[init]` and `#[buffer]` can use `device`, all hyperparameters and the
/// fields above. If one has a `?`, `new` returns a `Result`. Two attributes modify a module:
///
/// | attribute | meaning |
/// |---|---|
/// | `#[frozen]` | not trained before `unfreeze` |
/// | `#[precision(f32)]` | wrapped in `InF32`: stays in float32 in a 16-bit run |
///
/// If no field has an expression, `fn init` in the impl builds the struct, and each field without
/// an attribute is a module. It returns `<Name>Fields`, which has all fields but the
/// hyperparameters, or the struct itself, or a `Result` of either.
///
/// | attribute of the struct | meaning |
/// |---|---|
/// | `#[lightning_module(crate = path)]` | the path of `lightning_core`, if it is renamed |
/// | `#[optimizer(config, lr = expr)]` | the optimizer; can use hyperparameters and `cx` |
///
/// Generated: `<Name>Hparams`, `new`, `new_on`, `trainer`, `hparams`, `freeze`, `unfreeze`,
/// `load_from_checkpoint`, and a `FieldKey` constant for each module field.
///
/// # On the impl
///
/// A method with one of these names is checked against its row and called by the trainer. The batch
/// of a step comes first. All other parameters are optional, in any order, and recognized by name.
/// A step also takes `batch_idx: usize`, `dataloader_idx: usize` and `cx: &StepContext`. A row
/// without a return type also allows `Result<()>`. `#[not_a_hook]` keeps a name that looks like a
/// hook.
///
#[doc = include_str!("../docs/module_hooks.md")]
///
/// # `#[every]` and `#[once]`
///
/// | attribute of a hook | the hook is called |
/// |---|---|
/// | `#[every(100)]` | for the 100th, 200th, … batch, step, epoch or validation, from 1 |
/// | `#[every(5, epochs)]` | in every 5th epoch, on any hook of training and validation |
/// | `#[once(50)]` | for the 50th alone, also if the run is resumed |
///
/// Hooks of a training batch count the batches of the run, `on_before_zero_grad` and
/// `on_before_optimizer_step` optimizer steps, hooks of a training epoch epochs, hooks of a
/// validation validations, and hooks of an evaluation batch the batches of a loader. The number is
/// a literal or a `u64` constant above 0.
///
/// # `#[dims]`
///
/// `#[dims(batch, 784)]` before a parameter with a tensor, and `#[dims(-> batch, 10)]` above a
/// method for its result, give the shape. A size is one of those of [`macro@Batch`], or the name of
/// a hyperparameter. The sizes are compared in the first batch of each loader, in the first call
/// with its batches, and in every call outside of a run; the method panics if they differ. The
/// shapes are added to the method's documentation.
///
/// # `#[log]`
///
/// On a `let`: the variable's name is the metric's name, and `Digits::TRAIN_LOSS` is its key.
///
/// | option | meaning |
/// |---|---|
/// | `minimize`, `maximize` | the direction in which the metric improves |
/// | `prog_bar` | shown in the progress bar |
/// | `on_step`, `on_epoch` | logs each step, the epoch, or both; the table above has the default |
/// | `logger = false` | not sent to the loggers |
/// | `reduce = mean` | the reduction over an epoch: `mean`, `sum`, `min` or `max` |
/// | `name = "val/loss"` | the name in the logs |
/// | `batch_size = expr` | the weight of the value |
/// | `metric = Accuracy::new()` | a stateful metric |
/// | `per_stage` | in a method that several steps call: one metric for each stage |
///
/// With `metric` the value is the input of a metric of `lightning_core::metrics`, such as a tuple
/// of references to scores and targets. The metric is created once per run, with `self` and the
/// variables of the step in scope. It is updated at each logged value, computed at the end of the
/// epoch for each loader, and reset. This is the default in training, too; `on_step` logs the value
/// of each batch.
#[proc_macro_attribute]
pub fn lightning_module(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::lightning_module(args.into(), item.into()).into()
}

/// | attribute of a field | role |
/// |---|---|
/// | `#[hparam]`, `#[hparam(default = expr)]` | a hyperparameter, also a field of `<Name>Hparams` |
/// | `#[state]` | data that is saved in the checkpoint; starts as its `Default` |
/// | `#[state(skip)]` | data that is not saved; starts as its `Default` |
///
/// Generated: `<Name>Hparams`, `new`, `hparams`. All methods are optional; a row with `&self` also
/// allows `&mut self`.
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
/// | `#[batch(size)]` | the field that defines the batch size |
/// | `#[batch(host)]` | a field of any type, which is not moved or cast |
/// | `#[dims(batch, 1, 28, 28)]` | the shape of a tensor |
///
/// A size in `#[dims]` is a number, a `usize` constant in capitals, a name, which has one size in
/// the whole struct, or `_`. The number of sizes is compared with `Tensor<4>` at compile time, and
/// the sizes with the first batch of each loader. An `Option`, `Box`, `Vec` or array of tensors of
/// one shape may have it, too. The documentation of the implementation lists the shapes.
///
/// `#[batch(crate = path)]` on the type is the path of `lightning_core`, if it is renamed.
#[proc_macro_derive(Batch, attributes(batch, dims))]
pub fn derive_batch(input: TokenStream) -> TokenStream {
    entry::derive_batch(input.into()).into()
}

/// The function `main` of a program with a command line returns a `Cli`, which is run: exit code 0, 1
/// after an error of the run, or 2 for wrong arguments and configurations.
///
/// `#[lightning_main(crate = path)]` is for a renamed `lightning_core`.
#[proc_macro_attribute]
pub fn lightning_main(args: TokenStream, item: TokenStream) -> TokenStream {
    main_fn::lightning_main(args.into(), item.into()).into()
}

/// Calls a `macro_rules!` with the rows of the table of hooks, for use in the core.
///
/// `with_hooks!(name)` expands to `name! { … }` with one row for each variant of `Hook`, in order;
/// `with_hooks!(name, callbacks)` skips the hooks that callbacks do not have. A row reads
///
/// ```text
/// {
///     on_fit_end = OnFitEnd, "At the end of `fit`.",
///     module: true, callbacks: true, end: true, in_batch: false
/// }
/// ```
///
/// `module`: `run_hook` of the module is called; `callbacks`: callbacks are called; `end`: the hook
/// runs whatever failed before; `in_batch`: it runs for each batch.
#[doc(hidden)]
#[proc_macro]
pub fn with_hooks(input: TokenStream) -> TokenStream {
    hooks::with_hooks(input.into()).into()
}

/// Removes the bounds of a struct that only the derives above it need.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn without_bounds(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::without_bounds(args.into(), item.into()).into()
}

/// The optimizer of a module: `#[optimizer(config, lr = expr)]`, below `#[lightning_module]` on the
/// struct.
///
/// [`macro@lightning_module`] reads and removes it. This macro runs only if it is above, and moves
/// itself below.
#[proc_macro_attribute]
pub fn optimizer(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::optimizer(args.into(), item.into()).into()
}

/// The macro behind `lightning_core::cli::include_config!`.
#[cfg(feature = "config")]
#[doc(hidden)]
#[proc_macro]
pub fn include_config(input: TokenStream) -> TokenStream {
    include::include_config(input.into()).into()
}

/// The macro behind `lightning_core::cli::include_hparams!`.
#[cfg(feature = "config")]
#[doc(hidden)]
#[proc_macro]
pub fn include_hparams(input: TokenStream) -> TokenStream {
    include::include_hparams(input.into()).into()
}
