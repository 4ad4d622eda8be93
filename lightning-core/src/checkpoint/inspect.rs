//! The contents of a checkpoint, to print.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{container::dtype_name, metadata::Metadata, reader::Checkpoint};
use crate::{error::Result, remote};

/// A tensor of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TensorSummary {
    /// Its name.
    pub name: String,
    /// Its element type, as named in the file: `F32`.
    pub dtype: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its size in the file, in bytes.
    pub bytes: usize,
}

/// The contents of a checkpoint. Its `Display` prints them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Inspection {
    /// The path of the file, or of the file that a pointer names.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its metadata.
    pub metadata: Metadata,
    /// Its tensors, in the order of the file.
    pub tensors: Vec<TensorSummary>,
}

/// Reads the metadata of a checkpoint and the names, types and shapes of its tensors. The whole
/// file is read once to verify its hash.
///
/// # Errors
/// If the file cannot be read, is damaged, or is not a checkpoint.
pub fn inspect(path: impl AsRef<Path>) -> Result<Inspection> {
    let Checkpoint { container, metadata } = Checkpoint::open(&remote::fetch(path.as_ref())?)?;
    let tensors: Vec<TensorSummary> = container
        .tensors()
        .map(|(name, info)| TensorSummary {
            name,
            dtype: dtype_name(info.dtype),
            shape: info.shape.clone(),
            bytes: info.data_offsets.1 - info.data_offsets.0,
        })
        .collect();
    Ok(Inspection { path: container.path().to_path_buf(), bytes: container.size(), metadata, tensors })
}

fn fields(f: &mut fmt::Formatter<'_>, title: &str, value: &Value) -> fmt::Result {
    let Some(object) = value.as_object().filter(|object| !object.is_empty()) else { return Ok(()) };
    writeln!(f, "{title}")?;
    for (name, value) in object {
        writeln!(f, "  {name}: {value}")?;
    }
    Ok(())
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, bytes, metadata, tensors } = self;
        let Metadata { format, lightning, burn, git_commit, module, hparams, state, user, .. } = metadata;
        writeln!(f, "{}", path.display())?;
        let burn = if burn.is_empty() { String::new() } else { format!(", Burn {burn}") };
        writeln!(f, "{module}, format {format}, lightning-core {lightning}{burn}, {bytes} bytes")?;
        if let Some(commit) = git_commit {
            writeln!(f, "commit {commit}")?;
        }
        let Metadata { epoch, global_step, batch_step, seed, .. } = metadata;
        writeln!(f, "epoch {epoch}, optimizer step {global_step}, batch {batch_step}, seed {seed}")?;
        fields(f, "hyperparameters", hparams)?;
        fields(f, "state", state)?;
        fields(f, "added by the module", user)?;
        if !metadata.metrics.is_empty() {
            writeln!(f, "metrics")?;
            for (name, value) in &metadata.metrics {
                writeln!(f, "  {name}: {value}")?;
            }
        }
        match &metadata.run {
            None => writeln!(f, "weights only: a run cannot be resumed from it")?,
            Some(run) => {
                writeln!(f, "continues {}", run.position)?;
                for optimizer in &run.optimizers {
                    let numbers = optimizer.numbers.split_whitespace().collect::<Vec<_>>().join(" ");
                    let rates = optimizer.rates.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                    writeln!(f, "optimizer {}: {numbers}, lr {rates}, {} steps", optimizer.name, optimizer.steps)?;
                }
                for (key, state) in &run.callbacks {
                    writeln!(f, "callback {key}: {state}")?;
                }
                if let Some(data) = &run.data {
                    writeln!(f, "data {}: {} {}", data.name, data.hparams, data.state)?;
                }
                if !run.trainable.frozen.is_empty() {
                    writeln!(f, "frozen: {}", run.trainable.frozen.join(", "))?;
                }
            }
        }
        let mut sections: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for tensor in tensors {
            let section = tensor.name.split('.').next().unwrap_or_default();
            let (count, bytes) = sections.entry(section).or_default();
            *count += 1;
            *bytes += tensor.bytes;
        }
        for (section, (count, bytes)) in sections {
            writeln!(f, "{count} tensors of `{section}`, {bytes} bytes")?;
        }
        for TensorSummary { name, dtype, shape, .. } in tensors {
            writeln!(f, "  {name}: {dtype} {shape:?}")?;
        }
        Ok(())
    }
}
