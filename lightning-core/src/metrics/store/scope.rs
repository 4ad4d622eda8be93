//! The values of one stage and loader.

use super::cell::Cell;
use crate::stage::Stage;

/// The values of one stage and loader.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) stage: Stage,
    pub(super) loader: usize,
    /// The ending of the names: `/dataloader_idx_1`, `/noisy`, or empty for a single loader.
    pub(super) suffix: String,
    pub(super) cells: Vec<Cell>,
}

impl Scope {
    pub(super) const fn new(stage: Stage, loader: usize) -> Self {
        Self { stage, loader, suffix: String::new(), cells: Vec::new() }
    }

    /// Returns the cell of a slot, and creates it if needed.
    pub(super) fn cell(&mut self, slot: usize) -> Option<&mut Cell> {
        if self.cells.len() <= slot {
            self.cells.resize_with(slot + 1, Cell::default);
        }
        self.cells.get_mut(slot)
    }
}

/// Identifies a scope of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScopeId(pub(super) usize);

impl ScopeId {
    /// No scope: between epochs, where logging is an error.
    pub(crate) const CLOSED: Self = Self(usize::MAX);
}
