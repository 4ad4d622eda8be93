//! What generated code calls to run the exported step: the parts of an example become its
//! parameters, and its result becomes the outputs of the graph.

use std::{cell::Cell, cell::RefCell, marker::PhantomData};

use burn::tensor::Device;

use super::{step_context::StepContext, steps::PredictStep};
use crate::{
    batch::{Batch, BatchReader, BatchWriter, StepBatch},
    error::{Error, ErrorKind, Result},
    random::global_seed,
    stage::Stage,
};

/// The name of the outputs in front of the names of their fields.
const NAME: &str = "batch";

/// A parameter of the exported step. Generated code calls `(&Parameter::<T>::new()).take(…)`, for
/// which rustc prefers [`TakesPart`], since it needs one reference less than [`RefusesParameter`].
#[doc(hidden)]
#[derive(Debug)]
pub struct Parameter<T>(PhantomData<fn() -> T>);

impl<T> Parameter<T> {
    /// Creates it.
    #[expect(clippy::new_without_default, reason = "only generated code calls it")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

/// A parameter that a part of an example can be.
#[doc(hidden)]
pub trait TakesPart<T> {
    /// Reads parameter `name`, which is number `index` of `count`.
    ///
    /// # Errors
    /// If the example does not have it.
    fn take(&self, name: &str, index: usize, count: usize, example: &BatchReader<'_>) -> Result<T>;
}

impl<T: Batch> TakesPart<T> for Parameter<T> {
    fn take(&self, name: &str, index: usize, count: usize, example: &BatchReader<'_>) -> Result<T> {
        T::load_batch(&example.part_of(name, index, count), example)
    }
}

/// Any other parameter.
#[doc(hidden)]
pub trait RefusesParameter<T> {
    /// Returns the error.
    ///
    /// # Errors
    /// Always.
    fn take(&self, name: &str, index: usize, count: usize, example: &BatchReader<'_>) -> Result<T>;
}

impl<T> RefusesParameter<T> for &Parameter<T> {
    fn take(&self, name: &str, _index: usize, _count: usize, _example: &BatchReader<'_>) -> Result<T> {
        Err(Error::new(
            ErrorKind::Export,
            format!(
                "the parameter `{name}` of `forward` must implement `Batch`, found `{}`",
                std::any::type_name::<T>()
            ),
        )
        .help("name a step: `.step(|model, batch| …)`"))
    }
}

/// The result of the exported step. Generated code calls `Exported(…).export(…)`: inherent methods
/// take precedence over those of traits, and [`Exports`] needs one reference less than
/// [`RefusesExport`].
#[doc(hidden)]
#[derive(Debug)]
pub struct Exported<T>(pub T);

impl<T: Batch, E: Into<Error>> Exported<std::result::Result<T, E>> {
    /// Adds the tensors of a result.
    ///
    /// # Errors
    /// That of the step.
    pub fn export(self, out: &mut BatchWriter) -> Result<()> {
        self.0.map_err(Into::into)?.save_batch(NAME, out);
        Ok(())
    }
}

/// A result that is a batch: a tensor, a tuple, a `Vec`, or a struct with `#[derive(Batch)]`.
#[doc(hidden)]
pub trait Exports {
    /// Adds its tensors.
    ///
    /// # Errors
    /// Never.
    fn export(self, out: &mut BatchWriter) -> Result<()>;
}

impl<T: Batch> Exports for Exported<T> {
    fn export(self, out: &mut BatchWriter) -> Result<()> {
        self.0.save_batch(NAME, out);
        Ok(())
    }
}

/// Any other result.
#[doc(hidden)]
pub trait RefusesExport {
    /// Notes the type of the result.
    ///
    /// # Errors
    /// Never: the recording reports what was noted.
    fn export(self, out: &mut BatchWriter) -> Result<()>;
}

impl<T> RefusesExport for &Exported<T> {
    fn export(self, out: &mut BatchWriter) -> Result<()> {
        out.refuse::<T>("the result");
        Ok(())
    }
}

/// Runs `predict_step` on the example.
///
/// # Errors
/// If the example is not a batch of the step, or the step fails.
#[doc(hidden)]
pub fn predicted<M: PredictStep>(module: &M, example: &BatchReader<'_>) -> Result<M::Output> {
    module.run_predict_step(M::PredictBatch::load(example)?, &outside(example.device()))
}

/// The context of a step outside of a run.
fn outside(device: &Device) -> StepContext<'_> {
    StepContext {
        stage: Stage::Predict,
        epoch: 0,
        batch_idx: 0,
        dataloader_idx: 0,
        global_step: 0,
        batch_step: 0,
        seed: global_seed(),
        rank: 0,
        world_size: 1,
        device,
        draws: Cell::new(0),
        kept: RefCell::new(None),
    }
}
