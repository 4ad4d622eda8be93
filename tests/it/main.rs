//! Integration tests: programs as users write them, compared with hand-written loops and literal
//! numbers.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "the programs are written as a user writes them")]

mod accumulation_schedule;
mod averaging;
mod averaging_support;
mod averaging_swa;
mod book;
mod callbacks_failure;
mod callbacks_lambda;
mod callbacks_monitors;
mod callbacks_predictions;
mod callbacks_timer;
mod checkpoint;
mod checkpoint_faults;
mod checkpoint_state;
mod checkpoint_versions;
mod conformance_logging;
mod conformance_steps;
mod crash;
mod damaged;
mod data_combined;
mod data_faults;
mod data_modules;
mod data_order;
mod data_support;
mod data_workers;
mod determinism;
mod early_stopping;
mod failure;
mod features;
mod field_attributes;
mod fields;
mod finetuning;
mod foreign_keys;
mod gradient_checkpointing;
mod hand_loop;
mod hooks;
mod layers;
mod ledger;
mod logging;
#[path = "../bench/measure.rs"]
#[allow(dead_code, reason = "shared with the benchmark")]
mod measure;
mod memory;
mod metrics_log;
mod metrics_outputs;
mod metrics_resume;
mod metrics_rows;
mod mnist;
mod model_checkpoint;
mod monitoring;
mod optimization;
mod optimizers;
mod optimizers_schedules;
mod optimizers_several;
mod optimizers_support;
mod outputs;
mod path;
mod precision;
mod precision_resume;
mod precision_torch;
mod precision_traps;
mod pruning;
mod python;
mod readers;
mod readme;
mod resume;
mod resume_callbacks;
mod resume_changed;
mod resume_exact;
mod resume_optimizers;
mod seeds;
mod settings;
mod signals;
mod support;
#[path = "../bench/tiny.rs"]
mod tiny;
mod weights;
