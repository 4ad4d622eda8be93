//! A module that stays in float32 while the rest of the model computes in 16 bits.

use std::cell::Cell;

use burn::{
    module::{Content, DisplaySettings, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor},
    tensor::{Device, FloatDType},
};

use super::{Layer, is_half};
use crate::batch::Batch;

/// A module that stays and computes in float32 in a 16-bit run; `#[precision(f32)]` wraps a field
/// in it.
///
/// The input is cast to float32 and the output back. With `32-true` and `64-true` it has no effect.
/// The paths of parameters do not contain it, so it can be added to a model that has checkpoints.
///
/// Use it where 16 bits are not accurate enough, and for modules that combine their input with
/// tensors that Burn leaves in float32: running statistics (`BatchNorm`), tables (`RotaryEncoding`,
/// `PositionalEncoding`), and initial states (`Lstm`, `Gru`).
///
/// ```
/// use burn::{nn::*, prelude::*};
/// use lightning_core::precision::InF32;
///
/// /// As a field of a lightning module: `#[precision(f32)] #[init(…)] norm: BatchNorm`.
/// #[derive(Module, Debug)]
/// struct Block {
///     conv: conv::Conv2d,
///     norm: InF32<BatchNorm>,
/// }
///
/// impl Block {
///     fn forward(&self, x: Tensor<4>) -> Tensor<4> {
///         self.norm.forward(self.conv.forward(x))
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct InF32<M> {
    inner: M,
    /// The type that the rest of the model computes in, if it has 16 bits.
    outer: Option<FloatDType>,
}

impl<M> InF32<M> {
    /// Keeps a module in float32.
    pub fn new(module: M) -> Self {
        Self { inner: module, outer: None }
    }

    /// Returns the wrapped module, whose inputs and outputs are not cast.
    pub fn inner(&self) -> &M {
        &self.inner
    }

    /// Returns the wrapped module for changes.
    pub fn inner_mut(&mut self) -> &mut M {
        &mut self.inner
    }

    /// Unwraps the module.
    pub fn into_inner(self) -> M {
        self.inner
    }

    /// Runs a layer with one input.
    pub fn forward<I: Batch>(&self, input: I) -> M::Output
    where
        M: Layer<I>,
    {
        self.call(input, M::run)
    }

    /// Runs the module with any input, such as a tuple of tensors.
    ///
    /// Floats are cast to float32 for `run`, and its floats are cast back to the type of the rest
    /// of the model.
    ///
    /// ```
    /// use burn::{nn::gru::*, prelude::*};
    /// use lightning_core::precision::InF32;
    ///
    /// let device = Device::default();
    /// let gru = InF32::new(GruConfig::new(3, 5, true).init(&device));
    /// let x = Tensor::<3>::zeros([2, 4, 3], &device);
    /// let state: Option<Tensor<2>> = None;
    /// let out = gru.call((x, state), |gru, (x, state)| gru.forward(x, state));
    /// assert_eq!(out.dims(), [2, 4, 5]);
    /// ```
    pub fn call<I: Batch, O: Batch>(&self, input: I, run: impl FnOnce(&M, I) -> O) -> O {
        match self.outer {
            None => run(&self.inner, input),
            Some(outer) => run(&self.inner, input.cast(FloatDType::F32)).cast(outer),
        }
    }
}

impl<M> From<M> for InF32<M> {
    fn from(module: M) -> Self {
        Self::new(module)
    }
}

thread_local! {
    /// The type that the current cast converts parameters to.
    static TARGET: Cell<Option<FloatDType>> = const { Cell::new(None) };
    /// Whether the current visit or map is inside an [`InF32`].
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Restores the value of a thread-local cell when dropped.
struct Restore<T: Copy + 'static> {
    cell: &'static std::thread::LocalKey<Cell<T>>,
    before: T,
}

impl<T: Copy + 'static> Restore<T> {
    fn set(cell: &'static std::thread::LocalKey<Cell<T>>, value: T) -> Self {
        Self { cell, before: cell.replace(value) }
    }
}

impl<T: Copy + 'static> Drop for Restore<T> {
    fn drop(&mut self) {
        self.cell.set(self.before);
    }
}

/// The duration of a cast of a module on this thread.
///
/// Burn's mappers see only structs and parameters, and a struct for [`InF32`] would add a part to
/// the parameter paths in checkpoints. So a cast and the [`InF32`]s inside the module communicate
/// through thread-local cells.
pub(crate) struct CastTarget(#[expect(dead_code, reason = "ends the cast when dropped")] Restore<Option<FloatDType>>);

impl CastTarget {
    /// Starts a cast to `dtype`, which ends when the value is dropped.
    pub(crate) fn set(dtype: FloatDType) -> Self {
        Self(Restore::set(&TARGET, Some(dtype)))
    }

    /// Returns the type that the current parameter is cast to; `None` outside of a cast.
    pub(crate) fn of_parameter() -> Option<FloatDType> {
        let target = TARGET.get()?;
        Some(if is_half(target) && INSIDE.get() { FloatDType::F32 } else { target })
    }
}

/// Returns whether the current parameter is inside an [`InF32`].
pub(crate) fn is_inside_in_f32() -> bool {
    INSIDE.get()
}

impl<M: Module> Module for InF32<M> {
    fn collect_devices(&self, devices: Vec<Device>) -> Vec<Device> {
        self.inner.collect_devices(devices)
    }

    fn fork(self, device: &Device) -> Self {
        Self { inner: self.inner.fork(device), outer: self.outer }
    }

    fn to_device(self, device: &Device) -> Self {
        Self { inner: self.inner.to_device(device), outer: self.outer }
    }

    fn train(self) -> Self {
        Self { inner: self.inner.train(), outer: self.outer }
    }

    fn valid(&self) -> Self {
        Self { inner: self.inner.valid(), outer: self.outer }
    }

    fn materialize(self) -> Self {
        Self { inner: self.inner.materialize(), outer: self.outer }
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        let _inside = Restore::set(&INSIDE, true);
        self.inner.visit(visitor);
    }

    fn map<Mapper: ModuleMapper>(self, mapper: &mut Mapper) -> Self {
        let outer = match TARGET.get() {
            None => self.outer,
            Some(target) => Some(target).filter(|target| is_half(*target)),
        };
        let _inside = Restore::set(&INSIDE, true);
        Self { inner: self.inner.map(mapper), outer }
    }
}

impl<M: ModuleDisplay> ModuleDisplayDefault for InF32<M> {
    fn content(&self, content: Content) -> Option<Content> {
        self.inner.content(content)
    }

    fn num_params(&self) -> usize {
        ModuleDisplayDefault::num_params(&self.inner)
    }
}

impl<M: ModuleDisplay> ModuleDisplay for InF32<M> {
    fn format(&self, settings: DisplaySettings) -> String {
        self.inner.format(settings)
    }
}
