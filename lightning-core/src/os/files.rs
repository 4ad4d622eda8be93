//! Files that are written atomically, and what stands at a path besides files.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, BufWriter, Seek as _, SeekFrom, Write},
    path::Path,
};

use crate::error::{Error, Result};

/// Prefix and suffix of temporary files, so that those of killed processes can be recognized.
const TEMPORARY: (&str, &str) = (".lightning-", ".tmp");

/// Files of at least this size, in bytes, bypass the page cache (`O_DIRECT`), so that writing them
/// does not stall training.
const LARGE: usize = 4 << 20;

mod direct_io;
#[cfg(any(feature = "csv", feature = "tensorboard", feature = "wandb"))]
mod lock;
mod place;

use direct_io::DirectWriter;
#[cfg(any(feature = "csv", feature = "tensorboard", feature = "wandb"))]
pub(crate) use lock::FolderLock;
use place::Target;
#[cfg(unix)]
pub(crate) use place::replace_link;
#[cfg(all(test, unix, feature = "csv"))]
pub(crate) use place::tests as place_tests;
pub(crate) use place::{check_appendable, create, open, remove};

/// Writes a file atomically: at any time, even after a power failure, `path` holds either the old
/// contents or all of the new.
///
/// The bytes are written to a temporary file in the same folder, which is synced and renamed to
/// `path`; then the folder is synced. If anything fails, `path` is unchanged and the temporary file
/// is removed. The permissions are those of a new file, 0666 minus the umask.
///
/// A link is followed: its target is replaced, and the link stays. A character device such as
/// `/dev/null`, or a FIFO that a process reads, is opened and written, and stays what it is.
///
/// `write` can return an [`Error`] as `io::Error::other(error)`; it is returned unchanged.
///
/// # Errors
/// If the folder does not exist or cannot be written to, if the disk is full, or if a folder, a
/// block device, a socket or a FIFO without a reader is at the path. The error names the path.
pub(crate) fn write_atomic<T>(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<T>,
) -> Result<T> {
    atomically(path.as_ref(), |file| {
        let mut buffer = BufWriter::new(file.as_file_mut());
        // On failure the buffer is flushed when it is dropped, into a file that is then removed.
        let value = write(&mut buffer)?;
        buffer.flush()?;
        Ok(value)
    })
}

/// Like [`write_atomic`], for a file whose first bytes depend on the others: the bytes that `write`
/// returns overwrite the start of the file.
///
/// `len` is the size of the file in bytes. A large file bypasses the page cache if possible.
///
/// # Errors
/// Those of [`write_atomic`].
pub(crate) fn write_atomic_head_last(
    path: impl AsRef<Path>,
    len: usize,
    write: impl FnOnce(&mut dyn Write) -> io::Result<Vec<u8>>,
) -> Result<()> {
    atomically(path.as_ref(), |file| {
        let place = file.path().to_path_buf();
        let file = file.as_file_mut();
        let head = if len < LARGE {
            let mut buffer = BufWriter::new(&mut *file);
            let head = write(&mut buffer)?;
            buffer.flush()?;
            head
        } else {
            let mut direct = DirectWriter::new(file, &place);
            let head = write(&mut direct)?;
            direct.finish()?;
            head
        };
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&head)
    })
}

/// Passes `write` an empty temporary file, and then brings its contents to `path`.
fn atomically<T>(path: &Path, write: impl FnOnce(&mut tempfile::NamedTempFile) -> io::Result<T>) -> Result<T> {
    let written = match place::find(path) {
        Ok(Target::File(file)) => replace(&file, write),
        Ok(Target::Stream(stream)) => write_through(stream, write),
        Err(error) => Err(error),
    };
    written.map_err(|source| match source.downcast::<Error>() {
        Ok(own) => own,
        Err(source) => Error::io("write", path, source),
    })
}

/// Replaces a regular file, or creates it.
fn replace<T>(path: &Path, write: impl FnOnce(&mut tempfile::NamedTempFile) -> io::Result<T>) -> io::Result<T> {
    let folder = folder_of(path);
    let mut file = temporary(folder)?;
    // The lock is held until the file is closed, so that `remove_leftovers` can recognize the files
    // of killed processes. On a file system without locks leftovers remain.
    let _ = file.as_file().try_lock();
    let value = write(&mut file)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)?;
    Ok(value)
}

/// Writes to a device or FIFO.
///
/// The bytes are collected in a temporary file first: of a `write` that fails nothing arrives, and
/// the start of the bytes may be written last.
fn write_through<T>(
    mut stream: File,
    write: impl FnOnce(&mut tempfile::NamedTempFile) -> io::Result<T>,
) -> io::Result<T> {
    let mut file = tempfile::NamedTempFile::new()?;
    let value = write(&mut file)?;
    let file = file.as_file_mut();
    file.seek(SeekFrom::Start(0))?;
    io::copy(file, &mut stream)?;
    stream.flush()?;
    Ok(value)
}

/// Creates a folder and its parents, if they do not exist.
///
/// # Errors
/// If it cannot be created. The error names the path.
pub(crate) fn create_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| Error::io("create the folder", folder, error))
}

/// Removes the temporary files of killed processes from a folder. Files that are being written, and
/// folders that cannot be read, are left alone.
pub(crate) fn remove_leftovers(folder: &Path) {
    let (prefix, suffix) = TEMPORARY;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_ours = name.to_str().is_some_and(|name| name.starts_with(prefix) && name.ends_with(suffix));
        let path = entry.path();
        if is_ours && open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            // Another process may have removed it in the meantime.
            let _ = remove(&path);
        }
    }
}

/// Returns the folder of a file.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != OsStr::new("") => folder,
        _ => Path::new("."),
    }
}

fn temporary(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let (prefix, suffix) = TEMPORARY;
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(suffix);
    // By default only the owner could read the file, also after the rename.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Makes a rename durable. Errors of file systems that cannot sync a folder are ignored.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let Ok(folder) = File::open(folder) else { return Ok(()) };
    match folder.sync_all() {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests;
