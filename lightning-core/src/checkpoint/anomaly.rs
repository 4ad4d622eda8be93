//! The folder of a step that went wrong.
//!
//! | file | contents |
//! |---|---|
//! | `anomaly.json` | what went wrong, where, the seed and the losses: [`AnomalyRecord`] |
//! | `step.ckpt` | a checkpoint of the run before the step, from which a run can resume |
//! | `batch.safetensors` | the batch on the device, if it can be saved |

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Snapshot,
    container::{self, Container, Stored},
};
use crate::{
    batch::BatchWriter,
    error::{Error, ErrorKind, Result},
    os::files,
    params::state::StoredTensors,
    progress::AnomalyKind,
    tensor::handle::read_all,
};

const RECORD: &str = "anomaly.json";
const STEP: &str = "step.ckpt";
const BATCH: &str = "batch.safetensors";

/// What `anomaly.json` says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AnomalyRecord {
    pub(crate) format: u32,
    pub(crate) kind: AnomalyKind,
    pub(crate) what: String,
    pub(crate) epoch: u64,
    /// The index of the batch in the epoch.
    pub(crate) batch: u64,
    /// The index of the batch in the run.
    pub(crate) batch_step: u64,
    pub(crate) global_step: u64,
    pub(crate) seed: u64,
    /// Whether the batch was the last of its epoch.
    pub(crate) last: bool,
    /// The losses of the step, as numbers for readers.
    pub(crate) losses: Vec<Value>,
    /// The bits of the losses.
    pub(crate) loss_bits: Vec<u64>,
    /// The parts of the batch that could not be saved; empty if it was saved.
    pub(crate) not_saved: Vec<String>,
}

/// The version of the folder's format.
pub(crate) const FORMAT: u32 = 1;

/// Writes the folder. The record is written last: a folder with a record is complete.
///
/// # Errors
/// If a file cannot be written, or the device fails.
pub(crate) fn write(
    folder: &Path,
    mut record: AnomalyRecord,
    step: Snapshot,
    batch: BatchWriter,
) -> Result<AnomalyRecord> {
    files::create_folder(folder)?;
    step.write_last(&folder.join(STEP), false, || ())?;
    if batch.refused.is_empty() {
        write_batch(&folder.join(BATCH), batch)?;
    } else {
        record.not_saved = batch.refused;
    }
    let text = serde_json::to_vec_pretty(&record)?;
    files::write_atomic(folder.join(RECORD), |file| std::io::Write::write_all(file, &text))?;
    Ok(record)
}

fn write_batch(path: &Path, batch: BatchWriter) -> Result<()> {
    let (names, handles): (Vec<_>, Vec<_>) =
        batch.tensors.into_iter().map(|tensor| (tensor.name, tensor.handle)).unzip();
    let mut tensors = Vec::with_capacity(names.len());
    for (name, data) in names.into_iter().zip(read_all(handles)?) {
        tensors.push(Stored::new(name, data)?);
    }
    let text = serde_json::to_string(&Value::Object(batch.values))?;
    let bytes = tensors.iter().map(Stored::len).sum();
    files::write_atomic_head_last(path, bytes, |out| container::write(out, tensors, Some(&text)))
}

/// Reads the record of a folder.
///
/// # Errors
/// If there is none, or it cannot be read.
pub(crate) fn read(folder: &Path) -> Result<AnomalyRecord> {
    let path = folder.join(RECORD);
    let bytes = fs::read(&path).map_err(|error| {
        Error::io("read the saved step", &path, error)
            .help("pass a folder below `anomalies/` in the folder of a run with `on_anomaly(Anomaly::Save)`")
    })?;
    let record: AnomalyRecord = serde_json::from_slice(&bytes).map_err(|error| {
        Error::new(ErrorKind::Checkpoint, "the saved step is damaged").caused_by(error).at_path(&path)
    })?;
    if record.format > FORMAT {
        return Err(Error::checkpoint(
            &path,
            format!("the format of a saved step must be at most {FORMAT}, found {}", record.format),
        )
        .help("update lightning-core"));
    }
    Ok(record)
}

/// Returns the path of the checkpoint of a folder.
pub(crate) fn step_of(folder: &Path) -> std::path::PathBuf {
    folder.join(STEP)
}

/// Reads the host values and the tensors of the batch.
///
/// # Errors
/// If the file cannot be read, or is damaged.
pub(crate) fn read_batch(folder: &Path) -> Result<(Map<String, Value>, StoredTensors)> {
    let path = folder.join(BATCH);
    let container = Container::open(&path)?;
    container.verify()?;
    let values = serde_json::from_str(container.text().unwrap_or("{}"))
        .map_err(|error| Error::checkpoint(&path, "the saved batch is damaged").caused_by(error))?;
    let mut tensors = StoredTensors::new();
    for (name, _) in container.tensors() {
        if let Some(data) = container.read(&name)? {
            tensors.insert(name, data);
        }
    }
    Ok((values, tensors))
}
