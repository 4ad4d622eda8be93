//! Opens, reads and closes the loaders.

use burn::tensor::Device;

use super::ModuleDriver;
use crate::{
    batch::BatchWriter,
    data::{EpochOffset, NamedFetcher, Share},
    engine::{
        driver::{DriveLoaders, LoaderId, LoaderInfo},
        run::RunState,
    },
    error::{Error, Result},
    module::LightningModule,
    os::panics::catch_panic,
    trace::Kind,
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

/// The device that the batches of a loader are moved to.
fn device_of(loader: LoaderId, run: &RunState) -> Device {
    match loader {
        // The autodiff device: a layer such as BatchNorm or Dropout tells training from evaluation
        // by the backend of its input.
        LoaderId::Train => run.settings.numerics.training_device(&run.progress.device),
        LoaderId::Eval(_) => run.progress.device.clone(),
    }
}

/// Returns what the engine needs to know of a loader, of which this process reads its share.
fn info<M>(named: &mut NamedFetcher<M>, share: Share, world_size: usize) -> Result<LoaderInfo> {
    let NamedFetcher { name, fetcher } = named;
    let is_divided = fetcher.share(share)?;
    let len = fetcher.len().filter(|_| is_divided);
    Ok(LoaderInfo {
        name: name.clone(),
        len: len.map(|all| share.rounds(all)),
        // Loaders that the run does not divide are read by each process.
        all: if share.is_whole() { len.map(|own| own * world_size as u64) } else { len },
        shuffles: fetcher.shuffles(),
        is_inline: fetcher.is_inline(),
    })
}

impl<M: LightningModule> DriveLoaders for ModuleDriver<'_, M> {
    fn open_train(&mut self) -> Result<Option<LoaderInfo>> {
        let (source, module) = (&mut self.source, self.module.get_mut()?);
        self.train = catch_panic(|| source.train(module))?.pop();
        catch_panic(|| self.train.as_mut().map(|named| info(named, self.share, self.world_size)).transpose())
    }

    fn open_eval(&mut self) -> Result<Vec<LoaderInfo>> {
        let (source, module) = (&mut self.source, self.module.get_mut()?);
        self.eval = catch_panic(|| source.eval(module))?;
        catch_panic(|| self.eval.iter_mut().map(|named| info(named, self.share, self.world_size)).collect())
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

    fn open(&mut self, loader: LoaderId, run: &RunState) -> Result<()> {
        let device = device_of(loader, run);
        let named = self.fetcher(loader)?;
        catch_panic(|| named.fetcher.open(&device))
            .map_err(|error| error.at(run.progress.location(Some(run.progress.stage.loader().to_owned()), true)))
    }

    fn fetch(&mut self, loader: LoaderId, run: &mut RunState) -> Result<bool> {
        let device = device_of(loader, run);
        let floats = run.settings.numerics.batches();
        let action = run.console.start(Kind::Data, run.progress.stage.loader());
        let named = self.fetcher(loader)?;
        let fetched = catch_panic(|| Ok((named.fetcher.fetch(&device, floats)?, named.fetcher.batch_size())));
        let (fetched, batch_size) = fetched
            .map_err(|error| error.at(run.progress.location(Some(run.progress.stage.loader().to_owned()), true)))?;
        run.progress.batch_size = batch_size;
        run.console.measured(action);
        Ok(fetched)
    }

    fn is_last(&mut self, loader: LoaderId) -> Result<bool> {
        self.fetcher(loader)?.fetcher.is_last()
    }

    fn end(&mut self, loader: LoaderId) {
        if let Ok(named) = self.fetcher(loader) {
            named.fetcher.end();
        }
    }

    fn show_batch(&self, out: &mut BatchWriter) {
        if let Some(named) = &self.train {
            named.fetcher.show(out);
        }
    }
}
