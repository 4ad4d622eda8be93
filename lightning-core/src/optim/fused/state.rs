//! The state of a parameter in host memory, and its form in a record.

use burn::{
    optim::{StateSink, StateSource},
    tensor::{DType, Element, TensorData},
};

use super::optimizer::Erased;

/// What an optimizer keeps of one parameter between steps.
#[derive(Clone, Debug, Default)]
pub(super) struct HostState {
    /// Steps taken.
    pub(super) time: usize,
    /// The tensors, one for each of the algorithm's leaves; none before the first step.
    pub(super) tensors: Vec<TensorData>,
}

impl HostState {
    /// Gives a state the tensors that it has not got, zeros of the type and shape of `value`; says whether it had none. A
    /// schedule that drives the momentum can make an optimizer want one more than before, or one less.
    pub(super) fn fill(&mut self, leaves: usize, value: &TensorData) -> bool {
        let fresh = self.tensors.is_empty();
        self.tensors.resize_with(leaves, || zeros(value));
        fresh
    }

    /// Writes the state as Burn's optimizer of the same configuration would.
    pub(super) fn flatten(&self, algorithm: &dyn Erased, prefix: &str, out: &mut StateSink) {
        for (name, data) in self.names(algorithm, prefix).zip(&self.tensors) {
            out.tensors.push((name, data.clone()));
        }
        self.flatten_numbers(algorithm, prefix, out);
    }

    /// The names of the tensors in a record.
    pub(super) fn names(&self, algorithm: &dyn Erased, prefix: &str) -> impl Iterator<Item = String> {
        let leaves = algorithm.leaves().iter().take(self.tensors.len());
        leaves.map(move |leaf| if prefix.is_empty() { leaf.name.to_owned() } else { format!("{prefix}.{}", leaf.name) })
    }

    /// Writes what is no tensor of the state itself.
    pub(super) fn flatten_numbers(&self, algorithm: &dyn Erased, prefix: &str, out: &mut StateSink) {
        if let Some(clock) = algorithm.clock() {
            out.push_scalar(prefix, clock, self.time.into());
        }
        if let Some((name, data)) = algorithm.derived(&self.tensors) {
            out.push_tensor(prefix, name, data);
        }
    }

    /// Reads what [`flatten`](Self::flatten) or Burn has written; `None` where something is missing.
    pub(super) fn unflatten(algorithm: &dyn Erased, prefix: &str, source: &mut StateSource) -> Option<Self> {
        let time = match algorithm.clock() {
            Some(clock) => source.take_scalar(prefix, clock)?.try_into().ok()?,
            None => 0,
        };
        let mut found = Vec::with_capacity(algorithm.leaves().len());
        for leaf in algorithm.leaves() {
            let data = source.take_tensor(prefix, leaf.name).map(aligned);
            if data.is_none() && !leaf.optional {
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

/// Zeros of the type and shape of `like`.
fn zeros(like: &TensorData) -> TensorData {
    let (shape, bytes) = (like.shape().clone(), like.bytes().len());
    match like.dtype() {
        DType::F32 => TensorData::new(vec![0.0f32; like.num_elements()], shape),
        DType::F64 => TensorData::new(vec![0.0f64; like.num_elements()], shape),
        other => TensorData::from_bytes_vec(vec![0; bytes], shape, other),
    }
}

/// The same data where it can be read as numbers: bytes out of a file may lie anywhere.
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
