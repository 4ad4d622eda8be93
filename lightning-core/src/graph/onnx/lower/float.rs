//! Functions of floats.

use burn_ir::{FloatOperationIr, GridSample2dOpIr, GridSamplePaddingModeIr, InterpolateModeIr, UnaryOpIr};

use crate::graph::{
    faults::{Fault, random},
    no_operator,
    onnx::{
        emitter::{Emitter, Lowered},
        proto::Attribute,
    },
};

impl Emitter<'_> {
    pub(super) fn float_operation(&mut self, op: &FloatOperationIr) -> Lowered {
        use FloatOperationIr as Op;
        let one = |emitter: &mut Self, operator: &str, op: &UnaryOpIr| emitter.unary(operator, &op.input, &op.out);
        match op {
            Op::Exp(op) => one(self, "Exp", op),
            Op::Log(op) => one(self, "Log", op),
            Op::Erf(op) => one(self, "Erf", op),
            Op::Sqrt(op) => one(self, "Sqrt", op),
            Op::Cos(op) => one(self, "Cos", op),
            Op::Sin(op) => one(self, "Sin", op),
            Op::Tan(op) => one(self, "Tan", op),
            Op::Tanh(op) => one(self, "Tanh", op),
            Op::Cosh(op) => one(self, "Cosh", op),
            Op::Sinh(op) => one(self, "Sinh", op),
            Op::ArcCos(op) => one(self, "Acos", op),
            Op::ArcCosh(op) => one(self, "Acosh", op),
            Op::ArcSin(op) => one(self, "Asin", op),
            Op::ArcSinh(op) => one(self, "Asinh", op),
            Op::ArcTan(op) => one(self, "Atan", op),
            Op::ArcTanh(op) => one(self, "Atanh", op),
            Op::Round(op) => one(self, "Round", op),
            Op::Floor(op) => one(self, "Floor", op),
            Op::Ceil(op) => one(self, "Ceil", op),
            Op::Recip(op) => one(self, "Reciprocal", op),
            Op::IsNan(op) => one(self, "IsNaN", op),
            Op::IsInf(op) => one(self, "IsInf", op),
            // sign(x) · ⌊|x|⌋
            Op::Trunc(op) => {
                let x = self.value(&op.input)?;
                let sign = self.temporary("Sign", &[&x], &[]);
                let size = self.temporary("Abs", &[&x], &[]);
                let whole = self.temporary("Floor", &[&size], &[]);
                self.emit("Mul", &[&sign, &whole], &op.out, &[])
            }
            Op::Log1p(op) => {
                let x = self.value(&op.input)?;
                let one = self.float(1.0, op.input.dtype)?;
                let sum = self.temporary("Add", &[&x, &one], &[]);
                self.emit("Log", &[&sum], &op.out, &[])
            }
            Op::PowfScalar(op) => self.with_number("Pow", op),
            Op::Powf(op) => self.binary("Pow", op),
            Op::IntoInt(op) => self.cast_operation(op),
            Op::Matmul(op) => {
                let (x, y) = (self.value(&op.lhs)?, self.value(&op.rhs)?);
                self.emit("MatMul", &[&x, &y], &op.out, &[])
            }
            // √(x² + y²)
            Op::Hypot(op) => {
                let (x, y) = (self.value(&op.lhs)?, self.value(&op.rhs)?);
                let (x, y) = (self.temporary("Mul", &[&x, &x], &[]), self.temporary("Mul", &[&y, &y], &[]));
                let sum = self.temporary("Add", &[&x, &y], &[]);
                self.emit("Sqrt", &[&sum], &op.out, &[])
            }
            Op::GridSample2d(op) => self.grid_sample(op),
            Op::Random(_) => Err(random()),
            Op::ArcTan2(_) => Err(no_operator("compute the angle from `atan` and the signs")),
            Op::Cross(_) => Err(no_operator("compute the cross product from products of slices")),
            Op::Quantize(_) | Op::Dequantize(_) => Err(Fault::new(
                "quantized tensors are not exported",
                "export the model before its weights are quantized",
            )),
        }
    }

    fn grid_sample(&mut self, op: &GridSample2dOpIr) -> Lowered {
        let (x, grid) = (self.value(&op.tensor)?, self.value(&op.grid)?);
        let mode = match op.options.mode {
            InterpolateModeIr::Bilinear => "bilinear",
            InterpolateModeIr::Nearest => "nearest",
            InterpolateModeIr::Bicubic => "bicubic",
            InterpolateModeIr::NearestExact | InterpolateModeIr::Lanczos3 => {
                return Err(Fault::new("ONNX does not have its mode", "use `Nearest`, `Linear` or `Cubic`"));
            }
        };
        let padding = match op.options.padding_mode {
            GridSamplePaddingModeIr::Zeros => "zeros",
            GridSamplePaddingModeIr::Border => "border",
            GridSamplePaddingModeIr::Reflection => "reflection",
        };
        let attributes = [
            ("mode", Attribute::Text(mode)),
            ("padding_mode", Attribute::Text(padding)),
            ("align_corners", Attribute::Int(i64::from(op.options.align_corners))),
        ];
        self.emit("GridSample", &[&x, &grid], &op.out, &attributes)
    }
}
