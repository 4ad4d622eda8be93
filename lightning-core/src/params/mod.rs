//! One erased visitor and one erased mapper over a module's parameters.
//!
//! Burn's `Module::visit` and `Module::map` are generic over the visitor, and every visitor type is compiled anew for
//! every module. Everything here that looks at parameters therefore goes through [`DynVisitor`] and [`DynMapper`].

pub(crate) mod select;
pub(crate) mod state;

pub use self::{
    select::{IntoParamSelector, ParamSelector, below, rank_below, regex},
    state::{StateReader, StateValue, StateWriter},
};

use std::collections::BTreeSet;

use burn::{
    module::{Flag, Module, ModuleMapper, ModuleVisitor, Param, ParamId},
    tensor::{Bool, Device, Gradients, Int, Tensor, TensorData, kind::BridgeTensor},
};

use crate::{
    error::{Error, ErrorKind, Result},
    optim::{Optimizer, ParamInfo, Weight},
    params::select::is_below,
    precision,
    tensor::{any_rank::with_rank, handle::Handle},
};

/// Separates the parts of a parameter's path.
const SEPARATOR: char = '.';

/// The path of the parameter being looked at, kept in one string.
#[derive(Debug, Default)]
struct PathStack {
    path: String,
    starts: Vec<usize>,
}

impl PathStack {
    fn enter(&mut self, name: &str) {
        self.starts.push(self.path.len());
        if !self.path.is_empty() {
            self.path.push(SEPARATOR);
        }
        self.path.push_str(name);
    }

    fn exit(&mut self) {
        if let Some(start) = self.starts.pop() {
            self.path.truncate(start);
        }
    }
}

/// A float parameter of any rank.
pub(crate) trait FloatParam {
    /// Without materialising a lazy parameter.
    fn dims(&self) -> Vec<usize>;
    /// How many dimensions it has.
    fn rank(&self) -> usize;
    /// Whether a gradient is asked for; materialises.
    fn is_trainable(&self) -> bool;
    /// Bytes of one element; 4 for a parameter that does not exist yet.
    fn element_size(&self) -> usize;
    /// The gradient of this parameter, taken out of `gradients`.
    fn take_gradient(&self, gradients: &mut Gradients) -> Option<BridgeTensor>;
    /// The values, outside of any graph.
    fn value(&self) -> BridgeTensor;
    /// The value, for saving: outside of any graph, in the layout that the module computes with.
    fn handle(&self) -> Handle;
}

impl<const D: usize> FloatParam for Param<Tensor<D>> {
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
        // Burn panics when asked for the gradient of a tensor outside the graph.
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

/// Looks at every parameter of a module.
pub(crate) trait ErasedVisitor {
    /// A field, before what is in it; `container` is the type it is a field of, in Burn's words: `Struct:Linear`, `Vec`.
    fn enter(&mut self, path: &str, container: &str) {
        let _ = (path, container);
    }

    /// Out of it.
    fn exit(&mut self) {}

