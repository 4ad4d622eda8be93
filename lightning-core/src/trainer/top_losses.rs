//! The samples with the largest losses.

use std::{
    any::TypeId,
    cell::{Cell, RefCell},
    fmt,
};

use super::Trainer;
use crate::{
    batch::{Samples, StepBatch},
    console::table,
    data::{EpochOffset, Loader},
    engine::{
        checkout::Checkout,
        loss_scaling::{self, explain},
        module_driver::for_evaluation,
        run::RunState,
    },
    error::{Error, Result},
    metrics::ambient::{ActiveRun, record},
    module::{LightningModule, ModuleInfo, StepContext, TrainingMode, TrainingStep, hook_label},
    os::panics::catch_panic,
    precision::{RunningStatistics, lowered},
    random,
    stage::Stage,
    tensor::readback,
    text::significant,
};

/// The samples with the largest losses; see [`Trainer::top_losses`]. Its `Display` form is a table.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TopLosses {
    /// The samples, the largest loss first, and a loss that is NaN before all others.
    pub samples: Vec<TopLoss>,
    /// The number of samples with a loss.
    pub evaluated: u64,
    /// The number of samples for which `training_step` returned `None`.
    pub skipped: u64,
}

/// A sample with its loss.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct TopLoss {
    /// The loss of the sample alone.
    pub loss: f64,
    /// The number of its batch in the epoch, from 0.
    pub batch: u64,
    /// Its row in the batch, from 0.
    pub position: usize,
    /// Its index in the dataset; `None` if the loader does not read one by indices.
    pub dataset_index: Option<usize>,
}

impl fmt::Display for TopLosses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<[String; 4]> = self
            .samples
            .iter()
            .map(|TopLoss { loss, batch, position, dataset_index }| {
                let index = dataset_index.map_or_else(|| "unknown".to_owned(), |index| index.to_string());
                [index, batch.to_string(), position.to_string(), significant(*loss, 5)]
            })
            .collect();
        let table = table::figures_table(["Dataset index", "Batch", "Position", "Loss"], &rows);
        write!(f, "{table}\n{} of {} samples", self.samples.len(), self.evaluated)?;
        if self.skipped > 0 {
            write!(f, "; {} were skipped by `training_step`", self.skipped)?;
        }
        Ok(())
    }
}

impl<M: LightningModule> Trainer<M> {
    /// Returns the `n` samples of a loader with the largest losses: mislabelled, unusual or hard
    /// ones.
    ///
    /// The loss of a sample is what `training_step` returns for a batch of that sample alone, with
    /// the module in evaluation form, without gradients and without augmentation other than the
    /// loader's own. The loader has the batches of `training_step`; that of a validation does, if
    /// both steps take one type. Each sample is a forward pass of its own, which takes longer than
    /// an evaluation by batches.
    ///
    /// What it needs: a `training_step` whose loss does not compare the samples of a batch with
    /// each other, as contrastive losses do, and needs no gradient; and a batch that can be split:
    /// tensors with one row for each sample, or one for all; a `Vec` with one member for each; and
    /// host values, which all samples share. No hook and no callback runs, and nothing is logged.
    ///
    /// ```
    /// # use burn::{nn::*, optim::SgdConfig, prelude::*};
    /// # use lightning_core::prelude::*;
    /// # #[lightning_module]
    /// # #[optimizer(SgdConfig::new(), lr = 0.1)]
    /// # struct Net {
    /// #     #[init(LinearConfig::new(2, 1).init(device))]
    /// #     layer: Linear,
    /// # }
    /// # #[lightning_module]
    /// # impl Net {
    /// #     fn training_step(&self, batch: (Tensor<2>, Tensor<2>)) -> Tensor<1> {
    /// #         mse_loss(self.layer.forward(batch.0), batch.1)
    /// #     }
    /// # }
    /// # let device = Device::default();
    /// # let batch = (Tensor::<2>::ones([4, 2], &device), Tensor::<2>::ones([4, 1], &device));
    /// # let loader = DataLoader::from_batches(vec![batch; 3])?;
    /// # let mut model = Net::new(NetHparams::default());
    /// let trainer = Net::trainer().build()?;
    /// let worst = trainer.top_losses(&mut model, &loader, 9)?;
    /// println!("{worst}");
    /// assert_eq!((worst.samples.len(), worst.evaluated), (9, 12));
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the module has several training steps or optimizes manually, a batch cannot be read or
    /// split, or the step fails.
    pub fn top_losses<L: Loader<M::TrainBatch>>(&self, module: &mut M, loader: &L, n: usize) -> Result<TopLosses>
    where
        M: TrainingStep,
    {
        check_has_loss::<M>()?;
        // A run of its own: the trainer keeps its counters, metrics and loggers.
        let (settings, device) = (self.run.settings.clone(), self.run.progress.device.clone());
        let mut run = RunState::alone(ModuleInfo::of::<M>(), settings, device.clone());
        run.progress.begin(Stage::Fit);
        run.progress.seed = random::global_seed();
        let _active = ActiveRun::start();
        let owned = catch_panic(|| {
            Ok(Checkout::take(module, |module| for_evaluation(module, &device, run.progress.seed), false))
        })?;
        loss_scaling::check_precision(&mut run, owned.get()?, false)?;
        let own = owned.get()?;
        let low = run.train.lowering.map(|dtype| lowered(own, dtype, RunningStatistics::Copied));
        find(&mut run, low.as_ref().unwrap_or(own), loader, n)
    }
}

