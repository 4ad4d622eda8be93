//! Writes predictions to files and other sinks.

mod file;

use std::{fmt, ops::Range, path::PathBuf};

use serde::Serialize;

pub use self::file::PredictionFile;
use super::{Callback, CallbackContext};
use crate::{
    data::CollectedOutputs,
    error::{Error, Result},
    module::PredictStep,
};

/// When a [`PredictionWriter`] writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WriteInterval {
    /// After every batch.
    #[default]
    Batch,
    /// Once, after the last batch.
    Epoch,
    /// Both.
    BatchAndEpoch,
}

/// The position of one batch of predictions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PredictedBatch {
    /// The index of the loader, from 0.
    pub dataloader_idx: usize,
    /// The index of the batch in its loader, from 0.
    pub batch_idx: usize,
    /// The indices of the samples in their loader, from 0, in the loader's order.
    pub samples: Range<u64>,
}

/// A destination of predictions, such as a file or a database, that is written after every batch.
///
/// [`EpochSink`] is one that is written once, at the end.
///
/// ```
/// use lightning_core::{
///     callbacks::{PredictedBatch, PredictionSink},
///     prelude::*,
/// };
///
/// struct Print;
///
/// impl PredictionSink<Vec<f32>> for Print {
///     fn write_batch(&mut self, prediction: &Vec<f32>, batch: &PredictedBatch) -> Result<()> {
///         println!("samples {:?}: {prediction:?}", batch.samples);
///         Ok(())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a `PredictionWriter` that writes by batch needs a `PredictionSink`, found `{Self}`",
    label = "`write_batch` is not implemented",
    note = "implement `PredictionSink` with `write_batch`, or write at the end with `PredictionWriter::epoch(sink)`"
)]
pub trait PredictionSink<T>: Send {
    /// Prepares for a prediction run. It is called before the first batch.
    ///
    /// # Errors
    /// An error ends the run.
    fn start(&mut self) -> Result<()> {
        Ok(())
    }

    /// Told before the first batch in a run with several processes: each writes the predictions of
    /// its own batches, and needs a destination of its own.
    fn set_rank(&mut self, rank: usize) {
        let _ = rank;
    }

    /// Writes the prediction of one batch.
    ///
    /// # Errors
    /// An error ends the run.
    fn write_batch(&mut self, prediction: &T, batch: &PredictedBatch) -> Result<()>;
}

/// A destination of predictions that is written once, after the last batch.
///
/// ```
/// use lightning_core::{
///     callbacks::{EpochSink, PredictedBatch, PredictionWriter},
///     prelude::*,
/// };
///
/// struct Print;
///
/// impl EpochSink<Vec<f32>> for Print {
///     fn write_epoch(&mut self, predictions: &[Vec<f32>], batches: &[PredictedBatch]) -> Result<()> {
///         println!("{} batches: {predictions:?}", batches.len());
///         Ok(())
///     }
/// }
///
/// let writer = PredictionWriter::epoch(Print);
/// # let _ = writer;
/// ```
#[diagnostic::on_unimplemented(
    message = "a `PredictionWriter` that writes by epoch needs an `EpochSink`, found `{Self}`",
    label = "`write_epoch` is not implemented",
    note = "implement `EpochSink` with `write_epoch`, or write after each batch with `PredictionWriter::new(sink)`"
)]
pub trait EpochSink<T>: Send {
    /// Told before the first batch in a run with several processes: each writes the predictions of
    /// its own batches, and needs a destination of its own.
    fn set_rank(&mut self, rank: usize) {
        let _ = rank;
    }

    /// Writes all predictions of a run. `predictions` and `batches` are in the same order.
    ///
    /// # Errors
    /// An error ends the run.
    fn write_epoch(&mut self, predictions: &[T], batches: &[PredictedBatch]) -> Result<()>;
}

