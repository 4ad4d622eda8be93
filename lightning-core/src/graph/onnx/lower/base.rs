//! Shapes, selection and comparison: what tensors of every kind have.

use burn_ir::{BaseOperationIr, BinaryOpIr, ScalarIr, ShapeOpIr, TensorIr, UnfoldOpIr};

use super::axis;
use crate::graph::{
    Dim,
    faults::Fault,
    no_operator,
    onnx::{
        elements::Element,
        emitter::{Emitter, Lowered},
        proto::Attribute,
    },
};

impl Emitter<'_> {
    pub(super) fn base(&mut self, op: &BaseOperationIr) -> Lowered {
        match op {
            BaseOperationIr::Reshape(op) => self.reshape(op),
            BaseOperationIr::SwapDims(op) => {
                let mut axes: Vec<usize> = (0..op.input.shape.as_slice().len()).collect();
                axes.swap(op.dim1, op.dim2);
                self.transpose(&op.input, &op.out, &axes)
            }
            BaseOperationIr::Permute(op) => self.transpose(&op.input, &op.out, &op.axes),
            BaseOperationIr::Flip(op) => self.flip(&op.input, &op.out, &op.axes),
            BaseOperationIr::Expand(op) => {
                let x = self.value(&op.input)?;
                let shape = self.dims(&op.out);
                let shape = self.shape(&shape)?;
                self.emit("Expand", &[&x, &shape], &op.out, &[])
            }
            BaseOperationIr::RepeatDim(op) => {
                let x = self.value(&op.tensor)?;
                let times = self.node.map(|node| node.times.clone()).unwrap_or_default();
                let times = self.count(&times)?;
                let rank = op.tensor.shape.as_slice().len();
                let repeats: Vec<Dim> =
                    (0..rank).map(|axis| if axis == op.dim { times } else { Dim::constant(1) }).collect();
                let repeats = self.shape(&repeats)?;
                self.emit("Tile", &[&x, &repeats], &op.out, &[])
            }
            BaseOperationIr::Cat(op) => {
                let parts = op.tensors.iter().map(|tensor| self.value(tensor)).collect::<Lowered<Vec<_>>>()?;
                let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                self.emit("Concat", &parts, &op.out, &axis(op.dim))
            }
            BaseOperationIr::Unfold(op) => self.unfold(op),
            BaseOperationIr::Slice(op) => self.slice(op),
            BaseOperationIr::SliceAssign(op) => self.slice_assign(op),
            BaseOperationIr::Select(op) => {
                let (x, indices) = (self.value(&op.tensor)?, self.value(&op.indices)?);
                self.emit("Gather", &[&x, &indices], &op.out, &axis(op.dim))
            }
            BaseOperationIr::Gather(op) => {
                let (x, indices) = (self.value(&op.tensor)?, self.value(&op.indices)?);
                self.emit("GatherElements", &[&x, &indices], &op.out, &axis(op.dim))
            }
            BaseOperationIr::Scatter(op) => self.scatter(op),
            BaseOperationIr::ScatterNd(op) => self.scatter_nd(op),
            BaseOperationIr::GatherNd(op) => {
                let (x, indices) = (self.value(&op.data)?, self.value(&op.indices)?);
                self.emit("GatherND", &[&x, &indices], &op.out, &[])
            }
            BaseOperationIr::SelectAssign(_) => Err(no_operator("use `scatter` in place of `select_assign`")),
            BaseOperationIr::MaskWhere(op) => {
                let (mask, value, x) = (self.value(&op.mask)?, self.value(&op.value)?, self.value(&op.tensor)?);
                self.emit("Where", &[&mask, &value, &x], &op.out, &[])
            }
            BaseOperationIr::MaskFill(op) => {
                let (mask, x) = (self.value(&op.mask)?, self.value(&op.tensor)?);
                let value = self.scalar(0, op.tensor.dtype)?;
                self.emit("Where", &[&mask, &value, &x], &op.out, &[])
            }
            BaseOperationIr::Equal(op) => self.binary("Equal", op),
            BaseOperationIr::EqualElem(op) => self.with_number("Equal", op),
            BaseOperationIr::NotEqual(BinaryOpIr { lhs, rhs, out }) => {
                let (x, y) = (self.value(lhs)?, self.value(rhs)?);
                self.not_equal(&x, &y, out)
            }
            BaseOperationIr::NotEqualElem(op) => {
                let x = self.value(&op.lhs)?;
                let y = self.scalar(0, op.lhs.dtype)?;
                self.not_equal(&x, &y, &op.out)
            }
            BaseOperationIr::Cast(op) => self.cast_operation(op),
            // The values of an empty tensor are not determined.
            BaseOperationIr::Empty(op) | BaseOperationIr::Zeros(op) => self.filled(&op.out, ScalarIr::Int(0)),
            BaseOperationIr::Ones(op) => self.filled(&op.out, ScalarIr::Int(1)),
            BaseOperationIr::All(op) => self.reduce_bool("ReduceMin", &op.input, &op.out, None),
            BaseOperationIr::Any(op) => self.reduce_bool("ReduceMax", &op.input, &op.out, None),
            BaseOperationIr::AllDim(op) => self.reduce_bool("ReduceMin", &op.input, &op.out, Some(op.axis)),
            BaseOperationIr::AnyDim(op) => self.reduce_bool("ReduceMax", &op.input, &op.out, Some(op.axis)),
        }
    }

    /// One free size is `-1`, the size that is left over; axes that the input has at the same place
    /// are `0`.
    fn reshape(&mut self, op: &ShapeOpIr) -> Lowered {
        let x = self.value(&op.input)?;
        let (from, to) = (self.dims(&op.input), self.dims(&op.out));
        let is_free = |dim: &Dim| dim.as_constant().is_none();
        let mut target: Vec<i64> = to.iter().map(|dim| dim.as_constant().unwrap_or(-1)).collect();
        let mut free = to.iter().filter(|dim| is_free(dim)).count();
        for ((size, dim), same) in target.iter_mut().zip(&to).zip(&from) {
            if free > 1 && is_free(dim) && dim == same {
                *size = 0;
                free -= 1;
            }
        }
        let shape = if free > 1 { self.shape(&to)? } else { self.ints(&target) };
        self.emit("Reshape", &[&x, &shape], &op.out, &[])
    }

    pub(super) fn transpose(&mut self, input: &TensorIr, out: &TensorIr, axes: &[usize]) -> Lowered {
        self.unary_with("Transpose", input, out, &[("perm", Attribute::sizes(axes))])
    }

    fn not_equal(&mut self, x: &str, y: &str, out: &TensorIr) -> Lowered {
        let equal = self.temporary("Equal", &[x, y], &[]);
        self.emit("Not", &[&equal], out, &[])
    }

    /// A tensor of one number.
    pub(super) fn filled(&mut self, out: &TensorIr, value: ScalarIr) -> Lowered {
        let value = self.number(value, out.dtype)?;
        self.filled_with(&value, out)
    }

    pub(super) fn filled_with(&mut self, value: &str, out: &TensorIr) -> Lowered {
        let shape = self.dims(out);
        let shape = self.shape(&shape)?;
        self.emit("Expand", &[value, &shape], out, &[])
    }

    /// Windows along an axis: a selection with a matrix of indices, whose second axis becomes the
    /// last one.
    fn unfold(&mut self, op: &UnfoldOpIr) -> Lowered {
        let windows = self.dims(&op.out).get(op.dim).and_then(|dim| dim.as_constant()).ok_or_else(|| {
            Fault::new("the number of its windows is free", "export with the sizes of the example: `.fixed_batch()`")
        })?;
        let (size, step) = (op.size as i64, op.step as i64);
        let index = |window: i64| (0..size).flat_map(move |place| (window * step + place).to_le_bytes());
        let indices = self.shared(Element::I64, &[windows, size], (0..windows).flat_map(index).collect());
        let x = self.value(&op.input)?;
        let windows = self.temporary("Gather", &[&x, &indices], &axis(op.dim));
        let rank = op.out.shape.as_slice().len();
        let last = op.dim + 1;
        let axes: Vec<usize> = (0..rank).filter(|axis| *axis != last).chain([last]).collect();
        self.emit("Transpose", &[&windows], &op.out, &[("perm", Attribute::sizes(&axes))])
    }
}
