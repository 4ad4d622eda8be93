//! Sorting and the largest values.

use burn::tensor::DType;
use burn_ir::{NumericOperationIr as Op, TensorIr};

use crate::graph::{
    Dim,
    onnx::{
        elements::Element,
        emitter::{Emitter, Lowered},
        proto::Attribute,
    },
};

/// What `TopK` is asked for.
struct Request<'a> {
    input: &'a TensorIr,
    axis: usize,
    count: Dim,
    descending: bool,
    values: Option<&'a TensorIr>,
    indices: Option<&'a TensorIr>,
}

impl Emitter<'_> {
    pub(super) fn largest(&mut self, op: &Op) -> Lowered {
        let (input, axis, values, indices) = match op {
            Op::TopK(op) => (&op.input, op.axis, Some(&op.out), None),
            Op::ArgTopK(op) => (&op.input, op.axis, None, Some(&op.out)),
            Op::TopKWithIndices(op) => (&op.tensor, op.dim, Some(&op.out), Some(&op.out_indices)),
            _ => return Ok(()),
        };
        let count = self.size_along(values.or(indices).unwrap_or(input), axis);
        self.top(&Request { input, axis, count, descending: true, values, indices })
    }

    pub(super) fn sorted(&mut self, op: &Op) -> Lowered {
        let (input, axis, descending, values, indices) = match op {
            Op::Sort(op) => (&op.input, op.dim, op.descending, Some(&op.out), None),
            Op::ArgSort(op) => (&op.input, op.dim, op.descending, None, Some(&op.out)),
            Op::SortWithIndices(op) => (&op.input, op.dim, op.descending, Some(&op.out), Some(&op.out_indices)),
            _ => return Ok(()),
        };
        let count = self.size_along(input, axis);
        self.top(&Request { input, axis, count, descending, values, indices })
    }

    fn size_along(&self, tensor: &TensorIr, axis: usize) -> Dim {
        self.dims(tensor).get(axis).copied().unwrap_or(Dim::constant(1))
    }

    fn top(&mut self, request: &Request<'_>) -> Lowered {
        let x = self.value(request.input)?;
        let count = self.size(request.count)?;
        let values = self.names.unique("/top_values");
        let indices = self.names.unique("/top_indices");
        let attributes =
            [("axis", Attribute::Int(request.axis as i64)), ("largest", Attribute::Int(i64::from(request.descending)))];
        self.push("TopK", &[&x, &count], &[&values, &indices], &attributes);
        if let Some(out) = request.values {
            self.bind(out, values)?;
        }
        match request.indices {
            Some(out) => self.indices(&indices, out),
            None => Ok(()),
        }
    }

    /// Indices are `int64` in ONNX, and have the integer type of the device in Burn.
    pub(super) fn indices(&mut self, indices: &str, out: &TensorIr) -> Lowered {
        if out.dtype == DType::I64 {
            return self.bind(out, indices.to_owned());
        }
        let to = Element::of(out.dtype)?;
        self.emit("Cast", &[indices], out, &[("to", Attribute::Int(to.0 as i64))])
    }
}
