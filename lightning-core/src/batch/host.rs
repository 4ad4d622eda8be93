//! Values of the host as parts of batches: every operation leaves them as they are.

use std::path::PathBuf;

use burn::tensor::{Device, FloatDType};

use super::Batch;

macro_rules! host_value {
    ($($value:ty),+ $(,)?) => {$(
        impl Batch for $value {
            const SIZED: bool = false;

            fn batch_size(&self) -> Option<usize> {
                None
            }

            fn to_device(self, _device: &Device) -> Self {
                self
            }

            fn cast(self, _dtype: FloatDType) -> Self {
                self
            }
        }
    )+};
}

host_value!(
    (),
    bool,
    char,
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
    i8,
    i16,
    i32,
    i64,
    i128,
    isize,
    f32,
    f64,
    &'static str,
    String,
    PathBuf,
);
