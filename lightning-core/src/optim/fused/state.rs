//! The optimizer state of a parameter in host memory, and its form in a record.

use burn::{
    optim::{StateSink, StateSource},
    tensor::{DType, Element, TensorData},
};

use super::optimizer::DynFusedOptimizer;

/// The optimizer state of one parameter.
#[derive(Clone, Debug, Default)]
pub(super) struct HostState {
    /// The steps taken.
    pub(super) time: usize,
    /// The tensors, in the order of the optimizer's `state_tensors`; empty before the first step.
    pub(super) tensors: Vec<TensorData>,
}

impl HostState {
    /// Adds missing tensors, as zeros of the type and shape of `value`, and returns whether all
    /// were missing.
    ///
    /// A schedule that drives the momentum can change the number of tensors between two steps.
    pub(super) fn resize(&mut self, count: usize, value: &TensorData) -> bool {
        let is_first = self.tensors.is_empty();
        self.tensors.resize_with(count, || zeros(value));
        is_first
    }

    /// Writes the state as Burn's optimizer of the same configuration would.
    pub(super) fn flatten(&self, optimizer: &dyn DynFusedOptimizer, prefix: &str, out: &mut StateSink) {
        for (name, data) in self.names(optimizer, prefix).zip(&self.tensors) {
            out.tensors.push((name, data.clone()));
        }
        self.flatten_derived(optimizer, prefix, out);
    }

    /// Returns the names of the tensors in a record.
    pub(super) fn names(&self, optimizer: &dyn DynFusedOptimizer, prefix: &str) -> impl Iterator<Item = String> {
        let tensors = optimizer.state_tensors().iter().take(self.tensors.len());
        tensors.map(move |tensor| match prefix {
            "" => tensor.name.to_owned(),
            _ => format!("{prefix}.{}", tensor.name),
        })
    }

    /// Writes the step counter and the derived tensor.
    pub(super) fn flatten_derived(&self, optimizer: &dyn DynFusedOptimizer, prefix: &str, out: &mut StateSink) {
        if let Some(counter) = optimizer.step_counter() {
            out.push_scalar(prefix, counter, self.time.into());
        }
        if let Some((name, data)) = optimizer.derived_tensor(&self.tensors) {
            out.push_tensor(prefix, name, data);
        }
    }

    /// Reads a state that [`flatten`](Self::flatten) or Burn has written; `None` if it is
    /// incomplete.
    pub(super) fn unflatten(optimizer: &dyn DynFusedOptimizer, prefix: &str, source: &mut StateSource) -> Option<Self> {
        let time = match optimizer.step_counter() {
            Some(counter) => source.take_scalar(prefix, counter)?.try_into().ok()?,
            None => 0,
        };
        let mut found = Vec::with_capacity(optimizer.state_tensors().len());
        for tensor in optimizer.state_tensors() {
            let data = source.take_tensor(prefix, tensor.name).map(aligned);
            if data.is_none() && !tensor.optional {
                return None;
            }
            found.push(data);
        }
        let Some(like) = found.iter().flatten().next().map(zeros) else {
            return Some(Self { time, tensors: Vec::new() });
        };
        Some(Self { time, tensors: found.into_iter().map(|data| data.unwrap_or_else(|| like.clone())).collect() })
    }
}

/// Returns zeros of the type and shape of `like`.
fn zeros(like: &TensorData) -> TensorData {
    let (shape, bytes) = (like.shape().clone(), like.bytes().len());
    match like.dtype() {
        DType::F32 => TensorData::new(vec![0.0f32; like.num_elements()], shape),
        DType::F64 => TensorData::new(vec![0.0f64; like.num_elements()], shape),
        other => TensorData::from_bytes_vec(vec![0; bytes], shape, other),
    }
}

/// Returns the data, copied if its address is not aligned for its type: bytes read from a file may
/// start anywhere.
fn aligned(data: TensorData) -> TensorData {
    fn copied<F: Element>(data: TensorData) -> TensorData {
        match data.as_slice::<F>() {
            Ok(_) => data,
            Err(_) => TensorData::new(data.iter::<F>().collect(), data.shape().clone()),
        }
    }
    match data.dtype() {
        DType::F32 => copied::<f32>(data),
        DType::F64 => copied::<f64>(data),
        _ => data,
    }
}
