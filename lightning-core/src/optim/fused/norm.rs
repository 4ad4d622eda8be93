//! The sum of the squares of a gradient, in one pass and without a second buffer.

use burn::tensor::{DType, TensorData, kind::BridgeTensor};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{
    pass::{ALONE, GRAIN, Real},
    update_rule::{from_data, host_device, into_data},
};

/// Sums that grow side by side, so that they fit vector registers.
const LANES: usize = 16;

/// The gradient, and the sum of its squares where it lies in host memory in a type that is summed here.
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

fn sum<F: Real + Into<f64>>(data: &TensorData) -> Option<f64> {
    let numbers = data.as_slice::<F>().ok()?;
    let part = |part| Arch::new().dispatch(Squares(part));
    if numbers.len() <= ALONE {
        return Some(numbers.chunks(GRAIN).map(part).sum());
    }
    let parts: Vec<f64> = numbers.par_chunks(GRAIN).map(part).collect();
    Some(parts.iter().sum())
}

struct Squares<'a, F>(&'a [F]);

impl<F: Real + Into<f64>> WithSimd for Squares<'_, F> {
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
