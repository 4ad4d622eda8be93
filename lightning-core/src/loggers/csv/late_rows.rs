//! Rows that wait until `metrics.csv` has their columns.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::lines::{Append, append, whole_lines};
use crate::{
    error::{Error, Result},
    os::files,
};

/// A row of `metrics.late.jsonl`, in a line of its own.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LateRow<'a> {
    /// How many metrics `metrics.csv` had when the rows began to wait. A file with more has been
    /// rewritten since, with these rows.
    pub(super) columns: usize,
    /// The cells of the position: epoch, stage, batch, batch step, global step.
    pub(super) position: [String; 5],
    /// Names of columns and their cells.
    pub(super) metrics: Vec<(Cow<'a, str>, String)>,
}

impl LateRow<'_> {
    /// Appends the line of this row.
    pub(super) fn append_to(&self, bytes: &mut Vec<u8>) -> io::Result<()> {
        serde_json::to_writer(&mut *bytes, self)?;
        bytes.write_all(b"\n")
    }
}

/// The file `metrics.late.jsonl` beside `metrics.csv`. It is gone when the run is closed.
#[derive(Debug)]
pub(super) struct LateRows {
    path: PathBuf,
}

impl LateRows {
    pub(super) fn new(folder: &Path) -> Self {
        Self { path: folder.join("metrics.late.jsonl") }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Creates the file, empty.
    ///
    /// # Errors
    /// If it cannot be created.
    pub(super) fn begin(&self) -> Result<()> {
        files::check_appendable(&self.path)
            .and_then(|()| File::create(&self.path))
            .map(drop)
            .map_err(|error| Error::io("write", &self.path, error))
    }

    /// Appends lines, all or none.
    ///
    /// # Errors
    /// If they cannot be written.
    pub(super) fn append(&self, lines: &[u8]) -> Result<()> {
        append(&self.path, lines, Append::Existing).map_err(|error| Error::io("write", &self.path, error))
    }

    /// Reads the rows that wait for a `metrics.csv` of `columns` columns. Without a file there are
    /// none, and a line that was cut short is not one.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub(super) fn read(&self, columns: usize) -> Result<impl Iterator<Item = io::Result<LateRow<'static>>> + use<>> {
        let unreadable = |error| Error::io("read", &self.path, error);
        let file = match files::open(&self.path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(unreadable(error)),
        };
        let file = match file {
            Some(file) => {
                let whole = whole_lines(&file).map_err(unreadable)?;
                Some(BufReader::new(file).take(whole))
            }
            None => None,
        };
        let lines = file.into_iter().flat_map(|file| file.lines());
        let rows = lines.map(|line| -> io::Result<LateRow<'static>> { Ok(serde_json::from_str(&line?)?) });
        Ok(rows.filter(move |row| !row.as_ref().is_ok_and(|row| row.columns != columns)))
    }

    /// Removes the file.
    ///
    /// # Errors
    /// If it is there and stays.
    pub(super) fn remove(&self) -> Result<()> {
        files::remove(&self.path).map_err(|error| Error::io("remove", &self.path, error))
    }
}
