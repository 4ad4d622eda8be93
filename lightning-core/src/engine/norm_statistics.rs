//! Recomputes the running statistics of normalization layers, for weights such as an average.
//!
//! As `torch.optim.swa_utils.update_bn`: runs the training data through the module in training
//! form, and sets each statistic to the plain mean over the batches. A Burn layer mixes the
//! statistics `b` of a batch into the running ones with a private momentum `m`: `r ← (1 − m)·r +
//! m·b`. If `r` is 0 before a batch, it is `m·b` afterwards; running a batch twice, from 0 and from
//! 1, yields `1 − m` as the difference. A layer that the batch did not reach, or that is frozen,
//! has `m = 0` and is unchanged.

use std::collections::{BTreeMap, BTreeSet};

use burn::{
    module::ParamId,
    tensor::{Tensor, kind::BridgeTensor},
};

use crate::{
    data::{EpochOffset, StepCall},
    engine::{
        driver::{Driver, LoaderId, Mode},
        run::RunState,
    },
    error::{Error, Result},
    module::TrainingMode,
    params::{ErasedVisitor, FloatParam, ValueMapper},
    random::{Stream, derive_seed, with_generator},
    tensor::{any_rank::with_rank, readback},
};

/// Separates the random numbers of this pass from those of training, which use 0 to 3 (`Draws` in
/// `train_epoch`).
const DRAWS: u64 = 4;

/// One value for each running statistic, by its index among the float parameters.
type Statistics = BTreeMap<usize, BridgeTensor>;

/// Recomputes the running statistics of the module over at most `batches` batches of the open
/// training loader. Nothing is counted or logged, and no hook runs.
///
/// # Errors
/// If the loader or a step fails; the statistics are then unchanged.
pub(crate) fn update_bn(run: &mut RunState, driver: &mut dyn Driver, batches: Option<u64>) -> Result<()> {
    let indices = driver.running_statistics()?;
    if indices.is_empty() {
        return Ok(());
    }
    let before = collect(driver, &indices)?;
    let (counters, batch_idx) = (run.progress.counters, run.progress.batch_idx);
    run.log.discards = true;
    let computed = compute(run, driver, &before, batches.unwrap_or(u64::MAX));
    run.log.discards = false;
    (run.progress.counters, run.progress.batch_idx, run.progress.batch_size) = (counters, batch_idx, None);
    driver.end(LoaderId::Train);
    let (statistics, result) = match computed {
        Ok(statistics) => (statistics, Ok(())),
        Err(error) => (before, Err(error)),
    };
    set(driver, statistics)?;
    result
}

/// Returns the mean statistics over the batches.
fn compute(run: &mut RunState, driver: &mut dyn Driver, before: &Statistics, batches: u64) -> Result<Statistics> {
    let indices: BTreeSet<usize> = before.keys().copied().collect();
    let filled =
        |value: f64| -> Statistics { before.iter().map(|(index, like)| (*index, full(like.clone(), value))).collect() };

    // The first batch once from 1; the loop runs it again from 0.
    start(run, driver)?;
    if batches == 0 || !driver.fetch(LoaderId::Train, run)? {
        return Err(Error::data("running statistics need at least one training batch, found none"));
    }
    set(driver, filled(1.0))?;
    forward(run, driver, 0)?;
    let from_one = collect(driver, &indices)?;

    start(run, driver)?;
    let mut sums: Statistics = BTreeMap::new();
    let mut momenta = BTreeMap::new();
    let mut count: u64 = 0;
    while count < batches && driver.fetch(LoaderId::Train, run)? {
        set(driver, filled(0.0))?;
        forward(run, driver, count)?;
        let from_zero = collect(driver, &indices)?;
        if count == 0 {
            for ((index, one), zero) in from_one.iter().zip(from_zero.values()) {
                momenta.insert(*index, momentum(one.clone(), zero.clone()));
            }
        }
        for (index, value) in from_zero {
            let sum = match sums.remove(&index) {
                Some(sum) => add(sum, value),
                None => value,
            };
            sums.insert(index, sum);
        }
        count += 1;
    }
    let mean = |(index, sum): (usize, BridgeTensor)| {
        let momentum = momenta.get(&index).copied().unwrap_or_default();
        let value =
            if momentum > 0.0 { scaled(sum, 1.0 / (momentum * count as f64)) } else { before.get(&index)?.clone() };
        Some((index, value))
    };
    Ok(sums.into_iter().filter_map(mean).collect())
}