/// A module whose `predict_step` returns `T`. Implemented for each.
#[diagnostic::on_unimplemented(
    message = "the type of a `PredictionWriter` must be the return type of `predict_step`, found `{T}`",
    label = "`{Self}` has no `predict_step` that returns `{T}`",
    note = "write that type, as in `PredictionWriter::<Vec<f32>>::json_lines(path)`"
)]
pub trait Predicts<T> {}

#[diagnostic::do_not_recommend]
impl<M: PredictStep<Output = T>, T> Predicts<T> for M {}

/// Writes the predictions of `predict`: the `T` that `predict_step` returns for each batch.
///
/// ```
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// use lightning_core::{callbacks::PredictionWriter, prelude::*};
/// # #[lightning_module]
/// # #[optimizer(SgdConfig::new(), lr = 0.1)]
/// # struct Net {
/// #     #[init(LinearConfig::new(4, 1).init(device))]
/// #     layer: Linear,
/// # }
/// # #[lightning_module]
/// # impl Net {
/// #     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
/// #         self.layer.forward(batch).mean()
/// #     }
/// #     fn predict_step(&self, batch: Tensor<2>) -> Result<Vec<f32>> {
/// #         Ok(self.layer.forward(batch).into_data().try_to_vec()?)
/// #     }
/// # }
/// # let mut net = Net::new(NetHparams::default());
/// # let data = DataLoader::from_batches(vec![Tensor::<2>::zeros([2, 4], &Default::default()); 3])?;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("predictions.jsonl");
///
/// let writer = PredictionWriter::<Vec<f32>>::json_lines(&path).per_sample();
/// let mut trainer = Net::trainer().callback(writer)
/// #   .no_logger().enable_checkpointing(false).enable_progress_bar(false)
///     .build()?;
/// trainer.predict(&mut net, data)?;
/// let text = std::fs::read_to_string(&path)?;
/// assert!(text.starts_with(r#"{"dataloader_idx":0,"batch_idx":0,"sample":0,"prediction":"#));
/// assert_eq!(text.lines().count(), 6);
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// By default the file grows with every batch. With [`WriteInterval::Epoch`] it is written
/// atomically at the end. For other destinations implement [`PredictionSink`] or [`EpochSink`].
pub struct PredictionWriter<T, S = PredictionFile> {
    sink: S,
    start: fn(&mut S) -> Result<()>,
    set_rank: fn(&mut S, usize),
    /// The method that is called after each batch.
    write_batch: Option<WriteBatch<T, S>>,
    /// The method that is called at the end.
    write_epoch: Option<WriteEpoch<T, S>>,
    batches: Vec<PredictedBatch>,
    /// The number of samples of the current loader so far.
    seen: u64,
}

type WriteBatch<T, S> = fn(&mut S, &T, &PredictedBatch) -> Result<()>;
type WriteEpoch<T, S> = fn(&mut S, &[T], &[PredictedBatch]) -> Result<()>;

impl<T, S: fmt::Debug> fmt::Debug for PredictionWriter<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PredictionWriter").field("sink", &self.sink).finish_non_exhaustive()
    }
}

impl<T: Serialize> PredictionWriter<T> {
    /// Writes a file with a JSON object on each line, one for each batch:
    /// `{"dataloader_idx":0,"batch_idx":0,"samples":[0,1],"prediction":…}`.
    pub fn json_lines(path: impl Into<PathBuf>) -> Self {
        Self::new(PredictionFile::json_lines(path.into()))
    }

    /// Writes a CSV file with the columns `dataloader_idx`, `batch_idx`, `samples` and one column
    /// for each field of the prediction, or a column `prediction` if it has no fields.
    ///
    /// Fields are in alphabetical order. Lists and maps are written as JSON in their cell. Needs
    /// the feature `csv`, which is on by default.
    #[cfg(feature = "csv")]
    pub fn csv(path: impl Into<PathBuf>) -> Self {
        Self::new(PredictionFile::csv(path.into()))
    }

    /// Writes a line for each sample in place of each batch. The prediction of a batch must then be
    /// a list with an element for each sample.
    #[must_use]
    pub fn per_sample(mut self) -> Self {
        self.sink.per_sample = true;
        self
    }
}

