//! CSV files, as rows of your own type.
//!
//! The row type declares with serde what each column holds, so that a file that does not fit is an
//! error with file, line and column before training starts.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use ::csv::{ErrorKind, StringRecord};
use serde::de::DeserializeOwned;

use super::csv_row::{Fault, Row};
use crate::error::{Error, Result};

/// Reads a CSV file with a header line: [`Reader::rows`] with the defaults of [`Reader::new`].
///
/// # Errors
/// As [`Reader::rows`].
///
/// ```
/// use serde::Deserialize;
///
/// #[derive(Debug, Deserialize, PartialEq)]
/// struct Iris {
///     species: String,
///     petal_length: f32,
///     petal_width: Option<f32>,
/// }
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("iris.csv");
/// std::fs::write(&path, "petal_length,petal_width,species\n1.4,0.2,setosa\n4.7,,versicolor\n")?;
/// let rows: Vec<Iris> = lightning_core::data::csv::rows(&path)?;
/// let second = Iris { species: "versicolor".into(), petal_length: 4.7, petal_width: None };
/// assert_eq!(rows[1], second);
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub fn rows<T: DeserializeOwned>(path: impl AsRef<Path>) -> Result<Vec<T>> {
    Reader::new(path).rows()
}

/// The settings with which a CSV file is read.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("points.csv");
/// use lightning_core::data::csv;
///
/// std::fs::write(&path, "1.5;NA\n2;7\n")?;
/// let reader = csv::Reader::new(&path).header(false).delimiter(b';').missing(["NA"]);
/// let points: Vec<(f64, Option<i32>)> = reader.rows()?;
/// assert_eq!(points, [(1.5, None), (2.0, Some(7))]);
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reader {
    path: PathBuf,
    delimiter: u8,
    header: bool,
    missing: Vec<String>,
}

impl Reader {
    /// Reads the file at `path`. By default it has a header line, commas between cells, and an
    /// empty cell for a missing value.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_path_buf(), delimiter: b',', header: true, missing: vec![String::new()] }
    }

    /// Sets the byte between two cells. Default: `b','`.
    #[must_use]
    pub fn delimiter(self, delimiter: u8) -> Self {
        Self { delimiter, ..self }
    }

    /// Sets whether the first line names the columns. Default: `true`. Without a header, a row type
    /// takes its columns by position.
    #[must_use]
    pub fn header(self, header: bool) -> Self {
        Self { header, ..self }
    }

    /// Sets the texts of a missing value, as in `["NA", ""]`. Default: the empty text.
    ///
    /// A missing value is `None` in an `Option` field, and an error in any other: a text that may
    /// be missing is an `Option<String>`.
    #[must_use]
    pub fn missing<S: Into<String>>(self, texts: impl IntoIterator<Item = S>) -> Self {
        Self { missing: texts.into_iter().map(Into::into).collect(), ..self }
    }

    /// Reads all rows.
    ///
    /// A row type is a struct, whose fields are columns of the same name in any order (the file may
    /// have more), or a tuple, array or `Vec`, which takes the columns by position. Each field
    /// needs its column, even an `Option`: otherwise a misspelled name would read as missing
    /// everywhere. Numbers must be finite and may have spaces around them; booleans are `true`,
    /// `false`, `1`, `0`; an enum without fields takes the names of its variants.
    ///
    /// # Errors
    /// If the file cannot be read, a row has another number of cells than the header (or the first
    /// row), a column is named twice or missing, or a cell does not fit its field: with file, line
    /// and column.
    pub fn rows<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        let file = File::open(&self.path).map_err(|error| Error::io("open", &self.path, error))?;
        let mut reader =
            ::csv::ReaderBuilder::new().delimiter(self.delimiter).has_headers(self.header).from_reader(file);
        let header = if self.header { Some(self.names(&mut reader)?) } else { None };
        let mut rows = Vec::new();
        let mut record = StringRecord::new();
        while reader.read_record(&mut record).map_err(|error| self.unreadable(error, header.as_deref()))? {
            let row = Row { header: header.as_deref(), record: &record, missing: &self.missing };
            let row = T::deserialize(row).map_err(|fault| self.unfit(fault, &record, header.as_deref()))?;
            rows.push(row);
        }
        Ok(rows)
    }

    /// The names of the columns.
    fn names(&self, reader: &mut ::csv::Reader<File>) -> Result<Vec<String>> {
        let names: Vec<String> = match reader.headers() {
            Ok(names) => names.iter().map(|name| name.trim().to_owned()).collect(),
            Err(error) => return Err(self.unreadable(error, None)),
        };
        if names.is_empty() {
            return Err(self
                .broken("", "the file is empty, expected a header")
                .help("pass a file with a header and rows"));
        }
        match names.iter().enumerate().find(|(index, name)| names.iter().take(*index).any(|before| before == *name)) {
            Some((index, name)) => {
                let place = format!(", line 1, column {}", index + 1);
                Err(self.broken(&place, &format!("the header names `{name}` twice")).help("name each column once"))
            }
            None => Ok(names),
        }
    }

    fn unreadable(&self, error: ::csv::Error, header: Option<&[String]>) -> Error {
        match error.into_kind() {
            ErrorKind::Io(error) => Error::io("read", &self.path, error),
            ErrorKind::UnequalLengths { pos, expected_len, len } => {
                let place = self.line(pos.as_ref());
                let like = if header.is_some() { "as many as the header has" } else { "as many as the row before has" };
                self.broken(&place, &format!("{len} cells, expected {expected_len}, {like}"))
                    .help("write the same number of cells in every row, and put a cell that contains the delimiter in double quotes")
            }
            ErrorKind::Utf8 { pos, err } => {
                let place = format!("{}{}", self.line(pos.as_ref()), column(err.field(), header));
                self.broken(&place, "the text is not UTF-8").help("save the file as UTF-8")
            }
            kind => self.broken("", &format!("cannot be read: {kind:?}")),
        }
    }

    fn unfit(&self, fault: Fault, record: &StringRecord, header: Option<&[String]>) -> Error {
        let column = fault.column.map(|index| column(index, header)).unwrap_or_default();
        let line = if fault.header { ", line 1".to_owned() } else { self.line(record.position()) };
        let place = format!("{line}{column}");
        let error = self.broken(&place, &fault.message);
        match fault.help {
            Some(help) => error.help(help),
            None => error,
        }
    }

    fn broken(&self, place: &str, found: &str) -> Error {
        Error::data(format!("`{}`{place}: {found}", self.path.display())).at_path(&self.path)
    }

    /// The line of a row, from 1. The parser's own count is that of the first blank line before the
    /// row, so the lines are counted in the file, and only for an error.
    fn line(&self, position: Option<&::csv::Position>) -> String {
        let Some(position) = position else { return String::new() };
        let counted = File::open(&self.path).and_then(|file| line_at(BufReader::new(file), position.byte()));
        format!(", line {}", counted.unwrap_or(position.line()))
    }
}

fn column(index: usize, header: Option<&[String]>) -> String {
    match header.and_then(|header| header.get(index)) {
        Some(name) => format!(", column `{name}`"),
        None => format!(", column {}", index + 1),
    }
}

/// The line of the first byte from `start` on that is not a line break.
fn line_at(file: impl BufRead, start: u64) -> std::io::Result<u64> {
    let mut line = 1;
    for (byte, index) in file.bytes().zip(0_u64..) {
        let byte = byte?;
        if index >= start && !matches!(byte, b'\r' | b'\n') {
            break;
        }
        line += u64::from(byte == b'\n');
    }
    Ok(line)
}

#[cfg(test)]
mod tests;
