//! A logger that writes `metrics.csv` and `hparams.json`.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::{Component, Path, PathBuf},
};

use csv::{ReaderBuilder, StringRecord, WriterBuilder};

use super::{Figure, Histogram, Image, LogPosition, Logger, Record, attachments};
use crate::{
    error::{Error, Result},
    os::files::write_atomic,
};

/// What every row begins with.
const POSITION: [&str; 5] = ["epoch", "stage", "batch", "batch_step", "global_step"];
/// Where `batch_step` is in a row.
const BATCH_STEP: usize = 3;
/// The end of a file of which nothing is left out.
const EVERY_ROW: (u64, u64) = (u64::MAX, u64::MAX);
/// Rows in memory are written out at this size, whatever the interval.
const BUFFER: usize = 64 * 1024;

/// Writes metrics to `<folder>[/<name>]/version_N/metrics.csv`, and hyperparameters to `hparams.json` beside it.
///
/// `N` is one more than the highest there is; two processes that start at the same moment get two folders. The columns are `epoch`,
/// `stage`, `batch`, `batch_step`, `global_step` and every metric in the order in which they first appear; a metric that appears late adds
/// its column to the rows that are there. Numbers are as short as reads back exactly; `NaN`, `inf` and `-inf` are written as such. A metric
/// with the name of one of the first five columns is called `metric_epoch` and so on.
///
/// What a step shows beside numbers becomes a file of its own: `texts/<name>/validate-epoch=3-step=400.txt`, `images/….png`,
/// `histograms/….json` and `figures/….svg`, where `step` counts training batches; a `/` in the name makes a folder.
///
/// ```
/// use lightning_core::{Stage, loggers::{CsvLogger, Logger, Record, RunStatus}};
///
/// # fn main() -> lightning_core::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// let mut logger = CsvLogger::new(folder).name("digits");
/// logger.start()?;
/// logger.log_metrics(&Record::new(Stage::Fit, 0, Some(0), 1, 1, vec![("train_loss".to_owned(), 0.5)]))?;
/// logger.finalize(RunStatus::Success)?;
/// let text = std::fs::read_to_string(folder.join("digits/version_0/metrics.csv"))?;
/// assert_eq!(text, "epoch,stage,batch,batch_step,global_step,train_loss\n0,fit,0,1,1,0.5\n");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct CsvLogger {
    folder: PathBuf,
    name: String,
    version: Version,
    flush_every: u64,
    /// What `resume` asked for: rows after this training batch, and after so many of it, go when the file is opened.
    resume_at: Option<(u64, u64)>,
    open: Option<Open>,
}

/// Which run this is.
#[derive(Debug)]
enum Version {
    /// The next free one.
    Next,
    Given(String),
    /// Taken from `Next`, or resumed.
    Known(String),
}

impl Version {
    fn text(&self) -> &str {
        match self {
            Self::Next => "",
            Self::Given(version) | Self::Known(version) => version,
        }
    }
}

/// The run's folder and what is known of its `metrics.csv`. Rows are on disk; only the header and a short buffer are in memory.
#[derive(Debug)]
struct Open {
    folder: PathBuf,
    path: PathBuf,
    metrics: Vec<String>,
    /// Whether the header is on disk.
    written: bool,
    buffer: Vec<u8>,
    flushed_at: u64,
}

