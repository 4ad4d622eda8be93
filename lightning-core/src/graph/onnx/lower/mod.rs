//! One operation of Burn as nodes of ONNX. Each file has the operations of one kind.

mod activation;
mod attention;
mod base;
mod boolean;
mod convolution;
mod float;
mod index;
mod module;
mod numeric;
mod pool;
mod slice;
mod sort;

use burn_ir::{BoolOperationIr, CastOpIr, IntOperationIr, OperationIr};

use super::{
    elements::Element,
    emitter::{Emitter, Lowered},
    proto::Attribute,
};
use crate::graph::{faults::Fault, no_operator};

impl Emitter<'_> {
    /// Adds the nodes of an operation.
    pub(super) fn lower_operation(&mut self, op: &OperationIr) -> Lowered {
        match op {
            OperationIr::BaseFloat(op) | OperationIr::BaseInt(op) | OperationIr::BaseBool(op) => self.base(op),
            OperationIr::NumericFloat(_, op) | OperationIr::NumericInt(_, op) => self.numeric(op),
            OperationIr::Float(_, op) => self.float_operation(op),
            OperationIr::Int(op) => self.int_operation(op),
            OperationIr::Bool(op) => self.bool_operation(op),
            OperationIr::Activation(op) => self.activation(op),
            OperationIr::Module(op) => self.module_operation(op),
            // They compute nothing.
            OperationIr::Init(_) | OperationIr::Drop(_) => Ok(()),
            OperationIr::Custom(_) => {
                Err(Fault::new("it is a custom operation", "compute it with operations of Burn in the exported step"))
            }
            OperationIr::Distributed(_) => {
                Err(Fault::new("it exchanges data with other processes", "leave it out of the exported step"))
            }
        }
    }

    fn int_operation(&mut self, op: &IntOperationIr) -> Lowered {
        match op {
            IntOperationIr::IntoFloat(op) => self.cast_operation(op),
            IntOperationIr::Matmul(op) => {
                let (x, y) = (self.value(&op.lhs)?, self.value(&op.rhs)?);
                self.emit("MatMul", &[&x, &y], &op.out, &[])
            }
            IntOperationIr::BitwiseAnd(op) => self.binary("BitwiseAnd", op),
            IntOperationIr::BitwiseOr(op) => self.binary("BitwiseOr", op),
            IntOperationIr::BitwiseXor(op) => self.binary("BitwiseXor", op),
            IntOperationIr::BitwiseAndScalar(op) => self.with_number("BitwiseAnd", op),
            IntOperationIr::BitwiseOrScalar(op) => self.with_number("BitwiseOr", op),
            IntOperationIr::BitwiseXorScalar(op) => self.with_number("BitwiseXor", op),
            IntOperationIr::BitwiseNot(op) => self.unary("BitwiseNot", &op.input, &op.out),
            IntOperationIr::BitwiseLeftShift(_)
            | IntOperationIr::BitwiseLeftShiftScalar(_)
            | IntOperationIr::BitwiseRightShift(_)
            | IntOperationIr::BitwiseRightShiftScalar(_) => {
                Err(no_operator("multiply or divide by a power of two in place of a shift"))
            }
        }
    }

    fn bool_operation(&mut self, op: &BoolOperationIr) -> Lowered {
        match op {
            BoolOperationIr::IntoFloat(op) | BoolOperationIr::IntoInt(op) => self.cast_operation(op),
            BoolOperationIr::Not(op) => self.unary("Not", &op.input, &op.out),
            BoolOperationIr::And(op) => self.binary("And", op),
            BoolOperationIr::Or(op) => self.binary("Or", op),
            BoolOperationIr::Xor(op) => self.binary("Xor", op),
        }
    }

    fn cast_operation(&mut self, op: &CastOpIr) -> Lowered {
        let to = Element::of(op.out.dtype)?;
        self.unary_with("Cast", &op.input, &op.out, &[("to", Attribute::Int(to.0 as i64))])
    }
}

/// The attribute `axis`.
fn axis(axis: usize) -> [(&'static str, Attribute); 1] {
    [("axis", Attribute::Int(axis as i64))]
}
