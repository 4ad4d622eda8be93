//! The tensors of a file, selected and renamed.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use burn::tensor::TensorData;

use super::Weights;
#[cfg(feature = "pytorch")]
use super::{Layout, numbering::Renumbering, pytorch};
use crate::{
    checkpoint::{container::Container, names},
    error::{Error, Result},
};

/// The selected tensors of a file: their names in the file by their new names.
pub(super) struct SelectedTensors {
    pub(super) file: WeightsFile,
    pub(super) names: BTreeMap<String, String>,
    pub(super) skipped: Vec<String>,
    /// Tensors of a type that Burn does not have, with the type.
    pub(super) unsupported: Vec<String>,
}

/// An open file of weights.
pub(super) enum WeightsFile {
    Container {
        container: Container,
        /// What precedes the names of the weights: in a checkpoint, `model.`.
        prefix: &'static str,
    },
    #[cfg(feature = "pytorch")]
    PyTorch(BTreeMap<String, burn_pack::Tensor>),
}

/// An open file, the names of its tensors, and the types of those that Burn does not have.
struct Opened {
    file: WeightsFile,
    names: Vec<String>,
    unsupported: BTreeMap<String, String>,
}

impl Opened {
    fn open<M>(weights: &Weights<M>) -> Result<Self> {
        let Weights { path, .. } = weights;
        #[cfg(feature = "pytorch")]
        if weights.layout == Layout::PyTorch && path.extension().is_none_or(|extension| extension != "safetensors") {
            return Ok(Self::pytorch(pytorch::open(path, weights.key.as_deref())?));
        }
        let container = Container::open(path)?;
        container.verify()?;
        #[cfg(feature = "pytorch")]
        if weights.layout == Layout::PyTorch {
            return Ok(Self::pytorch(pytorch::of_container(container)));
        }
        // The other tensors of a checkpoint are not weights.
        let prefix = if container.text().is_some() { names::MODEL } else { "" };
        let mut names = Vec::new();
        let mut unsupported = BTreeMap::new();
        for (stored, _) in container.tensors() {
            let Some(name) = stored.strip_prefix(prefix) else { continue };
            if container.dtype(&stored).is_some() {
                names.push(name.to_owned());
            } else {
                unsupported.insert(name.to_owned(), container.dtype_name(&stored));
            }
        }
        Ok(Self { file: WeightsFile::Container { container, prefix }, names, unsupported })
    }

    #[cfg(feature = "pytorch")]
    fn pytorch(contents: pytorch::Contents) -> Self {
        let pytorch::Contents { tensors, unsupported } = contents;
        Self { names: tensors.keys().cloned().collect(), file: WeightsFile::PyTorch(tensors), unsupported }
    }

    /// Returns the name below which tensors are read.
    fn below<'a, M>(&self, weights: &'a Weights<M>) -> &'a str {
        let below = weights.below.as_deref().unwrap_or_default().trim_end_matches('.');
        let has = |below: &str| self.names.iter().any(|name| cut(name, below).is_some());
        match (&self.file, cut(below, names::MODEL.trim_end_matches('.'))) {
            // The names as the file of a checkpoint has them.
            (WeightsFile::Container { prefix, .. }, Some(rest)) if !prefix.is_empty() && !has(below) => rest,
            _ => below,
        }
    }
}

impl WeightsFile {
    /// Returns the shape of a tensor in the layout of the file.
    pub(super) fn container_shape(container: &Container, prefix: &str, name: &str) -> Option<Vec<usize>> {
        container.info(&format!("{prefix}{name}")).map(|info| info.shape.clone())
    }

    /// Reads a tensor of a container.
    pub(super) fn read_container(container: &Container, prefix: &str, name: &str, path: &Path) -> Result<TensorData> {
        let missing = || Error::checkpoint(path, format!("the tensor `{name}` cannot be read"));
        container.read(&format!("{prefix}{name}"))?.ok_or_else(missing)
    }
}

