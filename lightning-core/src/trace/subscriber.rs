//! The spans as spans of the `tracing` crate, for a subscriber of the program.

use tracing::{info_span, span::EnteredSpan};

use super::event::{At, Kind};

/// Enters a span of `tracing`: its name is the kind, and its fields say which.
pub(super) fn enter(kind: Kind, owner: Option<&'static str>, name: &'static str, at: Option<At>) -> EnteredSpan {
    let (epoch, batch) = match at {
        Some(At::Epoch(epoch)) => (Some(epoch), None),
        Some(At::Batch(batch)) => (None, Some(batch)),
        None => (None, None),
    };
    // The name of a span is part of the call, so that each kind has a call of its own.
    macro_rules! enter {
        ($kind:literal) => {
            info_span!(target: "lightning_core", $kind, name, owner, epoch, batch).entered()
        };
    }
    match kind {
        Kind::Loop => enter!("loop"),
        Kind::Data => enter!("data"),
        Kind::Step => enter!("step"),
        Kind::Hook => enter!("hook"),
        Kind::Callback => enter!("callback"),
        Kind::Checkpoint => enter!("checkpoint"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::{
        fmt::Debug,
        sync::{Arc, Mutex},
    };

    use tracing::{
        Event, Metadata, Subscriber,
        field::{Field, Visit},
        span::{Attributes, Id, Record},
        subscriber::with_default,
    };

    use crate::trace::{At, Kind, Span, span};

    /// What happened to spans, in order.
    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<String>>>);

    struct Fields(String);

    impl Visit for Fields {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            self.0.push_str(&format!(" {field}={value:?}"));
        }
    }

    impl Subscriber for Told {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target() == "lightning_core"
        }

        fn new_span(&self, span: &Attributes<'_>) -> Id {
            let mut fields = Fields(span.metadata().name().to_owned());
            span.record(&mut fields);
            let mut told = self.0.lock().unwrap();
            told.push(fields.0);
            Id::from_u64(told.len() as u64)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, _: &Event<'_>) {}

        fn enter(&self, id: &Id) {
            self.0.lock().unwrap().push(format!("enter {}", id.into_u64()));
        }

        fn exit(&self, id: &Id) {
            self.0.lock().unwrap().push(format!("exit {}", id.into_u64()));
        }
    }

    #[test]
    fn a_subscriber_sees_the_spans_of_a_thread_without_a_profiler() {
        let told = Told::default();
        with_default(told.clone(), || {
            let _epoch = Span::at(Kind::Loop, "epoch", At::Epoch(3));
            drop(span(Kind::Step, "backward"));
            drop(Span::of(Kind::Callback, "Timer", "on_train_end"));
        });
        let expected = [
            "loop name=\"epoch\" epoch=3",
            "enter 1",
            "step name=\"backward\"",
            "enter 3",
            "exit 3",
            "callback name=\"on_train_end\" owner=\"Timer\"",
            "enter 6",
            "exit 6",
            "exit 1",
        ];
        assert_eq!(*told.0.lock().unwrap(), expected);
    }
}
