//! Exchanges of layers in the middle of a step.
//!
//! A layer's `forward` is handed nothing of the run. The engine lends the strategy to the thread
//! for the duration of a step or a backward pass, in which layers find it here.

use std::cell::RefCell;

use burn::tensor::kind::BridgeTensor;

use super::{Point, SingleDevice, Strategy};
use crate::error::{Error, Result};

struct Lent {
    strategy: Box<dyn Strategy>,
    at: Point,
    /// The first failure: a layer returns a tensor and no error.
    error: Option<Error>,
}

thread_local! {
    static LENT: RefCell<Option<Lent>> = const { RefCell::new(None) };
}

/// Lends the strategy to the layers that this thread runs, until [`end`].
pub(crate) fn start(owner: &mut Box<dyn Strategy>, at: Point) {
    if owner.rank().is_alone() {
        return;
    }
    let strategy = std::mem::replace(owner, Box::new(SingleDevice));
    LENT.set(Some(Lent { strategy, at, error: None }));
}

/// Puts the strategy back.
///
/// # Errors
/// The first failure of an exchange.
pub(crate) fn end(owner: &mut Box<dyn Strategy>) -> Result<()> {
    let Some(Lent { strategy, error, .. }) = LENT.take() else { return Ok(()) };
    *owner = strategy;
    error.map_or(Ok(()), Err)
}

/// Runs a step or a backward pass, whose layers can exchange values with those of other processes.
/// The step must not panic.
///
/// # Errors
/// The first failure of an exchange, or else the error of the step.
pub(crate) fn lend<T>(owner: &mut Box<dyn Strategy>, at: Point, step: impl FnOnce() -> Result<T>) -> Result<T> {
    start(owner, at);
    let result = step();
    end(owner)?;
    result
}

/// A strategy that was taken back in the middle of a step.
#[derive(Debug)]
#[must_use = "the rest of the step needs the strategy"]
pub(crate) struct Reclaimed(Option<(Point, Option<Error>)>);

/// Takes the strategy back in the middle of a step, for an exchange of the engine.
pub(crate) fn reclaim(owner: &mut Box<dyn Strategy>) -> Reclaimed {
    Reclaimed(LENT.take().map(|Lent { strategy, at, error }| {
        *owner = strategy;
        (at, error)
    }))
}

impl Reclaimed {
    /// Lends the strategy to the rest of the step.
    pub(crate) fn lend_again(self, owner: &mut Box<dyn Strategy>) {
        if let Some((at, error)) = self.0 {
            let strategy = std::mem::replace(owner, Box::new(SingleDevice));
            LENT.set(Some(Lent { strategy, at, error }));
        }
    }
}

/// Whether layers can exchange values with those of other processes.
pub(crate) fn is_lent() -> bool {
    LENT.with_borrow(Option::is_some)
}

/// Returns the values of all processes, in the order of their ranks; `None` in a process alone,
/// outside of steps, and after a failure, with which the step ends.
pub(crate) fn gather(what: &'static str, own: &[f32]) -> Option<Vec<Vec<f32>>> {
    LENT.with_borrow_mut(|lent| {
        let Lent { strategy, at, error } = lent.as_mut()?;
        if error.is_some() {
            return None;
        }
        // Layers follow one another in one order on all processes.
        at.part = at.part.wrapping_add(1);
        let bytes = own.iter().flat_map(|value| value.to_le_bytes()).collect();
        match strategy.gather(Point { what, ..*at }, bytes) {
            Ok(all) => Some(all.iter().map(|bytes| floats(bytes)).collect()),
            Err(failed) => {
                *error = Some(failed);
                None
            }
        }
    })
}

/// Tells the strategy that the gradient of a parameter is complete.
pub(crate) fn gradient(index: usize, value: impl FnOnce() -> BridgeTensor) {
    LENT.with_borrow_mut(|lent| {
        let Some(Lent { strategy, error, .. }) = lent else { return };
        if error.is_none() {
            *error = strategy.gradient_ready(index, value()).err();
        }
    });
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}
