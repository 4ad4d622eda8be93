//! The element types of Burn and of safetensors.

use burn::tensor::DType;
use safetensors::Dtype;

use crate::error::{Error, ErrorKind, Result};

/// Returns the element type under which `name` is stored.
///
/// # Errors
/// If the format has no such element type.
pub(super) fn stored_as(name: &str, dtype: DType) -> Result<Dtype> {
    Ok(match dtype {
        DType::F64 => Dtype::F64,
        DType::F32 | DType::Flex32 => Dtype::F32,
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
        DType::I64 => Dtype::I64,
        DType::I32 => Dtype::I32,
        DType::I16 => Dtype::I16,
        DType::I8 => Dtype::I8,
        DType::U64 => Dtype::U64,
        DType::U32 => Dtype::U32,
        DType::U16 => Dtype::U16,
        DType::U8 => Dtype::U8,
        other => {
            let what = format!("`{name}` must have floats, integers or booleans to be saved, found {other:?}");
            return Err(Error::new(ErrorKind::Checkpoint, what).help("dequantize the tensor before saving"));
        }
    })
}

/// An element type that can be read.
pub(super) enum Known {
    Bool,
    Number(DType),
}

pub(super) fn known(dtype: Dtype) -> Option<Known> {
    Some(Known::Number(match dtype {
        Dtype::F64 => DType::F64,
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::I64 => DType::I64,
        Dtype::I32 => DType::I32,
        Dtype::I16 => DType::I16,
        Dtype::I8 => DType::I8,
        Dtype::U64 => DType::U64,
        Dtype::U32 => DType::U32,
        Dtype::U16 => DType::U16,
        Dtype::U8 => DType::U8,
        Dtype::BOOL => return Some(Known::Bool),
        _ => return None,
    }))
}

/// Returns the name of an element type in a file: `F32`, `BOOL`.
pub(crate) fn dtype_name(dtype: Dtype) -> String {
    serde_json::to_value(dtype).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
