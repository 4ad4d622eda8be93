//! Several processes that search together: the program starts itself again.

use std::{
    env,
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
};

use super::{array::Task, trial::create_folder};
use crate::error::{Error, Result};

/// The variable of a process that takes part in the search of another one. `1:0:50` is worker 1 in
/// the first search of the program, which ends with 50 trials; `trial:0:7` runs trial 7 alone.
pub(super) const VARIABLE: &str = "LIGHTNING_SEARCH_WORKER";

/// What stands for the number of a worker that runs one trial.
const ONE_TRIAL: &str = "trial";

/// The number of searches that this process has begun.
static SEARCHES: AtomicU64 = AtomicU64::new(0);

/// The part that this process has in a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The search was called in this process, and is the `search`-th.
    Caller { search: u64 },
    /// The process was started for this search.
    Worker { target: usize },
    /// The process was started for one trial of this search.
    Trial { id: u64 },
    /// The process was started for a later search of the program.
    None,
}

/// Counts a search and returns the part of this process in it.
pub(super) fn part() -> Part {
    part_of(&variable(), SEARCHES.fetch_add(1, Ordering::Relaxed))
}

/// Returns whether the next search is one of another process, which this one only takes part in.
pub(super) fn is_started_by_another() -> bool {
    !matches!(part_of(&variable(), SEARCHES.load(Ordering::Relaxed)), Part::Caller { .. })
}

/// Returns the value of [`VARIABLE`] for a process that runs one trial.
#[cfg(any(test, feature = "ray"))]
pub(super) fn for_trial(search: u64, trial: u64) -> String {
    format!("{ONE_TRIAL}:{search}:{trial}")
}

fn variable() -> String {
    env::var(VARIABLE).unwrap_or_default()
}

fn part_of(variable: &str, search: u64) -> Part {
    let (kind, numbers) = variable.split_once(':').unwrap_or_default();
    let mut numbers = numbers.split(':').map(str::parse::<u64>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(own)), Some(Ok(_))) if search < own => Part::None,
        (Some(Ok(own)), Some(Ok(id))) if search == own && kind == ONE_TRIAL => Part::Trial { id },
        (Some(Ok(own)), Some(Ok(target))) if search == own => {
            Part::Worker { target: usize::try_from(target).unwrap_or(usize::MAX) }
        }
        _ => Part::Caller { search },
    }
}

/// Processes that take part in a search.
#[derive(Debug)]
pub(super) struct Workers {
    children: Vec<(usize, Child)>,
}

impl Workers {
    /// Starts this program again, with its arguments, for workers `1..count`.
    ///
    /// # Errors
    /// If a process cannot be started. Those that were are ended.
    pub(super) fn start(count: usize, search: u64, target: usize, folder: &Path) -> Result<Self> {
        let mut workers = Self { children: Vec::new() };
        if count > 1 {
            create_folder(folder)?;
        }
        let program =
            env::current_exe().map_err(|error| Error::msg("the path of this program is not known").caused_by(error))?;
        for number in 1..count {
            let path = output_of(folder, number);
            let output = || File::options().create(true).append(true).open(&path);
            let (out, error) = output()
                .and_then(|out| Ok((out, output()?)))
                .map_err(|error| Error::io("open the output of a worker", &path, error))?;
            let child = Command::new(&program)
                .args(env::args_os().skip(1))
                .env(VARIABLE, format!("{number}:{search}:{target}"))
                .stdin(Stdio::null())
                .stdout(out)
                .stderr(error)
                .spawn()
                .map_err(|error| Error::io("start", &program, error))?;
            workers.children.push((number, child));
        }
        Ok(workers)
    }

    /// Waits until all have ended, and tells of those that have failed.
    pub(super) fn wait(mut self, folder: &Path) {
        for (number, mut child) in std::mem::take(&mut self.children) {
            let ended = match child.wait() {
                Ok(status) if status.success() => continue,
                Ok(status) => status.to_string(),
                Err(error) => error.to_string(),
            };
            let log = output_of(folder, number);
            eprintln!(
                "warning: worker {number} of the search ended with {ended}; its output is in `{}`",
                log.display()
            );
        }
    }
}

/// The file with what a worker prints. The tasks of an array have one folder.
fn output_of(folder: &Path, number: usize) -> PathBuf {
    let task = Task::current().map(|task| format!("task_{}_", task.name())).unwrap_or_default();
    folder.join(format!("{task}worker_{number}.log"))
}

impl Drop for Workers {
    fn drop(&mut self) {
        // Only after an error: `wait` takes them out.
        for (_, child) in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_says_what_part_a_process_has() {
        assert_eq!(part_of("", 2), Part::Caller { search: 2 });
        assert_eq!(part_of("1:1:50", 0), Part::None);
        assert_eq!(part_of("1:1:50", 1), Part::Worker { target: 50 });
        assert_eq!(part_of("1:1:50", 2), Part::Caller { search: 2 });
        assert_eq!(for_trial(1, 7), "trial:1:7");
        assert_eq!(part_of("trial:1:7", 1), Part::Trial { id: 7 });
        assert_eq!(part_of("trial:1:7", 0), Part::None);
        assert_eq!(part_of("trial:1", 1), Part::Caller { search: 1 });
    }
}
