//! The file `metrics.csv` of one run.

use std::{
    borrow::Cow,
    fs,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
    time::SystemTime,
};

use csv::{ReaderBuilder, StringRecord, WriterBuilder};

use super::{
    super::{LogPosition, Record},
    budget::Budget,
    columns::Columns,
    kept::{Filter, Kept},
    late_rows::{LateRow, LateRows},
    lines::{Append, append, append_row, into_io, whole_lines},
};
use crate::{
    error::{Error, ErrorKind, Result},
    os::files::{self, write_atomic},
};

/// The first columns of every row.
const POSITION: [&str; 5] = ["epoch", "stage", "batch", "batch_step", "global_step"];
/// The index of `batch_step` in a row.
const BATCH_STEP: usize = 3;

/// The largest number of columns that are added to a file that has rows. With a new name in each
/// row, the file would otherwise grow with the square of its rows.
const MOST_LATE: usize = 4096;

/// The folder of a run and the state of its `metrics.csv`. Rows are on disk; only the header and a
/// short buffer are in memory.
///
/// A row with a new metric needs a new column in all rows before it. As long as the [`Budget`]
/// allows, the file is rewritten at once; otherwise rows are appended to [`LateRows`] until it is.
#[derive(Debug)]
pub(super) struct MetricsFile {
    pub(super) folder: PathBuf,
    path: PathBuf,
    /// The columns behind the position.
    pub(super) metrics: Columns,
    /// How many of the metrics are columns of the file; `None` before it is written.
    written: Option<usize>,
    /// The number of columns at the start, which is not bounded.
    first: usize,
    /// Whether it was told that there are too many.
    is_full: bool,
    late: LateRows,
    /// Whether rows go to `late`.
    is_late: bool,
    budget: Budget,
    /// Rows in the form of the file that they go to.
    pub(super) buffer: Vec<u8>,
    /// The training batch at which the buffer was last written.
    pub(super) flushed_at: u64,
    /// The length of the file and the time of its last change, when this run closed it.
    left: Option<(u64, SystemTime)>,
}

impl MetricsFile {
    /// Describes the file in `folder`; nothing is read or written yet.
    pub(super) fn new(folder: PathBuf) -> Self {
        let path = folder.join("metrics.csv");
        Self {
            late: LateRows::new(&folder),
            folder,
            path,
            metrics: Columns::default(),
            written: None,
            first: 0,
            is_full: false,
            is_late: false,
            budget: Budget::default(),
            buffer: Vec::new(),
            flushed_at: 0,
            left: None,
        }
    }

    /// The first names of a row: those of the position and of `columns` metrics.
    fn header(&self, columns: usize) -> impl Iterator<Item = &str> {
        POSITION.into_iter().chain(self.metrics.names().iter().take(columns).map(String::as_str))
    }

    /// Adds a row to the buffer; a new metric adds its column to the rows before it.
    ///
    /// # Errors
    /// If the file cannot be written. Also, once, if there are too many columns; the row is then
    /// added without its new metrics.
    pub(super) fn push(&mut self, record: &Record) -> Result<()> {
        let known = self.metrics.len();
        let is_first = self.written.is_none() && self.buffer.is_empty();
        let most = if is_first { usize::MAX } else { self.first.saturating_add(MOST_LATE) };
        let mut left_out = None;
        let mut row = vec![String::new(); known];
        for (name, value) in &record.metrics {
            let Some(column) = self.metrics.find_or_add_below(&column_name(name), most) else {
                left_out.get_or_insert(name);
                continue;
            };
            if column == row.len() {
                row.push(String::new());
            }
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
        if is_first {
            self.first = self.metrics.len();
        }
        let position = position_cells(record.position);
        let added = if self.is_late {
            let metrics = record.metrics.iter().map(|(name, value)| (column_name(name), number_text(*value)));
            let metrics = metrics.filter(|(name, _)| self.metrics.find(name).is_some());
            let columns = self.written.unwrap_or_default();
            LateRow { columns, position, metrics: metrics.collect() }.append_to(&mut self.buffer)
        } else {
            append_row(&mut self.buffer, position.iter().chain(&row))
        };
        added.map_err(|error| Error::io("write", &self.path, error))?;
        match left_out.filter(|_| !std::mem::replace(&mut self.is_full, true)) {
            Some(name) => Err(self.full(name)),
            None => Ok(()),
        }
    }

    /// The error for a metric that has no column.
    fn full(&self, name: &str) -> Error {
        let text = format!(
            "`{}` must have at most {MOST_LATE} columns after those of its first row: `{name}` and other new \
             metrics are not in it",
            self.path.display()
        );
        Error::new(ErrorKind::Io, text)
            .at_path(&self.path)
            .help("log what has a name of its own in every step or sample as a table or a text")
    }

    /// Makes room for metrics that are not among the first `known`.
    fn widen(&mut self, known: usize) -> Result<()> {
        // Buffered rows have the columns that were known when they were added.
        self.flush_columns(known)?;
        if self.written.is_none() || self.is_late {
            return Ok(());
        }
        if self.budget.spend(self.len()?) {
            return self.rewrite(Kept::ALL, self.metrics.len());
        }
        self.late.begin()?;
        self.is_late = true;
        Ok(())
    }

    fn len(&self) -> Result<u64> {
        let metadata = fs::metadata(&self.path).map_err(|error| self.write_error(error))?;
        Ok(metadata.len())
    }

    /// Writes the buffered rows. On a failure the file ends where it ended before, and the rows
    /// stay in the buffer.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.flush_columns(self.metrics.len())
    }

