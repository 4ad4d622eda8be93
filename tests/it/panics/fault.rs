//! The call that panics next, what was called, and values whose destructor or conversion is a call.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The call that panics next. A `static`, because some calls have no receiver.
pub static FAULT: Mutex<Option<&str>> = Mutex::new(None);

/// Whether this call is the one that fails; once.
pub fn fails(call: &str) -> bool {
    let mut fault = FAULT.lock().unwrap_or_else(PoisonError::into_inner);
    let now = *fault == Some(call);
    if now {
        *fault = None;
    }
    now
}

pub fn visit(call: &str) {
    assert!(!fails(call), "the fault");
}

/// What was called of the module, and `on_exception`.
pub static CALLED: Mutex<Vec<&str>> = Mutex::new(Vec::new());

pub fn called(hook: &'static str) {
    CALLED.lock().unwrap_or_else(PoisonError::into_inner).push(hook);
    visit(hook);
}

/// A value whose destructor is a call.
#[derive(Debug)]
pub struct Payload(pub &'static str);

impl Drop for Payload {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            visit(self.0);
        }
    }
}

/// A value to panic with.
pub struct Explosive;

impl Drop for Explosive {
    fn drop(&mut self) {
        panic!("the destructor of the value of a panic");
    }
}

/// A type whose `Serialize`, `Deserialize` and `Clone` are calls.
macro_rules! serialized {
    ($name:ident, $clone:literal, $save:literal, $load:literal) => {
        #[derive(Debug, Default, PartialEq)]
        pub struct $name(pub u64);

        impl Clone for $name {
            fn clone(&self) -> Self {
                visit($clone);
                Self(self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                visit($save);
                self.0.serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                visit($load);
                u64::deserialize(deserializer).map(Self)
            }
        }
    };
}

serialized!(
    ModuleState,
    "`Clone` of a field",
    "`Serialize` of a `#[state]` field",
    "`Deserialize` of a `#[state]` field"
);
serialized!(ModuleHparam, "", "`Serialize` of a hyperparameter", "");
serialized!(DataState, "", "`Serialize` of a `#[state]` field of data", "`Deserialize` of a `#[state]` field of data");
serialized!(DataHparam, "", "`Serialize` of a hyperparameter of data", "");