/// Starts the loader in the order of the next epoch.
fn start(run: &RunState, driver: &mut dyn Driver) -> Result<()> {
    driver.start(LoaderId::Train, EpochOffset { seed: run.progress.seed, epoch: run.progress.counters.epoch, batch: 0 })
}

/// Runs the training steps on the ready batch, which has this number in the pass, and drops what
/// they return.
fn forward(run: &mut RunState, driver: &mut dyn Driver, number: u64) -> Result<()> {
    let steps = match run.info.training {
        TrainingMode::Bound(steps) => steps.len(),
        TrainingMode::Plain | TrainingMode::Manual => 1,
    };
    let batch_step = run.progress.counters.batch_step;
    run.progress.batch_idx = number;
    // The random numbers of a step depend on `batch_step`.
    run.progress.counters.batch_step = batch_step + number;
    let seed = derive_seed(run.progress.seed, Stream::Dropout, run.progress.counters.batch_step, DRAWS);
    with_generator(&run.progress.device, seed, || ());
    for step in 0..steps {
        driver.step(LoaderId::Train, StepCall { step, keep: step + 1 < steps, part: None }, run)?;
    }
    run.progress.counters.batch_step = batch_step;
    // A layer applies its last update only when the module changes its form.
    driver.set_mode(Mode::Train)
}

/// Returns the values of the float parameters with these indices.
fn collect(driver: &dyn Driver, indices: &BTreeSet<usize>) -> Result<Statistics> {
    struct Collect<'a>(&'a BTreeSet<usize>, Statistics);

    impl ErasedVisitor for Collect<'_> {
        fn float(&mut self, index: usize, _id: ParamId, _path: &str, param: &dyn FloatParam) -> Result<()> {
            if self.0.contains(&index) {
                self.1.insert(index, param.value());
            }
            Ok(())
        }
    }

    let mut collect = Collect(indices, BTreeMap::new());
    driver.visit(&mut collect)?;
    Ok(collect.1)
}

/// Sets the values of float parameters.
fn set(driver: &mut dyn Driver, statistics: Statistics) -> Result<()> {
    struct Set(Statistics);

    impl ValueMapper for Set {
        fn wants(&self, index: usize, _id: ParamId) -> bool {
            self.0.contains_key(&index)
        }

        fn map(&mut self, index: usize, _path: &str, value: BridgeTensor) -> BridgeTensor {
            self.0.remove(&index).unwrap_or(value)
        }
    }

    driver.update(&mut Set(statistics))
}

fn full(like: BridgeTensor, value: f64) -> BridgeTensor {
    with_rank!(like.rank(), D => Tensor::<D>::from_bridge(like).full_like(value).into_bridge(), like)
}

fn add(a: BridgeTensor, b: BridgeTensor) -> BridgeTensor {
    with_rank!(a.rank(), D => Tensor::<D>::from_bridge(a).add(Tensor::from_bridge(b)).into_bridge(), a)
}

fn scaled(value: BridgeTensor, factor: f64) -> BridgeTensor {
    with_rank!(value.rank(), D => Tensor::<D>::from_bridge(value).mul_scalar(factor).into_bridge(), value)
}

/// Returns the momentum that leads from 1 to `one` and from 0 to `zero`. Its rounding error is
/// about 1e-7, so that a momentum with at most six decimals is found exactly.
fn momentum(one: BridgeTensor, zero: BridgeTensor) -> f64 {
    // sync: once for each running statistic.
    let found = with_rank!(one.rank(), D => {
        let difference = Tensor::<D>::from_bridge(one) - Tensor::from_bridge(zero);
        1.0 - readback::host_scalar(difference.mean())
    }, 0.0);
    let written = (found * 1e6).round() / 1e6;
    if (found - written).abs() < 2e-7 { written } else { found }
}
