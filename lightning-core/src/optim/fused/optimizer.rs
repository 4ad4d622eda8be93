//! The trait of a fused optimizer.

use burn::tensor::{DType, TensorData};

use super::float::Float;

/// A tensor of an optimizer's state.
#[derive(Clone, Copy, Debug)]
pub(super) struct StateTensor {
    /// The name in Burn's record.
    pub(super) name: &'static str,
    /// Whether a record may lack the tensor, which is zeros then.
    pub(super) optional: bool,
}

impl StateTensor {
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
    /// The learning rate.
    pub(super) lr: f64,
    /// What the gradient is multiplied by.
    pub(super) gradient_scale: f64,
    /// The steps of this parameter, including this one.
    pub(super) time: usize,
    /// Whether this is the first step with this state, which is all zeros then.
    pub(super) is_first: bool,
}

/// The state of a parameter during one step.
#[derive(Debug)]
pub(super) struct StateBuffers<'a>(pub(super) &'a mut [TensorData]);

impl<'a> StateBuffers<'a> {
    /// Returns the first `N` tensors. [`DynFusedOptimizer`] checks their number, type and size.
    pub(super) fn take<F: Float, const N: usize>(self) -> [&'a mut [F]; N] {
        let mut tensors = self.0.iter_mut();
        std::array::from_fn(|_| tensors.next().and_then(|data| data.as_mut_slice().ok()).unwrap_or_default())
    }
}

/// An optimizer that updates a parameter in one pass.
pub(super) trait FusedOptimizer: Send + Sync + 'static {
    /// Returns the tensors of the state, in the order in which `update` takes them.
    fn state_tensors(&self) -> &'static [StateTensor];

    /// Returns the name of the step counter in Burn's record, if it has one.
    fn step_counter(&self) -> Option<&'static str> {
        None
    }

    /// Computes a tensor of Burn's record that follows from the state and is not part of it.
    fn derived_tensor(&self, state: &[TensorData]) -> Option<(&'static str, TensorData)> {
        let _ = state;
        None
    }

    /// Runs the pass. `value`, `gradient` and all tensors of `state` have equal lengths.
    fn update<F: Float>(&self, step: &Step, value: &mut [F], gradient: &[F], state: StateBuffers<'_>);
}

/// A [`FusedOptimizer`] without its float type, as a trait object.
pub(super) trait DynFusedOptimizer: Send + Sync {
    fn state_tensors(&self) -> &'static [StateTensor];
    fn step_counter(&self) -> Option<&'static str>;
    fn derived_tensor(&self, state: &[TensorData]) -> Option<(&'static str, TensorData)>;
    /// Runs the pass and returns whether it ran. If it did not, nothing has changed.
    fn update(&self, step: &Step, value: &mut TensorData, gradient: &TensorData, state: &mut [TensorData]) -> bool;
}

impl<O: FusedOptimizer> DynFusedOptimizer for O {
    fn state_tensors(&self) -> &'static [StateTensor] {
        FusedOptimizer::state_tensors(self)
    }

    fn step_counter(&self) -> Option<&'static str> {
        FusedOptimizer::step_counter(self)
    }

    fn derived_tensor(&self, state: &[TensorData]) -> Option<(&'static str, TensorData)> {
        FusedOptimizer::derived_tensor(self, state)
    }

    fn update(&self, step: &Step, value: &mut TensorData, gradient: &TensorData, state: &mut [TensorData]) -> bool {
        match value.dtype() {
            DType::F32 => update::<f32, O>(self, step, value, gradient, state),
            DType::F64 => update::<f64, O>(self, step, value, gradient, state),
            _ => None,
        }
        .is_some()
    }
}

fn update<F: Float, O: FusedOptimizer>(
    optimizer: &O,
    step: &Step,
    value: &mut TensorData,
    gradient: &TensorData,
    state: &mut [TensorData],
) -> Option<()> {
    let value = value.as_mut_slice::<F>().ok()?;
    let gradient = gradient.as_slice::<F>().ok()?;
    let fits = |data: &TensorData| data.as_slice::<F>().is_ok_and(|slice| slice.len() == value.len());
    let all_fit =
        gradient.len() == value.len() && state.len() == optimizer.state_tensors().len() && state.iter().all(fits);
    all_fit.then(|| optimizer.update(step, value, gradient, StateBuffers(state)))
}
