//! Turns panics of the user's code into errors.

use std::{
    any::Any,
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

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
    if let Err(second) = panic::catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(second);
    }
    text
}

/// Calls `body` and turns a panic into an error of [`ErrorKind::Panic`].
pub(crate) fn catch_panic<R>(body: impl FnOnce() -> Result<R>) -> Result<R> {
    match panic::catch_unwind(AssertUnwindSafe(body)) {
        Ok(result) => result,
        Err(panic) => Err(Error::new(ErrorKind::Panic, format!("panicked: {}", panic_message(panic)))),
    }
}

/// As [`catch_panic`], with the name of the called code as the place of an error that has none.
pub(crate) fn catch_in<R>(name: impl FnOnce() -> String, body: impl FnOnce() -> Result<R>) -> Result<R> {
    catch_panic(body).map_err(|error| error.at(Location { hook: Some(name()), ..Location::default() }))
}

thread_local! {
    /// Whether panics of this thread are not printed.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `body`, whose panics are caught and expected, without printing them. The panic hook of the
/// program prints those of other threads, and all others of this one.
pub(crate) fn quietly<R>(body: impl FnOnce() -> R) -> R {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                hook(info);
            }
        }));
    });
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            QUIET.set(self.0);
        }
    }
    let _restore = Restore(QUIET.replace(true));
    body()
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