    /// A float parameter; `index` counts them in the order of the module's fields.
    fn float(&mut self, index: usize, id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()>;

    /// An integer or boolean parameter.
    fn other(&mut self, path: &str, handle: &dyn Fn() -> Handle) -> Result<()> {
        let _ = (path, handle);
        Ok(())
    }

    /// A flag, such as the one that lets dropout work in training.
    fn flag(&mut self, path: &str, on: bool) {
        let _ = (path, on);
    }
}

/// Runs an [`ErasedVisitor`] as a Burn visitor; the first error is kept and ends the looking.
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

fn read_tensor<const D: usize, K: burn::tensor::kind::Basic>(tensor: Tensor<D, K>) -> Result<TensorData> {
    // sync: once per saved tensor, when a checkpoint is written.
    tensor
        .try_into_data()
        .map_err(|error| Error::new(ErrorKind::Device, format!("the device failed while a tensor was read: {error:?}")))
}

/// Looks at every parameter of `module`.
pub(crate) fn visit<M: Module>(module: &M, visitor: &mut dyn ErasedVisitor) -> Result<()> {
    let mut visitor = DynVisitor { visitor, path: PathStack::default(), index: 0, result: Ok(()) };
    module.visit(&mut visitor);
    visitor.result
}

/// The places of running statistics, such as BatchNorm's, among the float parameters of a module in training form.
///
/// Burn shows them as parameters that want no gradient, as frozen ones are. Unlike those they cannot be made to want one.
///
/// # Errors
/// When the module cannot be looked at.
pub(crate) fn running_statistics<M: Module>(module: &M) -> Result<BTreeSet<usize>> {
    #[derive(Default)]
    struct Untrained {
        paths: BTreeSet<String>,
        places: BTreeSet<usize>,
    }

    impl ErasedVisitor for Untrained {
        fn float(&mut self, index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
            if !param.is_trainable() {
                self.paths.insert(path.to_owned());
                self.places.insert(index);
            }
            Ok(())
        }
    }

    let mut untrained = Untrained::default();
    visit(module, &mut untrained)?;
    if untrained.paths.is_empty() {
        return Ok(untrained.places);
    }
    // Statistics of its own: a module shares them with its clones.
    let thawed = module.clone().train();
    let mode = MapMode::Exactly { freeze: &BTreeSet::new(), thaw: &untrained.paths };
    let thawed = thawed.map(&mut DynMapper::new(mode));
    let mut statistics = Untrained::default();
    visit(&thawed, &mut statistics)?;
    Ok(statistics.places)
}

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
    FreezeOthers { optimizer: &'a Optimizer, hidden: &'a mut Vec<usize> },
    /// Give it back to those noted, which are in order.
    Unfreeze { hidden: &'a [usize] },
    /// Freeze or unfreeze everything below a path.
    Trainable { below: &'a str, on: bool },
    /// Freeze some parameters and flags, and unfreeze others, by path.
    Exactly { freeze: &'a BTreeSet<String>, thaw: &'a BTreeSet<String> },
    /// Compute new values.
    Values(&'a mut dyn ValueMapper),
    /// Give every parameter an id of its own.
    Fresh,
    /// Compute in another type, inside the graph.
    Lower,
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
            MapMode::FreezeOthers { optimizer, hidden } => {
                if optimizer.trains(index, param.id) || !param.is_require_grad() {
                    return param;
                }
                hidden.push(index);
                param.set_require_grad(false)
            }
            MapMode::Unfreeze { hidden } => {
                if hidden.binary_search(&index).is_ok() {
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
            MapMode::Lower => match precision::CastTarget::of_parameter() {
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
fn exactly(path: &str, freeze: &BTreeSet<String>, thaw: &BTreeSet<String>) -> Option<bool> {
    thaw.contains(path).then_some(true).or_else(|| freeze.contains(path).then_some(false))
}

fn hollow<const D: usize>(param: Param<Tensor<D>>) -> Param<Tensor<D>> {
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

fn replace_value<const D: usize>(
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

/// A copy of a module with parameters of its own, for an `#[init(copy_of(student))]`.
///
/// Burn's `clone` keeps the ids of parameters and shares the running statistics of BatchNorm: two clones in one model are one
/// model to an optimizer. The copy has the values, new ids and statistics of its own; it is in evaluation form until
/// `fit` trains it.
///
/// ```
/// use burn::{nn::LinearConfig, prelude::*};
/// use lightning_core::copy_of;
///
/// let student = LinearConfig::new(4, 2).init(&Device::default());
/// let teacher = copy_of(&student);
/// assert_ne!(student.weight.id, teacher.weight.id);
/// assert_eq!(student.weight.to_data(), teacher.weight.to_data());
/// ```
#[must_use]
pub fn copy_of<M: Module>(module: &M) -> M {
    module.valid().map(&mut DynMapper::new(MapMode::Fresh))
}

/// One gradient, with the parameter it belongs to.
#[derive(Debug)]
pub(crate) struct Gradient {
    pub(crate) id: ParamId,
    pub(crate) value: BridgeTensor,
}

/// The gradients of one window, summed over its backward passes, in the order of the module's parameters.
#[derive(Debug, Default)]
pub(crate) struct GradientStore {
    slots: Vec<Option<Gradient>>,
    /// Backward passes in the window.
    passes: u64,
    /// What the sum is divided by to be a mean.
    weight: Option<Weight>,
    /// What the losses were multiplied by; `None` for 1.
    loss_scale: Option<f64>,
}

impl GradientStore {
    /// Starts a window.
    pub(crate) fn clear(&mut self) {
        self.slots.clear();
        self.passes = 0;
        self.weight = None;
        self.loss_scale = None;
    }

    /// Backward passes since the window started.
    pub(crate) fn passes(&self) -> u64 {
        self.passes
    }

    /// What the window's sum is divided by to be a mean.
    pub(crate) fn weight(&self) -> Weight {
        self.weight.clone().unwrap_or(Weight::Number(1.0))
    }

    /// What the losses were multiplied by.
    pub(crate) fn loss_scale(&self) -> f64 {
        self.loss_scale.unwrap_or(1.0)
    }

    /// Says what the losses were multiplied by.
    pub(crate) fn mark_loss_scale(&mut self, scale: f64) {
        self.loss_scale = Some(scale);
    }

    /// Says what the next loss is multiplied by. What is in the window already follows.
    pub(crate) fn set_loss_scale(&mut self, scale: f64) {
        let ratio = scale / self.loss_scale();
        if ratio != 1.0 {
            for slot in &mut self.slots {
                *slot = slot.take().map(|Gradient { id, value }| Gradient { id, value: scaled(value, ratio) });
            }
        }
        self.loss_scale = Some(scale);
    }

    /// Takes the gradients of the parameters that `optimizers` train out of `gradients` and adds them to the window.
    pub(crate) fn collector<'a>(
        &'a mut self,
        gradients: &'a mut Gradients,
        weight: Weight,
        optimizers: &'a mut [Optimizer],
    ) -> impl ErasedVisitor + 'a {
        self.passes += 1;
        self.weight = Some(match self.weight.take() {
            Some(sum) => sum.add(weight),
            None => weight,
        });
        GradientCollector { store: self, gradients, optimizers }
    }

    /// Whether the parameter has a gradient here.
    pub(crate) fn has(&self, index: usize, id: ParamId) -> bool {
        matches!(self.slots.get(index), Some(Some(gradient)) if gradient.id == id)
    }

    /// Takes the gradient of the parameter.
    pub(crate) fn take(&mut self, index: usize) -> Option<Gradient> {
        self.slots.get_mut(index).and_then(Option::take)
    }

    /// The gradient of the parameter.
    pub(crate) fn get(&self, index: usize, id: ParamId) -> Option<&BridgeTensor> {
        match self.slots.get(index) {
            Some(Some(gradient)) if gradient.id == id => Some(&gradient.value),
            _ => None,
        }
    }

    /// Puts a gradient back, as a checkpoint has it.
    pub(crate) fn put(&mut self, index: usize, id: ParamId, value: BridgeTensor) {
        self.add(index, Gradient { id, value });
    }

    /// Says of how many backward passes the gradients are the sum, and what that is divided by to be a mean.
    pub(crate) fn set_passes(&mut self, passes: u64, weight: Weight) {
        (self.passes, self.weight) = (passes, Some(weight));
    }

    /// Gives the gradient of the parameter at this place, if there is one, to `change`, which hands it back.
    pub(crate) fn change(&mut self, index: usize, change: impl FnOnce(BridgeTensor) -> BridgeTensor) {
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = slot.take().map(|Gradient { id, value }| Gradient { id, value: change(value) });
        }
    }

    /// Gives every gradient of the parameters that an optimizer trains to `change`, which hands it back.
    pub(crate) fn for_each_of(&mut self, optimizer: &Optimizer, mut change: impl FnMut(BridgeTensor) -> BridgeTensor) {
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if slot.as_ref().is_some_and(|gradient| optimizer.trains(index, gradient.id)) {
                *slot = slot.take().map(|Gradient { id, value }| Gradient { id, value: change(value) });
            }
        }
    }

    /// All gradients, by the place of their parameters.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Gradient)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| slot.as_ref().map(|gradient| (index, gradient)))
    }

    fn add(&mut self, index: usize, new: Gradient) {
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = Some(match slot.take() {
                Some(sum) if sum.id == new.id => Gradient { id: new.id, value: add(sum.value, new.value) },
                _ => new,
            });
        }
    }
}

fn add(a: BridgeTensor, b: BridgeTensor) -> BridgeTensor {
    with_rank!(a.rank(), D => Tensor::<D>::from_bridge(a).add(Tensor::from_bridge(b)).into_bridge(), a)
}

fn scaled(value: BridgeTensor, factor: f64) -> BridgeTensor {
    with_rank!(value.rank(), D => Tensor::<D>::from_bridge(value).mul_scalar(factor).into_bridge(), value)
}

struct GradientCollector<'a> {
    store: &'a mut GradientStore,
    gradients: &'a mut Gradients,
    optimizers: &'a mut [Optimizer],
}

impl ErasedVisitor for GradientCollector<'_> {
    fn float(&mut self, index: usize, id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        let info = ParamInfo { index, id, path, rank: param.rank() };
        let mut trained = false;
        for optimizer in &mut *self.optimizers {
            trained |= optimizer.assign(&info);
        }
        if let Some(value) = trained.then(|| param.take_gradient(self.gradients)).flatten() {
            self.store.add(index, Gradient { id, value: precision::widened(value) });
        }
        Ok(())
    }
}

/// A tensor that a module keeps but does not train.
#[diagnostic::on_unimplemented(
    message = "a buffer must be a tensor, found `{Self}`",
    label = "expected `Tensor<D>`, `Tensor<D, Int>` or `Tensor<D, Bool>`",
    note = "data that is no tensor is a `#[state]` field"
)]
pub trait Buffer: Sized {
    /// The values on the host.
    #[doc(hidden)]
    fn buffer_data(&self) -> Result<TensorData>;
    /// A buffer of the same kind on the same device with other values.
    #[doc(hidden)]
    fn with_data(&self, data: TensorData) -> Self;
    /// The shape.
    #[doc(hidden)]
    fn buffer_dims(&self) -> Vec<usize>;
    /// Shows it.
    #[doc(hidden)]
    fn visit(&self, name: &str, visitor: &mut dyn BufferVisitor) {
        visitor.buffer(name, &self.buffer_dims(), &|| self.buffer_data());
    }
    /// Offers it for replacement.
    #[doc(hidden)]
    fn replace(&mut self, name: &str, mapper: &mut dyn BufferMapper) -> Result<()> {
        if let Some(data) = mapper.buffer(name, &self.buffer_dims())? {
            *self = self.with_data(data);
        }
        Ok(())
    }
}

impl<const D: usize, K: burn::tensor::kind::Basic> Buffer for Tensor<D, K> {
    fn buffer_data(&self) -> Result<TensorData> {
        read_tensor(self.clone())
    }

    fn with_data(&self, data: TensorData) -> Self {
        Self::from_data(data, &self.device())
    }

    fn buffer_dims(&self) -> Vec<usize> {
        self.dims().to_vec()
    }
}

/// Looks at every buffer of a module.
pub trait BufferVisitor {
    /// One buffer: its name, its shape and its values.
    fn buffer(&mut self, name: &str, dims: &[usize], data: &dyn Fn() -> Result<TensorData>);
}

/// Replaces buffers of a module.
pub trait BufferMapper {
    /// The stored values of the buffer, if there are any.
    ///
    /// # Errors
    /// When what is stored does not fit.
    fn buffer(&mut self, name: &str, dims: &[usize]) -> Result<Option<TensorData>>;
}
