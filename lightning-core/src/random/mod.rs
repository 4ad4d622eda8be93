//! Reproducible random numbers: the global seed, seeds derived from it, and a small generator.
//!
//! The generator is SplitMix64 (Guy L. Steele Jr., Doug Lea, Christine H. Flood, "Fast Splittable
//! Pseudorandom Number Generators", OOPSLA 2014) with David Stafford's finalizer "Mix13". It passes
//! BigCrush, its state is one word, and it returns the same numbers on every machine. It is not
//! cryptographically secure.

use std::{
    cell::{Cell, RefCell},
    hash::{BuildHasher, RandomState},
    ops::Range,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

/// The increment of the generator's counter: the odd integer nearest to 2^64 / φ.
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Clone, Copy)]
struct Seed {
    seed: u64,
    /// The number of models whose building has begun since it was set.
    inits: u64,
    /// Whether it was drawn, not chosen by the program.
    drawn: bool,
}

/// The seed of threads that have not called `seed_everything`.
static SHARED: Mutex<Option<Seed>> = Mutex::new(None);

thread_local! {
    static OWN: Cell<Option<Seed>> = const { Cell::new(None) };
    /// Whether this thread holds [`GENERATOR`].
    static HOLDS: Cell<bool> = const { Cell::new(false) };
    /// The device of the model that this thread is building.
    static BUILDING: RefCell<Option<Device>> = const { RefCell::new(None) };
}

/// Held while the generator of a device, which all threads share, is seeded and drawn from.
static GENERATOR: Mutex<()> = Mutex::new(());

fn shared() -> MutexGuard<'static, Option<Seed>> {
    // A plain value, which is consistent even if a thread panicked with the lock.
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn drawn() -> Seed {
    Seed { seed: draw_seed(), inits: 0, drawn: true }
}

fn current() -> Seed {
    OWN.get().unwrap_or_else(|| *shared().get_or_insert_with(drawn))
}

/// Sets the global seed, which determines initial weights, dropout, data order and random numbers
/// on the host.
///
/// Call it first in `main`. Without it every process draws a new seed. It applies to the calling
/// thread and to all threads that do not call it themselves, so that trials on separate threads can
/// have separate seeds.
///
/// Burn's generator belongs to the device and is shared by threads. Models that are built at the
/// same time on several threads have the weights of their seeds, since `new` lets one thread draw
/// at a time. Models that train concurrently in one process and draw random numbers in their steps,
/// as dropout does, are not reproducible, and neither are models that are built meanwhile. Run such
/// trials in separate processes.
///
/// ```
/// use lightning_core::{random::global_seed, seed_everything};
///
/// seed_everything(42);
/// assert_eq!(global_seed(), 42);
/// ```
pub fn seed_everything(seed: u64) {
    let fixed = Seed { seed, inits: 0, drawn: false };
    OWN.set(Some(fixed));
    *shared() = Some(fixed);
}

/// Returns the global seed: the argument of [`seed_everything`], or a seed that is drawn at the
/// first call.
pub fn global_seed() -> u64 {
    current().seed
}

/// Returns the seed of a resumed run: the stored one, unless the program has chosen another, which
/// is added to `differences`.
pub(crate) fn adopt_seed(stored: u64, differences: &mut Vec<String>) -> u64 {
    let Seed { seed, inits, drawn } = current();
    if drawn {
        let adopted = Some(Seed { seed: stored, inits, drawn });
        match OWN.get() {
            Some(_) => OWN.set(adopted),
            None => *shared() = adopted,
        }
        return stored;
    }
    if seed != stored {
        differences.push(format!("the seed was {stored}, and is {seed}"));
    }
    seed
}

/// Seeds Burn's generator of `device` for the initial weights of one model. `new` of a module does
/// the same, and draws the weights.
///
/// The seed is derived from the global seed and from the number of models built since it was set.
/// Two models built after one [`seed_everything`] have different weights, and the same weights in
/// every run of the program.
pub fn seed_init(device: &Device) {
    with_generator(device, next_init_seed(), || ());
}

/// The seed for the initial weights of the next model.
fn next_init_seed() -> u64 {
    let (Seed { seed, inits, .. }, of_others) = match OWN.get() {
        Some(own) => {
            OWN.set(Some(Seed { inits: own.inits.wrapping_add(1), ..own }));
            (own, 0)
        }
        // Under one lock: two threads must not get one number.
        None => {
            let mut shared = shared();
            let seed = shared.get_or_insert_with(drawn);
            let before = *seed;
            seed.inits = before.inits.wrapping_add(1);
            // The thread that chose the seed counts from 0 as well.
            (before, u64::from(!before.drawn))
        }
    };
    // The first model has the weights that parameters get which no `new` has drawn.
    derive_seed(seed, Stream::Init, inits.wrapping_sub(1), of_others)
}

/// Calls `body`, which builds a model on `device`, and draws its weights if it is told so. No other
/// thread draws from the generator meanwhile, unless it trains.
///
/// The weights of a model within another one on the same device are drawn with the outer one's, in
/// the order of the fields.
pub(crate) fn building<R>(device: &Device, body: impl FnOnce(bool) -> R) -> R {
    if BUILDING.with_borrow(|outer| outer.as_ref() == Some(device)) {
        return body(false);
    }
    // Taken before the lock: the number belongs to the place in the program of this thread.
    let seed = next_init_seed();
    with_generator(device, seed, || {
        let _end = Building { outer: BUILDING.replace(Some(device.clone())) };
        body(true)
    })
}

