//! Files of predictions: JSON Lines and CSV.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;
use serde_json::{Value, json};

use super::{EpochSink, PredictedBatch, PredictionSink};
use crate::{
    error::{Error, Result},
    os::files,
};

/// A file of predictions, created by [`PredictionWriter::json_lines`] and
/// [`PredictionWriter::csv`].
///
/// [`PredictionWriter::json_lines`]: super::PredictionWriter::json_lines
/// [`PredictionWriter::csv`]: super::PredictionWriter::csv
#[derive(Debug)]
pub struct PredictionFile {
    path: PathBuf,
    format: Format,
    pub(super) per_sample: bool,
    /// The rank of this process, if there are several.
    rank: Option<usize>,
    /// The open file, while batches are written.
    open: Option<Open<File>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    JsonLines,
    #[cfg(feature = "csv")]
    Csv,
}

/// A row: loader index, batch index, samples, prediction.
type Row = (usize, usize, Samples, Value);

/// The samples of a row.
#[derive(Clone, Debug, PartialEq)]
enum Samples {
    One(u64),
    All(Vec<u64>),
}

impl PredictionFile {
    pub(super) fn json_lines(path: PathBuf) -> Self {
        Self { path, format: Format::JsonLines, per_sample: false, rank: None, open: None }
    }

    #[cfg(feature = "csv")]
    pub(super) fn csv(path: PathBuf) -> Self {
        Self { path, format: Format::Csv, per_sample: false, rank: None, open: None }
    }

    /// Returns the rows of a batch: one, or one for each sample.
    fn rows<T: Serialize>(&self, prediction: &T, batch: &PredictedBatch) -> Result<Vec<Row>> {
        let PredictedBatch { dataloader_idx, batch_idx, samples } = batch;
        // Through text, so that an `f32` is written with its own shortest digits. `to_value` would
        // convert it to an `f64`, which has more.
        let value: Value = serde_json::from_str(&serde_json::to_string(prediction)?)?;
        if !self.per_sample {
            return Ok(vec![(*dataloader_idx, *batch_idx, Samples::All(samples.clone().collect()), value)]);
        }
        let count = samples.clone().count();
        match value {
            Value::Array(values) if values.len() == count => Ok(samples
                .clone()
                .zip(values)
                .map(|(sample, value)| (*dataloader_idx, *batch_idx, Samples::One(sample), value))
                .collect()),
            other => {
                let found = match other {
                    Value::Array(values) => format!("a list of {}", values.len()),
                    Value::Object(_) => "a map".to_owned(),
                    _ => "a single value".to_owned(),
                };
                Err(Error::data(format!("the prediction of {count} samples must be a list of {count}, found {found}"))
                    .help(
                        "return a `Vec` with an element for each sample from `predict_step`, or remove `.per_sample()`",
                    ))
            }
        }
    }

    fn create(&self) -> Result<Open<File>> {
        Ok(Open::new(files::create(&self.path())?, self.format))
    }

    /// Returns the path of this process: `predictions-rank1.jsonl` for `predictions.jsonl`.
    fn path(&self) -> PathBuf {
        let Some(rank) = self.rank else { return self.path.clone() };
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let name = match self.path.extension() {
            Some(extension) => format!("{stem}-rank{rank}.{}", extension.to_string_lossy()),
            None => format!("{stem}-rank{rank}"),
        };
        self.path.with_file_name(name)
    }
}

impl<T: Serialize> PredictionSink<T> for PredictionFile {
    fn set_rank(&mut self, rank: usize) {
        self.rank = Some(rank);
    }

    fn start(&mut self) -> Result<()> {
        self.open = None;
        Ok(())
    }

    fn write_batch(&mut self, prediction: &T, batch: &PredictedBatch) -> Result<()> {
        let rows = self.rows(prediction, batch)?;
        if self.open.is_none() {
            self.open = Some(self.create()?);
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        // Flushed after every batch, so that a killed process loses no finished batch.
        open.write(&rows).and_then(|()| open.out.flush()).map_err(|error| at(&self.path, error))
    }
}

impl<T: Serialize> EpochSink<T> for PredictionFile {
    fn set_rank(&mut self, rank: usize) {
        self.rank = Some(rank);
    }

