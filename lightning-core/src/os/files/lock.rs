//! The lock of a folder that one run at a time writes to.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    process,
};

use super::place::name_of;
use crate::error::{Error, ErrorKind, Result};

/// The name of the lock in its folder.
const NAME: &str = ".lightning-run.lock";

/// No holder's line is longer: a process id and the name of a machine.
const LONGEST_HOLDER: u64 = 512;

/// How often the lock is tried again when another run releases it in the same moment.
const TRIES: usize = 100;

/// A lock on a folder, until it is dropped.
///
/// The operating system releases it with the process, however the process ends: the file that a
/// killed process leaves behind locks nothing. The file names the process that holds the lock.
#[derive(Debug)]
pub(crate) struct FolderLock {
    path: PathBuf,
    /// `None` on a file system without locks.
    file: Option<File>,
}

impl FolderLock {
    /// Locks `folder`, which exists.
    ///
    /// # Errors
    /// If another run holds the lock: with its process. If the lock cannot be written.
    pub(crate) fn acquire(folder: &Path) -> Result<Self> {
        let path = folder.join(NAME);
        let unwritable = |error| Error::io("lock the run folder with", &path, error);
        for _ in 0..TRIES {
            check_place(&path).map_err(unwritable)?;
            let mut options = OpenOptions::new();
            let file = options.read(true).write(true).create(true).truncate(false).open(&path).map_err(unwritable)?;
            match file.try_lock() {
                Ok(()) if is_at(&file, &path) => {
                    write_holder(&file).map_err(unwritable)?;
                    return Ok(Self { path, file: Some(file) });
                }
                // The holder removed the file after it was opened here.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(held(folder, &file)),
                Err(TryLockError::Error(_)) => return Ok(Self { path, file: None }),
            }
        }
        Err(unwritable(io::Error::other("other runs lock and release it all the time")))
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // While the lock is held, so that a lock that another run takes is never removed. A file
        // that stays locks nothing.
        let _ = fs::remove_file(&self.path);
        drop(self.file.take());
    }
}

/// Checks that nothing but a file is at the path of the lock.
fn check_place(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            let text = format!("the lock must be a file, found {}", name_of(metadata.file_type()));
            Err(io::Error::new(io::ErrorKind::InvalidInput, text))
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Whether `file` is the one at `path`.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    let same = |(a, b): (fs::Metadata, fs::Metadata)| (a.dev(), a.ino()) == (b.dev(), b.ino());
    file.metadata().ok().zip(fs::metadata(path).ok()).is_some_and(same)
}

#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}

fn write_holder(mut file: &File) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{} {}", process::id(), machine())
}

/// The error of a folder whose lock another run holds.
fn held(folder: &Path, file: &File) -> Error {
    let mut line = String::new();
    // Without the line, as before it is written, the holder is not known.
    let _ = file.take(LONGEST_HOLDER).read_to_string(&mut line);
    let (pid, host) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
    let is_here = host == machine();
    let found = match pid.parse::<u32>() {
        Ok(pid) if is_here && pid == process::id() => "another logger of this process".to_owned(),
        Ok(pid) if is_here => format!("process {pid}"),
        Ok(pid) => format!("process {pid} of the machine `{host}`"),
        Err(_) => "another process".to_owned(),
    };
    let help = match pid.parse::<u32>() {
        Ok(other) if is_here && other != process::id() => format!("wait until it ends, or stop it: `kill {other}`"),
        _ => "wait until it ends, or stop it".to_owned(),
    };
    let text = format!("the run folder `{}` must be written by one run at a time, found {found}", folder.display());
    Error::new(ErrorKind::Io, text).at_path(folder).help(format!("{help}; or give this run another `.version(…)`"))
}

/// The name of this machine, empty if it is not known. Processes of several machines may share a
/// folder.
fn machine() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

#[cfg(test)]
mod tests;
