//! Counts with a unit, for settings that take several units.

/// A number of optimizer steps, counted over the whole run, as in `val_check_interval(Steps(500))`
/// and `ModelCheckpoint::latest().every(Steps(500))`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "it is written as `Steps(500)`")]
pub struct Steps(pub u64);

/// A number of epochs, as in `ModelCheckpoint::latest().every(Epochs(2))`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "it is written as `Epochs(2)`")]
pub struct Epochs(pub u64);
