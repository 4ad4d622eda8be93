//! What a run prints: lines, warnings and the progress bar.

use std::time::Instant;

use super::{profiler::Profile, progress_bar::Progress};

/// What a run prints, and where its time goes.
#[derive(Debug)]
pub(crate) struct Console {
    pub(crate) bar: Progress,
    /// The warnings of this entry point, for the report.
    pub(crate) warnings: Vec<String>,
    /// Whether an entry point was called: the warnings before belong to the first.
    pub(crate) is_used: bool,
    /// Where the time goes, with `profiler`.
    pub(crate) profile: Option<Profile>,
}

impl Console {
    /// Starts an entry point. An earlier one that failed has left its warnings.
    pub(crate) fn begin(&mut self) {
        if std::mem::replace(&mut self.is_used, true) {
            self.warnings.clear();
        }
    }

    pub(crate) fn print(&mut self, text: &str) {
        self.bar.println(text);
    }

    /// Prints a warning and lists it in the report.
    pub(crate) fn warn(&mut self, text: String) {
        self.bar.println(&format!("warning: {text}"));
        self.warnings.push(text);
    }

    /// The start of an action, where a profile is wanted.
    pub(crate) fn clock(&self) -> Option<Instant> {
        self.profile.is_some().then(Instant::now)
    }

    /// Adds an action that started at `since` to the profile.
    pub(crate) fn measured(&mut self, action: &'static str, since: Option<Instant>) {
        if let (Some(profile), Some(since)) = (&mut self.profile, since) {
            profile.count(action, since.elapsed());
        }
    }
}
