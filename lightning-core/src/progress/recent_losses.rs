//! The losses of training that have not been looked at.

use std::collections::VecDeque;

use burn::tensor::Tensor;

use crate::metrics::Place;

/// The most losses that wait for a look at them; of more, the oldest are dropped.
const MAX_LOSSES: usize = 1024;

/// The losses since the last look at them, and the last one. They are kept on the device, so that
/// the batch of the first one that is not finite can be named without reading each.
#[derive(Debug, Default)]
pub(crate) struct RecentLosses {
    losses: VecDeque<(Place, Tensor<1>)>,
    /// Whether the last loss has been looked at.
    pub(crate) is_known: bool,
    /// Whether the user was told of a loss that is not finite.
    pub(crate) told: bool,
}

impl RecentLosses {
    /// Returns losses that were looked at: the last one.
    pub(crate) fn known(last: Option<(Place, Tensor<1>)>) -> Self {
        Self { losses: last.into_iter().collect(), is_known: true, told: false }
    }

    /// Returns the last loss, with its epoch and batch.
    pub(crate) fn last(&self) -> Option<&(Place, Tensor<1>)> {
        self.losses.back()
    }

    /// Returns the last loss, unless it has been looked at.
    pub(crate) fn unknown(&self) -> Option<Tensor<1>> {
        self.last().filter(|_| !self.is_known).map(|(_, loss)| loss.clone())
    }

    /// Adds the loss of a batch.
    pub(crate) fn push(&mut self, place: Place, loss: Tensor<1>) {
        if self.is_known {
            self.losses.pop_back();
        }
        if self.losses.len() >= MAX_LOSSES {
            self.losses.pop_front();
        }
        self.losses.push_back((place, loss));
        self.is_known = false;
    }

    /// Sets the loss of a batch, which may have one already.
    pub(crate) fn replace(&mut self, place: Place, loss: Tensor<1>) {
        self.is_known |= self.last().is_some_and(|(last, _)| *last == place);
        self.push(place, loss);
    }

    /// Removes the losses before the last one.
    pub(crate) fn take_earlier(&mut self) -> impl Iterator<Item = (Place, Tensor<1>)> {
        let earlier = self.losses.len().saturating_sub(1);
        self.losses.drain(..earlier)
    }
}
