//! Reproducible random numbers: the global seed, seeds derived from it, and a small generator.
//!
//! The generator is SplitMix64 (Guy L. Steele Jr., Doug Lea, Christine H. Flood, "Fast Splittable
//! Pseudorandom Number Generators", OOPSLA 2014) with David Stafford's finalizer "Mix13". It passes
//! BigCrush, its state is one word, and it returns the same numbers on every machine. It is not
//! cryptographically secure.

mod turns;

use std::{
    cell::{Cell, RefCell},
    hash::{BuildHasher, RandomState},
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use self::turns::in_turn;

/// The increment of the generator's counter: the odd integer nearest to 2^64 / φ.
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Clone)]
struct Seed {
    seed: u64,
    /// The number of models whose building has begun since it was set. The thread that set the seed
    /// and the threads without one count together, so that no two models have one number.
    inits: Arc<AtomicU64>,
    /// Whether it was drawn, not chosen by the program.
    drawn: bool,
}

/// The seed of threads that have not called `seed_everything`.
static SHARED: Mutex<Option<Seed>> = Mutex::new(None);

thread_local! {
    static OWN: RefCell<Option<Seed>> = const { RefCell::new(None) };
    /// The innermost model that this thread is building.
    static BUILD: RefCell<Option<Build>> = const { RefCell::new(None) };
    /// Whether this thread builds a model whose weights are read from a file.
    static LOADING: Cell<bool> = const { Cell::new(false) };
}

fn shared() -> MutexGuard<'static, Option<Seed>> {
    // A plain value, which is consistent even if a thread panicked with the lock.
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn current() -> Seed {
    let draw = || Seed { seed: draw_seed(), inits: Arc::default(), drawn: true };
    OWN.with_borrow(Clone::clone).unwrap_or_else(|| shared().get_or_insert_with(draw).clone())
}

/// Sets the global seed, which determines initial weights, dropout, data order and random numbers
/// on the host.
///
/// Call it first in `main`. Without it every process draws a new seed. It applies to the calling
/// thread and to all threads that do not call it themselves, so that trials on separate threads can
/// have separate seeds.
///
/// Burn's generator belongs to the device and is shared by threads. Models that are built at the
/// same time on several threads have the weights of their seeds: `new` draws them while no other
/// thread does, and an `init` waits for the `init` of another thread. After 5 seconds it waits no
/// longer, since that `init` may be waiting for this thread; what the other one draws by itself
/// from then on, such as `Tensor::random`, may differ from run to run. Models that train
/// concurrently in one process and draw random numbers in their steps, as dropout does, are not
/// reproducible. Run such trials in separate processes.
///
/// ```
/// use lightning_core::{random::global_seed, seed_everything};
///
/// seed_everything(42);
/// assert_eq!(global_seed(), 42);
/// ```
pub fn seed_everything(seed: u64) {
    let fixed = Seed { seed, inits: Arc::default(), drawn: false };
    OWN.set(Some(fixed.clone()));
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
        match OWN.with_borrow(Option::is_some) {
            true => OWN.set(adopted),
            false => *shared() = adopted,
        }
        return stored;
    }
    if seed != stored {
        differences.push(format!("the seed was {stored} when the checkpoint was written and is {seed} now"));
    }
    seed
}

/// Seeds Burn's generator of `device` for the random numbers of one model. `new` of a module does
/// the same before it calls `init`.
///
/// The seed is derived from the global seed and from the number of models built since it was set.
/// Two models built after one [`seed_everything`] have different weights, and the same weights in
/// every run of the program.
pub fn seed_init(device: &Device) {
    with_generator(device, Build::next(device).seed(Draws::Init), || ());
}

/// What draws random numbers while a model is built.
#[derive(Clone, Copy)]
enum Draws {
    /// `init` itself. The weights that layers declare are not drawn then.
    Init,
    /// The weights.
    Weights,
    /// `init`, after it has built that many other models.
    After(u64),
}

/// A model that is being built.
#[derive(Clone)]
struct Build {
    device: Device,
    /// The global seed at its beginning.
    seed: u64,
    /// Its number among the models of the seed.
    number: u64,
    /// The number of models that its `init` has built.
    inner: u64,
}

impl Build {
    fn next(device: &Device) -> Self {
        let Seed { seed, inits, .. } = current();
        Self { device: device.clone(), seed, number: inits.fetch_add(1, Ordering::Relaxed), inner: 0 }
    }

    fn seed(&self, draws: Draws) -> u64 {
        let (index, part) = match draws {
            // The numbers of parameters that no `new` has drawn: `fit` draws them.
            Draws::Weights if self.number == 0 => (u64::MAX, 0),
            Draws::Init => (self.number, 0),
            Draws::Weights => (self.number, 1),
            Draws::After(inner) => (self.number, inner.wrapping_add(1)),
        };
        derive_seed(self.seed, Stream::Init, index, part)
    }
}

/// Builds a model on `device`: `init` constructs it, and `draw` draws its weights if it is told so.
///
/// `init` is user code and may build other models, on this thread or on others. A model within
/// another one is a model of its own, with its own number.
pub(crate) fn building<T, R>(device: &Device, init: impl FnOnce() -> T, draw: impl FnOnce(T, bool) -> R) -> R {
    if LOADING.get() {
        return draw(init(), false);
    }
    // Before any waiting: the number belongs to the place in the program of this thread.
    let build = Build::next(device);
    let weights = build.seed(Draws::Weights);
    let initialized = with_generator(device, build.seed(Draws::Init), || {
        let mut outer = BUILD.replace(Some(build));
        let _end = OnDrop(move || BUILD.set(outer.take()));
        init()
    });
    let built = with_generator(device, weights, || draw(initialized, true));
    // The outer model goes on with its own random numbers.
    let outer = BUILD.with_borrow_mut(|outer| {
        let outer = outer.as_mut()?;
        outer.inner += 1;
        Some((outer.device.clone(), outer.seed(Draws::After(outer.inner))))
    });
    if let Some((device, seed)) = outer {
        with_generator(&device, seed, || ());
    }
    built
}

/// Calls `body`, which builds a model whose weights are read from a file: it takes no number, and
/// the models in it neither.
pub(crate) fn building_for_loading<R>(body: impl FnOnce() -> R) -> R {
    in_turn(|| {
        let outer = LOADING.replace(true);
        let _end = OnDrop(move || LOADING.set(outer));
        body()
    })
}

/// Calls a function at the end of a scope, also if it panics.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Seeds the generator of `device` and calls `body`, while no other thread does the same.
pub(crate) fn with_generator<R>(device: &Device, seed: u64, body: impl FnOnce() -> R) -> R {
    in_turn(|| {
        device.seed(seed);
        body()
    })
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
    /// Trials of a search.
    Search = 8,
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
