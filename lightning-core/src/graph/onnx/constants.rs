//! Tensors that a step makes from host data.

use burn::tensor::TensorData;
use burn_ir::TensorIr;

use super::{
    elements::{Element, raw_bytes},
    emitter::{Emitter, Lowered},
};
use crate::graph::{Dim, faults::Fault};

impl Emitter<'_> {
    /// A tensor that the step makes from host data, whose size may be free: rows that are all equal,
    /// or numbers in equal steps.
    pub(super) fn host_constant(&mut self, tensor: &TensorIr) -> Lowered<String> {
        let graph = self.graph;
        let values = graph.constants.get(&tensor.id).map(Vec::as_slice).unwrap_or_default();
        let Some(first) = values.first() else {
            return Err(Fault::new(
                "it reads a tensor that the step did not make",
                "make tensors on the device of the input: `let device = x.device()`",
            ));
        };
        let dims = self.dims(tensor);
        let element = Element::of(first.dtype())?;
        if values.len() == 1 {
            let dims = first.shape().as_slice().iter().map(|size| *size as i64).collect();
            return Ok(self.initializer(element, dims, raw_bytes(first)));
        }
        if let Some(fixed) = self.fixed_dims(tensor) {
            return Err(Fault::new(
                format!(
                    "it reads a tensor of shape {fixed:?} whose values change from one run of the step to the next"
                ),
                "make it a field of the batch",
            ));
        }
        if let Some((row, shape)) = equal_rows(values, &dims) {
            let one = self.initializer(element, shape, row);
            let shape = self.shape(&dims)?;
            return Ok(self.temporary("Expand", &[&one, &shape], &[]));
        }
        if let (Some((start, step)), [dim]) = (steps(values), dims.as_slice()) {
            // `start`, `start + step`, … before `start + step · n`.
            let end = Dim {
                constant: start + step * dim.constant,
                batch: step * dim.batch,
                length: step * dim.length,
                both: step * dim.both,
            };
            let (start, end, step) = (self.int(start), self.size_number(end)?, self.int(step));
            let range = self.temporary("Range", &[&start, &end, &step], &[]);
            return Ok(if element == Element::I64 { range } else { self.cast(&range, element) });
        }
        Err(Fault::new(
            format!(
                "it reads a tensor of shape {:?} that the step makes on the host for the batch size, with other values in every row",
                first.shape().as_slice()
            ),
            "make it a field of the batch, or export with the sizes of the example: `.fixed_batch()`",
        ))
    }
}

/// The one row of which all tensors consist along their free axis, with the shape of one row.
fn equal_rows(values: &[TensorData], dims: &[Dim]) -> Option<(Vec<u8>, Vec<i64>)> {
    let axis = dims.iter().position(|dim| dim.as_constant().is_none())?;
    if dims.iter().filter(|dim| dim.as_constant().is_none()).count() > 1 {
        return None;
    }
    let mut rows = values.iter().map(|data| {
        let shape = data.shape();
        let shape = shape.as_slice();
        let bytes = raw_bytes(data);
        let elements: usize = shape.iter().product();
        let inner = bytes.len() / elements.max(1) * shape.get(axis + 1..)?.iter().product::<usize>();
        let len = *shape.get(axis)?;
        let mut one = Vec::new();
        for block in bytes.chunks((inner * len).max(1)) {
            let row = block.get(..inner)?;
            if !block.chunks(inner.max(1)).all(|other| other == row) {
                return None;
            }
            one.extend_from_slice(row);
        }
        Some(one)
    });
    let first = rows.next()??;
    if !rows.all(|row| row.as_ref() == Some(&first)) {
        return None;
    }
    let shape = dims.iter().map(|dim| dim.as_constant().unwrap_or(1)).collect();
    Some((first, shape))
}

/// The first number and the step of integers in equal steps, which are those of all tensors.
fn steps(values: &[TensorData]) -> Option<(i64, i64)> {
    let lists: Vec<Vec<i64>> =
        values.iter().map(|data| data.dtype().is_int().then(|| data.iter::<i64>().collect())).collect::<Option<_>>()?;
    let longest = lists.iter().max_by_key(|list| list.len())?;
    let [start, second, ..] = longest.as_slice() else { return None };
    let step = second - start;
    let fits = |list: &Vec<i64>| list.iter().enumerate().all(|(index, value)| *value == start + step * index as i64);
    lists.iter().all(fits).then_some((*start, step))
}
