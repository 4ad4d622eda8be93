//! Random numbers as a pure function of a seed: the seed of the run, the seeds derived from it, and a small generator.
//!
//! Everything here is SplitMix64, published in: Guy L. Steele Jr., Doug Lea, Christine H. Flood, "Fast Splittable Pseudorandom Number
//! Generators", OOPSLA 2014, with the finaliser "Mix13" of David Stafford. It passes BigCrush, has a state of one word, and gives the
//! same numbers on every machine. It is no source of secrets.

use std::{
    cell::Cell,
    hash::{BuildHasher, RandomState},
    ops::Range,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

/// The odd integer nearest to 2^64 / φ: the step of the generator's counter.
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Clone, Copy)]
struct Seed {
    seed: u64,
    /// Models built since it was set.
    inits: u64,
    /// Whether nobody chose it.
    drawn: bool,
}

/// The seed of threads that have set none of their own.
static SHARED: Mutex<Option<Seed>> = Mutex::new(None);

thread_local! {
    static OWN: Cell<Option<Seed>> = const { Cell::new(None) };
}

/// Held while a device's generator, which all threads share, is seeded and drawn from.
static GENERATOR: Mutex<()> = Mutex::new(());

fn shared() -> MutexGuard<'static, Option<Seed>> {
    // A plain value, whole at any time: a panic of another thread cannot have left it broken.
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn current() -> Seed {
    OWN.get().unwrap_or_else(|| *shared().get_or_insert_with(|| Seed { seed: draw_seed(), inits: 0, drawn: true }))
}

/// Fixes the seed of everything random: initial weights, dropout, data order, host randomness.
///
/// Call it first in `main`. Without it the seed is drawn anew for every process. It holds for this thread and for all threads that
/// never call it, so that trials on threads of their own can have seeds of their own.
///
/// Burn's generator belongs to the device, which threads share: models that train side by side in one process and draw random numbers
/// in their steps, as dropout does, mix them up. Give such trials processes of their own.
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

/// The seed in force: the one given to [`seed_everything`], else one drawn from the operating system at the first call.
pub fn global_seed() -> u64 {
    current().seed
}

/// The seed of a run that goes on from a checkpoint: the stored one, unless the program has chosen another.
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

/// Seeds Burn's generator of `device` for the initial weights of one model.
///
/// Two models built after one [`seed_everything`] differ from each other, and are the same two in every run of the program: the seed is
/// derived from the seed in force and from how many models were built since it was set.
pub fn seed_init(device: &Device) {
    let Seed { seed, inits, drawn } = current();
    let next = Some(Seed { seed, inits: inits.wrapping_add(1), drawn });
    match OWN.get() {
        Some(_) => OWN.set(next),
        None => *shared() = next,
    }
    with_generator(device, derive_seed(seed, Stream::Init, inits, 0), || ());
}

/// Seeds the device's generator and runs `body` while no other thread does the same.
pub(crate) fn with_generator<R>(device: &Device, seed: u64, body: impl FnOnce() -> R) -> R {
    let _alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    device.seed(seed);
    body()
}

/// What a derived seed is used for: two purposes never share their random numbers.
///
/// The numbers behind the variants are part of what makes a resumed run the same run; they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
#[repr(u64)]
pub enum Stream {
    /// Initial weights.
    Init = 1,
    /// The device's generator during a step: dropout and other noise.
    Dropout = 2,
    /// The order of the items of an epoch.
    Shuffle = 3,
    /// What a data worker does to an item.
    Worker = 4,
    /// Host randomness inside a step or hook.
    Host = 5,
    /// Splitting a dataset into parts.
    Split = 6,
    /// Drawing items with a sampler.
    Sample = 7,
}

/// The seed for one purpose at one place, from the seed of the run: `a` and `b` are counters such as epoch and step.
///
/// Each word passes through the finaliser of SplitMix64 before the next is taken in, so that neighbouring arguments have nothing in
/// common: seed 42 at step 1 is not seed 43 at step 0.
pub(crate) fn derive_seed(seed: u64, stream: Stream, a: u64, b: u64) -> u64 {
    [stream as u64, a, b].into_iter().fold(finalise(seed.wrapping_add(GOLDEN_GAMMA)), |hash, word| {
        finalise((hash ^ word).wrapping_add(GOLDEN_GAMMA))
    })
}

/// A small, fast, reproducible generator: SplitMix64, whose whole state is one number.
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
    /// A generator that starts at `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The generator for one purpose at one place: `Rng::new(derive_seed(seed, stream, a, b))`.
    pub fn derived(seed: u64, stream: Stream, a: u64, b: u64) -> Self {
        Self::new(derive_seed(seed, stream, a, b))
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN_GAMMA);
        finalise(self.state)
    }

    /// A number of `range`, each equally likely. An empty range gives its start.
    pub fn random_range(&mut self, range: Range<usize>) -> usize {
        let Range { start, end } = range;
        start + self.below(end.saturating_sub(start) as u64) as usize
    }

    /// A number in `[0, 1)`, with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// True with probability `p`: never for 0 and less, always for 1 and more.
    pub fn random_bool(&mut self, p: f64) -> bool {
        self.uniform() < p
    }

    /// A number of the normal distribution with mean 0 and variance 1, by the method of Box and Muller (1958).
    pub fn normal(&mut self) -> f64 {
        // 1 - u lies in (0, 1], where the logarithm is finite.
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Brings `items` into a random order, every order equally likely (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.random_range(0..last + 1));
        }
    }

    /// The numbers `0..n` in a random order.
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

    /// A number below `bound`, without bias: Daniel Lemire, "Fast Random Integer Generation in an Interval", 2019. Below 0 it is 0.
    fn below(&mut self, bound: u64) -> u64 {
        let mut product = u128::from(self.next_u64()) * u128::from(bound);
        if (product as u64) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while (product as u64) < threshold {
                product = u128::from(self.next_u64()) * u128::from(bound);
            }
        }
        (product >> 64) as u64
    }
}

/// The finaliser of SplitMix64: a bijection in which every input bit reaches every output bit.
fn finalise(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// A seed nobody chose: the standard library's per-process random keys, and the clock.
fn draw_seed() -> u64 {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_nanos() as u64);
    finalise(RandomState::new().hash_one(clock))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
