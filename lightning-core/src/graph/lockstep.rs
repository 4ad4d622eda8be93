//! Recordings of one step with several sizes, operation by operation.

use std::collections::HashMap;

use burn::tensor::{Shape, Slice, TensorData};
use burn_ir::{BaseOperationIr, IrVisitorMut, OperationIr, ReduceDimOpIr, ScalarIr, TensorId, TensorIr};

use super::{
    dims::{Dim, Points},
    faults::not_free,
    names::operation_name,
    owners::owners,
    recording::Recording,
};
use crate::error::Result;

/// The inputs or the outputs of a recording.
type List = fn(&Recording) -> &Vec<(String, TensorIr)>;

/// A step whose sizes are known as functions of the free ones.
#[derive(Debug)]
pub(crate) struct Aligned {
    /// The recording with the first sizes, whose tensors stand for those of all.
    pub(crate) recording: Recording,
    /// Its operations.
    pub(crate) nodes: Vec<Node>,
    pub(crate) points: Points,
    /// The shape of each tensor.
    pub(crate) dims: HashMap<TensorId, Vec<Dim>>,
    /// The values of tensors that were made from host data, of each recording; one if all are equal.
    pub(crate) constants: HashMap<TensorId, Vec<TensorData>>,
}

/// An operation with its numbers in each recording.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) op: OperationIr,
    /// The path of the module that it belongs to.
    pub(crate) owner: String,
    /// The numbers of the operation, each with its value in each recording.
    pub(crate) scalars: Vec<Vec<ScalarIr>>,
    /// The ranges of a slice, likewise.
    pub(crate) ranges: Vec<Vec<Slice>>,
    /// The repetitions of a `RepeatDim`.
    pub(crate) times: Vec<usize>,
}

/// Compares the recordings, one for each of the points.
///
/// # Errors
/// If the number of operations, an operation or a size depends on the free sizes in a way that a
/// graph cannot express.
pub(crate) fn align(mut recordings: Vec<Recording>, points: Points) -> Result<Aligned> {
    let counts: Vec<usize> = recordings.iter().map(|recording| recording.ops.len()).collect();
    if counts.iter().any(|count| Some(count) != counts.first()) {
        return Err(not_free(format!(
            "the number of operations must not depend on the batch size, found {}",
            points.told(&counts)
        )));
    }
    let mut dims = HashMap::new();
    let mut others: HashMap<TensorId, Vec<TensorId>> = HashMap::new();
    let mut enter = |tensors: &[&TensorIr], place: &dyn Fn() -> String| -> Result<()> {
        let Some(first) = tensors.first() else { return Ok(()) };
        others.insert(first.id, tensors.iter().map(|tensor| tensor.id).collect());
        dims.insert(first.id, shape_of(tensors, &points).map_err(|fault| not_free(format!("{} {fault}", place())))?);
        Ok(())
    };
    let Some(first) = recordings.first() else { return Err(not_free("there is no recording".to_owned())) };
    let owners = owners(first);
    let mut nodes = Vec::with_capacity(first.ops.len());
    for (index, owner) in owners.into_iter().enumerate() {
        let ops: Vec<&OperationIr> = recordings.iter().filter_map(|recording| recording.ops.get(index)).collect();
        let Some(op) = ops.first() else { continue };
        let place = || match owner.as_str() {
            "" => format!("`{}`", operation_name(op)),
            owner => format!("`{}` in `{owner}`", operation_name(op)),
        };
        let parts: Vec<Parts> = ops.iter().map(|op| Parts::of(op)).collect();
        let is_same = |part: &Parts| parts.first().is_some_and(|first| part.rest == first.rest);
        if !parts.iter().all(is_same) {
            let names: Vec<String> = ops.iter().map(|op| operation_name(op)).collect();
            return Err(not_free(format!(
                "an operation must not depend on the batch size, found {}{}",
                points.told(&names),
                if owner.is_empty() { String::new() } else { format!(" in `{owner}`") }
            )));
        }
        let tensors: Vec<Vec<&TensorIr>> = ops.iter().map(|op| op.nodes()).collect();
        for number in 0..tensors.first().map_or(0, Vec::len) {
            let same: Vec<&TensorIr> = tensors.iter().filter_map(|tensors| tensors.get(number).copied()).collect();
            enter(&same, &place)?;
        }
        let (scalars, ranges) = (
            transposed(parts.iter().map(|part| part.scalars.as_slice())),
            transposed(parts.iter().map(|part| part.ranges.as_slice())),
        );
        let times = parts.iter().map(|part| part.times).collect();
        nodes.push(Node { op: (*op).clone(), owner, scalars, ranges, times });
    }
    let lists: [List; 2] = [|it| &it.inputs, |it| &it.outputs];
    for list in lists {
        for number in 0..list(first).len() {
            let same: Vec<&TensorIr> = recordings
                .iter()
                .filter_map(|recording| list(recording).get(number))
                .map(|(_, tensor)| tensor)
                .collect();
            let name = list(first).get(number).map(|(name, _)| name.as_str()).unwrap_or_default();
            enter(&same, &|| format!("`{name}`"))?;
        }
    }
    let constants = constants(&mut recordings, &others);
    let mut recordings = recordings.into_iter();
    let recording = recordings.next().unwrap_or_default();
    Ok(Aligned { recording, nodes, points, dims, constants })
}

