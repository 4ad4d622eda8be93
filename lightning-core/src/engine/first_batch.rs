//! What is shown of a module when the first batch of a `fit` is ready: its summary with the shapes and
//! costs of the layers, and its graph for the loggers.

pub(super) mod state;

use self::state::FirstBatch;
use super::{driver::Driver, run::RunState, structure, summary};
use crate::{
    batch::BatchWriter,
    error::{Error, ErrorKind, Result},
    graph::{Example, Recording},
};

/// Prints the summary of a module without `forward`, and that of another one when a batch is ready.
pub(super) fn announce(run: &mut RunState, driver: &dyn Driver, is_inline: bool) -> Result<()> {
    let summary = run.settings.output.model_summary;
    run.first_batch = FirstBatch { graph: true, summary: summary && driver.has_forward(), is_inline };
    if summary && !driver.has_forward() {
        summary::print(run, driver, &Err("the module has no `forward`".into()), is_inline)?;
    }
    Ok(())
}

/// Shows the module with the ready batch.
pub(super) fn show(run: &mut RunState, driver: &dyn Driver) -> Result<()> {
    let FirstBatch { graph, summary, is_inline } = std::mem::take(&mut run.first_batch);
    let graph = graph && !run.log.loggers.is_empty() && run.log.enabled;
    if !graph && !summary {
        return Ok(());
    }
    let recorded = record(run, driver);
    if summary {
        summary::print(run, driver, &recorded, is_inline)?;
    }
    if graph {
        structure::log(run, driver, recorded.ok().as_ref().map(|(recording, _)| recording))?;
    }
    Ok(())
}

/// Prints the summary of a run that ended before its first batch.
pub(super) fn end(run: &mut RunState, driver: &dyn Driver) -> Result<()> {
    let FirstBatch { summary, is_inline, .. } = std::mem::take(&mut run.first_batch);
    if summary {
        summary::print(run, driver, &Err("the run ended before the first batch".into()), is_inline)?;
    }
    Ok(())
}

/// Records `forward` on a batch like the ready one. Returns it with the number of samples.
fn record(run: &RunState, driver: &dyn Driver) -> Result<(Recording, usize)> {
    let mut batch = BatchWriter::default();
    driver.show_batch(&mut batch);
    let samples = run.progress.batch_size.ok_or_else(|| Error::new(ErrorKind::Export, "the batch has no size"))?;
    let example = Example::of_parts(batch, samples)?;
    Ok((driver.record(&example, run.train.lowering)?, samples))
}
