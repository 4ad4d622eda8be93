//! Writing to places that a tensor of indices names.

use burn::tensor::IndexingUpdateOp;
use burn_ir::{ScatterNdOpIr, ScatterOpIr};

use crate::graph::onnx::{
    emitter::{Emitter, Lowered},
    proto::Attribute,
};

impl Emitter<'_> {
    pub(super) fn scatter(&mut self, op: &ScatterOpIr) -> Lowered {
        let (x, indices, value) = (self.value(&op.tensor)?, self.value(&op.indices)?, self.value(&op.value)?);
        let attributes = [("axis", Attribute::Int(op.dim as i64)), ("reduction", reduction(&op.update))];
        self.emit("ScatterElements", &[&x, &indices, &value], &op.out, &attributes)
    }

    pub(super) fn scatter_nd(&mut self, op: &ScatterNdOpIr) -> Lowered {
        let (x, indices, values) = (self.value(&op.data)?, self.value(&op.indices)?, self.value(&op.values)?);
        self.emit("ScatterND", &[&x, &indices, &values], &op.out, &[("reduction", reduction(&op.reduction))])
    }
}

/// What becomes of the value that is at a place already.
fn reduction(update: &IndexingUpdateOp) -> Attribute {
    Attribute::Text(match update {
        IndexingUpdateOp::Add => "add",
        IndexingUpdateOp::Mul => "mul",
        IndexingUpdateOp::Min => "min",
        IndexingUpdateOp::Max => "max",
        IndexingUpdateOp::Assign => "none",
    })
}