/// As [`building`], for a model whose weights do not matter: it takes no seed.
pub(crate) fn building_unseeded<R>(device: &Device, body: impl FnOnce() -> R) -> R {
    with_draws(|| {
        let _end = Building { outer: BUILDING.replace(Some(device.clone())) };
        body()
    })
}

/// Ends [`building`], also if it panics.
struct Building {
    outer: Option<Device>,
}

impl Drop for Building {
    fn drop(&mut self) {
        BUILDING.set(self.outer.take());
    }
}

/// Seeds the generator of `device` and calls `body`, while no other thread does the same.
pub(crate) fn with_generator<R>(device: &Device, seed: u64, body: impl FnOnce() -> R) -> R {
    with_draws(|| {
        device.seed(seed);
        body()
    })
}

/// Calls `body`, which may draw from a generator, while no other thread seeds one. The threads that
/// `body` waits for must not do so either.
pub(crate) fn with_draws<R>(body: impl FnOnce() -> R) -> R {
    if HOLDS.get() {
        return body();
    }
    let _alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    HOLDS.set(true);
    let _end = Holding;
    body()
}

/// Ends [`with_draws`], also if it panics; dropped before the lock.
struct Holding;

impl Drop for Holding {
    fn drop(&mut self) {
        HOLDS.set(false);
    }
}

/// The purpose of a derived seed. Different purposes have independent random numbers.
///
/// The discriminants never change, since the random numbers of resumed runs depend on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
#[repr(u64)]
pub enum Stream {
    /// Initial weights.
    Init = 1,
    /// The device's generator during a step: dropout and other noise.
    Dropout = 2,
    /// The order of the items in an epoch.
    Shuffle = 3,
    /// Augmentation of an item by a data worker.
    Worker = 4,
    /// Random numbers on the host in a step or hook.
    Host = 5,
    /// Splits of a dataset.
    Split = 6,
    /// Items drawn by a sampler.
    Sample = 7,
}

/// Derives a seed from the seed of the run, for a purpose and two counters such as epoch and step.
///
/// Each word passes through the finalizer of SplitMix64 before the next is added, so that
/// neighboring arguments give unrelated seeds: seed 42 at step 1 differs from seed 43 at step 0.
pub(crate) fn derive_seed(seed: u64, stream: Stream, a: u64, b: u64) -> u64 {
    [stream as u64, a, b].into_iter().fold(finalize(seed.wrapping_add(GOLDEN_GAMMA)), |hash, word| {
        finalize((hash ^ word).wrapping_add(GOLDEN_GAMMA))
    })
}

/// A small, fast, reproducible random number generator: SplitMix64.
///
/// ```
/// use lightning_core::Rng;
///
/// let mut rng = Rng::new(42);
/// let dice = rng.random_range(1..7);
/// assert!((1..7).contains(&dice));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// Creates a generator that starts at `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Creates a generator for a purpose and two counters, such as epoch and step.
    ///
    /// Equal arguments give equal generators; different ones are independent.
    pub fn derived(seed: u64, stream: Stream, a: u64, b: u64) -> Self {
        Self::new(derive_seed(seed, stream, a, b))
    }

    /// Returns 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN_GAMMA);
        finalize(self.state)
    }

    /// Returns a uniformly distributed number of `range`, or its start if it is empty.
    pub fn random_range(&mut self, range: Range<usize>) -> usize {
        let Range { start, end } = range;
        start + self.below(end.saturating_sub(start) as u64) as usize
    }

    /// Returns a uniformly distributed number in `[0, 1)`, with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// Returns `true` with probability `p`: never for `p ≤ 0`, always for `p ≥ 1`.
    pub fn random_bool(&mut self, p: f64) -> bool {
        self.uniform() < p
    }

    /// Returns a number of the standard normal distribution.
    ///
    /// Source: G. E. P. Box, M. E. Muller, "A Note on the Generation of Random Normal Deviates",
    /// Ann. Math. Statist. 29, 1958.
    pub fn normal(&mut self) -> f64 {
        // `1 - u` is in (0, 1], where the logarithm is finite.
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Shuffles `items`; every order is equally likely (Fisher–Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.random_range(0..last + 1));
        }
    }

    /// Returns the numbers `0..n` in a random order.
    ///
    /// ```
    /// use lightning_core::Rng;
    ///
    /// let mut order = Rng::new(42).permutation(5);
    /// order.sort();
    /// assert_eq!(order, [0, 1, 2, 3, 4]);
    /// ```
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        self.shuffle(&mut order);
        order
    }

    /// Returns a uniformly distributed number below `bound`, or 0 if `bound` is 0.
    ///
    /// Source: D. Lemire, "Fast Random Integer Generation in an Interval", ACM Trans. Model.
    /// Comput. Simul. 29, 2019.
    fn below(&mut self, bound: u64) -> u64 {
        let mut product = u128::from(self.next_u64()) * u128::from(bound);
        // The division is needed with probability `bound / 2^64` only.
        if (product as u64) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while (product as u64) < threshold {
                product = u128::from(self.next_u64()) * u128::from(bound);
            }
        }
        (product >> 64) as u64
    }
}

/// The finalizer of SplitMix64: a bijection in which every input bit affects every output bit.
fn finalize(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Draws a seed from the standard library's random hash keys and the clock.
fn draw_seed() -> u64 {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_nanos() as u64);
    finalize(RandomState::new().hash_one(clock))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
