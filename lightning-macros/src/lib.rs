//! The macros of `lightning-core`, which re-exports them: depend on that crate, not on this one.
//!
//! | macro | on | gives |
//! |---|---|---|
//! | [`macro@lightning_module`] | a struct and its impl | a module that a `Trainer` can fit, validate, test and predict with |
//! | [`macro@data_module`] | a struct and its impl | the loaders of a run, made when it starts |
//! | [`macro@Batch`] | a struct or an enum | what a loader hands to a step |
//!
//! Each runs the same pipeline, in one direction: `parse` reads attributes, `model` sorts what was written by meaning,
//! `validate` reports every mistake, `expand` emits. Where there was a mistake `fallback` emits the item with bodies that
//! never run, so that one mistake prints one error. `hooks` is the table of all methods that mean something.
//!
//! The examples are in `lightning-core`, above what it re-exports: a test here that needs Burn would compile it once more, since what
//! a procedural macro is made of is built for the compiler's own use.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::unreachable)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

mod diagnostics;
mod entry;
mod expand;
mod fallback;
mod habits;
mod hooks;
mod model;
mod parse;
mod paths;
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
/// Where no field has an expression, `fn init` in the impl builds the struct, and a field without attribute is a module.
///
/// | attribute of the struct | meaning |
/// |---|---|
/// | `#[lightning_module(crate = path)]` | where `lightning_core` is, when it has another name |
/// | `#[optimizer(config, lr = expr)]` | the optimizer; hyperparameters and `cx: &FitContext` are in scope |
///
/// Generated: `<Name>Hparams`, `new`, `new_on`, `trainer`, `hparams`, `freeze`, `unfreeze`, a `FieldKey` constant for each
/// module field.
///
/// # On the impl
///
/// A method with one of these names is checked against its row and called by the trainer. After the batch of a step, and
/// in all other methods, parameters are optional, in any order, and recognised by name. A step also takes
/// `batch_idx: usize`, `dataloader_idx: usize` and `cx: &StepContext`. Where a row shows no output, `Result<()>` is
/// allowed too. `#[not_a_hook]` keeps a name that looks like a hook.
///
/// | method | runs | logs |
/// |---|---|---|
/// | `fn init(hparams: &…Hparams, device: &Device) -> Self` | Builds the module, instead of `#[init(…)]` on its fields. | no |
/// | `fn prepare_data(&self)` | Before anything else, once per machine: downloads. | no |
/// | `fn setup(&mut self, stage: Stage)` | At the start of a run. | no |
/// | `fn teardown(&mut self, stage: Stage)` | At the end of a run, failed runs included. | no |
/// | `fn configure_optimizers(&self, cx: &FitContext) -> Result<Vec<OptimizerSetup>>` | At the start of `fit`, instead of `#[optimizer(…)]`: makes the optimizers. | no |
/// | `fn training_step(&self, batch: B) -> Tensor<1>` | For each training batch: returns the loss. | step |
/// | `fn validation_step(&self, batch: B)` | For each validation batch. | epoch (step) |
/// | `fn test_step(&self, batch: B)` | For each test batch. | epoch (step) |
/// | `fn predict_step(&self, batch: B) -> T` | For each batch to predict: returns the prediction. | no |
/// | `fn on_save_checkpoint(&mut self, state: &mut StateWriter) -> Result<()>` | Before a checkpoint is taken: adds to it what no field holds. | no |
/// | `fn on_load_checkpoint(&mut self, state: &StateReader) -> Result<()>` | When a checkpoint is loaded: reads what `on_save_checkpoint` added. | no |
/// | `fn train_dataloader(&self) -> Result<DataLoader<B>>` | The training batches, where `fit` is given `()`. | no |
/// | `fn val_dataloader(&self) -> Result<DataLoader<B>>` | The validation batches, where `fit` or `validate` is given `()`. | no |
/// | `fn test_dataloader(&self) -> Result<DataLoader<B>>` | The test batches, where `test` is given `()`. | no |
/// | `fn predict_dataloader(&self) -> Result<DataLoader<B>>` | The batches to predict, where `predict` is given `()`. | no |
/// | `fn on_fit_start(&mut self, cx: &mut HookContext)` | At the start of `fit`. | no |
/// | `fn on_fit_end(&mut self, cx: &mut HookContext)` | At the end of `fit`. | no |
/// | `fn on_train_start(&mut self, cx: &mut HookContext)` | Before the first epoch. | epoch |
/// | `fn on_train_end(&mut self, cx: &mut HookContext)` | After the last epoch. | no |
/// | `fn on_train_epoch_start(&mut self, cx: &mut HookContext)` | Before each training epoch. | epoch |
/// | `fn on_train_epoch_end(&mut self, cx: &mut HookContext)` | After each training epoch. | epoch |
/// | `fn on_train_batch_start(&mut self, batch: &B, batch_idx: usize, cx: &mut HookContext)` | Before each training batch; `ControlFlow::Break(())` leaves the rest of the epoch out. | step |
/// | `fn on_train_batch_end(&mut self, outputs: &T, batch: &B, batch_idx: usize, cx: &mut HookContext)` | After each training batch; `outputs` is what `Loss::output` handed on. | step |
/// | `fn on_before_zero_grad(&mut self, batch_idx: usize, cx: &mut HookContext)` | After an optimizer step, before the gradients are dropped. | step |
/// | `fn on_before_backward(&mut self, batch_idx: usize, cx: &mut HookContext)` | Before the loss is differentiated. | step |
/// | `fn on_after_backward(&mut self, batch_idx: usize, cx: &mut HookContext)` | After the loss is differentiated. | step |
/// | `fn on_before_optimizer_step(&mut self, batch_idx: usize, cx: &mut HookContext)` | Before each optimizer step. | step |
/// | `fn configure_gradient_clipping(&mut self, batch_idx: usize, cx: &mut HookContext)` | Before each optimizer step, for `gradient_clip_val`: calls `cx.clip_gradients(limit, algorithm)`. | step |
/// | `fn on_validation_start(&mut self, cx: &mut HookContext)` | Before validation. | epoch |
/// | `fn on_validation_end(&mut self, cx: &mut HookContext)` | After validation. | no |
/// | `fn on_validation_epoch_start(&mut self, cx: &mut HookContext)` | Before the validation batches. | epoch |
/// | `fn on_validation_epoch_end(&mut self, outputs: Vec<T>, cx: &mut HookContext)` | After the validation batches; `outputs` is what `validation_step` returned, loader after loader. | epoch |
/// | `fn on_validation_batch_start(&mut self, batch: &B, batch_idx: usize, dataloader_idx: usize, cx: &mut HookContext)` | Before each validation batch. | epoch (step) |
/// | `fn on_validation_batch_end(&mut self, batch: &B, batch_idx: usize, dataloader_idx: usize, cx: &mut HookContext)` | After each validation batch. | epoch (step) |
/// | `fn on_test_start(&mut self, cx: &mut HookContext)` | Before testing. | epoch |
/// | `fn on_test_end(&mut self, cx: &mut HookContext)` | After testing. | no |
/// | `fn on_test_epoch_start(&mut self, cx: &mut HookContext)` | Before the test batches. | epoch |
/// | `fn on_test_epoch_end(&mut self, outputs: Vec<T>, cx: &mut HookContext)` | After the test batches; `outputs` is what `test_step` returned, loader after loader. | epoch |
/// | `fn on_test_batch_start(&mut self, batch: &B, batch_idx: usize, dataloader_idx: usize, cx: &mut HookContext)` | Before each test batch. | epoch (step) |
/// | `fn on_test_batch_end(&mut self, batch: &B, batch_idx: usize, dataloader_idx: usize, cx: &mut HookContext)` | After each test batch. | epoch (step) |
/// | `fn on_predict_start(&mut self, cx: &mut HookContext)` | Before predicting. | no |
/// | `fn on_predict_end(&mut self, cx: &mut HookContext)` | After predicting. | no |
/// | `fn on_predict_epoch_start(&mut self, cx: &mut HookContext)` | Before the batches to predict. | no |
/// | `fn on_predict_epoch_end(&mut self, cx: &mut HookContext)` | After the batches to predict. | no |
/// | `fn on_predict_batch_start(&mut self, batch: &B, batch_idx: usize, dataloader_idx: usize, cx: &mut HookContext)` | Before each batch to predict. | no |
/// | `fn on_predict_batch_end(&mut self, batch: &B, batch_idx: usize, dataloader_idx: usize, cx: &mut HookContext)` | After each batch to predict. | no |
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
/// With `metric` the value is what a metric of `lightning_core::metrics` takes, such as a tuple of references to scores and targets. The
/// metric is made once a run, with `self` and the step's variables in scope, updated with the value wherever it is logged, computed at the
/// end of the epoch for each loader, and reset. That is the default in training as well; `on_step` gives the value of each step's batch
/// alone.
#[proc_macro_attribute]
pub fn lightning_module(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::lightning_module(args.into(), item.into()).into()
}

