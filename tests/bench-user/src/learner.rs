//! The workloads in burn-train: the loss as a metric, checkpoints after each epoch, its own files
//! and renderer.

use std::{
    error::Error,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use burn::{
    backend::ExecutionError,
    data::{
        dataloader::{DataLoaderBuilder, batcher::Batcher},
        dataset::InMemDataset,
    },
    prelude::*,
    train::{
        InferenceStep, ItemLazy, Learner, SupervisedTraining, TrainOutput, TrainStep,
        metric::{Adaptor, LossInput, LossMetric},
    },
};

use super::{
    measure::{Run, Stopwatch},
    workloads::{LR, Workload},
};

/// Steps are timed from one to the next: burn-train has no hook between them.
static WATCH: Mutex<Option<Stopwatch>> = Mutex::new(None);

#[derive(Module, Debug)]
struct Learned<W: Module> {
    net: W,
}

struct LossOutput {
    loss: Tensor<1>,
}

impl ItemLazy for LossOutput {
    fn sync(self) -> Result<Self, ExecutionError> {
        Ok(Self { loss: self.loss.without_autodiff() })
    }
}

impl Adaptor<LossInput> for LossOutput {
    fn adapt(&self) -> LossInput {
        LossInput::new(self.loss.clone())
    }
}

impl<W: Workload> TrainStep for Learned<W> {
    type Input = W::Batch;
    type Output = LossOutput;

    fn step(&self, batch: W::Batch) -> TrainOutput<LossOutput> {
        WATCH.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().step();
        let loss = self.net.loss(batch);
        TrainOutput::new(self, loss.backward(), LossOutput { loss })
    }
}

impl<W: Workload> InferenceStep for Learned<W> {
    type Input = W::Batch;
    type Output = LossOutput;

    fn step(&self, batch: W::Batch) -> LossOutput {
        LossOutput { loss: self.net.loss(batch) }
    }
}

/// Batches that are ready.
struct Ready;

impl<B: Clone> Batcher<B, B> for Ready {
    fn batch(&self, items: Vec<B>, _device: &Device) -> B {
        items[0].clone()
    }
}

pub fn train<W: Workload>(epochs: usize) -> Result<Run, Box<dyn Error>> {
    let device = Device::default().autodiff();
    let folder = tempfile::tempdir()?;
    let batches: Vec<W::Batch> = W::batches(&device).into_iter().cycle().take(W::STEPS).collect();
    let one = batches[..1].to_vec();
    let loader = |batches| DataLoaderBuilder::new(Ready).batch_size(1).build(InMemDataset::new(batches));
    let start = Instant::now();
    WATCH.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().start();
    SupervisedTraining::new(folder.path(), loader(batches), loader(one))
        .metric_train_numeric(LossMetric::new())
        .metric_valid_numeric(LossMetric::new())
        .with_default_checkpointers()
        .num_epochs(epochs)
        .launch(Learner::new(Learned { net: W::build(&device) }, W::optimizer(), LR));
    let watch = WATCH.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
    Ok(Run::new(
        "burn-train",
        W::NAME,
        &watch,
        epochs * W::STEPS,
        start.elapsed(),
        "burn-train 0.22.1, default features",
    ))
}
