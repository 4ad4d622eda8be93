//! CSV files with a header, as rows of a type of your own.
//!
//! The row type says by serde what each column holds, so a file that does not fit is an error with
//! file, line and column before anything is trained on it.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use ::csv::{ErrorKind, StringRecord};
use serde::de::DeserializeOwned;

use super::csv_row::{Fault, Row};
use crate::error::{Error, Result};

/// Reads a CSV file with a header line: [`Reader::new`] with nothing changed, then
/// [`Reader::rows`].
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

/// How a CSV file is to be read.
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
    /// A reader of the file at `path`, which has a header line, commas between cells, and nothing
    /// in a cell whose value is missing.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_path_buf(), delimiter: b',', header: true, missing: vec![String::new()] }
    }

    /// The byte between two cells, `b','` when not set.
    #[must_use]
    pub fn delimiter(self, delimiter: u8) -> Self {
        Self { delimiter, ..self }
    }

    /// Whether the first line names the columns; it does when not set. Without a header, a row type
    /// takes its columns by position.
    #[must_use]
    pub fn header(self, header: bool) -> Self {
        Self { header, ..self }
    }

    /// The texts that stand for a missing value, as in `["NA", ""]`; the empty text alone when not
    /// set.
    ///
    /// A missing value is `None` of an `Option` field, and an error for any other: a text that may
    /// be missing is an `Option<String>`.
    #[must_use]
    pub fn missing<S: Into<String>>(self, texts: impl IntoIterator<Item = S>) -> Self {
        Self { missing: texts.into_iter().map(Into::into).collect(), ..self }
    }

    /// Reads all rows.
    ///
    /// A row type is a struct, whose fields are columns of the same name in any order (more columns
    /// may be there), or a tuple, array or `Vec`, which takes the columns by position. Each field
    /// needs its column, an `Option` too: a misspelt name would otherwise read as missing
    /// everywhere. Numbers may have spaces around them, and are finite; truth values are `true`,
    /// `false`, `1`, `0`; an enum without fields takes the names of its variants.
    ///
    /// # Errors
    /// When the file cannot be read, a row has another number of cells than the header (or the
    /// first row), a column is named twice or not there, or a cell does not fit its field: with
    /// file, line and column.
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
            return Err(self.broken("", "the file is empty, expected a header").help("give a file that has rows"));
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
                    .help("give every row as many cells; put a cell that holds the delimiter in double quotes")
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

    /// Where a row starts, told from 1. The parser's own count is that of the first of the blank
    /// lines before the row, so the lines are counted in the file, once it is known to be in error.
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