/// | attribute of a field | the field is |
/// |---|---|
/// | `#[hparam]`, `#[hparam(default = expr)]` | a hyperparameter: a field of `<Name>Hparams` as well |
/// | `#[state]`, `#[state(skip)]` | data kept in the checkpoint, or not; it starts as its `Default` |
///
/// Generated: `<Name>Hparams`, `new`, `hparams`. The methods, all optional; `&mut self` is allowed where `&self` is shown:
///
/// | method | runs | logs |
/// |---|---|---|
/// | `fn prepare_data(&self) -> Result<()>` | Once per machine: downloads. | no |
/// | `fn setup(&mut self, stage: Stage) -> Result<()>` | At the start of a run: reads and splits. | no |
/// | `fn teardown(&mut self, stage: Stage) -> Result<()>` | At the end of a run. | no |
/// | `fn train_dataloader(&self) -> Result<DataLoader<B>>` | The training batches. | no |
/// | `fn val_dataloader(&self) -> Result<DataLoader<B>>` | The validation batches. | no |
/// | `fn test_dataloader(&self) -> Result<DataLoader<B>>` | The test batches. | no |
/// | `fn predict_dataloader(&self) -> Result<DataLoader<B>>` | The batches to predict. | no |
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

/// The optimizer of a module: `#[optimizer(config, lr = expr)]`, written below `#[lightning_module]` on the struct.
///
/// See [`macro@lightning_module`], which reads it. This macro is what runs when it is written above, and puts it below.
#[proc_macro_attribute]
pub fn optimizer(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::optimizer(args.into(), item.into()).into()
}
