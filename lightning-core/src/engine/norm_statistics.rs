//! Running statistics of normalisation layers, computed anew for weights that they do not belong to.
//!
//! torch's `torch.optim.swa_utils.update_bn`: reset them, run the training data through the module in training form, and let each be the plain
//! mean over the batches. A layer of Burn mixes the statistics `b` of a batch into the running ones with a momentum that it keeps to itself:
//! `r ← (1 − m)·r + m·b`. Set to 0 before a batch, `r` is `m·b` after it; and a batch that is run twice, once from 0 and once from 1, gives
//! `1 − m` as the difference. A layer that the batch did not reach, or that is frozen, shows an `m` of 0 and stays as it is.

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

/// Tells the draws of this pass from those of training.
const DRAWS: u64 = 4;

/// One value for each running statistic, by its place.
type Statistics = BTreeMap<usize, BridgeTensor>;

/// Computes the running statistics of the module anew, over at most so many batches of the training data, which is open. Nothing is counted or
/// logged, and no hook runs.
///
/// # Errors
/// Those of the loader and the steps; the statistics are then as they were.
pub(crate) fn update_bn(run: &mut RunState, driver: &mut dyn Driver, batches: Option<u64>) -> Result<()> {
    let places = driver.running_statistics()?;
    if places.is_empty() {
        return Ok(());
    }
    let before = collect(driver, &places)?;
    let (progress, batch_idx) = (run.progress.counters, run.progress.batch_idx);
    run.log.discards = true;
    let computed = compute(run, driver, &before, batches.unwrap_or(u64::MAX));
    run.log.discards = false;
    (run.progress.counters, run.progress.batch_idx, run.progress.batch_size) = (progress, batch_idx, None);
    driver.end(LoaderId::Train);
    let (statistics, result) = match computed {
        Ok(statistics) => (statistics, Ok(())),
        Err(error) => (before, Err(error)),
    };
    set(driver, statistics)?;
    result
}

fn compute(run: &mut RunState, driver: &mut dyn Driver, before: &Statistics, batches: u64) -> Result<Statistics> {
    let places: BTreeSet<usize> = before.keys().copied().collect();
    let filled =
        |value: f64| -> Statistics { before.iter().map(|(place, like)| (*place, full(like.clone(), value))).collect() };

    start(run, driver)?;
    if batches == 0 || !driver.fetch(LoaderId::Train, run)? {
        return Err(Error::data("the training loader gave no batch to compute running statistics from"));
    }
    set(driver, filled(1.0))?;
    forward(run, driver, 0)?;
    let from_one = collect(driver, &places)?;

    start(run, driver)?;
    let mut sums: Statistics = BTreeMap::new();
    let mut momenta = BTreeMap::new();
    let mut count: u64 = 0;
    while count < batches && driver.fetch(LoaderId::Train, run)? {
        set(driver, filled(0.0))?;
        forward(run, driver, count)?;
        let from_zero = collect(driver, &places)?;
        if count == 0 {
            for ((place, one), zero) in from_one.iter().zip(from_zero.values()) {
                momenta.insert(*place, momentum(one.clone(), zero.clone()));
            }
        }
        for (place, value) in from_zero {
            let sum = match sums.remove(&place) {
                Some(sum) => add(sum, value),
                None => value,
            };
            sums.insert(place, sum);
        }
        count += 1;
    }
    let mean = |(place, sum): (usize, BridgeTensor)| {
        let momentum = momenta.get(&place).copied().unwrap_or_default();
        let value =
            if momentum > 0.0 { scaled(sum, 1.0 / (momentum * count as f64)) } else { before.get(&place)?.clone() };
        Some((place, value))
    };
    Ok(sums.into_iter().filter_map(mean).collect())
}

/// Begins the pass: in the order of the epoch that would come next.
fn start(run: &RunState, driver: &mut dyn Driver) -> Result<()> {
    driver.start(LoaderId::Train, EpochOffset { seed: run.progress.seed, epoch: run.progress.counters.epoch, batch: 0 })
}

/// Runs the training steps on the ready batch, which is the n-th of the pass, and forgets what they give.
fn forward(run: &mut RunState, driver: &mut dyn Driver, number: u64) -> Result<()> {
    let steps = match run.info.training {
        TrainingMode::Bound(steps) => steps.len(),
        TrainingMode::Plain | TrainingMode::Manual => 1,
    };
    let batch_step = run.progress.counters.batch_step;
    run.progress.batch_idx = number;
    // What a step draws depends on its number.
    run.progress.counters.batch_step = batch_step + number;
    let seed = derive_seed(run.progress.seed, Stream::Dropout, run.progress.counters.batch_step, DRAWS);
    with_generator(&run.progress.device, seed, || ());
    for step in 0..steps {
        driver.step(LoaderId::Train, StepCall { step, keep: step + 1 < steps }, run)?;
    }
    run.progress.counters.batch_step = batch_step;
    // A layer holds its last update back until the module changes its form.
    driver.set_mode(Mode::Train)
}

fn collect(driver: &dyn Driver, places: &BTreeSet<usize>) -> Result<Statistics> {
    struct Collect<'a>(&'a BTreeSet<usize>, Statistics);

    impl ErasedVisitor for Collect<'_> {
        fn float(&mut self, index: usize, _id: ParamId, _path: &str, param: &dyn FloatParam) -> Result<()> {
            if self.0.contains(&index) {
                self.1.insert(index, param.value());
            }
            Ok(())
        }
    }

    let mut collect = Collect(places, BTreeMap::new());
    driver.visit(&mut collect)?;
    Ok(collect.1)
}

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

/// The momentum that led from 1 to `one` and from 0 to `zero`. Rounding leaves it some 1e-7 off; one that is written with up to six decimals is
/// found exactly.
fn momentum(one: BridgeTensor, zero: BridgeTensor) -> f64 {
    // sync: once for each running statistic.
    let found = with_rank!(one.rank(), D => {
        let difference = Tensor::<D>::from_bridge(one) - Tensor::from_bridge(zero);
        1.0 - readback::host_scalar(difference.mean())
    }, 0.0);
    let written = (found * 1e6).round() / 1e6;
    if (found - written).abs() < 2e-7 { written } else { found }
}
