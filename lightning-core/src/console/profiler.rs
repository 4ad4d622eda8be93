//! How the time of a run is spent.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    time::{Duration, Instant},
};

use super::profiled_threads::{self, ProfiledThread};
use crate::{
    console::table,
    error::{Error, Result},
    trace::LaneTotals,
};

/// How a run is profiled.
///
/// ```
/// use lightning_core::trainer::Profiler;
///
/// assert_eq!("simple".parse::<Profiler>()?, Profiler::Simple);
/// assert_eq!("advanced".parse::<Profiler>()?, Profiler::Advanced);
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Profiler {
    /// Measures the time and the number of calls of every hook, of the steps, of loading, of the
    /// backward pass and of the optimizer step, and prints them when the run ends.
    Simple,
    /// As [`Simple`](Self::Simple), and records the spans of every thread: epochs, batches and
    /// evaluations, each callback's part of a hook, saving checkpoints, and on the threads of the
    /// data workers and of the checkpoint writer what these do. The table has a second part with
    /// the calls, median, 95th percentile and total of each.
    Advanced,
    /// As [`Advanced`](Self::Advanced), and writes the spans to a file, made by
    /// [`chrome`](Self::chrome).
    Chrome(PathBuf),
}

impl Profiler {
    /// Records the spans of every thread, as [`Advanced`](Self::Advanced), and writes them to a
    /// file in Chrome's trace format, which <https://ui.perfetto.dev> and `chrome://tracing` open.
    ///
    /// A relative path is in the folder of the run, which is that of its first logger with a
    /// folder, or else in the trainer's `default_root_dir`. The file is written while the run goes, at the
    /// latest half a second after a span, and is valid JSON after each write, so that the trace of
    /// a run that fails or is killed can be opened too. It has at most 1,000,000 spans, which are
    /// about 130 MB; a warning says when later ones are left out. Further runs of the trainer are
    /// added to the same file.
    ///
    /// ```
    /// use lightning_core::trainer::Profiler;
    ///
    /// let profiler = Profiler::chrome("trace.json");
    /// assert_eq!(profiler, Profiler::Chrome("trace.json".into()));
    /// ```
    pub fn chrome(path: impl Into<PathBuf>) -> Self {
        Self::Chrome(path.into())
    }

    pub(crate) const fn records_spans(&self) -> bool {
        matches!(self, Self::Advanced | Self::Chrome(_))
    }

    /// The file of the trace.
    pub(crate) fn trace(&self) -> Option<&Path> {
        match self {
            Self::Chrome(path) => Some(path),
            Self::Simple | Self::Advanced => None,
        }
    }
}

impl FromStr for Profiler {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "simple" => Ok(Self::Simple),
            "advanced" => Ok(Self::Advanced),
            other => {
                let text = format!("unknown profiler `{other}`; available: simple, advanced");
                let help = match other.ends_with(".json") {
                    true => format!("write `.profiler(Profiler::chrome({other:?}))` for a trace in a file"),
                    false => "write `.profiler(\"simple\")`".to_owned(),
                };
                Err(Error::config(text).help(help))
            }
        }
    }
}

/// The trait of values that [`profiler`](crate::trainer::TrainerBuilder::profiler) accepts: a
/// [`Profiler`] or its name.
pub trait IntoProfiler {
    /// Converts the value to a profiler.
    ///
    /// # Errors
    /// If the name is unknown.
    fn into_profiler(self) -> Result<Profiler>;
}

impl IntoProfiler for Profiler {
    fn into_profiler(self) -> Result<Profiler> {
        Ok(self)
    }
}

impl IntoProfiler for &str {
    fn into_profiler(self) -> Result<Profiler> {
        self.parse()
    }
}

/// The actions of a trainer's runs and their times. Its `Display` form is a table, longest first.
///
/// On an asynchronous device the time of an action is that of enqueuing its work. An action that
/// waits for a result includes the time of all work before it.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    actions: Vec<ProfiledAction>,
    whole: Duration,
    threads: Vec<ProfiledThread>,
}

/// One action of a run, such as a hook or the backward pass.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProfiledAction {
    /// A hook, a step, a loader (reading a batch), `backward` or `optimizer_step`.
    pub name: &'static str,
    /// The number of calls.
    pub calls: u64,
    /// The time of all calls together.
    pub total: Duration,
}

impl Profile {
    /// Returns every action, in the order of their first calls.
    pub fn actions(&self) -> &[ProfiledAction] {
        &self.actions
    }

    /// Returns the action with this name.
    pub fn get(&self, name: &str) -> Option<&ProfiledAction> {
        self.actions.iter().find(|action| action.name == name)
    }

    /// Returns the time from start to end of all runs together.
    pub fn whole(&self) -> Duration {
        self.whole
    }

    /// Returns what each thread did, with [`Profiler::Advanced`] and [`Profiler::chrome`]; empty
    /// without. It is complete when a run has ended.
    pub fn threads(&self) -> &[ProfiledThread] {
        &self.threads
    }

    pub(crate) fn set_lanes(&mut self, lanes: Vec<LaneTotals>) {
        self.threads = lanes.into_iter().map(ProfiledThread::from).collect();
    }

    /// Adds one call of an action.
    pub(crate) fn count(&mut self, name: &'static str, time: Duration) {
        match self.actions.iter_mut().find(|action| action.name == name) {
            Some(action) => {
                action.calls += 1;
                action.total += time;
            }
            None => self.actions.push(ProfiledAction { name, calls: 1, total: time }),
        }
    }

    /// Adds the time of a run that started at `started`.
    pub(crate) fn end(&mut self, started: Option<Instant>) {
        self.whole += started.map(|started| started.elapsed()).unwrap_or_default();
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut actions: Vec<&ProfiledAction> = self.actions.iter().collect();
        actions.sort_by_key(|action| std::cmp::Reverse(action.total));
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        let rows: Vec<[String; 5]> = actions
            .into_iter()
            .map(|ProfiledAction { name, calls, total }| {
                let share = total.as_secs_f64() / self.whole.as_secs_f64().max(f64::MIN_POSITIVE);
                [
                    (*name).to_owned(),
                    calls.to_string(),
                    format!("{:.4}", milliseconds(*total) / *calls as f64),
                    format!("{:.3}", milliseconds(*total)),
                    format!("{:.1} %", share * 100.0),
                ]
            })
            .collect();
        let table = table::figures_table(["Action", "Calls", "Mean (ms)", "Total (ms)", "Share"], &rows);
        write!(f, "{table}\n{:.3} ms in total", milliseconds(self.whole))?;
        if self.threads.is_empty() { Ok(()) } else { write!(f, "\n{}", profiled_threads::table_of(&self.threads)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_action_stands_first() {
        let mut profile = Profile::default();
        profile.count("setup", Duration::from_millis(1));
        profile.count("training_step", Duration::from_millis(2));
        profile.count("training_step", Duration::from_millis(4));
        profile.whole = Duration::from_millis(10);
        let action = profile.get("training_step").map(|action| (action.calls, action.total));
        assert_eq!(action, Some((2, Duration::from_millis(6))));
        let text = profile.to_string();
        let at = |name: &str| text.find(name);
        assert!(at("training_step") < at("setup") && at("setup").is_some(), "{text}");
        assert!(text.contains("60.0 %") && text.contains("3.0000") && text.ends_with("10.000 ms in total"), "{text}");
    }
}
