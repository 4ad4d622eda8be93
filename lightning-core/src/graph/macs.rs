//! Multiply-adds of operations.
//!
//! The count is that of PyTorch's `FlopCounterMode`, halved: products of matrices, convolutions and
//! attention. Element-wise operations and biases count nothing.

use burn_ir::{FloatOperationIr, ModuleOperationIr, OperationIr, TensorIr};

/// Returns the multiply-adds of an operation.
pub(crate) fn multiply_adds(op: &OperationIr) -> u64 {
    match op {
        OperationIr::Float(_, FloatOperationIr::Matmul(op)) => elements(&op.out) * last(&op.lhs),
        OperationIr::Module(op) => layer(op),
        _ => 0,
    }
}

fn layer(op: &ModuleOperationIr) -> u64 {
    use ModuleOperationIr as Op;
    match op {
        Op::Linear(op) => elements(&op.out) * last(&op.x),
        Op::Conv1d(op) => elements(&op.out) * filter(&op.weight),
        Op::Conv2d(op) => elements(&op.out) * filter(&op.weight),
        Op::Conv3d(op) => elements(&op.out) * filter(&op.weight),
        // Each value of the input meets each value of its filter once.
        Op::ConvTranspose1d(op) => elements(&op.x) * filter(&op.weight),
        Op::ConvTranspose2d(op) => elements(&op.x) * filter(&op.weight),
        Op::ConvTranspose3d(op) => elements(&op.x) * filter(&op.weight),
        Op::Attention(op) => {
            let keys = op.key.shape.as_slice().get(2).copied().unwrap_or(0) as u64;
            (elements(&op.query) + elements(&op.out)) * keys
        }
        _ => 0,
    }
}

fn elements(tensor: &TensorIr) -> u64 {
    tensor.shape.num_elements() as u64
}

/// The size of the last axis.
fn last(tensor: &TensorIr) -> u64 {
    tensor.shape.as_slice().last().copied().unwrap_or(0) as u64
}

/// The number of values in the filter of one channel.
fn filter(weight: &TensorIr) -> u64 {
    weight.shape.as_slice().iter().skip(1).product::<usize>() as u64
}
