//! What the processes that train together agree on.
//!
//! Alone, each function returns at once.

use serde_json::Value;

use super::{
    driver::{Driver, LoaderInfo},
    run::RunState,
};
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::{RankMetrics, RankValues},
    os::signals,
    params::{ErasedVisitor, FloatParam, ValueMapper},
    progress::StopReason,
    stage::Stage,
    strategy::{Parameters, Point, Strategy, Sums},
    tensor::handle::{self, Handle},
};
use burn::{
    module::ParamId,
    tensor::{TensorData, kind::BridgeTensor},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// The current point of the run.
pub(crate) fn point(run: &RunState, what: &'static str) -> Point {
    let part = run.progress.counters.global_step ^ (run.progress.loader_idx as u64) << 48;
    Point { part, ..Point::new(what, run.progress.counters.epoch, run.progress.batch_idx) }
}

/// Whether processes may decide on something now. Between the updates of an accumulation they
/// exchange nothing.
pub(super) fn may_decide(run: &RunState) -> bool {
    run.strategy.rank().is_alone() || run.train.accumulators.iter().all(|buffer| buffer.rounds() == 0)
}

const STOP: usize = 0;
const INTERRUPTED: usize = 1;
const SAVE: usize = 2;
const SKIP_EPOCH: usize = 3;
const VALIDATION: usize = 4;

/// Agrees with the other processes on stops, signals and the next validation. What one requests,
/// all do; whether a validation is due decides the first.
///
/// # Errors
/// If a process has failed or was lost.
pub(super) fn agree(run: &mut RunState) -> Result<()> {
    let rank = run.strategy.rank();
    if rank.is_alone() || !may_decide(run) {
        return Ok(());
    }
    let flag = |on: bool| f64::from(u8::from(on));
    let mut own = Sums::default();
    own[STOP] = flag(run.progress.stop.is_some());
    own[INTERRUPTED] = flag(signals::received());
    own[SAVE] = flag(signals::take_received_save());
    own[SKIP_EPOCH] = flag(run.progress.skip_epoch);
    own[VALIDATION] = flag(run.progress.validation.follows && rank.is_global_zero());
    let sums = run.strategy.sums(point(run, "agreement"), own)?;
    if sums[STOP] > 0.0 {
        run.progress.stop = first_stop(run)?;
    }
    if sums[INTERRUPTED] > 0.0 {
        signals::agree_to_end();
    }
    if sums[SAVE] > 0.0 {
        signals::agree_to_save();
    }
    run.progress.skip_epoch = sums[SKIP_EPOCH] > 0.0;
    run.progress.validation.follows = sums[VALIDATION] > 0.0;
    Ok(())
}

/// The reason to stop of the first process that has one.
fn first_stop(run: &mut RunState) -> Result<Option<StopReason>> {
    let own = to_bytes(&run.progress.stop)?;
    let all = run.strategy.gather(point(run, "reason to stop"), own)?;
    for bytes in all {
        if let Some(reason) = from_bytes::<Option<StopReason>>(&bytes)? {
            return Ok(Some(reason));
        }
    }
    Ok(None)
}

/// Whether some process has a batch in this round of training or evaluation, of `rounds` where the
/// loader knows its length; `own`: this one has.
///
/// # Errors
/// If a process has failed or was lost.
pub(super) fn round(run: &mut RunState, rounds: Option<u64>, batches: Option<u64>, own: bool) -> Result<bool> {
    let rank = run.strategy.rank();
    if rank.is_alone() {
        return Ok(own);
    }
    let (Some(rounds), Some(batches)) = (rounds, batches) else { return has_batch(run, own) };
    let world = rank.world_size as u64;
    run.progress.round = batches.saturating_sub(run.progress.batch_idx * world).min(world);
    run.progress.absent = !own;
    Ok(run.progress.batch_idx < rounds)
}

/// Sets the place of the first sample of the batch among those of all processes, of which `before`
/// were in earlier rounds. Returns how many are in rounds until now.
///
/// # Errors
/// If a process has failed or was lost.
pub(super) fn count_samples(run: &mut RunState, before: u64) -> Result<u64> {
    let rank = run.strategy.rank();
    if rank.is_alone() {
        return Ok(0);
    }
    let own = run.progress.batch_size.unwrap_or(0) as u64;
    let all = run.strategy.gather(point(run, "samples"), own.to_le_bytes().to_vec())?;
    let counts: Vec<u64> =
        all.iter().map(|bytes| bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))).collect();
    run.progress.first_sample = Some(before + counts.iter().take(rank.global).sum::<u64>());
    Ok(before + counts.iter().sum::<u64>())
}

