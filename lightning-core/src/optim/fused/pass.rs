//! One pass over a parameter, its gradient and its state, in place.

use std::{
    ops::{Add, Div, Mul, Sub},
    sync::{Mutex, PoisonError},
};

use burn::tensor::Element;
use pulp::{Arch, Simd, WithSimd};

/// Up to this many elements one thread makes the pass by itself: waking another takes about as long, some 0.1 ms.
pub(super) const ALONE: usize = 1 << 18;

/// Elements that a thread takes at a time.
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
    let pass = Pass { kernel, value, gradient, state };
    if pass.value.len() <= ALONE {
        return Arch::new().dispatch(pass);
    }
    let rest = Mutex::new(pass);
    let work = || {
        loop {
            let part = rest.lock().unwrap_or_else(PoisonError::into_inner).take_part();
            let Some(part) = part else { break };
            Arch::new().dispatch(part);
        }
    };
    // Not `join`, which would put this thread to sleep until two of the pool's have woken up.
    rayon::in_place_scope(|scope| {
        for _ in 1..rayon::current_num_threads() {
            scope.spawn(|_| work());
        }
        work();
    });
}

/// The loop over a part, compiled for each instruction set that `pulp` chooses from at run time.
struct Pass<'a, F, K, const N: usize> {
    kernel: K,
    value: &'a mut [F],
    gradient: &'a [F],
    state: [&'a mut [F]; N],
}

impl<F, K: Copy, const N: usize> Pass<'_, F, K, N> {
    /// A grain off the front; `None` when nothing is left.
    fn take_part(&mut self) -> Option<Self> {
        let length = self.value.len().min(GRAIN);
        if length == 0 {
            return None;
        }
        Some(Self {
            kernel: self.kernel,
            value: self.value.split_off_mut(..length)?,
            gradient: self.gradient.split_off(..length)?,
            state: self.state.each_mut().map(|slice| slice.split_off_mut(..length).unwrap_or_default()),
        })
    }
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
