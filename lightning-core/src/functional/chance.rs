//! What a classification loss is by chance: notes of the losses of a step, for the audit of the
//! first step.

use std::cell::{Cell, RefCell};

use burn::tensor::Tensor;

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static NOTES: RefCell<Vec<Note>> = const { RefCell::new(Vec::new()) };
}

/// The most losses of one step that are noted.
const MOST: usize = 16;

/// A loss and the number of classes it is over.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) classes: usize,
    pub(crate) loss: Tensor<1>,
}

/// Notes the losses of this thread until [`take`].
pub(crate) fn watch() {
    NOTES.take();
    WATCHED.set(true);
}

/// Returns what was noted.
pub(crate) fn take() -> Vec<Note> {
    WATCHED.set(false);
    NOTES.take()
}

/// Notes a loss, if the losses of this thread are watched.
pub(super) fn note(classes: usize, loss: Tensor<1>) -> Tensor<1> {
    if WATCHED.get() {
        NOTES.with_borrow_mut(|notes| {
            if notes.len() < MOST {
                notes.push(Note { classes, loss: loss.clone().without_autodiff() });
            }
        });
    }
    loss
}