/// Returns the sum of a number over all processes.
///
/// # Errors
/// If a process has failed or was lost.
pub(super) fn total(run: &mut RunState, own: u64) -> Result<u64> {
    if run.strategy.rank().is_alone() {
        return Ok(own);
    }
    let mut sums = Sums::default();
    sums[0] = own as f64;
    Ok(run.strategy.sums(point(run, "number of batches"), sums)?[0] as u64)
}

/// Returns the mean of step values over the processes that have them, in the order in which the
/// first ones have them.
///
/// # Errors
/// If a process has failed or was lost.
pub(super) fn mean_values(
    strategy: &mut dyn Strategy,
    at: Point,
    own: Vec<(String, f64)>,
) -> Result<Vec<(String, f64)>> {
    if strategy.rank().is_alone() {
        return Ok(own);
    }
    // As bits: JSON has no NaN.
    let own: Vec<(String, u64)> = own.into_iter().map(|(name, value)| (name, value.to_bits())).collect();
    let mut means: Vec<(String, f64, u32)> = Vec::new();
    for bytes in strategy.gather(at, to_bytes(&own)?)? {
        for (name, bits) in from_bytes::<Vec<(String, u64)>>(&bytes)? {
            let value = f64::from_bits(bits);
            match means.iter_mut().find(|(known, ..)| *known == name) {
                Some((_, sum, count)) => (*sum, *count) = (*sum + value, *count + 1),
                None => means.push((name, value, 1)),
            }
        }
    }
    Ok(means.into_iter().map(|(name, sum, count)| (name, sum / f64::from(count))).collect())
}

/// Whether some process has a batch in this round, and sets how many have one.
///
/// # Errors
/// If a process has failed or was lost.
pub(super) fn has_batch(run: &mut RunState, own: bool) -> Result<bool> {
    let mut sums = Sums::default();
    sums[0] = f64::from(u8::from(own));
    let sums = run.strategy.sums(point(run, "batch"), sums)?;
    run.progress.round = sums[0] as u64;
    run.progress.absent = !own;
    Ok(sums[0] > 0.0)
}

/// Whether this is the last round of every process.
///
/// # Errors
/// If a process has failed or was lost.
pub(super) fn is_last_of_all(run: &mut RunState, own: bool) -> Result<bool> {
    let mut sums = Sums::default();
    sums[0] = f64::from(u8::from(!own));
    Ok(run.strategy.sums(point(run, "end of the data"), sums)?[0] == 0.0)
}

/// Whether the process with rank 0 has requests for checkpoints.
///
/// # Errors
/// If a process has failed or was lost.
pub(super) fn saves(run: &mut RunState) -> Result<bool> {
    let own = !run.checkpoints.queue.requests.is_empty();
    if run.strategy.rank().is_alone() {
        return Ok(own);
    }
    let mut sums = Sums::default();
    sums[0] = f64::from(u8::from(own && run.strategy.rank().is_global_zero()));
    Ok(run.strategy.sums(point(run, "checkpoint"), sums)?[0] > 0.0)
}

/// Sums the gradients of an accumulation buffer over all processes.
///
/// # Errors
/// If a process has failed or was lost.
pub(super) fn reduce(run: &mut RunState, driver: &dyn Driver, buffer: usize) -> Result<()> {
    if run.strategy.rank().is_alone() {
        return Ok(());
    }
    let mut at = point(run, "gradients");
    at.part ^= (buffer as u64) << 32;
    let RunState { strategy, train, progress, .. } = run;
    let names = || driver.parameters();
    let parameters = Parameters { device: &progress.device, names: &names };
    match train.accumulators.get_mut(buffer) {
        Some(gradients) => strategy.reduce(at, gradients, &parameters),
        None => Ok(()),
    }
}

