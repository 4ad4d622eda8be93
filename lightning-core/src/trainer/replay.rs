//! Runs a saved step again.

use std::{fmt, path::Path};

use super::Trainer;
use crate::{
    batch::{BatchReader, StepBatch},
    checkpoint::{Checkpoint, anomaly},
    data::one_batch,
    engine::{
        self,
        checkout::Checkout,
        driver::{DriveModel, Mode},
        guard::state::GradientNorm,
        loss_scaling,
        module_driver::{ModuleDriver, for_training},
        run::RunState,
    },
    error::{Error, Result},
    metrics::ambient::ActiveRun,
    module::{ConfigureOptimizers, LightningModule, ModuleInfo, TrainingStep, apply, hparams_value},
    progress::AnomalyKind,
    settings::Anomaly,
    stage::Stage,
};

/// A step that was run again; see [`Trainer::replay`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Replay {
    /// What was wrong with the step.
    pub kind: AnomalyKind,
    /// The same in words.
    pub what: String,
    /// The epoch of the step, from 0.
    pub epoch: u64,
    /// The index of its batch in the epoch, from 0.
    pub batch: u64,
    /// The number of training batches before it.
    pub batch_step: u64,
    /// The number of optimizer steps before it.
    pub global_step: u64,
    /// The seed of the run.
    pub seed: u64,
    /// The losses of the step now: one for each backward pass, such as one for each of several
    /// optimizers.
    pub losses: Vec<f64>,
    /// The losses of the step when it was saved. Those after the anomaly may be missing.
    pub saved_losses: Vec<f64>,
    /// The gradients after the last backward pass, of all parameters that have one.
    pub gradients: Vec<GradientNorm>,
    /// The error of the step, such as a panic.
    pub error: Option<Error>,
    /// The settings and hyperparameters in which the program differs from the one that saved the
    /// step.
    pub differences: Vec<String>,
}

impl Replay {
    /// Returns whether the losses equal the saved ones bit by bit. NaN equals NaN.
    pub fn is_exact(&self) -> bool {
        let same = |(now, saved): (&f64, &f64)| now.to_bits() == saved.to_bits() || (now.is_nan() && saved.is_nan());
        self.losses.len() >= self.saved_losses.len() && self.losses.iter().zip(&self.saved_losses).all(same)
    }
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, epoch, batch, global_step, losses, gradients, error, differences, .. } = self;
        write!(f, "epoch {epoch}, batch {batch}, global step {global_step}: {what}")?;
        for loss in losses {
            write!(f, "\n  loss {loss}")?;
        }
        if !self.is_exact() {
            write!(f, "\n  the saved losses were {:?}", self.saved_losses)?;
        }
        for GradientNorm { path, norm } in gradients {
            write!(f, "\n  gradient of {path}: norm {norm}")?;
        }
        if let Some(error) = error {
            write!(f, "\n  error: {error}")?;
        }
        for difference in differences {
            write!(f, "\n  {difference}")?;
        }
        Ok(())
    }
}

impl<M: LightningModule> Trainer<M> {
    /// Runs a step again that `on_anomaly(Anomaly::Save)` has saved in `folder`: the same weights,
    /// optimizer states, batch and random numbers, and so the same loss, bit by bit.
    ///
    /// The hooks of the module run, callbacks and loggers do not, and the trainer itself is not
    /// changed. `module` has the state before the step afterwards, in evaluation form. An error of
    /// the step is part of the result. What a loader draws from the device's generator without
    /// workers is not repeated.
    ///
    /// ```no_run
    /// # use burn::{nn::*, optim::SgdConfig, prelude::*};
    /// # use lightning_core::{prelude::*, settings::Anomaly};
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
    /// # }
    /// let mut model = Net::new(NetHparams::default());
    /// let trainer = Net::trainer().on_anomaly(Anomaly::Save).build()?;
    /// let replay = trainer.replay("lightning_logs/version_0/anomalies/epoch=3-batch=17-loss", &mut model)?;
    /// println!("{replay}");
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the folder cannot be read or lacks the batch, or its state does not fit the module.
    pub fn replay(&self, folder: impl AsRef<Path>, module: &mut M) -> Result<Replay>
    where
        M: TrainingStep + ConfigureOptimizers,
    {
        let folder = folder.as_ref();
        let record = anomaly::read(folder)?;
        let path = anomaly::step_of(folder);
        let checkpoint = Checkpoint::open(&path)?;
        checkpoint.check_module(M::NAME)?;
        if !record.not_saved.is_empty() {
            return Err(Error::checkpoint(
                folder,
                format!("a saved step needs its batch, which was not saved: {}", record.not_saved.join(", ")),
            )
            .help(format!(
                "resume with `.resume_from(\"{}\")`, which reads the batch from the loader; to save batches, derive \
                 `Serialize` and `Deserialize` for the types of fields marked `#[batch(host)]`",
                path.display()
            )));
        }
        let device = self.run.progress.device.clone();
        let (values, tensors) = anomaly::read_batch(folder)?;
        let batch = M::TrainBatch::load(&BatchReader::new(&values, &tensors, &device))
            .map_err(|error| error.at_path(folder))?;
        let source = one_batch::<M>(batch);
        // A run of its own: the trainer keeps its optimizers, counters and loggers.
        let mut settings = self.run.settings.clone();
        settings.guards.on_anomaly = Anomaly::Ignore;
        settings.guards.audit = false;
        let mut run = RunState::alone(ModuleInfo::of::<M>(), settings, device.clone());
        run.progress.begin(Stage::Fit);
        run.progress.seed = record.seed;
        run.hparams = hparams_value(&module.hparams())?;
        run.resume.checkpoint = Some(Box::new(checkpoint));
        let _active = ActiveRun::start();
        let numerics = run.settings.numerics;
        let owned = Checkout::take(module, |module| for_training(module, &device, record.seed, numerics), true);
        loss_scaling::check_precision(&mut run, owned.get()?, true)?;
        let mut driver = ModuleDriver::new(owned, &mut [], source, Some(M::configure_optimizers), &run);
        let replayed = engine::replay::replay(&mut run, &mut driver, record.last);
        let evaluating = driver.set_mode(Mode::Eval);
        drop(driver);
        let error = replayed?;
        evaluating?;
        apply(&Checkpoint::open(&path)?, module)?;
        let (losses, gradients) = run.guard.replayed();
        let saved_losses = record.loss_bits.iter().map(|bits| f64::from_bits(*bits)).collect();
        Ok(Replay {
            kind: record.kind,
            what: record.what,
            epoch: record.epoch,
            batch: record.batch,
            batch_step: record.batch_step,
            global_step: record.global_step,
            seed: record.seed,
            losses,
            saved_losses,
            gradients,
            error,
            differences: std::mem::take(&mut run.resume.differences),
        })
    }
}
