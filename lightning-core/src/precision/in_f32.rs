//! A module that stays in float32 while its surroundings compute in 16 bits.

use std::cell::Cell;

use burn::{
    module::{Content, DisplaySettings, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor},
    tensor::{Device, FloatDType},
};

use super::{Layer, is_half};
use crate::batch::Batch;

/// A module that is kept and computed in float32 in a run of 16 bits: what `#[precision(f32)]` makes of a field.
///
/// Its input is cast to float32 and its output back. In `32-true` and `64-true` it is as if it were not there. The paths of
/// parameters do not show it, so it can be added to a model that has checkpoints.
///
/// It is needed where 16 bits are too few, or where a module mixes its input with what Burn leaves in float32: running
/// statistics (`BatchNorm`), tables (`RotaryEncoding`, `PositionalEncoding`), initial states (`Lstm`, `Gru`).
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
    /// What the surroundings compute in, where that has 16 bits.
    around: Option<FloatDType>,
}

impl<M> InF32<M> {
    /// Keeps a module in float32.
    pub fn new(module: M) -> Self {
        Self { inner: module, around: None }
    }

    /// The module itself. What it computes is not cast.
    pub fn inner(&self) -> &M {
        &self.inner
    }

    /// The module itself, to be changed.
    pub fn inner_mut(&mut self) -> &mut M {
        &mut self.inner
    }

    /// Takes the module out.
    pub fn into_inner(self) -> M {
        self.inner
    }

    /// Runs a layer of one input.
    pub fn forward<I: Batch>(&self, input: I) -> M::Output
    where
        M: Layer<I>,
    {
        self.call(input, M::run)
    }

    /// Runs the module on an input of any form, several tensors in a tuple among them: floats go in as float32, and come out
    /// in the type of the surroundings.
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
        match self.around {
            None => run(&self.inner, input),
            Some(around) => run(&self.inner, input.cast(FloatDType::F32)).cast(around),
        }
    }
}

impl<M> From<M> for InF32<M> {
    fn from(module: M) -> Self {
        Self::new(module)
    }
}

thread_local! {
    /// The type that parameters are being cast to.
    static TARGET: Cell<Option<FloatDType>> = const { Cell::new(None) };
    /// Whether what is being looked at lies in an [`InF32`].
    static KEPT: Cell<bool> = const { Cell::new(false) };
}

/// Restores a thread's cell when it goes.
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

/// A cast that is going on. Burn's mappers are told of structs and parameters alone, and another part of a parameter's path would
/// change the names in checkpoints: so an [`InF32`] learns of a cast, and a cast of it, through the thread.
pub(crate) struct Target(#[expect(dead_code, reason = "it ends the cast when it goes")] Restore<Option<FloatDType>>);

impl Target {
    pub(crate) fn set(dtype: FloatDType) -> Self {
        Self(Restore::set(&TARGET, Some(dtype)))
    }

    /// What the parameter at hand is cast to.
    pub(crate) fn of_parameter() -> Option<FloatDType> {
        let target = TARGET.get()?;
        Some(if is_half(target) && KEPT.get() { FloatDType::F32 } else { target })
    }
}

/// Whether the parameter being looked at lies in an [`InF32`].
pub(crate) fn is_kept() -> bool {
    KEPT.get()
}

impl<M: Module> Module for InF32<M> {
    fn collect_devices(&self, devices: Vec<Device>) -> Vec<Device> {
        self.inner.collect_devices(devices)
    }

    fn fork(self, device: &Device) -> Self {
        Self { inner: self.inner.fork(device), around: self.around }
    }

    fn to_device(self, device: &Device) -> Self {
        Self { inner: self.inner.to_device(device), around: self.around }
    }

    fn train(self) -> Self {
        Self { inner: self.inner.train(), around: self.around }
    }

    fn valid(&self) -> Self {
        Self { inner: self.inner.valid(), around: self.around }
    }

    fn materialize(self) -> Self {
        Self { inner: self.inner.materialize(), around: self.around }
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        let _kept = Restore::set(&KEPT, true);
        self.inner.visit(visitor);
    }

    fn map<Mapper: ModuleMapper>(self, mapper: &mut Mapper) -> Self {
        let around = match TARGET.get() {
            None => self.around,
            Some(target) => Some(target).filter(|target| is_half(*target)),
        };
        let _kept = Restore::set(&KEPT, true);
        Self { inner: self.inner.map(mapper), around }
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
