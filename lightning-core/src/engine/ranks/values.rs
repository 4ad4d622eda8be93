//! What processes sum or merge: gradients, metrics and step values.

use super::{from_bytes, point, to_bytes};
use crate::{
    engine::{driver::Driver, run::RunState},
    error::Result,
    metrics::{Metrics, RankMetrics, RankValues},
    stage::Stage,
    strategy::{Parameters, Point, Strategy},
};

/// Sums the gradients of an accumulation buffer over all processes.
///
/// # Errors
/// If a process has failed or was lost.
pub(crate) fn reduce(run: &mut RunState, driver: &dyn Driver, buffer: usize) -> Result<()> {
    if run.strategy.rank().is_alone() {
        return Ok(());
    }
    let mut at = point(run, "gradients");
    at.part ^= (buffer as u64) << 32;
    let RunState { strategy, train, progress, .. } = run;
    let names = || driver.parameters();
    let parameters = Parameters { buffer, device: &progress.device, names: &names };
    match train.accumulators.get_mut(buffer) {
        Some(gradients) => strategy.reduce(at, gradients, &parameters),
        None => Ok(()),
    }
}

/// Starts the pass that fills an accumulation buffer; `passes`: this process has one.
///
/// # Errors
/// If a process has failed or was lost.
pub(crate) fn begin_backward(run: &mut RunState, buffer: usize, passes: bool) -> Result<()> {
    if run.strategy.rank().is_alone() || !run.train.fills {
        return Ok(());
    }
    let mut at = point(run, "start of the backward pass");
    at.part ^= (buffer as u64) << 32;
    let RunState { strategy, train, .. } = run;
    match train.accumulators.get(buffer) {
        Some(gradients) => strategy.begin_backward(at, buffer, gradients, passes),
        None => Ok(()),
    }
}

/// Merges the metrics of a stage's epoch: afterwards every process has the values of all batches.
///
/// # Errors
/// If a process has failed or was lost, or a metric cannot be merged.
pub(crate) fn merge_metrics(run: &mut RunState, stage: Stage) -> Result<()> {
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

/// Returns the current values of the first process, so that all schedules that monitor one decide
/// alike: a step value differs between processes.
///
/// # Errors
/// If a process has failed or was lost, or the device fails.
pub(crate) fn metrics_of_first(run: &mut RunState) -> Result<Metrics> {
    let mut metrics = run.log.metrics.metrics()?.clone();
    if run.strategy.rank().is_alone() {
        return Ok(metrics);
    }
    // As bits: JSON has no NaN.
    let values: Vec<(&str, u64)> = metrics.iter().map(|(name, value)| (name, value.to_bits())).collect();
    let mut bytes = to_bytes(&values)?;
    run.strategy.broadcast(point(run, "monitored metrics"), &mut bytes, 0)?;
    for (name, bits) in from_bytes::<Vec<(String, u64)>>(&bytes)? {
        metrics.set(&name, f64::from_bits(bits));
    }
    Ok(metrics)
}

/// Keeps the metrics of the other processes for the checkpoint, each for itself: the epoch goes on.
///
/// # Errors
/// If a process has failed or was lost, or the device fails.
pub(crate) fn gather_metrics(run: &mut RunState) -> Result<()> {
    if run.strategy.rank().is_alone() {
        return Ok(());
    }
    let own = to_bytes(&run.log.metrics.record()?)?;
    let all = run.strategy.gather(point(run, "metrics of the checkpoint"), own)?;
    run.checkpoints.metrics_of_others = all.iter().skip(1).map(|bytes| from_bytes(bytes)).collect::<Result<_>>()?;
    Ok(())
}

/// Returns the mean of step values over the processes that have them, in the order in which the
/// first ones have them.
///
/// # Errors
/// If a process has failed or was lost.
pub(crate) fn mean_values(
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