impl CsvLogger {
    /// A logger that puts its runs into `folder`, usually `"lightning_logs"`. Nothing is written before the run starts.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            name: String::new(),
            version: Version::Next,
            flush_every: 100,
            resume_at: None,
            open: None,
        }
    }

    /// The name of the experiment: a folder between the root and the versions. There is none unless it is set.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The folder of this run, instead of `version_N`. What an earlier run left in it is kept: its rows move to `metrics.0.csv`, or the
    /// next free number.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Version::Given(version.into());
        self
    }

    /// Writes rows out whenever this many training batches have passed, 100 unless set. A trainer also has them written after every epoch;
    /// fewer means that less is lost when the process is killed.
    #[must_use]
    pub fn flush_every_n_steps(mut self, steps: u64) -> Self {
        self.flush_every = steps.max(1);
        self
    }

    fn open(&mut self) -> Result<&mut Open> {
        let open = match self.open.take() {
            Some(open) => open,
            None => self.open_folder()?,
        };
        Ok(self.open.insert(open))
    }

    fn open_folder(&mut self) -> Result<Open> {
        check_inside("name", &self.name)?;
        let parent = self.folder.join(&self.name);
        if let Version::Next = self.version {
            create_folders(&parent)?;
            let (version, folder) = next_version(&parent)?;
            self.version = Version::Known(version);
            return Ok(Open::new(folder));
        }
        let version = self.version.text();
        check_inside("version", version)?;
        if version.is_empty() {
            return Err(
                Error::config("the version of a `CsvLogger` is empty").help("leave `version` out for `version_N`")
            );
        }
        let folder = parent.join(version);
        create_folders(&folder)?;
        let mut open = Open::new(folder);
        match (self.resume_at.take(), &self.version) {
            (Some(last), _) => open.go_on(last)?,
            // A version that was chosen by this logger is continued; one that was given may hold the rows of another run.
            (None, Version::Known(_)) => open.go_on(EVERY_ROW)?,
            (None, _) => open.set_aside()?,
        }
        Ok(open)
    }
}

impl Logger for CsvLogger {
    fn start(&mut self) -> Result<()> {
        self.open().map(drop)
    }

    fn resume(&mut self, version: &str, batch_step: u64) -> Result<()> {
        self.resume_at(version, batch_step, u64::MAX)
    }

    fn resume_at(&mut self, version: &str, batch_step: u64, records: u64) -> Result<()> {
        // A run that is open goes on anyway, and a version that was given stays the program's choice.
        if self.open.is_some() || matches!(&self.version, Version::Given(given) if given != version) {
            return Ok(());
        }
        self.version = Version::Known(version.to_owned());
        self.resume_at = Some((batch_step, records));
        Ok(())
    }

    fn earlier_runs(&self) -> Result<Vec<(String, PathBuf)>> {
        let parent = self.folder.join(&self.name);
        if let Version::Given(version) = &self.version {
            let folder = parent.join(version);
            return Ok(if folder.is_dir() { vec![(version.clone(), folder)] } else { Vec::new() });
        }
        let entries = match fs::read_dir(&parent) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("read the folder", &parent, error)),
        };
        let mut runs: Vec<(u64, String)> = entries
            .filter_map(|entry| {
                let name = entry.ok()?.file_name().to_str()?.to_owned();
                Some((name.strip_prefix("version_")?.parse().ok()?, name))
            })
            .collect();
        runs.sort_unstable();
        Ok(runs.into_iter().map(|(_, version)| (version.clone(), parent.join(version))).collect())
    }

    fn log_hyperparams(&mut self, hparams: &serde_json::Value) -> Result<()> {
        if hparams.is_null() {
            return Ok(());
        }
        let path = self.open()?.folder.join("hparams.json");
        write_atomic(path, |writer| {
            serde_json::to_writer_pretty(&mut *writer, hparams)?;
            writer.write_all(b"\n")
        })
    }

    fn log_metrics(&mut self, record: &Record) -> Result<()> {
        let flush_every = self.flush_every;
        let open = self.open()?;
        open.push(record)?;
        let step = record.position.batch_step;
        // A counter that went back is another run: its distance is not known.
        if open.buffer.len() >= BUFFER || step.abs_diff(open.flushed_at) >= flush_every {
            open.flushed_at = step;
            open.flush()?;
        }
        Ok(())
    }

    fn log_text(&mut self, name: &str, text: &str, position: LogPosition) -> Result<()> {
        attachments::write_text(&self.open()?.folder, name, text, position)
    }

    fn log_image(&mut self, name: &str, image: &Image<'_>, position: LogPosition) -> Result<()> {
        attachments::write_image(&self.open()?.folder, name, image, position)
    }

    fn log_histogram(&mut self, name: &str, histogram: &Histogram, position: LogPosition) -> Result<()> {
        attachments::write_histogram(&self.open()?.folder, name, histogram, position)
    }

    fn log_figure(&mut self, name: &str, figure: Figure<'_>, position: LogPosition) -> Result<()> {
        attachments::write_figure(&self.open()?.folder, name, figure, position)
    }

    fn save(&mut self) -> Result<()> {
        self.open.as_mut().map_or(Ok(()), Open::flush)
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> &str {
        self.version.text()
    }

    fn log_dir(&self) -> Option<&Path> {
        self.open.as_ref().map(|open| &*open.folder)
    }
}

