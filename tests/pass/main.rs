//! Programs that must compile without a warning, each run for a few batches. One binary, since
//! linking Burn is what takes the time.
#![forbid(unsafe_code)]
#![deny(warnings)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attributes_of_parameters;
mod batches_of_parts;
mod cfgs;
mod data_with_state;
mod data_without_fields;
mod dims;
mod enum_batch;
mod every;
mod fallible_expressions;
mod fallible_init;
mod generic_bounds;
mod generics;
mod hand_written_init;
mod hooks_elsewhere;
mod hooks_that_return;
mod hparams_by_their_places;
mod in_a_function;
mod init_expressions;
mod init_of_fields;
mod init_with_shadowing;
mod inner_module;
mod log_forms;
mod log_options;
mod macro_calls_in_steps;
mod macro_rules_module;
mod macro_rules_options;
mod macro_rules_types;
mod names_of_other_trainers;
mod names_that_are_no_hooks;
mod nested_batches;
mod nested_hparams;
mod optimizers;
mod outputs;
mod own_loaders;
mod own_names;
mod own_wrappers;
mod patterns;
mod per_stage;
mod prelude;
mod private;
mod private_hparams;
mod programs;
mod qualified_attributes;
mod raw_identifiers;
mod renamed_crate;
mod several_loaders;
mod shadowed_names;
mod shared_state;
mod shared_trainers;
mod stages_that_call;
mod stateful_metrics;
mod tensors_of_every_kind;
mod trailing_commas;

use burn::prelude::*;
use lightning_core::{LightningModule, trainer::TrainerBuilder};

/// A trainer that shows and writes nothing and takes two batches of everything.
fn quick<M: LightningModule>(builder: TrainerBuilder<M>) -> TrainerBuilder<M> {
    builder
        .no_logger()
        .enable_checkpointing(false)
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .max_epochs(1)
        .limit_train_batches(2)
        .limit_val_batches(2)
}

/// Two batches of four rows.
fn rows() -> Vec<Tensor<2>> {
    vec![Tensor::arange(0..16, &Device::default()).float().reshape([4, 4]); 2]
}
