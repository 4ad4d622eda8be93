//! Requires `monitor` for the schedules that cannot do without, in `#[optimizer(…)]`.

use super::{ReduceLROnPlateau, Warmup};

/// The `lr` of an optimizer with an `interval` and no `monitor`.
///
/// The inherent methods, for schedules that monitor a metric, have priority over that of the trait
/// and cannot be called. A schedule whose type is opaque or boxed is checked in `fit`.
#[derive(Debug)]
pub struct RateOf<S>(pub S);

/// A schedule that does not need a metric. Not implemented for any schedule that does.
#[diagnostic::on_unimplemented(
    message = "a schedule that monitors a metric needs `monitor`, found none",
    label = "`ReduceLROnPlateau` lowers the rate when a metric stops improving",
    note = "write `monitor = val_loss` after `interval`, for a metric with `#[log(minimize)]` or `#[log(maximize)]`",
    note = "C13 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait Unmonitored<'a> {}

impl RateOf<ReduceLROnPlateau> {
    /// It cannot be called.
    pub fn unmonitored(self) -> ReduceLROnPlateau
    where
        for<'a> ReduceLROnPlateau: Unmonitored<'a>,
    {
        self.0
    }
}

impl RateOf<Warmup<ReduceLROnPlateau>> {
    /// It cannot be called.
    pub fn unmonitored(self) -> Warmup<ReduceLROnPlateau>
    where
        for<'a> Warmup<ReduceLROnPlateau>: Unmonitored<'a>,
    {
        self.0
    }
}

/// The method of all other schedules.
pub trait Scheduled<S> {
    /// Returns the schedule.
    fn unmonitored(self) -> S;
}

impl<S> Scheduled<S> for RateOf<S> {
    fn unmonitored(self) -> S {
        self.0
    }
}
