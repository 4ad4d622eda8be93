//! Where metrics go: the [`Logger`] trait, what is handed to it, and the loggers themselves.

mod attachments;
mod csv;
mod memory;
mod output;
mod png;

use std::{
    fmt,
    path::{Path, PathBuf},
};

pub(crate) use self::output::Output;
pub use self::{
    csv::CsvLogger,
    memory::MemoryLogger,
    output::{OwnedFigure, OwnedImage, ToHistogram, ToImage, grid},
};
use crate::{
    error::{Error, Result},
    stage::Stage,
};

/// Where in a run something was logged: enough to draw it on any axis.
///
/// The validation inside `fit` has [`Stage::Validate`] and the counters of the training that goes on around it, so that training and
/// validation curves share their axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct LogPosition {
    /// What the run was doing.
    pub stage: Stage,
    /// The epoch, from 0.
    pub epoch: u64,
    /// The batch inside the epoch, from 0; `None` for what belongs to the whole epoch.
    pub batch: Option<u64>,
    /// Training batches seen since the run began.
    pub batch_step: u64,
    /// Optimizer steps taken since the run began.
    pub global_step: u64,
}

impl LogPosition {
    /// A position from its five parts.
    pub const fn new(stage: Stage, epoch: u64, batch: Option<u64>, batch_step: u64, global_step: u64) -> Self {
        Self { stage, epoch, batch, batch_step, global_step }
    }
}

/// One row of metrics and where in the run it belongs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Record {
    /// Where in the run.
    pub position: LogPosition,
    /// Names and values, in the order in which they were logged.
    pub metrics: Vec<(String, f64)>,
}

impl Record {
    /// A record from the parts of its position and its metrics.
    ///
    /// ```
    /// use lightning_core::{Stage, loggers::Record};
    ///
    /// let record = Record::new(Stage::Fit, 0, Some(49), 50, 50, vec![("train_loss".to_owned(), 0.25)]);
    /// assert_eq!(record.position.batch, Some(49));
    /// assert_eq!(record.value("train_loss"), Some(0.25));
    /// ```
    pub const fn new(
        stage: Stage,
        epoch: u64,
        batch: Option<u64>,
        batch_step: u64,
        global_step: u64,
        metrics: Vec<(String, f64)>,
    ) -> Self {
        Self { position: LogPosition::new(stage, epoch, batch, batch_step, global_step), metrics }
    }

    /// The value under a name; of several, the last.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.metrics.iter().rev().find(|(known, _)| known == name).map(|(_, value)| *value)
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RunStatus {
    /// It came to its end.
    Success,
    /// An error ended it.
    Failed,
    /// A signal ended it.
    Interrupted,
}

impl RunStatus {
    /// The status as a word: `success`, `failed`, `interrupted`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An image: 8 bits per channel, row by row from the top left, the channels of a pixel side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Image<'a> {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// 1 is grey, 3 is red, green, blue, and 4 has transparency as well.
    pub channels: usize,
    /// `width * height * channels` bytes.
    pub pixels: &'a [u8],
}

impl<'a> Image<'a> {
    /// An image over borrowed pixels.
    ///
    /// # Errors
    /// When the number of channels is not 1, 3 or 4, or the pixels are not as many as the dimensions say.
    pub fn new(width: usize, height: usize, channels: usize, pixels: &'a [u8]) -> Result<Self> {
        if !matches!(channels, 1 | 3 | 4) {
            return Err(
                Error::data(format!("an image has {channels} channels")).help("use 1 (grey), 3 (RGB) or 4 (RGBA)")
            );
        }
        let bytes = width.checked_mul(height).and_then(|pixels| pixels.checked_mul(channels));
        if bytes != Some(pixels.len()) {
            return Err(Error::data(format!(
                "an image of {width} x {height} pixels with {channels} channels has {} bytes",
                pixels.len()
            ))
            .help("give `width * height * channels` bytes, one per channel"));
        }
        Ok(Self { width, height, channels, pixels })
    }
}

/// How many values fell between which edges.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Histogram {
    /// The edges of the bins, ascending; one more than there are bins.
    pub edges: Vec<f64>,
    /// How many values each bin holds.
    pub counts: Vec<u64>,
    /// Values that are NaN or infinite, which are in no bin.
    pub non_finite: u64,
    /// The sum of the finite values.
    pub sum: f64,
    /// The sum of their squares.
    pub sum_of_squares: f64,
}

