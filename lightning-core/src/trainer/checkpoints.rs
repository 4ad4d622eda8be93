//! The checkpoints of a trainer: the best ones, loading and saving between runs, and the one that a
//! run resumes from.

use std::path::Path;

use super::{Trainer, identify, infos};
use crate::{
    checkpoint::{BestCheckpoint, Checkpoint, Resume},
    console::table,
    engine::{module_driver::take_snapshot, ranks, resume, snapshot::callback_states},
    error::{Error, ErrorKind, Result},
    metrics::{KeyRef, Monitor},
    module::{LightningModule, apply},
    os::files,
    params::parameters,
    random,
};

impl<M> Trainer<M> {
    /// Returns the path of the best checkpoint written so far: of several `ModelCheckpoint`s, that
    /// of the first one that monitors a metric.
    pub fn best_checkpoint(&self) -> Option<&Path> {
        self.run.checkpoints.best.as_ref().map(|best| best.path.as_path())
    }

    /// Returns the path of the checkpoint with the best value of a metric, of the `ModelCheckpoint`
    /// that monitors it.
    pub fn best_checkpoint_by<K: Monitor<M>>(&self, key: K) -> Option<&Path> {
        let name = KeyRef::from(key.key()).display();
        self.run.checkpoints.best_by(&name).map(|best| best.path.as_path())
    }

    /// Returns the value of the monitored metric at [`best_checkpoint`](Self::best_checkpoint). NaN
    /// counts as the worst value: infinity for a metric to minimize, minus infinity for one to
    /// maximize.
    pub fn best_model_score(&self) -> Option<f64> {
        self.run.checkpoints.best.as_ref().and_then(|best| best.score.as_ref()).map(|(_, score)| *score)
    }
}

impl<M: LightningModule> Trainer<M> {
    /// Loads the best checkpoint written by this trainer into `module`: weights, buffers and state.
    ///
    /// In a `fast_dev_run`, which writes no checkpoints and tries out the whole program, the module
    /// stays as it is.
    ///
    /// # Errors
    /// If no checkpoint was written, or it does not fit.
    pub fn load_best(&mut self, module: &mut M) -> Result<()> {
        if self.skips_best() {
            return Ok(());
        }
        let best = self.run.checkpoints.best.clone().ok_or_else(|| {
            Error::new(ErrorKind::Checkpoint, "this trainer has written no checkpoint")
                .help("call `fit` first, with `ModelCheckpoint` among the callbacks or `enable_checkpointing(true)`")
        })?;
        self.load_named(module, &best)
    }

    /// Loads the checkpoint with the best value of a metric, where several `ModelCheckpoint`s
    /// monitor different metrics.
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
    /// #         self.layer.forward(batch).mean()
    /// #     }
    /// #     fn validation_step(&self, batch: Tensor<2>) {
    /// #         #[log(minimize)]
    /// #         let val_loss = self.layer.forward(batch.clone()).mean();
    /// #         #[log(maximize)]
    /// #         let val_score = self.layer.forward(batch).max();
    /// #     }
    /// # }
    /// # let mut net = Net::new(NetHparams::default());
    /// # let data: (Vec<Tensor<2>>, Vec<Tensor<2>>) = Default::default();
    /// let mut trainer = Net::trainer()
    ///     .max_epochs(10)
    ///     .callback(ModelCheckpoint::new(Net::VAL_LOSS))
    ///     .callback(ModelCheckpoint::new(Net::VAL_SCORE))
    ///     .build()?;
    /// trainer.fit(&mut net, data)?;
    /// trainer.load_best_by(&mut net, Net::VAL_SCORE)?;
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If no `ModelCheckpoint` that monitors the metric has written a checkpoint, or it does not
    /// fit.
    pub fn load_best_by<K: Monitor<M>>(&mut self, module: &mut M, key: K) -> Result<()> {
        if self.skips_best() {
            return Ok(());
        }
        let name = KeyRef::from(key.key()).display();
        let checkpoints = &self.run.checkpoints;
        let best = checkpoints.best_by(&name).cloned().ok_or_else(|| {
            let monitored = checkpoints.by_metric.iter().filter_map(BestCheckpoint::metric);
            Error::new(ErrorKind::Checkpoint, format!("this trainer has written no checkpoint by `{name}`")).help(
                format!(
                    "add `ModelCheckpoint::new(…)` with this key before `fit`; the metrics with a checkpoint are {}",
                    table::listed(monitored)
                ),
            )
        })?;
        self.load_named(module, &best)
    }

