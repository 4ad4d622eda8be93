//! The tensors of a file, selected and renamed.

use std::{collections::BTreeMap, path::Path};

use burn::tensor::TensorData;

#[cfg(feature = "pytorch")]
use super::Layout;
use super::Weights;
use crate::{
    checkpoint::{container::Container, names},
    error::{Error, Result},
};

/// The selected tensors of a file: their names in the file by their new names.
pub(super) struct SelectedTensors {
    pub(super) file: WeightsFile,
    pub(super) names: BTreeMap<String, String>,
    pub(super) skipped: Vec<String>,
}

/// An open file of weights.
pub(super) enum WeightsFile {
    Container(Container),
    #[cfg(feature = "pytorch")]
    PyTorch(BTreeMap<String, burn_pack::Tensor>),
}

impl WeightsFile {
    /// Opens a file, and returns the names of its tensors.
    fn open<M>(weights: &Weights<M>) -> Result<(Self, Vec<String>)> {
        let Weights { path, .. } = weights;
        #[cfg(feature = "pytorch")]
        if weights.layout == Layout::PyTorch && path.extension().is_none_or(|extension| extension != "safetensors") {
            return Self::open_pytorch(weights);
        }
        let container = Container::open(path)?;
        container.verify()?;
        #[cfg(feature = "pytorch")]
        if weights.layout == Layout::PyTorch {
            return Self::read_pytorch(&container);
        }
        let names = container.tensors().map(|(name, _)| name).collect();
        Ok((Self::Container(container), names))
    }

    #[cfg(feature = "pytorch")]
    fn open_pytorch<M>(weights: &Weights<M>) -> Result<(Self, Vec<String>)> {
        use burn_store::{ModuleStore as _, PytorchStore};

        let Weights { path, key, .. } = weights;
        // For a missing file, the error of the system is clearer than that of the reader.
        std::fs::metadata(path).map_err(|error| Error::io("read the weights", path, error))?;
        let mut store = PytorchStore::from_file(path);
        if let Some(key) = key {
            store = store.with_top_level_key(key);
        }
        let read = crate::os::panics::catch_panic(|| {
            store
                .get_all_tensors()
                .cloned()
                .map_err(|error| Error::checkpoint(path, "the file is not a readable PyTorch file").caused_by(error))
        });
        let tensors = read.map_err(|error| {
            error
                .at_path(path)
                .help("set the key of the state dict with `.key(\"state_dict\")`, or save only `model.state_dict()`")
        })?;
        let names = tensors.keys().cloned().collect();
        Ok((Self::PyTorch(tensors), names))
    }

    /// Reads a safetensors file of PyTorch.
    #[cfg(feature = "pytorch")]
    fn read_pytorch(container: &Container) -> Result<(Self, Vec<String>)> {
        let mut tensors = Vec::new();
        for (name, _) in container.tensors() {
            if let Some(data) = container.read(&name)? {
                tensors.push(burn_store::bridge::from_data(data, name, None));
            }
        }
        // The reader of other PyTorch files renumbers the layers of a `Sequential` by itself.
        let (tensors, _) = burn_store::map_indices_contiguous(tensors);
        let tensors: BTreeMap<_, _> = tensors.into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect();
        let names = tensors.keys().cloned().collect();
        Ok((Self::PyTorch(tensors), names))
    }

    pub(super) fn read(&self, name: &str, path: &Path) -> Result<TensorData> {
        let gone = || Error::checkpoint(path, format!("the tensor `{name}` cannot be read"));
        match self {
            Self::Container(container) => container.read(name)?.ok_or_else(gone),
            #[cfg(feature = "pytorch")]
            Self::PyTorch(tensors) => {
                let tensor = tensors.get(name).ok_or_else(gone)?;
                // sync: none, the tensor is in the file.
                burn_store::bridge::to_data(tensor).map_err(|error| gone().caused_by(error))
            }
        }
    }
}

impl SelectedTensors {
    pub(super) fn open<M>(weights: &Weights<M>) -> Result<Self> {
        let (file, all) = WeightsFile::open(weights)?;
        let below = match (&weights.below, &file) {
            (Some(below), _) => Some(below.clone()),
            // The other tensors of a checkpoint are not weights.
            (None, WeightsFile::Container(container)) if container.text().is_some() => {
                Some(names::MODEL.trim_end_matches('.').to_owned())
            }
            _ => None,
        };
        let mut names = BTreeMap::new();
        let mut skipped = Vec::new();
        for stored in all {
            let short = below.as_ref().map_or(Some(&*stored), |below| cut(&stored, below));
            let Some(short) = short.filter(|short| !weights.skip.iter().any(|pattern| is_match(pattern, short))) else {
                skipped.push(stored);
                continue;
            };
            let mut name = short.to_owned();
            for (from, to) in &weights.rename {
                if let Some(rest) = name.strip_prefix(from.as_str()) {
                    name = format!("{to}{rest}");
                }
            }
            names.insert(name, stored);
        }
        Ok(Self { file, names, skipped })
    }
}

/// Returns the rest of a name below another, which is empty for the other name itself.
pub(super) fn cut<'a>(name: &'a str, below: &str) -> Option<&'a str> {
    let rest = name.strip_prefix(below)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('.') }
}

/// Returns whether a name matches a pattern with `*`.
fn is_match(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name) in
            [("fc.*", "fc.weight"), ("*", ""), ("*.bias", "a.b.bias"), ("a*c*e", "abcde"), ("fc", "fc")]
        {
            assert!(is_match(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("fc.*", "fc1.weight"), ("fc", "fc.weight"), ("a*c*e", "abde"), ("*ab", "a"), ("ab*b", "ab")]
        {
            assert!(!is_match(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn names_below_a_name() {
        assert_eq!(cut("a.b.c", "a.b"), Some("c"));
        assert_eq!(cut("a.b", "a.b"), Some(""));
        assert_eq!(cut("a.bc", "a.b"), None);
    }
}
