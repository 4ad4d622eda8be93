//! The lengths that an exchange must be called with.

use crate::error::{Error, Result};

/// Checks the lengths of [`all_to_all_f32`](super::Collective::all_to_all_f32).
pub(super) fn check_all_to_all(from: usize, to: usize, world: usize) -> Result<()> {
    if from == to && from.is_multiple_of(world) {
        return Ok(());
    }
    Err(Error::msg(format!(
        "`all_to_all_f32`: `from` and `to` must have the same length, a multiple of {world}, found {from} and {to}"
    ))
    .help("pad both with zeros to the next multiple of the number of ranks"))
}

/// Checks the lengths of [`all_gather_f32`](super::Collective::all_gather_f32).
pub(super) fn check_all_gather(from: usize, to: usize, world: usize) -> Result<()> {
    if from.checked_mul(world) == Some(to) {
        return Ok(());
    }
    Err(Error::msg(format!(
        "`all_gather_f32`: `to` must be {world} times as long as `from`, found {to} and {from} values"
    ))
    .help("make `to` as long as the values of all ranks"))
}
