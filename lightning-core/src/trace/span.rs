//! One span of a thread, from its start to its end.

use std::time::{Duration, Instant};

use super::{
    event::{At, Event, Kind},
    recorder,
};

/// A span that has started. Dropping it ends it, so that a span that an error leaves has an end.
#[derive(Debug)]
#[must_use]
pub(crate) struct Span {
    name: &'static str,
    /// The type whose method runs, of a callback or a module.
    owner: Option<&'static str>,
    kind: Kind,
    at: Option<At>,
    /// `None` if it is not timed.
    since: Option<Instant>,
    #[cfg(feature = "tracing")]
    _entered: tracing::span::EnteredSpan,
}

/// Starts a span, which is recorded if the thread is attached to a recorder.
pub(crate) fn span(kind: Kind, name: &'static str) -> Span {
    Span::start(kind, None, name, None, recorder::is_attached())
}

/// Starts a span that is timed if `wanted`, and recorded if the thread is attached to a recorder.
pub(crate) fn timed(kind: Kind, name: &'static str, wanted: bool) -> Span {
    Span::start(kind, None, name, None, wanted)
}

impl Span {
    /// Starts a span of a method of `owner`.
    pub(crate) fn of(kind: Kind, owner: &'static str, name: &'static str) -> Self {
        Self::start(kind, Some(owner), name, None, recorder::is_attached())
    }

    /// Starts a span at a place of the run.
    pub(crate) fn at(kind: Kind, name: &'static str, at: At) -> Self {
        Self::start(kind, None, name, Some(at), recorder::is_attached())
    }

    fn start(kind: Kind, owner: Option<&'static str>, name: &'static str, at: Option<At>, timed: bool) -> Self {
        let since = timed.then(|| {
            recorder::enter();
            Instant::now()
        });
        Self {
            name,
            owner,
            kind,
            at,
            since,
            #[cfg(feature = "tracing")]
            _entered: super::subscriber::enter(kind, owner, name, at),
        }
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// Ends the span, and returns how long it took if it was timed.
    pub(crate) fn end(mut self) -> Option<Duration> {
        self.finish()
    }

    /// Ends the span without recording it: there was nothing to do.
    pub(crate) fn cancel(mut self) {
        if self.since.take().is_some() {
            recorder::leave(None);
        }
    }

    fn finish(&mut self) -> Option<Duration> {
        let since = self.since.take()?;
        let time = since.elapsed();
        let Self { name, owner, kind, at, .. } = *self;
        recorder::leave(Some(Event { name, owner, kind, at, since, time }));
        Some(time)
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        self.finish();
    }
}
