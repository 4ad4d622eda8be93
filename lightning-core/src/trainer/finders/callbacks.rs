//! The finders as callbacks: they run before the training, and give the module or its data what they
//! have found.

use std::{any::Any, fmt};

use super::{BatchSizeSearch, Borrowed, LrFinder, LrRange};
use crate::{
    callbacks::Callback,
    data::{DataModule, DataStruct, FitData, RunData},
    engine::snapshot::callback_keys,
    error::{Error, Result},
    module::{ConfigureOptimizers, LightningModule, TrainingStep},
    os::panics::{catch_in, catch_panic},
    params::{StateReader, StateWriter},
    text::significant,
    trainer::Trainer,
};

/// Gives `T` the value that was found.
type Apply<T, V, R = ()> = Box<dyn FnMut(&mut T, V) -> R + Send>;

/// Tests rates on the data of a run.
type Test<M> = fn(&mut Trainer<M>, &M, &mut dyn RunData<M>, LrRange) -> Result<LrFinder>;

/// Searches a batch size for a data module; `None` if it is of another type.
type Search<M> = fn(&mut Trainer<M>, &M, &dyn Any, BatchSizeSearch) -> Result<Option<usize>>;

/// Runs [`Trainer::find_lr`] before the training, and gives the module the rate that it suggests.
///
/// ```
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// # use lightning_core::{prelude::*, trainer::LearningRateFinder};
/// # #[lightning_module]
/// # #[optimizer(SgdConfig::new(), lr = lr)]
/// # struct Net {
/// #     #[init(LinearConfig::new(4, 1).init(device))]
/// #     layer: Linear,
/// #     #[hparam(default = 0.1)]
/// #     lr: f64,
/// # }
/// # #[lightning_module]
/// # impl Net {
/// #     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
/// #         (self.layer.forward(batch) - 1.0).square().mean()
/// #     }
/// #     fn train_dataloader(&self) -> Vec<Tensor<2>> {
/// #         vec![Tensor::ones([2, 4], &Device::default()); 8]
/// #     }
/// # }
/// let mut model = Net::new(NetHparams::default());
/// let mut trainer = Net::trainer()
///     .callback(LearningRateFinder::new(|net: &mut Net, lr| net.lr = lr))
///     .max_epochs(2)
/// #   .no_logger()
/// #   .enable_checkpointing(false)
///     .build()?;
/// trainer.fit(&mut model, ())?;
/// # assert_ne!(model.lr, 0.1);
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// It needs data that can be read twice: a data module, or the loaders of the module. A run that is
/// resumed, and another `fit` of the same trainer, keep the rate that was found; `fast_dev_run` finds
/// none. Where the losses suggest no rate, a warning says so, and the rate is as before. The
/// `report.html` of the run shows the curve.
pub struct LearningRateFinder<M> {
    range: LrRange,
    found: Option<f64>,
    apply: Apply<M, f64>,
    test: Test<M>,
}

impl<M: LightningModule + TrainingStep + ConfigureOptimizers> LearningRateFinder<M> {
    /// Tries rates from 1e-8 to 1 in 100 steps, and calls `apply` with the module and the rate.
    pub fn new(apply: impl FnMut(&mut M, f64) + Send + 'static) -> Self {
        Self {
            range: LrRange::default(),
            found: None,
            apply: Box::new(apply),
            test: |trainer, module, data, range| trainer.test_rates(module, Box::new(Borrowed(data)), range),
        }
    }

    /// Sets the rates that are tried.
    #[must_use]
    pub fn range(self, range: LrRange) -> Self {
        Self { range, ..self }
    }
}

impl<M> fmt::Debug for LearningRateFinder<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { range, found, .. } = self;
        f.debug_struct("LearningRateFinder").field("range", range).field("found", found).finish_non_exhaustive()
    }
}

