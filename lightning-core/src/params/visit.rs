//! One erased visitor over the parameters of a module.

use burn::{
    module::{Flag, Module, ModuleVisitor, Param, ParamId},
    tensor::{Bool, Gradients, Int, Tensor, kind::BridgeTensor},
};

use super::path::PathStack;
use crate::{error::Result, tensor::handle::Handle};

/// A float parameter of any rank.
pub(crate) trait FloatParam {
    /// Draws the values of a lazy parameter.
    fn materialize(&self);
    /// Returns the shape. A lazy parameter stays uninitialized.
    fn dims(&self) -> Vec<usize>;
    /// Returns the number of dimensions.
    fn rank(&self) -> usize;
    /// Returns whether the parameter is trainable. A lazy parameter is initialized.
    fn is_trainable(&self) -> bool;
    /// Returns the size of an element in bytes; 4 for an uninitialized parameter.
    fn element_size(&self) -> usize;
    /// Removes the gradient of the parameter from `gradients`.
    fn take_gradient(&self, gradients: &mut Gradients) -> Option<BridgeTensor>;
    /// Returns the value, outside the autodiff graph.
    fn value(&self) -> BridgeTensor;
    /// Returns the value for saving, outside the autodiff graph.
    fn handle(&self) -> Handle;
}

impl<const D: usize> FloatParam for Param<Tensor<D>> {
    fn materialize(&self) {
        let _ = self.base();
    }

    fn dims(&self) -> Vec<usize> {
        self.lazy_shape().as_slice().to_vec()
    }

    fn rank(&self) -> usize {
        D
    }

    fn is_trainable(&self) -> bool {
        self.is_require_grad()
    }

    fn element_size(&self) -> usize {
        if self.is_initialized() { self.base().dtype().size() } else { 4 }
    }

    fn take_gradient(&self, gradients: &mut Gradients) -> Option<BridgeTensor> {
        // Burn panics if the tensor is not in the graph.
        if !self.is_require_grad() {
            return None;
        }
        self.val().grad_remove(gradients).map(Tensor::into_bridge)
    }

    fn value(&self) -> BridgeTensor {
        self.val().inner().into_bridge()
    }

    fn handle(&self) -> Handle {
        Handle::float(self.val())
    }
}

/// Visits every parameter of a module.
pub(crate) trait ErasedVisitor {
    /// Enters a field, before its contents. `container` is the type that has the field, as Burn
    /// writes it: `Struct:Linear`, `Vec`.
    fn enter(&mut self, path: &str, container: &str) {
        let _ = (path, container);
    }

    /// Leaves the field.
    fn exit(&mut self) {}

    /// Visits a float parameter; `index` is its index in the order of the fields.
    fn float(&mut self, index: usize, id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()>;

    /// Visits an integer or boolean parameter.
    fn other(&mut self, path: &str, handle: &dyn Fn() -> Handle) -> Result<()> {
        let _ = (path, handle);
        Ok(())
    }

    /// Visits a flag, such as the one that enables dropout in training.
    fn flag(&mut self, path: &str, on: bool) {
        let _ = (path, on);
    }
}

/// Runs an [`ErasedVisitor`] as a Burn visitor. The first error ends the visit.
pub(crate) struct DynVisitor<'a> {
    visitor: &'a mut dyn ErasedVisitor,
    path: PathStack,
    index: usize,
    result: Result<()>,
}

impl ModuleVisitor for DynVisitor<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name);
        self.visitor.enter(&self.path.path, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
        self.visitor.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.result.is_ok() {
            self.result = self.visitor.float(self.index, param.id, &self.path.path, param);
        }
        self.index += 1;
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        if self.result.is_ok() {
            self.result = self.visitor.other(&self.path.path, &|| Handle::other(param.val()));
        }
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        if self.result.is_ok() {
            self.result = self.visitor.other(&self.path.path, &|| Handle::other(param.val()));
        }
    }

    fn visit_flag(&mut self, flag: &Param<Flag>) {
        self.visitor.flag(&self.path.path, flag.val().is_enabled());
    }
}

/// Draws the values of the lazy parameters of `module`, in the order of its fields.
pub(crate) fn materialize<M: Module>(module: &M) {
    struct Read;

    impl ErasedVisitor for Read {
        fn float(&mut self, _index: usize, _id: ParamId, _path: &str, param: &dyn FloatParam) -> Result<()> {
            param.materialize();
            Ok(())
        }
    }

    // The visitor returns no error.
    let _ = visit(module, &mut Read);
}

/// Visits every parameter of `module`.
pub(crate) fn visit<M: Module>(module: &M, visitor: &mut dyn ErasedVisitor) -> Result<()> {
    let mut visitor = DynVisitor { visitor, path: PathStack::new(), index: 0, result: Ok(()) };
    module.visit(&mut visitor);
    visitor.result
}
