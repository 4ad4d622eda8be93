//! One stage and loader: where a step's values go.

use super::cell::Cell;
use crate::stage::Stage;

/// One stage and loader: where a step's values go.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) stage: Stage,
    pub(super) loader: usize,
    /// `/dataloader_idx_1`, `/noisy`, or nothing.
    pub(super) suffix: String,
    pub(super) cells: Vec<Cell>,
}

impl Scope {
    pub(super) const fn new(stage: Stage, loader: usize) -> Self {
        Self { stage, loader, suffix: String::new(), cells: Vec::new() }
    }

    /// The cell of a slot, made where there is none.
    pub(super) fn cell(&mut self, slot: usize) -> Option<&mut Cell> {
        if self.cells.len() <= slot {
            self.cells.resize_with(slot + 1, Cell::default);
        }
        self.cells.get_mut(slot)
    }
}

/// Names a scope of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScopeId(pub(super) usize);

impl ScopeId {
    /// Between epochs, where logging means nothing.
    pub(crate) const CLOSED: Self = Self(usize::MAX);
}
