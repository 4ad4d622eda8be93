//! The update of one parameter: fused where that is possible, Burn's elsewhere.

use std::{fmt, sync::Arc};

use burn::{
    optim::{DynOptimizer, DynState, LearningRate, StateSink, StateSource},
    tensor::{DType, Device, Tensor, TensorData, kind::BridgeTensor},
};

use super::{
    optimizer::{Erased, Step},
    state::HostState,
};
use crate::tensor::{any_rank::with_rank, readback};

/// An optimizer of one parameter at a time: Burn's, with a fused pass in its place where there is one.
#[derive(Clone)]
pub(crate) struct Rule {
    burn: Arc<dyn DynOptimizer>,
    fused: Option<Arc<dyn Erased>>,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.fused.is_some() { "fused" } else { "Burn's" })
    }
}

/// What a [`DynState`] of a [`Rule`] holds.
#[derive(Clone)]
enum Held {
    Host(HostState),
    Burn(DynState),
}

impl Rule {
    pub(super) fn new(burn: Arc<dyn DynOptimizer>, fused: Option<Arc<dyn Erased>>) -> Self {
        Self { burn, fused }
    }

    /// The same optimizer, by Burn's operations alone.
    #[must_use]
    pub(crate) fn unfused(self) -> Self {
        Self { fused: None, ..self }
    }

    /// Whether there is a fused pass.
    pub(crate) fn is_fused(&self) -> bool {
        self.fused.is_some()
    }

    /// [`step_dyn`](DynOptimizer::step_dyn) with the gradient multiplied by `factor`, in the same pass where that is fused.
    pub(crate) fn step_scaled(
        &self,
        rank: usize,
        lr: LearningRate,
        value: BridgeTensor,
        gradient: BridgeTensor,
        state: Option<DynState>,
        factor: f64,
    ) -> (BridgeTensor, Option<DynState>) {
        let held = state.map(DynState::downcast::<Held>);
        let device = host_device(&value).filter(|_| self.is_fused() && gradient.dtype() == value.dtype());
        let (Some(algorithm), Some(device)) = (&self.fused, device) else {
            return self.step_burn(rank, lr, value, gradient, held, factor);
        };
        let mut state = match held {
            None => HostState::default(),
            Some(Held::Host(state)) => state,
            Some(Held::Burn(state)) => match self.to_host(&**algorithm, &state) {
                Some(state) => state,
                None => return self.step_burn(rank, lr, value, gradient, Some(Held::Burn(state)), factor),
            },
        };
        let (mut value, gradient) = (into_data(value), into_data(gradient));
        let fresh = state.fill(algorithm.leaves().len(), &value);
        let step = Step { lr, factor, time: state.time + 1, fresh };
        if algorithm.update(&step, &mut value, &gradient, &mut state.tensors) {
            state.time = step.time;
            return (from_data(value, &device), Some(DynState::create(Held::Host(state), rank)));
        }
        let held = (!fresh).then_some(Held::Host(state));
        self.step_burn(rank, lr, from_data(value, &device), from_data(gradient, &device), held, factor)
    }

    /// [`state_flatten`](DynOptimizer::state_flatten) without a copy of what is in host memory: that is given back, and is as it is now
    /// as long as it is held.
    pub(crate) fn share_state(&self, prefix: &str, state: &DynState, out: &mut StateSink) -> Vec<SharedLeaf> {
        let (Held::Host(host), Some(algorithm)) = (state.downcast_ref::<Held>(), &self.fused) else {
            self.state_flatten(prefix, state, out);
            return Vec::new();
        };
        host.flatten_numbers(&**algorithm, prefix, out);
        let names = host.names(&**algorithm, prefix).enumerate();
        names.map(|(at, name)| SharedLeaf { name, state: state.clone(), at }).collect()
    }

    fn step_burn(
        &self,
        rank: usize,
        lr: LearningRate,
        value: BridgeTensor,
        gradient: BridgeTensor,
        state: Option<Held>,
        factor: f64,
    ) -> (BridgeTensor, Option<DynState>) {
        let state = match state {
            Some(Held::Host(state)) => self.to_burn(rank, &state, &device(&value)),
            Some(Held::Burn(state)) => Some(state),
            None => None,
        };
        let gradient = if factor == 1.0 { gradient } else { scaled(gradient, factor) };
        let (value, state) = self.burn.step_dyn(rank, lr, value, gradient, state);
        (value, state.map(|state| DynState::create(Held::Burn(state), rank)))
    }

