//! What a run prints: lines, warnings and the progress bar.

use std::time::Instant;

use super::{profiler::Profile, progress_bar::Progress};
use crate::stage::Stage;

/// What a run prints, and where its time goes.
#[derive(Debug)]
pub(crate) struct Console {
    pub(crate) bar: Progress,
    /// The warnings of this entry point, for the report.
    pub(crate) warnings: Vec<String>,
    /// The warnings of `build`, for the report of the first `fit`.
    pub(crate) notes: Vec<String>,
    /// Where the time goes, with `profiler`.
    pub(crate) profile: Option<Profile>,
}

impl Console {
    pub(crate) fn print(&mut self, text: &str) {
        self.bar.println(text);
    }

    /// Forgets the warnings of an earlier entry point, which may have failed before its report.
    pub(crate) fn begin(&mut self, stage: Stage) {
        self.warnings.clear();
        if stage == Stage::Fit {
            self.warnings.append(&mut self.notes);
        }
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
