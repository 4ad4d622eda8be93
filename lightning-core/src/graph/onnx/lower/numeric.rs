//! Arithmetic and reductions of floats and integers.

use burn_ir::{BinaryOpIr, NumericOperationIr, PadModeIr, PadOpIr, ReduceOpIr, TensorIr};

use super::axis;
use crate::graph::{
    faults::random,
    no_operator,
    onnx::{
        emitter::{Emitter, Lowered},
        proto::Attribute,
    },
};

impl Emitter<'_> {
    pub(super) fn numeric(&mut self, op: &NumericOperationIr) -> Lowered {
        use NumericOperationIr as Op;
        match op {
            Op::Add(op) => self.binary("Add", op),
            Op::Sub(op) => self.binary("Sub", op),
            Op::Mul(op) => self.binary("Mul", op),
            Op::Div(op) => self.binary("Div", op),
            Op::Powi(op) => self.binary("Pow", op),
            Op::Greater(op) => self.binary("Greater", op),
            Op::GreaterEqual(op) => self.binary("GreaterOrEqual", op),
            Op::Lower(op) => self.binary("Less", op),
            Op::LowerEqual(op) => self.binary("LessOrEqual", op),
            Op::AddScalar(op) => self.with_number("Add", op),
            Op::SubScalar(op) => self.with_number("Sub", op),
            Op::MulScalar(op) => self.with_number("Mul", op),
            Op::DivScalar(op) => self.with_number("Div", op),
            Op::PowiScalar(op) => self.with_number("Pow", op),
            Op::GreaterElem(op) => self.with_number("Greater", op),
            Op::GreaterEqualElem(op) => self.with_number("GreaterOrEqual", op),
            Op::LowerElem(op) => self.with_number("Less", op),
            Op::LowerEqualElem(op) => self.with_number("LessOrEqual", op),
            Op::ClampMin(op) => self.with_number("Max", op),
            Op::ClampMax(op) => self.with_number("Min", op),
            Op::Clamp(op) => {
                let x = self.value(&op.tensor)?;
                let (min, max) = (self.scalar(0, op.tensor.dtype)?, self.scalar(1, op.tensor.dtype)?);
                self.emit("Clip", &[&x, &min, &max], &op.out, &[])
            }
            Op::Rem(BinaryOpIr { lhs, rhs, out }) => {
                let (x, y) = (self.value(lhs)?, self.value(rhs)?);
                self.remainder(&x, &y, out)
            }
            Op::RemScalar(op) => {
                let x = self.value(&op.lhs)?;
                let y = self.scalar(0, op.lhs.dtype)?;
                self.remainder(&x, &y, &op.out)
            }
            Op::Abs(op) => self.unary("Abs", &op.input, &op.out),
            Op::Neg(op) => self.unary("Neg", &op.input, &op.out),
            Op::Sign(op) => self.unary("Sign", &op.input, &op.out),
            Op::Full(op) => {
                let value = self.scalar(0, op.out.dtype)?;
                self.filled_with(&value, &op.out)
            }
            Op::MeanDim(op) => self.reduce("ReduceMean", &op.input, &op.out, &[op.axis]),
            Op::SumDim(op) => self.reduce("ReduceSum", &op.input, &op.out, &[op.axis]),
            Op::ProdDim(op) => self.reduce("ReduceProd", &op.input, &op.out, &[op.axis]),
            Op::MaxDim(op) => self.reduce("ReduceMax", &op.input, &op.out, &[op.axis]),
            Op::MinDim(op) => self.reduce("ReduceMin", &op.input, &op.out, &[op.axis]),
            Op::SumDims(op) => self.reduce("ReduceSum", &op.input, &op.out, &op.axes),
            Op::Mean(op) => self.reduce_all("ReduceMean", op),
            Op::Sum(op) => self.reduce_all("ReduceSum", op),
            Op::Prod(op) => self.reduce_all("ReduceProd", op),
            Op::Max(op) => self.reduce_all("ReduceMax", op),
            Op::Min(op) => self.reduce_all("ReduceMin", op),
            Op::MaxAbs(op) => {
                let x = self.value(&op.input)?;
                let size = self.temporary("Abs", &[&x], &[]);
                self.reduced("ReduceMax", &size, &op.out)
            }
            Op::MaxAbsDim(op) => {
                let x = self.value(&op.input)?;
                let size = self.temporary("Abs", &[&x], &[]);
                let axes = self.ints(&[op.axis as i64]);
                self.emit("ReduceMax", &[&size, &axes], &op.out, &[("keepdims", Attribute::Int(1))])
            }
            Op::ArgMax(op) => self.place("ArgMax", &op.input, &op.out, op.axis),
            Op::ArgMin(op) => self.place("ArgMin", &op.input, &op.out, op.axis),
            Op::MaxDimWithIndices(op) => {
                self.reduce("ReduceMax", &op.tensor, &op.out, &[op.dim])?;
                self.place("ArgMax", &op.tensor, &op.out_indices, op.dim)
            }
            Op::MinDimWithIndices(op) => {
                self.reduce("ReduceMin", &op.tensor, &op.out, &[op.dim])?;
                self.place("ArgMin", &op.tensor, &op.out_indices, op.dim)
            }
            Op::TopK(_) | Op::ArgTopK(_) | Op::TopKWithIndices(_) => self.largest(op),
            Op::Sort(_) | Op::ArgSort(_) | Op::SortWithIndices(_) => self.sorted(op),
            Op::CumSum(op) => {
                let x = self.value(&op.input)?;
                let axis = self.int(op.axis as i64);
                self.emit("CumSum", &[&x, &axis], &op.out, &[])
            }
            Op::Pad(op) => self.pad(op),
            Op::IntRandom(_) => Err(random()),
            Op::CumProd(_) => Err(no_operator("for positive numbers: `x.log().cumsum(dim).exp()`")),
            Op::CumMin(_) | Op::CumMax(_) => Err(no_operator("leave it out of the exported step")),
        }
    }

    fn reduce(&mut self, operator: &str, input: &TensorIr, out: &TensorIr, axes: &[usize]) -> Lowered {
        let x = self.value(input)?;
        let axes: Vec<i64> = axes.iter().map(|axis| *axis as i64).collect();
        let axes = self.ints(&axes);
        self.emit(operator, &[&x, &axes], out, &[("keepdims", Attribute::Int(1))])
    }

    fn reduce_all(&mut self, operator: &str, op: &ReduceOpIr) -> Lowered {
        let x = self.value(&op.input)?;
        self.reduced(operator, &x, &op.out)
    }

    /// One number of all, with the axes that the result has in Burn.
    fn reduced(&mut self, operator: &str, x: &str, out: &TensorIr) -> Lowered {
        let number = self.temporary(operator, &[x], &[("keepdims", Attribute::Int(0))]);
        let shape = self.ints(&vec![1; out.shape.as_slice().len()]);
        self.emit("Reshape", &[&number, &shape], out, &[])
    }

    /// The index of the largest or smallest value along an axis.
    fn place(&mut self, operator: &str, input: &TensorIr, out: &TensorIr, along: usize) -> Lowered {
        let x = self.value(input)?;
        let [along] = axis(along);
        let index = self.temporary(operator, &[&x], &[along, ("keepdims", Attribute::Int(1))]);
        self.indices(&index, out)
    }

    /// The remainder has the sign of the divisor.
    fn remainder(&mut self, x: &str, y: &str, out: &TensorIr) -> Lowered {
        if !out.dtype.is_float() {
            return self.emit("Mod", &[x, y], out, &[]);
        }
        let quotient = self.temporary("Div", &[x, y], &[]);
        let whole = self.temporary("Floor", &[&quotient], &[]);
        let multiple = self.temporary("Mul", &[&whole, y], &[]);
        self.emit("Sub", &[x, &multiple], out, &[])
    }

    fn pad(&mut self, op: &PadOpIr) -> Lowered {
        let x = self.value(&op.input)?;
        let before = op.padding.iter().map(|(before, _)| *before as i64);
        let sizes: Vec<i64> = before.chain(op.padding.iter().map(|(_, after)| *after as i64)).collect();
        let sizes = self.ints(&sizes);
        let mode = |mode| [("mode", Attribute::Text(mode))];
        match op.mode {
            PadModeIr::Constant(value) => {
                let value = self.number(value, op.input.dtype)?;
                self.emit("Pad", &[&x, &sizes, &value], &op.out, &mode("constant"))
            }
            PadModeIr::Reflect => self.emit("Pad", &[&x, &sizes], &op.out, &mode("reflect")),
            PadModeIr::Edge => self.emit("Pad", &[&x, &sizes], &op.out, &mode("edge")),
        }
    }
}
