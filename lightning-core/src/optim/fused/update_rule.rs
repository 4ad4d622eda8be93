//! The update of one parameter: fused where possible, Burn's elsewhere.

use std::{fmt, sync::Arc};

use burn::{
    optim::{DynOptimizer, DynState, LearningRate, StateSink, StateSource},
    tensor::{Device, TensorData, kind::BridgeTensor},
};

use super::{
    bridge::{device, from_data, host_device, into_data, scaled},
    optimizer::{DynFusedOptimizer, Step},
    state::HostState,
};
use crate::tensor::readback;

/// Updates one parameter at a time: in a fused pass where there is one, by Burn's optimizer
/// elsewhere.
#[derive(Clone)]
pub(crate) struct UpdateRule {
    burn: Arc<dyn DynOptimizer>,
    fused: Option<Arc<dyn DynFusedOptimizer>>,
}

impl fmt::Debug for UpdateRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.fused.is_some() { "fused" } else { "Burn's" })
    }
}

/// The content of a [`DynState`] of an [`UpdateRule`].
#[derive(Clone)]
enum RuleState {
    Host(HostState),
    Burn(DynState),
}

impl UpdateRule {
    /// Creates a rule without a fused pass.
    pub(super) fn burn(optimizer: impl DynOptimizer + 'static) -> Self {
        Self { burn: Arc::new(optimizer), fused: None }
    }

    /// Adds the fused pass of the same configuration, if there is one.
    #[must_use]
    pub(super) fn fused_by(self, fused: Option<Arc<dyn DynFusedOptimizer>>) -> Self {
        Self { fused, ..self }
    }

    /// Returns the same rule without the fused pass.
    #[must_use]
    pub(crate) fn unfused(self) -> Self {
        Self { fused: None, ..self }
    }

    /// Returns whether there is a fused pass.
    pub(crate) fn is_fused(&self) -> bool {
        self.fused.is_some()
    }

    /// Returns the size of the state of a parameter of `bytes` bytes; `None` for an optimizer without a
    /// fused pass, whose states are not known.
    pub(crate) fn state_bytes(&self, bytes: u64) -> Option<u64> {
        self.fused.as_ref().map(|fused| fused.state_tensors().len() as u64 * bytes)
    }

    /// Updates a parameter as [`step_dyn`](DynOptimizer::step_dyn) does, with the gradient
    /// multiplied by `gradient_scale`, which a fused pass does in the same loop.
    pub(crate) fn step_scaled(
        &self,
        rank: usize,
        lr: LearningRate,
        value: BridgeTensor,
        gradient: BridgeTensor,
        state: Option<DynState>,
        gradient_scale: f64,
    ) -> (BridgeTensor, Option<DynState>) {
        let state = state.map(DynState::downcast::<RuleState>);
        let device = host_device(&value).filter(|_| self.is_fused() && gradient.dtype() == value.dtype());
        let (Some(fused), Some(device)) = (&self.fused, device) else {
            return self.step_burn(rank, lr, value, gradient, state, gradient_scale);
        };
        let mut state = match state {
            None => HostState::default(),
            Some(RuleState::Host(state)) => state,
            Some(RuleState::Burn(state)) => match self.to_host(&**fused, &state) {
                Some(state) => state,
                None => {
                    return self.step_burn(rank, lr, value, gradient, Some(RuleState::Burn(state)), gradient_scale);
                }
            },
        };
        let (mut value, gradient) = (into_data(value), into_data(gradient));
        let is_first = state.resize(fused.state_tensors().len(), &value);
        let step = Step { lr, gradient_scale, time: state.time + 1, is_first };
        if fused.update(&step, &mut value, &gradient, &mut state.tensors) {
            state.time = step.time;
            return (from_data(value, &device), Some(DynState::create(RuleState::Host(state), rank)));
        }
        let state = (!is_first).then_some(RuleState::Host(state));
        self.step_burn(rank, lr, from_data(value, &device), from_data(gradient, &device), state, gradient_scale)
    }

    /// Writes a state as [`state_flatten`](DynOptimizer::state_flatten) does, except for tensors in
    /// host memory, which are returned without a copy.
    pub(crate) fn share_state(&self, prefix: &str, state: &DynState, out: &mut StateSink) -> Vec<SharedTensor> {
        let (RuleState::Host(host), Some(fused)) = (state.downcast_ref::<RuleState>(), &self.fused) else {
            self.state_flatten(prefix, state, out);
            return Vec::new();
        };
        host.flatten_derived(&**fused, prefix, out);
        let names = host.names(&**fused, prefix).enumerate();
        names.map(|(index, name)| SharedTensor { name, state: state.clone(), index }).collect()
    }

