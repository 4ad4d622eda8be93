//! Reads the rows of `metrics.csv`.

use std::path::Path;

use csv::{ReaderBuilder, StringRecord};

use crate::{
    error::{Error, Result},
    loggers::Record,
    os::files,
    stage::Stage,
};

/// The columns of every row before the metrics.
const POSITION: [&str; 5] = ["epoch", "stage", "batch", "batch_step", "global_step"];

/// Calls `each` with every row. A last row that a killed process has left half written is ignored.
///
/// # Errors
/// If the file cannot be read, or a row does not have the columns of the first line.
pub(super) fn read(path: &Path, mut each: impl FnMut(Record)) -> Result<()> {
    let cannot = |error| Error::io("read", path, error);
    let file = files::open(path).map_err(cannot)?;
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(std::io::BufReader::new(file));
    let damaged = |line: u64, what: &str| {
        Error::data(format!("`{}`, line {line}: {what}", path.display())).help("remove the line, or the file")
    };
    let names = reader.headers().map_err(|error| damaged(1, &error.to_string()))?.clone();
    if !names.iter().take(POSITION.len()).eq(POSITION) {
        let found: Vec<&str> = names.iter().take(POSITION.len()).collect();
        return Err(damaged(
            1,
            &format!("the first columns must be {}, found {}", POSITION.join(","), found.join(",")),
        ));
    }
    let mut fault = None;
    let mut row = StringRecord::new();
    loop {
        let line = reader.position().line();
        let next = reader.read_record(&mut row);
        if matches!(next, Ok(false)) {
            return Ok(());
        }
        if let Some(fault) = fault {
            return Err(fault);
        }
        fault = match next.map_err(|error| error.to_string()).and_then(|_| record(&names, &row)) {
            Ok(record) => {
                each(record);
                None
            }
            Err(what) => Some(damaged(line, &what)),
        };
    }
}

/// The record of a row.
fn record(names: &StringRecord, row: &StringRecord) -> std::result::Result<Record, String> {
    if row.len() != names.len() {
        return Err(format!("a row must have {} fields, found {}", names.len(), row.len()));
    }
    let cell = |index: usize| row.get(index).unwrap_or_default();
    let count = |index: usize| {
        let name = POSITION.get(index).unwrap_or(&"");
        cell(index).parse::<u64>().map_err(|_| format!("`{name}` must be a count, found `{}`", cell(index)))
    };
    let stages = [Stage::Fit, Stage::Validate, Stage::Test, Stage::Predict];
    let stage = stages.into_iter().find(|stage| stage.name() == cell(1));
    let stage = stage.ok_or_else(|| format!("`stage` must be the name of a stage, found `{}`", cell(1)))?;
    let batch = if cell(2).is_empty() { None } else { Some(count(2)?) };
    let mut metrics = Vec::new();
    for (name, value) in names.iter().zip(row).skip(POSITION.len()).filter(|(_, value)| !value.is_empty()) {
        let value = value.parse::<f64>().map_err(|_| format!("`{name}` must be a number, found `{value}`"))?;
        metrics.push((name.to_owned(), value));
    }
    Ok(Record::new(stage, count(0)?, batch, count(3)?, count(4)?, metrics))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Result<Vec<Record>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        std::fs::write(&path, text).unwrap();
        let mut rows = Vec::new();
        read(&path, |record| rows.push(record)).map(|()| rows)
    }

    const HEAD: &str = "epoch,stage,batch,batch_step,global_step,a,\"b,\"\"c\"\n";

    #[test]
    fn rows_are_the_records_of_the_logger() {
        let read = rows(&format!("{HEAD}0,fit,3,4,2,0.5,\n1,validate,,8,4,,NaN\n2,fit,0,9,5,-inf,1e-3\n")).unwrap();
        assert_eq!(read[0], Record::new(Stage::Fit, 0, Some(3), 4, 2, vec![("a".to_owned(), 0.5)]));
        assert_eq!(read[1].position.batch, None);
        assert!(read[1].value("b,\"c").is_some_and(f64::is_nan));
        assert_eq!((read[2].value("a"), read[2].value("b,\"c")), (Some(f64::NEG_INFINITY), Some(1e-3)));
    }

    #[test]
    fn half_a_last_row_is_ignored_and_others_are_named() {
        assert_eq!(rows(&format!("{HEAD}0,fit,3,4,2,0.5,\n0,fit,3,")).unwrap().len(), 1);
        let fault = |text: &str| rows(text).unwrap_err().to_string();
        let short = fault(&format!("{HEAD}0,fit,3,4,2,0.5,\n0,fit,3\n0,fit,3,5,2,0.5,\n"));
        assert!(short.contains("line 3: a row must have 7 fields, found 3"), "{short}");
        assert!(fault("a,b\n1,2\n").contains("must be epoch,stage"));
        let word = fault(&format!("{HEAD}0,fit,3,4,2,x,\n0,fit,3,5,2,0.5,\n"));
        assert!(word.contains("line 2: `a` must be a number, found `x`"), "{word}");
    }
}
