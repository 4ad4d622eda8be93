//! The first batch of a loader, for what needs to know its shapes: a summary, or an export.

use burn::tensor::{Device, FloatDType};

use super::Trainer;
use crate::{
    batch::{BatchReader, BatchWriter, StepBatch, WithStep},
    data::{EpochOffset, RunData},
    error::{Error, Result},
    module::LightningModule,
    os::panics::catch_panic,
    stage::Stage,
};

/// A batch whose type is forgotten.
#[doc(hidden)]
#[derive(Debug)]
pub struct AnyBatch {
    parts: BatchWriter,
    samples: Option<usize>,
}

impl StepBatch for AnyBatch {
    const PRESENT: bool = true;
    type Present = WithStep;

    fn samples(&self) -> Option<usize> {
        self.samples
    }

    fn on_device(self, _device: &Device) -> Self {
        self
    }

    fn in_dtype(self, _dtype: FloatDType) -> Self {
        self
    }

    fn save(&self, out: &mut BatchWriter) {
        out.tensors.extend(self.parts.tensors.iter().cloned());
        out.values.extend(self.parts.values.clone());
        out.refused.extend(self.parts.refused.iter().cloned());
    }

    fn load(_from: &BatchReader<'_>) -> Result<Self> {
        Err(Error::msg("a batch whose type is forgotten cannot be read"))
    }
}

impl<M: LightningModule> Trainer<M> {
    /// Sets the data up for a stage, and returns its first batch. Nothing is downloaded or prepared.
    ///
    /// # Errors
    /// If the data cannot be set up or read, or has no batch.
    pub(crate) fn first_batch(
        &self,
        module: &M,
        mut source: Box<dyn RunData<M> + '_>,
        stage: Stage,
    ) -> Result<AnyBatch> {
        let mut module = module.clone();
        let progress = &self.run.progress;
        catch_panic(|| {
            source.setup(stage)?;
            let mut read = || {
                let loaders = if stage == Stage::Fit { source.train(&mut module) } else { source.eval(&mut module) };
                let loader = loaders?.into_iter().next();
                let mut fetcher = loader.ok_or_else(|| Error::data(format!("`{stage}` has no loader")))?.fetcher;
                fetcher.start(EpochOffset { seed: progress.seed, epoch: 0, batch: 0 })?;
                if !fetcher.fetch(&progress.device, None)? {
                    return Err(Error::data(format!("the loader of `{stage}` must have a batch, found none")));
                }
                let mut parts = BatchWriter::default();
                fetcher.show(&mut parts);
                let samples = fetcher.batch_size();
                fetcher.end();
                Ok(AnyBatch { parts, samples })
            };
            let batch = read();
            source.teardown(stage)?;
            batch
        })
    }
}
