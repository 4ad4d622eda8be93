//! Keeps the best checkpoints.

use std::{
    fs,
    marker::PhantomData,
    path::{Path, PathBuf},
};

use super::{Callback, CallbackContext, CallbackOrder};
use crate::{
    error::{Error, Result},
    metrics::{Directed, Direction, KeyRef, Monitor},
    module::LightningModule,
    stage::Stage,
};

/// How many checkpoints are kept: a number, or all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopK {
    /// The best so many; 0 writes none.
    Best(usize),
    /// Every one.
    All,
}

impl From<usize> for TopK {
    fn from(count: usize) -> Self {
        Self::Best(count)
    }
}

/// Keeps the checkpoints with the best values of a metric.
///
/// A checkpoint is written after each validation, or at the end of the training epoch when validation runs once an
/// epoch, if its value is strictly better than the worst one kept. A NaN counts as the worst value there is. Files are
/// named `epoch=3-step=1200.ckpt`; a name that is taken gets `-v1`, `-v2` and so on. The new file is complete before an old one
/// goes, and no file of anybody else is touched.
///
/// ```
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
/// #         self.layer.forward(batch).mean()
/// #     }
/// #     fn validation_step(&self, batch: Tensor<2>) {
/// #         #[log(minimize)]
/// #         let val_loss = self.layer.forward(batch).mean();
/// #     }
/// # }
/// let trainer = Net::trainer().callback(ModelCheckpoint::new(Net::VAL_LOSS).save_top_k(2)).build()?;
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Debug)]
pub struct ModelCheckpoint<M> {
    monitor: Option<(KeyRef, Direction)>,
    folder: Option<PathBuf>,
    top_k: TopK,
    every_n_epochs: u64,
    strict: bool,
    verbose: bool,
    kept: Vec<Kept>,
    last_step: Option<u64>,
    module: PhantomData<fn() -> M>,
}

#[derive(Clone, Debug)]
struct Kept {
    path: PathBuf,
    /// What it is compared by, with NaN as the worst value.
    rank: f64,
    score: f64,
}

impl<M> ModelCheckpoint<M> {
    fn with_monitor(monitor: Option<(KeyRef, Direction)>) -> Self {
        Self {
            monitor,
            folder: None,
            top_k: TopK::Best(1),
            every_n_epochs: 1,
            strict: true,
            verbose: false,
            kept: Vec::new(),
            last_step: None,
            module: PhantomData,
        }
    }

    /// Keeps the checkpoint with the best value of this metric.
    pub fn new<K: Monitor<M>>(monitor: K) -> Self {
        Self::with_monitor(Some((monitor.key().into(), <K::Direction as Directed>::DIRECTION)))
    }

    /// Keeps the latest checkpoint.
    pub fn latest() -> Self {
        Self::with_monitor(None)
    }

    /// How many to keep: a number, or [`TopK::All`].
    #[must_use]
    pub fn save_top_k(mut self, count: impl Into<TopK>) -> Self {
        self.top_k = count.into();
        self
    }

    /// The folder; by default `checkpoints` in the logger's folder.
    #[must_use]
    pub fn dirpath(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Epochs between checkpoints.
    #[must_use]
    pub fn every_n_epochs(mut self, epochs: u64) -> Self {
        self.every_n_epochs = epochs;
        self
    }

    /// Whether a missing value is an error (the default) or skips the checkpoint.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Prints a line for each checkpoint.
    #[must_use]
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }

    fn limit(&self) -> Option<usize> {
        match self.top_k {
            TopK::Best(count) => Some(count),
            TopK::All => None,
        }
    }

    /// Whether `a` ranks strictly before `b`.
    fn is_better(&self, a: f64, b: f64) -> bool {
        match self.monitor {
            Some((_, Direction::Minimize)) => a < b,
            Some((_, Direction::Maximize)) => a > b,
            // The latest is the best.
            None => true,
        }
    }
}

