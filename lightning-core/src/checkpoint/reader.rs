//! A checkpoint that is being read, and the module that gets it.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{FIRST_HASHED, FORMAT_VERSION, container::Container, metadata::Metadata};
use crate::{
    error::{Error, Result},
    params::state::StoredTensors,
};

/// No run gets as far; what is counted on from here cannot overflow.
const MOST_COUNTED: u64 = 1 << 53;

/// How a file begins that only says which file is the last.
const POINTER: &str = "lightning-checkpoint: ";
/// No pointer is longer.
const LONGEST_POINTER: u64 = 4096;

/// The text of a pointer to a file of the same folder.
pub(crate) fn pointer_text(file: &str) -> String {
    format!("{POINTER}{file}\n")
}

/// Where a pointer leads; `None` for a file that is none.
///
/// # Errors
/// When the file cannot be read, or leads out of its folder.
pub(crate) fn pointer_target(path: &Path) -> Result<Option<PathBuf>> {
    let cannot = |error| Error::io("read the checkpoint", path, error);
    let file = File::open(path).map_err(cannot)?;
    let metadata = file.metadata().map_err(cannot)?;
    if !metadata.is_file() || metadata.len() > LONGEST_POINTER {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(LONGEST_POINTER).read_to_end(&mut bytes).map_err(cannot)?;
    let Some(name) = std::str::from_utf8(&bytes).ok().and_then(|text| text.strip_prefix(POINTER)) else {
        return Ok(None);
    };
    let name = name.trim_end_matches('\n');
    let target = Path::new(name);
    if name.is_empty() || target.file_name().is_none_or(|file| file != target.as_os_str()) {
        return Err(Error::checkpoint(path, format!("the file points to `{name}`, which is no file of its folder")));
    }
    Ok(Some(path.with_file_name(name)))
}

/// A checkpoint file, checked.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    pub(crate) container: Container,
    pub(crate) metadata: Metadata,
}

impl Checkpoint {
    /// Opens a file and compares it with its hash; a pointer leads to the file it names.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or is no checkpoint of this library.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let checkpoint = Self::look(path)?;
        checkpoint.container.verify()?;
        Ok(checkpoint)
    }

    /// As [`open`](Self::open), but reads the header only.
    ///
    /// # Errors
    /// As [`open`](Self::open), except that damage to tensors is not noticed.
    pub(crate) fn look(path: &Path) -> Result<Self> {
        let target = pointer_target(path)?;
        let path = target.as_deref().unwrap_or(path);
        let container = Container::open(path)?;
        let text = container.text().ok_or_else(|| {
            Error::checkpoint(path, "the file is a safetensors file but no checkpoint of a trainer").help(
                "checkpoints are written by `ModelCheckpoint` and `save_checkpoint`; `load_weights` reads other files",
            )
        })?;
        let damaged = |what: String| Error::checkpoint(path, format!("the checkpoint's metadata is damaged: {what}"));
        let value: Value = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
        // Asked first: a newer format need not have the fields of this one.
        let format =
            value.get("format").and_then(Value::as_u64).ok_or_else(|| damaged("it has no format".to_owned()))?;
        if format > u64::from(FORMAT_VERSION) {
            return Err(Error::checkpoint(
                path,
                format!("the checkpoint has format {format}, newer than {FORMAT_VERSION}"),
            )
            .help("update lightning-core"));
        }
        if format >= u64::from(FIRST_HASHED) && !container.has_hash() {
            return Err(damaged("its hash is missing".to_owned()));
        }
        let metadata: Metadata = serde_json::from_value(value).map_err(|error| damaged(error.to_string()))?;
        if metadata.run.as_ref().is_some_and(|run| run.counts().any(|count| count > MOST_COUNTED)) {
            return Err(damaged("it counts more steps than any run has".to_owned()));
        }
        Ok(Self { container, metadata })
    }

    pub(crate) fn path(&self) -> &Path {
        self.container.path()
    }

    /// # Errors
    /// When the checkpoint belongs to another module.
    pub(crate) fn check_module(&self, name: &str) -> Result<()> {
        let stored = &self.metadata.module;
        if stored == name {
            return Ok(());
        }
        Err(Error::checkpoint(self.path(), format!("the checkpoint is of a `{stored}`, and the model is a `{name}`")))
    }

    /// Every tensor whose name begins so, by the rest of its name.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(crate) fn tensors_below(&self, prefix: &str) -> Result<StoredTensors> {
        let mut tensors = StoredTensors::new();
        for (name, _) in self.container.tensors() {
            if let Some(rest) = name.strip_prefix(prefix)
                && let Some(data) = self.container.read(&name)?
            {
                tensors.insert(rest.to_owned(), data);
            }
        }
        Ok(tensors)
    }
}
