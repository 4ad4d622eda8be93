//! The model while the engine has it: owned by value, and given back on every way out.

use burn::module::Module;

use crate::{
    error::{Error, ErrorKind, Result},
    params::{DynMapper, MapMode, ValueMapper},
};

/// A module taken out of the user's `&mut`, which holds a hollow stand-in meanwhile.
///
/// A clone left behind would keep every first buffer alive and double the memory; the stand-in has the same ids and
/// shapes and no values. Dropping this gives the module back, after success, error and panic alike.
#[derive(Debug)]
pub(crate) struct Owned<'a, M: Module> {
    slot: &'a mut M,
    own: Option<M>,
}

impl<'a, M: Module> Owned<'a, M> {
    /// Takes the module; `prepare` puts it on the run's device and into the run's mode.
    pub(crate) fn take(slot: &'a mut M, prepare: impl FnOnce(M) -> M, hollow: bool) -> Self {
        let own = prepare(slot.clone());
        if hollow {
            *slot = own.clone().map(&mut DynMapper::new(MapMode::Hollow));
        }
        Self { slot, own: Some(own) }
    }

    pub(crate) fn get(&self) -> Result<&M> {
        self.own.as_ref().ok_or_else(lost)
    }

    pub(crate) fn get_mut(&mut self) -> Result<&mut M> {
        self.own.as_mut().ok_or_else(lost)
    }

    /// Changes the module's form; when `change` panics the module stays as it was.
    pub(crate) fn transform(&mut self, change: impl FnOnce(M) -> M) -> Result<()> {
        let changed = change(self.get()?.clone());
        self.own = Some(changed);
        Ok(())
    }

    /// Changes parameter values in place: no second owner exists while it runs, so buffers are reused. `mapper` must
    /// not panic.
    pub(crate) fn update(&mut self, mapper: &mut dyn ValueMapper) -> Result<()> {
        let own = self.own.take().ok_or_else(lost)?;
        self.own = Some(own.map(&mut DynMapper::new(MapMode::Values(mapper))));
        Ok(())
    }
}

impl<M: Module> Drop for Owned<'_, M> {
    fn drop(&mut self) {
        if let Some(own) = self.own.take() {
            *self.slot = own;
        }
    }
}

fn lost() -> Error {
    Error::new(ErrorKind::Panic, "the model was lost in a panic").help("load the last checkpoint")
}
