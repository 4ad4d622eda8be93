//! How the time of a run is spent.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, Instant},
};

use crate::{
    console::table,
    error::{Error, Result},
};

/// How a run is profiled.
///
/// ```
/// use lightning_core::trainer::Profiler;
///
/// assert_eq!("simple".parse::<Profiler>()?, Profiler::Simple);
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Profiler {
    /// Measures the time and the number of calls of every hook, of the steps, of loading, of the
    /// backward pass and of the optimizer step, and prints them when the run ends.
    Simple,
}

impl FromStr for Profiler {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "simple" => Ok(Self::Simple),
            other => {
                let text = format!("unknown profiler `{other}`; available: simple");
                Err(Error::config(text).help("write `.profiler(\"simple\")`"))
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
        write!(f, "{table}\n{:.3} ms in total", milliseconds(self.whole))
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