impl SelectedTensors {
    /// Opens a file and selects its tensors. `model` has the names of the parameters and buffers
    /// that they are for.
    ///
    /// # Errors
    /// If the file cannot be read, or two of its tensors have one name after `rename`.
    pub(super) fn open<M>(weights: &Weights<M>, model: &BTreeSet<String>) -> Result<Self> {
        let opened = Opened::open(weights)?;
        let below = opened.below(weights);
        let Opened { file, names: all, unsupported: types } = opened;
        let short = |stored: &str| {
            if below.is_empty() { Some(stored.to_owned()) } else { cut(stored, below).map(str::to_owned) }
        };
        let is_skipped = |stored: &str, short: &str| {
            weights.skip.iter().any(|pattern| is_match(pattern, short) || is_match(pattern, stored))
        };
        // The new name of every tensor below, and whether it is left.
        let mut named: BTreeMap<String, (String, bool)> = BTreeMap::new();
        let mut skipped = Vec::new();
        for stored in all {
            let Some(short) = short(&stored) else {
                skipped.push(stored);
                continue;
            };
            let is_left = !is_skipped(&stored, &short);
            let name = weights.rename.iter().fold(short, |name, (from, to)| renamed(&name, from, to).unwrap_or(name));
            if !is_left {
                skipped.push(stored.clone());
            }
            match named.get(&name) {
                Some((other, true)) if is_left => return Err(same_name(&weights.path, &name, [other, &stored])),
                Some((_, true)) => {}
                _ => drop(named.insert(name, (stored, is_left))),
            }
        }
        let mut unsupported = Vec::new();
        for (stored, kind) in types {
            if short(&stored).is_some_and(|short| !is_skipped(&stored, &short)) {
                unsupported.push(format!("{stored} ({kind})"));
            }
            skipped.push(stored);
        }
        skipped.sort();
        #[cfg(feature = "pytorch")]
        if weights.layout == Layout::PyTorch {
            let left = named.iter().filter(|(_, (_, is_left))| *is_left).map(|(name, _)| &**name);
            let numbers = Renumbering::new(named.keys().map(|name| &**name), left, model);
            named.retain(|_, (_, is_left)| *is_left);
            named = named.into_iter().map(|(name, stored)| (numbers.apply(&name), stored)).collect();
        }
        #[cfg(not(feature = "pytorch"))]
        let _ = model;
        let left = named.into_iter().filter(|(_, (_, is_left))| *is_left);
        let names = left.map(|(name, (stored, _))| (name, stored)).collect();
        Ok(Self { file, names, skipped, unsupported })
    }
}

/// Replaces `from` at the start of a name. `layers.1` is not the start of `layers.10`.
fn renamed(name: &str, from: &str, to: &str) -> Option<String> {
    let rest = name.strip_prefix(from)?;
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let splits_a_number = is_digit(from.as_bytes().last()) && is_digit(rest.as_bytes().first());
    (!splits_a_number).then(|| format!("{to}{rest}"))
}

fn same_name(path: &Path, name: &str, stored: [&str; 2]) -> Error {
    let [first, second] = stored;
    Error::checkpoint(
        path,
        format!("each tensor must have a name of its own after `rename`, found `{name}` for `{first}` and `{second}`"),
    )
    .help(format!("leave one of them out, as with `.skip(\"{first}\")`, or rename it too"))
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
    fn a_number_is_replaced_as_a_whole() {
        assert_eq!(renamed("layers.1.weight", "layers.1", "out").as_deref(), Some("out.weight"));
        assert_eq!(renamed("layers.10.weight", "layers.1", "out"), None);
        assert_eq!(renamed("layer1.0.conv", "layer", "stage").as_deref(), Some("stage1.0.conv"));
        assert_eq!(renamed("weight", "", "head.").as_deref(), Some("head.weight"));
    }

    #[test]
    fn names_below_a_name() {
        assert_eq!(cut("a.b.c", "a.b"), Some("c"));
        assert_eq!(cut("a.b", "a.b"), Some(""));
        assert_eq!(cut("a.bc", "a.b"), None);
    }
}