impl Drop for CsvLogger {
    fn drop(&mut self) {
        // After `finalize` nothing is left to write. Without it the program is on its way out of an error or panic already, and this is
        // the last chance for the rows; a second error has nobody left to go to.
        let _ = self.save();
    }
}

impl Open {
    fn new(folder: PathBuf) -> Self {
        let path = folder.join("metrics.csv");
        Self { folder, path, metrics: Vec::new(), written: false, buffer: Vec::new(), flushed_at: 0 }
    }

    fn header(&self) -> impl Iterator<Item = &str> {
        POSITION.into_iter().chain(self.metrics.iter().map(String::as_str))
    }

    fn column(&self, name: &str) -> Option<usize> {
        self.metrics.iter().position(|known| known == name)
    }

    fn push(&mut self, record: &Record) -> Result<()> {
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
                *cell = number(*value);
            }
        }
        if self.metrics.len() > known
            && let Err(error) = self.widen(known)
        {
            // The file has the old columns still, so the next record must find them new again.
            self.metrics.truncate(known);
            return Err(error);
        }
        let LogPosition { stage, epoch, batch, batch_step, global_step } = record.position;
        let batch = batch.map(|batch| batch.to_string()).unwrap_or_default();
        let position =
            [epoch.to_string(), stage.name().to_owned(), batch, batch_step.to_string(), global_step.to_string()];
        append_row(&mut self.buffer, position.iter().chain(&row)).map_err(|error| Error::io("write", &self.path, error))
    }

    /// Brings the rows that are there, which have `known` metrics, to the present columns.
    fn widen(&mut self, known: usize) -> Result<()> {
        // Rows in the buffer have the columns that were known when they came.
        let late = self.metrics.split_off(known);
        let flushed = self.flush();
        self.metrics.extend(late);
        flushed?;
        if self.written { self.rewrite(EVERY_ROW) } else { Ok(()) }
    }

    /// Writes the buffered rows. On a failure the file ends where it ended before, and the rows stay in the buffer.
    fn flush(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        if !self.written {
            append_row(&mut bytes, self.header()).map_err(|error| Error::io("write", &self.path, error))?;
        }
        bytes.extend_from_slice(&self.buffer);
        append(&self.path, &bytes, !self.written).map_err(|error| {
            let gone = error.kind() == io::ErrorKind::NotFound;
            let error = Error::io("write", &self.path, error);
            if gone { error.help("the file or its folder was removed during the run: leave it there") } else { error }
        })?;
        self.written = true;
        self.buffer.clear();
        Ok(())
    }

    /// Copies the file, row by row, to the present columns, and leaves out a row that was cut short, the rows after a training batch,
    /// and those of the batch after so many.
    fn rewrite(&self, (last, records): (u64, u64)) -> Result<()> {
        let path = &self.path;
        let header: Vec<&str> = self.header().collect();
        let source = File::open(path).map_err(|error| Error::io("read", path, error))?;
        let whole = whole_lines(&source).map_err(|error| Error::io("read", path, error))?;
        let mut rows =
            ReaderBuilder::new().has_headers(true).flexible(true).from_reader(BufReader::new(source).take(whole));
        write_atomic(path, |writer| {
            let mut writer = WriterBuilder::new().from_writer(writer);
            writer.write_record(&header).map_err(into_io)?;
            let mut row = StringRecord::new();
            let mut of_last = 0;
            while rows.read_record(&mut row).map_err(into_io)? {
                let step: Option<u64> = row.get(BATCH_STEP).and_then(|step| step.parse().ok());
                of_last += u64::from(step == Some(last));
                if step.is_some_and(|step| step < last || (step == last && of_last <= records)) {
                    let missing = header.len().saturating_sub(row.len());
                    writer.write_record(row.iter().chain(std::iter::repeat_n("", missing))).map_err(into_io)?;
                }
            }
            writer.flush()
        })
    }

    /// Continues the rows that are there, up to so many of a training batch.
    fn go_on(&mut self, last: (u64, u64)) -> Result<()> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::io("read", &self.path, error)),
        };
        let whole = whole_lines(&file).map_err(|error| Error::io("read", &self.path, error))?;
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(BufReader::new(file).take(whole));
        let header = reader.headers().map_err(|error| Error::io("read", &self.path, into_io(error)))?;
        if header.is_empty() {
            // The process was killed before the header was on disk.
            return fs::remove_file(&self.path).map_err(|error| Error::io("remove", &self.path, error));
        }
        if !header.iter().take(POSITION.len()).eq(POSITION) {
            return Err(Error::io(
                "go on with",
                &self.path,
                io::Error::new(io::ErrorKind::InvalidData, "its columns are not ours"),
            )
            .help("move the file away, or choose another `version`"));
        }
        self.metrics = header.iter().skip(POSITION.len()).map(str::to_owned).collect();
        self.written = true;
        self.rewrite(last)
    }

    /// Moves the rows of an earlier run out of the way.
    fn set_aside(&self) -> Result<()> {
        if !self.path.exists() {
            return Ok(());
        }
        let aside =
            (0_u64..).map(|number| self.folder.join(format!("metrics.{number}.csv"))).find(|path| !path.exists());
        aside.map_or(Ok(()), |aside| {
            fs::rename(&self.path, aside).map_err(|error| Error::io("move away", &self.path, error))
        })
    }
}

