//! Integration tests: programs as users write them, compared with hand-written loops and literal numbers.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "the programs are written as a user writes them")]

mod callbacks_failure;
mod callbacks_lambda;
mod callbacks_monitors;
mod callbacks_predictions;
mod callbacks_timer;
mod checkpoint;
mod checkpoint_versions;
mod determinism;
mod failure;
mod fields;
mod hand_loop;
mod hooks;
mod logging;
mod mnist;
mod monitoring;
mod optimization;
mod optimizers;
mod path;
mod readme;
mod signals;
mod support;