/// The line of the first byte from `start` on that ends no line.
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
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    enum Sex {
        #[serde(rename = "male")]
        Male,
        #[serde(rename = "female")]
        Female,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Bird {
        island: String,
        mass: Option<f64>,
        year: u16,
        sex: Option<Sex>,
        ringed: bool,
    }

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn csv(&self, text: impl AsRef<[u8]>) -> Reader {
            let path = self.0.path().join("birds.csv");
            std::fs::write(&path, text).unwrap();
            Reader::new(path)
        }
    }

    /// The message for a file of birds, from the file's name on, and the help.
    fn told(text: impl AsRef<[u8]>) -> (String, String) {
        let folder = Folder::new();
        let error = folder.csv(text).missing(["NA", ""]).rows::<Bird>().unwrap_err();
        assert!(error.location().path.is_some());
        let text = error.to_string();
        let (message, help) = text.split_once("; help: ").unwrap_or((&text, ""));
        (message.split_once("birds.csv").unwrap().1.to_owned(), help.to_owned())
    }

    const HEADER: &str = "year,island,mass,sex,ringed,note\n";

    #[test]
    fn rows_of_a_struct() {
        let folder = Folder::new();
        let text =
            format!("\u{feff}{HEADER}2007,Dream,3750.5,male,true,\n\n2008,\"Bis,coe\", NA,NA,0,\"two\nlines\"\n");
        let rows: Vec<Bird> = folder.csv(&text).missing(["NA"]).rows().unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(
            rows[0],
            Bird { island: "Dream".into(), mass: Some(3750.5), year: 2007, sex: Some(Sex::Male), ringed: true }
        );
        assert_eq!(
            (rows[1].island.as_str(), rows[1].mass, &rows[1].sex, rows[1].ringed),
            ("Bis,coe", None, &None, false)
        );
        assert!(folder.csv(HEADER).rows::<Bird>().unwrap().is_empty());
    }

    #[test]
    fn rows_by_position() {
        let folder = Folder::new();
        let numbers = folder.csv("1;2;3\r\n4;5;6").header(false).delimiter(b';');
        assert_eq!(numbers.rows::<[f32; 3]>().unwrap(), [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        assert_eq!(numbers.rows::<Vec<u8>>().unwrap(), [[1, 2, 3], [4, 5, 6]]);
        assert_eq!(numbers.rows::<(i64, String, Option<f64>)>().unwrap()[1], (4, "5".into(), Some(6.0)));
        let few = numbers.rows::<(i64, i64)>().unwrap_err().to_string();
        assert!(few.contains("line 1: the row has 3 cells, its type takes 2"), "{few}");
        let many = numbers.rows::<[i64; 4]>().unwrap_err().to_string();
        assert!(many.contains("birds.csv`, line 1: "), "{many}");
    }

    #[test]
    fn rows_of_any_columns() {
        let folder = Folder::new();
        let rows: Vec<BTreeMap<String, Option<f32>>> = folder.csv("a,b\n1,\n").rows().unwrap();
        assert_eq!(rows[0], BTreeMap::from([("a".to_owned(), Some(1.0)), ("b".to_owned(), None)]));
    }

    #[test]
    fn a_bad_number_is_named_by_line_and_column() {
        let good = format!("{HEADER}2007,Dream,1,male,true,\n");
        assert_eq!(
            told(format!("{good}2007,Dream,3 kg,male,true,\n")).0,
            "`, line 3, column `mass`: `3 kg`, expected a number"
        );
        assert_eq!(
            told(format!("{good}70000,Dream,3,male,true,\n")).0,
            "`, line 3, column `year`: `70000`, expected an integer from 0 to 65535"
        );
        assert_eq!(
            told(format!("{good}2007,Dream,inf,male,true,\n")).0,
            "`, line 3, column `mass`: `inf`, expected a finite number"
        );
        assert_eq!(
            told(format!("{good}2007,Dream,3,male,yes,\n")).0,
            "`, line 3, column `ringed`: `yes`, expected `true` or `false`"
        );
        assert_eq!(
            told(format!("{good}2007,Dream,3,unknown,true,\n")).0,
            "`, line 3, column `sex`: unknown variant `unknown`, expected `male` or `female`"
        );
    }

    /// Blank lines, line ends of two characters, and quoted line ends before the row in error.
    #[test]
    fn lines_are_those_of_an_editor() {
        let rows = "2007,Dream,1,male,true,\n\n\n2007,\"D\nr\",1,male,true,\n\nx,Dream,1,male,true,\n";
        let (message, _) = told(format!("{HEADER}{rows}"));
        assert_eq!(message, "`, line 8, column `year`: `x`, expected an integer from 0 to 65535");
        let (message, _) = told(format!("{HEADER}{rows}").replace('\n', "\r\n"));
        assert_eq!(message, "`, line 8, column `year`: `x`, expected an integer from 0 to 65535");
        let (message, _) = told(format!("{HEADER}\n\n1,2\n"));
        assert_eq!(message, "`, line 4: 2 cells, expected 6, as many as the header has");
    }

    #[test]
    fn a_missing_value_needs_an_option() {
        let (message, help) = told(format!("{HEADER}NA,Dream,1,male,true,\n"));
        assert_eq!(message, "`, line 2, column `year`: the value is missing, expected an integer from 0 to 65535");
        assert_eq!(help, "make the field an `Option`, or leave the row out of the file");
        assert_eq!(
            told(format!("{HEADER}2007,,1,male,true,\n")).0,
            "`, line 2, column `island`: the value is missing, expected a text"
        );
    }

    #[test]
    fn a_column_that_is_not_there() {
        let (message, help) = told("year,island,weight,sex,ringed\n2007,Dream,1,male,true\n");
        assert_eq!(
            message,
            "`, line 1: there is no column `mass`, the header has `year`, `island`, `weight`, `sex`, `ringed`"
        );
        assert_eq!(help, "rename the field, write `#[serde(rename = \"…\")]`, or add the column");
        assert_eq!(told("a,b,a\n1,2,3\n").0, "`, line 1, column 3: the header names `a` twice");
    }

    #[test]
    fn files_that_are_no_csv() {
        assert_eq!(told("").0, "`: the file is empty, expected a header");
        assert_eq!(told(format!("{HEADER}1,2\n")).0, "`, line 2: 2 cells, expected 6, as many as the header has");
        let latin1 = [HEADER.as_bytes(), b"2007,Dr\xe9am,1,male,true,\n"].concat();
        assert_eq!(told(latin1).0, "`, line 2, column `island`: the text is not UTF-8");
        let error = rows::<Bird>("/nonexistent/birds.csv").unwrap_err();
        assert_eq!(error.message(), "cannot open `/nonexistent/birds.csv`");
    }
}
