//! Lines of a CSV file: how rows become bytes, and how whole lines survive a full disk or a kill.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

use csv::WriterBuilder;

use crate::os::files::check_appendable;

/// Whether [`append`] may create the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Append {
    /// The file is created if it does not exist.
    Create,
    /// A missing file is an error: it was removed during the run.
    Existing,
}

/// Appends bytes to a file, all or none.
///
/// The file is opened for each call, so that its removal is noticed.
pub(super) fn append(path: &Path, bytes: &[u8], how: Append) -> io::Result<()> {
    check_appendable(path)?;
    let create = how == Append::Create;
    let mut file = OpenOptions::new().append(true).create(create).open(path)?;
    let end = file.seek(SeekFrom::End(0))?;
    file.write_all(bytes).inspect_err(|_| {
        // Half a row would run into the next one. If truncating fails as well, the first error is
        // the one to report.
        let _ = file.set_len(end);
    })
}

/// Appends one row to a buffer.
pub(super) fn append_row<T: AsRef<[u8]>>(bytes: &mut Vec<u8>, row: impl IntoIterator<Item = T>) -> io::Result<()> {
    let mut writer = WriterBuilder::new().buffer_capacity(512).from_writer(bytes);
    writer.write_record(row).map_err(into_io)?;
    writer.flush()
}

/// Returns how many bytes of a file are whole lines, and rewinds it.
///
/// A process that was killed, or a full disk, may have left half a row at the end.
pub(super) fn whole_lines(mut file: &File) -> io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut chunk = [0; 4096];
    while end > 0 {
        let start = end.saturating_sub(chunk.len() as u64);
        file.seek(SeekFrom::Start(start))?;
        let part = chunk.get_mut(..(end - start) as usize).unwrap_or_default();
        file.read_exact(part)?;
        if let Some(newline) = part.iter().rposition(|byte| *byte == b'\n') {
            end = start + newline as u64 + 1;
            break;
        }
        end = start;
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(end)
}

/// Turns an error of the csv crate into one of the file.
pub(super) fn into_io(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, format!("{other:?}")),
    }
}
