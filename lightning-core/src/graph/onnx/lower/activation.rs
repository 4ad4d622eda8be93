//! Activation functions.

use burn_ir::{ActivationOperationIr, BinaryOpIr, UnaryOpIr};

use super::axis;
use crate::graph::{
    faults::Fault,
    onnx::{
        elements::as_float,
        emitter::{Emitter, Lowered},
        proto::Attribute,
    },
};

impl Emitter<'_> {
    pub(super) fn activation(&mut self, op: &ActivationOperationIr) -> Lowered {
        use ActivationOperationIr as Op;
        match op {
            Op::Relu(op) => self.unary("Relu", &op.input, &op.out),
            Op::Sigmoid(op) => self.unary("Sigmoid", &op.input, &op.out),
            Op::LeakyRelu(op) => {
                let slope = Attribute::Float(as_float(op.rhs) as f32);
                self.unary_with("LeakyRelu", &op.lhs, &op.out, &[("alpha", slope)])
            }
            Op::PRelu(op) => self.prelu(op),
            Op::Gelu(op) => self.gelu(op),
            Op::HardSigmoid(op) => {
                let attributes = [
                    ("alpha", Attribute::Float(as_float(op.alpha) as f32)),
                    ("beta", Attribute::Float(as_float(op.beta) as f32)),
                ];
                self.unary_with("HardSigmoid", &op.tensor, &op.out, &attributes)
            }
            // −softplus(−x)
            Op::LogSigmoid(op) => {
                let x = self.value(&op.input)?;
                let negative = self.temporary("Neg", &[&x], &[]);
                let softplus = self.temporary("Softplus", &[&negative], &[]);
                self.emit("Neg", &[&softplus], &op.out, &[])
            }
            Op::Softmax(op) => self.unary_with("Softmax", &op.input, &op.out, &axis(op.axis)),
            Op::LogSoftmax(op) => self.unary_with("LogSoftmax", &op.input, &op.out, &axis(op.axis)),
            Op::Softmin(op) => {
                let x = self.value(&op.input)?;
                let negative = self.temporary("Neg", &[&x], &[]);
                self.emit("Softmax", &[&negative], &op.out, &axis(op.axis))
            }
            Op::ReluBackward(_) | Op::GeluBackward(_) | Op::SigmoidBackward(_) | Op::LogSigmoidBackward(_) => {
                Err(Fault::new("it is part of a backward pass", "export a step without gradients"))
            }
        }
    }

    /// The slopes of channels are along the first axis after the batch.
    fn prelu(&mut self, op: &BinaryOpIr) -> Lowered {
        let (x, mut slope) = (self.value(&op.lhs)?, self.value(&op.rhs)?);
        if let [channels] = op.rhs.shape.as_slice()
            && *channels > 1
        {
            let mut shape = vec![1; op.lhs.shape.as_slice().len().saturating_sub(1)];
            if let Some(first) = shape.first_mut() {
                *first = *channels as i64;
            }
            let shape = self.ints(&shape);
            slope = self.temporary("Reshape", &[&slope, &shape], &[]);
        }
        self.emit("PRelu", &[&x, &slope], &op.out, &[])
    }

    /// x/2 · (1 + erf(x/√2)): the operator `Gelu` is newer than the opset.
    fn gelu(&mut self, op: &UnaryOpIr) -> Lowered {
        let x = self.value(&op.input)?;
        let dtype = op.input.dtype;
        let (root, one, half) =
            (self.float(std::f64::consts::SQRT_2, dtype)?, self.float(1.0, dtype)?, self.float(0.5, dtype)?);
        let scaled = self.temporary("Div", &[&x, &root], &[]);
        let erf = self.temporary("Erf", &[&scaled], &[]);
        let sum = self.temporary("Add", &[&erf, &one], &[]);
        let product = self.temporary("Mul", &[&x, &sum], &[]);
        self.emit("Mul", &[&product, &half], &op.out, &[])
    }
}
