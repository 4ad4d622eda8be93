//! Which process keeps the optimizer state of a parameter.
//!
//! Stage 1 of ZeRO (Rajbhandari et al. 2020, "ZeRO: Memory Optimizations Toward Training Trillion
//! Parameter Models"), by whole parameters.

use std::sync::Arc;

/// A parameter whose state one process keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sharded {
    /// The index among the float parameters of the module.
    pub(crate) index: usize,
    pub(crate) elements: usize,
    pub(crate) is_trained: bool,
}

/// The division of the parameters among processes, each of which keeps the optimizer state of its
/// own ones and updates them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    rank: usize,
    /// The process of each parameter, by the index of the parameter.
    owners: Arc<[Option<usize>]>,
}

impl Shard {
    /// Divides the parameters: the largest first, each to the process with the fewest elements so
    /// far. Those that are not trained now come last; a callback may unfreeze them.
    pub(crate) fn new(mut parameters: Vec<Sharded>, rank: usize, world_size: usize) -> Self {
        let len = parameters.iter().map(|param| param.index + 1).max().unwrap_or(0);
        parameters.sort_by_key(|param| (!param.is_trained, std::cmp::Reverse(param.elements), param.index));
        let mut elements = vec![0_usize; world_size];
        let mut owners = vec![None; len];
        for param in parameters {
            let least = elements.iter_mut().enumerate().min_by_key(|(_, elements)| **elements);
            if let (Some((owner, elements)), Some(place)) = (least, owners.get_mut(param.index)) {
                *place = Some(owner);
                *elements += param.elements;
            }
        }
        Self { rank, owners: owners.into() }
    }

    /// Returns the process that keeps the state of a parameter; `None`: every process.
    pub(crate) fn owner(&self, index: usize) -> Option<usize> {
        self.owners.get(index).copied().flatten()
    }

    /// Returns whether this process keeps the state of a parameter.
    pub(crate) fn keeps(&self, index: usize) -> bool {
        self.owner(index).is_none_or(|owner| owner == self.rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(elements: &[usize]) -> Vec<Sharded> {
        elements.iter().enumerate().map(|(index, elements)| trained(index, *elements)).collect()
    }

    fn trained(index: usize, elements: usize) -> Sharded {
        Sharded { index, elements, is_trained: true }
    }

    #[test]
    fn the_largest_parameters_are_divided_first() {
        let shard = Shard::new(parameters(&[10, 500, 20, 300, 200]), 1, 2);
        // 500 + 20 elements and 300 + 200 + 10.
        let owners: Vec<_> = (0..5).map(|index| shard.owner(index)).collect();
        assert_eq!(owners, [Some(1), Some(0), Some(0), Some(1), Some(1)]);
        assert_eq!((0..5).map(|index| shard.keeps(index)).collect::<Vec<_>>(), [true, false, false, true, true]);
    }

    #[test]
    fn a_trained_parameter_counts_before_a_frozen_one() {
        let mut all = parameters(&[10, 10]);
        all.push(Sharded { index: 2, elements: 1000, is_trained: false });
        let shard = Shard::new(all, 0, 2);
        assert_ne!(shard.owner(0), shard.owner(1));
        assert!(shard.owner(2).is_some());
    }

    #[test]
    fn every_process_keeps_a_parameter_that_is_new() {
        let shard = Shard::new(parameters(&[10, 10]), 1, 2);
        assert_eq!(shard.owner(2), None);
        assert!(shard.keeps(2));
    }
}
