//! Files that are there whole or not at all.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, BufWriter, Seek as _, SeekFrom, Write},
    path::Path,
};

use crate::error::{Error, Result};

/// What temporary files are called, so that one left behind by a killed process can be told from the user's own.
const TEMPORARY: (&str, &str) = (".lightning-", ".tmp");

/// From so many bytes on a file is written past the page cache: writing it the other way would hold up the training.
const LARGE: usize = 4 << 20;

mod direct_io;
use direct_io::PastCache;

/// Writes a file so that at every moment, power cuts included, `path` holds either the old bytes or all of the new ones.
///
/// The bytes go to a temporary file in the same folder, which is synced, renamed over `path`, and the folder is synced. When anything
/// fails, `path` is as it was and the temporary file is gone. The file's permissions are those of any new file: 0666 less the umask.
///
/// `write` may hand out an [`Error`] of its own as `io::Error::other(error)`; it comes back as it was.
///
/// # Errors
/// When the folder is missing or cannot be written, or the disk is full, with the path.
pub(crate) fn write_atomic<T>(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<T>,
) -> Result<T> {
    atomically(path.as_ref(), |file| {
        let mut buffer = BufWriter::new(file.as_file_mut());
        // On a failure the buffer is dropped with bytes in it, which only end up in a file that is about to go.
        let value = write(&mut buffer)?;
        buffer.flush()?;
        Ok(value)
    })
}

/// As [`write_atomic`], for a file whose first bytes follow from the others: what `write` gives back replaces as many bytes at the start.
/// A file of `len` bytes, if that is many, is not read soon: it goes past the page cache where that can be.
///
/// # Errors
/// As [`write_atomic`].
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
            let mut past = PastCache::new(file, &place);
            let head = write(&mut past)?;
            past.finish()?;
            head
        };
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&head)
    })
}

fn atomically<T>(path: &Path, write: impl FnOnce(&mut tempfile::NamedTempFile) -> io::Result<T>) -> Result<T> {
    let failed = |source: io::Error| match source.downcast::<Error>() {
        Ok(own) => own,
        Err(source) => Error::io("write", path, source),
    };
    if path.file_name().is_none() {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "this is no file name")));
    }
    let folder = folder_of(path);
    let mut file = temporary(folder).map_err(failed)?;
    // Held until the file is closed: what a killed process leaves behind can be locked by another. A file system without
    // locks leaves the leftovers where they are.
    let _ = file.as_file().try_lock();
    let value = write(&mut file).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    sync_folder(folder).map_err(failed)?;
    Ok(value)
}

/// Makes a folder and those above it, where they are not there.
///
/// # Errors
/// When it cannot be made, with its path.
pub(crate) fn create_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| Error::io("create the folder", folder, error))
}

/// Removes the temporary files that killed processes have left in a folder. Those being written are left alone, and so is
/// everything in a folder that cannot be read.
pub(crate) fn remove_leftovers(folder: &Path) {
    let (prefix, suffix) = TEMPORARY;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_ours = name.to_str().is_some_and(|name| name.starts_with(prefix) && name.ends_with(suffix));
        let path = entry.path();
        if is_ours && File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            // Somebody else may have removed it meanwhile.
            let _ = fs::remove_file(&path);
        }
    }
}

/// The folder a file is in.
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
    // Left alone, the file would be readable by its owner only, and stay so after the rename.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Makes a rename last through a power cut. File systems that cannot sync a folder say so, and lose nothing else.
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