/// The name a metric has in the file: its own, unless the position has a column of that name.
fn column_name(metric: &str) -> String {
    if POSITION.contains(&metric) { format!("metric_{metric}") } else { metric.to_owned() }
}

/// The shortest text that reads back as the same number, with an exponent where that is shorter: what `{:?}` prints.
fn number(value: f64) -> String {
    format!("{value:?}")
}

fn append_row<T: AsRef<[u8]>>(bytes: &mut Vec<u8>, row: impl IntoIterator<Item = T>) -> io::Result<()> {
    let mut writer = WriterBuilder::new().buffer_capacity(512).from_writer(bytes);
    writer.write_record(row).map_err(into_io)?;
    writer.flush()
}

fn into_io(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, format!("{other:?}")),
    }
}

/// Appends bytes, all or none. The file is opened anew each time, so that one that was removed meanwhile is noticed.
fn append(path: &Path, bytes: &[u8], create: bool) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(create).open(path)?;
    let end = file.seek(SeekFrom::End(0))?;
    file.write_all(bytes).inspect_err(|_| {
        // A row that is cut in half would run into the next one. That this fails as well changes nothing about the error.
        let _ = file.set_len(end);
    })
}

/// How many bytes of a file are whole lines: a process that was killed, or a full disk, may have left half a row at the end.
fn whole_lines(mut file: &File) -> io::Result<u64> {
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

/// A name must not lead out of the folder that it is put into.
fn check_inside(setting: &str, name: &str) -> Result<()> {
    if Path::new(name).components().all(|part| matches!(part, Component::Normal(_))) {
        return Ok(());
    }
    Err(Error::config(format!("the {setting} `{name}` of a `CsvLogger` leads out of its folder"))
        .help("give the folder to `CsvLogger::new`, and a plain name here"))
}

fn create_folders(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| Error::io("create the folder", folder, error))
}

