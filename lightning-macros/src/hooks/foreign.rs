//! Names that are almost hooks: of other frameworks, of older versions, of PyTorch Lightning.

/// Names from other frameworks and older versions, and the hook that is meant.
#[rustfmt::skip]
pub(crate) const FOREIGN: &[(&str, &str)] = &[
    ("train_step", "training_step"), ("forward_step", "training_step"), ("fit_step", "training_step"),
    ("val_step", "validation_step"), ("valid_step", "validation_step"), ("eval_step", "validation_step"), ("evaluation_step", "validation_step"), ("dev_step", "validation_step"),
    ("testing_step", "test_step"), ("prediction_step", "predict_step"), ("pred_step", "predict_step"), ("inference_step", "predict_step"),
    ("training_epoch_end", "on_train_epoch_end"), ("train_epoch_end", "on_train_epoch_end"), ("training_step_end", "on_train_batch_end"),
    ("validation_epoch_end", "on_validation_epoch_end"), ("val_epoch_end", "on_validation_epoch_end"), ("validation_step_end", "on_validation_batch_end"),
    ("test_epoch_end", "on_test_epoch_end"), ("test_step_end", "on_test_batch_end"), ("predict_epoch_end", "on_predict_epoch_end"),
    ("on_epoch_start", "on_train_epoch_start"), ("on_epoch_end", "on_train_epoch_end"), ("on_epoch_begin", "on_train_epoch_start"),
    ("on_batch_start", "on_train_batch_start"), ("on_batch_end", "on_train_batch_end"), ("on_batch_begin", "on_train_batch_start"),
    ("on_training_start", "on_train_start"), ("on_training_end", "on_train_end"), ("on_train_begin", "on_train_start"), ("on_train_batch_begin", "on_train_batch_start"),
    ("on_training_epoch_start", "on_train_epoch_start"), ("on_training_epoch_end", "on_train_epoch_end"),
    ("on_training_batch_start", "on_train_batch_start"), ("on_training_batch_end", "on_train_batch_end"),
    ("on_val_start", "on_validation_start"), ("on_val_end", "on_validation_end"), ("on_val_epoch_start", "on_validation_epoch_start"), ("on_val_epoch_end", "on_validation_epoch_end"),
    ("on_val_batch_start", "on_validation_batch_start"), ("on_val_batch_end", "on_validation_batch_end"),
    ("on_valid_start", "on_validation_start"), ("on_valid_end", "on_validation_end"), ("on_valid_epoch_start", "on_validation_epoch_start"), ("on_valid_epoch_end", "on_validation_epoch_end"),
    ("on_before_step", "on_before_optimizer_step"), ("on_zero_grad", "on_before_zero_grad"),
    ("valid_dataloader", "val_dataloader"), ("validation_dataloader", "val_dataloader"), ("dev_dataloader", "val_dataloader"), ("eval_dataloader", "val_dataloader"),
    ("training_dataloader", "train_dataloader"), ("prediction_dataloader", "predict_dataloader"), ("pred_dataloader", "predict_dataloader"),
    ("train_loader", "train_dataloader"), ("val_loader", "val_dataloader"), ("valid_loader", "val_dataloader"), ("validation_loader", "val_dataloader"), ("test_loader", "test_dataloader"), ("predict_loader", "predict_dataloader"),
    ("train_data_loader", "train_dataloader"), ("val_data_loader", "val_dataloader"), ("test_data_loader", "test_dataloader"), ("predict_data_loader", "predict_dataloader"),
];

/// Hooks of PyTorch Lightning that a module does not have, and what to do instead.
#[rustfmt::skip]
pub(crate) const UNAVAILABLE: &[(&str, &str)] = &[
    ("optimizer_step", "the trainer steps the optimizer: use `on_before_optimizer_step` to look at the gradients before it does"),
    ("optimizer_zero_grad", "gradients are dropped after each step: use `on_before_zero_grad` to run code before that"),
    ("backward", "the trainer differentiates the loss: use `on_before_backward` or `on_after_backward`"),
    ("clip_gradients", "set `gradient_clip_val(…)` on the trainer"),
    ("lr_scheduler_step", "give the scheduler to `#[optimizer(…, lr = …)]` on the struct: the trainer steps it"),
    ("on_exception", "write a callback"),
    ("transfer_batch_to_device", "implement `Batch` for the batch's type, or derive it"),
    ("on_before_batch_transfer", "change the batch where the loader makes it, in `collate`"),
    ("on_after_batch_transfer", "change the batch at the start of the step"),
    ("configure_callbacks", "give callbacks to the trainer: `.callback(…)`"),
    ("configure_model", "build the fields with `#[init(…)]`, or write `fn init`"),
    ("configure_sharded_model", "build the fields with `#[init(…)]`, or write `fn init`"),
    ("on_validation_model_eval", "validation runs on a copy without gradients: use `on_validation_start`"),
    ("on_validation_model_train", "validation runs on a copy without gradients: use `on_validation_end`"),
    ("on_validation_model_zero_grad", "validation runs on a copy without gradients: use `on_validation_start`"),
    ("on_test_model_eval", "testing runs on a copy without gradients: use `on_test_start`"),
    ("on_test_model_train", "testing runs on a copy without gradients: use `on_test_end`"),
    ("on_predict_model_eval", "predicting runs on a copy without gradients: use `on_predict_start`"),
];

/// Words after `on_` that make a name look like a hook.
pub(crate) const STAGE_WORDS: &[&str] =
    &["train", "training", "validation", "val", "valid", "test", "predict", "fit", "epoch", "batch"];
