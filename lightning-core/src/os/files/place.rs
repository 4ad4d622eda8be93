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
    if waits(kind) { open_fifo(path) } else { OpenOptions::new().append(true).open(path) }
}

/// Names what no file is written to: writing to a block device would destroy its file system.
fn unwritable(kind: FileType) -> Option<&'static str> {
    let name = name_of(kind);
    ["a folder", "a block device", "a socket"].contains(&name).then_some(name)
}

/// What stands at a path, in words.
#[cfg(unix)]
pub(super) fn name_of(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;

    match () {
        () if kind.is_dir() => "a folder",
        () if kind.is_symlink() => "a link",
        () if kind.is_block_device() => "a block device",
        () if kind.is_char_device() => "a device",
        () if kind.is_socket() => "a socket",
        () if kind.is_fifo() => "a FIFO",
        () => "a file",
    }
}

#[cfg(not(unix))]
pub(super) fn name_of(kind: FileType) -> &'static str {
    match () {
        () if kind.is_dir() => "a folder",
        () if kind.is_symlink() => "a link",
        () => "a file",
    }
}

/// Opens a FIFO that a process reads. Without a reader, opening it would wait for ever.
#[cfg(unix)]
fn open_fifo(path: &Path) -> io::Result<File> {
    use std::os::{
        fd::OwnedFd,
        unix::{fs::OpenOptionsExt as _, net::UnixStream},
    };

    let fifo = match OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(path) {
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
            let text = "a FIFO is written to while a process reads it, found a FIFO without a reader";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        opened => opened?,
    };
    // From now on a full pipe waits for its reader. `set_nonblocking` works on any descriptor, but
    // the standard library has it for sockets only.
    let descriptor = UnixStream::from(OwnedFd::from(fifo));
    descriptor.set_nonblocking(false)?;
    Ok(File::from(OwnedFd::from(descriptor)))
}

#[cfg(not(unix))]
fn open_fifo(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).open(path)
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

/// Removes a file, or a link without what it leads to. It is not an error if nothing is there.
///
/// A device, FIFO or socket stays: a file that was written to it is not there.
///
/// # Errors
/// If the file cannot be removed, or if it is a folder.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    let removed = fs::symlink_metadata(path).and_then(|metadata| match metadata.file_type() {
        kind if kind.is_file() || kind.is_symlink() => fs::remove_file(path),
        kind if kind.is_dir() => Err(io::Error::new(io::ErrorKind::IsADirectory, "a file is removed, found a folder")),
        _ => Ok(()),
    });
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Replaces a link by one to `target`, in one step.
///
/// # Errors
/// If the link cannot be made. The error names the path.
#[cfg(unix)]
pub(crate) fn replace_link(path: &Path, target: &Path) -> Result<()> {
    let (prefix, suffix) = super::TEMPORARY;
    let linked = tempfile::Builder::new()
        .prefix(prefix)
        .suffix(suffix)
        .make_in(folder_of(path), |link| std::os::unix::fs::symlink(target, link))
        .and_then(|link| link.persist(path).map_err(|error| error.error))
        .and_then(|()| super::sync_folder(folder_of(path)));
    linked.map_err(|error| Error::io("link", path, error))
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
