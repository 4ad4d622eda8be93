//! The context of a step.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    path::Path,
};

use burn::tensor::Device;

use crate::{
    error::Result,
    loggers::{Audio, Figure, Mesh, Output, Table, ToHistogram, ToImage},
    metrics::{Metrics, ambient::push_output},
    random::{Rng, Stream, derive_seed},
    stage::Stage,
};

/// The state of the run that a step can read: its parameter `cx: &StepContext`.
#[derive(Debug)]
pub struct StepContext<'a> {
    pub(crate) stage: Stage,
    pub(crate) epoch: u64,
    pub(crate) batch_idx: usize,
    pub(crate) dataloader_idx: usize,
    pub(crate) global_step: u64,
    pub(crate) batch_step: u64,
    pub(crate) seed: u64,
    pub(crate) rank: usize,
    pub(crate) world_size: usize,
    pub(crate) device: &'a Device,
    pub(crate) draws: Cell<u64>,
    /// The value that the step returned for the hook after the epoch.
    pub(crate) kept: RefCell<Option<Box<dyn Any + Send>>>,
}

/// A context with metrics: only hooks and callbacks have one.
#[diagnostic::on_unimplemented(
    message = "a step has no metrics of the run",
    label = "the values of this step are not collected yet",
    note = "write `cx.metrics()?` in a hook with `cx: &mut HookContext`, such as `on_train_epoch_end`"
)]
#[doc(hidden)]
pub trait HoldsMetrics {}

impl<'a> StepContext<'a> {
    #[doc(hidden)]
    pub fn metrics(&self) -> Result<Metrics>
    where
        Self: HoldsMetrics,
    {
        Ok(Metrics::default())
    }
}

impl StepContext<'_> {
    /// Returns what the run is doing.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Returns the epoch, counted from 0.
    pub fn current_epoch(&self) -> u64 {
        self.epoch
    }

    /// Returns the index of the batch in the epoch, counted from 0.
    pub fn batch_idx(&self) -> usize {
        self.batch_idx
    }

    /// Returns the index of the evaluation loader that the batch comes from, counted from 0.
    pub fn dataloader_idx(&self) -> usize {
        self.dataloader_idx
    }

    /// Returns the number of optimizer steps taken so far.
    pub fn global_step(&self) -> u64 {
        self.global_step
    }

    /// Returns the number of training batches seen so far; of several processes the number of this
    /// batch among the batches of all.
    pub fn batch_step(&self) -> u64 {
        self.batch_step
    }

    /// Returns the number of this process among those that train together, counted from 0.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Returns the number of processes that train together; 1 for a process alone.
    pub fn world_size(&self) -> usize {
        self.world_size
    }

    /// Returns the device of the batch.
    pub fn device(&self) -> &Device {
        self.device
    }

    /// Returns a source of host randomness.
    ///
    /// The stream depends only on the seed of the run and the step, so that a resumed run draws the
    /// same numbers. Each call returns another stream.
    pub fn rng(&self) -> Rng {
        let draw = self.draws.get();
        self.draws.set(draw + 1);
        Rng::new(derive_seed(self.seed, Stream::Host, self.batch_step * 4 + self.stage as u64, draw))
    }

    /// Passes a text to the loggers. Outside a run, and in the sanity check, it does nothing.
    pub fn log_text(&self, name: &str, text: impl AsRef<str>) {
        push_output(name, || Output::text(name, text.as_ref(), true));
    }

    /// Passes an image to the loggers: an [`ImageView`](crate::loggers::ImageView), or a tensor of
    /// shape `[channels, height, width]` or `[height, width]` with values from 0 to 1.
    /// [`grid`](crate::loggers::grid) makes one image of a batch.
    ///
    /// A tensor is read at once, which waits for its device. A tensor of another shape is an error
    /// of the step. Outside a run, and in the sanity check, it does nothing.
    pub fn log_image(&self, name: &str, image: impl ToImage) {
        push_output(name, || Output::image(name, &image, true));
    }

    /// Passes a histogram to the loggers: a [`Histogram`](crate::loggers::Histogram), or a float
    /// tensor, which is counted into 64 bins of equal width.
    ///
    /// A tensor is read at once, which waits for its device. Outside a run, and in the sanity
    /// check, it does nothing.
    pub fn log_histogram(&self, name: &str, values: impl ToHistogram) {
        push_output(name, || Output::histogram(name, &values, true));
    }

    /// Passes a drawing to the loggers. Outside a run, and in the sanity check, it does nothing.
    pub fn log_figure(&self, name: &str, figure: Figure<'_>) {
        push_output(name, || Output::figure(name, figure, true));
    }

    /// Passes sound to the loggers. Outside a run, and in the sanity check, it does nothing.
    pub fn log_audio(&self, name: &str, audio: Audio) {
        push_output(name, || Output::audio(name, audio, true));
    }

    /// Passes a three-dimensional shape to the loggers. Outside a run, and in the sanity check, it
    /// does nothing.
    pub fn log_mesh(&self, name: &str, mesh: Mesh) {
        push_output(name, || Output::mesh(name, mesh, true));
    }

    /// Passes a table to the loggers. Outside a run, and in the sanity check, it does nothing.
    pub fn log_table(&self, name: &str, table: Table) {
        push_output(name, || Output::table(name, table, true));
    }

    /// Passes a file or a folder to the loggers that keep artifacts, such as
    /// [`WandbLogger`](crate::loggers::WandbLogger), which read it soon after this returns. Outside a
    /// run, and in the sanity check, it does nothing.
    pub fn log_artifact(&self, name: &str, path: impl AsRef<Path>) {
        push_output(name, || Output::artifact(name, path.as_ref(), true));
    }
}