/// The values of the tensors that were made from host data.
fn constants(
    recordings: &mut [Recording],
    others: &HashMap<TensorId, Vec<TensorId>>,
) -> HashMap<TensorId, Vec<TensorData>> {
    let mut constants = HashMap::new();
    for (id, ids) in others {
        let values: Vec<TensorData> =
            recordings.iter_mut().zip(ids).filter_map(|(recording, id)| recording.values.remove(id)).collect();
        if values.len() != recordings.len() {
            continue;
        }
        let first = values.first();
        let are_equal = values.iter().all(|value| Some(value) == first);
        constants.insert(*id, if are_equal { values.into_iter().take(1).collect() } else { values });
    }
    constants
}

/// The sizes of the axes of one tensor, from its shapes in all recordings.
fn shape_of(tensors: &[&TensorIr], points: &Points) -> std::result::Result<Vec<Dim>, String> {
    let rank = tensors.first().map_or(0, |tensor| tensor.shape.as_slice().len());
    (0..rank)
        .map(|axis| {
            let sizes: Vec<i64> = tensors
                .iter()
                .filter_map(|tensor| tensor.shape.as_slice().get(axis))
                .map(|size| *size as i64)
                .collect();
            points.fit(&sizes).ok_or_else(|| {
                format!("has a size that is not a multiple of the batch size plus a number: {}", points.told(&sizes))
            })
        })
        .collect()
}

/// An operation without tensors, and the numbers that were taken out of it.
#[derive(Debug)]
struct Parts {
    scalars: Vec<ScalarIr>,
    ranges: Vec<Slice>,
    times: usize,
    rest: OperationIr,
}

impl Parts {
    fn of(op: &OperationIr) -> Self {
        let mut visitor = Blank::default();
        let mut rest = op.clone();
        rest.visit_mut(&mut visitor);
        let mut times = 0;
        match &mut rest {
            OperationIr::BaseFloat(op) | OperationIr::BaseInt(op) | OperationIr::BaseBool(op) => {
                if let BaseOperationIr::RepeatDim(repeat) = op {
                    times = std::mem::take(&mut repeat.times);
                }
            }
            OperationIr::NumericFloat(_, op) | OperationIr::NumericInt(_, op) => {
                if let Some(reduce) = reduction(op) {
                    // The size of the result, which is that of its shape.
                    reduce.accumulator_len = 0;
                }
            }
            _ => {}
        }
        Self { scalars: visitor.scalars, ranges: visitor.ranges, times, rest }
    }
}

fn reduction(op: &mut burn_ir::NumericOperationIr) -> Option<&mut ReduceDimOpIr> {
    use burn_ir::NumericOperationIr as Op;
    match op {
        Op::TopK(reduce) | Op::ArgTopK(reduce) => Some(reduce),
        _ => None,
    }
}

/// Takes the tensors and numbers out of an operation.
#[derive(Default)]
struct Blank {
    scalars: Vec<ScalarIr>,
    ranges: Vec<Slice>,
}

impl IrVisitorMut for Blank {
    fn visit_tensor_mut(&mut self, tensor: &mut TensorIr) {
        *tensor = TensorIr::uninit(TensorId::new(0), Shape::new([0]), tensor.dtype);
    }

    fn visit_scalar_mut(&mut self, scalar: &mut ScalarIr) {
        self.scalars.push(std::mem::replace(scalar, ScalarIr::Bool(false)));
    }

    fn visit_range_mut(&mut self, range: &mut Slice) {
        self.ranges.push(std::mem::replace(range, Slice::index(0)));
    }
}

/// From the values of each recording to the recordings of each value.
fn transposed<'a, T: Copy + 'a>(lists: impl Iterator<Item = &'a [T]>) -> Vec<Vec<T>> {
    let mut by_value: Vec<Vec<T>> = Vec::new();
    for list in lists {
        by_value.resize_with(list.len(), Vec::new);
        by_value.iter_mut().zip(list).for_each(|(values, value)| values.push(*value));
    }
    by_value
}
