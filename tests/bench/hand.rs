//! A hand-written training loop with Burn.
//!
//! It shows the loss on a progress bar at every step, writes it to a CSV file at every 50th, and
//! saves the model and the optimizer after each epoch.

use std::{error::Error, fs::File, io::BufWriter, io::Write, path::Path};

use burn::{
    optim::{GradientsParams, ModuleOptimizer},
    prelude::*,
};
use indicatif::{ProgressBar, ProgressStyle};

use super::workloads::{LR, Workload};

/// A running loop.
pub struct Hand<W: Workload> {
    model: Option<W>,
    optimizer: ModuleOptimizer,
    batches: Vec<W::Batch>,
    step: usize,
    bar: ProgressBar,
    log: BufWriter<File>,
}

impl<W: Workload> Hand<W> {
    /// Creates a loop that writes its files into `folder`.
    ///
    /// # Errors
    /// If the log cannot be created.
    pub fn new(device: &Device, folder: &Path) -> Result<Self, Box<dyn Error>> {
        let device = device.clone().autodiff();
        let bar = ProgressBar::new(W::STEPS as u64);
        bar.set_style(ProgressStyle::with_template("{wide_bar} {pos}/{len} {per_sec} {msg}")?);
        Ok(Self {
            model: Some(W::build(&device)),
            optimizer: W::optimizer(),
            batches: W::batches(&device),
            step: 0,
            bar,
            log: BufWriter::new(File::create(folder.join("hand.csv"))?),
        })
    }

    /// Takes one step.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn step(&mut self) -> Result<(), Box<dyn Error>> {
        let model = self.model.take().ok_or("a step has failed")?;
        let batch = self.batches[self.step % self.batches.len()].clone();
        let loss = model.loss(batch);
        let value: f32 = loss.clone().into_scalar();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        self.model = Some(self.optimizer.step(LR, model, gradients));
        self.step += 1;
        self.bar.set_message(format!("loss {value:.4}"));
        self.bar.inc(1);
        if self.step.is_multiple_of(50) {
            writeln!(self.log, "{},{value}", self.step)?;
        }
        Ok(())
    }

    /// Saves the model and the optimizer at the end of an epoch.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn save(&mut self, folder: &Path) -> Result<(), Box<dyn Error>> {
        self.log.flush()?;
        self.bar.reset();
        let model = self.model.clone().ok_or("a step has failed")?;
        model.into_record().save(folder.join("model.bpk"))?;
        self.optimizer.save(folder.join("optimizer.bpk"))?;
        Ok(())
    }
}