    fn step_burn(
        &self,
        rank: usize,
        lr: LearningRate,
        value: BridgeTensor,
        gradient: BridgeTensor,
        state: Option<RuleState>,
        gradient_scale: f64,
    ) -> (BridgeTensor, Option<DynState>) {
        let state = match state {
            Some(RuleState::Host(state)) => self.to_burn(rank, &state, &device(&value)),
            Some(RuleState::Burn(state)) => Some(state),
            None => None,
        };
        let gradient = if gradient_scale == 1.0 { gradient } else { scaled(gradient, gradient_scale) };
        let (value, state) = self.burn.step_dyn(rank, lr, value, gradient, state);
        (value, state.map(|state| DynState::create(RuleState::Burn(state), rank)))
    }

    /// Converts a state to Burn's form. `None` if Burn cannot read it; the state then starts over.
    fn to_burn(&self, rank: usize, state: &HostState, device: &Device) -> Option<DynState> {
        let mut sink = StateSink::default();
        state.flatten(&**self.fused.as_ref()?, "", &mut sink);
        self.burn.state_unflatten(rank, "", &mut source(sink), device)
    }

    fn to_host(&self, fused: &dyn DynFusedOptimizer, state: &DynState) -> Option<HostState> {
        let mut sink = StateSink::default();
        self.burn.state_flatten("", state, &mut sink);
        HostState::unflatten(fused, "", &mut source(sink))
    }
}

/// The states of a rule are [`RuleState`]s, which no other optimizer reads.
impl DynOptimizer for UpdateRule {
    fn step_dyn(
        &self,
        rank: usize,
        lr: LearningRate,
        value: BridgeTensor,
        gradient: BridgeTensor,
        state: Option<DynState>,
    ) -> (BridgeTensor, Option<DynState>) {
        self.step_scaled(rank, lr, value, gradient, state, 1.0)
    }

    fn to_device_dyn(&self, state: DynState, device: &Device) -> DynState {
        let rank = state.rank();
        let state = match state.downcast::<RuleState>() {
            RuleState::Burn(state) => RuleState::Burn(self.burn.to_device_dyn(state, device)),
            // The next step on another device moves it there.
            host => host,
        };
        DynState::create(state, rank)
    }

    fn state_flatten(&self, prefix: &str, state: &DynState, out: &mut StateSink) {
        match (state.downcast_ref::<RuleState>(), &self.fused) {
            (RuleState::Burn(state), _) => self.burn.state_flatten(prefix, state, out),
            (RuleState::Host(state), Some(fused)) => state.flatten(&**fused, prefix, out),
            (RuleState::Host(_), None) => {}
        }
    }

    fn state_unflatten(
        &self,
        rank: usize,
        prefix: &str,
        source: &mut StateSource,
        device: &Device,
    ) -> Option<DynState> {
        let state = match &self.fused {
            Some(fused) if readback::is_host(device) => {
                RuleState::Host(HostState::unflatten(&**fused, prefix, source)?)
            }
            _ => RuleState::Burn(self.burn.state_unflatten(rank, prefix, source, device)?),
        };
        Some(DynState::create(state, rank))
    }
}

/// A tensor of a state, shared with the optimizer.
///
/// It keeps its values while the training continues: the optimizer copies a shared state before it
/// changes it.
pub(crate) struct SharedTensor {
    /// The name in Burn's record.
    pub(crate) name: String,
    state: DynState,
    index: usize,
}

impl fmt::Debug for SharedTensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedTensor").field("name", &self.name).finish_non_exhaustive()
    }
}

impl SharedTensor {
    /// Returns the values. Always `Some` for a tensor from [`UpdateRule::share_state`].
    pub(crate) fn data(&self) -> Option<&TensorData> {
        match self.state.downcast_ref::<RuleState>() {
            RuleState::Host(state) => state.tensors.get(self.index),
            RuleState::Burn(_) => None,
        }
    }
}

fn source(sink: StateSink) -> StateSource {
    let mut source = StateSource::new(sink.scalars.into_iter().collect());
    for (name, data) in sink.tensors {
        source.insert_tensor(name, data);
    }
    source
}