    /// Whether the run writes no checkpoints because it only tries out the program, which is said.
    fn skips_best(&mut self) -> bool {
        let is_trial = self.run.settings.run.fast_dev_run.is_some() && self.run.checkpoints.best.is_none();
        if is_trial {
            self.run.console.print("a `fast_dev_run` writes no checkpoints: the best one is not loaded");
        }
        is_trial
    }

    fn load_named(&mut self, module: &mut M, best: &BestCheckpoint) -> Result<()> {
        self.load(module, &best.path)?;
        if let (Some((_, what)), Some((name, value))) = (&mut self.known, &best.score) {
            *what = format!("best checkpoint {} ({name} {})", best.path.display(), table::format_metric(*value));
        }
        Ok(())
    }

    /// Loads a checkpoint into `module`: weights, buffers and state.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or is of another module.
    pub fn load(&mut self, module: &mut M, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        apply(&Checkpoint::open(path)?, module)?;
        self.known = identify(module).map(|id| (id, format!("checkpoint {}", path.display())));
        Ok(())
    }

    /// Writes a checkpoint of `module` and of the state of this trainer, and waits until it is on
    /// disk. A run resumed from it continues where the last `fit` ended.
    ///
    /// Of several processes, all must call it, and the first one writes the file.
    ///
    /// # Errors
    /// If the file cannot be written, with its path.
    pub fn save_checkpoint(&mut self, module: &M, path: impl AsRef<Path>) -> Result<()> {
        self.run.strategy.open();
        let saved = self.try_save(module, path.as_ref());
        self.tell(saved)
    }

    fn try_save(&mut self, module: &M, path: &Path) -> Result<()> {
        let Self { run, callbacks, .. } = self;
        if run.hparams.is_null() {
            // Nothing has been run: the seed was not determined yet.
            run.progress.seed = random::global_seed();
        }
        let mut module = module.valid().train();
        let states = callback_states(callbacks)?;
        // Logs first, so that the checkpoint is not ahead of them; it does not depend on them.
        let logged = run.log.loggers.save();
        if !run.strategy.rank().is_alone() {
            ranks::collect_states(run, &parameters(&module)?)?;
        }
        let snapshot = take_snapshot(&mut module, callbacks, states, None, None, run);
        ranks::drop_states_of_others(run);
        let snapshot = snapshot?;
        if run.strategy.rank().is_global_zero() {
            if let Some(folder) = path.parent() {
                files::create_folder(folder)?;
            }
            snapshot.write(path, false)?;
        }
        // Not before the file is there: every process may read it next.
        run.strategy.barrier(ranks::point(run, "the written checkpoint"))?;
        if let Err(error) = logged {
            run.console.warn(format!("the log could not be saved: {error}"));
        }
        Ok(())
    }

    /// Finds the checkpoint that this `fit` resumes from. Only the first `fit` of a trainer
    /// resumes.
    pub(super) fn find_checkpoint(&mut self) -> Result<()> {
        let Self { run, callbacks, .. } = self;
        run.resume.checkpoint = None;
        run.resume.resumed_from = None;
        let resume = std::mem::take(&mut run.resume.requested);
        if run.settings.run.fast_dev_run.is_some() {
            return Ok(());
        }
        let folders = infos(callbacks)?.into_iter().filter_map(|info| info.checkpoint_folder).collect();
        if run.strategy.rank().is_global_zero() {
            resume::find(run, resume, folders)?;
        } else {
            run.resume.restarted = resume == Resume::LastOrStart;
        }
        resume::share(run)
    }
}
