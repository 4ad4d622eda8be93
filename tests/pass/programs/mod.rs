//! Programs as users write them, each complete, with data that is made up.

mod contrastive;
mod fashion;
mod fine_tuning;
mod gpt;
mod k_fold;
mod translator;
mod wasserstein;

pub(super) use super::quick;
