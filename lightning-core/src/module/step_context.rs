//! What a step may know of the run.

use std::{
    any::Any,
    cell::{Cell, RefCell},
};

use burn::tensor::Device;

use crate::{
    loggers::{Figure, Output, ToHistogram, ToImage},
    metrics::ambient::push_output,
    random::{Rng, Stream, derive_seed},
    stage::Stage,
};

/// What a step may know of the run: a parameter `cx: &StepContext`.
#[derive(Debug)]
pub struct StepContext<'a> {
    pub(crate) stage: Stage,
    pub(crate) epoch: u64,
    pub(crate) batch_idx: usize,
    pub(crate) dataloader_idx: usize,
    pub(crate) global_step: u64,
    pub(crate) batch_step: u64,
    pub(crate) seed: u64,
    pub(crate) device: &'a Device,
    pub(crate) draws: Cell<u64>,
    /// What the step returned for the hook after the epoch.
    pub(crate) kept: RefCell<Option<Box<dyn Any + Send>>>,
}

impl StepContext<'_> {
    /// What the run is doing.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// The epoch, from 0.
    pub fn current_epoch(&self) -> u64 {
        self.epoch
    }

    /// The batch inside the epoch, from 0.
    pub fn batch_idx(&self) -> usize {
        self.batch_idx
    }

    /// Which of several evaluation loaders the batch comes from, from 0.
    pub fn dataloader_idx(&self) -> usize {
        self.dataloader_idx
    }

    /// Optimizer steps taken so far.
    pub fn global_step(&self) -> u64 {
        self.global_step
    }

    /// Training batches seen so far.
    pub fn batch_step(&self) -> u64 {
        self.batch_step
    }

    /// The device the batch is on.
    pub fn device(&self) -> &Device {
        self.device
    }

    /// A source of host randomness that depends on the run's seed and the step alone, so that a resumed run draws the
    /// same. Each call gives another stream.
    pub fn rng(&self) -> Rng {
        let draw = self.draws.get();
        self.draws.set(draw + 1);
        Rng::new(derive_seed(self.seed, Stream::Host, self.batch_step * 4 + self.stage as u64, draw))
    }

    /// Shows a text to the loggers. Outside a run, and in the sanity check, it does nothing.
    pub fn log_text(&self, name: &str, text: impl AsRef<str>) {
        push_output(name, || Output::text(name, text.as_ref(), true));
    }

    /// Shows an image to the loggers: an [`ImageView`](crate::loggers::ImageView), or a tensor of `[channels, height, width]` or `[height,
    /// width]` with values from 0 to 1; [`grid`](crate::loggers::grid) makes one image of a batch. A tensor is read at once, which waits
    /// for its device. What is no image is an error of the step. Outside a run, and in the sanity check, it does nothing.
    pub fn log_image(&self, name: &str, image: impl ToImage) {
        push_output(name, || Output::image(name, &image, true));
    }

    /// Shows how values are distributed to the loggers: a [`Histogram`](crate::loggers::Histogram), or a float tensor, which is counted
    /// into 64 bins of equal width. A tensor is read at once, which waits for its device. Outside a run, and in the sanity check, it does
    /// nothing.
    pub fn log_histogram(&self, name: &str, values: impl ToHistogram) {
        push_output(name, || Output::histogram(name, &values, true));
    }

    /// Shows a drawing to the loggers. Outside a run, and in the sanity check, it does nothing.
    pub fn log_figure(&self, name: &str, figure: Figure<'_>) {
        push_output(name, || Output::figure(name, figure, true));
    }
}