    fn write_epoch(&mut self, predictions: &[T], batches: &[PredictedBatch]) -> Result<()> {
        if self.open.take().is_some() {
            // With `BatchAndEpoch` every row has been written after its batch.
            return Ok(());
        }
        let mut rows = Vec::new();
        for (prediction, batch) in predictions.iter().zip(batches) {
            rows.extend(self.rows(prediction, batch)?);
        }
        let path = self.path();
        if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
            files::create_folder(folder)?;
        }
        files::write_atomic(&path, |file| {
            let mut open = Open::new(file, self.format);
            open.write(&rows)?;
            open.out.flush()
        })
    }
}

fn at(path: &Path, error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(own) => own.at_path(path),
        Err(error) => Error::io("write", path, error),
    }
}

/// An output that rows are written to.
#[derive(Debug)]
struct Open<W: Write> {
    out: BufWriter<W>,
    format: Format,
    /// The columns of the predictions in a CSV file, once the header is written.
    #[cfg(feature = "csv")]
    columns: Option<Vec<String>>,
}

impl<W: Write> Open<W> {
    fn new(out: W, format: Format) -> Self {
        Self {
            out: BufWriter::new(out),
            format,
            #[cfg(feature = "csv")]
            columns: None,
        }
    }

    fn write(&mut self, rows: &[Row]) -> io::Result<()> {
        match self.format {
            Format::JsonLines => rows.iter().try_for_each(|row| self.json_line(row)),
            #[cfg(feature = "csv")]
            Format::Csv => self.csv_rows(rows),
        }
    }

    fn json_line(&mut self, (dataloader_idx, batch_idx, samples, prediction): &Row) -> io::Result<()> {
        let samples = match samples {
            Samples::One(sample) => format!("\"sample\":{sample}"),
            Samples::All(samples) => format!("\"samples\":{}", json!(samples)),
        };
        writeln!(
            self.out,
            "{{\"dataloader_idx\":{dataloader_idx},\"batch_idx\":{batch_idx},{samples},\"prediction\":{prediction}}}"
        )
    }

    #[cfg(feature = "csv")]
    fn csv_rows(&mut self, rows: &[Row]) -> io::Result<()> {
        let mut writer = csv::WriterBuilder::new().flexible(false).from_writer(&mut self.out);
        for (dataloader_idx, batch_idx, samples, prediction) in rows {
            let fields: Vec<(String, String)> = match prediction {
                Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), cell(value))).collect(),
                other => vec![("prediction".to_owned(), cell(other))],
            };
            let (names, values): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
            match &self.columns {
                Some(columns) if *columns == names => {}
                Some(columns) => {
                    let what =
                        format!("all predictions of a CSV file must have the fields {columns:?}, found {names:?}");
                    return Err(io::Error::other(
                        Error::data(what)
                            .help("write `PredictionWriter::json_lines(path)`, whose lines may have different fields"),
                    ));
                }
                None => {
                    let sample = if matches!(samples, Samples::One(_)) { "sample" } else { "samples" };
                    let head =
                        ["dataloader_idx", "batch_idx", sample].into_iter().chain(names.iter().map(String::as_str));
                    writer.write_record(head)?;
                    self.columns = Some(names);
                }
            }
            let samples = match samples {
                Samples::One(sample) => sample.to_string(),
                Samples::All(samples) => json!(samples).to_string(),
            };
            let place = [dataloader_idx.to_string(), batch_idx.to_string(), samples];
            writer.write_record(place.into_iter().chain(values))?;
        }
        writer.flush()
    }
}

/// Formats a value for a CSV cell: strings unquoted, null empty, anything else as JSON.
#[cfg(feature = "csv")]
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
