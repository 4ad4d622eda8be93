//! The time that a training loop has waited for data workers.

use std::{cell::Cell, time::Duration};

thread_local! {
    static STALLED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Adds a wait of this thread. It is measured only where the thread waits anyway.
pub(super) fn add(wait: Duration) {
    STALLED.set(STALLED.get().saturating_add(wait));
}

/// Returns the time that this thread has waited since the last call.
pub(crate) fn take() -> Duration {
    STALLED.take()
}