impl<M: 'static> Callback<M> for LearningRateFinder<M> {
    fn check(&self) -> Result<()> {
        self.range.check()
    }

    fn before_fit(&mut self) -> Option<&mut dyn Any> {
        Some(self)
    }

    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        state.put("lr", &self.found)
    }

    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        state.get("lr", &mut self.found)
    }
}

/// Runs [`Trainer::find_batch_size`] before the training, and gives the data module the size that was
/// found.
///
/// ```no_run
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// # use lightning_core::{prelude::*, trainer::BatchSizeFinder};
/// # #[lightning_module]
/// # #[optimizer(SgdConfig::new(), lr = 0.1)]
/// # struct Net {
/// #     #[init(LinearConfig::new(4, 1).init(device))]
/// #     layer: Linear,
/// # }
/// # #[lightning_module]
/// # impl Net {
/// #     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
/// #         self.layer.forward(batch).square().mean()
/// #     }
/// # }
/// # #[data_module]
/// # struct Points {
/// #     #[hparam(default = 8)]
/// #     batch_size: usize,
/// # }
/// # #[data_module]
/// # impl Points {
/// #     fn train_dataloader(&self) -> Vec<Tensor<2>> {
/// #         vec![Tensor::ones([self.batch_size, 4], &Device::default()); 4]
/// #     }
/// # }
/// # let mut model = Net::new(NetHparams::default());
/// let mut data = Points::new(PointsHparams::default());
/// let mut trainer = Net::trainer()
///     .callback(BatchSizeFinder::new(|points: &mut Points, size| points.batch_size = size))
///     .max_epochs(5)
///     .build()?;
/// trainer.fit(&mut model, &mut data)?;
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// The search is on copies of the data module, made of its hyperparameters. A run that is resumed, and
/// another `fit` of the same trainer, keep the size that was found; `fast_dev_run` finds none.
pub struct BatchSizeFinder<M> {
    how: BatchSizeSearch,
    found: Option<usize>,
    data: &'static str,
    /// Whether the data is of the type that it sets.
    apply: Apply<dyn Any, usize, bool>,
    search: Search<M>,
}

impl<M: LightningModule + TrainingStep + ConfigureOptimizers> BatchSizeFinder<M> {
    /// Doubles the hyperparameter `batch_size` of the data module until memory does not suffice, and
    /// calls `apply` with the data module and the largest size that fits.
    pub fn new<D>(mut apply: impl FnMut(&mut D, usize) + Send + 'static) -> Self
    where
        D: DataModule + DataStruct,
        for<'a> &'a mut D: FitData<M>,
    {
        Self {
            how: BatchSizeSearch::default(),
            found: None,
            data: <D as DataStruct>::NAME,
            apply: Box::new(move |data, size| data.downcast_mut::<D>().map(|data| apply(data, size)).is_some()),
            search: |trainer, module, data, how| {
                let Some(data) = data.downcast_ref::<D>() else { return Ok(None) };
                trainer.find_batch_size_by(module, data, how).map(|sizes| Some(sizes.suggestion()))
            },
        }
    }

    /// Sets how sizes are tried.
    #[must_use]
    pub fn search(self, how: BatchSizeSearch) -> Self {
        Self { how, ..self }
    }
}

impl<M> BatchSizeFinder<M> {
    fn other_data(&self) -> Error {
        Error::config(format!(
            "`BatchSizeFinder` sets the batch size of the data module `{}`, found other data",
            self.data
        ))
        .help(format!("pass `&mut data` to `fit`, with `data` of the type `{}`", self.data))
    }
}

impl<M> fmt::Debug for BatchSizeFinder<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { how, found, data, .. } = self;
        let mut shown = f.debug_struct("BatchSizeFinder");
        shown.field("how", how).field("found", found).field("data", data).finish_non_exhaustive()
    }
}

