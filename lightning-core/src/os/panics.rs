//! Turns panics of the user's code into errors.

use std::{any::Any, panic::AssertUnwindSafe};

use crate::error::{Error, ErrorKind, Result};

/// Returns the message of a panic.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a message".to_owned()
    }
}

/// Calls `body` and turns a panic into an error of [`ErrorKind::Panic`].
pub(crate) fn catch_panic<R>(body: impl FnOnce() -> Result<R>) -> Result<R> {
    match std::panic::catch_unwind(AssertUnwindSafe(body)) {
        Ok(result) => result,
        Err(panic) => Err(Error::new(ErrorKind::Panic, format!("panicked: {}", panic_message(&*panic)))),
    }
}
