//! What a run prints: lines, warnings and the progress bar.

use std::{path::Path, time::Instant};

use super::{
    profiler::{Profile, Profiler},
    progress_bar::Progress,
};
use crate::{
    error::Result,
    trace::{self, Attached, Kind, Recorder, Span},
};

/// The most spans of a trace: its file then has about 130 MB.
const MOST_SPANS: u64 = 1_000_000;

/// What a run prints, and where its time goes.
#[derive(Debug)]
pub(crate) struct Console {
    pub(crate) bar: Progress,
    /// Whether another process prints for this one.
    pub(crate) is_silent: bool,
    /// The warnings of this entry point, for the report.
    pub(crate) warnings: Vec<String>,
    /// Whether an entry point was called: the warnings before belong to the first.
    pub(crate) is_used: bool,
    /// Where the time goes, with `profiler`.
    pub(crate) profile: Option<Profile>,
    /// Records the spans of all threads, with a profiler that wants them: from the first run on.
    pub(crate) recorder: Option<Recorder>,
}

impl Console {
    /// Starts an entry point. An earlier one that failed has left its warnings.
    pub(crate) fn begin(&mut self) {
        if std::mem::replace(&mut self.is_used, true) {
            self.warnings.clear();
        }
    }

    pub(crate) fn print(&mut self, text: &str) {
        if !self.is_silent {
            self.bar.println(text);
        }
    }

    /// Prints a warning and lists it in the report.
    pub(crate) fn warn(&mut self, text: String) {
        self.print(&format!("warning: {text}"));
        self.warnings.push(text);
    }

    /// Whether spans are recorded, by a profiler or by a subscriber of the program.
    pub(crate) const fn records_spans(&self) -> bool {
        self.recorder.is_some() || cfg!(feature = "tracing")
    }

    /// Starts an action, where a profile or a span is wanted.
    #[inline]
    pub(crate) fn start(&self, kind: Kind, action: &'static str) -> Option<Span> {
        let is_profiled = self.profile.is_some();
        (is_profiled || self.records_spans()).then(|| trace::timed(kind, action, is_profiled))
    }

    /// Ends an action, and adds it to the profile.
    #[inline]
    pub(crate) fn measured(&mut self, action: Option<Span>) {
        let Some(action) = action else { return };
        let name = action.name();
        if let (Some(time), Some(profile)) = (action.end(), &mut self.profile) {
            profile.count(name, time);
        }
    }

    /// Records the spans of this thread, the one that trains, if the profiler wants them.
    ///
    /// # Errors
    /// If the thread that collects them cannot be started.
    pub(crate) fn record(&mut self, profiler: Option<&Profiler>) -> Result<Option<Attached>> {
        if self.recorder.is_none()
            && let Some(profiler) = profiler.filter(|profiler| profiler.records_spans())
        {
            self.recorder = Some(Recorder::start(profiler.trace().is_some(), MOST_SPANS)?);
        }
        Ok(self.recorder.as_ref().map(|recorder| recorder.attach("training loop")))
    }

    /// Opens the file of the trace, if there is one. A relative path is in `folder`.
    ///
    /// # Errors
    /// If the file cannot be created.
    pub(crate) fn open_trace(&self, profiler: Option<&Profiler>, folder: &Path) -> Result<()> {
        match (&self.recorder, profiler.and_then(Profiler::trace)) {
            (Some(recorder), Some(path)) => recorder.open(folder.join(path)),
            _ => Ok(()),
        }
    }

    /// Adds the time of a run that started at `started` to the profile, and prints it.
    pub(crate) fn end_profile(&mut self, started: Option<Instant>) {
        let Some(profile) = &mut self.profile else { return };
        profile.end(started);
        let summary = self.recorder.as_ref().map(Recorder::summary).unwrap_or_default();
        profile.set_lanes(summary.lanes);
        let text = profile.to_string();
        self.print(&text);
        if let Some((path, spans)) = summary.file {
            self.print(&format!("trace of {spans} spans: {}; open it at https://ui.perfetto.dev", path.display()));
        }
        summary.notes.into_iter().for_each(|note| self.warn(note));
    }
}
