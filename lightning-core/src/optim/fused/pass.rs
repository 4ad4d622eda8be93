//! One pass over a parameter, its gradient and its state, in place.

use std::sync::{Mutex, PoisonError};

use pulp::{Arch, Simd, WithSimd};

use super::float::Float;

/// Parameters of at most this many elements are updated by one thread.
///
/// Waking another thread takes about as long as such a pass, 0.1 ms.
pub(super) const SINGLE_THREAD_LIMIT: usize = 1 << 18;

/// The number of elements that a thread takes at a time.
pub(super) const CHUNK: usize = 1 << 15;

/// The update of one element, with `N` numbers of state.
pub(super) trait Kernel<F, const N: usize>: Copy + Send + Sync {
    /// Returns the new value and the new state.
    fn element(&self, value: F, gradient: F, state: [F; N]) -> (F, [F; N]);
}

/// Runs `kernel` over all elements. The slices are equally long.
pub(super) fn run<F: Float, const N: usize, K: Kernel<F, N>>(
    kernel: K,
    value: &mut [F],
    gradient: &[F],
    state: [&mut [F]; N],
) {
    let pass = Pass { kernel, value, gradient, state };
    if pass.value.len() <= SINGLE_THREAD_LIMIT {
        return Arch::new().dispatch(pass);
    }
    let rest = Mutex::new(pass);
    let work = || {
        loop {
            let chunk = rest.lock().unwrap_or_else(PoisonError::into_inner).take_chunk();
            let Some(chunk) = chunk else { break };
            Arch::new().dispatch(chunk);
        }
    };
    // Not `join`, which would put this thread to sleep until two threads of the pool have woken up.
    rayon::in_place_scope(|scope| {
        for _ in 1..rayon::current_num_threads() {
            scope.spawn(|_| work());
        }
        work();
    });
}

/// A pass over a chunk, compiled for each instruction set that `pulp` chooses from at run time.
struct Pass<'a, F, K, const N: usize> {
    kernel: K,
    value: &'a mut [F],
    gradient: &'a [F],
    state: [&'a mut [F]; N],
}

impl<F, K: Copy, const N: usize> Pass<'_, F, K, N> {
    /// Splits a chunk off the front; `None` when nothing is left.
    fn take_chunk(&mut self) -> Option<Self> {
        let length = self.value.len().min(CHUNK);
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

impl<F: Float, K: Kernel<F, N>, const N: usize> WithSimd for Pass<'_, F, K, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { kernel, value, gradient, state } = self;
        // A common length lets the compiler drop the bounds checks and vectorize the loop.
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
