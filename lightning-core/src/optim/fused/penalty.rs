//! Weight decay as an L2 penalty on the gradient.

use serde::Deserialize;

use super::float::{Float, Setting};

/// The fields of Burn's `WeightDecayConfig`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WeightDecayFields {
    penalty: Setting,
}

/// The L2 penalty of one pass: its gradient is the value times the decay.
#[derive(Clone, Copy)]
pub(super) struct L2Penalty<F>(Option<F>);

impl<F: Float> L2Penalty<F> {
    pub(super) fn new(decay: Option<WeightDecayFields>) -> Self {
        Self(decay.map(|decay| F::setting(decay.penalty)))
    }

    /// Returns the gradient of the loss and the penalty together.
    #[inline(always)]
    pub(super) fn add_to(&self, gradient: F, value: F) -> F {
        match self.0 {
            Some(decay) => value * decay + gradient,
            None => gradient,
        }
    }
}
