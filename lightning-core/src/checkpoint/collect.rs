//! Collects the tensors of a checkpoint.

use std::collections::BTreeSet;

use burn::{module::ParamId, tensor::TensorData};

use crate::{
    checkpoint::container::Stored,
    error::{Error, Result},
    params::{BufferVisitor, ErasedVisitor, FloatParam},
    tensor::handle::{Handle, read_all},
};

/// Tensors by name, to be written to a file.
#[derive(Debug, Default)]
pub(crate) struct Tensors {
    prefix: String,
    all: Vec<(String, Handle)>,
    pub(crate) failed: Option<Error>,
}

impl Tensors {
    /// Sets the prefix of the names of the tensors that are added next.
    pub(crate) fn below(&mut self, prefix: impl Into<String>) -> &mut Self {
        self.prefix = prefix.into();
        self
    }

    pub(crate) fn add(&mut self, name: &str, handle: Handle) {
        self.all.push((format!("{}{name}", self.prefix), handle));
    }

    /// Returns the tensors on the host. Tensors in host memory are shared; all others are read in
    /// one transaction.
    ///
    /// # Errors
    /// If the device fails, an element type cannot be saved, or two tensors have the same name.
    pub(crate) fn read(self) -> Result<Vec<Stored>> {
        let (names, handles): (Vec<String>, Vec<Handle>) = self.all.into_iter().unzip();
        let mut seen = BTreeSet::new();
        if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
            return Err(Error::new(
                crate::ErrorKind::Checkpoint,
                format!("the names of saved tensors must differ, found `{twice}` twice"),
            )
            .help("rename one of the two fields or states"));
        }
        let mut stored = Vec::with_capacity(names.len());
        let (mut distant, mut of_distant) = (Vec::new(), Vec::new());
        for (name, handle) in names.into_iter().zip(handles) {
            match handle.on_host() {
                Some((dims, flat)) => stored.push(Stored::shared(name, dims, flat)?),
                None => {
                    distant.push(handle);
                    of_distant.push(name);
                }
            }
        }
        for (name, data) in of_distant.into_iter().zip(read_all(distant)?) {
            stored.push(Stored::new(name, data)?);
        }
        Ok(stored)
    }
}

impl ErasedVisitor for Tensors {
    fn float(&mut self, _index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        self.add(path, param.handle());
        Ok(())
    }

    fn other(&mut self, path: &str, handle: &dyn Fn() -> Handle) -> Result<()> {
        self.add(path, handle());
        Ok(())
    }
}

impl BufferVisitor for Tensors {
    fn buffer(&mut self, name: &str, _dims: &[usize], data: &dyn Fn() -> Result<TensorData>) {
        match data() {
            Ok(data) => self.add(name, Handle::Host(data)),
            Err(error) => {
                self.failed.get_or_insert(error);
            }
        }
    }
}
