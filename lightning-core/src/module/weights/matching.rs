//! Matches the tensors of a file with the parameters of a module.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use burn::{module::ParamId, tensor::TensorData};

#[cfg(feature = "pytorch")]
use super::Layout;
use super::source::{SelectedTensors, WeightsFile, cut};
use crate::{
    error::{Error, Result},
    params::{BufferVisitor, ErasedVisitor, FloatParam},
    tensor::handle::Handle,
};

/// A visitor that finds a stored tensor for every parameter and buffer of a module.
pub(super) struct Matching<'a> {
    pub(super) path: &'a Path,
    #[cfg(feature = "pytorch")]
    pub(super) layout: Layout,
    pub(super) at: Option<&'static str>,
    pub(super) stored: &'a SelectedTensors,
    /// The types of the modules around the current parameter.
    pub(super) containers: Vec<String>,
    pub(super) used: BTreeSet<String>,
    pub(super) found: BTreeMap<String, TensorData>,
    pub(super) missing: Vec<String>,
    pub(super) problems: Vec<String>,
    pub(super) failed: Option<Error>,
}

impl Matching<'_> {
    /// Finds the tensor of a parameter or buffer.
    fn look(&mut self, path: &str, dims: &[usize]) {
        let name = match self.at {
            None => path,
            Some(at) => match cut(path, at) {
                Some(name) => name,
                None => return,
            },
        };
        let Some((name, stored)) =
            self.candidates(name).find_map(|name| Some((name.clone(), self.stored.names.get(&name)?)))
        else {
            self.missing.push(path.to_owned());
            return;
        };
        let stored = stored.clone();
        match self.fitting(path, &stored, dims) {
            Ok(Ok(data)) => drop(self.found.insert(path.to_owned(), data)),
            Ok(Err(shape)) => {
                self.problems.push(format!("`{stored}` must have shape {dims:?} for `{path}`, found {shape:?}"));
            }
            Err(error) => drop(self.failed.get_or_insert(error)),
        }
        self.used.insert(name);
    }

    /// Reads a tensor in the layout of Burn, or returns its shape if that is not `dims`.
    ///
    /// The shape is compared first: a few bytes of a PyTorch file can stand for a tensor of any
    /// size.
    fn fitting(&self, path: &str, stored: &str, dims: &[usize]) -> Result<std::result::Result<TensorData, Vec<usize>>> {
        match &self.stored.file {
            WeightsFile::Container { container, prefix } => {
                let _ = path;
                match WeightsFile::container_shape(container, prefix, stored) {
                    Some(shape) if shape != dims => Ok(Err(shape)),
                    _ => WeightsFile::read_container(container, prefix, stored, self.path).map(Ok),
                }
            }
            #[cfg(feature = "pytorch")]
            WeightsFile::PyTorch(tensors) => {
                use burn_store::{ModuleAdapter as _, ModuleContext, PyTorchToBurnAdapter, bridge};

                let unreadable = || Error::checkpoint(self.path, format!("the tensor `{stored}` cannot be read"));
                let mut tensor = tensors.get(stored).cloned().ok_or_else(unreadable)?;
                // The adapter goes by the name of the parameter in the module.
                tensor.name = path.to_owned();
                let tensor = PyTorchToBurnAdapter.adapt(tensor, ModuleContext::new(&self.containers));
                if tensor.shape.as_slice() != dims {
                    return Ok(Err(tensor.shape.to_vec()));
                }
                // sync: none, the tensor is in the file.
                bridge::into_data(tensor).map(Ok).map_err(|error| unreadable().caused_by(error))
            }
        }
    }

    /// Returns the names under which a parameter may be stored.
    fn candidates(&self, name: &str) -> impl Iterator<Item = String> + use<> {
        #[allow(unused_mut, reason = "PyTorch has a second name for some")]
        let mut names = vec![name.to_owned()];
        #[cfg(feature = "pytorch")]
        if self.layout == Layout::PyTorch {
            use burn_store::{ModuleAdapter as _, ModuleContext, PyTorchToBurnAdapter};

            let own = name.rsplit('.').next().unwrap_or(name);
            let module = ModuleContext::new(&self.containers).module_type().unwrap_or_default();
            let other = PyTorchToBurnAdapter.get_alternative_param_name(own, module);
            let other = other.or_else(|| pytorch_name(own, module).map(str::to_owned));
            names.extend(without_variants(name, &self.containers));
            for at in 0..names.len() {
                let parent = names.get(at).and_then(|name| name.strip_suffix(own));
                let renamed = other.as_ref().zip(parent).map(|(other, parent)| format!("{parent}{other}"));
                names.extend(renamed);
            }
        }
        names.into_iter()
    }
}