impl Histogram {
    /// Counts values into bins of equal width between the smallest and the largest finite one.
    ///
    /// ```
    /// use lightning_core::loggers::Histogram;
    ///
    /// let histogram = Histogram::of([0.0, 0.1, 0.9, 1.0, f64::NAN], 2);
    /// assert_eq!(histogram.counts, [2, 2]);
    /// assert_eq!(histogram.non_finite, 1);
    /// ```
    pub fn of(values: impl IntoIterator<Item = f64>, bins: usize) -> Self {
        let (mut finite, mut non_finite) = (Vec::new(), 0);
        for value in values {
            if value.is_finite() {
                finite.push(value);
            } else {
                non_finite += 1;
            }
        }
        let bins = bins.max(1);
        let low = finite.iter().copied().reduce(f64::min).unwrap_or(0.0);
        let high = finite.iter().copied().reduce(f64::max).unwrap_or(0.0);
        // Halved before they are subtracted, so that the range of the largest doubles does not overflow.
        let width = (high / 2.0 - low / 2.0) / bins as f64 * 2.0;
        let mut counts = vec![0; bins];
        for value in &finite {
            let bin = if width > 0.0 { ((value / 2.0 - low / 2.0) / (width / 2.0)) as usize } else { 0 };
            if let Some(count) = counts.get_mut(bin.min(bins - 1)) {
                *count += 1;
            }
        }
        let mut edges: Vec<_> = (0..bins).map(|bin| low + width * bin as f64).collect();
        edges.push(high);
        Self {
            edges,
            counts,
            non_finite,
            sum: finite.iter().sum(),
            sum_of_squares: finite.iter().map(|value| value * value).sum(),
        }
    }
}

/// A drawing, rendered already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Figure<'a> {
    /// The text of an SVG file.
    Svg(&'a str),
    /// The bytes of a PNG file.
    Png(&'a [u8]),
    /// The text of an HTML page.
    Html(&'a str),
}

/// Something that keeps the metrics of a run.
///
/// A trainer calls [`start`](Logger::start), [`log_hyperparams`](Logger::log_hyperparams), any number of `log_…` and
/// [`save`](Logger::save), and [`finalize`](Logger::finalize) on every way out. It may do so several times: a `test` after a `fit`
/// continues the same run.
///
/// ```
/// use std::path::Path;
/// use lightning_core::{Result, loggers::{Logger, Record}};
///
/// /// Prints every record.
/// struct Printer;
///
/// impl Logger for Printer {
///     fn log_metrics(&mut self, record: &Record) -> Result<()> {
///         println!("{record:?}");
///         Ok(())
///     }
///
///     fn name(&self) -> &str {
///         "printer"
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a logger",
    label = "cannot keep the metrics of a run",
    note = "implement `Logger` for `{Self}`: `log_metrics` and `name` are enough"
)]
pub trait Logger: Send {
    /// Opens the run: makes its folder or connection. Does nothing when it is open already.
    ///
    /// # Errors
    /// When the logger has nowhere to write to.
    fn start(&mut self) -> Result<()> {
        Ok(())
    }

    /// Says, before [`start`](Logger::start), that an earlier run goes on: `version` is what [`version`](Logger::version) was then, and
    /// what that run logged after its `batch_step`-th training batch is going to be logged again.
    ///
    /// # Errors
    /// When the logger cannot take up that version.
    fn resume(&mut self, version: &str, batch_step: u64) -> Result<()> {
        let _ = (version, batch_step);
        Ok(())
    }

    /// As [`resume`](Logger::resume), when it is known as well how many records the earlier run had logged of that very batch: what it
    /// logged of it after these is going to be logged again.
    ///
    /// # Errors
    /// When the logger cannot take up that version.
    fn resume_at(&mut self, version: &str, batch_step: u64, records: u64) -> Result<()> {
        let _ = records;
        self.resume(version, batch_step)
    }

    /// The runs that are where this logger writes, the oldest first: their versions and folders. A trainer looks there for the
    /// checkpoint that a run resumes from.
    ///
    /// # Errors
    /// When the folder cannot be read.
    fn earlier_runs(&self) -> Result<Vec<(String, PathBuf)>> {
        Ok(Vec::new())
    }

