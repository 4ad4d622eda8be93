//! One erased mapper over the parameters of a module.

use std::collections::BTreeSet;

use burn::{
    module::{Flag, Module, ModuleMapper, Param, ParamId},
    tensor::{Bool, Device, FloatDType, Int, Tensor, kind::BridgeTensor},
};

use super::path::{PathStack, is_below};

/// Changes the values of parameters, outside the autodiff graph.
pub(crate) trait ValueMapper {
    /// Returns whether to change a float parameter. The others are not copied.
    fn wants(&self, index: usize, id: ParamId) -> bool;

    /// Returns the new value of a parameter.
    fn map(&mut self, index: usize, path: &str, value: BridgeTensor) -> BridgeTensor;

    /// Returns whether the new value gets the memory layout that the parameter was declared with,
    /// such as `LinearLayout::Col`, and not the order of its elements.
    fn is_as_declared(&self, path: &str) -> bool {
        let _ = path;
        false
    }

    /// Returns whether to change integer and boolean parameters too.
    fn wants_others(&self) -> bool {
        false
    }
}

/// What a [`DynMapper`] does to each parameter.
pub(crate) enum MapMode<'a> {
    /// Replace trainable parameters by lazy ones with the same id and shape, which use no memory.
    Placeholder,
    /// Freeze the parameters that an optimizer does not train, and collect their indices.
    FreezeOthers { trains: &'a dyn Fn(usize, ParamId) -> bool, frozen: &'a mut Vec<usize> },
    /// Unfreeze the parameters with these indices, which are in order.
    Unfreeze { frozen: &'a [usize] },
    /// Freeze or unfreeze everything below a path.
    Trainable { below: &'a str, on: bool },
    /// Freeze some parameters and flags, and unfreeze others, by path.
    Exactly { freeze: &'a BTreeSet<String>, thaw: &'a BTreeSet<String> },
    /// Compute new values.
    Values(&'a mut dyn ValueMapper),
    /// Give every parameter a new id.
    Fresh,
    /// Cast to another type, inside the autodiff graph; the function returns the type for the
    /// current parameter.
    Lower { dtype: &'a dyn Fn() -> Option<FloatDType> },
    /// Change the values of trainable parameters, inside the autodiff graph.
    Inside { change: &'a dyn Fn(usize, BridgeTensor) -> BridgeTensor },
    /// Put parameters and flags in training form, in the autodiff graph of a device. Tensors that
    /// are not parameters stay outside the graph.
    Train { device: &'a Device },
}

/// Runs one of the [`MapMode`]s as a Burn mapper.
pub(crate) struct DynMapper<'a> {
    mode: MapMode<'a>,
    path: PathStack,
    index: usize,
}

impl<'a> DynMapper<'a> {
    pub(crate) fn new(mode: MapMode<'a>) -> Self {
        Self { mode, path: PathStack::new(), index: 0 }
    }
}

impl ModuleMapper for DynMapper<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let index = self.index;
        self.index += 1;
        match &mut self.mode {
            MapMode::Placeholder => placeholder(param),
            MapMode::FreezeOthers { trains, frozen } => {
                if trains(index, param.id) || !param.is_require_grad() {
                    return param;
                }
                frozen.push(index);
                param.set_require_grad(false)
            }
            MapMode::Unfreeze { frozen } => {
                if frozen.binary_search(&index).is_ok() {
                    param.set_require_grad(true)
                } else {
                    param
                }
            }
            MapMode::Trainable { below, on } => {
                if is_below(&self.path.path, below) {
                    param.set_require_grad(*on)
                } else {
                    param
                }
            }
            MapMode::Exactly { freeze, thaw } => match exactly(&self.path.path, freeze, thaw) {
                Some(on) => param.set_require_grad(on),
                None => param,
            },
            MapMode::Values(mapper) => {
                if mapper.wants(index, param.id) {
                    let path = &self.path.path;
                    let as_declared = mapper.is_as_declared(path);
                    replace_value(param, as_declared, |value| mapper.map(index, path, value))
                } else {
                    param
                }
            }
            MapMode::Fresh => {
                let (_, tensor, mapper) = param.consume();
                Param::from_mapped_value(ParamId::new(), tensor, mapper)
            }
            MapMode::Lower { dtype } => match dtype() {
                Some(dtype) => param.map(|value| value.cast(dtype)),
                None => param,
            },
            MapMode::Inside { change } => {
                if param.is_require_grad() {
                    param.map(|value| Tensor::from_bridge(change(index, value.into_bridge())))
                } else {
                    param
                }
            }
            MapMode::Train { device } => match device.gradient_checkpointing_strategy() {
                Some(strategy) => {
                    param.map(|value| value.autodiff().with_gradient_checkpointing_strategy(strategy)).train()
                }
                None => param.train(),
            },
        }
    }

    fn map_int<const D: usize>(&mut self, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        match &mut self.mode {
            MapMode::Values(mapper) if mapper.wants_others() => {
                let (id, tensor, state) = param.consume();
                let value = mapper.map(usize::MAX, &self.path.path, tensor.into_bridge());
                Param::from_mapped_value(id, Tensor::from_bridge(value), state)
            }
            _ => param,
        }
    }

    fn map_bool<const D: usize>(&mut self, param: Param<Tensor<D, Bool>>) -> Param<Tensor<D, Bool>> {
        match &mut self.mode {
            MapMode::Values(mapper) if mapper.wants_others() => {
                let (id, tensor, state) = param.consume();
                let value = mapper.map(usize::MAX, &self.path.path, tensor.into_bridge());
                Param::from_mapped_value(id, Tensor::from_bridge(value), state)
            }
            _ => param,
        }
    }

    fn map_flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        match &self.mode {
            MapMode::Trainable { below, on } if is_below(&self.path.path, below) => flag.with_value(*on),
            MapMode::Exactly { freeze, thaw } => match exactly(&self.path.path, freeze, thaw) {
                Some(on) => flag.with_value(on),
                None => flag,
            },
            MapMode::Train { .. } => flag.train(),
            _ => flag,
        }
    }
}

/// Returns whether to train or freeze a path; `None` leaves it unchanged.
pub(super) fn exactly(path: &str, freeze: &BTreeSet<String>, thaw: &BTreeSet<String>) -> Option<bool> {
    thaw.contains(path).then_some(true).or_else(|| freeze.contains(path).then_some(false))
}

pub(super) fn placeholder<const D: usize>(param: Param<Tensor<D>>) -> Param<Tensor<D>> {
    // A lazy parameter uses no memory yet. Running statistics appear as parameters without a
    // gradient and share their storage with every clone: replacing them here would erase the ones
    // in use.
    if !param.is_initialized() || !param.is_require_grad() {
        return param;
    }
    let (id, device, shape) = (param.id, param.device(), param.shape());
    // Zeros and not a panic: the program may still read a model that an aborted run could not
    // return.
    let dims = shape.clone();
    let init = move |device: &Device, trained: bool| Tensor::zeros(dims, device).set_require_grad(trained);
    Param::uninitialized(id, init, device, true, shape)
}

pub(super) fn replace_value<const D: usize>(
    param: Param<Tensor<D>>,
    as_declared: bool,
    change: impl FnOnce(BridgeTensor) -> BridgeTensor,
) -> Param<Tensor<D>> {
    let (id, tensor, mapper) = param.consume();
    let trained = tensor.is_require_grad();
    let autodiff = tensor.is_autodiff();
    let checkpointing = tensor.gradient_checkpointing_strategy();
    let mut value: Tensor<D> = Tensor::from_bridge(change(tensor.inner().into_bridge()));
    if as_declared {
        // `on_save` returns the layout of a file and `on_load` restores the declared one from it.
        // The copy over the host makes the tensor contiguous in between.
        // sync: once for each parameter, when a checkpoint or weights are loaded.
        let (device, dtype) = (value.device(), value.dtype());
        value = mapper.on_load(Tensor::from_data(mapper.on_save(value).into_data(), (&device, dtype)));
    }
    let mut value = if autodiff { Tensor::from_inner(value) } else { value };
    if let (true, Some(strategy)) = (autodiff, checkpointing) {
        value = value.with_gradient_checkpointing_strategy(strategy);
    }
    if trained {
        value = value.require_grad();
    }
    Param::from_mapped_value(id, value, mapper)
}
