//! Programs as users write them, each complete, with data that is made up.
#![allow(unreachable_pub, reason = "each is written as a crate of its own")]

mod contrastive;
mod fashion;
mod fine_tuning;
mod gpt;
mod k_fold;
mod translator;
mod wasserstein;

pub(super) use super::quick;
