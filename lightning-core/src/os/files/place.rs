//! What stands at a path: a regular file that can be replaced, or something that must stay.
//!
//! A rename takes the place of whatever is at its path. As root it would replace the device
//! `/dev/null`, and for anyone a link, a FIFO or a socket.

use std::{
    fs::{self, File, FileType, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use super::folder_of;
use crate::error::{Error, Result};

/// How many links are followed: as many as Linux follows.
const MOST_LINKS: usize = 40;

/// What is written to, once links are followed.
#[derive(Debug)]
pub(super) enum Target {
    /// A regular file, or nothing yet. No link is at this path.
    File(PathBuf),
    /// An open device, FIFO or file descriptor, which cannot be replaced.
    Stream(File),
}

/// Finds what a file that is written to `path` goes to.
///
/// # Errors
/// If something is there that no file can be written to.
pub(super) fn find(path: &Path) -> io::Result<Target> {
    if path.file_name().is_none() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path has no file name"));
    }
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => open_stream(path, metadata.file_type()).map(Target::Stream),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        // A link may lead to a file that does not exist yet.
        Ok(_) | Err(_) => follow(path),
    }
}

fn follow(path: &Path) -> io::Result<Target> {
    let mut target = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        let Ok(next) = fs::read_link(&target) else { return Ok(Target::File(target)) };
        let folder = folder_of(&target);
        // `/dev/stdout` and the like: the link stands for an open file, whose path may be another
        // file's by now.
        if fs::canonicalize(folder).is_ok_and(|folder| folder.starts_with("/proc")) {
            return OpenOptions::new().append(true).open(path).map(Target::Stream);
        }
        target = folder.join(next);
    }
    Err(io::Error::other(format!("more than {MOST_LINKS} links lead from one to the next")))
}

/// Opens a character device or FIFO.
fn open_stream(path: &Path, kind: FileType) -> io::Result<File> {
    if let Some(found) = unwritable(kind) {
        let text = format!("a file can replace a regular file or be written to a device or FIFO, found {found}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let _reader = check_reader(path, kind)?;
    OpenOptions::new().append(true).open(path)
}

/// Names what no file is written to: writing to a block device would destroy its file system.
#[cfg(unix)]
fn unwritable(kind: FileType) -> Option<&'static str> {
    use std::os::unix::fs::FileTypeExt as _;

    match () {
        () if kind.is_dir() => Some("a folder"),
        () if kind.is_block_device() => Some("a block device"),
        () if kind.is_socket() => Some("a socket"),
        () => None,
    }
}

#[cfg(not(unix))]
fn unwritable(kind: FileType) -> Option<&'static str> {
    kind.is_dir().then_some("a folder")
}

/// Makes sure that a process reads a FIFO: without one, opening it waits for ever.
///
/// The file that is returned keeps the FIFO open until it is opened for writing.
#[cfg(unix)]
fn check_reader(path: &Path, kind: FileType) -> io::Result<Option<File>> {
    use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};

    if !kind.is_fifo() {
        return Ok(None);
    }
    match OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(path) {
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
            let text = "a FIFO is written to while a process reads it, found a FIFO without a reader";
            Err(io::Error::new(io::ErrorKind::InvalidInput, text))
        }
        opened => opened.map(Some),
    }
}

#[cfg(not(unix))]
fn check_reader(_path: &Path, _kind: FileType) -> io::Result<Option<File>> {
    Ok(None)
}

/// Creates a file that is written bit by bit, with its folder, or empties the one that is there. A
/// device or FIFO is opened.
///
/// # Errors
/// If the file cannot be created, or if something is there that no file can be written to. The
/// error names the path.
pub(crate) fn create(path: &Path) -> Result<File> {
    super::create_folder(folder_of(path))?;
    let opened = match find(path) {
        Ok(Target::File(file)) => File::create(file),
        Ok(Target::Stream(stream)) => Ok(stream),
        Err(error) => Err(error),
    };
    opened.map_err(|error| Error::io("create", path, error))
}

/// Opens a file for reading. A FIFO, which could keep the program waiting for ever, and a socket
/// are errors.
///
/// # Errors
/// If the file cannot be opened.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    match fs::metadata(path)?.file_type() {
        kind if waits(kind) => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "a file is read, found a FIFO or a socket"))
        }
        _ => File::open(path),
    }
}

/// Checks that rows can be appended at a path: to a regular file, to nothing yet, or to a character
/// device.
///
/// # Errors
/// If something else is there.
pub(crate) fn check_appendable(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(metadata) if unwritable(metadata.file_type()).is_some() || waits(metadata.file_type()) => {
            let found = unwritable(metadata.file_type()).unwrap_or("a FIFO");
            let text = format!("rows are appended to a regular file, found {found}");
            Err(io::Error::new(io::ErrorKind::InvalidInput, text))
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Whether opening or reading may wait for another process.
#[cfg(unix)]
fn waits(kind: FileType) -> bool {
    use std::os::unix::fs::FileTypeExt as _;

    kind.is_fifo() || kind.is_socket()
}

#[cfg(not(unix))]
fn waits(_kind: FileType) -> bool {
    false
}

#[cfg(all(test, unix))]
pub(crate) mod tests;
