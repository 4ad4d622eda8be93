//! Reductions of conditions.

use burn_ir::TensorIr;

use crate::graph::onnx::{
    elements::Element,
    emitter::{Emitter, Lowered},
    proto::Attribute,
};

impl Emitter<'_> {
    /// `all` and `any`, as the smallest and the largest of 0 and 1.
    pub(super) fn reduce_bool(
        &mut self,
        operator: &str,
        input: &TensorIr,
        out: &TensorIr,
        axis: Option<usize>,
    ) -> Lowered {
        let x = self.value(input)?;
        let condition = self.cast(&x, Element::BOOL);
        let number = self.cast(&condition, Element::I32);
        let reduced = match axis {
            Some(axis) => {
                let axes = self.ints(&[axis as i64]);
                self.temporary(operator, &[&number, &axes], &[("keepdims", Attribute::Int(1))])
            }
            None => {
                let reduced = self.temporary(operator, &[&number], &[("keepdims", Attribute::Int(0))]);
                let shape = self.ints(&[1]);
                self.temporary("Reshape", &[&reduced, &shape], &[])
            }
        };
        self.emit("Cast", &[&reduced], out, &[("to", Attribute::Int(Element::BOOL.0 as i64))])
    }
}