impl<M: 'static> Callback<M> for BatchSizeFinder<M> {
    fn check(&self) -> Result<()> {
        self.how.check()
    }

    fn before_fit(&mut self) -> Option<&mut dyn Any> {
        Some(self)
    }

    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        state.put("batch_size", &self.found)
    }

    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        state.get("batch_size", &mut self.found)
    }
}

impl<M: LightningModule> Trainer<M> {
    /// Runs the finders among the callbacks, in their order, once the checkpoint of the run is known.
    pub(in crate::trainer) fn find_before_fit(&mut self, module: &mut M, data: &mut dyn RunData<M>) -> Result<()> {
        if self.run.settings.run.fast_dev_run.is_some() {
            return Ok(());
        }
        let mut callbacks = std::mem::take(&mut self.callbacks);
        let found = self.find_with(&mut callbacks, module, data);
        self.callbacks = callbacks;
        found
    }

    fn find_with(
        &mut self,
        callbacks: &mut [Box<dyn Callback<M>>],
        module: &mut M,
        data: &mut dyn RunData<M>,
    ) -> Result<()> {
        if callbacks.iter_mut().all(|callback| callback.before_fit().is_none()) {
            return Ok(());
        }
        for (key, callback) in callback_keys(callbacks)?.iter().zip(callbacks) {
            if callback.before_fit().is_none() {
                continue;
            }
            if let Some(checkpoint) = &self.run.resume.checkpoint
                && let Some(state) = checkpoint.metadata.run.as_ref().and_then(|record| record.callbacks.get(key))
            {
                catch_in(|| format!("load_state of {key}"), || callback.load_state(&StateReader::new(state)))?;
            }
            let is_new = self.run.resume.checkpoint.is_none();
            let Some(finder) = callback.before_fit() else { continue };
            if let Some(finder) = finder.downcast_mut::<LearningRateFinder<M>>() {
                catch_in(|| "LearningRateFinder".to_owned(), || self.find_rate(finder, module, data, is_new))?;
            } else if let Some(finder) = finder.downcast_mut::<BatchSizeFinder<M>>() {
                catch_in(|| "BatchSizeFinder".to_owned(), || self.find_size(finder, module, data, is_new))?;
            }
        }
        Ok(())
    }

    fn find_rate(
        &mut self,
        finder: &mut LearningRateFinder<M>,
        module: &mut M,
        data: &mut dyn RunData<M>,
        is_new: bool,
    ) -> Result<()> {
        if finder.found.is_none() && is_new {
            if !data.can_reload() {
                return Err(Error::config("`LearningRateFinder` needs data that can be read twice, found loaders")
                    .help("pass a data module to `fit`, or call `trainer.find_lr(&model, loader)` before it"));
            }
            let tried = (finder.test)(self, module, data, finder.range)?;
            finder.found = tried.suggestion();
            self.run.report.rates_tested(tried.for_report());
            match finder.found {
                Some(rate) => self.run.console.print(&format!("learning rate found: {}", significant(rate, 4))),
                None => {
                    let text = "`LearningRateFinder` found no rate at which the loss falls: the rate is as before";
                    self.run.console.warn(text.to_owned());
                }
            }
        }
        if let Some(rate) = finder.found {
            catch_panic(|| {
                (finder.apply)(module, rate);
                Ok(())
            })?;
        }
        Ok(())
    }

    fn find_size(
        &mut self,
        finder: &mut BatchSizeFinder<M>,
        module: &M,
        data: &mut dyn RunData<M>,
        is_new: bool,
    ) -> Result<()> {
        let Some(data) = data.data_module() else { return Err(finder.other_data()) };
        if finder.found.is_none() && is_new {
            let how = finder.how.clone();
            let Some(size) = (finder.search)(self, module, data, how)? else { return Err(finder.other_data()) };
            finder.found = Some(size);
            self.run.console.print(&format!("batch size found: {size}"));
        }
        let Some(size) = finder.found else { return Ok(()) };
        match (finder.apply)(data, size) {
            true => Ok(()),
            false => Err(finder.other_data()),
        }
    }
}
