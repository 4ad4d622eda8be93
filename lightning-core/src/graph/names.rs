//! The names of operations.

use burn_ir::OperationIr;

/// Returns the name of an operation without its kind and arguments, such as `Softmax`.
pub(crate) fn operation_name(op: &OperationIr) -> String {
    if let OperationIr::Custom(custom) = op {
        return custom.id.clone();
    }
    // `NumericFloat(F32, Add(BinaryOpIr { … }))`: the variant before the first brace, after the kind
    // and the type. The type of a boolean has parentheses of its own.
    let text = format!("{op:?}");
    let head = text.split('{').next().unwrap_or_default();
    head.trim_end()
        .trim_end_matches(|c: char| c != '(')
        .trim_end_matches('(')
        .rsplit(['(', ' '])
        .next()
        .map_or_else(String::new, str::to_owned)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{BoolStore, DType, Shape};
    use burn_ir::{
        ActivationOperationIr, BaseOperationIr, CreationOpIr, DimOpIr, NumericOperationIr, TensorId, TensorIr,
        UnaryOpIr,
    };

    use super::*;

    #[test]
    fn the_name_is_that_of_the_innermost_variant() {
        let tensor = || TensorIr::uninit(TensorId::new(1), Shape::new([2]), DType::F32);
        let unary = || UnaryOpIr { input: tensor(), out: tensor() };
        let name = |op| operation_name(&op);
        assert_eq!(name(OperationIr::NumericFloat(DType::F32, NumericOperationIr::Neg(unary()))), "Neg");
        let bool_type = DType::Bool(BoolStore::Native);
        assert_eq!(name(OperationIr::NumericInt(bool_type, NumericOperationIr::Abs(unary()))), "Abs");
        let softmax = DimOpIr { input: tensor(), out: tensor(), axis: 1 };
        assert_eq!(name(OperationIr::Activation(ActivationOperationIr::Softmax(softmax))), "Softmax");
        assert_eq!(name(OperationIr::BaseInt(BaseOperationIr::Zeros(CreationOpIr { out: tensor() }))), "Zeros");
    }
}
