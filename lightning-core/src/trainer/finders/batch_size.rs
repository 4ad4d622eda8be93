//! Training with growing batches until memory does not suffice.

use std::sync::{Arc, Mutex, PoisonError};

use super::search::{BatchSizeMode, BatchSizes, Tried, search};
use crate::{
    callbacks::{Callback, CallbackContext},
    data::{DataModule, DataStruct, FitData},
    error::{ConfigErrors, Error, ErrorKind, Result},
    module::{ConfigureOptimizers, LightningModule, TrainingStep},
    os::{allocator, peak_memory},
    params::{from_json, to_json},
    tensor::readback,
    trainer::Trainer,
};

/// How [`Trainer::find_batch_size_by`] searches.
///
/// ```
/// use lightning_core::trainer::{BatchSizeMode, BatchSizeSearch};
///
/// let search = BatchSizeSearch::new().mode(BatchSizeMode::BinarySearch).memory_limit(4 << 30);
/// # let _ = search;
/// ```
#[derive(Clone, Debug)]
pub struct BatchSizeSearch {
    mode: BatchSizeMode,
    first: usize,
    steps: u64,
    trials: usize,
    field: String,
    memory_limit: Option<u64>,
}

impl Default for BatchSizeSearch {
    fn default() -> Self {
        Self {
            mode: BatchSizeMode::Power,
            first: 2,
            steps: 3,
            trials: 25,
            field: "batch_size".to_owned(),
            memory_limit: None,
        }
    }
}

impl BatchSizeSearch {
    /// Creates a search that doubles the size from 2 on, with three steps each.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how sizes are tried. Default [`BatchSizeMode::Power`].
    #[must_use]
    pub fn mode(mut self, mode: BatchSizeMode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets the first size. Default 2.
    #[must_use]
    pub fn init_val(mut self, batch_size: usize) -> Self {
        self.first = batch_size;
        self
    }

    /// Sets the number of optimizer steps of a trial. Default 3.
    #[must_use]
    pub fn steps_per_trial(mut self, steps: u64) -> Self {
        self.steps = steps;
        self
    }

    /// Sets the largest number of trials. Default 25.
    #[must_use]
    pub fn max_trials(mut self, trials: usize) -> Self {
        self.trials = trials;
        self
    }

    /// Sets the hyperparameter of the data module that is the batch size. Default `batch_size`.
    #[must_use]
    pub fn batch_arg_name(mut self, name: impl Into<String>) -> Self {
        self.field = name.into();
        self
    }

    /// Sets the memory in bytes that the process may take, on the CPU. Default: what it has, and nine
    /// tenths of what the machine has left.
    #[must_use]
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        let mut errors = ConfigErrors::default();
        for (name, value) in [("init_val", self.first as u64), ("steps_per_trial", self.steps)] {
            if value == 0 {
                errors.add(format!("`{name}` must be at least 1, found 0"), "write a larger number, or leave it out");
            }
        }
        errors.finish()
    }
}

/// Compares the memory of the process with a limit after each batch.
struct Watch {
    limit: Option<u64>,
    /// The most samples in a batch.
    samples: Arc<Mutex<usize>>,
}

/// The text of an error that is taken for a size that does not fit.
const OVER: &str = "out of memory: the limit of the search is exceeded";

impl<M> Callback<M> for Watch {
    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, _: &mut M) -> Result<()> {
        let samples = cx.view.progress.batch_size.unwrap_or_default();
        let mut most = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        *most = samples.max(*most);
        match (self.limit, peak_memory::bytes()) {
            (Some(limit), Some(peak)) if peak > limit => Err(Error::new(ErrorKind::Device, OVER)),
            _ => Ok(()),
        }
    }
}

impl<M: LightningModule> Trainer<M> {
    /// Finds the largest batch size that fits into memory: trains copies of `module` on copies of the
    /// data module, whose hyperparameter `batch_size` is doubled until memory does not suffice.
    ///
    /// On a device other than the CPU the device says so. On the CPU, the memory of the process is
    /// compared with a limit after each batch, on Linux; elsewhere the search ends with all data in one
    /// batch. Module, data, trainer and files are as before.
    ///
    /// ```no_run
    /// # use burn::{nn::*, optim::SgdConfig, prelude::*};
    /// # use lightning_core::prelude::*;
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
    /// # let model = Net::new(NetHparams::default());
    /// let mut data = Points::new(PointsHparams::default());
    /// let mut trainer = Net::trainer().max_epochs(5).build()?;
    /// let finder = trainer.find_batch_size(&model, &data)?;
    /// data = Points::new(PointsHparams::default().with_batch_size(finder.suggestion()));
    /// # let _ = data;
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a batch of one sample does not fit, the data has no such hyperparameter, or a step fails for
    /// another reason.
    pub fn find_batch_size<D>(&mut self, module: &M, data: &D) -> Result<BatchSizes>
    where
        M: TrainingStep + ConfigureOptimizers,
        D: DataModule + DataStruct,
        for<'a> &'a mut D: FitData<M>,
    {
        self.find_batch_size_by(module, data, BatchSizeSearch::default())
    }

    /// As [`find_batch_size`](Self::find_batch_size), with settings.
    ///
    /// # Errors
    /// As [`find_batch_size`](Self::find_batch_size), and if a setting is not valid.
    pub fn find_batch_size_by<D>(&mut self, module: &M, data: &D, how: BatchSizeSearch) -> Result<BatchSizes>
    where
        M: TrainingStep + ConfigureOptimizers,
        D: DataModule + DataStruct,
        for<'a> &'a mut D: FitData<M>,
    {
        self.check_finder("find_batch_size")?;
        how.check()?;
        let hparams = to_json(&DataStruct::hparams(data))?;
        if hparams.get(&how.field).is_none_or(|value| !value.is_u64()) {
            return Err(Error::config(format!(
                "`find_batch_size` needs the hyperparameter `{}` of the data module `{}`, an integer",
                how.field,
                <D as DataStruct>::NAME
            ))
            .help("write `#[hparam(default = 64)] batch_size: usize`, or name another with `batch_arg_name`"));
        }
        let is_host = readback::is_host(&self.run.progress.device);
        let limit = is_host.then(|| {
            how.memory_limit
                .or_else(|| peak_memory::held_and_available().map(|(held, available)| held + available / 10 * 9))
        });
        search(how.mode, how.first, how.trials, |size| {
            let mut hparams = hparams.clone();
            if let Some(field) = hparams.get_mut(&how.field) {
                *field = size.into();
            }
            let mut data = D::__lightning_new(from_json(&hparams)?);
            // What earlier trials have freed is not part of this one.
            allocator::return_memory();
            let is_measured = peak_memory::reset();
            let samples = Arc::new(Mutex::new(0));
            let watch = Watch { limit: limit.flatten().filter(|_| is_measured), samples: Arc::clone(&samples) };
            let mut callbacks: [Box<dyn Callback<M>>; 1] = [Box::new(watch)];
            let source = (&mut data).into_run_data();
            let tried = self.try_out(module, source, how.steps, &mut callbacks, M::configure_optimizers);
            let peak_bytes = peak_memory::bytes().filter(|_| is_measured && is_host);
            let most = *samples.lock().unwrap_or_else(PoisonError::into_inner);
            match tried {
                Ok(()) => Ok(Tried { fits: true, is_all: most < size, peak_bytes }),
                Err(error) if error.is_out_of_memory() => Ok(Tried { fits: false, is_all: false, peak_bytes }),
                Err(error) => Err(error),
            }
        })
    }
}
