//! One pass over a parameter, its gradient and its state, in place.

use std::ops::{Add, Div, Mul, Sub};

use burn::tensor::Element;
use pulp::{Arch, Simd, WithSimd};

/// Elements that one thread takes at a time: below this, handing a part to another thread costs more than it brings.
pub(super) const GRAIN: usize = 1 << 15;

/// A type that the fused optimizers compute in.
pub(super) trait Real:
    Element
    + Copy
    + Default
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
{
    const ZERO: Self;
    const ONE: Self;
    /// The smallest normal number.
    const MIN_POSITIVE: Self;
    /// The nearest number of this type.
    fn of(number: f64) -> Self;
    fn root(self) -> Self;
    fn magnitude(self) -> Self;

    /// Zero in place of anything smaller than `limit`. What is not a number stays.
    #[inline(always)]
    fn flushed(self, limit: Self) -> Self {
        if self.magnitude() < limit { Self::ZERO } else { self }
    }
}

macro_rules! reals {
    ($($float:ident),*) => {
        $(impl Real for $float {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const MIN_POSITIVE: Self = $float::MIN_POSITIVE;
            #[inline(always)]
            fn of(number: f64) -> Self {
                number as $float
            }
            #[inline(always)]
            fn root(self) -> Self {
                self.sqrt()
            }
            #[inline(always)]
            fn magnitude(self) -> Self {
                self.abs()
            }
        })*
    };
}

reals!(f32, f64);

/// What an optimizer does to one element, with `N` numbers of state.
pub(super) trait Kernel<F, const N: usize>: Copy + Send + Sync {
    /// The new value and state.
    fn element(&self, value: F, gradient: F, state: [F; N]) -> (F, [F; N]);
}

/// Runs `kernel` over all elements. The slices are equally long.
pub(super) fn run<F: Real, const N: usize, K: Kernel<F, N>>(
    kernel: K,
    value: &mut [F],
    gradient: &[F],
    state: [&mut [F]; N],
) {
    if value.len() <= GRAIN {
        Arch::new().dispatch(Pass { kernel, value, gradient, state });
        return;
    }
    // Halves of whole grains, so that no two threads write to one cache line.
    let middle = (value.len() / 2).next_multiple_of(GRAIN / 2);
    let (left_value, right_value) = value.split_at_mut(middle);
    let (left_gradient, right_gradient) = gradient.split_at(middle);
    let (left_state, right_state) = split(state, middle);
    rayon::join(
        || run(kernel, left_value, left_gradient, left_state),
        || run(kernel, right_value, right_gradient, right_state),
    );
}

fn split<F, const N: usize>(slices: [&mut [F]; N], middle: usize) -> ([&mut [F]; N], [&mut [F]; N]) {
    let mut right: [&mut [F]; N] = std::array::from_fn(|_| <&mut [F]>::default());
    let mut rights = right.iter_mut();
    let left = slices.map(|slice| {
        let (left, rest) = slice.split_at_mut(middle);
        if let Some(right) = rights.next() {
            *right = rest;
        }
        left
    });
    (left, right)
}

/// The loop over one thread's part, compiled for each instruction set that `pulp` chooses from at run time.
struct Pass<'a, F, K, const N: usize> {
    kernel: K,
    value: &'a mut [F],
    gradient: &'a [F],
    state: [&'a mut [F]; N],
}

impl<F: Real, K: Kernel<F, N>, const N: usize> WithSimd for Pass<'_, F, K, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { kernel, value, gradient, state } = self;
        // One length for all: the compiler drops the bounds checks, and the loop becomes vector instructions.
        let length = value.len();
        let gradient = &gradient[..length];
        let mut state = state.map(|slice| &mut slice[..length]);
        for index in 0..length {
            let old = std::array::from_fn(|slot| state[slot][index]);
            let (new_value, new_state) = kernel.element(value[index], gradient[index], old);
            value[index] = new_value;
            for (slice, new) in state.iter_mut().zip(new_state) {
                slice[index] = new;
            }
        }
    }
}
