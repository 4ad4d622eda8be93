//! The loop that a user writes by hand with Burn: the loss on a bar at every step and in a CSV file at every 50th, model and
//! optimizer saved after each epoch.

use std::{error::Error, fs::File, io::BufWriter, io::Write, path::Path};

use burn::{
    optim::{GradientsParams, ModuleOptimizer},
    prelude::*,
};
use indicatif::{ProgressBar, ProgressStyle};

use super::workloads::{LR, Workload};

/// A loop in progress.
pub struct Hand<W: Workload> {
    model: Option<W>,
    optimizer: ModuleOptimizer,
    batches: Vec<W::Batch>,
    step: usize,
    bar: ProgressBar,
    log: BufWriter<File>,
}

impl<W: Workload> Hand<W> {
    /// Before the first step; `folder` takes the files.
    ///
    /// # Errors
    /// When the log cannot be created.
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

    /// One step.
    ///
    /// # Errors
    /// When the log cannot be written.
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

    /// What an epoch ends with.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(&mut self, folder: &Path) -> Result<(), Box<dyn Error>> {
        self.log.flush()?;
        self.bar.reset();
        let model = self.model.clone().ok_or("a step has failed")?;
        model.into_record().save(folder.join("model.bpk"))?;
        self.optimizer.save(folder.join("optimizer.bpk"))?;
        Ok(())
    }
}