    /// Keeps the hyperparameters of the run: usually an object, nested as the program's own are.
    ///
    /// # Errors
    /// When they cannot be written.
    fn log_hyperparams(&mut self, hparams: &serde_json::Value) -> Result<()> {
        let _ = hparams;
        Ok(())
    }

    /// Keeps one row of metrics.
    ///
    /// # Errors
    /// When it cannot be written.
    fn log_metrics(&mut self, record: &Record) -> Result<()>;

    /// Keeps a text.
    ///
    /// # Errors
    /// When it cannot be written.
    fn log_text(&mut self, name: &str, text: &str, position: LogPosition) -> Result<()> {
        let _ = (name, text, position);
        Ok(())
    }

    /// Keeps an image.
    ///
    /// # Errors
    /// When it cannot be written.
    fn log_image(&mut self, name: &str, image: &Image<'_>, position: LogPosition) -> Result<()> {
        let _ = (name, image, position);
        Ok(())
    }

    /// Keeps a distribution of values.
    ///
    /// # Errors
    /// When it cannot be written.
    fn log_histogram(&mut self, name: &str, histogram: &Histogram, position: LogPosition) -> Result<()> {
        let _ = (name, histogram, position);
        Ok(())
    }

    /// Keeps a drawing.
    ///
    /// # Errors
    /// When it cannot be written.
    fn log_figure(&mut self, name: &str, figure: Figure<'_>, position: LogPosition) -> Result<()> {
        let _ = (name, figure, position);
        Ok(())
    }

    /// Writes out what is still buffered.
    ///
    /// # Errors
    /// When it cannot be written.
    fn save(&mut self) -> Result<()> {
        Ok(())
    }

    /// Closes the run. A later [`start`](Logger::start) opens the same run again.
    ///
    /// # Errors
    /// When something buffered cannot be written.
    fn finalize(&mut self, status: RunStatus) -> Result<()> {
        let _ = status;
        self.save()
    }

    /// The name of the experiment, or of the logger where it has none.
    fn name(&self) -> &str;

    /// Which run of the experiment this is; empty while that is not known.
    fn version(&self) -> &str {
        ""
    }

    /// The folder that the run writes to, once started; `None` for a logger that writes no files.
    fn log_dir(&self) -> Option<&Path> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_must_have_the_bytes_its_dimensions_say() {
        assert!(Image::new(2, 2, 3, &[0; 12]).is_ok());
        let error = Image::new(2, 2, 3, &[0; 11]).map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.contains("2 x 2") && text.contains("11 bytes")));
        assert!(Image::new(2, 2, 2, &[0; 8]).is_err());
        assert!(Image::new(usize::MAX, 2, 4, &[]).is_err());
    }

    #[test]
    fn a_histogram_counts_every_finite_value_once() {
        let histogram = Histogram::of((0..100).map(f64::from), 10);
        assert_eq!(histogram.counts, [10; 10]);
        assert_eq!(histogram.edges.len(), 11);
        assert_eq!(histogram.sum, 4950.0);
        let same = Histogram::of([3.0; 4], 5);
        assert_eq!(same.counts, [4, 0, 0, 0, 0]);
        assert_eq!(Histogram::of([], 0).counts, [0]);
        let wide = Histogram::of([f64::MIN, f64::MAX, f64::INFINITY], 2);
        assert_eq!((wide.counts, wide.non_finite), (vec![1, 1], 1));
    }

    #[test]
    fn everything_but_metrics_and_name_has_a_default() {
        struct Least(Vec<Record>);
        impl Logger for Least {
            fn log_metrics(&mut self, record: &Record) -> Result<()> {
                self.0.push(record.clone());
                Ok(())
            }
            fn name(&self) -> &str {
                "least"
            }
        }
        let mut logger: Box<dyn Logger> = Box::new(Least(Vec::new()));
        let at = LogPosition::new(Stage::Fit, 0, None, 1, 1);
        assert!(logger.start().is_ok());
        assert!(logger.log_text("a", "b", at).is_ok());
        assert!(logger.log_figure("a", Figure::Svg("<svg/>"), at).is_ok());
        assert!(logger.log_histogram("a", &Histogram::of([1.0], 1), at).is_ok());
        assert!(logger.finalize(RunStatus::Interrupted).is_ok());
        assert_eq!(logger.version(), "");
        assert_eq!(RunStatus::Interrupted.to_string(), "interrupted");
    }
}