impl<T, S: PredictionSink<T>> PredictionWriter<T, S> {
    /// Writes to `sink` after every batch.
    pub fn new(sink: S) -> Self {
        Self { start: S::start, set_rank: S::set_rank, write_batch: Some(S::write_batch), ..Self::of(sink) }
    }
}

impl<T, S: EpochSink<T>> PredictionWriter<T, S> {
    /// Writes to `sink` once, after the last batch.
    pub fn epoch(sink: S) -> Self {
        Self { set_rank: S::set_rank, write_epoch: Some(S::write_epoch), ..Self::of(sink) }
    }
}

impl<T, S: PredictionSink<T> + EpochSink<T>> PredictionWriter<T, S> {
    /// Sets when a destination that can do both, such as a file, is written. Default
    /// [`WriteInterval::Batch`].
    #[must_use]
    pub fn write_interval(self, interval: WriteInterval) -> Self {
        let (batch, epoch) = match interval {
            WriteInterval::Batch => (true, false),
            WriteInterval::Epoch => (false, true),
            WriteInterval::BatchAndEpoch => (true, true),
        };
        Self {
            start: S::start,
            write_batch: batch.then_some(S::write_batch),
            write_epoch: epoch.then_some(S::write_epoch),
            ..self
        }
    }
}

impl<T, S> PredictionWriter<T, S> {
    fn of(sink: S) -> Self {
        Self {
            sink,
            start: |_| Ok(()),
            set_rank: |_, _| {},
            write_batch: None,
            write_epoch: None,
            batches: Vec::new(),
            seen: 0,
        }
    }
}

/// Calls `body` with the predictions so far.
fn with_predictions<T: Send + 'static, R>(cx: &CallbackContext<'_>, body: impl FnOnce(&[T]) -> Result<R>) -> Result<R> {
    let outputs =
        cx.view.outputs.predictions.as_ref().and_then(|outputs| outputs.downcast_ref::<CollectedOutputs<T>>());
    let Some(outputs) = outputs else {
        let found = std::any::type_name::<T>();
        return Err(Error::config(format!(
            "the type of a `PredictionWriter` must be the return type of `predict_step`, found `{found}`"
        ))
        .help("write that type, as in `PredictionWriter::<Vec<f32>>::json_lines(path)`"));
    };
    let predictions = outputs.lock().map_err(|_| Error::msg("another prediction panicked"))?;
    body(&predictions)
}

impl<M, T, S> Callback<M> for PredictionWriter<T, S>
where
    M: Predicts<T>,
    T: Send + 'static,
    S: Send,
{
    fn on_predict_epoch_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.batches.clear();
        if cx.world_size() > 1 {
            (self.set_rank)(&mut self.sink, cx.rank());
        }
        (self.start)(&mut self.sink)
    }

    fn on_predict_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if cx.batch_idx() == 0 {
            self.seen = 0;
        }
        // With several processes, the place among the batches and samples of all.
        let start = cx.view.progress.first_sample.unwrap_or(self.seen);
        let samples = start..start + cx.view.progress.batch_size.unwrap_or(0) as u64;
        self.seen = samples.end;
        let batch_idx = cx.batch_idx() * cx.world_size() + cx.rank();
        let batch = PredictedBatch { dataloader_idx: cx.dataloader_idx(), batch_idx, samples };
        if let Some(write) = self.write_batch {
            with_predictions(cx, |predictions: &[T]| match predictions.last() {
                Some(prediction) => write(&mut self.sink, prediction, &batch),
                None => Ok(()),
            })?;
        }
        self.batches.push(batch);
        Ok(())
    }

    fn on_predict_epoch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        match self.write_epoch {
            Some(write) if !cx.is_failing() => {
                with_predictions(cx, |predictions: &[T]| write(&mut self.sink, predictions, &self.batches))
            }
            _ => Ok(()),
        }
    }
}
