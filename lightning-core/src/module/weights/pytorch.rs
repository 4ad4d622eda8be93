//! Opens the files of PyTorch.

mod file;
mod pickle;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use burn::tensor::Shape;
use burn_pack::Tensor;
use burn_store::{ModuleStore as _, PytorchStore, bridge};

use self::{file::TorchFile, pickle::Entry};
use crate::{
    checkpoint::container::Container,
    error::{Error, Result},
    os::panics::catch_panic,
};

/// The tensors of a file by their names in it, unread, and the types of those that Burn does not
/// have.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) tensors: BTreeMap<String, Tensor>,
    pub(super) unsupported: BTreeMap<String, String>,
}

/// Opens a `.pt`, `.pth` or `.bin` file.
///
/// # Errors
/// If it is not a file of PyTorch, or has no dictionary under the key.
pub(super) fn open(path: &Path, key: Option<&str>) -> Result<Contents> {
    // For a missing file, the error of the system is clearer than that of the reader.
    std::fs::metadata(path).map_err(|error| Error::io("read the weights", path, error))?;
    let mut store = PytorchStore::from_file(path).map_indices_contiguous(false);
    if let Some(key) = key {
        store = store.with_top_level_key(key);
    }
    let read = catch_panic(|| {
        store
            .get_all_tensors()
            .cloned()
            .map_err(|error| Error::checkpoint(path, "the file is not a readable PyTorch file").caused_by(error))
    });
    match read {
        Ok(tensors) => Ok(Contents { tensors, unsupported: BTreeMap::new() }),
        // Burn's reader refuses the whole file for one tensor of another type.
        Err(error) => open_without_unsupported(path, key).ok_or_else(|| {
            error
                .at_path(path)
                .help("set the key of the state dict with `.key(\"state_dict\")`, or save only `model.state_dict()`")
        }),
    }
}

/// Opens a file without the tensors that Burn does not have; `None` if there are none of them, or
/// something else is wrong with the file.
fn open_without_unsupported(path: &Path, key: Option<&str>) -> Option<Contents> {
    let (file, entries) = TorchFile::open(path, key).ok()?;
    let file = Arc::new(file);
    let mut contents = Contents::default();
    for (name, entry) in entries {
        match entry {
            Entry::Unsupported(kind) => {
                contents.unsupported.insert(name, kind);
            }
            Entry::Tensor(tensor) => {
                let file = Arc::clone(&file);
                let (dtype, shape) = (tensor.dtype, Shape::from(tensor.shape.clone()));
                let read = move || file.read(&tensor).map_err(|error| burn_pack::Error::IoError(error.to_string()));
                contents.tensors.insert(name.clone(), bridge::deferred(name, dtype, shape, None, read));
            }
        }
    }
    (!contents.unsupported.is_empty()).then_some(contents)
}

/// Returns the tensors of a safetensors file.
pub(super) fn of_container(container: Container) -> Contents {
    let container = Arc::new(container);
    let mut contents = Contents::default();
    let names: Vec<_> = container.tensors().map(|(name, info)| (name, Shape::from(info.shape.clone()))).collect();
    for (name, shape) in names {
        let Some(dtype) = container.dtype(&name) else {
            contents.unsupported.insert(name.clone(), container.dtype_name(&name));
            continue;
        };
        let (file, stored) = (Arc::clone(&container), name.clone());
        let read = move || match file.read(&stored) {
            Ok(Some(data)) => Ok(data),
            Ok(None) => Err(burn_pack::Error::IoError(format!("the tensor `{stored}` is missing"))),
            Err(error) => Err(burn_pack::Error::IoError(error.to_string())),
        };
        contents.tensors.insert(name.clone(), bridge::deferred(name, dtype, shape, None, read));
    }
    contents
}
