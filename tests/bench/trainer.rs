//! The workloads as modules of the trainer.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Instant,
};

use burn::{
    optim::{AdamConfig, AdamWConfig},
    prelude::*,
};
use lightning_core::{prelude::*, trainer::TrainerBuilder};

use super::{
    measure::{Run, Stopwatch},
    workloads::{Cnn, LR, Mlp, NormMlp, Transformer, Wide, Workload},
};

/// A workload that the trainer runs.
pub trait Trained: LightningModule {
    /// The model and its data.
    type Workload: Workload;

    /// Returns a trainer builder with default settings.
    fn settings() -> TrainerBuilder<Self>;

    /// Trains a new model with these settings.
    ///
    /// # Errors
    /// Those of `fit`.
    fn train(settings: TrainerBuilder<Self>, epochs: usize, device: &Device) -> Result<()>;
}

macro_rules! trained {
    ($($(#[$doc:meta])* $name:ident, $hparams:ident: $workload:ty, $config:expr;)*) => {
        $(
            $(#[$doc])*
            #[lightning_module]
            #[optimizer($config, lr = LR)]
            pub struct $name {
                #[init(<$workload>::build(device))]
                net: $workload,
            }

            #[lightning_module]
            impl $name {
                /// Returns the loss.
                pub fn training_step(&self, batch: <$workload as Workload>::Batch) -> Tensor<1> {
                    #[log(minimize, prog_bar)]
                    let train_loss = self.net.loss(batch);
                    train_loss
                }
            }

            impl Trained for $name {
                type Workload = $workload;

                fn settings() -> TrainerBuilder<Self> {
                    Self::trainer()
                }

                fn train(settings: TrainerBuilder<Self>, epochs: usize, device: &Device) -> Result<()> {
                    let batches = <$workload>::batches(device).into_iter().cycle().take(<$workload>::STEPS);
                    let mut model = Self::new($hparams::default());
                    let mut trainer = settings.max_epochs(epochs).build()?;
                    trainer.fit(&mut model, DataLoader::from_batches(batches.collect())?)?;
                    Ok(())
                }
            }
        )*
    };
}

trained! {
    /// 784-128-64-10.
    MlpModule, MlpModuleHparams: Mlp, AdamConfig::new();
    /// 784-64-64-10 with BatchNorm.
    NormMlpModule, NormMlpModuleHparams: NormMlp, AdamConfig::new();
    /// Two convolutions.
    CnnModule, CnnModuleHparams: Cnn, AdamConfig::new();
    /// Four encoder layers.
    TransformerModule, TransformerModuleHparams: Transformer, AdamWConfig::new();
    /// Ten million parameters.
    WideModule, WideModuleHparams: Wide, AdamWConfig::new();
}

/// Measures the time of every step.
struct Watch(Arc<Mutex<Stopwatch>>);

impl<M> Callback<M> for Watch {
    fn on_train_epoch_start(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.0.lock().map_err(|_| "a thread has panicked")?.start();
        Ok(())
    }

    fn on_train_batch_end(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.0.lock().map_err(|_| "a thread has panicked")?.step();
        Ok(())
    }
}

/// Returns the settings of a run: the loss on the progress bar at every step and in a CSV file at
/// every 50th, and a checkpoint after each epoch.
pub fn logging<M: Trained>(folder: &Path) -> TrainerBuilder<M> {
    M::settings().default_root_dir(folder).log_every_n_steps(50).enable_model_summary(false)
}

/// Trains and times one workload.
///
/// # Errors
/// Those of `fit`.
pub fn alone<M: Trained>(program: &str, settings: TrainerBuilder<M>, device: &Device, with: &str) -> Result<Run> {
    const EPOCHS: usize = 3;
    let watch = Arc::new(Mutex::new(Stopwatch::default()));
    let start = Instant::now();
    <M as Trained>::train(settings.callback(Watch(watch.clone())), EPOCHS, device)?;
    let (name, steps) = (M::Workload::NAME, EPOCHS * M::Workload::STEPS);
    let watch = watch.lock().map_err(|_| "a thread has panicked")?;
    Ok(Run::new(program, name, &watch, steps, start.elapsed(), with))
}
