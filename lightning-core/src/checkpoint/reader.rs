//! Reads checkpoints and pointers to them.

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

/// The largest count that is accepted: no run reaches it, and counting on from it cannot overflow.
const MOST_COUNTED: u64 = 1 << 53;

/// The start of a pointer: a file that only names the last checkpoint.
const POINTER: &str = "lightning-checkpoint: ";
/// The greatest length of a pointer, in bytes.
const LONGEST_POINTER: u64 = 4096;

/// Returns the contents of a pointer to a file in the same folder.
pub(crate) fn pointer_text(file: &str) -> String {
    format!("{POINTER}{file}\n")
}

/// Returns the file that a pointer names; `None` if the file is not a pointer.
///
/// # Errors
/// If the file cannot be read, or names a file outside its folder.
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
        return Err(Error::checkpoint(path, format!("a pointer must name a file in its folder, found `{name}`")));
    }
    Ok(Some(path.with_file_name(name)))
}

/// An open checkpoint with its metadata.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    pub(crate) container: Container,
    pub(crate) metadata: Metadata,
}

impl Checkpoint {
    /// Opens a file, or the file that a pointer names, and compares it with its hash.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or is not a checkpoint.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let checkpoint = Self::look(path)?;
        checkpoint.container.verify()?;
        Ok(checkpoint)
    }

    /// As [`open`](Self::open), but reads only the header.
    ///
    /// # Errors
    /// As [`open`](Self::open), except that damaged tensors are not detected.
    pub(crate) fn look(path: &Path) -> Result<Self> {
        let target = pointer_target(path)?;
        let path = target.as_deref().unwrap_or(path);
        let container = Container::open(path)?;
        let text = container.text().ok_or_else(|| {
            Error::checkpoint(path, "the file is a safetensors file, but not a checkpoint").help(
                "checkpoints are written by `ModelCheckpoint` and `save_checkpoint`; `load_weights` reads other files",
            )
        })?;
        let damaged = |what: String| Error::checkpoint(path, format!("the checkpoint's metadata is damaged: {what}"));
        let value: Value = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
        // Checked before the other fields, which a newer format may not have.
        let format = value
            .get("format")
            .and_then(Value::as_u64)
            .ok_or_else(|| damaged("the field `format` is missing".to_owned()))?;
        if format > u64::from(FORMAT_VERSION) {
            return Err(Error::checkpoint(
                path,
                format!("the format of a checkpoint must be at most {FORMAT_VERSION}, found {format}"),
            )
            .help("update lightning-core"));
        }
        if format >= u64::from(FIRST_HASHED) && !container.has_hash() {
            return Err(damaged("the hash is missing".to_owned()));
        }
        let metadata: Metadata = serde_json::from_value(value).map_err(|error| damaged(error.to_string()))?;
        if metadata.run.as_ref().is_some_and(|run| run.counts().any(|count| count > MOST_COUNTED)) {
            return Err(damaged(format!("a count must be at most {MOST_COUNTED}")));
        }
        Ok(Self { container, metadata })
    }

    pub(crate) fn path(&self) -> &Path {
        self.container.path()
    }

    /// Checks that the checkpoint belongs to a module named `name`.
    ///
    /// # Errors
    /// If it belongs to another module.
    pub(crate) fn check_module(&self, name: &str) -> Result<()> {
        let stored = &self.metadata.module;
        if stored == name {
            return Ok(());
        }
        Err(Error::checkpoint(self.path(), format!("the checkpoint must be of the module `{name}`, found `{stored}`")))
    }

    /// Returns every tensor whose name starts with `prefix`, under the rest of its name.
    ///
    /// # Errors
    /// If a tensor cannot be read.
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
