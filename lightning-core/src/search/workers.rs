//! Several processes that search together: the program starts itself again.

use std::{
    env,
    fs::File,
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
};

use super::trial::create_folder;
use crate::error::{Error, Result};

/// The variable of a process that was started here: its number, the search of the program that it
/// takes part in, and the number of trials at which that one ends.
const VARIABLE: &str = "LIGHTNING_SEARCH_WORKER";

/// The number of searches that this process has begun.
static SEARCHES: AtomicU64 = AtomicU64::new(0);

/// The part that this process has in a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The search was called in this process, and is the `search`-th.
    Caller { search: u64 },
    /// The process was started for this search.
    Worker { target: usize },
    /// The process was started for a later search of the program.
    None,
}

/// Counts a search and returns the part of this process in it.
pub(super) fn part() -> Part {
    let search = SEARCHES.fetch_add(1, Ordering::Relaxed);
    let variable = env::var(VARIABLE).unwrap_or_default();
    let mut parts = variable.split(':').skip(1).map(str::parse::<u64>);
    match (parts.next(), parts.next()) {
        (Some(Ok(own)), Some(Ok(_))) if search < own => Part::None,
        (Some(Ok(own)), Some(Ok(target))) if search == own => Part::Worker { target: target as usize },
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
            let path = folder.join(format!("worker_{number}.log"));
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
            let log = folder.join(format!("worker_{number}.log"));
            eprintln!(
                "warning: worker {number} of the search ended with {ended}; its output is in `{}`",
                log.display()
            );
        }
    }
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
