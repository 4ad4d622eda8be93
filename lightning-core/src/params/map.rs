//! One erased mapper over a module's parameters.

use std::collections::BTreeSet;

use burn::{
    module::{Flag, Module, ModuleMapper, Param, ParamId},
    tensor::{Bool, Device, FloatDType, Int, Tensor, kind::BridgeTensor},
};

use super::path::{PathStack, is_below};

/// Changes the values of parameters, outside of any graph.
pub(crate) trait ValueMapper {
    /// Whether this float parameter is to be changed; the others are left as they are, without a copy.
    fn wants(&self, index: usize, id: ParamId) -> bool;

    /// The new value of a float parameter.
    fn map(&mut self, index: usize, path: &str, value: BridgeTensor) -> BridgeTensor;

    /// Whether the new value of a parameter is to lie in memory as the parameter was declared, rather than in the order of its
    /// elements: what `LinearLayout::Col` asks for.
    fn is_as_declared(&self, path: &str) -> bool {
        let _ = path;
        false
    }

    /// Whether integer and boolean parameters are to be changed as well.
    fn wants_others(&self) -> bool {
        false
    }
}

/// What a [`DynMapper`] does to each parameter.
pub(crate) enum MapMode<'a> {
    /// Replace trained parameters by lazy ones of the same id and shape, which hold no memory.
    Placeholder,
    /// Take the gradient away from the parameters that an optimizer does not train, and note which had one.
    FreezeOthers { trains: &'a dyn Fn(usize, ParamId) -> bool, frozen: &'a mut Vec<usize> },
    /// Give it back to those noted, which are in order.
    Unfreeze { frozen: &'a [usize] },
    /// Freeze or unfreeze everything below a path.
    Trainable { below: &'a str, on: bool },
    /// Freeze some parameters and flags, and unfreeze others, by path.
    Exactly { freeze: &'a BTreeSet<String>, thaw: &'a BTreeSet<String> },
    /// Compute new values.
    Values(&'a mut dyn ValueMapper),
    /// Give every parameter an id of its own.
    Fresh,
    /// Compute in another type, inside the graph; the function gives the type of the current parameter.
    Lower { dtype: &'a dyn Fn() -> Option<FloatDType> },
    /// Put parameters and flags in training form on the graph of a device; what is no parameter stays outside of it.
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
        Self { mode, path: PathStack::default(), index: 0 }
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
            MapMode::Placeholder => hollow(param),
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

/// Whether a path is to be trained from now on; `None` when it stays as it is.
pub(super) fn exactly(path: &str, freeze: &BTreeSet<String>, thaw: &BTreeSet<String>) -> Option<bool> {
    thaw.contains(path).then_some(true).or_else(|| freeze.contains(path).then_some(false))
}

pub(super) fn hollow<const D: usize>(param: Param<Tensor<D>>) -> Param<Tensor<D>> {
    // A lazy parameter holds no memory yet. Running statistics show up as parameters that want no gradient and share their
    // storage with every clone: replacing them here would wipe the ones in use.
    if !param.is_initialized() || !param.is_require_grad() {
        return param;
    }
    let (id, device, shape) = (param.id, param.device(), param.shape());
    // It is a value, not a panic: a caller may look at a model that an aborted run could not give back.
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
        // In the layout of a file, and from there as Burn loads it.
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
