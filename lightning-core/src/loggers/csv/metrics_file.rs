//! The file `metrics.csv` of one run.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use csv::{ReaderBuilder, StringRecord, WriterBuilder};

use super::{
    super::{LogPosition, Record},
    lines::{Append, append, append_row, into_io, whole_lines},
};
use crate::{
    error::{Error, Result},
    os::files::write_atomic,
};

/// The first columns of every row.
const POSITION: [&str; 5] = ["epoch", "stage", "batch", "batch_step", "global_step"];
/// The index of `batch_step` in a row.
const BATCH_STEP: usize = 3;

/// Which rows of an earlier run are kept: those before a training batch, and the first rows of that
/// batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) batch_step: u64,
    /// How many rows of the batch itself.
    pub(super) records: u64,
}

impl Kept {
    /// Every row.
    pub(super) const ALL: Self = Self { batch_step: u64::MAX, records: u64::MAX };
}

/// The folder of a run and the state of its `metrics.csv`. Rows are on disk; only the header and a
/// short buffer are in memory.
#[derive(Debug)]
pub(super) struct MetricsFile {
    pub(super) folder: PathBuf,
    path: PathBuf,
    /// The names of the columns behind the position.
    pub(super) metrics: Vec<String>,
    /// Whether the header is on disk.
    written: bool,
    pub(super) buffer: Vec<u8>,
    /// The training batch at which the buffer was last written.
    pub(super) flushed_at: u64,
}

impl MetricsFile {
    /// Describes the file in `folder`; nothing is read or written yet.
    pub(super) fn new(folder: PathBuf) -> Self {
        let path = folder.join("metrics.csv");
        let (metrics, buffer) = (Vec::new(), Vec::new());
        Self { folder, path, metrics, written: false, buffer, flushed_at: 0 }
    }

    fn header(&self) -> impl Iterator<Item = &str> {
        POSITION.into_iter().chain(self.metrics.iter().map(String::as_str))
    }

    fn column(&self, name: &str) -> Option<usize> {
        self.metrics.iter().position(|known| known == name)
    }

    /// Adds a row to the buffer; a new metric adds its column to the rows on disk.
    ///
    /// # Errors
    /// If the file cannot be rewritten with the new column.
    pub(super) fn push(&mut self, record: &Record) -> Result<()> {
        let known = self.metrics.len();
        let mut row = vec![String::new(); known];
        for (name, value) in &record.metrics {
            let name = column_name(name);
            let column = self.column(&name).unwrap_or_else(|| {
                self.metrics.push(name);
                row.push(String::new());
                self.metrics.len() - 1
            });
            if let Some(cell) = row.get_mut(column) {
                *cell = number_text(*value);
            }
        }
        if self.metrics.len() > known
            && let Err(error) = self.widen(known)
        {
            // The file still has the old columns, so the next record must find them new again.
            self.metrics.truncate(known);
            return Err(error);
        }
        let position = position_cells(record.position);
        append_row(&mut self.buffer, position.iter().chain(&row)).map_err(|error| Error::io("write", &self.path, error))
    }

    /// Brings the existing rows, which have `known` metrics, to the present columns.
    fn widen(&mut self, known: usize) -> Result<()> {
        // Buffered rows have the columns that were known when they were added.
        let late = self.metrics.split_off(known);
        let flushed = self.flush();
        self.metrics.extend(late);
        flushed?;
        if self.written { self.rewrite(Kept::ALL) } else { Ok(()) }
    }

