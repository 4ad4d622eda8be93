//! What each module of a recorded step takes, returns and costs.

use std::collections::{HashMap, HashSet};

use burn_ir::{OperationIr, TensorId, TensorIr};

use super::{macs::multiply_adds, owners::owners, recording::Recording};

/// What runs of a module's operations have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LayerCost {
    /// The shape of the first tensor that enters the module.
    pub(crate) input: Vec<usize>,
    /// The shape of the last tensor that it makes.
    pub(crate) output: Vec<usize>,
    pub(crate) multiply_adds: u64,
    /// The size in bytes of what its operations make: what a backward pass keeps, at most.
    pub(crate) activations: u64,
}

/// The cost of each module of a recording, by path; that of the whole step is under the empty path.
/// Costs of a module contain those of its submodules.
#[derive(Debug, Default)]
pub(crate) struct Layers(HashMap<String, LayerCost>);

impl Layers {
    pub(crate) fn of(recording: &Recording) -> Self {
        let mut layers = Self::default();
        let constant = constants(recording);
        for (op, owner) in recording.ops.iter().zip(owners(recording)) {
            let Some(out) = op.outputs().next() else { continue };
            if constant.contains(&out.id) {
                continue;
            }
            let input = op.inputs().find(|tensor| !constant.contains(&tensor.id));
            let bytes = op.outputs().map(bytes_of).sum::<u64>();
            for path in ancestors(&owner) {
                layers.enter(path, input, out, multiply_adds(op), if is_view(op) { 0 } else { bytes });
            }
        }
        layers
    }

    fn enter(&mut self, path: &str, input: Option<&TensorIr>, out: &TensorIr, multiply_adds: u64, bytes: u64) {
        let shape = |tensor: &TensorIr| tensor.shape.as_slice().to_vec();
        let cost = self
            .0
            .entry(path.to_owned())
            .or_insert_with(|| LayerCost { input: input.map(shape).unwrap_or_default(), ..LayerCost::default() });
        cost.output = shape(out);
        cost.multiply_adds += multiply_adds;
        cost.activations += bytes;
    }

    /// Returns the cost of a module; `None` for one that the step does not use.
    pub(crate) fn get(&self, path: &str) -> Option<&LayerCost> {
        self.0.get(path)
    }

    /// Returns the cost of the whole step.
    pub(crate) fn total(&self) -> LayerCost {
        self.0.get("").cloned().unwrap_or_default()
    }
}

/// The tensors that depend on parameters and constants alone.
fn constants(recording: &Recording) -> HashSet<TensorId> {
    let mut constants: HashSet<TensorId> =
        recording.params.keys().copied().chain(recording.values.keys().copied()).collect();
    for op in &recording.ops {
        if op.inputs().all(|tensor| constants.contains(&tensor.id)) {
            constants.extend(op.outputs().map(|tensor| tensor.id));
        }
    }
    constants
}

/// The path and all paths above it, down to the empty one.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices('.').map(|(at, _)| at).chain([path.len()]);
    let above = ends.filter_map(|end| path.get(..end)).filter(|part| !part.is_empty());
    std::iter::once("").chain(above)
}

fn bytes_of(tensor: &TensorIr) -> u64 {
    (tensor.shape.num_elements() * tensor.dtype.size()) as u64
}

/// Returns whether an operation only looks at its input in another way.
fn is_view(op: &OperationIr) -> bool {
    use burn_ir::BaseOperationIr as Op;
    match op {
        OperationIr::BaseFloat(op) | OperationIr::BaseInt(op) | OperationIr::BaseBool(op) => matches!(
            op,
            Op::Reshape(_) | Op::SwapDims(_) | Op::Permute(_) | Op::Expand(_) | Op::Slice(_) | Op::Unfold(_)
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_its_ancestors() {
        let all = |path| ancestors(path).collect::<Vec<_>>();
        assert_eq!(all(""), [""]);
        assert_eq!(all("enc.layers.0"), ["", "enc", "enc.layers", "enc.layers.0"]);
    }
}