impl<M: LightningModule> ModelCheckpoint<M> {
    fn consider(&mut self, cx: &mut CallbackContext<'_>, module: &M) -> Result<()> {
        let due = self.every_n_epochs > 0 && (cx.current_epoch() + 1).is_multiple_of(self.every_n_epochs);
        if !due || self.limit() == Some(0) || self.last_step == Some(cx.global_step()) {
            return Ok(());
        }
        let (rank, score) = match self.monitor {
            None => (0.0, None),
            Some((key, direction)) => match cx.monitored(key, self.strict)? {
                None => return Ok(()),
                Some(value) => (if value.is_nan() { direction.worst() } else { value }, Some((key.display(), value))),
            },
        };
        let full = self.limit().is_some_and(|limit| self.kept.len() >= limit);
        let worst = self.worst();
        if let (true, Some(worst)) = (full, worst)
            && let Some(kept) = self.kept.get(worst)
            && !self.is_better(rank, kept.rank)
        {
            return Ok(());
        }
        let path = self.save(cx, module)?;
        if let (true, Some(worst)) = (full, worst) {
            // Only what this callback wrote, and only once its successor is in place.
            let old = self.kept.remove(worst);
            fs::remove_file(&old.path).or_else(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Ok(()),
                _ => Err(Error::io("remove the old checkpoint", &old.path, error)),
            })?;
        }
        let value = score.as_ref().map_or(0.0, |(_, value)| *value);
        self.kept.push(Kept { path: path.clone(), rank, score: value });
        self.last_step = Some(cx.global_step());
        if self.verbose {
            let what = score.as_ref().map_or_else(String::new, |(name, value)| format!(" ({name} {value})"));
            cx.print(format!("saved {}{what}", path.display()));
        }
        if let Some(best) = self.best() {
            let score = score.map(|(name, _)| (name, best.score));
            cx.set_best(best.path.clone(), score);
        }
        Ok(())
    }

    fn save(&self, cx: &mut CallbackContext<'_>, module: &M) -> Result<PathBuf> {
        let folder = self.folder.clone().unwrap_or_else(|| cx.log_dir().join("checkpoints"));
        let name = format!("epoch={}-step={}", cx.current_epoch(), cx.global_step());
        let path = free_path(&folder, &name);
        cx.save_checkpoint(module, &path)?;
        Ok(path)
    }

    /// The index of the worst checkpoint kept; of equal ones the oldest goes first.
    fn worst(&self) -> Option<usize> {
        let mut worst: Option<(usize, f64)> = None;
        for (index, kept) in self.kept.iter().enumerate() {
            if worst.is_none_or(|(_, rank)| self.monitor.is_some() && self.is_better(rank, kept.rank)) {
                worst = Some((index, kept.rank));
            }
        }
        worst.map(|(index, _)| index)
    }

    /// The best checkpoint kept; of equal ones the oldest.
    fn best(&self) -> Option<&Kept> {
        let mut best: Option<&Kept> = None;
        for kept in &self.kept {
            if best.is_none_or(|best| self.is_better(kept.rank, best.rank)) {
                best = Some(kept);
            }
        }
        best
    }
}

/// The first free name of `name.ckpt`, `name-v1.ckpt`, ….
fn free_path(folder: &Path, name: &str) -> PathBuf {
    let mut path = folder.join(format!("{name}.ckpt"));
    let mut version = 0u32;
    while path.exists() {
        version += 1;
        path = folder.join(format!("{name}-v{version}.ckpt"));
    }
    path
}

impl<M: LightningModule> Callback<M> for ModelCheckpoint<M> {
    fn order(&self) -> CallbackOrder {
        CallbackOrder::Checkpoint
    }

    fn is_checkpoint(&self) -> bool {
        true
    }

    fn monitors(&self) -> Vec<String> {
        self.monitor.iter().map(|(key, _)| key.metric().to_owned()).collect()
    }

    fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        let at_epoch_end = cx.monitors_at_epoch_end() || !cx.run.validates;
        if cx.is_quiet() || !at_epoch_end {
            return Ok(());
        }
        self.consider(cx, module)
    }

    fn on_validation_end(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        if cx.is_quiet() || cx.monitors_at_epoch_end() || cx.stage() != Stage::Validate || !cx.run.validates {
            return Ok(());
        }
        self.consider(cx, module)
    }
}
