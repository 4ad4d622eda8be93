//! Values of the host as parts of batches: every operation leaves them as they are.

use std::path::PathBuf;

use burn::tensor::{Device, FloatDType};

use super::{Batch, BatchReader, BatchWriter};
use crate::error::Result;

macro_rules! host_value {
    ($($value:ty),+ $(,)?; $save:expr, $load:expr) => {$(
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

            fn save_batch(&self, name: &str, out: &mut BatchWriter) {
                let save: fn(&$value, &str, &mut BatchWriter) = $save;
                save(self, name, out);
            }

            fn load_batch(name: &str, from: &BatchReader<'_>) -> Result<Self> {
                let load: fn(&str, &BatchReader<'_>) -> Result<$value> = $load;
                load(name, from)
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
    usize,
    i8,
    i16,
    i32,
    i64,
    isize,
    String,
    PathBuf;
    |value, name, out| out.value(name, value),
    |name, from| from.value(name)
);
host_value!(f64; |value, name, out| out.number(name, *value), |name, from| from.number(name));
host_value!(
    f32;
    |value, name, out| out.number(name, f64::from(*value)),
    |name, from| from.number(name).map(|value| value as f32)
);
// JSON numbers have at most 64 bits.
host_value!(
    u128,
    i128;
    |value, name, out| out.value(name, &value.to_string()),
    |name, from| Ok(from.value::<String>(name)?.parse()?)
);
host_value!(
    &'static str;
    |value, name, out| out.value(name, *value),
    // A replayed batch is read once.
    |name, from| from.value::<String>(name).map(|text| &*text.leak())
);
