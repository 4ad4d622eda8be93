//! Opens, reads and closes the loaders.

use super::ModuleDriver;
use crate::{
    data::{EpochOffset, NamedFetcher},
    engine::{
        driver::{DriveLoaders, LoaderId, LoaderInfo},
        run::RunState,
    },
    error::{Error, Result},
    module::LightningModule,
    os::panics::catch_panic,
};

impl<M: LightningModule> ModuleDriver<'_, M> {
    fn fetcher(&mut self, loader: LoaderId) -> Result<&mut NamedFetcher<M>> {
        match loader {
            LoaderId::Train => self.train.as_mut(),
            LoaderId::Eval(index) => self.eval.get_mut(index),
        }
        .ok_or_else(|| Error::data("the loader is not open"))
    }
}

impl<M: LightningModule> DriveLoaders for ModuleDriver<'_, M> {
    fn open_train(&mut self) -> Result<Option<LoaderInfo>> {
        let (source, module) = (&mut self.source, self.module.get_mut()?);
        self.train = catch_panic(|| source.train(module))?.pop();
        Ok(self.train.as_ref().map(|named| LoaderInfo { name: named.name.clone(), len: named.fetcher.len() }))
    }

    fn open_eval(&mut self) -> Result<Vec<LoaderInfo>> {
        let (source, module) = (&mut self.source, self.module.get_mut()?);
        self.eval = catch_panic(|| source.eval(module))?;
        Ok(self.eval.iter().map(|named| LoaderInfo { name: named.name.clone(), len: named.fetcher.len() }).collect())
    }

    fn can_reload(&self) -> bool {
        self.source.can_reload()
    }

    fn disable_shuffle(&mut self) {
        self.train.iter_mut().chain(&mut self.eval).for_each(|named| named.fetcher.disable_shuffle());
    }

    fn start(&mut self, loader: LoaderId, from: EpochOffset) -> Result<()> {
        let named = self.fetcher(loader)?;
        catch_panic(|| named.fetcher.start(from))
    }

    fn fetch(&mut self, loader: LoaderId, run: &mut RunState) -> Result<bool> {
        let device = match loader {
            // The autodiff device: a layer such as BatchNorm or Dropout tells training from
            // evaluation by the backend of its input.
            LoaderId::Train => run.settings.numerics.training_device(&run.progress.device),
            LoaderId::Eval(_) => run.progress.device.clone(),
        };
        let floats = run.settings.numerics.batches();
        let since = run.console.clock();
        let named = self.fetcher(loader)?;
        let fetched = catch_panic(|| named.fetcher.fetch(&device, floats))
            .map_err(|error| error.at(run.progress.location(Some(run.progress.stage.loader().to_owned()), true)))?;
        run.progress.batch_size = named.fetcher.batch_size();
        run.console.measured(run.progress.stage.loader(), since);
        Ok(fetched)
    }

    fn is_last(&mut self, loader: LoaderId) -> bool {
        self.fetcher(loader).is_ok_and(|named| named.fetcher.is_last())
    }

    fn end(&mut self, loader: LoaderId) {
        if let Ok(named) = self.fetcher(loader) {
            named.fetcher.end();
        }
    }
}
