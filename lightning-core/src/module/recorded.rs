//! Recording a step of a module.

use burn::tensor::FloatDType;

use super::lightning_module::LightningModule;
use crate::{
    batch::{BatchReader, BatchWriter},
    error::{Error, ErrorKind, Result},
    graph::{Example, Recording, record},
    metrics::ambient::{Inbox, record as with_log},
    os::panics::{catch_in, quietly},
    precision::{RunningStatistics, lowered},
    stage::Stage,
};

/// A step of a recording: it reads the example and writes the results.
pub(super) type Step<'a, M> = Box<dyn Fn(&M, &BatchReader<'_>, &mut BatchWriter) -> Result<()> + 'a>;

/// Keeps what a step logs out of a run.
pub(super) fn without_log<'a, M: 'a>(step: Step<'a, M>) -> Step<'a, M> {
    Box::new(move |model, example, out| {
        with_log(None, Stage::Predict, false, &mut Inbox::default(), || step(model, example, out))
    })
}

/// Records `forward` with the sizes of an example. Nobody asked for this call: panics are errors, and are
/// not printed.
///
/// # Errors
/// If it cannot be recorded, or the module has none.
pub(crate) fn record_forward<M: LightningModule>(
    model: &M,
    example: &Example,
    lowering: Option<FloatDType>,
) -> Result<Recording> {
    if !M::FORWARD {
        return Err(Error::new(ErrorKind::Export, format!("`{}` has no `forward`", M::NAME))
            .help("write `fn forward(&self, …)` in the impl with `#[lightning_module]`"));
    }
    let own = || match lowering {
        Some(dtype) => lowered(&model.valid().materialize(), dtype, RunningStatistics::Copied),
        None => model.valid().materialize(),
    };
    let model = catch_in(|| format!("{}::valid", M::NAME), || Ok(own()))?;
    let step = without_log(Box::new(M::forward_step));
    quietly(|| record(&model, &example.with_sizes(example.batch, 0), "forward", &*step))
}