/// Makes the folder `version_N`, with `N` one more than the highest there is.
fn next_version(parent: &Path) -> Result<(String, PathBuf)> {
    let entries = fs::read_dir(parent).map_err(|error| Error::io("read the folder", parent, error))?;
    let taken = entries.filter_map(|entry| {
        let name = entry.ok()?.file_name();
        name.to_str()?.strip_prefix("version_")?.parse::<u64>().ok()
    });
    let mut number = taken.max().map_or(0, |highest| highest.saturating_add(1));
    loop {
        let version = format!("version_{number}");
        let folder = parent.join(&version);
        // Making the folder is what claims the number: of two processes only one can.
        match fs::create_dir(&folder) {
            Ok(()) => return Ok((version, folder)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number = number.saturating_add(1),
            Err(error) => return Err(Error::io("create the folder", folder, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Barrier, thread};

    use tempfile::TempDir;

    use super::*;
    use crate::{error::ErrorKind, loggers::RunStatus, stage::Stage};

    fn record(step: u64, metrics: &[(&str, f64)]) -> Record {
        let metrics = metrics.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        Record::new(Stage::Fit, step / 10, Some(step % 10), step + 1, step + 1, metrics)
    }

    fn epoch_record(epoch: u64, metrics: &[(&str, f64)]) -> Record {
        let metrics = metrics.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        Record::new(Stage::Validate, epoch, None, (epoch + 1) * 10, (epoch + 1) * 10, metrics)
    }

    fn metrics_of(logger: &CsvLogger) -> PathBuf {
        logger.log_dir().map(|folder| folder.join("metrics.csv")).unwrap_or_default()
    }

    /// The builder has a method of the same name.
    fn version(logger: &dyn Logger) -> &str {
        logger.version()
    }

    fn rows(path: &Path) -> Result<(Vec<String>, Vec<Vec<String>>)> {
        let mut reader = csv::Reader::from_path(path).map_err(into_io)?;
        let header = reader.headers().map_err(into_io)?.iter().map(str::to_owned).collect();
        let rows = reader
            .records()
            .map(|row| Ok(row.map_err(into_io)?.iter().map(str::to_owned).collect()))
            .collect::<Result<_>>()?;
        Ok((header, rows))
    }

    #[test]
    fn what_is_written_reads_back_exactly() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut logger = CsvLogger::new(folder.path()).name("lr1").version("fold0");
        assert_eq!((Logger::name(&logger), version(&logger), logger.log_dir()), ("lr1", "fold0", None));
        logger.start()?;
        let numbers = [
            0.1,
            -0.0,
            1e-7,
            1.0 / 3.0,
            f64::MAX,
            f64::MIN_POSITIVE,
            5e-324,
            1e15 + 0.5,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ];
        for (step, value) in numbers.iter().enumerate() {
            logger.log_metrics(&record(step as u64, &[("loss", *value)]))?;
        }
        logger.log_metrics(&epoch_record(0, &[("loss", 2.0)]))?;
        logger.finalize(RunStatus::Success)?;
        assert_eq!(metrics_of(&logger), folder.path().join("lr1").join("fold0").join("metrics.csv"));
        let (header, rows) = rows(&metrics_of(&logger))?;
        assert_eq!(header, ["epoch", "stage", "batch", "batch_step", "global_step", "loss"]);
        assert_eq!(rows[0], ["0", "fit", "0", "1", "1", "0.1"]);
        assert_eq!(rows[2][5], "1e-7");
        assert_eq!(rows[11], ["0", "validate", "", "10", "10", "2.0"]);
        assert_eq!([&*rows[8][5], &*rows[9][5], &*rows[10][5]], ["NaN", "inf", "-inf"]);
        for (row, value) in rows.iter().zip(numbers) {
            let read: f64 = row[5].parse().map_err(|_| Error::msg(row[5].clone()))?;
            assert!(read.to_bits() == value.to_bits() || read.is_nan() && value.is_nan());
        }
        Ok(())
    }

    #[test]
    fn late_columns_lose_no_row() -> Result<()> {
        // Once with everything on disk at once, once with rows in memory when the column appears.
        for flush_every in [1, 1000] {
            let folder = tempfile::tempdir()?;
            let mut logger = CsvLogger::new(folder.path()).flush_every_n_steps(flush_every);
            logger.log_metrics(&record(0, &[("a", 1.0)]))?;
            logger.log_metrics(&record(1, &[("b", 2.0), ("a", 3.0)]))?;
            logger.log_metrics(&record(2, &[("a", 4.0)]))?;
            logger.save()?;
            logger.log_metrics(&record(3, &[("d", 5.0), ("c", 6.0), ("d", 7.0)]))?;
            logger.finalize(RunStatus::Success)?;
            let (header, rows) = rows(&metrics_of(&logger))?;
            assert_eq!(header[5..], ["a", "b", "d", "c"]);
            let values: Vec<_> = rows.iter().map(|row| row[5..].join(" ")).collect();
            assert_eq!(values, ["1.0   ", "3.0 2.0  ", "4.0   ", "  7.0 6.0"]);
            assert_eq!(fs::read_dir(logger.log_dir().unwrap_or(Path::new("")))?.count(), 1);
        }
        Ok(())
    }

    #[test]
    fn names_are_quoted_and_kept_apart_from_the_position() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut logger = CsvLogger::new(folder.path());
        let names = ["a,b", "say \"x\"", "two\nlines", "größe", "epoch"];
        for name in names {
            logger.log_metrics(&record(0, &[(name, 1.0)]))?;
        }
        logger.save()?;
        let (header, rows) = rows(&metrics_of(&logger))?;
        assert_eq!(header[5..], ["a,b", "say \"x\"", "two\nlines", "größe", "metric_epoch"]);
        assert_eq!(rows.len(), 5);
        assert!(fs::read_to_string(metrics_of(&logger))?.contains("\"a,b\",\"say \"\"x\"\"\","));
        Ok(())
    }

    #[test]
    fn memory_holds_no_more_than_the_buffer() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut logger = CsvLogger::new(folder.path()).flush_every_n_steps(u64::MAX);
        for step in 0..20_000 {
            logger.log_metrics(&record(step, &[("loss", step as f64)]))?;
            assert!(logger.open.as_ref().is_some_and(|open| open.buffer.len() <= BUFFER));
        }
        logger.save()?;
        assert_eq!(rows(&metrics_of(&logger))?.1.len(), 20_000);
        Ok(())
    }

    #[test]
    fn rows_are_written_at_the_interval_and_on_drop() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut logger = CsvLogger::new(folder.path()).flush_every_n_steps(3);
        let path = folder.path().join("version_0").join("metrics.csv");
        logger.log_metrics(&record(0, &[("a", 1.0)]))?;
        assert!(!path.exists());
        for step in 1..4 {
            logger.log_metrics(&record(step, &[("a", 1.0)]))?;
        }
        assert_eq!(rows(&path)?.1.len(), 3);
        drop(logger);
        assert_eq!(rows(&path)?.1.len(), 4);
        Ok(())
    }

    #[test]
    fn versions_follow_the_highest_and_are_never_shared() -> Result<()> {
        let folder = tempfile::tempdir()?;
        fs::create_dir_all(folder.path().join("version_7"))?;
        fs::create_dir_all(folder.path().join("version_x"))?;
        let barrier = Barrier::new(8);
        let versions: Vec<_> = thread::scope(|scope| {
            let start = || {
                let mut logger = CsvLogger::new(folder.path());
                barrier.wait();
                logger.start().map(|()| version(&logger).to_owned())
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()?.ok()).collect()
        });
        let expected: BTreeSet<_> = (8..16).map(|number| format!("version_{number}")).collect();
        assert_eq!(versions.into_iter().collect::<BTreeSet<_>>(), expected);
        Ok(())
    }

    #[test]
    fn a_second_start_continues_the_same_run() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut logger = CsvLogger::new(folder.path());
        for step in 0..2 {
            logger.start()?;
            logger.log_metrics(&record(step, &[("a", 1.0)]))?;
            logger.finalize(RunStatus::Success)?;
        }
        assert_eq!(version(&logger), "version_0");
        assert_eq!(rows(&metrics_of(&logger))?.1.len(), 2);
        Ok(())
    }

    #[test]
    fn a_given_version_does_not_mix_two_runs() -> Result<()> {
        let folder = tempfile::tempdir()?;
        for run in 0..3 {
            let mut logger = CsvLogger::new(folder.path()).version("fold0");
            logger.start()?;
            logger.log_metrics(&record(run, &[("a", run as f64)]))?;
        }
        let at = |name: &str| rows(&folder.path().join("fold0").join(name)).map(|(_, rows)| rows[0][5].clone());
        assert_eq!(
            (at("metrics.0.csv")?, at("metrics.1.csv")?, at("metrics.csv")?),
            ("0.0".into(), "1.0".into(), "2.0".into())
        );
        Ok(())
    }

    fn killed_run() -> Result<(TempDir, PathBuf)> {
        let folder = tempfile::tempdir()?;
        let mut logger = CsvLogger::new(folder.path());
        for step in 0..6 {
            logger.log_metrics(&record(step, &[("a", step as f64)]))?;
        }
        logger.save()?;
        let path = metrics_of(&logger);
        append(&path, b"0,fit,6,7,7,0.12", false)?;
        Ok((folder, path))
    }

    #[test]
    fn a_resumed_run_goes_on_where_the_checkpoint_was() -> Result<()> {
        let (folder, path) = killed_run()?;
        let mut logger = CsvLogger::new(folder.path());
        logger.resume("version_0", 4)?;
        assert_eq!(version(&logger), "version_0");
        logger.start()?;
        logger.log_metrics(&record(4, &[("a", 4.0), ("b", 1.0)]))?;
        logger.finalize(RunStatus::Success)?;
        let (header, rows) = rows(&path)?;
        assert_eq!(header[5..], ["a", "b"]);
        let last: Vec<_> = rows.iter().map(|row| row[5..].join(" ")).collect();
        assert_eq!(last, ["0.0 ", "1.0 ", "2.0 ", "3.0 ", "4.0 1.0"]);
        Ok(())
    }

    #[test]
    fn a_run_is_resumed_from_nothing_too_and_never_over_a_foreign_file() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("version_3").join("metrics.csv");
        let resumed = || {
            let mut logger = CsvLogger::new(folder.path());
            logger.resume("version_3", 10)?;
            logger.start().map(|()| logger)
        };
        resumed()?;
        fs::write(&path, "epo")?;
        resumed()?.log_metrics(&record(0, &[("a", 1.0)]))?;
        assert_eq!(rows(&path)?.1.len(), 1);
        fs::write(&path, "a,b\n1,2\n")?;
        assert!(resumed().is_err_and(|error| error.to_string().contains("metrics.csv")));
        assert_eq!(fs::read_to_string(&path)?, "a,b\n1,2\n");
        Ok(())
    }

    #[test]
    fn a_version_of_the_program_wins_over_the_resumed_one() -> Result<()> {
        let mut logger = CsvLogger::new("unused").version("mine");
        logger.resume("version_3", 10)?;
        assert_eq!(version(&logger), "mine");
        Ok(())
    }

    #[test]
    fn hyperparameters_are_json() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut logger = CsvLogger::new(folder.path());
        let hparams = serde_json::json!({"net": {"hidden": 64}, "lr": 1e-3});
        logger.log_hyperparams(&hparams)?;
        let text = fs::read_to_string(folder.path().join("version_0").join("hparams.json"))?;
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text)?, hparams);
        Ok(())
    }

    #[test]
    fn places_that_cannot_be_written_are_errors_with_the_path() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("file");
        fs::write(&file, b"x")?;
        let failed = CsvLogger::new(&file).start();
        assert!(failed.is_err_and(|error| error.location().path.as_deref() == Some(&*file)));
        for name in ["../up", "/abs", "."] {
            assert!(
                CsvLogger::new(folder.path()).name(name).start().is_err_and(|error| error.kind() == ErrorKind::Config)
            );
        }
        assert!(CsvLogger::new(folder.path()).version("").start().is_err());
        Ok(())
    }

    #[test]
    fn a_folder_that_vanishes_is_an_error() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut logger = CsvLogger::new(folder.path());
        logger.log_metrics(&record(0, &[("a", 1.0)]))?;
        logger.save()?;
        fs::remove_dir_all(folder.path().join("version_0"))?;
        logger.log_metrics(&record(1, &[("a", 1.0)]))?;
        let error = logger.save().map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.contains("metrics.csv") && text.contains("removed during the run")));
        // A new column reads the file before it writes.
        assert!(logger.log_metrics(&record(2, &[("b", 1.0)])).is_err());
        assert_eq!(logger.open.as_ref().map(|open| open.metrics.len()), Some(1));
        Ok(())
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_with_the_path() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut logger = CsvLogger::new(folder.path());
        logger.start()?;
        std::os::unix::fs::symlink("/dev/full", metrics_of(&logger))?;
        logger.log_metrics(&record(0, &[("a", 1.0)]))?;
        let error = logger.finalize(RunStatus::Success).map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.contains("metrics.csv") && text.contains("No space left")));
        Ok(())
    }
}
