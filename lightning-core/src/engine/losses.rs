//! Looks at the losses of training, and warns of the first one that is NaN or infinite.
//!
//! A loss is not read when it is computed: a device would have to be waited for. The last one is
//! read with the logged values, once a log interval, and at the end of an epoch; the others since
//! then are read only if it, a logged value or a norm of the gradients is not finite. A loss that
//! is not finite makes the weights NaN, and with them the later losses, so that the last one shows
//! it.

use crate::{
    console::output::Console,
    error::Result,
    metrics::{MetricStore, NotFinite},
    progress::LoopState,
    tensor::readback,
};

/// Looks at the losses, and reads the last one.
///
/// # Errors
/// If the device fails.
// sync: at the end of an epoch in which no logged value waits, and once a checkpoint.
pub(super) fn check(
    progress: &mut LoopState,
    metrics: &mut MetricStore,
    console: &mut Console,
    host: bool,
) -> Result<()> {
    let value = match progress.losses.unknown() {
        Some(loss) if host => Some(readback::host_scalar(loss)),
        Some(loss) => match metrics.refresh_with(Some(loss.clone()))? {
            Some(value) => Some(value),
            None => readback::read(vec![loss])?.first().copied(),
        },
        None => None,
    };
    look(value, progress, metrics, console, host)
}

/// Looks at the losses. `last` is the value of the last one; `None` if it was not read.
///
/// # Errors
/// If the device fails.
pub(super) fn look(
    last: Option<f64>,
    progress: &mut LoopState,
    metrics: &mut MetricStore,
    console: &mut Console,
    host: bool,
) -> Result<()> {
    let Some(last) = last else { return Ok(()) };
    let losses = &mut progress.losses;
    losses.is_known = true;
    if !metrics.take_suspicious() && last.is_finite() {
        drop(losses.take_earlier());
        return Ok(());
    }
    let (places, tensors): (Vec<_>, Vec<_>) = losses.take_earlier().unzip();
    // sync: only after a value that is not finite; a host device does not wait.
    let values = match host {
        true => tensors.into_iter().map(readback::host_scalar).collect(),
        false if tensors.is_empty() => Vec::new(),
        false => readback::read(tensors)?,
    };
    let last_place = losses.last().map(|(place, _)| *place);
    let all = places.into_iter().zip(values).chain(last_place.map(|place| (place, last)));
    let broken: Vec<_> = all.filter(|(_, value)| !value.is_finite()).collect();
    progress.counters.non_finite_losses += broken.len() as u64;
    let Some((place, value)) = broken.first().copied() else { return Ok(()) };
    // A metric that became NaN at this batch, most often the logged loss itself, has its own
    // warning.
    if !std::mem::replace(&mut losses.told, true) && !metrics.was_not_finite_at(place) {
        let what = NotFinite::describe(value, place);
        console.warn(format!(
            "the loss {what}; its gradients make the weights NaN: check the batch and the learning rate, or write \
             `detect_anomaly(true)` to end the run at such a batch"
        ));
    }
    Ok(())
}
