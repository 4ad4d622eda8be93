//! Turns panics of the user's code into errors.

use std::{any::Any, panic::AssertUnwindSafe};

use crate::error::{Error, ErrorKind, Location, Result};

/// Returns the message of a panic, and drops what it was raised with.
pub(crate) fn panic_message(panic: Box<dyn Any + Send>) -> String {
    let text = if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a message".to_owned()
    };
    // The value of `panic_any` may have a destructor that panics. What that one raises is leaked,
    // because its destructor may panic again.
    if let Err(second) = std::panic::catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(second);
    }
    text
}

/// Calls `body` and turns a panic into an error of [`ErrorKind::Panic`].
pub(crate) fn catch_panic<R>(body: impl FnOnce() -> Result<R>) -> Result<R> {
    match std::panic::catch_unwind(AssertUnwindSafe(body)) {
        Ok(result) => result,
        Err(panic) => Err(Error::new(ErrorKind::Panic, format!("panicked: {}", panic_message(panic)))),
    }
}

/// As [`catch_panic`], with the name of the called code as the place of an error that has none.
pub(crate) fn catch_in<R>(name: impl FnOnce() -> String, body: impl FnOnce() -> Result<R>) -> Result<R> {
    catch_panic(body).map_err(|error| error.at(Location { hook: Some(name()), ..Location::default() }))
}

/// Drops a value whose destructor may be user code.
///
/// # Errors
/// If the destructor panics.
pub(crate) fn drop_caught<T>(what: &str, value: T) -> Result<()> {
    catch_in(
        || format!("drop of {what}"),
        || {
            drop(value);
            Ok(())
        },
    )
}
