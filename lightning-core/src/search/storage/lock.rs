//! The lock of a journal: a link beside it, which also excludes processes on other machines.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime},
};

use crate::error::{Error, Result};

/// The longest time between two tries.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
}

impl Lock {
    /// Waits for the lock of `journal`. It is taken from a process that has held it for `grace`
    /// while the journal did not change.
    ///
    /// # Errors
    /// If the link cannot be created.
    pub(super) fn acquire(journal: &Path, grace: Duration) -> Result<Self> {
        let mut name = journal.as_os_str().to_os_string();
        name.push(".lock");
        let lock = Self { path: PathBuf::from(name) };
        let (mut wait, mut changed, mut since) = (Duration::from_millis(1), None, Instant::now());
        loop {
            match create(journal, &lock.path) {
                Ok(()) => return Ok(lock),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    // Without a lock to release.
                    let path = lock.path.clone();
                    std::mem::forget(lock);
                    return Err(Error::io("create the lock", path, error));
                }
            }
            let now = modified(journal);
            if now != changed {
                (changed, since) = (now, Instant::now());
            }
            if since.elapsed() > grace {
                lock.release();
                (wait, since) = (Duration::from_millis(1), Instant::now());
            }
            thread::sleep(wait);
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Removes the link. It is renamed first, so that of two processes only one succeeds.
    fn release(&self) {
        let mut own = self.path.as_os_str().to_os_string();
        own.push(format!("{}-{:?}.rename", std::process::id(), thread::current().id()));
        if fs::rename(&self.path, &own).is_ok() {
            let _ = fs::remove_file(&own);
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.release();
    }
}

fn modified(journal: &Path) -> Option<SystemTime> {
    fs::metadata(journal).and_then(|metadata| metadata.modified()).ok()
}

#[cfg(unix)]
fn create(journal: &Path, lock: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(journal, lock)
}

#[cfg(not(unix))]
fn create(_journal: &Path, lock: &Path) -> io::Result<()> {
    fs::OpenOptions::new().write(true).create_new(true).open(lock).map(drop)
}