    /// Writes the buffered rows. On a failure the file ends where it ended before, and the rows
    /// stay in the buffer.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn flush(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        if !self.written {
            append_row(&mut bytes, self.header()).map_err(|error| Error::io("write", &self.path, error))?;
        }
        bytes.extend_from_slice(&self.buffer);
        let how = if self.written { Append::Existing } else { Append::Create };
        append(&self.path, &bytes, how).map_err(|error| self.write_error(error))?;
        self.written = true;
        self.buffer.clear();
        Ok(())
    }

    fn write_error(&self, error: io::Error) -> Error {
        let is_gone = error.kind() == io::ErrorKind::NotFound;
        let error = Error::io("write", &self.path, error);
        if !is_gone {
            return error;
        }
        error.help("the file or its folder was removed during the run: keep it until the run ends")
    }

    /// Copies the file to the present columns, without a row that was cut short and without the
    /// rows that are not kept.
    ///
    /// The copy is made row by row, so that a long file takes no memory, and replaces the file at
    /// once.
    fn rewrite(&self, kept: Kept) -> Result<()> {
        let path = &self.path;
        let header: Vec<&str> = self.header().collect();
        let source = File::open(path).map_err(|error| Error::io("read", path, error))?;
        let whole = whole_lines(&source).map_err(|error| Error::io("read", path, error))?;
        let source = BufReader::new(source).take(whole);
        let mut rows = ReaderBuilder::new().has_headers(true).flexible(true).from_reader(source);
        write_atomic(path, |writer| {
            let mut writer = WriterBuilder::new().from_writer(writer);
            writer.write_record(&header).map_err(into_io)?;
            let mut row = StringRecord::new();
            let mut of_last = 0;
            while rows.read_record(&mut row).map_err(into_io)? {
                let step: Option<u64> = row.get(BATCH_STEP).and_then(|step| step.parse().ok());
                let Some(step) = step else { continue };
                let is_last = step == kept.batch_step;
                of_last += u64::from(is_last);
                if step < kept.batch_step || (is_last && of_last <= kept.records) {
                    let missing = header.len().saturating_sub(row.len());
                    let cells = row.iter().chain(std::iter::repeat_n("", missing));
                    writer.write_record(cells).map_err(into_io)?;
                }
            }
            writer.flush()
        })
    }

    /// Continues the rows of an earlier run, as far as they are kept.
    ///
    /// # Errors
    /// If the file cannot be read or rewritten, or was not written by this logger.
    pub(super) fn resume(&mut self, kept: Kept) -> Result<()> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::io("read", &self.path, error)),
        };
        let whole = whole_lines(&file).map_err(|error| Error::io("read", &self.path, error))?;
        let file = BufReader::new(file).take(whole);
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(file);
        let header = reader.headers().map_err(|error| Error::io("read", &self.path, into_io(error)))?;
        if header.is_empty() {
            // The process was killed before the header was on disk.
            return fs::remove_file(&self.path).map_err(|error| Error::io("remove", &self.path, error));
        }
        if !header.iter().take(POSITION.len()).eq(POSITION) {
            return Err(foreign_columns(&self.path));
        }
        self.metrics = header.iter().skip(POSITION.len()).map(str::to_owned).collect();
        self.written = true;
        self.rewrite(kept)
    }

    /// Renames the file of an earlier run to `metrics.0.csv`, or the next free number.
    ///
    /// # Errors
    /// If it cannot be renamed.
    pub(super) fn set_aside(&self) -> Result<()> {
        if !self.path.exists() {
            return Ok(());
        }
        let mut asides = (0_u64..).map(|number| self.folder.join(format!("metrics.{number}.csv")));
        asides.find(|path| !path.exists()).map_or(Ok(()), |aside| {
            fs::rename(&self.path, aside).map_err(|error| Error::io("rename", &self.path, error))
        })
    }
}

/// The error for a file with other columns than this logger's.
fn foreign_columns(path: &Path) -> Error {
    let text = format!("its first columns must be {}", POSITION.join(", "));
    let error = io::Error::new(io::ErrorKind::InvalidData, text);
    Error::io("continue", path, error).help("move the file to another folder, or choose another `.version(…)`")
}

/// Returns the name of a metric's column: its own, unless the position has a column of that name.
fn column_name(metric: &str) -> String {
    if POSITION.contains(&metric) { format!("metric_{metric}") } else { metric.to_owned() }
}

/// Returns the cells of the columns [`POSITION`].
fn position_cells(position: LogPosition) -> [String; 5] {
    let LogPosition { stage, epoch, batch, batch_step, global_step } = position;
    let batch = batch.map(|batch| batch.to_string()).unwrap_or_default();
    [epoch.to_string(), stage.name().to_owned(), batch, batch_step.to_string(), global_step.to_string()]
}

/// Returns the shortest text that reads back as the same number, with an exponent if that is
/// shorter: the `Debug` form of a float.
fn number_text(value: f64) -> String {
    format!("{value:?}")
}