/// Returns PyTorch's name of a parameter, for the modules that Burn's adapter does not know.
#[cfg(feature = "pytorch")]
fn pytorch_name(name: &str, module: &str) -> Option<&'static str> {
    match (module, name) {
        ("Struct:InstanceNorm", "gamma") | ("Struct:PRelu", "alpha") => Some("weight"),
        ("Struct:InstanceNorm", "beta") => Some("bias"),
        _ => None,
    }
}

/// Returns a name without the variants of enums, which PyTorch does not have; `None` if it has none.
/// The types around the parameter are one for each part of its path.
#[cfg(feature = "pytorch")]
fn without_variants(name: &str, containers: &[String]) -> Option<String> {
    let parts: Vec<&str> = name.split('.').collect();
    let containers = containers.get(containers.len().checked_sub(parts.len())?..)?;
    let kept = parts.iter().zip(containers).filter(|(_, container)| !container.starts_with("Enum:"));
    let kept: Vec<&str> = kept.map(|(part, _)| *part).collect();
    (kept.len() < parts.len()).then(|| kept.join("."))
}

impl ErasedVisitor for Matching<'_> {
    fn enter(&mut self, _path: &str, container: &str) {
        self.containers.push(container.to_owned());
    }

    fn exit(&mut self) {
        self.containers.pop();
    }

    fn float(&mut self, _index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        self.look(path, &param.dims());
        Ok(())
    }

    fn other(&mut self, path: &str, handle: &dyn Fn() -> Handle) -> Result<()> {
        self.look(path, &handle().dims());
        Ok(())
    }
}

impl BufferVisitor for Matching<'_> {
    fn buffer(&mut self, name: &str, dims: &[usize], _data: &dyn Fn() -> Result<TensorData>) {
        self.look(name, dims);
    }
}

/// A visitor that collects the names of the parameters and buffers of a module, or of a field.
pub(super) struct ModelNames {
    pub(super) at: Option<&'static str>,
    pub(super) names: BTreeSet<String>,
    pub(super) containers: Vec<String>,
}

impl ModelNames {
    fn add(&mut self, path: &str) {
        let Some(name) = self.at.map_or(Some(path), |at| cut(path, at)) else { return };
        #[cfg(feature = "pytorch")]
        self.names.extend(without_variants(name, &self.containers));
        self.names.insert(name.to_owned());
    }
}

impl ErasedVisitor for ModelNames {
    fn enter(&mut self, _path: &str, container: &str) {
        self.containers.push(container.to_owned());
    }

    fn exit(&mut self) {
        self.containers.pop();
    }

    fn float(&mut self, _index: usize, _id: ParamId, path: &str, _param: &dyn FloatParam) -> Result<()> {
        self.add(path);
        Ok(())
    }

    fn other(&mut self, path: &str, _handle: &dyn Fn() -> Handle) -> Result<()> {
        self.add(path);
        Ok(())
    }
}

impl BufferVisitor for ModelNames {
    fn buffer(&mut self, name: &str, _dims: &[usize], _data: &dyn Fn() -> Result<TensorData>) {
        self.add(name);
    }
}
