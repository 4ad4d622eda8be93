//! The sum of the squares of a gradient, in one pass and without a second buffer.

use burn::tensor::{DType, TensorData, kind::BridgeTensor};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{
    bridge::{from_data, host_device, into_data},
    float::Float,
    pass::{CHUNK, SINGLE_THREAD_LIMIT},
};

/// The number of partial sums, which together fill vector registers.
const LANES: usize = 16;

/// Returns the gradient and the sum of its squares; `None` unless it is `f32` or `f64` in host
/// memory.
///
/// The sum is taken in `f64`, in an order that does not depend on the number of threads.
pub(crate) fn sum_of_squares(gradient: BridgeTensor) -> (BridgeTensor, Option<f64>) {
    let Some(device) = host_device(&gradient) else { return (gradient, None) };
    let data = into_data(gradient);
    let sum = match data.dtype() {
        DType::F32 => sum::<f32>(&data),
        DType::F64 => sum::<f64>(&data),
        _ => None,
    };
    (from_data(data, &device), sum)
}

fn sum<F: Float + Into<f64>>(data: &TensorData) -> Option<f64> {
    let numbers = data.as_slice::<F>().ok()?;
    let chunk_sum = |chunk| Arch::new().dispatch(Squares(chunk));
    if numbers.len() <= SINGLE_THREAD_LIMIT {
        return Some(numbers.chunks(CHUNK).map(chunk_sum).sum());
    }
    let sums: Vec<f64> = numbers.par_chunks(CHUNK).map(chunk_sum).collect();
    Some(sums.iter().sum())
}

struct Squares<'a, F>(&'a [F]);

impl<F: Float + Into<f64>> WithSimd for Squares<'_, F> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let (blocks, rest) = self.0.as_chunks::<LANES>();
        let mut sums = [0.0; LANES];
        for block in blocks {
            for (sum, number) in sums.iter_mut().zip(block) {
                let number: f64 = (*number).into();
                *sum += number * number;
            }
        }
        let rest: f64 = rest.iter().map(|number| Into::<f64>::into(*number).powi(2)).sum();
        sums.iter().sum::<f64>() + rest
    }
}
