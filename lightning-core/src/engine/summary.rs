//! The model summary printed before training, and the check of all parameters.

use std::collections::HashMap;

use burn::module::ParamId;

use crate::{
    engine::{driver::Driver, run::RunState},
    error::{Error, Result},
    graph::Recording,
    module::Summary,
    params::{ErasedVisitor, FloatParam},
};

/// Finds parameters that share an id, and counts the trainable ones.
#[derive(Default)]
struct Twins {
    seen: HashMap<ParamId, (String, bool)>,
    found: Vec<(String, String)>,
    trainable: usize,
}

impl ErasedVisitor for Twins {
    fn float(&mut self, _index: usize, id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        let trainable = param.is_trainable();
        self.trainable += usize::from(trainable);
        // Two copies of a layer share the ids of their running statistics, which no optimizer
        // updates.
        if let Some((first, first_trainable)) = self.seen.insert(id, (path.to_owned(), trainable))
            && (trainable || first_trainable)
        {
            self.found.push((first, path.to_owned()));
        }
        Ok(())
    }
}

/// Checks the parameters of a module before training.
///
/// # Errors
/// If two parameters have the same id, or none is trainable. Burn's `clone` copies ids, and a
/// gradient is found by the id: only the first of two such parameters would be trained.
pub(crate) fn check_parameters(driver: &dyn Driver) -> Result<()> {
    let mut twins = Twins::default();
    driver.visit(&mut twins)?;
    if let Some((first, second)) = twins.found.first() {
        return Err(Error::config(format!("the parameters `{first}` and `{second}` have the same id"))
            .help("write `copy_of(field)` in `#[init(…)]` for a copy with ids of its own; `clone` copies the ids"));
    }
    if twins.trainable == 0 {
        return Err(Error::config("the module has no trainable parameter").help("unfreeze a field before `fit`"));
    }
    Ok(())
}

/// Prints the summary of the module, with the shapes and costs of its layers if there is a recording.
/// Running statistics count as parameters that are not trained.
pub(crate) fn print(
    run: &mut RunState,
    driver: &dyn Driver,
    recorded: &Result<(Recording, usize)>,
    is_inline: bool,
) -> Result<()> {
    let recording = recorded.as_ref().ok().map(|(recording, samples)| (recording, *samples));
    let summary = Summary::of(&run.info, &run.train, recording, |visitor| driver.visit(visitor))?;
    let mut text = summary.depth(run.settings.output.summary_depth).to_string();
    if let Err(error) = recorded {
        text.push_str(&format!("\nno shapes of layers: {}", error.message()));
    }
    if run.log.loggers.is_empty() && run.settings.run.fast_dev_run.is_none() && !run.info.metrics.is_empty() {
        text.push_str("\nno logger: metrics are in reports and callbacks only, and not written");
    }
    if is_inline {
        text.push_str("\nno data workers: the thread that trains also makes the batches (`num_workers(0)`)");
    }
    run.console.print(&text);
    Ok(())
}