/// Merges the metrics of a stage's epoch: afterwards every process has the values of all batches.
///
/// # Errors
/// If a process has failed or was lost, or a metric cannot be merged.
pub(super) fn merge_metrics(run: &mut RunState, stage: Stage) -> Result<()> {
    if run.strategy.rank().is_alone() {
        return Ok(());
    }
    let own = to_bytes(&run.log.metrics.unmerged(stage)?)?;
    let all = run.strategy.gather(point(run, "metrics"), own)?;
    let all = all.iter().map(|bytes| from_bytes(bytes)).collect::<Result<Vec<RankMetrics>>>()?;
    if run.log.metrics.merge(stage, &all, &run.progress.device)? {
        let own = to_bytes(&run.log.metrics.values_of_known(stage))?;
        let all = run.strategy.gather(point(run, "values of metrics"), own)?;
        let all = all.iter().map(|bytes| from_bytes(bytes)).collect::<Result<Vec<RankValues>>>()?;
        run.log.metrics.set_unknown(stage, &all);
    }
    Ok(())
}

/// Keeps the metrics of the other processes for the checkpoint, each for itself: the epoch goes on.
///
/// # Errors
/// If a process has failed or was lost, or the device fails.
pub(super) fn gather_metrics(run: &mut RunState) -> Result<()> {
    if run.strategy.rank().is_alone() {
        return Ok(());
    }
    let own = to_bytes(&run.log.metrics.record()?)?;
    let all = run.strategy.gather(point(run, "metrics of the checkpoint"), own)?;
    run.checkpoints.metrics_of_others = all.iter().skip(1).map(|bytes| from_bytes(bytes)).collect::<Result<_>>()?;
    Ok(())
}

/// Replaces running statistics, such as those of BatchNorm, by their means over all processes.
///
/// # Errors
/// If a process has failed or was lost, or the device fails.
pub(super) fn average_statistics(run: &mut RunState, driver: &mut dyn Driver) -> Result<()> {
    if run.strategy.rank().is_alone() {
        return Ok(());
    }
    let indices = driver.running_statistics()?;
    if indices.is_empty() {
        return Ok(());
    }
    let (places, values) = read(driver, &indices)?;
    let mut values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
    run.strategy.average(point(run, "running statistics"), &mut values)?;
    write(driver, places, &values.into_iter().map(f64::from).collect::<Vec<_>>())
}

/// Gives every process the weights of the first one.
///
/// # Errors
/// If a process has failed or was lost, or the models differ.
pub(super) fn share_weights(run: &mut RunState, driver: &mut dyn Driver) -> Result<()> {
    if run.strategy.rank().is_alone() {
        return Ok(());
    }
    let parameters = driver.parameters()?;
    let shapes: Vec<String> = parameters.iter().map(|name| format!("`{}` {:?}", name.path, name.dims)).collect();
    check_same(run, "parameters", &shapes.join("\n"))?;
    let indices = parameters.iter().map(|name| name.index).collect();
    let (places, values) = read(driver, &indices)?;
    let mut bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    run.strategy.broadcast(point(run, "weights"), &mut bytes)?;
    if run.strategy.rank().is_global_zero() {
        return Ok(());
    }
    let values: Vec<f64> = bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    write(driver, places, &values)
}

/// Checks that all processes have the same text: one line for each part that may differ.
///
/// # Errors
/// Names the first process that differs and the first line in which it does.
pub(super) fn check_same(run: &mut RunState, what: &'static str, own: &str) -> Result<()> {
    let all = run.strategy.gather(point(run, what), own.as_bytes().to_vec())?;
    let texts: Vec<_> = all.iter().map(|bytes| String::from_utf8_lossy(bytes)).collect();
    let Some((first, others)) = texts.split_first() else { return Ok(()) };
    for (rank, other) in (1..).zip(others) {
        if other == first {
            continue;
        }
        let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
        let (ours, theirs) = (lines(first), lines(other));
        let most = ours.len().max(theirs.len());
        let differs = (0..most).find(|line| ours.get(*line) != theirs.get(*line)).unwrap_or_default();
        let shown = |lines: &[String]| lines.get(differs).cloned().unwrap_or_else(|| "nothing".to_owned());
        return Err(Error::config(format!(
            "all ranks must have the same {what}: rank 0 has {}, rank {rank} has {}",
            shown(&ours),
            shown(&theirs)
        ))
        .help("start the same program with the same arguments and data on all ranks"));
    }
    Ok(())
}

/// Checks that all processes have loaders of the same lengths.
///
/// # Errors
/// As [`check_same`].
pub(crate) fn check_lengths(run: &mut RunState, what: &'static str, loaders: &[LoaderInfo]) -> Result<()> {
    if run.strategy.rank().is_alone() {
        return Ok(());
    }
    let lines = loaders.iter().enumerate().map(|(index, loader)| match loader.all {
        Some(batches) => format!("{batches} batches in loader {index}"),
        None => format!("an unknown number of batches in loader {index}"),
    });
    check_same(run, what, &lines.collect::<Vec<_>>().join("\n"))
}

