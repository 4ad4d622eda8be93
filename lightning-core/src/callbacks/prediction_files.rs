//! Files of predictions: JSON lines and CSV.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;
use serde_json::{Value, json};

use super::prediction_writer::{PredictedBatch, PredictionSink};
use crate::{
    error::{Error, Result},
    os::files::write_atomic,
};

/// A file that predictions are written to; made by [`PredictionWriter`](super::PredictionWriter).
#[derive(Debug)]
pub struct PredictionFile {
    path: PathBuf,
    format: Format,
    pub(super) per_sample: bool,
    /// Open while batches are written.
    open: Option<Open<File>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    JsonLines,
    Csv,
}

/// A row: where it belongs, then the prediction.
type Row = (usize, usize, Samples, Value);

/// The samples a row is about.
#[derive(Clone, Debug, PartialEq)]
enum Samples {
    One(u64),
    All(Vec<u64>),
}

impl PredictionFile {
    pub(super) fn json_lines(path: PathBuf) -> Self {
        Self { path, format: Format::JsonLines, per_sample: false, open: None }
    }

    pub(super) fn csv(path: PathBuf) -> Self {
        Self { path, format: Format::Csv, per_sample: false, open: None }
    }

    /// The rows of a batch.
    fn rows<T: Serialize>(&self, prediction: &T, batch: &PredictedBatch) -> Result<Vec<Row>> {
        let PredictedBatch { dataloader_idx, batch_idx, samples } = batch;
        // Through text: a number stays as short as it is in its own type, where an `f32` would become a long `f64`.
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
                    _ => "no list".to_owned(),
                };
                Err(Error::data(format!("the prediction of a batch of {count} samples is {found}")).help(
                    "return a `Vec` with an element for each sample from `predict_step`, or leave `per_sample()` out",
                ))
            }
        }
    }

    fn create(&self) -> Result<Open<File>> {
        if let Some(folder) = self.path.parent().filter(|folder| *folder != Path::new("")) {
            fs::create_dir_all(folder).map_err(|error| Error::io("create the folder", folder, error))?;
        }
        let file = File::create(&self.path).map_err(|error| Error::io("create", &self.path, error))?;
        Ok(Open::new(file, self.format))
    }
}

impl<T: Serialize> PredictionSink<T> for PredictionFile {
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
        // Every batch is on its way to the disk before the next one is computed.
        open.write(&rows).and_then(|()| open.out.flush()).map_err(|error| at(&self.path, error))
    }

    fn write_epoch(&mut self, predictions: &[T], batches: &[PredictedBatch]) -> Result<()> {
        if self.open.take().is_some() {
            // It is all there already.
            return Ok(());
        }
        let mut rows = Vec::new();
        for (prediction, batch) in predictions.iter().zip(batches) {
            rows.extend(self.rows(prediction, batch)?);
        }
        if let Some(folder) = self.path.parent().filter(|folder| *folder != Path::new("")) {
            fs::create_dir_all(folder).map_err(|error| Error::io("create the folder", folder, error))?;
        }
        write_atomic(&self.path, |file| {
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

/// A file with its first row, if it needs one, behind it.
#[derive(Debug)]
struct Open<W: Write> {
    out: BufWriter<W>,
    format: Format,
    /// The columns of a CSV file, once known.
    columns: Option<Vec<String>>,
}

impl<W: Write> Open<W> {
    fn new(out: W, format: Format) -> Self {
        Self { out: BufWriter::new(out), format, columns: None }
    }

    fn write(&mut self, rows: &[Row]) -> io::Result<()> {
        match self.format {
            Format::JsonLines => rows.iter().try_for_each(|row| self.json_line(row)),
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
                    let text = format!("a prediction has the fields {names:?}, and the first one had {columns:?}");
                    return Err(io::Error::other(
                        Error::data(text).help("a CSV file has the same columns throughout: use `json_lines`"),
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

/// Texts and numbers as they are, nothing for null, the rest as JSON.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(predictions: Value, per_sample: bool) -> Result<Vec<Row>> {
        let mut file = PredictionFile::json_lines(PathBuf::new());
        file.per_sample = per_sample;
        file.rows(&predictions, &PredictedBatch { dataloader_idx: 1, batch_idx: 3, samples: 6..8 })
    }

    fn written(format: Format, rows: &[Row]) -> io::Result<String> {
        let mut open = Open::new(Vec::new(), format);
        open.write(rows)?;
        open.out.flush()?;
        Ok(String::from_utf8_lossy(open.out.get_ref()).into_owned())
    }

    #[test]
    fn a_row_for_each_batch_or_sample() {
        let batch = rows(json!([7, 9]), false).expect("fits");
        let samples = rows(json!([7, 9]), true).expect("fits");
        assert_eq!(
            written(Format::JsonLines, &batch).expect("written"),
            "{\"dataloader_idx\":1,\"batch_idx\":3,\"samples\":[6,7],\"prediction\":[7,9]}\n"
        );
        assert_eq!(
            written(Format::JsonLines, &samples).expect("written"),
            "{\"dataloader_idx\":1,\"batch_idx\":3,\"sample\":6,\"prediction\":7}\n\
             {\"dataloader_idx\":1,\"batch_idx\":3,\"sample\":7,\"prediction\":9}\n"
        );
        assert_eq!(
            written(Format::Csv, &samples).expect("written"),
            "dataloader_idx,batch_idx,sample,prediction\n1,3,6,7\n1,3,7,9\n"
        );
        assert_eq!(
            written(Format::Csv, &batch).expect("written"),
            "dataloader_idx,batch_idx,samples,prediction\n1,3,\"[6,7]\",\"[7,9]\"\n"
        );
    }

    #[test]
    fn fields_become_columns() {
        let rows =
            rows(json!([{ "class": 2, "name": "a \"b\"" }, { "class": null, "name": "c,d" }]), true).expect("fits");
        assert_eq!(
            written(Format::Csv, &rows).expect("written"),
            "dataloader_idx,batch_idx,sample,class,name\n1,3,6,2,\"a \"\"b\"\"\"\n1,3,7,,\"c,d\"\n"
        );
    }

    #[test]
    fn other_fields_halfway_are_an_error() {
        let rows = rows(json!([{ "class": 2 }, { "score": 1.0 }]), true).expect("fits");
        let error = at(Path::new("p.csv"), written(Format::Csv, &rows).expect_err("columns are fixed"));
        assert!(error.to_string().contains("`json_lines`"), "{error}");
        assert!(error.to_string().contains("p.csv"), "{error}");
    }

    #[test]
    fn a_prediction_that_is_not_one_for_each_sample_is_an_error() {
        for (prediction, found) in [(json!([1, 2, 3]), "a list of 3"), (json!({ "all": 1 }), "no list")] {
            let error = rows(prediction, true).expect_err("two samples");
            assert!(error.to_string().contains(found), "{error}");
        }
    }
}
