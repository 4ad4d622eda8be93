//! Element types and numbers.

use burn::tensor::{BoolStore, DType, TensorData, bf16, f16};
use burn_ir::ScalarIr;

use crate::graph::faults::Fault;

/// `TensorProto.DataType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Element(pub(super) u64);

impl Element {
    pub(super) const F32: Self = Self(1);
    pub(super) const I32: Self = Self(6);
    pub(super) const I64: Self = Self(7);
    pub(super) const BOOL: Self = Self(9);

    /// # Errors
    /// If the type is that of a quantized tensor.
    pub(super) fn of(dtype: DType) -> Result<Self, Fault> {
        Ok(Self(match dtype {
            DType::F32 | DType::Flex32 => 1,
            DType::U8 => 2,
            DType::I8 => 3,
            DType::U16 => 4,
            DType::I16 => 5,
            DType::I32 => 6,
            DType::I64 => 7,
            DType::Bool(_) => 9,
            DType::F16 => 10,
            DType::F64 => 11,
            DType::U32 => 12,
            DType::U64 => 13,
            DType::BF16 => 16,
            DType::QFloat(_) => {
                return Err(Fault::new("its tensor is quantized", "export the model before its weights are quantized"));
            }
        }))
    }

    /// The type of an input or output: integers are `int64`, as other programs make them.
    pub(super) fn at_boundary(dtype: DType) -> Result<Self, Fault> {
        if dtype.is_int() { Ok(Self::I64) } else { Self::of(dtype) }
    }
}

/// A number as a float.
pub(super) fn as_float(value: ScalarIr) -> f64 {
    match value {
        ScalarIr::Float(value) => value,
        ScalarIr::Int(value) => value as f64,
        ScalarIr::UInt(value) => value as f64,
        ScalarIr::Bool(value) => f64::from(u8::from(value)),
    }
}

/// A number as an integer.
fn as_int(value: ScalarIr) -> i64 {
    match value {
        ScalarIr::Float(value) => value as i64,
        ScalarIr::Int(value) => value,
        ScalarIr::UInt(value) => value as i64,
        ScalarIr::Bool(value) => i64::from(value),
    }
}

/// The bytes of a number in a tensor of a type.
pub(super) fn bytes_of(value: ScalarIr, dtype: DType) -> Vec<u8> {
    let (float, int) = (as_float(value), as_int(value));
    match dtype {
        DType::F32 | DType::Flex32 => (float as f32).to_le_bytes().to_vec(),
        DType::F64 => float.to_le_bytes().to_vec(),
        DType::F16 => f16::from_f64(float).to_le_bytes().to_vec(),
        DType::BF16 => bf16::from_f64(float).to_le_bytes().to_vec(),
        DType::I64 | DType::U64 => int.to_le_bytes().to_vec(),
        DType::I32 | DType::U32 => (int as i32).to_le_bytes().to_vec(),
        DType::I16 | DType::U16 => (int as i16).to_le_bytes().to_vec(),
        DType::I8 | DType::U8 => vec![int as u8],
        DType::Bool(_) => vec![u8::from(int != 0)],
        DType::QFloat(_) => Vec::new(),
    }
}

/// The bytes of a tensor: little-endian, and one byte for a boolean.
pub(super) fn raw_bytes(data: &TensorData) -> Vec<u8> {
    let bytes = data.as_bytes();
    match data.dtype() {
        DType::Bool(BoolStore::U32) => {
            bytes.chunks(4).map(|word| u8::from(word.iter().any(|byte| *byte != 0))).collect()
        }
        _ => bytes.to_vec(),
    }
}