    /// Burn's form of a state; `None`, for a parameter that starts anew, where Burn cannot read it.
    fn to_burn(&self, rank: usize, state: &HostState, device: &Device) -> Option<DynState> {
        let mut sink = StateSink::default();
        state.flatten(&**self.fused.as_ref()?, "", &mut sink);
        self.burn.state_unflatten(rank, "", &mut source(sink), device)
    }

    fn to_host(&self, algorithm: &dyn Erased, state: &DynState) -> Option<HostState> {
        let mut sink = StateSink::default();
        self.burn.state_flatten("", state, &mut sink);
        HostState::unflatten(algorithm, "", &mut source(sink))
    }
}

/// A [`Rule`] is an optimizer as Burn's are, and its states are its own.
impl DynOptimizer for Rule {
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
        let held = match state.downcast::<Held>() {
            Held::Burn(state) => Held::Burn(self.burn.to_device_dyn(state, device)),
            // A step on another device takes it there.
            host => host,
        };
        DynState::create(held, rank)
    }

    fn state_flatten(&self, prefix: &str, state: &DynState, out: &mut StateSink) {
        match (state.downcast_ref::<Held>(), &self.fused) {
            (Held::Burn(state), _) => self.burn.state_flatten(prefix, state, out),
            (Held::Host(state), Some(algorithm)) => state.flatten(&**algorithm, prefix, out),
            (Held::Host(_), None) => {}
        }
    }

    fn state_unflatten(
        &self,
        rank: usize,
        prefix: &str,
        source: &mut StateSource,
        device: &Device,
    ) -> Option<DynState> {
        let held = match &self.fused {
            Some(algorithm) if readback::is_host(device) => {
                Held::Host(HostState::unflatten(&**algorithm, prefix, source)?)
            }
            _ => Held::Burn(self.burn.state_unflatten(rank, prefix, source, device)?),
        };
        Some(DynState::create(held, rank))
    }
}

/// A tensor of a state. The optimizer goes on with the state, and copies it when it changes it.
pub(crate) struct SharedLeaf {
    /// Its name in Burn's record.
    pub(crate) name: String,
    state: DynState,
    at: usize,
}

impl fmt::Debug for SharedLeaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedLeaf").field("name", &self.name).finish_non_exhaustive()
    }
}

impl SharedLeaf {
    /// `None` for no leaf that [`Rule::share_state`] has given.
    pub(crate) fn data(&self) -> Option<&TensorData> {
        match self.state.downcast_ref::<Held>() {
            Held::Host(state) => state.tensors.get(self.at),
            Held::Burn(_) => None,
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

fn device(tensor: &BridgeTensor) -> Device {
    with_rank!(tensor.rank(), D => Tensor::<D>::from_bridge(tensor.clone()).device(), Device::default())
}

/// The device of a tensor that a pass can work on: of numbers in host memory.
pub(super) fn host_device(tensor: &BridgeTensor) -> Option<Device> {
    let computes = matches!(tensor.dtype(), DType::F32 | DType::F64) && (1..=8).contains(&tensor.rank());
    computes.then(|| device(tensor)).filter(readback::is_host)
}

/// The values, without a copy where nobody else holds them.
pub(super) fn into_data(tensor: BridgeTensor) -> TensorData {
    // sync: none, the data of a host device is there when the operation returns.
    with_rank!(tensor.rank(), D => Tensor::<D>::from_bridge(tensor).into_data(), TensorData::new(Vec::<f32>::new(), [0]))
}

pub(super) fn from_data(data: TensorData, device: &Device) -> BridgeTensor {
    let dtype = data.dtype();
    with_rank!(
        data.rank(),
        D => Tensor::<D>::from_data(data, (device, dtype)).into_bridge(),
        Tensor::<1>::from_data(data, (device, dtype)).into_bridge()
    )
}

fn scaled(gradient: BridgeTensor, factor: f64) -> BridgeTensor {
    with_rank!(gradient.rank(), D => Tensor::<D>::from_bridge(gradient).mul_scalar(factor).into_bridge(), gradient)
}
