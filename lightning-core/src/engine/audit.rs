//! The audit of the first step: warns of what a correct program does not do. It reads the first
//! batch and its losses, draws no random number and changes nothing.

pub(crate) mod state;

use std::collections::BTreeMap;

use burn::tensor::Tensor;

use self::state::AuditState;
pub(super) use self::state::see_gradients;
use crate::{
    batch::{BatchTensor, BatchWriter},
    console::table,
    engine::{driver::Driver, run::RunState},
    functional::chance,
    tensor::{
        any_rank::with_rank,
        handle::{Handle, is_float},
        readback,
    },
};

/// Decides at the start of a `fit` whether its first step is audited.
pub(super) fn start(run: &mut RunState) {
    let is_pending = run.settings.guards.audit && run.resume.resumed_from.is_none();
    run.audit = AuditState { is_pending, ..AuditState::default() };
}

/// Looks at the ready batch, and watches the losses of the step.
pub(super) fn begin(run: &mut RunState, driver: &dyn Driver) {
    if !run.audit.is_pending {
        return;
    }
    if !std::mem::replace(&mut run.audit.saw_batch, true) {
        let mut batch = BatchWriter::default();
        driver.show_batch(&mut batch);
        let warnings = [uneven(&batch), constant(&batch.tensors)];
        warnings.into_iter().flatten().for_each(|warning| run.console.warn(warning));
    }
    chance::watch();
}

/// Looks at the losses of the step, and ends the audit if the step had a backward pass.
pub(super) fn end(run: &mut RunState) {
    if !run.audit.is_pending {
        return;
    }
    let notes = chance::take();
    if run.audit.seen.is_empty() {
        // The step returned `None`: the next batch is audited.
        return;
    }
    run.audit.is_pending = false;
    let missing = std::mem::take(&mut run.audit.missing);
    if !missing.is_empty() {
        let paths = table::listed(missing.iter().map(String::as_str));
        run.console.warn(format!(
            "the first step gave no gradient to {paths}, which an optimizer trains: use it in the training step, or mark \
             the field `#[frozen]`; `.audit(false)` turns this check off"
        ));
    }
    // Several losses of one step, such as those of several heads, give one warning.
    if let Some(warning) = notes.into_iter().find_map(|note| above_chance(note.classes, note.loss)) {
        run.console.warn(warning);
    }
}

/// Returns a warning of a cross entropy that is far above that of a guess, ln(classes). Twice the
/// value and one more is what weights in the usual range and normalized inputs do not reach. A low
/// loss is right if the weights are trained already.
fn above_chance(classes: usize, loss: Tensor<1>) -> Option<String> {
    let chance = (classes as f64).ln();
    // sync: once a run.
    let loss = readback::host_scalar(loss);
    (classes > 1 && loss.is_finite() && loss > 2.0 * chance + 1.0).then(|| {
        format!(
            "the first `cross_entropy` is {loss:.2}, and a guess among {classes} classes has ln({classes}) = {chance:.2}: \
             normalize the inputs, or start with smaller weights in the last layer; `.audit(false)` turns this check off"
        )
    })
}

/// Returns a warning of tensors of one part of the batch whose first dimensions differ. The members
/// of lists may differ, and so may the parts of a batch of several loaders. A tensor of one element
/// is a number for the whole batch.
fn uneven(batch: &BatchWriter) -> Option<String> {
    if batch.declares_size {
        return None;
    }
    let mut parts: BTreeMap<&str, Vec<(&str, usize)>> = BTreeMap::new();
    for BatchTensor { name, handle, in_list } in &batch.tensors {
        let dims = handle.dims();
        if let (false, false, Some(first)) = (*in_list, dims == [1], dims.first()) {
            let part = name.rsplit_once('.').map_or("", |(part, _)| part);
            parts.entry(part).or_default().push((name, *first));
        }
    }
    let differ =
        |part: &&Vec<(&str, usize)>| part.iter().any(|(_, first)| part.first().is_some_and(|it| it.1 != *first));
    let part = parts.values().find(differ)?;
    let list = part.iter().map(|(name, first)| format!("`{name}` {first}")).collect::<Vec<_>>().join(", ");
    Some(format!(
        "the tensors of a batch must have the same first dimension, its number of samples, found {list}: check `collate`, or \
         mark the field with the number of samples `#[batch(size)]`; `.audit(false)` turns this check off"
    ))
}

/// Returns a warning of an input that has one value only: of the first float tensor, which is the
/// input by convention, if it has several samples of several elements.
fn constant(tensors: &[BatchTensor]) -> Option<String> {
    let is_input = |tensor: &&BatchTensor| match &tensor.handle {
        Handle::Device(value) => is_float(value.dtype()),
        Handle::Host(_) => false,
    };
    let BatchTensor { name, handle, in_list } = tensors.iter().find(is_input)?;
    let (Handle::Device(value), dims) = (handle, handle.dims()) else { return None };
    let samples = dims.first().copied().unwrap_or_default();
    if *in_list || dims.len() < 2 || samples < 2 || dims.contains(&0) {
        return None;
    }
    // sync: twice a run.
    let (low, high) = with_rank!(value.rank(), D => {
        let value = Tensor::<D>::from_bridge(value.clone());
        (readback::host_scalar(value.clone().min()), readback::host_scalar(value.max()))
    }, (0.0, 1.0));
    (low == high).then(|| {
        format!(
            "every element of `{name}` in the first batch is {low}: check the dataset and its transforms; `.audit(false)` turns \
             this check off"
        )
    })
}
