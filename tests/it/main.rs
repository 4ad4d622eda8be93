//! Integration tests: programs as users write them, compared with hand-written loops and literal numbers.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "the programs are written as a user writes them")]

mod checkpoint;
mod determinism;
mod failure;
mod fields;
mod hand_loop;
mod hooks;
mod logging;
mod metrics_log;
mod metrics_outputs;
mod metrics_rows;
mod mnist;
mod monitoring;
mod optimization;
mod path;
mod readme;
mod signals;
mod support;
