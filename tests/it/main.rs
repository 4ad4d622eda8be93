//! Integration tests: programs as users write them, compared with hand-written loops and literal numbers.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "the programs are written as a user writes them")]

mod checkpoint;
mod checkpoint_faults;
mod checkpoint_state;
mod checkpoint_versions;
mod crash;
mod damaged;
mod determinism;
mod early_stopping;
mod failure;
mod fields;
mod hand_loop;
mod hooks;
mod logging;
mod mnist;
mod model_checkpoint;
mod monitoring;
mod optimization;
mod optimizers;
mod path;
mod python;
mod readme;
mod resume;
mod resume_changed;
mod resume_exact;
mod resume_optimizers;
mod signals;
mod support;
mod weights;