/// The shapes of parameters by their indices.
type Places = Vec<(usize, Vec<usize>)>;

/// Reads the values of parameters, in order.
fn read(driver: &dyn Driver, indices: &BTreeSet<usize>) -> Result<(Places, Vec<f64>)> {
    struct Collect<'a>(&'a BTreeSet<usize>, Places, Vec<Handle>);

    impl ErasedVisitor for Collect<'_> {
        fn float(&mut self, index: usize, _id: ParamId, _path: &str, param: &dyn FloatParam) -> Result<()> {
            if self.0.contains(&index) {
                self.1.push((index, param.dims()));
                self.2.push(Handle::Device(param.value()));
            }
            Ok(())
        }
    }

    let mut collect = Collect(indices, Vec::new(), Vec::new());
    driver.visit(&mut collect)?;
    let Collect(_, places, handles) = collect;
    // sync: once a run, a validation or a checkpoint.
    let data = handle::read_all(handles)?;
    Ok((places, data.iter().flat_map(|data| data.iter::<f64>()).collect()))
}

/// Sets the values of parameters.
fn write(driver: &mut dyn Driver, places: Places, values: &[f64]) -> Result<()> {
    struct Set(BTreeMap<usize, TensorData>);

    impl ValueMapper for Set {
        fn wants(&self, index: usize, _id: ParamId) -> bool {
            self.0.contains_key(&index)
        }

        fn map(&mut self, index: usize, _path: &str, value: BridgeTensor) -> BridgeTensor {
            match self.0.remove(&index) {
                Some(data) => handle::with_data(value, data),
                None => value,
            }
        }
    }

    let mut rest = values;
    let mut set = BTreeMap::new();
    for (index, dims) in places {
        let elements = dims.iter().product();
        let (own, others) = rest
            .split_at_checked(elements)
            .ok_or_else(|| Error::new(ErrorKind::Device, "rank 0 has sent too few values"))?;
        set.insert(index, TensorData::new(own.to_vec(), dims));
        rest = others;
    }
    driver.update(&mut Set(set))
}

/// Tells every process the folder of the run, which the first one has created.
///
/// # Errors
/// If a process has failed or was lost.
pub(super) fn share_log_dir(run: &mut RunState) -> Result<()> {
    if run.strategy.rank().is_alone() {
        return Ok(());
    }
    let mut folder = run.log_dir().to_string_lossy().into_owned().into_bytes();
    run.strategy.broadcast(point(run, "the folder of the run"), &mut folder)?;
    if !run.strategy.rank().is_global_zero() {
        run.log.loggers.set_folder(PathBuf::from(String::from_utf8_lossy(&folder).into_owned()));
    }
    Ok(())
}

pub(crate) fn to_bytes(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value)
        .map_err(|error| Error::msg(format!("a message for other ranks cannot be written: {error}")))
}

pub(crate) fn from_bytes<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::msg(format!("a message of another rank cannot be read: {error}")))
}

/// Gives every process the seed of the first one, and checks that they run the same program.
///
/// # Errors
/// If a process has failed or was lost, or they differ.
pub(super) fn check_program(run: &mut RunState) -> Result<()> {
    if run.strategy.rank().is_alone() {
        return Ok(());
    }
    let mut seed = run.progress.seed.to_le_bytes().to_vec();
    run.strategy.broadcast(point(run, "seed"), &mut seed)?;
    if let Some(bytes) = seed.first_chunk::<8>() {
        run.progress.seed = u64::from_le_bytes(*bytes);
    }
    let mut lines = vec![
        format!("lightning-core {}", env!("CARGO_PKG_VERSION")),
        format!("the module `{}`", (run.info.type_name)()),
        format!("the stage {}", run.progress.stage),
    ];
    let settings = run.settings.record();
    lines.extend(settings.iter().map(|(name, value)| format!("`{name}` {value}")));
    if let Value::Object(hparams) = &run.hparams {
        lines.extend(hparams.iter().map(|(name, value)| format!("the hyperparameter `{name}` {value}")));
    }
    check_same(run, "program", &lines.join("\n"))
}
