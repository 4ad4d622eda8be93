//! Names of other frameworks and of older versions that stand for a hook.

/// Names from other frameworks and older versions, and the hook that is meant.
pub(crate) const FOREIGN: &[(&str, &str)] = &[
    ("forward_step", "training_step"),
    ("fit_step", "training_step"),
    ("on_epoch_end", "on_train_epoch_end"),
    ("on_batch_end", "on_train_batch_end"),
    ("on_epoch_start", "on_train_epoch_start"),
    ("on_epoch_begin", "on_train_epoch_start"),
    ("on_batch_start", "on_train_batch_start"),
    ("on_batch_begin", "on_train_batch_start"),
    ("on_before_step", "on_before_optimizer_step"),
    ("on_zero_grad", "on_before_zero_grad"),
    ("on_optimizer_step", "on_before_optimizer_step"),
    ("on_after_optimizer_step", "on_train_batch_end"),
    ("on_after_step", "on_train_batch_end"),
    ("on_gradient_clipping", "configure_gradient_clipping"),
    ("on_clip_gradients", "configure_gradient_clipping"),
    ("on_save", "on_save_checkpoint"),
    ("on_save_model", "on_save_checkpoint"),
    ("on_checkpoint", "on_save_checkpoint"),
    ("on_load", "on_load_checkpoint"),
    ("on_load_model", "on_load_checkpoint"),
];

/// Hooks of PyTorch Lightning that a module does not have, and what to do instead.
pub(crate) const UNAVAILABLE: &[(&str, &str)] = &[
    (
        "optimizer_step",
        "write `on_before_optimizer_step` to inspect gradients, or `#[manual_optimization]` to step optimizers in `training_step`",
    ),
    ("optimizer_zero_grad", "write `on_before_zero_grad` to run code before the trainer sets gradients to zero"),
    ("backward", "write `on_before_backward` or `on_after_backward`: the trainer runs the backward pass"),
    ("clip_gradients", "set `gradient_clip_val(…)` on the trainer, or write `configure_gradient_clipping`"),
    ("lr_scheduler_step", "write `#[optimizer(…, lr = schedule, interval = step)]`: the trainer steps the schedule"),
    (
        "on_sanity_check_start",
        "write `on_validation_start`, with `cx: &mut HookContext`: `cx.is_sanity_checking()` is true in the check",
    ),
    (
        "on_sanity_check_end",
        "write `on_validation_end`, with `cx: &mut HookContext`: `cx.is_sanity_checking()` is true in the check",
    ),
    ("on_exception", "write a callback with `on_exception`"),
    ("transfer_batch_to_device", "write `#[derive(Batch)]` on the batch's type, or implement `Batch`"),
    ("on_before_batch_transfer", "change the batch in the loader's `collate`"),
    ("on_after_batch_transfer", "change the batch at the start of the step"),
    ("configure_callbacks", "add callbacks to the trainer with `.callback(…)`"),
    ("configure_model", "write `#[init(…)]` on the fields, or `fn init`"),
    ("configure_sharded_model", "write `#[init(…)]` on the fields, or `fn init`"),
    ("on_validation_model_eval", "write `on_validation_start`: validation runs on a copy without gradients"),
    ("on_validation_model_train", "write `on_validation_end`: validation runs on a copy without gradients"),
    ("on_validation_model_zero_grad", "write `on_validation_start`: validation runs on a copy without gradients"),
    ("on_test_model_eval", "write `on_test_start`: testing runs on a copy without gradients"),
    ("on_test_model_train", "write `on_test_end`: testing runs on a copy without gradients"),
    ("on_predict_model_eval", "write `on_predict_start`: predicting runs on a copy without gradients"),
];

/// Words after `on_` that make a name look like a hook.
pub(crate) const STAGE_WORDS: &[&str] = &[
    "train",
    "training",
    "validation",
    "val",
    "valid",
    "test",
    "predict",
    "fit",
    "epoch",
    "batch",
    "step",
    "before",
    "after",
    "optimizer",
    "sanity",
];
