//! A tiny module for memory measurements, in which the loop dominates.

use burn::{
    nn::{Linear, LinearConfig},
    optim::AdamConfig,
    prelude::*,
    tensor::{Distribution, activation::relu},
};
use lightning_core::{prelude::*, trainer::TrainerBuilder};

use super::measure::memory;

/// Inputs of shape `[4, 4]` and targets of shape `[4, 1]`.
pub type Points = (Tensor<2>, Tensor<2>);

/// A network of two layers.
#[lightning_module]
#[optimizer(config(), lr = 1e-3)]
pub struct Tiny {
    #[init(LinearConfig::new(4, 8).init(device))]
    fc1: Linear,
    #[init(LinearConfig::new(8, 1).init(device))]
    fc2: Linear,
}

#[lightning_module]
impl Tiny {
    /// Returns the mean squared error.
    pub fn loss(&self, (x, y): Points) -> Tensor<1> {
        mse_loss(self.fc2.forward(relu(self.fc1.forward(x))), y)
    }

    /// Returns the loss.
    pub fn training_step(&self, batch: Points) -> Tensor<1> {
        #[log(minimize, prog_bar)]
        let train_loss = self.loss(batch);
        train_loss
    }
}

/// Returns the configuration of the optimizer.
pub fn config() -> AdamConfig {
    AdamConfig::new()
}

/// Returns 16 batches of random numbers.
pub fn batches() -> Vec<Points> {
    let device = Device::default();
    let tensor = |width| Tensor::random([4, width], Distribution::Default, &device);
    (0..16).map(|_| (tensor(4), tensor(1))).collect()
}

/// Trains a new model for `steps` steps.
///
/// # Errors
/// Those of `fit`.
pub fn fit(trainer: TrainerBuilder<Tiny>, steps: u64) -> Result<()> {
    let mut model = Tiny::new(TinyHparams::default());
    trainer.max_steps(steps).build()?.fit(&mut model, DataLoader::from_batches(batches())?)?;
    Ok(())
}

/// Returns a trainer with a logger and a checkpoint, without console output.
pub fn logging(folder: &std::path::Path) -> TrainerBuilder<Tiny> {
    Tiny::trainer().default_root_dir(folder).enable_progress_bar(false).enable_model_summary(false)
}

/// Returns the growth of the resident memory in `steps` steps after the first `before`, in MiB.
///
/// # Errors
/// Those of `fit`.
pub fn growth_of_steps(steps: u64, before: u64) -> Result<f64> {
    struct Measure {
        before: u64,
        sender: std::sync::mpsc::Sender<f64>,
    }

    impl<M> Callback<M> for Measure {
        fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
            if cx.batch_step() == self.before {
                self.sender.send(memory().1).map_err(|error| error.to_string())?;
            }
            Ok(())
        }
    }

    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (sender, receiver) = std::sync::mpsc::channel();
    // Without checkpoints: an epoch of 16 batches ends 12,500 times in 200,000 steps.
    let trainer = logging(folder.path()).enable_checkpointing(false).callback(Measure { before, sender });
    fit(trainer, steps)?;
    let early = receiver.recv().map_err(|error| error.to_string())?;
    Ok(memory().1 - early)
}

/// Returns the growth of the resident memory in `fits` runs after the first `before`, in MiB. Each
/// run has a logger and a checkpoint.
///
/// # Errors
/// Those of `fit`.
pub fn growth_of_fits(fits: usize, before: usize) -> Result<f64> {
    let mut early = 0.0;
    for run in 0..fits {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        if run == before {
            early = memory().1;
        }
        fit(logging(folder.path()), 40)?;
    }
    Ok(memory().1 - early)
}
