//! Which checkpoints are kept.

use std::path::{Path, PathBuf};

use crate::metrics::Direction;

/// How many checkpoints a [`ModelCheckpoint`](super::ModelCheckpoint) keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopK {
    /// The best `k`; 0 keeps none.
    Best(usize),
    /// Every checkpoint.
    All,
}

impl TopK {
    pub(super) fn limit(self) -> Option<usize> {
        match self {
            Self::Best(count) => Some(count),
            Self::All => None,
        }
    }
}

impl From<usize> for TopK {
    fn from(count: usize) -> Self {
        Self::Best(count)
    }
}

/// A checkpoint that is kept.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) path: PathBuf,
    /// What it is ranked by, with NaN replaced by the worst value.
    pub(super) score: f64,
}

/// The answer to whether a due checkpoint is kept.
pub(super) enum Admission {
    Rejected,
    /// It is kept. The file that it replaces, if any, is no longer in the list.
    Admitted {
        score: f64,
        replaced: Option<PathBuf>,
    },
}

/// The checkpoints kept, in the order in which they were saved. Where all are kept, only the best
/// and the newest are in the list: none is ever replaced, and the list is part of each checkpoint.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptList(Vec<Kept>);

impl KeptList {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Kept> {
        self.0.iter()
    }

    pub(super) fn push(&mut self, path: PathBuf, score: f64, top_k: TopK, direction: Option<Direction>) {
        self.0.push(Kept { path, score });
        if top_k == TopK::All
            && let (Some(best), Some(newest)) = (self.best(direction).cloned(), self.newest().cloned())
        {
            let only = best.path == newest.path;
            self.0 = if only { vec![best] } else { vec![best, newest] };
        }
    }

    pub(super) fn newest(&self) -> Option<&Kept> {
        self.0.last()
    }

    pub(super) fn contains(&self, path: &Path) -> bool {
        self.0.iter().any(|kept| kept.path == path)
    }

    /// Decides whether a checkpoint with this score is kept, and makes room for it.
    pub(super) fn admit(&mut self, score: f64, top_k: TopK, direction: Option<Direction>) -> Admission {
        if top_k.limit().is_none_or(|limit| self.0.len() < limit) {
            return Admission::Admitted { score, replaced: None };
        }
        match self.worst(direction) {
            Some(at) if self.0.get(at).is_some_and(|worst| is_better(direction, score, worst.score)) => {
                Admission::Admitted { score, replaced: Some(self.0.remove(at).path) }
            }
            _ => Admission::Rejected,
        }
    }

    /// The best checkpoint; among equal ones the oldest. Without a direction the latest.
    pub(super) fn best(&self, direction: Option<Direction>) -> Option<&Kept> {
        self.0.iter().reduce(|best, kept| if is_better(direction, kept.score, best.score) { kept } else { best })
    }

    /// The index of the worst checkpoint; among equal ones, and without a direction, the oldest.
    fn worst(&self, direction: Option<Direction>) -> Option<usize> {
        let is_worse = |a: f64, b: f64| direction.is_some() && is_better(direction, b, a);
        let indexed = self.0.iter().enumerate();
        indexed.reduce(|worst, kept| if is_worse(kept.1.score, worst.1.score) { kept } else { worst }).map(|(at, _)| at)
    }
}

/// Whether score `a` ranks strictly before score `b`; without a direction the newer one, `a`, does.
fn is_better(direction: Option<Direction>, a: f64, b: f64) -> bool {
    match direction {
        Some(Direction::Minimize) => a < b,
        Some(Direction::Maximize) => a > b,
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Saves one checkpoint for each score, and returns the numbers of those kept and of the best.
    fn kept(scores: &[f64], top_k: TopK, direction: Option<Direction>) -> (Vec<usize>, Option<usize>) {
        let mut list = KeptList::default();
        for (number, score) in scores.iter().enumerate() {
            if let Admission::Admitted { score, .. } = list.admit(*score, top_k, direction) {
                list.push(number.to_string().into(), score, top_k, direction);
            }
        }
        let number = |kept: &Kept| kept.path.to_string_lossy().parse().expect("a number");
        (list.iter().map(number).collect(), list.best(direction).map(number))
    }

    #[test]
    fn the_best_are_kept_and_of_equal_ones_the_older() {
        let scores = [3.0, 1.0, 2.0, 1.0, 3.0];
        assert_eq!(kept(&scores, 2.into(), Some(Direction::Minimize)), (vec![1, 3], Some(1)));
        assert_eq!(kept(&scores, 2.into(), Some(Direction::Maximize)), (vec![0, 4], Some(0)));
        assert_eq!(kept(&scores, 1.into(), Some(Direction::Minimize)), (vec![1], Some(1)));
        // All stay; the best and the newest are remembered.
        assert_eq!(kept(&scores, TopK::All, Some(Direction::Minimize)), (vec![1, 4], Some(1)));
    }

    #[test]
    fn without_a_direction_the_latest_is_kept() {
        assert_eq!(kept(&[0.0; 4], 1.into(), None), (vec![3], Some(3)));
        assert_eq!(kept(&[0.0; 3], TopK::All, None), (vec![2], Some(2)));
        assert_eq!(kept(&[0.0; 3], 0.into(), None), (vec![], None));
    }
}