    /// As [`flush`](Self::flush), of rows that have the first `columns` metrics.
    fn flush_columns(&mut self, columns: usize) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        if self.is_late {
            self.late.append(&self.buffer)?;
        } else {
            self.append_rows(columns)?;
        }
        self.budget.earn(self.buffer.len());
        self.buffer.clear();
        if self.is_late && self.budget.spend(self.len()?) {
            return self.rewrite(Kept::ALL, columns);
        }
        Ok(())
    }

    fn append_rows(&mut self, columns: usize) -> Result<()> {
        let mut bytes = Vec::new();
        if self.written.is_none() {
            append_row(&mut bytes, self.header(columns)).map_err(|error| Error::io("write", &self.path, error))?;
        }
        bytes.extend_from_slice(&self.buffer);
        let how = if self.written.is_some() { Append::Existing } else { Append::Create };
        append(&self.path, &bytes, how).map_err(|error| self.write_error(error))?;
        self.written.get_or_insert(columns);
        Ok(())
    }

    /// Writes everything, so that `metrics.csv` alone has all rows.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn close(&mut self) -> Result<()> {
        self.left = None;
        self.flush()?;
        if self.is_late {
            self.rewrite(Kept::ALL, self.metrics.len())?;
        }
        self.left = self.state();
        Ok(())
    }

    /// Goes on after [`close`](Self::close). If another run has written since, its rows and columns
    /// are kept.
    ///
    /// # Errors
    /// Those of [`resume`](Self::resume).
    pub(super) fn reopen(&mut self) -> Result<()> {
        files::check_appendable(&self.path).map_err(|error| self.write_error(error))?;
        if self.buffer.is_empty() && self.state() != self.left {
            self.resume(Kept::ALL)?;
        }
        Ok(())
    }

    fn state(&self) -> Option<(u64, SystemTime)> {
        let metadata = fs::metadata(&self.path).ok()?;
        Some((metadata.len(), metadata.modified().ok()?))
    }

    fn write_error(&self, error: io::Error) -> Error {
        let is_gone = error.kind() == io::ErrorKind::NotFound;
        let error = Error::io("write", &self.path, error);
        if !is_gone {
            return error;
        }
        error.help("the file or its folder was removed during the run: keep it until the run ends")
    }

    /// Copies the file to the first `columns` metrics, with the late rows at its end, without a row
    /// that was cut short and without the rows that are not kept.
    ///
    /// The copy is made row by row, so that a long file takes no memory, and replaces the file at
    /// once.
    fn rewrite(&mut self, kept: Kept, columns: usize) -> Result<()> {
        let path = &self.path;
        let unreadable = |error| Error::io("read", path, error);
        let source = files::open(path).map_err(|error| self.write_error(error))?;
        let whole = whole_lines(&source).map_err(unreadable)?;
        let source = BufReader::new(source).take(whole);
        let mut rows = ReaderBuilder::new().has_headers(true).flexible(true).from_reader(source);
        let late = self.late.read(self.written.unwrap_or_default())?;
        let width = POSITION.len() + columns;
        write_atomic(path, |writer| {
            let mut writer = WriterBuilder::new().from_writer(writer);
            writer.write_record(self.header(columns)).map_err(into_io)?;
            let mut filter = Filter { kept, of_last: 0 };
            let mut row = StringRecord::new();
            while rows.read_record(&mut row).map_err(into_io)? {
                if filter.keeps(row.get(BATCH_STEP)) {
                    let missing = width.saturating_sub(row.len());
                    let cells = row.iter().chain(std::iter::repeat_n("", missing));
                    writer.write_record(cells).map_err(into_io)?;
                }
            }
            for row in late {
                let row = row?;
                if filter.keeps(row.position.get(BATCH_STEP).map(String::as_str)) {
                    let cells = self.metrics.cells(&row.metrics, columns);
                    writer.write_record(row.position.iter().map(|cell| &**cell).chain(cells)).map_err(into_io)?;
                }
            }
            writer.flush()
        })?;
        self.written = Some(columns);
        self.is_late = false;
        // Of a file with the new columns they are no longer the late rows, so a kill before this
        // line repeats nothing.
        self.late.remove()
    }

    /// Continues the rows of an earlier run, as far as they are kept.
    ///
    /// # Errors
    /// If the file cannot be read or rewritten, or was not written by this logger.
    pub(super) fn resume(&mut self, kept: Kept) -> Result<()> {
        let unreadable = |error| Error::io("read", &self.path, error);
        files::check_appendable(&self.path).map_err(unreadable)?;
        let file = match files::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.start_empty(),
            Err(error) => return Err(unreadable(error)),
        };
        let whole = whole_lines(&file).map_err(unreadable)?;
        let file = BufReader::new(file).take(whole);
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(file);
        let header = reader.headers().map_err(|error| unreadable(into_io(error)))?;
        if header.is_empty() {
            // The process was killed before the header was on disk.
            self.clear()?;
            return self.start_empty();
        }
        if !header.iter().take(POSITION.len()).eq(POSITION) {
            return Err(foreign_columns(&self.path));
        }
        let mut metrics = Columns::default();
        metrics.extend(header.iter().skip(POSITION.len()));
        self.written = Some(metrics.len());
        self.first = metrics.len();
        for row in self.late.read(metrics.len())? {
            let row = row.map_err(|error| Error::io("read", self.late.path(), error))?;
            metrics.extend(row.metrics.iter().map(|(name, _)| &**name));
        }
        self.metrics = metrics;
        self.rewrite(kept, self.metrics.len())
    }

    /// Removes the contents, and the file unless it is linked or a device.
    fn clear(&self) -> Result<()> {
        let failed = |error| Error::io("remove", &self.path, error);
        match fs::symlink_metadata(&self.path).map_err(failed)?.is_file() {
            true => files::remove(&self.path).map_err(failed),
            false => files::create(&self.path).map(drop),
        }
    }

    fn start_empty(&mut self) -> Result<()> {
        self.metrics = Columns::default();
        self.written = None;
        self.first = 0;
        self.is_late = false;
        self.late.remove()
    }

    /// Renames the file of an earlier run to `metrics.0.csv`, or the next free number.
    ///
    /// # Errors
    /// If it cannot be renamed.
    pub(super) fn set_aside(&mut self) -> Result<()> {
        files::check_appendable(&self.path).map_err(|error| self.write_error(error))?;
        if !self.path.exists() {
            return self.start_empty();
        }
        if self.late.exists() {
            // A file with foreign columns has no late rows.
            let _ = self.resume(Kept::ALL);
        }
        let mut asides = (0_u64..).map(|number| self.folder.join(format!("metrics.{number}.csv")));
        let renamed = asides.find(|path| !path.exists()).map_or(Ok(()), |aside| self.move_to(&aside));
        renamed.and_then(|()| self.start_empty())
    }

    /// Moves the rows to another file. A link stays, and a device too, which has no rows.
    fn move_to(&self, aside: &Path) -> Result<()> {
        let failed = |error| Error::io("rename", &self.path, error);
        if fs::symlink_metadata(&self.path).map_err(failed)?.is_file() {
            return fs::rename(&self.path, aside).map_err(failed);
        }
        if self.path.is_file() {
            fs::copy(&self.path, aside).map_err(failed)?;
        }
        self.clear()
    }
}

/// The error for a file with other columns than this logger's.
fn foreign_columns(path: &Path) -> Error {
    let text = format!("its first columns must be {}", POSITION.join(", "));
    let error = io::Error::new(io::ErrorKind::InvalidData, text);
    Error::io("continue", path, error).help("move the file to another folder, or choose another `.version(…)`")
}

/// Returns the name of a metric's column: its own, unless the position has a column of that name.
fn column_name(metric: &str) -> Cow<'_, str> {
    if POSITION.contains(&metric) { Cow::Owned(format!("metric_{metric}")) } else { Cow::Borrowed(metric) }
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
