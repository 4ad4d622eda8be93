//! What an optimizer has to say to be fused.

use burn::tensor::{DType, TensorData};

use super::pass::Real;

/// A tensor of an optimizer's state, under its name in Burn's record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaf {
    pub(super) name: &'static str,
    /// Whether a record without it is complete: it counts as zeros then.
    pub(super) optional: bool,
}

impl Leaf {
    pub(super) const fn required(name: &'static str) -> Self {
        Self { name, optional: false }
    }

    pub(super) const fn optional(name: &'static str) -> Self {
        Self { name, optional: true }
    }
}

/// The numbers of one step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) lr: f64,
    /// What the gradient is multiplied with.
    pub(super) factor: f64,
    /// Steps of this parameter, this one included.
    pub(super) time: usize,
    /// Whether the parameter had no state: all of it is zeros.
    pub(super) fresh: bool,
}

/// The state of a parameter, lent to one step.
#[derive(Debug)]
pub(super) struct Buffers<'a>(pub(super) &'a mut [TensorData]);

impl<'a> Buffers<'a> {
    /// The first `N` tensors. A [`Rule`](super::Rule) has made sure of their number, type and size.
    pub(super) fn take<F: Real, const N: usize>(self) -> [&'a mut [F]; N] {
        let mut tensors = self.0.iter_mut();
        std::array::from_fn(|_| tensors.next().and_then(|data| data.as_mut_slice().ok()).unwrap_or_default())
    }
}

/// An optimizer that updates a parameter in one pass.
pub(super) trait Algorithm: Send + Sync + 'static {
    /// The tensors of the state, in the order in which `update` takes them.
    fn leaves(&self) -> &'static [Leaf];

    /// The name of the step counter in Burn's record, where there is one.
    fn clock(&self) -> Option<&'static str> {
        None
    }

    /// A tensor of Burn's record that follows from the others.
    fn derived(&self, state: &[TensorData]) -> Option<(&'static str, TensorData)> {
        let _ = state;
        None
    }

    /// The pass. `value` and `gradient` are equally long, and so is everything in `state`.
    fn update<F: Real>(&self, step: &Step, value: &mut [F], gradient: &[F], state: Buffers<'_>);
}

/// An [`Algorithm`] for any type of number.
pub(super) trait Erased: Send + Sync {
    fn leaves(&self) -> &'static [Leaf];
    fn clock(&self) -> Option<&'static str>;
    fn derived(&self, state: &[TensorData]) -> Option<(&'static str, TensorData)>;
    /// Whether the pass was made; when not, nothing has changed.
    fn update(&self, step: &Step, value: &mut TensorData, gradient: &TensorData, state: &mut [TensorData]) -> bool;
}

impl<A: Algorithm> Erased for A {
    fn leaves(&self) -> &'static [Leaf] {
        Algorithm::leaves(self)
    }

    fn clock(&self) -> Option<&'static str> {
        Algorithm::clock(self)
    }

    fn derived(&self, state: &[TensorData]) -> Option<(&'static str, TensorData)> {
        Algorithm::derived(self, state)
    }

    fn update(&self, step: &Step, value: &mut TensorData, gradient: &TensorData, state: &mut [TensorData]) -> bool {
        match value.dtype() {
            DType::F32 => update::<f32, A>(self, step, value, gradient, state),
            DType::F64 => update::<f64, A>(self, step, value, gradient, state),
            _ => None,
        }
        .is_some()
    }
}

fn update<F: Real, A: Algorithm>(
    algorithm: &A,
    step: &Step,
    value: &mut TensorData,
    gradient: &TensorData,
    state: &mut [TensorData],
) -> Option<()> {
    let value = value.as_mut_slice::<F>().ok()?;
    let gradient = gradient.as_slice::<F>().ok()?;
    let fits = |data: &TensorData| data.as_slice::<F>().is_ok_and(|slice| slice.len() == value.len());
    let all = gradient.len() == value.len() && state.len() == algorithm.leaves().len() && state.iter().all(fits);
    all.then(|| algorithm.update(step, value, gradient, Buffers(state)))
}
