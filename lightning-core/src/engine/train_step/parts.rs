//! Trains on a batch in parts, for `micro_batch`: several passes, whose gradients are those of the batch.

use burn::tensor::Tensor;

use super::backward::differentiate;
use crate::{
    data::{Part, StepCall},
    engine::{
        driver::{Driver, LoaderId},
        ranks,
        run::RunState,
        stop::count_skipped,
        train_epoch::seed_for_batch,
    },
    error::{Error, ErrorKind, Result},
    optim::GradientStore,
    settings::MicroBatch,
};

/// Runs the passes of a batch.
///
/// # Errors
/// The first error of a step, a hook or a backward pass. That memory does not suffice is one if a
/// number of samples was chosen, or if not even one sample fits.
pub(super) fn pass_in_parts(
    run: &mut RunState,
    driver: &mut dyn Driver,
    buffer: usize,
    call: StepCall,
    samples: usize,
) -> Result<()> {
    let before = run.train.accumulators.get(buffer).map_or(0, GradientStore::micro_batches);
    let fills = run.train.fills;
    let result = passes(run, driver, buffer, call, samples);
    run.train.fills = fills;
    (run.progress.batch_size, run.progress.is_part) = (Some(samples), false);
    if let Some(buffer) = run.train.accumulators.get_mut(buffer) {
        buffer.count_as_one(before);
    }
    result
}

fn passes(run: &mut RunState, driver: &mut dyn Driver, buffer: usize, call: StepCall, samples: usize) -> Result<()> {
    let fills = run.train.fills;
    let is_auto = run.settings.optimization.micro_batch.as_ref().is_some_and(MicroBatch::is_auto);
    let mut loss = BatchLoss::default();
    let mut start = 0;
    while start < samples {
        let end = start + next_len(samples, start, run.train.samples_of_pass);
        let part = Part { start, end, samples };
        // The processes meet in the last pass.
        run.train.fills = fills && end == samples;
        (run.progress.batch_size, run.progress.is_part) = (Some(part.len()), !part.is_whole());
        if is_auto {
            driver.keep_start()?;
        }
        let passed = pass(run, driver, buffer, StepCall { part: Some(part), ..call }, &mut loss);
        if is_auto {
            match &passed {
                Err(error) if error.is_out_of_memory() => {
                    // The pass has changed nothing but running statistics.
                    driver.swap_start()?;
                    driver.drop_start();
                    halve(run, part)?;
                    if start == 0 {
                        seed_for_batch(run);
                    }
                    continue;
                }
                _ => driver.drop_start(),
            }
        }
        passed?;
        start = end;
    }
    Ok(())
}

/// The samples of the next pass: the rest of the batch is divided evenly.
fn next_len(samples: usize, start: usize, limit: usize) -> usize {
    let rest = samples - start;
    rest.div_ceil(rest.div_ceil(limit.max(1)))
}

/// Runs one pass.
fn pass(
    run: &mut RunState,
    driver: &mut dyn Driver,
    buffer: usize,
    call: StepCall,
    batch_loss: &mut BatchLoss,
) -> Result<()> {
    let Some(part) = call.part else { return Ok(()) };
    let Some(output) = driver.step(LoaderId::Train, call, run)? else {
        run.log.drain(&run.progress, true)?;
        count_skipped(run);
        return ranks::begin_backward(run, buffer, false);
    };
    // What the step has logged counts once its backward pass has succeeded.
    let logged = std::mem::take(&mut run.log.inbox.entries);
    let outputs = std::mem::take(&mut run.log.inbox.outputs);
    let differentiated = differentiate(run, driver, buffer, output, part.len() as f64 / part.samples as f64);
    run.log.inbox.entries.splice(..0, logged);
    run.log.inbox.outputs.splice(..0, outputs);
    differentiated?;
    run.log.drain(&run.progress, true).map_err(|error| error.at(run.progress.location(None, true)))?;
    batch_loss.add(run, part);
    Ok(())
}

/// The mean of the losses of the passes of a batch.
#[derive(Default)]
struct BatchLoss {
    sum: Option<Tensor<1>>,
    samples: usize,
}

impl BatchLoss {
    /// Adds the loss of the last pass, and makes the mean so far the loss of the batch.
    fn add(&mut self, run: &mut RunState, part: Part) {
        if part.is_whole() {
            return;
        }
        let Some(loss) = run.progress.loss() else { return };
        let weighted = loss.mul_scalar(part.len() as f64);
        let sum = match self.sum.take() {
            Some(sum) => sum + weighted,
            None => weighted,
        };
        self.samples += part.len();
        run.progress.losses.replace(run.progress.place(), sum.clone().div_scalar(self.samples as f64));
        self.sum = Some(sum);
    }
}

/// Halves the samples of a pass.
///
/// # Errors
/// If not even one sample fits.
fn halve(run: &mut RunState, part: Part) -> Result<()> {
    run.log.inbox.clear_logged();
    if part.len() == 1 {
        return Err(Error::new(
            ErrorKind::Device,
            "`micro_batch(\"auto\")`: the memory of the device does not suffice for one sample",
        )
        .help("use a smaller model, `gradient_checkpointing(true)`, or a 16-bit precision")
        .at(run.progress.location(None, true)));
    }
    let halved = part.len().div_ceil(2);
    run.train.samples_of_pass = halved;
    run.console.warn(format!(
        "`micro_batch(\"auto\")`: the memory of the device did not suffice for {} samples: batches are divided into \
         parts of at most {halved}",
        part.len()
    ));
    Ok(())
}
