//! Linear layers, put together again.
//!
//! Burn's dispatcher takes a linear layer apart into three or five operations, by a rule that looks
//! at the batch size. Recordings with several batch sizes are comparable only with the layers as
//! one operation each.

use std::collections::{HashMap, HashSet};

use burn_ir::{
    BaseOperationIr, FloatOperationIr, LinearOpIr, MatmulOpIr, ModuleOperationIr, NumericOperationIr, OperationIr,
    ShapeOpIr, TensorId, TensorIr,
};

use super::recording::live;

/// Replaces the last operation of each linear layer by a `Linear`, and removes the others.
pub(super) fn fuse(ops: Vec<OperationIr>, outputs: &[TensorId]) -> Vec<OperationIr> {
    let uses = Uses::of(&ops, outputs);
    let fused: HashMap<usize, OperationIr> =
        ops.iter().enumerate().filter_map(|(index, op)| uses.linear_at(index, op)).collect();
    let ops = ops.into_iter().enumerate().map(|(index, op)| fused.get(&index).cloned().unwrap_or(op)).collect();
    live(ops, outputs)
}

/// Which operation makes a tensor, and which operations read it.
struct Uses<'a> {
    ops: &'a [OperationIr],
    made_by: HashMap<TensorId, usize>,
    read_by: HashMap<TensorId, Vec<usize>>,
    outputs: HashSet<TensorId>,
}

impl<'a> Uses<'a> {
    fn of(ops: &'a [OperationIr], outputs: &[TensorId]) -> Self {
        let (mut made_by, mut read_by) = (HashMap::new(), HashMap::<_, Vec<_>>::new());
        for (index, op) in ops.iter().enumerate() {
            made_by.extend(op.outputs().map(|tensor| (tensor.id, index)));
            op.inputs().for_each(|tensor| read_by.entry(tensor.id).or_default().push(index));
        }
        Self { ops, made_by, read_by, outputs: outputs.iter().copied().collect() }
    }

    /// The reshape that makes a tensor.
    fn reshape(&self, id: TensorId) -> Option<&'a ShapeOpIr> {
        as_reshape(self.ops.get(*self.made_by.get(&id)?)?)
    }

    /// The one operation that reads a tensor.
    fn only_reader(&self, id: TensorId) -> Option<(usize, &'a OperationIr)> {
        match self.read_by.get(&id).map(Vec::as_slice) {
            Some([reader]) if !self.outputs.contains(&id) => Some((*reader, self.ops.get(*reader)?)),
            _ => None,
        }
    }

    /// The linear layer whose product is the operation at `index`, and the index of its last
    /// operation.
    fn linear_at(&self, index: usize, op: &OperationIr) -> Option<(usize, OperationIr)> {
        let OperationIr::Float(_, FloatOperationIr::Matmul(product)) = op else { return None };
        let weight = self.weight(product)?.clone();
        let (mut last, mut out) = (index, &product.out);
        let mut bias = None;
        if let Some((at, tensor, sum)) = self.bias(out) {
            (last, out, bias) = (at, sum, Some(tensor.clone()));
        }
        let mut x = &product.lhs;
        if let Some((at, input, unfolded)) = self.folded(x, out) {
            (last, out, x) = (at, unfolded, input);
        }
        let linear = LinearOpIr { x: x.clone(), weight, bias, out: out.clone() };
        Some((last, OperationIr::Module(ModuleOperationIr::Linear(linear))))
    }

    /// The weight of a layer: a matrix, or one with axes of size 1 in front.
    fn weight(&self, product: &'a MatmulOpIr) -> Option<&'a TensorIr> {
        let shape = product.rhs.shape.as_slice();
        if shape.len() == 2 {
            return Some(&product.rhs);
        }
        let matrix = &self.reshape(product.rhs.id)?.input;
        let (front, back) = shape.split_at(shape.len().checked_sub(2)?);
        (back == matrix.shape.as_slice() && front.iter().all(|size| *size == 1)).then_some(matrix)
    }

    /// The bias that the only reader of `out` adds, with its index and the sum.
    fn bias(&self, out: &TensorIr) -> Option<(usize, &'a TensorIr, &'a TensorIr)> {
        let (at, reader) = self.only_reader(out.id)?;
        let OperationIr::NumericFloat(_, NumericOperationIr::Add(add)) = reader else { return None };
        let reshape = self.reshape(add.rhs.id)?;
        let is_bias = add.lhs.id == out.id
            && reshape.input.shape.as_slice() == [*out.shape.as_slice().last()?]
            && reshape.out.shape.num_elements() == reshape.input.shape.num_elements()
            && add.out.shape == out.shape;
        is_bias.then_some((at, &reshape.input, &add.out))
    }

    /// The input of which `x` is the matrix with all leading axes as one, and the result with them as
    /// several again, with the index of its operation.
    fn folded(&self, x: &TensorIr, out: &TensorIr) -> Option<(usize, &'a TensorIr, &'a TensorIr)> {
        let folded = self.reshape(x.id)?;
        let (at, reader) = self.only_reader(out.id)?;
        let unfolded = as_reshape(reader)?;
        let (from, to) = (folded.input.shape.as_slice(), unfolded.out.shape.as_slice());
        let is_folded = x.shape.as_slice().len() == 2
            && from.len() > 2
            && from.len() == to.len()
            && from.last() == x.shape.as_slice().last()
            && from.iter().zip(to).take(from.len() - 1).all(|(a, b)| a == b);
        is_folded.then_some((at, &folded.input, &unfolded.out))
    }
}

fn as_reshape(op: &OperationIr) -> Option<&ShapeOpIr> {
    match op {
        OperationIr::BaseFloat(BaseOperationIr::Reshape(reshape)) => Some(reshape),
        _ => None,
    }
}