/// # Errors
/// If the module has no step that returns the loss.
fn check_has_loss<M: LightningModule>() -> Result<()> {
    let found = match M::TRAINING {
        TrainingMode::Plain => return Ok(()),
        TrainingMode::Bound(_) => "has a training step for each optimizer",
        TrainingMode::Manual => "optimizes manually",
    };
    Err(Error::config(format!(
        "`top_losses` needs a module with one `training_step` that returns the loss; `{}` {found}",
        M::NAME
    ))
    .help("compute the losses in a loop over the loader, and sort them"))
}

fn find<M: LightningModule + TrainingStep, L: Loader<M::TrainBatch>>(
    run: &mut RunState,
    module: &M,
    loader: &L,
    n: usize,
) -> Result<TopLosses> {
    let device = run.progress.device.clone();
    let mut top = TopLosses { samples: Vec::new(), evaluated: 0, skipped: 0 };
    let from = EpochOffset { seed: run.progress.seed, ..EpochOffset::default() };
    let mut batches = catch_panic(|| loader.batches_for(from, &device))?;
    for number in 0.. {
        run.progress.batch_idx = number;
        let location = run.progress.location(Some(Stage::Fit.loader().to_owned()), true);
        let Some(batch) = catch_panic(|| batches.next().transpose()).map_err(|error| error.at(location.clone()))?
        else {
            break;
        };
        let indices = loader.indices(EpochOffset { batch: number, ..from })?;
        let samples = Samples::of(&batch).map_err(|error| error.at(location.clone()))?;
        drop(batch);
        let (mut positions, mut losses) = (Vec::new(), Vec::new());
        for position in 0..samples.len() {
            let sample = samples.get(position, &device).map_err(|error| error.at(location.clone()))?;
            match loss_of(run, module, sample)? {
                Some(loss) => {
                    positions.push(position);
                    losses.push(loss);
                }
                None => top.skipped += 1,
            }
        }
        top.evaluated += losses.len() as u64;
        // sync: once a batch.
        top.samples.extend(positions.into_iter().zip(readback::read(losses)?).map(|(position, loss)| {
            let dataset_index = indices.as_ref().and_then(|indices| indices.get(position)).copied();
            TopLoss { loss, batch: number, position, dataset_index }
        }));
        let rank = |sample: &TopLoss| if sample.loss.is_nan() { f64::INFINITY } else { sample.loss };
        top.samples.sort_by(|a, b| b.loss.is_nan().cmp(&a.loss.is_nan()).then(rank(b).total_cmp(&rank(a))));
        top.samples.truncate(n);
    }
    Ok(top)
}

/// Runs the step on one sample.
fn loss_of<M: LightningModule + TrainingStep>(
    run: &RunState,
    module: &M,
    sample: M::TrainBatch,
) -> Result<Option<burn::tensor::Tensor<1>>> {
    let progress = &run.progress;
    let sample = match run.settings.numerics.batches() {
        Some(dtype) => sample.in_dtype(dtype),
        None => sample,
    };
    let cx = StepContext {
        stage: Stage::Fit,
        epoch: 0,
        batch_idx: progress.batch_idx as usize,
        dataloader_idx: 0,
        global_step: 0,
        batch_step: progress.batch_idx,
        seed: progress.seed,
        rank: 0,
        world_size: 1,
        device: &progress.device,
        draws: Cell::new(0),
        kept: RefCell::new(None),
    };
    // What the step logs is dropped.
    let mut logged = Default::default();
    let output = record(Some(TypeId::of::<M>()), Stage::Fit, false, &mut logged, || {
        catch_panic(|| module.run_training_step(0, sample, &cx))
    });
    let located =
        |error: Error| explain(error, run).at(progress.location(Some(hook_label::<M>("training_step")), true));
    let Some(output) = output.map_err(located)? else { return Ok(None) };
    match output.loss.dims() {
        [1] => Ok(Some(output.weight.mean_of(output.loss.without_autodiff()))),
        [elements] => Err(located(
            Error::data(format!("the loss must have 1 element, found {elements}"))
                .help("return its mean: `loss.mean()`"),
        )),
    }
}
