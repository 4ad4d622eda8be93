//! Integration tests: programs as users write them, compared with hand-written loops and literal numbers.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "the programs are written as a user writes them")]

mod checkpoint;
mod checkpoint_versions;
mod conformance_logging;
mod conformance_steps;
mod determinism;
mod failure;
mod fields;
mod hand_loop;
mod hooks;
mod ledger;
mod logging;
mod mnist;
mod monitoring;
mod optimization;
mod optimizers;
mod outputs;
mod path;
mod readme;
mod settings;
mod signals;
mod support;
