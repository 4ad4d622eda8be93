//! Matches the tensors of a file with the parameters of a module.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use burn::{module::ParamId, tensor::TensorData};

use super::{
    Layout,
    source::{SelectedTensors, cut},
};
use crate::{
    error::{Error, Result},
    params::{BufferVisitor, ErasedVisitor, FloatParam},
    tensor::handle::Handle,
};

/// A visitor that finds a stored tensor for every parameter and buffer of a module.
pub(super) struct Matching<'a> {
    pub(super) path: &'a Path,
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
        let data = self.stored.file.read(stored, self.path).and_then(|data| self.adapt(path, data));
        let data = match data {
            Ok(data) => data,
            Err(error) => {
                self.failed.get_or_insert(error);
                return;
            }
        };
        self.used.insert(name);
        if data.shape().as_slice() == dims {
            self.found.insert(path.to_owned(), data);
        } else {
            let shape = data.shape();
            self.problems
                .push(format!("`{stored}` must have shape {dims:?} for `{path}`, found {:?}", shape.as_slice()));
        }
    }

    /// Returns the names under which a parameter may be stored.
    fn candidates(&self, name: &str) -> impl Iterator<Item = String> + use<> {
        #[allow(unused_mut, reason = "PyTorch has a second name for some")]
        let mut names = vec![name.to_owned()];
        #[cfg(feature = "pytorch")]
        if self.layout == Layout::PyTorch {
            use burn_store::{ModuleAdapter as _, ModuleContext, PyTorchToBurnAdapter};

            let (parent, own) = name.rsplit_once('.').map_or(("", name), |(parent, own)| (parent, own));
            let module = ModuleContext::new(&self.containers).module_type().unwrap_or_default();
            if let Some(other) = PyTorchToBurnAdapter.get_alternative_param_name(own, module) {
                names.push(if parent.is_empty() { other } else { format!("{parent}.{other}") });
            }
        }
        names.into_iter()
    }

    /// Converts a tensor to the layout of Burn.
    fn adapt(&self, path: &str, data: TensorData) -> Result<TensorData> {
        match self.layout {
            Layout::Burn => {
                let _ = path;
                Ok(data)
            }
            #[cfg(feature = "pytorch")]
            Layout::PyTorch => {
                use burn_store::{ModuleAdapter as _, ModuleContext, PyTorchToBurnAdapter, bridge};

                let tensor = bridge::from_data(data, path.to_owned(), None);
                let tensor = PyTorchToBurnAdapter.adapt(tensor, ModuleContext::new(&self.containers));
                // sync: none, the tensor is in host memory.
                bridge::into_data(tensor).map_err(|error| {
                    Error::checkpoint(
                        self.path,
                        format!("the tensor of `{path}` cannot be converted to the layout of Burn"),
                    )
                    .caused_by(error)
                })
            }
        }
    }
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
